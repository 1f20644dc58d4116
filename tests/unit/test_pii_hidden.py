"""Keys by their vendors' forms, and values that an escape or a line break hides."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.pii.find import find_pii
from promptopt.domain.pii.finding import Kind
from promptopt.domain.pii.folding import fold
from promptopt.domain.pii.masking import Masker, unmask
from promptopt.domain.redaction import REDACTED, Redactor
from tests.unit.test_pii import hits, labelled

HEX, MIXED, DIGITS = "0a1b2c3d4e5f6a7b" * 12, "aB3dE5fG7hJ9kL1m" * 12, "7042916358" * 4

KEYS = {
    "azure storage": f"AccountKey={MIXED[:86]}==",
    "azure bus": f"SharedAccessKey={MIXED[:43]}=",
    "azure sas": f"sig={MIXED[:40]}%2Fx9%3D",
    "azure application": f"abc8Q~{MIXED[:34]}",
    "twilio key": f"SK{HEX[:32]}",
    "twilio account": f"AC{HEX[:32]}",
    "shopify access": f"shpat_{HEX[:32]}",
    "shopify secret": f"shpss_{HEX[:32]}",
    "shopify custom": f"shpca_{HEX[:32]}",
    "vault service": f"hvs.{MIXED[:95]}",
    "vault batch": f"hvb.{MIXED[:120]}",
    "terraform": f"{MIXED[:14]}.atlasv1.{MIXED[:60]}",
    "telegram": f"{DIGITS[:10]}:AA{MIXED[:33]}",
    "mailgun": f"key-{HEX[:32]}",
    "mailgun new": f"{HEX[:32]}-{HEX[:8]}-{HEX[8:16]}",
    "mailchimp": f"{HEX[:32]}-us12",
    "databricks": f"dapi{HEX[:32]}-2",
    "linear": f"lin_api_{MIXED[:40]}",
    "notion": f"ntn_{DIGITS[:11]}{MIXED[:35]}",
    "notion old": f"secret_{MIXED[:43]}",
    "grafana": f"glsa_{MIXED[:32]}_{HEX[:8]}",
    "new relic": f"NRAK-{'A1B2C3D4E' * 3}",
    "postman": f"PMAK-{HEX[:24]}-{HEX[:34]}",
    "supabase": f"sbp_{HEX[:40]}",
    "figma": f"figd_{MIXED[:40]}",
    "doppler": f"dp.pt.{MIXED[:43]}",
    "planetscale": f"pscale_tkn_{MIXED[:43]}",
    "discord": f"M{MIXED[:23]}.{MIXED[:6]}.{MIXED[:38]}",
    "heroku": f"HRKU-AA{MIXED[:58]}",
    "square": f"sq0atp-{MIXED[:22]}",
    "atlassian": f"ATATT3xFfGF0{MIXED[:172]}",
    "cloudflare": f"v1.0-{HEX[:24]}-{HEX[:146]}",
    "digitalocean": f"doo_v1_{HEX[:64]}",
    "docker": f"dckr_pat_{MIXED[:27]}",
    "sentry": f"sntryu_{HEX[:64]}",
    "airtable": f"pat{MIXED[:14]}.{HEX[:64]}",
    "tailscale": f"tskey-auth-{MIXED[:12]}-{MIXED[:32]}",
    "brevo": f"xkeysib-{HEX[:64]}-{MIXED[:16]}",
    "gitlab runner": f"glrt-{MIXED[:20]}",
    "alibaba": f"LTAI{MIXED[:20]}",
    "pulumi": f"pul-{HEX[:40]}",
    "age": f"AGE-SECRET-KEY-1{'QPZRY9X8GF' * 6}"[:74],
    "openai": f"sk-proj-{MIXED[:48]}",
}


@pytest.mark.parametrize("vendor", KEYS)
@pytest.mark.parametrize(
    "frame", ["{}", "we use {} there", '{{"a": "{}"}}', "a=1;{};b", "see:\\n{}\\n", "({})"]
)
def test_a_vendors_key_is_found_and_redacted(vendor: str, frame: str) -> None:
    key = KEYS[vendor]
    text = frame.format(key)
    (found,) = find_pii(text)
    assert found.kind == "secret" and found.confidence >= 0.9
    assert text[found.start : found.end] == key
    assert Redactor([], {}).redact(text) == text.replace(key, REDACTED)


@pytest.mark.parametrize(
    "prose",
    [
        "SKU AC0815 and SK4711 are in stock, key-value pairs and key-performance-indicators too.",
        "The secret_of_monkey_island, the AccountKey= is empty, sig=none",
        "hvs. is an abbreviation; dp.pt.pdf; NRAK-12; pat.smith; shpat_x; re_compile_everything_again",
        "MyCompany.Namespace.Implementation.Of.Everything.There and Module.Method.AnotherIdentifierNameHere",
        "Meeting 12:AA in room 4; at 10:15:ALL hands; ratio 12345678:A is fine",
        "etag d41d8cd98f00b204e9800998ecf8427e, id 550e8400-e29b-41d4-a716-446655440000, v1.0-beta",
        "The NRA-approved EAAA meeting of the ATATT3 group; figs_and_dates_are_in_the_basket_of_fruit_there",
        "Monkey: primary key=42, foreign key: customers.id, Key Account Manager: wanted, turkey=2kg",
    ],
)
def test_what_only_looks_like_a_vendors_key_is_left_alone(prose: str) -> None:
    assert find_pii(prose) == []
    assert Redactor([], {}).redact(prose) == prose


@pytest.mark.parametrize(
    "address",
    [
        *(
            "lena.brandt%40example.com",
            "lena&#64;example.com",
            "lena&#x40;example&#46;com",
            "lena&commat;example.com",
        ),
        *(
            "lena\\u0040example.com",
            "lena\\u0040example\\u002ecom",
            "lena.brandt\\\\u0040example\\\\u002Ecom",
        ),
        *("lena\\x40example\\x2ecom", "lena%2540example.com", "lena&amp;#64;example.com"),
        *("lena%2Ebrandt%40example%2Ecom", "&#108;ena&#64;example.com", "lena%2Bshop%40example.com"),
        *("lena.brandt@\nexample.com", "lena.brandt\n@example.com", "lena.brandt@example\n.com"),
        *("lena.brandt@example.\r\ncom", "lena.brandt@exam\nple.com", "lena.bra\nndt@example.com"),
        *("lena.brandt@\\nexample.com", "lena.brandt@\\r\\nexample.com"),
        *("lena.brandt@=\r\nexample.com", "lena.brandt@\n> example.com", "lena.brandt@mail.\nexample.co.uk"),
    ],
)
@pytest.mark.parametrize("frame", ["{}", "write to {} please", '{{"mail": "{}"}}', "E-Mail: {}\nbis bald"])
def test_an_address_is_found_whole(address: str, frame: str) -> None:
    _whole("email", address, frame)


@pytest.mark.parametrize("frame", ["Mail: {}", "my e-mail {}", "<{}>"])
def test_an_address_that_breaks_after_a_dot_is_found_where_it_is_introduced(frame: str) -> None:
    _whole("email", "lena.\nbrandt@example.com", frame)


@pytest.mark.parametrize(
    "number",
    [
        *(
            "+49 170\n1234567",
            "+49 170 123\n4567",
            "+49 170\r\n1234567",
            "+49 170\\n1234567",
            "+1 (202) 555-\n0143",
        ),
        *("+44 7911\\r\\n123456", "+4917012\n34567", "+49\n170 1234567", "%2B49 170 1234567"),
    ],
)
@pytest.mark.parametrize("frame", ["{}", "It is {}.", "Mobile: {}, thanks", '{{"n": "{}"}}'])
def test_a_number_with_its_country_is_found_whole(number: str, frame: str) -> None:
    _whole("phone", number, frame)


@pytest.mark.parametrize("number", ["030\n1234567", "0171/\n1234567", "030 12\r\n34567", "0171\\n1234567"])
@pytest.mark.parametrize("frame", ["Tel. {}", "call me: {}.", "Meine Handynummer ist {}\nDanke"])
def test_an_introduced_number_is_found_whole(number: str, frame: str) -> None:
    _whole("phone", number, frame)


@pytest.mark.parametrize(
    "account",
    [
        *("DE89 3704 0044\n0532 0130 00", "DE89\r\n3704 0044 0532 0130 00", "DE89 3704 0044 0532\\n0130 00"),
        *("DE89 3704 0044\\r\\n0532 0130 00", "GB82 WEST 1234\n5698 7654 32", "DE8937040044\n> 0532013000"),
        *(
            "DE89\n3704\n0044\n0532\n0130\n00",
            "DE\n89 3704 0044 0532 0130 00",
            "DE89 3704 0044\n    0532 0130 00",
        ),
    ],
)
@pytest.mark.parametrize("frame", ["{}", "pay to {} today", "IBAN: {}\nBank: X", '{{"iban": "{}"}}'])
def test_an_account_is_found_whole(account: str, frame: str) -> None:
    _whole("iban", account, frame)


@pytest.mark.parametrize(
    "number", ["4111 1111\n1111 1111", "4111-1111-\r\n1111-1111", "4111 1111 1111\\n1111"]
)
@pytest.mark.parametrize(
    "frame", ["Card: {}", "my visa card {} was charged", "Kreditkarte {}\ngültig bis 11/28"]
)
def test_a_card_that_is_called_one_is_found_whole(number: str, frame: str) -> None:
    _whole("card", number, frame)


def test_a_heading_in_the_line_above_introduces_a_number() -> None:
    _whole("phone", "555 12345", "Phone:\n{}")
    assert find_pii("Order:\n555 12345") == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("www.acme.com\nlena@acme.com", ["lena@acme.com"]),
        ("lena@acme.com\nRegards", ["lena@acme.com"]),
        ("a@x.com\nb@y.com\nc@z.com", ["a@x.com", "b@y.com", "c@z.com"]),
        ("See report.pdf\nlena@acme.com", ["lena@acme.com"]),
        ("I wrote to you.\nlena@acme.com", ["lena@acme.com"]),
        ("    return asked\n\n    @web.middleware\n", []),
        ("    passed\n    @_apply.register\n", []),
        ("We met @\nnoon.com is a shop", []),
        ("Tel. +49 30 1234567\n10115 Berlin", ["+49 30 1234567"]),
        ("Tel. 030 123456\n10115 Berlin", ["030 123456"]),
        ("+49 30 1234567\n+49 30 7654321", ["+49 30 1234567", "+49 30 7654321"]),
        ("+49 30 1234567\n2 pieces", ["+49 30 1234567"]),
        ("+1500\n2000\n3500", []),
        ("change: +12.5\n100000 units\n250000 units", []),
        ("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11", []),
        ("Sum: 12345\n67890", []),
        ("4111 1111\n1111 1111\n", []),
        ("Visa 4111 1111\n1111 1112\n", []),
        ("DE44 is a motor type\nand DE89 a valve", []),
        ("GB82 WEST 1234\n5698 7654 33", []),
        ("100%40 of 5%30, R&D, a \\u00 b, C:\\new\\reports\\table.txt", []),
        ("growth of 15%2B, see C:\\\\temp\\\\name", []),
    ],
)
def test_a_break_or_an_escape_makes_nothing_of_other_text(text: str, values: list[str]) -> None:
    assert [text[one.start : one.end] for one in find_pii(text)] == values


def test_in_json_the_same_is_found() -> None:
    """Every labelled message, as a value of JSON with and without escaped umlauts: no less, and no more.

    Names at an end are told by the end of their line, which the end of a value is not.
    """
    for ascii_only in (True, False):
        worse: list[str] = []
        for text, wanted in labelled():
            _, lost, wrong = hits(find_pii(text), wanted)
            written = json.dumps(text, ensure_ascii=ascii_only)
            places = [1]
            for char in text:
                places.append(places[-1] + len(json.dumps(char, ensure_ascii=ascii_only)) - 2)
            moved = [(kind, places[start], places[end]) for kind, start, end in wanted]
            _, lost_in_json, wrong_in_json = hits(find_pii(written), moved)
            if set(lost_in_json) - {"name", *lost} or len(wrong_in_json) > len(wrong):
                worse.append(f"{lost_in_json} {wrong_in_json} {written}")
        assert not worse, "\n".join(worse)


def test_however_it_is_written_a_value_has_one_placeholder() -> None:
    spellings = [
        "lena@example.com",
        "lena%40example.com",
        "lena&#64;example.com",
        "lena\\u0040example.com",
        "lena@\nexample.com",
    ]
    masker = Masker(find_pii, "salt")
    masker.learn([], spellings)
    for text in spellings:
        masked = masker.mask(f"to {text}!")
        assert masked.text == "to [EMAIL_1]!"
        assert unmask(masked.text, masked.raws) == f"to {text}!"


PIECES = st.sampled_from(
    [*"ab@.%4 0\\u00n", "\u200b", "\u00fc", "\uff11", "&#64;", "%40", "\\u0040", "\\n", "\n"]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_each_folded_character_stands_somewhere_in_order(text: str) -> None:
    folded = fold(text)
    last = 0
    for at, char in enumerate(folded.text):
        start, end = folded.span(at, at + 1)
        assert last <= start < end <= len(text)
        assert fold(text[start:end]).text == char or text[start] == "\\"
        last = end
    if folded.text:
        assert folded.span(0, len(folded.text))[1] <= len(text)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "\\u0040",
            "%40",
            "&#64;",
            "\n",
            "\r\n ",
            "a@\n",
            "+1\n",
            "1\n",
            "DE89\n",
            "SK0a",
            "sig=a",
            "key-",
            "=\n",
        ),
        *("a@a.a\n", "AccountKey=", "M1-", "tel 1\n", "\\n", "12345678:A", "\u200b\\n"),
    ],
)
def test_looking_takes_time_in_proportion(unit: str) -> None:
    """Two hundred thousand characters that almost match: with a quadratic pattern this would not end."""
    find_pii(unit * (200_000 // len(unit)))


def _whole(kind: Kind, value: str, frame: str) -> None:
    text = frame.format(value)
    found = [one for one in find_pii(text) if one.kind == kind]
    assert [text[one.start : one.end] for one in found] == [value]


def test_the_second_of_two_closings_tells_the_name() -> None:
    text = "We are sorry. Thank you. Regards, Petra Lindemannova"
    found = find_pii(text)
    assert [text[each.start : each.end] for each in found] == ["Petra Lindemannova"]
