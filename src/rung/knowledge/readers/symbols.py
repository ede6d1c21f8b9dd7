"""Letters of the fonts whose letters are pictures (Symbol, Wingdings) as the characters that they show.

After the tables of the Unicode Consortium (SYMBOL.TXT) and of its proposal for Wingdings (L2/12-130).
"""

from __future__ import annotations

import re

_FIRST = 33  # the code of the first letter in each table
_PRIVATE = 0xF000  # where Office puts such letters in Unicode
_UNKNOWN = "\ufffd"
_SYMBOL = (
    "!∀#∃%&∍()*+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}~��"
    "�������������������������������€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊"
    "〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"
)
_WINGDINGS = (
    "🖉✂✁👓🕭🕮🕯🕿✆🖂🖃📪📫📬📭🗀🗁🗎🗏🗐🗄⌛🖮🖰🖲🖳🖴🖫🖬✇✍🖎✌🖏👍👎☜☞☝☟🖐☺😐☹💣🕱🏳🏱✈☼🌢❄🕆✞🕈✠✡☪☯🕉☸♈♉♊"
    "♋♌♍♎♏♐♑♒♓🙰🙵⚫🔾◼🞏🞐❑❒🞟⧫◆❖⬩⌧⮹⌘🏵🏶🙶🙷▯🄋➀➁➂➃➄➅➆➇➈➉🄌➊➋➌➍➎➏➐➑➒➓🙢🙠🙡🙣🙞🙜🙝🙟∙•⬝"
    "⭘🞆🞈🞊🞋🔿▪🞎🟁🟅★🟋🟏🟓🟑⯐⌖⯎⯏⯑✪✰🕐🕑🕒🕓🕔🕕🕖🕗🕘🕙🕚🕛⮰⮱⮲⮳⮴⮵⮶⮷🙪🙫🙕🙔🙗🙖🙐🙑🙒🙓⌫⌦⮘⮚⮙⮛⮈⮊⮉⮋🡨🡪"
    "🡩🡫🡬🡭🡯🡮🡸🡺🡹🡻🡼🡽🡿🡾⇦⇨⇧⇩⬄⇳⬁⬀⬃⬂🢬🢭✗✓☒☑"
)
_TABLES = {"symbol": _SYMBOL, "wingdings": _WINGDINGS}
_PRIVATE_LETTERS = re.compile("[\uf020-\uf0ff]")


def letter(font: str, code: int) -> str:
    """What a letter of a font shows; "" where that is not known. Letters of other fonts are what their code says."""
    table = _TABLES.get(font.strip().lower())
    index = (code - _PRIVATE if code >= _PRIVATE else code) - _FIRST
    if table is None:
        return chr(code) if code < _PRIVATE or code > _PRIVATE + 0xFF else ""
    if index == -1:
        return " "
    return table[index].replace(_UNKNOWN, "") if 0 <= index < len(table) else ""


def shown(text: str, font: str) -> str:
    """A text in which letters of the private range became what they show in a font; those of unknown fonts stay."""
    return _PRIVATE_LETTERS.sub(lambda match: letter(font or "Symbol", ord(match[0])) or match[0], text)
