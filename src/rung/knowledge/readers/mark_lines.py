"""What looks like a mark of restriction in a text: lines before its prose, blocks of front matter, comments.

Front matter that was not read stands there: behind a blank line, a comment, a heading or a paragraph, in a code block or a
comment, without its `---`, between `+++`, as JSON, as a field list (`:groups: staff`), as a list or a table below the title.
Which keys and values are marks is left to `mark_words`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rung.knowledge.readers.mark_words import is_banner, is_sure, plainly, restricts, restricts_in_words, says_restricted
from rung.records import Json

_HEAD = 65_536  # characters in which a mark is looked for
_WORDS_OF_A_KEY = 3
_LONGEST_BLOCK = 400  # lines of front matter
_LINE_ENDS = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_KEY = r"(?:[&!]\S+\s+)*[\"'`*_]*(?P<key>[^\W\d_][\w ./-]{0,40}?)[\"'`*_]*\s*"
_KEY_LINE = re.compile(rf"(?P<mark>[-*+?]\s+|\*\*|__)?(?P<field>:?){_KEY}(?P<sign>:{{1,2}}(?!//)|：|=)[*_]*(?P<value>.*)")
_INLINE = re.compile(r"[{,]\s*[\"']?(?P<key>[^\W\d_][\w .-]{0,40}?)[\"']?\s*[:=]\s*(?P<value>\[[^\]]*\]|[^,}]*)")
_FENCE = re.compile(
    r"(?:-{3,}|\+{3,}|;{3,}|`{3,}|~{3,}|\*{3,}|={3,}|_{3,}|[—–]+|<!--+|--+>|/\*+|\*+/|[{}]|\"{3}|'{3})[\w :]*(?:#.*)?"
)
_OPENING = re.compile(
    r"(?P<sign>-{3,}|\+{3,}|;{3,}|[—–]+|`{3,}|~{3,})\s*+(?:ya?ml|toml|json|ini|meta\w*)?\s*+", re.IGNORECASE
)
_CODE_FENCE = re.compile(r"`{3,}|~{3,}")
_COMMENT = re.compile(r"(?:#\+|<!--+|//+|/\*+|\*(?!\*)|[%;]+|\.\.|\{[#%])\s*(?P<said>.*?)\s*(?:--+>|\*+/|[#%]\})?")
_COMMENTS = re.compile(r"<!--(.*?)-->|^\[[^\]\n]*\]:\s*+#?\s*+[(\"'](.*)[)\"']\s*$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"#{1,6}\s+(?P<said>.*)")
_ATTRIBUTES = re.compile(r"\{[^{}]*\}\s*$")
_UNDERLINE = re.compile(r"([=\-~^*+#])\1{2,}")
_MORE = re.compile(r"\s+\S|[-*+]\s|[\]})]+,?$")  # of the value of the key above
_QUOTED = re.compile(r"(?:>\s?)+")
_BRACKETED = re.compile(r"[\[(](?P<said>[\w -]{1,40}::.*)[\])]")
# Pictures, sections, tags. From the first link of a line to the last all is taken for one, so that nothing is tried twice.
_ASIDE = r"<[^<>]+>|\([\w-]+\)=|\s"
_ASIDES = rf"(?:\[[!\[]?[\w .\"':/-]+\]{{1,2}}|{_ASIDE})"
_BESIDE = re.compile(rf"{_ASIDES}++|(?:{_ASIDE})*+!?\[(?>.*?\]\().*\){_ASIDES}*+")
_RULE_OF_TABLE = re.compile(r"[|:\s-]+")
_METADATA = re.compile(r"\s|[-*+?#;]\s?\S|\[.*\]|[\]})]+,?$|\S{1,40}\s*[:=]|[^:=.!?]{1,80}[:=](?:\s|$)|[{\"'@$&]")


class _Entry(NamedTuple):
    """A key with its value, its line from 1, and whether it stands where only metadata stands."""

    line: int
    key: str
    value: Json
    strict: bool


def in_text(text: str, start: int = 0, *, code: bool = False) -> tuple[int, str] | None:
    """Line (from 1) and key of the first mark that stands in the head of a text, from `start` on; None: there is none.

    In `code`, `name = value` is no mark.
    """
    before = text.count("\n", 0, start)
    head = text[start : start + _HEAD]
    lines = [_QUOTED.sub("", plainly(line), count=1) for line in _LINE_ENDS.split(head)]
    for entry in _all(head, lines, code):
        if (restricts if entry.strict else restricts_in_words)(entry.key, entry.value):
            return before + entry.line, entry.key
    return None


def _all(head: str, lines: Sequence[str], code: bool) -> Iterator[_Entry]:
    yield from _Scan(lines, "" if code else "=").before_prose()
    if not code:
        yield from _blocks(lines)
        yield from _comments(head)


class _Scan:
    """A walk over the lines before the first one of prose."""

    def __init__(self, lines: Sequence[str], signs: str) -> None:
        self.lines, self.signs = lines, signs
        self.fenced = self.whole = self.headed = self.key_above = self.commented = False
        self.underline = -1

    def before_prose(self) -> Iterator[_Entry]:
        """All keys before the first line of prose. No line of a front matter or of a comment that has an end is prose."""
        for at, line in enumerate(self.lines):
            bare = line.strip()
            if not bare or at == self.underline:
                self.key_above = self.key_above and bool(bare)
                continue
            if bare.startswith(("<!--", "/*")):
                self.commented = True
            closed = self.commented and bare.endswith(("-->", "*/"))
            if _FENCE.fullmatch(bare):
                if not self.commented:
                    self.fenced = not self.fenced
                    self.whole = self.fenced and bool(_block(self.lines, at))
            else:
                entries = list(self._of_line(at, bare))
                yield from entries
                if not entries and not self._goes_on(at, line, bare):
                    return
            self.commented = self.commented and not closed

    def _of_line(self, at: int, bare: str) -> Iterator[_Entry]:
        heading, comment = _HEADING.fullmatch(bare), _COMMENT.fullmatch(bare)
        wrapped = heading or comment or _BRACKETED.fullmatch(bare)
        if bare.startswith("{") and not comment:
            yield from _inline(bare, at + 1, strict=not self.headed)
            return
        if heading and (attributes := _ATTRIBUTES.search(bare)):
            yield from _inline(attributes[0].replace(" ", ","), at + 1, strict=False)
        if not self.fenced and not self.key_above and is_banner(bare):
            yield _Entry(at + 1, "confidential", True, True)
            return
        if row := _pair(self.lines, at):
            if _is_clear(*row):
                yield _Entry(at + 1, *row, False)
            return
        match = _KEY_LINE.fullmatch(wrapped["said"] if wrapped else bare)
        if not match or not (match["sign"] != "=" or self.signs or self.fenced):
            return
        value = _value(match["value"], self.lines[at + 1 :])
        if value == [] and len(match["key"].split()) > _WORDS_OF_A_KEY:
            return  # `Who may read it is said so:`
        named = bool(heading) or (self.headed and not self.fenced)  # `# Groups: an overview`: not by a name alone
        clear = bool(match["mark"]) and _is_clear(match["key"], value)
        if not named or match["field"] or clear or isinstance(value, list) or says_restricted(value):
            strict = not self.headed and self.fenced and not wrapped
            yield _Entry(at + 1, match["key"].strip(), value, strict or bool(match["field"]))
        self.headed = self.headed or bool(heading and not self.fenced)
        self.key_above = True

    def _goes_on(self, at: int, line: str, bare: str) -> bool:
        """Whether a line without a key is no prose."""
        after = self.lines[at + 1].strip() if at + 1 < len(self.lines) else ""
        heading = _HEADING.fullmatch(bare)
        if heading or (not self.fenced and _UNDERLINE.fullmatch(after)):
            self.headed, self.underline = True, -1 if heading else at + 1
            return True
        if self.whole or self.commented or _COMMENT.fullmatch(bare) or _BESIDE.fullmatch(bare):
            return True
        if _pair(self.lines, at) or bare.startswith("|"):
            return True
        return (self.fenced or self.key_above) and bool(_MORE.match(line))


def _block(lines: Sequence[str], at: int) -> Sequence[str]:
    """The lines of the front matter that the fence in this line opens; none where it is a rule or holds prose."""
    opening = _OPENING.fullmatch(lines[at].strip())
    if not opening:
        return ()
    ends = (opening["sign"], "..." if opening["sign"] == "---" else opening["sign"])
    inner = lines[at + 1 : at + 1 + _LONGEST_BLOCK]
    end = next((n for n, line in enumerate(inner) if line.strip() in ends), 0)
    filled = [line for line in inner[:end] if line.strip()]
    like = sum(bool(_METADATA.match(line)) for line in filled)
    return inner[:end] if filled and 2 * like >= len(filled) else ()


def _blocks(lines: Sequence[str]) -> Iterator[_Entry]:
    """The keys of front matter that stands somewhere in a text, outside of code."""
    coded = ""
    end = -1
    for at, line in enumerate(lines):
        bare = line.strip()
        if code := _CODE_FENCE.match(bare):
            coded = "" if coded and bare.startswith(coded) else coded or code[0]
        if code or coded or at <= end or not bare or at + 1 == len(lines) or not lines[at + 1].strip():
            continue
        block = _block(lines, at)
        for number, inner in enumerate(block, at + 2):
            if match := _KEY_LINE.fullmatch(inner.strip()):
                yield _Entry(number, match["key"].strip(), _value(match["value"], lines[number:]), False)
        end = at + 1 + len(block) if block else end


def _comments(head: str) -> Iterator[_Entry]:
    """The keys in comments, which no reader of a page sees, wherever they stand."""
    for comment in _COMMENTS.finditer(head):
        lines = _LINE_ENDS.split(plainly(comment[1] or comment[2] or ""))
        first = head.count("\n", 0, comment.start()) + 1
        for number, line in enumerate(lines):
            if match := _KEY_LINE.fullmatch(line.strip()):
                yield _Entry(first + number, match["key"].strip(), _value(match["value"], lines[number + 1 :]), False)


def _inline(text: str, line: int, *, strict: bool) -> Iterator[_Entry]:
    for one in _INLINE.finditer(text):
        yield _Entry(line, one["key"], _value(one["value"], ()), strict)


def _pair(lines: Sequence[str], at: int) -> tuple[str, Json] | None:
    """What a row of two cells, or a term with its definition in the next line, says of what; None where it is neither."""
    bare, after = lines[at].strip(), lines[at + 1].strip() if at + 1 < len(lines) else ""
    if bare.startswith("|") and not _RULE_OF_TABLE.fullmatch(bare):
        cells = [cell.strip(" *_`") for cell in bare.strip("|").split("|")]
        return (cells[0], _value(cells[1], ())) if len(cells) == 2 and cells[0] else None
    return (bare.strip("*_`"), _value(after[1:], ())) if re.match(r":\s+\S", after) and len(bare) <= 40 else None


def _is_clear(key: str, value: Json) -> bool:
    """Whether what stands in a list or a table is a mark by a name alone."""
    return is_sure(key) or says_restricted(value)


def _value(raw: str, following: Sequence[str]) -> Json:
    """What stands behind a key: a text, or a list where it looks like one; also over the lines that follow."""
    text = raw.strip().rstrip(",").strip()
    if not text or text.startswith("#"):
        items: list[Json] = []
        for line in following:
            if not (line.strip() and _MORE.match(line)):
                break
            items.append(line.strip(" \t-*+\"',"))
        return items
    if text[0] in "[{(":
        return [part for part in (piece.strip(" \t\"'[](){}") for piece in text.split(",")) if part]
    return re.sub(r"\s+#.*$", "", text).strip(" \t\"'`*_")
