"""Tiny random models of many architectures, from their configurations, with a real tokenizer: real folders, real files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CONTEXT = 512
WINDOW = 24  # of sliding attention: prompts of the tests are longer
TURN = 96  # the length past which longrope and dynamic positions turn another way
_SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
}
_LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0 + n / 8 for n in range(8)],
    "long_factor": [4.0 + n for n in range(8)],
    "factor": CONTEXT / TURN,
    "original_max_position_embeddings": TURN,
}
_LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
# configuration class -> what it is given beside `_SIZES`; None takes a size away
ARCHITECTURES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {}),
    "llama3-rope": ("LlamaConfig", {"rope_parameters": _LLAMA3, "tie_word_embeddings": True}),
    "llama-biases": ("LlamaConfig", {"attention_bias": True, "mlp_bias": True}),
    "llama-yarn": (
        "LlamaConfig",
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 128,
            }
        },
    ),
    "llama-dynamic": (
        "LlamaConfig",
        {"max_position_embeddings": TURN, "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}},
    ),
    "qwen2": ("Qwen2Config", {"tie_word_embeddings": True}),
    "qwen2-window": ("Qwen2Config", {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 2}),
    "qwen3": ("Qwen3Config", {"head_dim": 16}),
    "mistral-window": ("MistralConfig", {"sliding_window": WINDOW}),
    "gemma2": ("Gemma2Config", {"sliding_window": WINDOW, "head_dim": 16, "tie_word_embeddings": False}),
    "gemma3": (
        "Gemma3TextConfig",
        {"sliding_window": WINDOW, "head_dim": 16, "num_hidden_layers": 7, "tie_word_embeddings": False},
    ),
    "phi3": ("Phi3Config", {"sliding_window": None}),
    "phi3-longrope": ("Phi3Config", {"rope_parameters": _LONG, "original_max_position_embeddings": TURN}),
    "smollm3": ("SmolLM3Config", {"no_rope_layer_interval": 2}),
    "granite": ("GraniteConfig", {}),
    "olmo2": ("Olmo2Config", {}),
    "olmo3-window": ("Olmo3Config", {"sliding_window": WINDOW}),
    "gpt-neox": ("GPTNeoXConfig", {"num_key_value_heads": None}),
    "gpt2": ("GPT2Config", {}),
    "opt": (
        "OPTConfig",
        {"ffn_dim": 96, "word_embed_proj_dim": 64, "num_key_value_heads": None, "tie_word_embeddings": False},
    ),
    "bloom": ("BloomConfig", {"num_key_value_heads": None, "tie_word_embeddings": False}),
    "starcoder2": ("Starcoder2Config", {"sliding_window": WINDOW}),
    "cohere2": ("Cohere2Config", {"sliding_window": WINDOW, "head_dim": 16}),
    "stablelm": ("StableLmConfig", {}),
    "qwen3-moe": (
        "Qwen3MoeConfig",
        {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 16},
    ),
    "mixtral": ("MixtralConfig", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "gpt-oss": (
        "GptOssConfig",
        {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": WINDOW, "head_dim": 16},
    ),
    "exaone4": ("Exaone4Config", {"sliding_window": WINDOW}),
    "lfm2": ("Lfm2Config", {"layer_types": ["conv", "full_attention", "conv", "full_attention"]}),
    "qwen3-next": (
        "Qwen3NextConfig",
        {
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 32,
            "shared_expert_intermediate_size": 32,
            "head_dim": 16,
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 16,
        },
    ),
    "granite-hybrid": (
        "GraniteMoeHybridConfig",
        {
            "layer_types": ["mamba", "attention", "mamba", "attention"],
            "mamba_n_heads": 4,
            "mamba_d_head": 32,
            "mamba_d_state": 16,
            "mamba_chunk_size": 16,
            "num_local_experts": 0,
            "shared_intermediate_size": 96,
        },
    ),
}
# its layers are computed more than once, each time with a cache of its own, which the torch engine does not serve
UNSERVED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "dory": (
        "DoryConfig",
        {"n_input_layers": 1, "n_output_layers": 1, "head_dim": 16, "sliding_window": WINDOW, "initializer_range": 0.5},
    ),
}


def write_tokenizer(folder: Path, *, template: str | None = TEMPLATE, special: tuple[str, ...] = ()) -> Any:
    """A byte-level BPE of some hundred tokens, as a folder has it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words: Any = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=names, initial_alphabet=alphabet, show_progress=False)
    words.train_from_iterator(["one two three four five six seven eight nine ten words of a small world"] * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return tokenizer


def tiny_model(folder: Path, name: str, *, seed: int = 0, dtype: str = "float32", template: str | None = TEMPLATE) -> Path:
    """A model of `ARCHITECTURES` or `UNSERVED`. Norms are not all ones and biases not all zero, as in no trained model."""
    import torch
    import transformers

    tokenizer = write_tokenizer(folder, template=template)
    kind, settings = {**ARCHITECTURES, **UNSERVED}[name]
    sizes = {key: value for key, value in {**_SIZES, **settings}.items() if value is not None or key == "sliding_window"}
    make: Callable[..., Any] = getattr(transformers, kind)
    ends = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": None, "pad_token_id": 0}
    config = make(**sizes, **ends, vocab_size=len(tokenizer) + 12)
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    luck = torch.Generator().manual_seed(seed)
    for parameter, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=luck) * 0.2
        weight.data.add_(noise) if "norm" in parameter or weight.ndim == 1 else weight.data.copy_(noise)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    return folder
