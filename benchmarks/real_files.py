"""`rung import` on files of public repositories that nobody here wrote: every row is taken or listed, and how many of each.

    python benchmarks/real_files.py REPOSITORIES

REPOSITORIES holds a clone of each repository of `SOURCES`, as `owner/name`, `owner+name/repo` or `owner+name` (bare ones do,
too). Files are read at the commit that is named, else at the newest one there; a repository that is not there is said, and
left out. Nothing is kept of them. It prints a row for each file: form, source, rows, taken, listed, and exits with 1 where a
row is neither, or a file is read as another form than it is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from rung.commands.import_files import ImportRequest, import_files
from rung.errors import UserError

NOVA = (
    "custom-models/bedrock-fine-tuning/nova/understanding/nova_tooluse_customization/tooluse_finetuner_main/assets/"
    "bedrock_nova_ft"
)
TRACES = "packages/shared/scripts/seeder/utils/framework-traces"  # of thirteen frameworks, each as its tracing writes it
TRACES_TOO = "worker/src/__tests__/chatml/framework-traces"
INSURANCE = (
    "agents-and-function-calling/bedrock-agents/use-case-examples/insurance-claim-lifecycle-automation/agent/"
    "knowledge-base-assets"
)
PRIVACY = "OPENAI/eval_example_privacy_policy/privacy_policy_evals_100_records"
# (form, repository, commit, path); a form in brackets: the file holds nothing of the kind, and is refused whole
SOURCES = (
    ("openai-evals", "mlteam-ai/openai-cheat-sheet", "482b6bb", "evals_registry/data/older/samples.jsonl"),
    ("openai-evals-items", "jbdamask/evals4life", "0983914", f"{PRIVACY}.jsonl"),
    ("openai-evals-items", "jbdamask/evals4life", "0983914", f"{PRIVACY}_with_comments.jsonl"),
    ("chat-logs", "cho-groq/batch-processing", "90b5230", "batch_output.jsonl"),
    ("chat-logs", "koumatsumoto/study-OpenAPI-responses-20250402", "3b32b89", "data/batch_output.jsonl"),
    ("chats", "mlteam-ai/openai-cheat-sheet", "482b6bb", "data/toy_chat_fine_tuning.jsonl"),
    ("chats", "mlteam-ai/openai-cheat-sheet", "482b6bb", "data/weather_chat_fine_tuning.jsonl"),
    ("chats", "hiyouga/LLaMA-Factory", "ff6d4d12e", "data/alpaca_en_demo.json"),
    ("chats", "hiyouga/LLaMA-Factory", "ff6d4d12e", "data/glaive_toolcall_en_demo.json"),
    ("chats", "mistralai/cookbook", "1cf863b", "mistral/observability/data/dataset-import-example.jsonl"),
    ("chats", "aws-samples/amazon-bedrock-samples", "85fba9d9", "custom-models/model_distillation/SampleData/uber10K.jsonl"),
    ("preferences", "hiyouga/LLaMA-Factory", "ff6d4d12e", "data/dpo_en_demo.json"),
    ("preferences", "hiyouga/LLaMA-Factory", "ff6d4d12e", "data/kto_en_demo.json"),
    ("llama-factory", "hiyouga/LLaMA-Factory", "ff6d4d12e", "data/v1_sft_demo.jsonl"),
    ("llama-factory", "hiyouga/LLaMA-Factory", "ff6d4d12e", "data/v1_dpo_demo.jsonl"),
    ("llama-factory", "hiyouga/LLaMA-Factory", "ff6d4d12e", "data/reason_tool_use_demo_50.jsonl"),
    ("gemini", "nodematiclabs/gemini-fine-tuning", "dc23ba5", "train_data.jsonl"),
    ("bedrock", "aws-samples/amazon-bedrock-samples", "85fba9d9", f"{NOVA}/formatted_test_ft.jsonl"),
    (
        *("bedrock-evaluation", "aws-samples/amazon-bedrock-samples", "85fba9d9"),
        "evaluation-observe/bedrock-eval-bring-your-own-inference/sample-data/rag-eval-byoi-sample-data.jsonl",
    ),
    (
        *("reinforcement", "aws-samples/amazon-bedrock-samples", "85fba9d9"),
        "custom-models/bedrock-reinforcement-fine-tuning/datasets/rft_train_data.jsonl",
    ),
    ("ragas", "anand-kamble/ragas_testset_generation", "44f634f", "testset.csv"),
    ("deepeval", "madhavkhurana1005/PaperAI_RAG_Project", "24f8eef", "goldens.json"),
    ("llama-index", "AI-Maker-Space/DataRepository", "fb114bd", "embedding_data/eval_dataset.json"),
    ("llama-index", "seankan1128/LlamaIndexDemo", "f566ecf", "train_dataset.json"),
    (
        *("langsmith", "langchain-ai/langchain-benchmarks", "99cf03a"),
        "archived/meta-evals/correctness/data/Web-Q&A-Dataset-Correct.json",
    ),
    ("langsmith", "langchain-ai/langchain-benchmarks", "99cf03a", "archived/meta-evals/correctness/data/Opus100.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/agno-2025-06-11.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/autogen-2025-06-06.json"),
    ("[langfuse-traces]", "langfuse/langfuse", "6275144614", f"{TRACES}/beeai-2025-08-01.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/google-adk-2025-08-28.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/google-gemini-2025-08-01.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/google-vertex-tools-langchain-2025-09-19.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/koog-2025-08-26.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/langgraph-2025-08-22.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/llamaindex-2025-06-05.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/microsoft-agent-2025-10-14.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/openai-agents-2025-09-30.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/openai-assistants-2024-05-29.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES}/pydantic-ai-tools-2025-12-04.json"),
    ("phoenix", "Arize-ai/phoenix", "1a20c78d", ".gitbook/assets/news-article-summaries-2024-11-04 11_08_10.csv"),
    ("ms-marco", "nimishabr12/rag-robustness-project", "9ffd36a", "data/ms_marco_sample.json"),
    ("argilla", "bubbleee030/argilla_project", "f36b867", "backups/latest/records.json"),
    ("label-studio", "HumanSignal/label-studio-converter", "2ef5400", "tests/data/test_export_csv/csv_test2.json"),
    ("label-studio", "HumanSignal/label-studio-converter", "2ef5400", "tests/data/test_export_csv/csv_test_history.json"),
    ("[label-studio]", "brunocouto/Desafio-5-senai-", "13e0027", "label_studio_export.json"),
    ("chat-exports", "mitkury/chatgpt-export-parser", "9eaa1d9", "tests/example-conversation.json"),
    ("ragas", "predlico/ARAGOG", "c41beba", "eval_questions/benchmark.json"),
    (
        *("ragas", "vibrantlabsai/ragas", "2b387249"),
        "examples/ragas_examples/ag_ui_agent_experiments/test_data/datasets/weather_tool_calls.csv",
    ),
    ("deepeval", "confident-ai/deepeval", "a2e0d4cfd", "tests/test_core/test_datasets/goldens.csv"),
    ("deepeval", "confident-ai/deepeval", "a2e0d4cfd", "tests/test_core/test_datasets/goldens.json"),
    ("[deepeval]", "confident-ai/deepeval", "a2e0d4cfd", "tests/test_core/test_datasets/convo_goldens.json"),
    ("promptfoo", "Cody2504/Promptfoo-Learning", "4c677f0", "mock_project/results/evaluation_results.json"),
    ("promptfoo", "Cody2504/Promptfoo-Learning", "4c677f0", "mock_project/tests/basic_functionality.csv"),
    ("promptfoo", "Curtis-Mortensen/benchmarks", "335fd14", "tests.csv"),
    ("promptfoo", "Curtis-Mortensen/benchmarks", "335fd14", "tests_0.1.csv"),
    ("promptfoo", "AnthonyRonning/promptfoo-workshop", "f7ba702", "rag-eval.yaml"),
    ("promptfoo", "AnthonyRonning/promptfoo-workshop", "f7ba702", "customer-service-eval.yaml"),
    ("promptfoo", "CharlieChenyuZhang/mit-media-lab-pytutor-promptfoo", "1003b7c", "promptfooconfig.yaml"),
    ("preferences", "namikazi25/gate_pilot", "587ce46", "data/dpo_train.jsonl"),
    ("[chats]", "hiyouga/LLaMA-Factory", "ff6d4d12e", "data/mllm_demo.json"),
    ("langsmith", "langchain-ai/langchain-benchmarks", "99cf03a", "archived/csv-qa/data.csv"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES_TOO}/crewai-2025-07-11.trace.json"),
    ("langfuse-traces", "langfuse/langfuse", "6275144614", f"{TRACES_TOO}/langgraph-js-2025-10-30.trace.json"),
    ("phoenix", "Arize-ai/phoenix", "1a20c78d", "js/app/tests/fixtures/nested.csv"),
    ("documents", "atul-techx/HHGoa-RAG-Model", "de05a23", "data/msmarco_sample.json"),
    ("table", "namikazi25/gate_pilot", "587ce46", "data/mmlu.jsonl"),
    ("table", "aws-samples/amazon-bedrock-samples", "85fba9d9", f"{INSURANCE}/External-Insurance-FAQs.xlsx"),
    ("table", "mistralai/cookbook", "1cf863b", "data/Symptom2Disease.csv"),
    ("table", "AI-Maker-Space/DataRepository", "fb114bd", "langchain_blog_test_data.csv"),
    ("table", "vibrantlabsai/ragas", "2b387249", "examples/ragas_examples/improve_rag/evals/datasets/hf_doc_qa_eval.csv"),
)
BESIDE = {  # what has to lie beside a file for it to be read, and what is said of several things that people were asked
    "cho-groq/batch-processing": "batch_input.jsonl",
    "koumatsumoto/study-OpenAPI-responses-20250402": "data/output.jsonl",
}
ANSWERED = {"bubbleee030/argilla_project": "preference_selection"}


def content_of(folder: Path, repository: str, commit: str, path: str) -> bytes | None:
    """A file of a repository; None where there is no clone of it."""
    owner, _, name = repository.partition("/")
    places = [folder / repository, folder / f"{owner}+{name}" / "repo", folder / f"{owner}+{name}"]
    clone = next((place for place in places if place.exists()), None)
    if clone is None:
        return None
    for named in (commit, "HEAD"):
        shown = subprocess.run(["git", "-C", str(clone), "show", f"{named}:{path}"], capture_output=True, check=False)
        if shown.returncode == 0:
            return shown.stdout
    raise SystemExit(f"{clone} has no {path}")


def line_of(form: str, name: str, path: Path, answer: str) -> tuple[str, bool]:
    """(a row of the table, whether all is well). `answer`: which of several things that were asked."""
    wanted = form.strip("[]")
    request = ImportRequest(output=path.with_name("out.jsonl"), answer=answer, dry_run=True)
    try:
        (file,) = import_files([path], request).files
    except UserError as error:
        first = str(error).splitlines()[0].replace(str(path), name)
        return f"| {wanted} | {name} | refused whole: {first} |", form.startswith("[") and f"({wanted})" in first
    kinds = ", ".join(f"{count:,} {kind if count > 1 else kind[:-1]}" for kind, count in file.counts.items() if count)
    is_whole = file.form == form and file.taken + len(file.refused) == file.rows
    return f"| {file.form} | {name} | {file.rows:,} | {file.taken:,} ({kinds}) | {len(file.refused):,} |", is_whole


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", type=Path)
    asked = parser.parse_args()
    fine, missing = True, set[str]()
    print("| form | file | rows | taken | listed |\n|---|---|---|---|---|")
    for form, repository, commit, path in SOURCES:
        content = content_of(asked.repositories, repository, commit, path)
        if content is None:
            missing.add(repository)
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(path).name
            file.write_bytes(content)
            if (other := BESIDE.get(repository)) and (beside := content_of(asked.repositories, repository, commit, other)):
                file.with_name(Path(other).name).write_bytes(beside)
            name = f"{repository}@{commit[:8]}: {Path(path).name}"
            line, is_fine = line_of(form, name, file, ANSWERED.get(repository, ""))
        fine = fine and is_fine
        print(line if is_fine else f"{line}  <- wrong", flush=True)
    if missing:
        print(f"no clone of: {', '.join(sorted(missing))}")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
