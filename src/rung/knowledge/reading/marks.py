"""What looks like a mark of restriction: keys, lines, columns and tags that seem to say who may read a document.

Only `groups` is understood, in the places that `access` names. This is for everything else: a document that carries such a
mark is left out, never made public. Pure: texts and values in, the mark that was seen out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from rung.records import Json

GROUPS = "groups"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# A key is a mark if one of its words says access and all others go with such a word: `allowed_groups`, not `age_group`.
# English, German, French, Spanish, without accents. At the head of a text, a plain one needs only a name behind it.
_PLAIN = _set(
    "groups acl acls restrict restricts restricted restriction restrictions allow allows allowed allowlist deny denied"
    " clearance clearances entitlement entitlements confidential confidentiality authorized authorised principals"
    " gruppen zugriff zugriffsrechte leserechte berechtigung berechtigungen vertraulich vertraulichkeit"
    " groupes autorises autorisations confidentiel confidentielle confidentialite restreint"
    " grupos permisos autorizados confidencial confidencialidad restringido"
)
_VAGUE = _set(
    "group access accessible accessrights permission permissions role roles visibility visible readable viewable viewer"
    " viewers reader readers tenant tenants private internal secret"
    " gruppe rolle rollen sichtbarkeit sichtbar intern privat groupe acces visibilite interne prive"
    " grupo acceso rol visibilidad interno privado"
)
# Words that ordinary documents use too: marks only where the value itself restricts.
_SOFT = _set("audience classification classified sensitivity security distribution sharing share status public")
_BESIDE = _set(
    "to by for of only list lists level levels control controls right rights rule rules policy policies id ids name names"
    " read see view write edit user users team teams member members ldap ad iam rbac document documents doc docs file files"
    " page pages content who can may x rung required requires require min minimum meta dc dcterms terms label labels"
    " tag tags mode type types"
)
_RESTRICTING = _set(
    "private internal restricted confidential secret classified hidden staff employees personal"
    " intern vertraulich privat geheim mitarbeiter interne confidentiel prive secrete interno confidencial privado"
)
_EVERYBODY = _set("public everyone everybody anyone all any open world offentlich alle tous todos publico")
_IF_TRUE = _RESTRICTING | _set("restrict restreint restringido confidentielle denied")  # `restricted: false` is open
_IF_FALSE = _set("public visible readable viewable accessible sichtbar")  # `public: true` is open
_TRUTH = dict.fromkeys(_set("true yes on ja oui si"), True) | dict.fromkeys(_set("false no off none nein"), False)
_TURNS = _set("user assistant system tool developer function human ai bot")  # `role` of a chat
_HOLDERS = _set("meta metadata frontmatter params extra custom rung")
_TEXTS = _set("text content body pagecontent markdown html")
_HEADS = 5  # rows in which a table's heads may stand
_HEAD = 65_536  # characters in which a mark before the text is looked for
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_LINE_ENDS = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_KEY = r"[\"'`*_]*(?P<key>[^\W\d_][\w .-]{0,40}?)[\"'`*_]*\s*"
_KEY_LINE = re.compile(rf"(?:[-*+]\s+)?(?P<field>:?){_KEY}(?P<sign>:(?!//)|=)[*_]*(?P<value>.*)")
_INLINE = re.compile(r"[{,]\s*[\"']?(?P<key>[^\W\d_][\w .-]{0,40}?)[\"']?\s*:\s*(?P<value>\[[^\]]*\]|[^,}]*)")
_FENCE = re.compile(
    r"(?:-{3,}|\+{3,}|;{3,}|`{3,}|~{3,}|\*{3,}|={3,}|_{3,}|[—–]+|<!--+|--+>|/\*+|\*+/|[{}]|\"{3}|'{3})[\w :]*(?:#.*)?"
)
_COMMENT = re.compile(r"(?:#\+|<!--+|//+|/\*+|\*(?!\*)|[%;]+|\.\.|\{[#%])\s*(?P<said>.*?)\s*(?:--+>|\*+/|[#%]\})?")
_HEADING = re.compile(r"#{1,6}\s+(?P<said>.*)")
_UNDERLINE = re.compile(r"([=\-~^*+#])\1{2,}")
_MORE = re.compile(r"\s+\S|[-*+]\s|[\]})]+,?$")  # of the value of the key above
_WRITTEN_OUT = re.compile(r"(?:^|; )([^:;|]{1,60}): ")
_TAG = re.compile(r"<meta\b[^<>]{0,2000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(name|property|itemprop|content)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


def plainly(text: str) -> str:
    """A text as it is seen: without zero-width characters, marks of order and soft hyphens, odd spaces as plain ones."""
    if text.isascii():
        return text
    return "".join(" " if (kind := unicodedata.category(c)) == "Zs" else c if kind != "Cf" else "" for c in text)


@lru_cache(maxsize=16_384)
def words_of(key: str) -> tuple[str, ...]:
    """The words of a key without case and accents.

    >>> words_of("allowedGroups"), words_of("Accès_rights ")
    (('allowed', 'groups'), ('acces', 'rights'))
    """
    bare = unicodedata.normalize("NFKD", _CAMEL.sub(" ", plainly(key)))
    return tuple(re.findall(r"[^\W_]+", "".join(c for c in bare if not unicodedata.combining(c)).casefold()))


@lru_cache(maxsize=16_384)
def kind_of(key: str) -> str:
    """Whether a key is a "plain" mark, a "vague" one, a "soft" one, which only its value makes one; "" if it is none."""
    words = frozenset(words_of(key))
    said = words & (_PLAIN | _VAGUE | _SOFT)
    if words & {"who", "can", "may"} and words & {"read", "see", "view"}:
        said |= {GROUPS}
    if not said or words - said - _BESIDE:
        return ""
    if said <= _SOFT:
        return "soft"
    return "plain" if said & _PLAIN or len(words) > 1 else "vague"


def restricts(key: str, value: Json) -> bool:
    """Whether this key with this value restricts, in a place that is for metadata: front matter, a row, a sidecar.

    >>> restricts("allowed_groups", ["staff"]), restricts("visibility", "public"), restricts("age_group", "40-49")
    (True, False, False)
    """
    kind = kind_of(key)
    if not kind or _is_open(key, value):
        return False
    if kind == "soft":
        return _says_restricted(value) or (_truth(value) is not None and words_of(key) in (("public",), ("classified",)))
    return not (words_of(key) == ("role",) and isinstance(value, str) and value.strip().casefold() in _TURNS)


def restricts_in_words(key: str, value: Json) -> bool:
    """The same where ordinary words may stand too, as `Access: the building opens at 8.`: the value must be names.

    Behind a vague key it must be a list, or say that it restricts.
    """
    if not restricts(key, value):
        return False
    if isinstance(value, (list, dict)) or _says_restricted(value):
        return True
    return kind_of(key) == "plain" and isinstance(value, str) and _are_names(value)


def in_values(values: Mapping[str, Json]) -> str:
    """The first key, as a path, that restricts among the values of a document; `groups` itself, at the top, is not meant.

    In what is called `meta`, `metadata` and the like all marks count, in other objects those that count among words.
    """
    waiting: list[tuple[str, Mapping[str, Json], bool]] = [("", values, True)]
    while waiting:
        path, some, strict = waiting.pop()
        for key, value in some.items():
            at = f"{path}{key}"
            if at != GROUPS and (restricts if strict else restricts_in_words)(key, value):
                return at
            held = strict and "".join(words_of(key)) in _HOLDERS
            waiting += [(f"{at}.", inner, held) for inner in _objects(value)]
    return ""


def in_json(value: Json) -> str:
    """The first key that restricts in JSON that is read as text; "" where there is none.

    Looked at are the object, or the objects of the list, and what is called `meta` in them, and every object with a text.
    """
    waiting = [(inner, True, False) for inner in _objects(value)]
    while waiting:
        some, outer, strict = waiting.pop()
        strict = strict or any("".join(words_of(key)) in _TEXTS and isinstance(text, str) for key, text in some.items())
        for key, said in some.items():
            if (strict and restricts(key, said)) or (outer and restricts_in_words(key, said)):
                return key
            held = "".join(words_of(key)) in _HOLDERS
            waiting += [(inner, outer and held, strict and held) for inner in _objects(said)]
    return ""


def in_table(rows: Sequence[Sequence[str]]) -> str:
    """The head of a column that says who may read a row; "" where there is none.

    Tables whose rows are documents (a column is called text, or content) may have no mark; others, in which a group
    may be one of anything, no column called `groups`, `acl`, `allowed_roles` and the like.
    """
    for row in rows[:_HEADS]:
        documents = any("".join(words_of(head)) in _TEXTS for head in row)
        for head in row:
            kind, words = kind_of(head), words_of(head)
            if words in ((GROUPS,), ("acl",), ("acls",)) or (kind == "plain" and len(words) > 1):
                return head.strip()
            if documents and kind in ("plain", "vague"):
                return head.strip()
    return ""


def in_tables(text: str) -> str:
    """The same of the tables in a Markdown text that was made from a workbook or a CSV file, long ones written out."""
    block: list[list[str]] = []
    known: set[tuple[str, ...]] = set()
    for line in text.splitlines():
        if line.startswith("|"):
            if len(block) < _HEADS:
                block.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if block and (head := in_table(block)):
            return head
        block = []
        heads = tuple(_WRITTEN_OUT.findall(line))
        if heads not in known and (head := in_table([heads])):
            return head
        known.add(heads)
    return in_table(block)


def in_html(page: str) -> str:
    """The name of a `<meta>` tag that restricts a page; "" where there is none."""
    for tag in _TAG.findall(page[:_HEAD]):
        said = {name.lower(): one or other or bare for name, one, other, bare in _ATTRIBUTE.findall(tag)}
        name = said.get("name") or said.get("property") or said.get("itemprop") or ""
        if restricts(re.split(r"[.:]", name)[-1], said.get("content", "")):
            return name
    return ""


def in_text(text: str, start: int = 0, *, code: bool = False) -> tuple[int, str] | None:
    """Line (from 1) and key of the mark that stands before the prose of a text, from `start` on; None: there is none.

    Front matter that was not read stands there: behind a blank line, a comment or a heading, in a code block or a comment,
    without its `---`, between `+++`, as JSON, as a field list (`:groups: staff`). In `code`, `name = value` is no mark.
    """
    before = text.count("\n", 0, start)
    lines = [plainly(line) for line in _LINE_ENDS.split(text[start : start + _HEAD])]
    for number, key, value, strict in _before_prose(lines, "" if code else "="):
        if (restricts if strict else restricts_in_words)(key, value):
            return before + number, key
    return None


def _before_prose(lines: Sequence[str], signs: str) -> Iterator[tuple[int, str, Json, bool]]:
    """(line, key, value, whether it stands where only metadata stands) of all keys before the first line of prose."""
    fenced = headed = key_above = commented = False
    underline = -1
    for at, line in enumerate(lines):
        bare, after = line.strip(), lines[at + 1].strip() if at + 1 < len(lines) else ""
        if not bare or at == underline:
            key_above = key_above and bool(bare)
            continue
        if bare.startswith(("<!--", "/*")):
            commented = True
        closed = commented and bare.endswith(("-->", "*/"))
        if _FENCE.fullmatch(bare):
            fenced, commented = fenced != (not commented), commented and not closed
            continue
        heading, comment = _HEADING.fullmatch(bare), _COMMENT.fullmatch(bare)
        wrapped = heading or comment
        said = _KEY_LINE.fullmatch(wrapped["said"] if wrapped else bare)
        strict = not headed and fenced and not wrapped
        if bare.startswith("{") and not comment:
            yield from ((at + 1, one["key"], _value(one["value"], ()), not headed) for one in _INLINE.finditer(bare))
        elif said and (said["sign"] == ":" or said["sign"] in signs or fenced):
            value = _value(said["value"], lines[at + 1 :])
            named = bool(heading) or (headed and not fenced)  # `# Groups: an overview`: not by a name alone
            if not named or said["field"] or isinstance(value, list) or _says_restricted(value):
                yield at + 1, said["key"].strip(), value, strict or bool(said["field"])
            headed, key_above = headed or bool(heading and not fenced), True
        elif heading or (not fenced and _UNDERLINE.fullmatch(after)):
            headed, underline = True, -1 if heading else at + 1
        elif not (comment or commented or ((fenced or key_above) and _MORE.match(line))):
            return
        commented = commented and not closed


def _value(said: str, following: Sequence[str]) -> Json:
    """What stands behind a key: a text, or a list where it looks like one; also over the lines that follow."""
    text = said.strip().rstrip(",").strip()
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


def _objects(value: Json) -> list[dict[str, Json]]:
    """An object, or the objects of a list and of the lists in it."""
    found: list[dict[str, Json]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            found.append(one)
        elif isinstance(one, list):
            waiting += one
    return found


def _truth(value: Json) -> bool | None:
    """A truth value, also in words; None where it is none."""
    return value if isinstance(value, bool) else _TRUTH.get(value.strip().casefold()) if isinstance(value, str) else None


def _is_open(key: str, value: Json) -> bool:
    """Whether a value says nothing, or that there is no restriction."""
    if isinstance(value, list):
        return all(item is None or (isinstance(item, str) and _is_open(key, item)) for item in value)
    if value is None or value == {} or (isinstance(value, str) and not plainly(value).strip()):
        return True
    words, truth = frozenset(words_of(key)), _truth(value)
    if truth is not None:
        return bool(words & _IF_FALSE) if truth else bool(words & _IF_TRUE)
    return isinstance(value, str) and len(value) <= 40 and (value.strip() == "*" or " ".join(words_of(value)) in _EVERYBODY)


def _says_restricted(value: Json) -> bool:
    """Whether a short text, or one of a list, has a word such as internal or staff."""
    items = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str) and len(item) <= 80]
    return any(len(words) <= 6 and not _RESTRICTING.isdisjoint(words) for words in map(words_of, items))


def _are_names(value: str) -> bool:
    """Whether a text is a name, or several with commas, and no sentence."""
    parts = [part.strip() for part in value.split(",")]
    return not value.endswith((".", "!", "?", ":")) and all(0 < len(p) <= 40 and len(p.split()) <= 3 for p in parts)
