"""Ask: a chat with any rung or deployment, two beside each other, streamed, as an asker of chosen groups."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from rung.errors import UserError
from rung.records import Json, Message, Question
from rung.report.html.markup import Safe, el, join
from rung.serving import sse
from rung.serving.answered import Answered, Asked
from rung.serving.answering import Answering
from rung.serving.callers import Caller, Refused
from rung.serving.refusal import NotAnswered, readable
from rung.serving.request_state import unless_left
from rung.text.parsing import Malformed, json_of
from rung.web.answer_card import MAX_COMMENT, answer_card, refused_card, turns_list
from rung.web.askable import Askable, askable, caller_for, check_allowed, may, ratings_of, who_answers
from rung.web.background import Underway, wait_page
from rung.web.document_access import group_names, groups_of
from rung.web.forms import choice, hidden
from rung.web.opening import Opening, opened
from rung.web.project_at_hand import at_hand_of, project_of
from rung.web.reviewer import reviewer_of
from rung.web.shell import HEADERS, Tab, href, page
from rung.web.viewer import viewer_of

router = APIRouter()
TABS = (Tab("ask", "Ask"),)
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
MAX_QUESTION, MAX_TURNS, MAX_CHAT = 20_000, 40, 200_000  # characters, turns, characters of them
EVERYTHING = "everything"
Turns = list[tuple[str, str]]
Text = Annotated[str, Form(max_length=MAX_QUESTION)]
Chat = Annotated[str, Form(max_length=MAX_CHAT)]
Chosen = Annotated[list[str], Form()]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are asked. `name` "": nobody; `turns`: earlier ones; `card`: its answer, once it is there."""

    name: str
    turns: Turns
    card: str = ""


@router.get("/ask")
def chat(request: Request, left: str = "", right: str = "") -> Response:
    """An empty chat."""
    return _page(request, {"left": Side(left, []), "right": Side(right, [])})


class ChatForm(BaseModel):
    """A question to one or two, each with its earlier turns, as an asker of these groups."""

    question: str = Field("", max_length=MAX_QUESTION)
    left: str = Field("", max_length=400)
    right: str = Field("", max_length=400)
    left_turns: str = Field("", max_length=MAX_CHAT)
    right_turns: str = Field("", max_length=MAX_CHAT)
    groups: list[str] = Field([], max_length=1_000)


@router.post("/ask")
async def answers(request: Request, form: Annotated[ChatForm, Form()]) -> Response:
    """Both answers, once they are whole: for those without scripts."""
    question = form.question
    if not question.strip():
        raise HTTPException(400, "write a question")
    caller = _caller(request, form.groups)

    async def one(name: str, turns: Turns) -> Side:
        if not name:
            return Side("", turns)
        try:
            answered, card = await _whole(request, caller, name, _question(question, turns))
        except (NotAnswered, Refused, UserError) as error:
            return Side(name, turns, join(turns_list([("user", question)]), refused_card(_why(error))))
        asked: Turns = [("user", question)]
        return Side(name, [*turns, *asked, ("assistant", answered.answer.text)], join(turns_list(asked), card))

    async def both() -> list[Side]:
        left, right = one(form.left, _turns(form.left_turns)), one(form.right, _turns(form.right_turns))
        return list(await asyncio.gather(left, right))

    sides = dict(zip(SIDES, await unless_left(request, both()), strict=True))
    return await run_in_threadpool(_page, request, sides, form.groups)


