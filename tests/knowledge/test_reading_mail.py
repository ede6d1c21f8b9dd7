"""Are all the words of a mail read, whatever its parts, and is what is attached read or named?"""

from __future__ import annotations

from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from tests.knowledge.reading import case, given, text_of


def mail(*parts: Message, kind: str = "mixed") -> bytes:
    message = MIMEMultipart(kind)
    message["Subject"], message["From"] = "Gate", "a@example.org"
    for part in parts:
        message.attach(part)
    return message.as_bytes()


def attached(name: str, data: bytes, kind: str = "octet-stream") -> Message:
    part = MIMEApplication(data, _subtype=kind)
    part.add_header("Content-Disposition", "attachment", filename=name)
    return part


@pytest.mark.parametrize("name", ["v1_empty", "v2_space", "v3_nbsp", "v4_related"])
def test_a_blank_plain_part_gives_way_to_the_html(name: str) -> None:
    assert case(f"{name}.eml") == f"# {name}\n\nFrom: a@example.org\n\nThe gate code changes on Friday.\n"


def test_a_plain_part_that_only_points_to_the_html_gives_way_too() -> None:
    html = "<html><head><style>p {}</style></head><body>" + "<p>The real words of this message.</p>" * 6 + "</body></html>"
    text = text_of("m.eml", mail(MIMEText("Please use an HTML viewer."), MIMEText(html, "html"), kind="alternative"))
    assert "real words" in text
    assert "viewer" not in text
    short = mail(MIMEText("The code is 7."), MIMEText("<p>The code is <b>7</b>.</p>", "html"), kind="alternative")
    assert "The code is 7." in text_of("m.eml", short)


@pytest.mark.parametrize(
    ("plain", "html", "read", "counted"),
    [
        ("Please view this mail in HTML.", "<p>The fee is 77 euro.</p>", "The fee is 77 euro.", True),
        ("The fee is 7 euro, see http://x.org/12", "<p>The fee is <b>7</b> euro, see <a href='http://x.org/12'>here</a></p>",
         "The fee is 7 euro, see http://x.org/12", False),
        ("Fee: 12 euro", "<p>Fee: 13 euro</p>", "Fee: 12 euro\n\nFee: 13 euro", False),
        ("Größe: fünf", "<p>Gr&ouml;&szlig;e: f&uuml;nf<!-- > 9 --></p>", "Größe: fünf", False),
    ],
)  # fmt: skip
def test_of_two_ways_to_say_it_the_fuller_one_is_read(plain: str, html: str, read: str, counted: bool) -> None:
    documents, said, dropped = given("m.eml", mail(MIMEText(plain), MIMEText(html, "html"), kind="alternative"))
    assert said == []
    assert documents[0].text.strip().endswith(f"\n\n{read}")
    assert dropped == ({"plain parts that say less than the HTML": 1} if counted else {})


def test_every_part_that_is_shown_is_read() -> None:
    data = mail(MIMEText("First words"), attached("t.csv", b"a;b\n1;2\n"), MIMEText("Signature of the list"))
    documents, said, _ = given("m.eml", data)
    assert said == []
    assert documents[0].text.endswith("First words\n\nSignature of the list\n")
    assert [d.id for d in documents] == ["m.eml", "m.eml/t.csv"]


def test_a_forwarded_mail_and_a_signed_one() -> None:
    inner = MIMEText("Inner words")
    inner["Subject"] = "Fwd"
    documents, said, _ = given("m.eml", mail(MIMEText("See below"), MIMEMessage(inner)))
    assert said == []
    assert documents[1].id == "m.eml/attachment-1.eml"
    assert "Inner words" in documents[1].text
    signed = mail(MIMEText("Signed words"), MIMEApplication(b"x", _subtype="pgp-signature"), kind="signed")
    assert "Signed words" in text_of("m.eml", signed)


def test_what_is_attached_and_not_read_is_said() -> None:
    picture = MIMEBase("image", "png")
    picture.set_payload("x")
    locked = MIMEMultipart("encrypted")
    locked.attach(MIMEApplication(b"x", _subtype="pgp-encrypted"))
    data = mail(
        MIMEText("Words"), attached("plan.doc", b"x", "msword"), picture, attached("report", b"a;b\n1;2", "x-none"), locked
    )
    documents, said, dropped = given("m.eml", data)
    assert len(documents) == 1
    assert said == [
        "holds a part that is encrypted, which was left out",
        "'plan.doc' is attached (application/msword), and no reader takes it; left out",
        "'report' is attached (application/x-none), and no reader takes it; left out",
    ]
    assert dropped == {"attached image files": 1}


