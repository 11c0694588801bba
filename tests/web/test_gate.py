"""The strict input gate (contract, rule 2): what is read, and what is refused as bad input, never as a bug."""

import sys
from typing import Any

import pytest

from frontdoor import app, ask
from lingpai.core.errors import BadInput
from lingpai.web.request import body

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"

TAKEN: list[tuple[bytes, dict[str, Any]]] = [
    (b'{"title":"abc"}', {"title": "abc"}),
    (b' \t\r\n{"a":1 , "b":-0.5e2}\n', {"a": 1, "b": -50.0}),
    (b'{"a":"\\u00e9\\ud83d\\ude00\\/\\n"}', {"a": "é😀/\n"}),
    ('{"名":"值"}'.encode(), {"名": "值"}),
    (b'{"a":{"b":[true,false,null]}}', {"a": {"b": [True, False, None]}}),
    (b'{"a":9223372036854775807,"b":-9223372036854775808}', {"a": 2**63 - 1, "b": -(2**63)}),
    (b"{}", {}),
    (b"", {}),
    (b" \n", {}),
]

REFUSED = [
    # After the JSONTestSuite (n_*: a parser must refuse; i_*: it may): grammar
    b"{",
    b'{"a"}',
    b'{"a":}',
    b'{"a":1,}',
    b'{"a":1,,"b":2}',
    b'{,"a":1}',
    b"{a:1}",
    b"{'a':1}",
    b"{1:1}",
    b'{"a" "b"}',
    b'{"a":1 "b":2}',
    b'{"a":1}}',
    b'{"a":1}#',
    b'{"a":1}/**/',
    b'{"a":1}{"a":2}',
    b'{"a":1}\x00',
    b'{"a":"b',
    b'{"a":True}',
    b'{"a":nul}',
    b'{"a":\x0c1}',
    # numbers
    b'{"a":01}',
    b'{"a":-01}',
    b'{"a":1.}',
    b'{"a":.5}',
    b'{"a":+1}',
    b'{"a":0x1}',
    b'{"a":1e}',
    b'{"a":1_000}',
    b'{"a":-}',
    b'{"a":NaN}',
    b'{"a":-NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":1e999}',
    b'{"a":-1e999}',
    b'{"a":9223372036854775808}',
    b'{"a":-9223372036854775809}',
    b'{"a":' + b"9" * 5_000 + b"}",
    '{"a":１}'.encode(),
    # strings
    b'{"a":"\\x00"}',
    b'{"a":"\\u12"}',
    b'{"a":"\\u 123"}',
    b'{"a":"\\u+123"}',
    b'{"a":"a\nb"}',
    b'{"a":"\t"}',
    b'{"a":"\x00"}',
    b'{"a":"\\u0000"}',
    b'{"a\\u0000":1}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\udc00\\ud800"}',
    b'{"\\ud800":1}',
    b'{"a":{"b":["\\udfff"]}}',
    # encodings
    b'{"a":"\xff"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xc0\xaf"}',
    b'\xef\xbb\xbf{"a":1}',
    # keys that are there twice
    b'{"a":1,"a":1}',
    b'{"a":1,"\\u0061":2}',
    b'{"x":{"a":1,"a":2}}',
    b'{"x":[{"a":1,"a":2}]}',
    # depth
    b'{"a":' * 20 + b"1" + b"}" * 20,
    b'{"a":' + b"[" * 8_000 + b"]" * 8_000 + b"}",
    b"[" * 8_000,
    b'{"a":' * 3_000,
    # not an object
    b"[]",
    b'["title","abc"]',
    b'"title"',
]


@pytest.mark.parametrize(("whole", "fields"), TAKEN)
def test_what_parses_as_a_json_object_is_json(whole: bytes, fields: dict[str, Any]) -> None:
    assert body.fields(whole) == fields


@pytest.mark.parametrize("whole", REFUSED)
def test_what_is_no_strict_json_object_is_bad_input_or_no_field_of_anything(whole: bytes) -> None:
    try:
        found = body.fields(whole)
    except BadInput:
        return
    assert not {"a", "b", "x", "title"} & found.keys(), "what does not parse at all is a form, and a strange one"


