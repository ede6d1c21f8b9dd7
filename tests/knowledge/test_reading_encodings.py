"""Do bytes say what their author wrote, whatever label they carry and whatever was left to guess?"""

from __future__ import annotations

import pytest

from rung.knowledge.readers.encodings import decode, guess, meant

TEXTS = {
    "cp1252": (
        "Die Größe der Straße für müde Füße: „gemütlich“ – 5 €. Änderungen sind möglich.",
        "L’été dernier, les élèves ont réussi à écrire. Ça coûte 5 € à l’entrée – « déjà réglé ».",
        "¿Cuándo llegará el señor Muñoz? La reunión será mañana, según la información pública.",
        "A informação não está disponível às três. São João é a festa da região; atenção!",
        "Åren går och älven rinner. Här är öppet på lördagar för alla små bärplockare.",
        "The vendor’s “final” offer – as agreed – isn’t valid… The buyer’s price is £5 or €6 • per unit.",
    ),
    "cp1250": (
        "Łódź i Kraków są pięknymi miastami. Zażółć gęślą jaźń, proszę bardzo, później.",
        "Příliš žluťoučký kůň úpěl ďábelské ódy. Výroční zpráva společnosti za období.",
    ),
    "cp1251": ("Съешь ещё этих мягких французских булок, да выпей чаю. Отчёт опубликован.",),
    "cp1254": ("Türkiye'nin başkenti Ankara'dır. Şirketin yıllık raporu yayımlandı; ücretleri ödendi. İğne ğ.",),
    "shift_jis": ("日本語のテキストです。会社の年次報告書が公開されました。",),
    "gb18030": ("公司年度报告已经公布，请查看详细内容。",),
}


@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
@pytest.mark.parametrize("times", [1, 20])
def test_encodings_are_guessed(encoding: str, text: str, times: int) -> None:
    data = (text * times).encode(encoding)
    assert data.decode(guess(data)) == text * times
    found, note = decode(data)
    assert found == text * times
    assert "is not UTF-8" in note


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        (b"5 \x80 \x93now\x94", "iso-8859-1", "5 € “now”"),
        (b"5 \x80", "Latin1", "5 €"),
        (b"5 \x80", "us-ascii", "5 €"),
        (b"\x81 \x80", "ISO_8859-1", "\x81 €"),
        ("Łódź".encode("iso-8859-2"), "iso-8859-2", "Łódź"),
        ("ş".encode("cp1254"), "iso-8859-9", "ş"),
        ("é".encode(), "latin-1", "é"),
        ("日本".encode("iso2022_jp"), "iso-2022-jp", "日本"),
        ("日本".encode("iso2022_jp"), "", "日本"),
        ("漢".encode("gb18030"), "gb2312", "漢"),
        ("é".encode("utf-16"), "utf-8", "é"),
    ],
)
def test_a_label_is_believed_where_it_fits(data: bytes, label: str, text: str) -> None:
    assert decode(data, label) == (text, "")


@pytest.mark.parametrize("label", ["utf-8", "utf-16", "nonsense", "base64", "rot13", "unicode_escape", "idna", "\x00", ""])
def test_a_label_that_does_not_fit_is_not_believed(label: str) -> None:
    text, note = decode(b"caf\xe9 \\u0041", label)
    assert text == "café \\u0041"
    assert "was read as Windows-1252" in note


def test_labels() -> None:
    assert [meant(label) for label in ("latin-1", " ISO-8859-1 ", "ascii", "utf8", "x")] == ["cp1252"] * 3 + ["utf-8", ""]
