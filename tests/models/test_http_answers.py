"""What servers really send: read to the same answer or failure whole and streamed, and remembered of a check."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any, ClassVar

import pytest

from rung.errors import ServerError
from rung.models.catalog import PatientServer
from rung.models.endpoint import Endpoint
from rung.models.http import HttpGenerator
from rung.models.http_embedding import HttpEmbedder
from rung.models.http_reading import Consumed, consumed, cut_silently
from rung.models.http_reranking import HttpReranker
from rung.models.http_spread import spread
from rung.models.http_words import complaint, error_within
from rung.progress import Silent, reporting
from rung.records import Failure, Json, Message
from rung.records.steps import Generate, GenerateResult, Request, Restart, StepFailed
from rung.testing.models import asking
from rung.testing.server import FakeServer

ONCE = PatientServer(retries=0, timeout_seconds=5)


def message(content: Json = None, reason: Json = "stop", **more: Json) -> dict[str, Json]:
    """The body of an answer."""
    return {"choices": [{"message": {"role": "assistant", "content": content, **more}, "finish_reason": reason}]}


def text(*words: str) -> list[Json]:
    return [{"type": "text", "text": word} for word in words]


ANSWERS: dict[str, tuple[dict[str, Json], str]] = {
    "plain": (message("nine"), "nine"),
    "thinking in the text": (message("<think>\nSeven? No.\n</think>\n\nnine"), "nine"),
    "thinking in a field": (message("nine", reasoning_content="Seven? No."), "nine"),
    "thinking in another field": (message("nine", reasoning="Seven? No."), "nine"),
    "channel": (message("<|channel|>final<|message|>nine"), "nine"),
    "parts": (message(text("ni", "ne")), "nine"),
    "parts with thinking": (message([{"type": "thinking", "thinking": text("Seven?")}, *text("nine")]), "nine"),
    "one part": (message({"type": "text", "text": "nine"}), "nine"),
    "no reason": (message("nine", None), "nine"),
    "no refusal": (message("nine", refusal=None), "nine"),
    "padding": (message("\u200bnine\u00a0"), "nine"),
    "empty": (message(""), ""),
}
NONE: dict[str, tuple[Json, str]] = {
    "reasoning used all up": (message(None, "length", reasoning_content="Seven?"), "reasoning used up all 16 tokens"),
    "the same, empty text": (message("", "length", reasoning="Seven?"), "reasoning used up all 16 tokens"),
    "the same, in the text": (message("<think>Seven?", "length"), "reasoning used up all 16 tokens"),
    "the same, counted": (
        {**message("", "length"), "usage": {"completion_tokens_details": {"reasoning_tokens": 16}}},
        "reasoning used up all 16 tokens",
    ),
    "all used up, nobody knows by what": (message("", "length"), "the answer is empty, and used up all 16 tokens"),
    "reasoning only": (
        message(None, reasoning_content="Seven? Nine."),
        "reasoning and no answer (finish_reason stop): 'Seven?",
    ),
    "no text": (message(None), "the server's answer has no text (finish_reason stop)"),
    "no message": (
        {"choices": [{"message": None, "finish_reason": "content_filter"}]},
        "the server's content filter stopped",
    ),
    "filtered half-way": (message("Well, ni", "content_filter"), "content filter stopped the answer"),
    "refusal": (message(None, refusal="I can't help."), 'the model refused, it said: "I can\'t help."'),
    "refusal as a part": (message([{"type": "refusal", "refusal": "I won't."}]), "the model refused"),
    "a tool": (message(None, "tool_calls", tool_calls=[{"function": {"name": "look_up"}}]), "called the tool 'look_up'"),
    "error": ({"error": {"message": "overloaded", "code": 503}}, "the server answered with an error 503: overloaded"),
    "error as text": ({"error": "no room"}, "the server answered with an error: no room"),
    "error of vLLM's": ({"object": "error", "message": "too long", "code": 400}, "error 400: too long"),
    "error in a choice": ({"choices": [{"error": {"code": 502, "message": "upstream"}}]}, "error 502: upstream"),
    "page": ({"status": 200, "body": "<html><body>gateway</body></html>"}, "no JSON: (a web page) gateway"),
    "status": ({"status": 422, "body": {"detail": "bad param"}}, "HTTP 422: bad param"),
    "list": ({"status": 400, "body": [{"error": {"message": "bad"}}]}, "HTTP 400: bad"),
    "cut": ({"cut": 30, "body": message("nine")}, "the server broke off its answer (peer closed"),
    "closed": ({"close": True}, "the server broke off its answer (Server disconnected"),
}


def model(server: FakeServer, how: PatientServer = ONCE) -> HttpGenerator:
    return HttpGenerator(Endpoint.named(f"{server.url}#m"), how, first_wait=0.01)


def whole(generator: HttpGenerator, request: Request) -> object:
    return dict(generator.run([request]))[0]


def streamed(generator: HttpGenerator, request: Request) -> tuple[str, object]:
    """(what was shown, the result)."""
    shown = ""
    try:
        for piece in generator.stream(request):
            if isinstance(piece, GenerateResult):
                return shown, piece
            shown = "" if isinstance(piece, Restart) else shown + piece
    except StepFailed as failed:
        return shown, failed.failure
    raise AssertionError("the stream had no end")


@pytest.mark.parametrize("name", ANSWERS)
def test_every_form_of_an_answer_is_read_whole_and_streamed(name: str) -> None:
    body, answer = ANSWERS[name]
    with FakeServer({"*": body}) as server:
        said = whole(model(server), asking("How many?"))
        shown, result = streamed(model(server), asking("How many?"))
    assert isinstance(said, GenerateResult)
    assert isinstance(result, GenerateResult)
    assert said.text == result.text == shown == answer
    assert not said.truncated


@pytest.mark.parametrize("streams", [False, True])
def test_what_is_no_answer_has_its_tokens_where_a_server_counted_them(streams: bool) -> None:
    """A host charges for reasoning without an end as for any other tokens."""
    body: dict[str, Json] = {
        **message(None, "length", reasoning_content="Seven?"),
        "usage": {"prompt_tokens": 31, "completion_tokens": 16},
    }
    with FakeServer({"*": body}) as server:
        said = streamed(model(server), asking("How many?"))[1] if streams else whole(model(server), asking("How many?"))
    assert isinstance(said, Failure)
    assert said.usage is not None
    assert (said.usage.prompt_tokens, said.usage.completion_tokens, said.usage.estimated) == (31, 16, 0)


def test_an_answer_that_left_the_labels_has_its_tokens() -> None:
    body: dict[str, Json] = {**message("neither"), "usage": {"prompt_tokens": 31, "completion_tokens": 2}}
    with FakeServer({"*": body}) as server:
        said = whole(model(server), asking("Which?", choices=("red", "blue")))
    assert isinstance(said, Failure)
    assert "left the labels" in said.error
    assert said.usage is not None
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (31, 2)


@pytest.mark.parametrize("said", ["Red.", '"red"', "RED", '{"value": "Red."}', " red\n"])
def test_a_label_is_the_same_where_a_server_holds_no_form(said: str) -> None:
    """As where the rung `prompt` says it, whose answers are scored so."""
    with FakeServer({"*": message(said)}) as server:
        answer = whole(model(server), asking("Which?", choices=("red", "blue")))
    assert isinstance(answer, GenerateResult)
    assert answer.text == "red"


def test_labels_that_differ_in_writing_only_are_told_apart_and_a_number_may_be_said_plainly() -> None:
    with FakeServer({"*": [message("it."), message("IT"), message("5")]}) as server:
        either, one = (whole(model(server), asking(f"Which {n}?", choices=("it", "IT", "It"))) for n in range(2))
        number = whole(model(server), asking("Which grade?", choices=("4", "5")))
    assert isinstance(either, Failure)
    assert isinstance(one, GenerateResult)
    assert isinstance(number, GenerateResult)
    assert (one.text, number.text) == ("IT", "5")


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_answer_says_what_it_is(name: str) -> None:
    body, why = NONE[name]
    with FakeServer({"*": body}) as server:
        said = whole(model(server), asking("How many?"))
        _, result = streamed(model(server), asking("How many?"))
    for failure in (said, result):
        assert isinstance(failure, Failure)
        assert why in failure.error
        assert "no connection" not in failure.error


def test_no_choices_show_what_was_sent() -> None:
    with FakeServer({"*": {"choices": []}}) as server:
        said = whole(model(server), asking("How many?"))
    assert isinstance(said, Failure)
    assert said.error == 'the server\'s answer has no choices; it sent: {"choices": []}'


def test_a_cut_answer_is_truncated() -> None:
    with FakeServer({"*": message("ni", "length")}) as server:
        said = whole(model(server), asking("How many?"))
    assert isinstance(said, GenerateResult)
    assert said.truncated


def test_a_stream_that_ends_before_the_answer_did_is_no_answer() -> None:
    events = "".join(f'data: {{"choices": [{{"delta": {{"content": "{word}"}}}}]}}\n\n' for word in ("ni", "ne"))
    with FakeServer({"*": {"headers": {"Content-Type": "text/event-stream"}, "body": events}}) as server:
        shown, result = streamed(model(server), asking("How many?"))
    assert shown == "nine"
    assert isinstance(result, Failure)
    assert "the stream ended before the answer did" in result.error


@pytest.mark.parametrize("cut", [60, 150, 200])  # before the first event, and within the text
def test_a_stream_that_breaks_off_begins_anew_and_says_so_as_often_as_is_allowed(cut: int) -> None:
    body: Json = message("nine euros to the door")
    broken: Json = {"body": body, "cut": cut}
    with FakeServer({"*": [broken, broken, body]}) as server:
        generator = model(server, PatientServer(retries=2))
        restarts = [piece for piece in generator.stream(asking("How much?")) if isinstance(piece, Restart)]
        assert len(server.asked) == 3
        assert len(restarts) == (0 if cut == 60 else 2)
        assert all("broke off its answer" in restart.failure.error for restart in restarts)
        assert "requests tried again: 2, most often after: the server broke off" in generator.troubles
    with FakeServer({"*": [broken, broken, body]}) as server:
        _, failure = streamed(model(server, PatientServer(retries=1)), asking("How much?"))
    assert isinstance(failure, Failure)
    assert failure.attempt == 2
    with FakeServer({"*": [broken, broken, body]}) as server:
        assert streamed(model(server, PatientServer(retries=2)), asking("How much?"))[0] == "nine euros to the door"


def test_a_stream_that_waits_for_another_try_can_be_left() -> None:
    with FakeServer({"*": [{"status": 429, "headers": {"Retry-After": "60"}}, "nine"]}) as server:
        began = time.monotonic()
        pieces = model(server, PatientServer(retries=1)).stream(asking("How many?"))
        assert [next(pieces), next(pieces)] == ["", ""]
        assert isinstance(pieces, Generator)
        pieces.close()
    assert time.monotonic() - began < 5
    assert len(server.asked) == 1


def test_a_long_wait_is_said_once_for_all_requests_that_wait_side_by_side() -> None:
    class Heard(Silent):
        said: ClassVar[list[str]] = []

        def say(self, text: str) -> None:
            self.said.append(text)

    busy: Json = {"status": 429, "headers": {"Retry-After": "50"}, "body": {"error": {"message": "slow down"}}}
    with FakeServer({"first": "nine", "*": busy}) as server, reporting(Heard()):
        run = model(server, PatientServer(retries=1, concurrency=4)).run([asking(text) for text in ("first", "a", "b", "c")])
        assert next(iter(run))[0] == 0
        while len(server.asked) < 4 or not Heard.said:
            time.sleep(0.01)
        time.sleep(0.2)
        assert isinstance(run, Generator)
        run.close()  # nobody waits any more
    assert Heard.said == [f"{server.url}#m: the server asked to wait 50 s (HTTP 429: slow down)."]


def test_a_short_wait_is_not_said() -> None:
    class Deaf(Silent):
        def say(self, text: str) -> None:
            raise AssertionError(text)

    with FakeServer({"*": [{"status": 429, "headers": {"Retry-After": "0.1"}}, "nine"]}) as server, reporting(Deaf()):
        assert isinstance(whole(model(server, PatientServer(retries=1)), asking("How many?")), GenerateResult)


BUSY: list[Json] = [{"status": 503, "body": "busy"}, {"body": {"error": {"code": 429}}}, {"close": True}]


@pytest.mark.parametrize("error", BUSY)
def test_a_stream_is_tried_again_before_its_first_piece(error: Json) -> None:
    with FakeServer({"*": [error, "nine"]}) as server:
        generator = model(server, PatientServer(retries=1))
        assert streamed(generator, asking("How many?"))[0] == "nine"
    assert "requests tried again: 1, most often after: " in generator.troubles


@pytest.mark.parametrize("code", [429, "503", "rate_limit_exceeded", "overloaded_error"])
def test_an_error_within_an_answer_is_tried_again_where_it_may_pass(code: Json) -> None:
    later: Json = {"body": {"error": {"message": "later", "code": code}}}
    with FakeServer({"*": [later, "nine"]}) as server:
        assert isinstance(whole(model(server, PatientServer(retries=1)), asking("How many?")), GenerateResult)
    with FakeServer({"*": {"body": {"error": {"message": "never", "code": 400}}}}) as server:
        said = whole(model(server, PatientServer(retries=3)), asking("How many?"))
        assert isinstance(said, Failure)
        assert said.attempt == len(server.asked) == 1


def test_quota_is_not_waited_for() -> None:
    body: Json = {
        "error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}
    }
    with FakeServer({"*": {"status": 429, "body": body}}) as server:
        with pytest.raises(ServerError, match="no money or quota left"):
            whole(model(server, PatientServer(retries=5)), asking("How many?"))
        assert len(server.asked) == 1


def test_openai_is_not_asked_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ServerError, match="wants a key, and OPENAI_API_KEY is not set"):
        HttpGenerator(Endpoint.named("openai:gpt-x"), ONCE).check(constrained=False)


def test_a_limit_for_a_while_is_no_end_of_the_quota() -> None:
    words = "You exceeded your current quota, please check your plan. See /docs/rate-limits. Please retry in 0.1s."
    said: Json = [{"error": {"code": 429, "message": words, "status": "RESOURCE_EXHAUSTED"}}]
    with FakeServer({"*": [{"status": 429, "body": said}, "nine"]}) as server:
        assert isinstance(whole(model(server, PatientServer(retries=1)), asking("How many?")), GenerateResult)


def test_a_403_after_answers_fails_its_request_only() -> None:
    with FakeServer({"bad": {"status": 403, "body": {"error": {"message": "flagged by moderation"}}}}) as server:
        generator = model(server)
        assert isinstance(whole(generator, asking("Say good words.")), GenerateResult)
        said = whole(generator, asking("Say bad words."))
    assert isinstance(said, Failure)
    assert "flagged by moderation" in said.error


@pytest.mark.parametrize(
    ("refused", "sent"),
    [("temperature", None), ("stream_options", None), ("max_tokens", "max_completion_tokens"), ("response_format", None)],
)
def test_what_a_server_does_not_take_is_left_out_of_streams_too(refused: str, sent: str | None) -> None:
    with FakeServer(refuses=[refused]) as server:
        generator = model(server)
        schema = json.dumps({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]})
        _, result = streamed(generator, asking("Say one.", schema=schema))
        assert isinstance(result, GenerateResult), result
        assert refused in server.asked[0].body
        assert refused not in server.asked[-1].body
        assert sent is None or sent in server.asked[-1].body
        asked = len(server.asked)
        streamed(generator, asking("Say two.", schema=schema))
        assert len(server.asked) == asked + 1


def test_a_limit_that_is_too_high_is_no_parameter_that_is_not_taken() -> None:
    words = "max_tokens is too large: 9000. This model supports at most 4096 completion tokens."
    said: Json = {"status": 400, "body": {"error": {"message": words, "param": "max_tokens"}}}
    with FakeServer({"*": said}) as server:
        result = whole(model(server), asking("Say one."))
    assert isinstance(result, Failure)
    assert words in result.error


def test_a_schema_that_a_server_refuses_is_said_and_not_left_out() -> None:
    words = "Invalid schema for response_format 'answer': 'pattern' is not permitted."
    with FakeServer({"*": {"status": 400, "body": {"error": {"message": words}}}}) as server:
        result = whole(model(server), asking("Say one.", schema="{}"))
    assert isinstance(result, Failure)
    assert words in result.error


def test_reasoning_has_room_of_its_own() -> None:
    with FakeServer() as server:
        generator = model(server, PatientServer(reasoning_tokens=1000))
        whole(generator, asking("Say one.", max_tokens=16))
        assert server.asked[0].body["max_tokens"] == 1016
        assert generator.identity != model(server).identity


@pytest.mark.parametrize(
    ("holds", "refuses", "form"), [(True, (), "held"), (False, (), "ignored"), (True, ("response_format",), "refused")]
)
def test_a_check_tells_whether_the_form_is_held(holds: bool, refuses: tuple[str, ...], form: str) -> None:
    with FakeServer(holds_form=holds, refuses=refuses) as server:
        assert model(server).check(constrained=True) == {"left_out": [], "form": form}
        assert model(server).check(constrained=False) == {"left_out": [], "form": ""}


def test_what_a_check_found_is_taken_over() -> None:
    with FakeServer(refuses=["temperature"]) as server:
        found = model(server).check(constrained=False)
        assert found["left_out"] == ["temperature"]
        asked = len(server.asked)
        fresh = model(server)
        fresh.recall(found)
        assert isinstance(whole(fresh, asking("Say one.")), GenerateResult)
        assert len(server.asked) == asked + 1


def test_a_server_that_is_busy_at_a_check_is_there() -> None:
    with FakeServer({"*": {"status": 503, "body": "busy"}}) as server:
        assert model(server).check(constrained=False) == {"trouble": "HTTP 503: busy"}
    with FakeServer({"*": {"status": 429, "headers": {"Retry-After": "200"}, "body": "busy"}}) as server:
        found = model(server, PatientServer()).check(constrained=False)
        assert found == {"trouble": "HTTP 429: busy; it asks to wait 200 s"}


def test_an_embedder_remembers_its_dimensions_and_is_not_exchanged_unseen() -> None:
    with FakeServer() as server:
        embedder = HttpEmbedder(Endpoint.named(f"{server.url}#e"), ONCE)
        assert embedder.check(constrained=False) == {"dimensions": 64}
        asked = len(server.asked)
        embedder.recall({"dimensions": 64})
        assert embedder.dimensions == 64
        assert len(server.asked) == asked
        embedder.recall({"dimensions": 32})
        with pytest.raises(ServerError, match="now answers with 64 dimensions, where it had 32"):
            embedder.embed(["a"], kind="query")
        embedder.close()
        embedder.recall({"dimensions": 64})
        assert embedder.embed(["a"], kind="query").shape == (1, 64)


def test_a_reranker_is_checked() -> None:
    with FakeServer() as server:
        assert HttpReranker(Endpoint.named(f"{server.url}#r"), ONCE).check(constrained=False) == {}
    with FakeServer({"*": {"choices": []}}) as server, pytest.raises(ServerError, match="is it a reranker"):
        HttpReranker(Endpoint.named(f"{server.url}#r"), ONCE).check(constrained=False)


LONG = "Paragraphs of plain words, to be read by any tokenizer whatever. " * 300  # 3,300 words


@pytest.mark.parametrize(
    ("said", "usage", "cut"),
    [
        (LONG, {"prompt_tokens": 2048}, True),
        (LONG, {"prompt_tokens": 3900}, False),
        (LONG, {"prompt_tokens": 3000}, False),  # a tokenizer that joins words
        (LONG, {"prompt_tokens": 40, "prompt_tokens_details": {"cached_tokens": 3900}}, False),
        (LONG, {"prompt_tokens": 0}, False),
        (LONG, {}, False),
        ("a few words", {"prompt_tokens": 1}, False),
        ("注文の返品は三十日以内にお願いします。" * 300, {"prompt_tokens": 1000}, True),
        ("注文の返品は三十日以内にお願いします。" * 300, {"prompt_tokens": 4000}, False),
        ("| a | b |\n|---|---|\n" + "| 1 |      | 2 |\n" * 200, {"prompt_tokens": 1300}, False),
        (" " * 40_000 + "word", {"prompt_tokens": 900}, False),
    ],
)
def test_a_prompt_that_a_server_cut_is_told_by_its_words(said: str, usage: dict[str, Json], cut: bool) -> None:
    assert cut_silently([Message("user", said)], usage) is cut


def test_tokens_that_nobody_counted_are_estimated_and_their_price_is_unknown() -> None:
    with FakeServer({"*": message("nine")}) as server:
        said = whole(model(server), asking("How many tokens are these?"))
    assert said == GenerateResult("nine", 7, 1, usd=None, estimated=True)


def test_a_base_url_moves_openai_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://proxy:4000/v1/")
    endpoint = Endpoint.named("openai:gpt-x")
    assert endpoint.url == "http://proxy:4000/v1"
    assert endpoint.key_variable == "OPENAI_API_KEY"
    assert "proxy" in endpoint.identity
    assert not endpoint.is_vendors
    monkeypatch.setenv("OPENAI_BASE_URL", " ")
    assert Endpoint.named("openai:gpt-x").is_vendors


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, "", "HTTP 500"),
        (500, "oops", "HTTP 500: oops"),
        (400, '{"error": {"message": "no"}}', "HTTP 400: no"),
        (400, '{"message": "no"}', "HTTP 400: no"),
        (400, '{"errors": [{"message": "a"}, {"message": "b"}]}', "HTTP 400: a; b"),
        (403, '{"odd": 1}', 'HTTP 403: {"odd": 1}'),
        (
            502,
            "<!DOCTYPE html><html><head><title>502</title><style>x{}</style></head><body><h1>Bad</h1></body></html>",
            "502: Bad",
        ),
    ],
)
def test_the_servers_words_are_found(status: int, body: str, words: str) -> None:
    assert words in str(complaint(status, body))


@pytest.mark.parametrize("body", [{"choices": [{"message": {}}], "error": None}, {"data": []}, {}, [], "text", None])
def test_what_holds_no_error_is_none(body: Json) -> None:
    assert error_within(body) is None


def test_answers_under_way_are_taken_before_an_error_ends_the_run() -> None:
    all_under_way = threading.Barrier(3)

    def work(number: int, _halt: threading.Event) -> int:
        all_under_way.wait(30)
        if number == 1:
            time.sleep(0.1)
            raise ServerError("gone")
        time.sleep(0.3)
        return number

    taken: list[int] = []
    results: Iterator[Any] = spread(work, 10, threads=3)
    with pytest.raises(ServerError):
        taken.extend(number for number, _ in results)
    assert sorted(taken) == [0, 2]


def test_a_step_without_text_is_asked_of_nobody() -> None:
    with FakeServer() as server:
        said = whole(model(server), Request(Generate((Message("user", "x"),), adapter="0" * 64)))
    assert isinstance(said, Failure)
    assert server.asked == []


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 100, "completion_tokens": 5}, Consumed(100, 5)),
        (
            {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 90}},
            Consumed(100, 5, 90),
        ),
        ({"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": None}}, Consumed(100, 5)),
        ({"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": None}, Consumed(100, 5)),
        ({"prompt_tokens": 100, "completion_tokens": 5, "prompt_cache_hit_tokens": 64}, Consumed(100, 5, 64)),
        ({"prompt_tokens": 100, "completion_tokens": 5, "cached_tokens": 64}, Consumed(100, 5, 64)),
        # counted apart: more of them than there are others, or the server's own sum says so
        ({"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 90}, Consumed(100, 5, 90)),
        (
            {"prompt_tokens": 60, "completion_tokens": 5, "total_tokens": 105, "cache_read_input_tokens": 40},
            Consumed(100, 5, 40),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "total_tokens": 105,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            },
            Consumed(100, 5, 60, 30),
        ),
        ({"completion_tokens": 5, "cached_tokens": 64}, Consumed(None, 5)),
        ({}, Consumed(None, None)),
        ({"prompt_tokens": "100", "completion_tokens": True}, Consumed(None, None)),
    ],
)
def test_cached_tokens_are_read_however_a_server_counts_them(usage: dict[str, Json], read: Consumed) -> None:
    assert consumed(usage) == read


def test_an_answer_says_how_much_of_its_prompt_was_cached() -> None:
    usage: Json = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 90}}
    with FakeServer({"*": {"body": {**message("nine"), "usage": usage}}}) as server:
        result = whole(model(server), asking("How many?"))
    assert isinstance(result, GenerateResult)
    assert (result.prompt_tokens, result.cached_tokens, result.usd) == (100, 90, None)
