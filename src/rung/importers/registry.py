"""Which forms can be imported, and which of them a file is in. Built-in ones come through the door of other packages'."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from rung.errors import InputError, UserError
from rung.importers.imported import Importer
from rung.importers.source import OLE, ImportFile
from rung.importers.workbooks import is_workbook
from rung.plugins import Door, hint

NEAR = 0.1  # claims that differ by less leave it open which form was meant
SURE = 0.3  # a claim below this is none
_SHOWN = 40  # characters of a key in a message
_HERE = "rung.importers"


def _importer(part: object) -> Importer:
    if not isinstance(part, Importer):
        raise TypeError("it is no rung.importers.imported.Importer")
    return part


DOOR = Door(
    group="rung.importers",
    noun="importer",
    built_in={
        "promptfoo": f"{_HERE}.promptfoo:PROMPTFOO",
        "openai-evals": f"{_HERE}.openai_evals:SAMPLES",
        "openai-evals-items": f"{_HERE}.openai_evals:ITEMS",
        "gemini": f"{_HERE}.tuning:GEMINI",
        "bedrock": f"{_HERE}.bedrock:CONVERSATIONS",
        "bedrock-evaluation": f"{_HERE}.bedrock:EVALUATION",
        "reinforcement": f"{_HERE}.tuning:REWARDED",
        "llama-factory": f"{_HERE}.llama_factory:LLAMA_FACTORY",
        "preferences": f"{_HERE}.preferences:PREFERENCES",
        "chat-logs": f"{_HERE}.chat_logs:CHAT_LOGS",
        "chat-exports": f"{_HERE}.chat_exports:CHAT_EXPORTS",
        "ragas": f"{_HERE}.rag_sets:RAGAS",
        "deepeval": f"{_HERE}.rag_sets:GOLDENS",
        "llama-index": f"{_HERE}.rag_sets:LLAMA_INDEX",
        "langsmith": f"{_HERE}.platforms:LANGSMITH",
        "langfuse": f"{_HERE}.platforms:LANGFUSE",
        "langfuse-traces": f"{_HERE}.langfuse_traces:LANGFUSE_TRACES",
        "phoenix": f"{_HERE}.platforms:PHOENIX",
        "squad": f"{_HERE}.reading_sets:SQUAD",
        "hotpotqa": f"{_HERE}.reading_sets:HOTPOT",
        "ms-marco": f"{_HERE}.reading_sets:MS_MARCO",
        "beir": f"{_HERE}.beir:BEIR",
        "mteb": f"{_HERE}.mteb:MTEB",
        "label-studio": f"{_HERE}.annotations:LABEL_STUDIO",
        "argilla": f"{_HERE}.annotations:ARGILLA",
        "inspect": f"{_HERE}.inspect_logs:INSPECT",
        "chats": f"{_HERE}.tuning:CHATS",
        "documents": f"{_HERE}.document_rows:DOCUMENTS",
        "table": f"{_HERE}.tables:TABLE",
    },
    part_of=_importer,
)


@cache
def importers() -> Mapping[str, Importer]:
    """Every importer by its form's name, built-in ones first.

    Raises:
        UserError: one of another package cannot be loaded, or takes the name of another.
    """
    return DOOR.load()


def form_of(file: ImportFile, form: str = "") -> tuple[str, Importer]:
    """The form of a file, and its importer: the surest claim, of equal ones the first; others that are near are noted.

    Args:
        file: what is imported.
        form: what the user says it is; "" to find out.

    Raises:
        UserError: there is no such form, none is sure, or it does not read the columns that the user names.
    """
    forms = importers()
    if form:
        if form not in forms:
            raise UserError(f"there is no form '{form}': {hint(form, forms)}")
        return form, _with_options(file, form, forms[form])
    claims = {name: importer.claims(file) for name, importer in forms.items()}
    reading = {name: claim for name, claim in claims.items() if claim >= SURE and not _ignored(file, forms[name])}
    claims = reading or claims  # what the user names is for a form that reads it
    best = max(claims, key=lambda name: claims[name])
    if claims[best] < SURE:
        raise _unknown(file)
    if near := [name for name, claim in claims.items() if name != best and claim >= max(SURE, claims[best] - NEAR)]:
        file.note(0, f"it may also be read as {' or '.join(near)} (--as)")
    return best, _with_options(file, best, forms[best])


def _ignored(file: ImportFile, importer: Importer) -> list[str]:
    """The options that the user gave and a form does not read."""
    given = {"question": file.question, "answer": file.answer}
    return [f"--{name}" for name, value in given.items() if value and name not in importer.options]


def _with_options(file: ImportFile, form: str, importer: Importer) -> Importer:
    """The importer. Raises `InputError` where it does not read what the user named."""
    if ignored := _ignored(file, importer):
        listed = " and ".join(ignored)
        them = "them" if len(ignored) > 1 else "it"
        why = f"is read as {form}, which does not read {listed}: leave {them} out, or say --as table if they are columns"
        raise InputError(why, path=file.shown)
    return importer


def _unknown(file: ImportFile) -> InputError:
    """What a file of no known form is, as far as can be said, and what to do."""
    if file.is_folder:
        return InputError("is a folder, and no retrieval collection (queries.jsonl, qrels/): name files", path=file.shown)
    if file.content.startswith(OLE):
        return InputError("is an old workbook (.xls) or an encrypted one: save it as .xlsx or CSV", path=file.shown)
    if file.is_zip and not is_workbook(file.content):
        return InputError("is an archive: unpack it, and name the files in it", path=file.shown)
    if not file.content.strip():
        return InputError("is empty", path=file.shown)
    if file.yaml_fault is not None:
        return InputError(f"is no YAML that can be used: {file.yaml_fault}", path=file.shown, line=file.yaml_fault.line)
    columns = list(dict.fromkeys(name for _, row in file.rows[:20] for name in row))
    if not columns and file.bad_rows:
        first = file.bad_rows[0]
        return InputError(first.message, path=file.shown, line=first.line)
    if columns:
        listed = ", ".join(f"'{name[:_SHOWN]}{'…' * (len(name) > _SHOWN)}'" for name in columns[:12])
        say = "say --as FORM, or name the columns with --question and --answer"
        say += " (if that is a row already, put a line with names of columns above it)" if file.is_table else ""
        return InputError(f"is of no form that is known; its keys are {listed}: {say}", path=file.shown)
    return InputError("is of no form that is known: say --as FORM (docs/importing.md lists them)", path=file.shown)
