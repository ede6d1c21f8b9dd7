"""Which keys and values say that not everybody may read: the vocabulary, in several languages, and what is made of it.

Where such keys are looked for is left to `marks` and `mark_lines`. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rung.records import Json

GROUPS = "groups"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# A key is a mark if one of its words says access and all others go with such a word: `allowed_groups`, not `age_group`.
# Without accents (also グ is ク). At the head of a text, a plain one needs only a name behind it.
_GROUP = _set("groups acl acls gruppen groupes grupos gruppi groepen grupy группы 权限 群组 用户组 クルーフ 権限")
_PLAIN = _GROUP | _set(
    "restrict restricts restricted restriction restrictions allow allows allowed allowlist deny denies denied"
    " clearance clearances entitlement entitlements confidential confidentiality authorized authorised principals"
    " zugriff zugriffs zugriffsrechte leserechte berechtigung berechtigungen vertraulich vertraulichkeit vertraulichkeits"
    " autorises autorisations confidentiel confidentielle confidentialite restreint"
    " permisos autorizados confidencial confidencialidad restringido restrito"
    " permessi riservato vertrouwelijk toegang uprawnienia poufne доступ конфиденциально 机密 保密 機密 アクセス"
)
_VAGUE = _set(
    "group access accessible accessrights permission permissions role roles visibility visible readable viewable viewer"
    " viewers reader readers tenant tenants private internal secret protected tlp perms accesses grp"
    " gruppe rolle rollen sichtbarkeit sichtbar intern privat leser groupe acces visibilite interne prive"
    " grupo acceso acesso accesso rol visibilidad interno privado группа роли роль 角色 可见性"
)
# Words that ordinary documents use too: marks only where the value itself restricts.
_PUBLIC = _set("public offentlich publico publique pubblico openbaar")
_LEVELLED = _set("classification classified sensitivity security")
_SOFT = _PUBLIC | _LEVELLED | _set("audience distribution sharing share status rights droits derechos reserve exclusive")
_LABELS = _set("tag tags keyword keywords category categories label labels type kind level")  # only with `_LABEL` as value
_BESIDE = _set(
    "to by for of only list lists level levels control controls right rights rule rules policy policies id ids name names"
    " read see view write edit use user users team teams member members ldap ad iam rbac document documents doc docs file"
    " files page pages content who can may x rung required requires require min minimum meta dc dcterms terms label labels"
    " tag tags mode type types is has non not default email emails excluded"
    " lese stufe rechte fur fuer nur aux para pour"
)
_NAMING = _set(
    "sso azure entra okta saml oidc kb target my own department departments domain domains"
)  # not in plain tables
_SHOWN = _set("visible readable viewable accessible public")
_OUTSIDERS = _set("customer customers client clients partner partners external")  # with `_SHOWN` alone
_CLOSED_TO = _set("member members team teams staff employee employees admin admins subscriber subscribers")
_LOGIN = _set("login auth authentication authorization signin")
_PHRASES = _set(
    "sharedwith availableto limitedto readby reservedfor reservedto reserveaux eyesonly needtoknow nurfur"
    " nurfuer visiblepara"
    " requiresauth requireslogin restreinta hasaccess"
)
_DENYING = _set(
    "deny denies denied restrict restricts restricted limited excluded"
)  # there `everybody` is the opposite of open
_NEGATING = _set("non not")
_RESTRICTING = _set(
    "private internal restricted confidential secret classified hidden staff employees personal personnel hr"
    " intern vertraulich privat geheim mitarbeiter interne confidentiel prive secrete interno confidencial privado"
    " restrito riservato vertrouwelijk poufne конфиденциально 机密 保密 機密"
)
_LABEL = _set(
    "internal restricted confidential classified intern vertraulich geheim interne confidentiel restreint"
    " interno confidencial"
    " restrito riservato vertrouwelijk poufne конфиденциально 机密 保密 機密"
)
_CONFIDENTIAL = _set(
    "confidential vertraulich confidentiel confidentielle confidencial riservato vertrouwelijk poufne"
    " конфиденциально 机密 機密"
)
_STRESSING = _set("strictly highly company commercially streng strikt strictement estrictamente private and top most")
_EVERYBODY = _set(
    "public everyone everybody anyone all any open world offentlich alle tous todos publico tutti"
    " iedereen wszyscy все 所有人"
)
_IF_TRUE = (
    _RESTRICTING
    | _CLOSED_TO
    | _set(
        "restrict restreint restringido confidentielle deny denied protected only required requires"
        " requiresauth requireslogin"
    )
)  # `restricted: false` is open
_IF_FALSE = _PUBLIC | _set("visible readable viewable accessible sichtbar")  # `public: true` is open
_TRUTH = dict.fromkeys(_set("true yes on ja oui si sim да 是 1"), True)
_TRUTH |= dict.fromkeys(_set("false no off none nein non nee nao não нет 否 n 0"), False)
_TURNS = _set("user assistant system tool developer function human ai bot")  # `role` of a chat
_KINDS = _set("list array string str object boolean bool int integer number optional any")  # in tables of options
_NOT_ONLY = _set("read view write")  # `read only`
_CODE = re.compile(r"(?:c[2-5]|vs[ -]?(?:nfd|v)|ts|tlp[: ]*(?:red|amber|green)|level [2-5]|high|hoch)\b", re.IGNORECASE)
_LEVEL_FROM = 2
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_ALIKE = str.maketrans("аеорсухіјѕԁһкмтвнοαρυνικ", "aeopcyxijsdhkmtbhoapuvik")  # Cyrillic and Greek letters as they look
_KNOWN = _PLAIN | _VAGUE | _SOFT | _BESIDE | _NAMING | _CLOSED_TO | _LOGIN
_LONGEST_WORD = 40
_BANNER_WORDS = 8
_USE_ONLY = re.compile(
    r"(?:for )?(?:company |strictly )?internal (?:use )?only|restricted to (?:\w+ ?){1,3}|top secret"
    r"|nur fur den (?:internen |dienst)gebrauch|(?:hr|staff|employees|members|management|board) only"
)


def plainly(text: str) -> str:
    """A text as it is seen: without zero-width characters, marks of order and soft hyphens, odd spaces as plain ones."""
    if text.isascii():
        return text
    return "".join(" " if (kind := unicodedata.category(c)) == "Zs" else c if kind != "Cf" else "" for c in text)


@lru_cache(maxsize=16_384)
def words_of(key: str) -> tuple[str, ...]:
    """The words of a key without case and accents, letters of another alphabet amid Latin ones as they look.

    >>> words_of("allowedGroups"), words_of("Accès_rights ")
    (('allowed', 'groups'), ('acces', 'rights'))
    """
    bare = unicodedata.normalize("NFKD", _CAMEL.sub(" ", plainly(key)))
    bare = unicodedata.normalize("NFC", "".join(c for c in bare if not unicodedata.combining(c))).casefold()
    return tuple(
        word if word.isascii() or not re.search("[a-z]", word) else word.translate(_ALIKE)
        for word in re.findall(r"[^\W_]+", bare)
    )


@lru_cache(maxsize=16_384)
def _parts(word: str) -> tuple[str, ...]:
    """A word that is several known ones written together as those, without a number behind it; else the word.

    >>> _parts("allowedgroups"), _parts("group1"), _parts("grouping")
    (('allowed', 'groups'), ('group',), ('grouping',))
    """
    bare = word.rstrip("0123456789") or word
    return _split(bare[:_LONGEST_WORD]) or (bare,)


@lru_cache(maxsize=65_536)
def _split(word: str) -> tuple[str, ...]:
    if word in _KNOWN:
        return (word,)
    for at in range(len(word) - 2, 1, -1):
        if word[:at] in _KNOWN and (rest := _split(word[at:])):
            return (word[:at], *rest)
    return ()


@lru_cache(maxsize=16_384)
def parts_of(key: str) -> frozenset[str]:
    """The words of a key, also of those that are written together."""
    return frozenset(part for word in words_of(key) for part in _parts(word))


@lru_cache(maxsize=16_384)
def kind_of(key: str) -> str:
    """Whether a key is a "plain" mark, a "vague" one, a "soft" one, which only its value makes one; "" if it is none."""
    words = parts_of(key)
    if "".join(words_of(key)) in _PHRASES:
        return "vague"
    naming = words & (_PLAIN | _VAGUE | _SOFT)
    if words & {"who", "can", "may"} and words & {"read", "see", "view"}:
        naming |= {GROUPS}
    if ("only" in words and words & _CLOSED_TO) or (words & _LOGIN and words & {"required", "require", "requires"}):
        return "vague" if not words - naming - _BESIDE - _CLOSED_TO - _LOGIN else ""
    others = words - naming - _BESIDE - _NAMING
    if not naming or (others and not (others <= _OUTSIDERS and naming <= _SHOWN)):
        return ""
    if naming <= _SOFT:
        return "soft"
    return "plain" if naming & _PLAIN or len(words) > 1 else "vague"


def is_sure(key: str) -> bool:
    """Whether a key says so clearly who may read that a name behind it is enough, whatever stands around: `Groups: hr`."""
    return kind_of(key) == "plain" and (len(parts_of(key)) > 1 or not _GROUP.isdisjoint(parts_of(key)))


def is_of_a_column(head: str) -> bool:
    """The same of the head of a column in a table of anything, in which a group may be one of products or of persons."""
    words = parts_of(head)
    if words & (_NAMING | _OUTSIDERS):
        return False
    return words_of(head) in ((GROUPS,), ("acl",), ("acls",)) or (kind_of(head) == "plain" and len(words) > 1)


def restricts(key: str, value: Json) -> bool:
    """Whether this key with this value restricts, in a place that is for metadata: front matter, a row, a sidecar.

    >>> restricts("allowed_groups", ["staff"]), restricts("visibility", "public"), restricts("age_group", "40-49")
    (True, False, False)
    """
    kind = kind_of(key)
    if not kind:
        words = frozenset(words_of(key))
        return bool(words & _LABELS) and not words - _LABELS - _BESIDE and _is_label(value)
    if _is_open(key, value):
        return False
    if kind == "soft":
        return says_restricted(value) or _has_level(key, value) or _is_not_public(key, value)
    return not (words_of(key) == ("role",) and isinstance(value, str) and value.strip().casefold() in _TURNS)


def restricts_in_words(key: str, value: Json) -> bool:
    """The same where ordinary words may stand too, as `Access: the building opens at 8.`: the value must be names.

    Behind a vague key it must be a list, or say that it restricts.
    """
    kind = kind_of(key)
    if not kind or not restricts(key, value):
        return False
    if isinstance(value, (list, dict)) or says_restricted(value) or (kind != "soft" and _says_only(value)):
        return True
    return kind == "plain" and isinstance(value, str) and _are_names(value)


@lru_cache(maxsize=4096)
def is_banner(line: str) -> bool:
    """Whether a line alone says that a document is not for everybody: `CONFIDENTIAL`, `For internal use only`.

    >>> is_banner("STRICTLY CONFIDENTIAL - HR only"), is_banner("Confidential computing"), is_banner("Confidential")
    (True, False, True)
    """
    words = words_of(line)
    if not words or len(words) > _BANNER_WORDS:
        return False
    if _USE_ONLY.fullmatch(" ".join(words)):
        return True
    head = words_of(re.split(r"\s[-–—|/(]|[:;,.!(]", line.strip(" *_#>"), maxsplit=1)[0])
    return bool(head) and head[-1] in _CONFIDENTIAL and set(head[:-1]) <= _STRESSING


def _truth(key: str, value: Json) -> bool | None:
    """A truth value, also in words; None where it is none. `not_public: true` is what `public: false` is."""
    truth = value if isinstance(value, bool) else _TRUTH.get(str(value).strip().casefold())
    return truth if truth is None or parts_of(key).isdisjoint(_NEGATING) else not truth


def _is_open(key: str, value: Json) -> bool:
    """Whether a value says nothing, or that there is no restriction."""
    if isinstance(value, list):
        return all(item is None or (isinstance(item, str) and _is_open(key, item)) for item in value)
    if value is None or value == {} or (isinstance(value, str) and not plainly(value).strip()):
        return True
    words, truth = parts_of(key), _truth(key, value)
    if truth is not None:
        return bool(words & _IF_FALSE) if truth else bool(words & _IF_TRUE)
    if not isinstance(value, str) or len(value) > _LONGEST_WORD:
        return False
    text = " ".join(words_of(value))
    if words & {"tlp"} and text in ("clear", "white"):
        return True
    return words.isdisjoint(_DENYING) and (value.strip() == "*" or text in _EVERYBODY)


def _is_not_public(key: str, value: Json) -> bool:
    """Whether a key that only asks whether something is public is answered with no."""
    words = parts_of(key) - _NEGATING - {"is"} - _OUTSIDERS
    return _truth(key, value) is not None and (words <= _PUBLIC or words == {"classified"})


def _items(value: Json) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str) and len(item) <= 80]


def says_restricted(value: Json) -> bool:
    """Whether a short text, or one of a list, has a word such as internal or staff."""
    return any(len(words) <= 6 and not _RESTRICTING.isdisjoint(words) for words in map(words_of, _items(value)))


def _says_only(value: Json) -> bool:
    """Whether it says for whom alone: `HR only`, `nur Personalabteilung`."""
    phrases = [words for words in map(words_of, _items(value)) if 2 <= len(words) <= 5]
    return any((w[-1] == "only" and w[-2] not in _NOT_ONLY) or w[0] in ("nur", "only", "solo") for w in phrases)


def _has_level(key: str, value: Json) -> bool:
    """Whether the level of a classification is one that restricts: C3, VS-NfD, TLP:RED, high; a number from 2 on."""
    words = parts_of(key)
    if words.isdisjoint(_LEVELLED):
        return False
    if isinstance(value, int) and not isinstance(value, bool):
        return "level" in words and value >= _LEVEL_FROM
    return any(_CODE.match(item.strip()) for item in _items(value))


def _is_label(value: Json) -> bool:
    """Whether one of the labels is a restricting word alone, as in `tags: [confidential]` and `type: internal`."""
    items = [part for item in _items(value) for part in item.split(",")]
    return any(len(words) == 1 and words[0] in _LABEL for words in map(words_of, items))


def _are_names(value: str) -> bool:
    """Whether a text is a name, or several with commas, and no sentence."""
    parts = [part.strip() for part in value.split(",")]
    if value.endswith((".", "!", "?", ":")) or value.casefold() in _KINDS:
        return False
    return all(0 < len(p) <= _LONGEST_WORD and len(p.split()) <= 3 for p in parts)