@pytest.mark.parametrize("whole", [b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}'])
def test_an_object_that_parses_and_is_not_strict_is_never_read_as_a_form(whole: bytes) -> None:
    with pytest.raises(BadInput):
        body.fields(whole)


@pytest.mark.parametrize("whole", [b"title=abc&text=x", b"{title=1&title=abc&text=x"])
def test_a_form_is_a_form_however_it_begins(whole: bytes) -> None:
    assert body.fields(whole)["title"] == "abc"


def test_many_names_and_one_twice_cost_no_more_than_many_names() -> None:
    names = ",".join(f'"{number}":0' for number in range(1_500))
    steps = 0

    def count(frame: Any, event: str, arg: Any) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    sys.settrace(count)
    try:
        with pytest.raises(BadInput):
            body.fields(f'{{{names},"0":1}}'.encode())
    finally:
        sys.settrace(None)
    assert steps < 20 * 1_500, "a scan of all names for each would be 1,500 times as many"


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"title=abc&text=a+b%26c", {"title": "abc", "text": "a b&c"}),
        (b"title=%E4%BB%A4%E7%89%8C", {"title": "令牌"}),
        (b"&&title=a=b&", {"title": "a=b"}),
        (b"title&text=", {"title": "", "text": ""}),
        (b"title=100%", {"title": "100%"}),
        (b"Title=a&title=b", {"Title": "a", "title": "b"}),
    ],
)
def test_a_form_and_a_query_are_decoded_once(raw: bytes, fields: dict[str, str]) -> None:
    assert body.fields(raw) == fields
    assert body.pairs(raw) == fields


@pytest.mark.parametrize("raw", [b"a=1&a=1", b"a=1&%61=2", b"a=%00", b"%00=1", b"a=\0", b"a=%ff", b"a=%ed%a0%80", b"a=\xff"])
def test_a_form_and_a_query_that_are_not_exact_are_bad_input(raw: bytes) -> None:
    with pytest.raises(BadInput):
        body.fields(raw)
    with pytest.raises(BadInput):
        body.pairs(raw)


def test_a_duplicate_field_is_named_and_an_odd_name_is_not_said_back() -> None:
    with pytest.raises(BadInput) as plain:
        body.fields(b'{"email":1,"email":2}')
    assert (plain.value.field, plain.value.reason) == ("email", "duplicate")
    with pytest.raises(BadInput) as odd:
        body.pairs(b"<script>=1&<script>=2")
    assert odd.value.field == "query"


async def test_bad_input_is_the_dialects_own_data_error() -> None:
    answer = await ask(app(), "POST", "/write", b'{"title":"abc","title":"abc"}')
    assert (answer.status, answer.json()) == (200, {"code": 0, "why": "duplicate", "field": "title"})
    answer = await ask(app(), "GET", "/look?title=abc&title=abc")
    assert (answer.status, answer.json()["why"]) == (200, "duplicate")
    answer = await ask(app(), "POST", "/write?a=1&a=2", b'{"title":"abc"}')
    assert (answer.status, answer.json()["why"]) == (200, "duplicate")


async def test_a_form_and_json_say_the_same() -> None:
    for content in (b"title=abc&text=hi&is_admin=true", b'{"title":"abc","text":"hi","is_admin":true}'):
        assert (await ask(app(), "POST", "/write", content)).json() == {"code": 200, "said": "abc/hi"}


@pytest.mark.parametrize("value", [b"true", b"1", b"[]", b"{}", b"null", b'["abc"]', b"1.5"])
async def test_a_field_of_another_type_is_refused(value: bytes) -> None:
    answer = await ask(app(), "POST", "/write", b'{"title":' + value + b"}")
    assert answer.status == 200
    assert (answer.json()["code"], answer.json()["field"]) == (0, "title")


@pytest.mark.parametrize("body", [b"x" * 16_385, b"{" * 16_385, b"\xff" * 20_000, b'{"title":"' + b"a" * 16_384 + b'"}'])
@pytest.mark.parametrize("announce", [True, False])
async def test_a_body_over_the_limit_is_413_whatever_it_holds(body: bytes, announce: bool) -> None:
    answer = await ask(app(), "POST", "/write", body, announce=announce)
    assert (answer.status, answer.json()["why"]) == (413, "too-large")


async def test_size_is_judged_before_the_path_the_limit_and_the_site() -> None:
    for path in ("/nowhere", "/look", "/enter"):
        answer = await ask(app(), "POST", path, b"x" * 16_385, sec_fetch_site="cross-site")
        assert (answer.status, answer.json()["why"]) == (413, "too-large")


async def test_a_body_at_the_limit_is_read() -> None:
    whole = b'{"title":"abc","more":"'
    whole += b"a" * (16_384 - len(whole) - 2) + b'"}'
    assert (await ask(app(), "POST", "/write", whole)).json() == {"code": 200, "said": "abc/None"}
