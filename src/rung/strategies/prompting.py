"""How a question is put to the model: the one place where prompts are worded.

Training and serving both come through here, so a tuned model sees in service what it saw in training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypedDict

from rung.records import Case, Message, Passage, Question, digest
from rung.strategies.protocol import Materials, PromptInputs
from rung.text.json_values import in_order_of
from rung.text.parsing import Malformed, json_of
from rung.text.refusals import REFUSAL, refusal_json

DEFAULT_TASK = "Answer the question."
_TOOLS = """\
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{signatures}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""


class Constraint(TypedDict):
    """What the output cannot leave, as `Generate` takes it."""

    schema: str
    choices: tuple[str, ...]


def constraint(given: PromptInputs) -> Constraint:
    """The project's schema or labels as a constraint on decoding; empty where it has neither."""
    return Constraint(schema=given.schema, choices=() if given.schema else given.labels)


def instruction(given: PromptInputs) -> str:
    """The system prompt of an untuned model: the task, the form of the answer, and what to say for want of knowledge."""
    task = given.task.strip() or DEFAULT_TASK
    if given.schema:
        return f"{task}\nReply with JSON only, matching this JSON Schema: {given.schema}"
    if given.labels:
        return f"{task}\nReply with exactly one of these labels and nothing else: {', '.join(given.labels)}"
    if given.has_documents:
        return f"{task}\nIf you do not know the answer, say: {REFUSAL}"
    return task


def short_instruction(given: PromptInputs) -> str:
    """The system prompt of a tuned model: the form of the answer is in its weights."""
    return given.task.strip() or DEFAULT_TASK


def with_tools(system: str, tools: str) -> str:
    """The system prompt with the functions that may be called (JSON text of a list, "" for none), as Qwen models know it."""
    if not tools:
        return system
    signatures = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in json.loads(tools))
    return f"{system}\n\n{_TOOLS.format(signatures=signatures)}".lstrip()


def grounding(given: PromptInputs) -> str:
    """The rule of strict grounding, worded for the form that the project wants."""
    if given.schema:
        return "Use only the numbered passages. If they do not hold the answer, use null."
    if given.labels:
        return "Decide by the numbered passages."
    return (
        "Use only the numbered passages. Answer as briefly as they allow and cite the passage, like [1]. "
        f"If they do not hold the answer, say: {REFUSAL}"
    )


def closed_book(system: str, question: Question, *, worked: Sequence[Message] = ()) -> tuple[Message, ...]:
    """System prompt, worked examples, earlier turns, question."""
    return (Message("system", system), *worked, *_turns(question), Message("user", question.text))


def grounded(
    system: str, rule: str, question: Question, passages: Sequence[Passage], *, worked: Sequence[Message] = ()
) -> tuple[Message, ...]:
    """Worked examples, earlier turns, then the passages, numbered from 1, before the question, in the user's turn."""
    return (
        Message("system", f"{system}\n{rule}"),
        *worked,
        *_turns(question),
        Message("user", _asked(question.text, passages)),
    )


def corpus_first(system: str, rule: str, question: Question, documents: Sequence[Passage]) -> tuple[Message, ...]:
    """The whole corpus in the system prompt: every question shares it, and a prefix cache reads it once."""
    opening = f"{system}\n{rule}\n\n{listing(documents)}"
    return (Message("system", opening), *_turns(question), Message("user", question.text))


def standalone_query(question: Question) -> tuple[Message, ...]:
    """Ask for the words to search with: the question, made independent of the turns before it."""
    rule = (
        "Rewrite the user's last question as one query for a search engine. Say what 'it', 'they' and the like stand for. "
        "Write the query only."
    )
    return (Message("system", rule), *_turns(question), Message("user", f"Question: {question.text}\nQuery:"))


def standalone_question(question: Question) -> tuple[Message, ...]:
    """Ask for the last turn as a question that stands alone. All turns stand in one message: a chat is gone on with."""
    rule = (
        "Write the user's last question so that it can be understood without the conversation: put what words like 'it' "
        "stand for in their place. If it needs nothing of the conversation, write it as it is. Write the question only."
    )
    names = {"user": "User", "assistant": "Assistant"}
    turns = "\n".join(f"{names.get(m.role, m.role)}: {m.content}" for m in _turns(question))
    return (Message("system", rule), Message("user", f"{turns}\n\nLast question: {question.text}\nStandalone question:"))


def hypothetical_passage(question: Question) -> tuple[Message, ...]:
    """Ask for a passage that could hold the answer: HyDE (Gao and others 2022). It is searched with, and never shown."""
    rule = "Write a short passage, as a document would have it, that answers the question. Write the passage only."
    return (Message("system", rule), *_turns(question), Message("user", f"Question: {question.text}\nPassage:"))


def next_thought(
    given: PromptInputs, question: Question, passages: Sequence[Passage], thoughts: Sequence[str]
) -> tuple[Message, ...]:
    """Ask for the next sentence of a chain of thought, from the passages so far: IRCoT (Trivedi and others 2023)."""
    rule = (
        f"{short_instruction(given)}\nWork towards the answer one step at a time, by the numbered passages. Write the next "
        "step only, in one sentence. When the answer is known, write: So the answer is"
    )
    steps = "\n".join(thoughts)
    asked = f"{_asked(question.text, passages)}\nSteps so far: {steps or 'none'}\nNext step:"
    return (Message("system", rule), *_turns(question), Message("user", asked))


def sub_questions(question: Question, most: int) -> tuple[Message, ...]:
    """Ask for the questions that must be answered first, in their order."""
    rule = (
        f"Split the user's question into at most {most} simple questions that must be answered one after another. Write one "
        "a line, and #1 for the answer of the first, #2 for that of the second. Write the questions only."
    )
    return (Message("system", rule), *_turns(question), Message("user", f"Question: {question.text}\nQuestions:"))


