"""What answers are made by beside a rung's own record, as digests: by these it is known whether stored ones still hold."""

from __future__ import annotations

from rung.config.project import Project
from rung.pipeline.prepare import Prepared
from rung.records import digest, plain

TAUGHT, KNOWLEDGE = "taught", "knowledge"  # what is learnt or shown as an example; how documents are cut and embedded


def made_by(project: Project, prepared: Prepared) -> dict[str, str]:
    """What answers of today would be made by; see `evaluation_store.Facts`."""
    materials = prepared.materials
    taught = [
        [(e.messages, e.tools) for e in materials.examples],
        [(c.id, c.question, c.answers) for c in materials.lessons],
    ]
    return {TAUGHT: digest(plain(taught)), KNOWLEDGE: knowledge_digest(project)}


def knowledge_digest(project: Project) -> str:
    """Of how a project's documents are cut and embedded."""
    knowledge = project.settings.knowledge
    return digest(knowledge.chunk_tokens, knowledge.chunk_overlap, knowledge.parent_tokens, project.settings.embedder)