@router.post("/ask/stream")
async def stream(
    request: Request,
    question: Text = "",
    name: Text = "",
    turns: Chat = "",
    groups: Chosen = [],  # noqa: B006 - see above
) -> Response:
    """One answer as it grows, as server-sent events: pieces of text, then the whole as it is shown, or why there is none."""
    if not question.strip() or not name:
        raise HTTPException(400, "write a question")
    caller, earlier = _caller(request, groups), _turns(turns)
    asked = _question(question, earlier)

    async def events() -> AsyncGenerator[bytes]:
        try:
            async with aclosing(_answers(request, caller, name, asked)) as news:
                async for one in news:
                    if isinstance(one, Opening):
                        yield sse.event({"note": f"Opening {name}, now: {one.words}"})
                    elif isinstance(one, str):
                        yield sse.event({"piece": one})
                    else:
                        card = await run_in_threadpool(_card, request, one, caller)
                        grown: Json = [
                            list(turn) for turn in (*earlier, ("user", question), ("assistant", one[1].answer.text))
                        ]
                        yield sse.event({"card": card, "turns": json.dumps(grown, ensure_ascii=False)})
        except (NotAnswered, Refused, UserError) as error:
            yield sse.event({"card": refused_card(_why(error))})

    return StreamingResponse(events(), media_type=sse.MEDIA_TYPE, headers={**HEADERS, **sse.HEADERS})


@router.post("/ask/rate")
async def rate(
    request: Request,
    id: Text,
    rating: Annotated[Literal["up", "down"], Form()],
    correction: Annotated[str, Form(max_length=100_000)] = "",
    comment: Annotated[str, Form(max_length=MAX_COMMENT)] = "",
) -> Response:
    """Keep what somebody thinks of an answer that they got here."""
    caller, at_hand = caller_for(viewer_of(request), None, reviewer_of(request)), at_hand_of(request)
    details: dict[str, Json] = {"correction": correction.strip()} if correction.strip() else {}
    details |= {"comment": comment.strip()} if comment.strip() else {}
    try:
        check_allowed(at_hand, caller, "feedback")
        ratings = await run_in_threadpool(ratings_of, at_hand)
        await ratings.rate_soon(caller, id, rating, details)
    except (NotAnswered, Refused) as error:
        raise HTTPException(error.status, _why(error)) from error
    words = "Kept: 'rung feedback draft', or the queue, makes drafts of what is words."
    return page(request, "Thank you", el("p", words), el("p", el("a", "Ask again", href=href("ask"))))


@router.get("/ask/stream")
@router.get("/ask/rate")
def elsewhere() -> Response:
    """Where a form was sent to, when its page is loaded anew."""
    return RedirectResponse(href("ask"), 303)


async def _answers(
    request: Request, caller: Caller, name: str, question: Question
) -> AsyncGenerator[Opening | str | tuple[Answering, Answered]]:
    """What is opened for it, the pieces of an answer, and the whole with who gave it."""
    at_hand = at_hand_of(request)
    check_allowed(at_hand, caller, "ask")
    async for step in opened(lambda: who_answers(at_hand, name, caller)):
        if isinstance(step, Opening):
            yield step
            continue
        answering, deployment = step
        async with aclosing(answering.answer(caller, Asked(deployment, question, streamed=True))) as pieces:
            async for piece in pieces:
                yield piece if isinstance(piece, str) else (answering, piece)


async def _whole(request: Request, caller: Caller, name: str, question: Question) -> tuple[Answered, Safe]:
    async with aclosing(_answers(request, caller, name, question)) as news:
        async for one in news:
            if isinstance(one, tuple):
                return one[1], await run_in_threadpool(_card, request, one, caller)
    raise NotAnswered(502, "no answer came")


def _card(request: Request, whole: tuple[Answering, Answered], caller: Caller) -> Safe:
    answering, answered = whole
    at_hand = at_hand_of(request)
    may_rate = may(at_hand, viewer_of(request), "feedback")
    return answer_card(answered, answering, caller, at_hand.project(), may_rate=may_rate)


def _question(text: str, turns: Turns) -> Question:
    earlier = tuple(Message("assistant" if role == "assistant" else "user", readable(words)) for role, words in turns)
    return Question("asked", readable(text.strip()), earlier)


def _turns(text: str) -> Turns:
    """Earlier turns as a form carries them along; what is no such list is none."""
    try:
        value = json_of(text) if text else []
    except Malformed:
        return []
    listed = value if isinstance(value, list) else []
    pairs = [one for one in listed if isinstance(one, list) and len(one) == 2]
    turns = [(role, words) for role, words in pairs if isinstance(role, str) and isinstance(words, str)]
    return [(role, words) for role, words in turns if role in ("user", "assistant")][-MAX_TURNS:]


