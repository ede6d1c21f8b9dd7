"""A server that answers with real weights and real adapters, and loads adapters while it runs, as vLLM does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rung.models.protocol import Generator
from rung.records import Json
from rung.records.steps import Generate, GenerateResult, Request
from rung.testing.server import Asked, FakeServer

BASE = "base"


@dataclass
class AdapterServer(FakeServer):
    """`generator`: its weights. `loads`: whether adapters can be loaded while it runs; `deaf`: answers by its base, whatever
    name is asked; `sees`: folders as it sees them -> where they are."""

    generator: Generator = None  # type: ignore[assignment]
    loads: bool = True
    deaf: bool = False
    sees: dict[str, Path] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.models = [BASE]

    def reply(self, asked: Asked) -> dict[str, Json]:
        """An adapter taken in or given up, or an answer."""
        name = str(asked.body.get("lora_name"))
        if asked.path.endswith("_lora_adapter"):
            self.asked.append(asked)
        if asked.path == "/v1/load_lora_adapter" and self.loads:
            return self._load(name, str(asked.body["lora_path"]))
        if asked.path == "/v1/unload_lora_adapter" and self.loads:
            self.loaded.remove(name)
            self.models = [BASE, *self.loaded]
            return {"status": 200, "body": f"Success: LoRA adapter '{name}' removed successfully."}
        if asked.path.endswith("_lora_adapter"):
            return {"status": 404, "body": {"detail": "Not Found"}}
        return super().reply(asked)

    def _load(self, name: str, path: str) -> dict[str, Json]:
        folder = next((Path(path.replace(seen, str(real), 1)) for seen, real in self.sees.items()), Path(path))
        if not folder.is_dir():
            return {"status": 404, "body": {"error": {"message": f"No adapter found for {path}", "code": 404}}}
        self.generator.use_adapters({name: folder})
        self.loaded.append(name)
        self.models = [BASE, *self.loaded]
        return {"status": 200, "body": f"Success: LoRA adapter '{name}' added successfully."}

    def _extracted(self, asked: Asked) -> str:
        name = str(asked.body.get("model"))
        adapter = "" if self.deaf or name == BASE else name
        step = Generate(tuple(asked.messages), adapter=adapter, max_tokens=int(str(asked.body.get("max_tokens", 32))))
        ((_, result),) = self.generator.run([Request(step)])
        assert isinstance(result, GenerateResult), result
        return result.text