def test_an_attachment_without_a_suffix_is_known_by_its_kind() -> None:
    documents, _, _ = given("m.eml", mail(MIMEText("Words"), attached("rates", b"<p>Nine euro</p>", "xhtml+xml")))
    assert len(documents) == 1
    part = MIMEText("a;b\n1;2\n", "csv")
    documents, said, _ = given("m.eml", mail(MIMEText("Words"), part))
    assert said == []
    assert documents[1].id == "m.eml/attachment-1.csv"


@pytest.mark.parametrize(
    ("head", "body", "subject", "text"),
    [
        (
            b"Subject: =?iso-8859-1?Q?5_=80_=96_now?=\nContent-Type: text/plain; charset=iso-8859-1\n"
            b"Content-Transfer-Encoding: quoted-printable\n",
            b"Price 5 =80 =93now=94 and=\n on\n",
            "5 € – now",
            "Price 5 € “now” and on",
        ),
        ("Subject: Grüße\nContent-Type: text/plain; charset=utf-8\n".encode(), "Müde Füße\n".encode(), "Grüße", "Müde Füße"),
        (
            b"Subject: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\nContent-Type: text/plain; charset=iso-2022-jp\n",
            "日本語".encode("iso2022_jp"),
            "日本",
            "日本語",
        ),
        (
            b"Subject: x\nContent-Type: text/plain; format=flowed; delsp=yes\n",
            b"This is one \nline of text. \nIt \nends.\n\n> quoted \n> goes on\n-- \nSig\n",
            "x",
            "This is oneline of text.Itends.\n\n> quotedgoes on\n-- \nSig",
        ),
        (
            b"Subject: x\nContent-Type: text/plain; format=flowed\n",
            b"This is one \nline.\n From stuffed\nNext\n",
            "x",
            "This is one line.\nFrom stuffed\nNext",
        ),
        (b"Subject: x\nContent-Type: multipart/mixed\n", b"words without a boundary\n", "x", "words without a boundary"),
        (b"Subject: x\nContent-Type: text/html; charset=latin1\n", b"<p>10<sup>6</sup> at 5 \x80</p>", "x", "10^6 at 5 €"),
    ],
)
def test_headers_and_encodings(head: bytes, body: bytes, subject: str, text: str) -> None:
    documents, said, _ = given("m.eml", head + b"\n" + body)
    assert said == []
    assert documents[0].title == subject
    assert documents[0].text == f"# {subject}\n\n\n\n{text}\n"


def test_hidden_parts_of_a_mail_are_counted() -> None:
    html = MIMEText('<div style="display:none">preheader</div><table><tr><td>Hello</td></tr></table>', "html")
    documents, said, dropped = given("m.eml", mail(html))
    assert said == []
    assert documents[0].text.endswith("Hello\n")
    assert dropped == {"hidden parts": 1}


@pytest.mark.parametrize("kind", ["inline", "attachment"])
def test_a_mail_with_a_picture_alone_says_so(kind: str) -> None:
    """Its headers are found, and what is not read is listed; where a document is attached, that has the words."""
    head = b"From: a@b.c\nSubject: Rope\nMIME-Version: 1.0\n"
    picture = f"Content-Type: image/png\nContent-Disposition: {kind}; filename=p.png\n".encode()
    picture += b"Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n"
    words = b"Content-Type: text/plain\nContent-Disposition: attachment; filename=w.txt\n\nWords.\n"
    several = b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\n \n--x\n"
    without = "holds no words but its headers: what else is in it (pictures, say) was not read"
    for content in (head + picture, head + several + picture + b"--x--\n"):
        documents, said, _ = given("m.eml", content)
        assert [document.title for document in documents] == ["Rope"]
        assert said == [without]
    documents, said, _ = given("m.eml", head + several + picture + b"--x\n" + words + b"--x--\n")
    assert (len(documents), said) == (2, [])