def _caller(request: Request, groups: list[str]) -> Caller:
    chosen = None if EVERYTHING in groups else frozenset(one for one in groups if one)
    return caller_for(viewer_of(request), chosen, reviewer_of(request))


def _why(error: Exception) -> str:
    return error.message if isinstance(error, NotAnswered | Refused) else str(error)


def _page(request: Request, sides: dict[Literal["left", "right"], Side], groups: list[str] | None = None) -> Response:
    at_hand, viewer = at_hand_of(request), viewer_of(request)
    if not may(at_hand, viewer, "ask"):
        return page(request, "Ask", el("p", "Your key may look, not ask: it lacks the scope 'ask'.", cls="quiet"))
    who = askable(at_hand)
    if isinstance(who, Underway):
        return wait_page(request, "Ask", "Opening what answers", who)
    ready = [one for one in who if not one.why_not]
    columns = [_column(side, sides[side], ready) for side in SIDES]
    if not ready:
        return page(request, "Ask", el("p", "Nothing can answer yet: 'rung compare' builds the rungs."), _unbuilt(who))
    first = sides["left"].name or ready[0].name
    names = [(one.name, one.about) for one in ready]
    choices = [
        choice("Ask", "left", names, first),
        choice("Beside it", "right", [("", "nobody"), *names], sides["right"].name),
    ]
    area = el("textarea", name_="question", required=True, maxlength=MAX_QUESTION, dir="auto", autofocus=True)
    turns_fields = hidden(**{f"{side}_turns": json.dumps([list(one) for one in sides[side].turns]) for side in SIDES})
    form = el(
        "form", el("div", *choices, cls="row"), _groups(request, groups), el("label", "Question", area), *turns_fields,
        el("p", el("button", "Ask", cls="main"), " ", el("button", "Stop", type="button", hidden=True, data_stop=True), " ",
           el("a", "New chat", href=href("ask"), cls="button")),
        method="post", action=href("ask"), cls="stack", id="ask", data_stream=href("ask", "stream"),
    )  # fmt: skip
    return page(request, "Ask", el("div", *columns, cls="columns", id="chats"), form, _unbuilt(who), scripts=("ask.js",))


def _column(name: str, side: Side, ready: list[Askable]) -> Safe:
    about = next((one.about for one in ready if one.name == side.name), side.name)
    asked = bool(side.card)
    earlier = side.turns[:-2] if asked and side.turns and side.turns[-1][0] == "assistant" else side.turns
    log = el("div", turns_list(earlier), side.card, data_log=name, role="log", aria_label=f"Chat, {name}")
    heading = el("h2", about or "", data_title=name, hidden=not asked)
    return el("div", heading, log, cls="pane", data_side=name, hidden=not asked)


def _groups(request: Request, chosen: list[str] | None) -> Safe:
    """As whom it is asked: the owner of any groups of the project, others of their own."""
    viewer = viewer_of(request)
    if viewer.groups is not None:
        listed, first = sorted(viewer.groups), True
    else:
        listed, first = group_names(groups_of(project_of(request))), False
    boxes = []
    if viewer.groups is None and listed:
        boxes.append(_box(EVERYTHING, "everything", checked=chosen is None or EVERYTHING in chosen))
    boxes += [_box(one, one, checked=first if chosen is None else one in chosen) for one in listed]
    if not boxes:
        return join(*hidden(groups=EVERYTHING if viewer.groups is None else ""))
    legend = el("legend", "Ask as somebody who reads, beside what is for everybody", cls="small quiet")
    return el("fieldset", legend, *boxes, cls="boxes")


def _box(value: str, words: str, *, checked: bool) -> Safe:
    return el("label", el("input", type="checkbox", name_="groups", value=value, checked=checked), f" {words}", cls="check")


def _unbuilt(who: list[Askable]) -> Safe:
    waiting = [one for one in who if one.why_not]
    if not waiting:
        return Safe("")
    items = [el("li", f"{one.about}: {one.why_not}") for one in waiting]
    return el("details", el("summary", f"Not to be asked yet ({len(waiting)})"), el("ul", *items))