def part_of_question(given: PromptInputs, text: str, passages: Sequence[Passage]) -> tuple[Message, ...]:
    """Ask something of the passages on the way to an answer, in words, whatever form the answer has."""
    rule = f"Use only the numbered passages. Answer in a few words. If they do not hold the answer, say: {REFUSAL}"
    return (Message("system", f"{short_instruction(given)}\n{rule}"), Message("user", _asked(text, passages)))


def note_of_document(given: PromptInputs, text: str, piece: Passage) -> tuple[Message, ...]:
    """Ask one of many documents, or a piece of it, what it has for an answer that is put together from all of them."""
    rule = (
        "The question is asked of many documents in turn, and the passage is of one of them. Say in a few words what it has "
        f"for the answer. If it has nothing, say: {REFUSAL}"
    )
    return (Message("system", f"{short_instruction(given)}\n{rule}"), Message("user", _asked(text, [piece])))


def question_for(passage: Passage) -> tuple[Message, ...]:
    """Ask for a question that a passage answers (InPars; Bonifacio and others 2022): teaches a retriever."""
    rule = "Write one question that a reader of the passage could answer, in the words of somebody who has not read it. "
    text = f"{passage.title}\n{passage.text}".strip()
    return (Message("system", f"{rule}Write the question only."), Message("user", f"Passage: {text}\nQuestion:"))


def new_instruction(task: str, shown: Sequence[tuple[str, str, str]], *, hint: str) -> tuple[Message, ...]:
    """Ask for another instruction in the place of `task`.

    Args:
        task: the words so far.
        shown: (question, what was said, what is right) each; "" where nothing was said, or no answer is right.
        hint: what this proposal shall try.
    """
    rule = (
        "You write the instruction that a language model is given before every question. Write a better one than the "
        f"instruction so far. It has to do for all questions: do not repeat these questions or their answers. {hint} Write "
        "the new instruction only, between <instruction> and </instruction>."
    )
    blocks = (
        f"Question: {question}\nIt said: {response or '(nothing)'}\nRight is: {right or 'to say that it does not know'}"
        for question, response, right in shown
    )
    asked = f"The instruction so far: {task}\n\nWhat came of it:\n\n" + "\n\n".join(blocks)
    return (Message("system", rule), Message("user", asked))


def worked_examples(materials: Materials, shots: int, *, with_passages: bool) -> tuple[Message, ...]:
    """Turns that show how train cases are answered: the same for every question, so that a prefix cache reads them once.

    With passages, an answerable case is shown with its gold passage, an unanswerable one (one in three, as far as there are
    any) with another case's. Train cases without a gold passage show nothing of grounding, and are passed over. Where there
    are too few, examples of behaviour come before them, as they are: they show the manner, and name no passage.
    """
    drawn = sorted(materials.lessons, key=lambda case: digest("worked", materials.seed, case.id))
    answerable = [case for case in drawn if case.answers and materials.gold.get(case.id)]
    refused = [
        case
        for case in drawn
        if not case.answerable and expected_output(case, materials.schema, materials.labels) is not None
    ]
    few = refused[: shots // 3] if answerable else []
    chosen = [*answerable[: shots - len(few)], *few]
    turns = _manner(materials, shots - len(chosen))
    for index, case in enumerate(sorted(chosen, key=lambda case: digest("order", materials.seed, case.id))):
        seen = materials.gold.get(case.id) or materials.gold[answerable[-1 - index % len(answerable)].id]
        output = expected_output(case, materials.schema, materials.labels) or ""
        if with_passages and case.answerable and not (materials.schema or materials.labels):
            output += " [1]"
        turns.append(Message("user", _asked(case.question, seen[:1]) if with_passages else case.question))
        turns.append(Message("assistant", output))
    return tuple(turns)


def _manner(materials: Materials, most: int) -> list[Message]:
    """Examples of behaviour as turns, without those that call a tool."""
    plain = [e for e in materials.examples if e.input.strip() and not e.tools]
    drawn = sorted(plain, key=lambda example: digest("manner", materials.seed, example.id))[: max(0, most)]
    outputs = (compact(e.output, materials.schema) if materials.schema else e.output for e in drawn)
    pairs = zip((e.input for e in drawn), outputs, strict=True)
    return [Message(role, text) for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)]


def _asked(question: str, passages: Sequence[Passage]) -> str:
    return f"{listing(passages)}\n\nQuestion: {question}"


def listing(passages: Sequence[Passage]) -> str:
    """`[1] title`, text, blank line, and so on."""
    if not passages:
        return "(no passage was found)"
    heads = (f"[{n}] {p.title}".rstrip() for n, p in enumerate(passages, 1))
    return "\n\n".join(f"{head}\n{passage.text.strip()}" for head, passage in zip(heads, passages, strict=True))


def expected_output(case: Case, schema: str, labels: tuple[str, ...] = ()) -> str | None:
    """What a teaching case wants to be said; None where it does not say, or schema or labels have no way to say nothing."""
    if case.answerable and not case.answers:
        return None
    if case.answerable:
        return compact(case.answers[0], schema) if schema else case.answers[0]
    return refusal_json(schema) if schema else None if labels else REFUSAL


def compact(text: str, schema: str) -> str:
    """JSON as training teaches and the grammar writes it, keys in the schema's order. Other text stays."""
    try:
        return json.dumps(in_order_of(json.loads(schema), json_of(text)), ensure_ascii=False)
    except Malformed:
        return text


def _turns(question: Question) -> tuple[Message, ...]:
    return tuple(m for m in question.messages if m.role != "system")
