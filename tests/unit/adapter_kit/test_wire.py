"""Reading operators' JSON: what is repeated, mistyped, absurd or too large is malformed and never half believed."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import BODY_BYTES_MAX, Reader, instant
from broker.domain.signal import Unavailability
from tests.support.clocks import NOON


class Answer(msgspec.Struct):
    swapped: bool
    days: int | None = None


READER = Reader(Answer)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"swapped":true,"swapped":false}', KitCode.DUPLICATE_MEMBER),
        (b'{"swapped":true,"swapped":true}', KitCode.DUPLICATE_MEMBER),
        (b'{"swapped":true,"swappe\\u0064":false}', KitCode.DUPLICATE_MEMBER),
        (b'{"swapped":true,"x":[{"a":1,"a":2}]}', KitCode.DUPLICATE_MEMBER),
        (b'{"swapped":"false"}', KitCode.WRONG_TYPE),
        (b'{"swapped":0}', KitCode.WRONG_TYPE),
        (b'{"swapped":null}', KitCode.WRONG_TYPE),
        (b'{"Swapped":false}', KitCode.WRONG_TYPE),
        (b'{"swapped":false,"days":"30"}', KitCode.WRONG_TYPE),
        (b'{"swapped":false,"days":true}', KitCode.WRONG_TYPE),
        (b'{"swapped":false,"days":30.5}', KitCode.WRONG_TYPE),
        (b"{}", KitCode.WRONG_TYPE),
        (b"[]", KitCode.WRONG_TYPE),
        (b"false", KitCode.WRONG_TYPE),
        (b"", KitCode.NOT_JSON),
        (b"<html>", KitCode.NOT_JSON),
        (b'{"swapped":false', KitCode.NOT_JSON),
        (b'{"swapped":false}{"swapped":true}', KitCode.NOT_JSON),
        (b'{"swapped":false,"x":NaN}', KitCode.NOT_JSON),
        (b'\xef\xbb\xbf{"swapped":false}', KitCode.NOT_JSON),
        (b'{"swapped":false,"x":"\xff"}', KitCode.NOT_JSON),
        ('{"swapped":false}'.encode("utf-16"), KitCode.NOT_JSON),
        (b"[" * 30_000 + b"]" * 30_000, KitCode.NOT_JSON),
        (b'{"swapped":false,"x":' + b"1" * 5000 + b"}", KitCode.NOT_JSON),
        (b'{"swapped":false,"x":"' + b"y" * BODY_BYTES_MAX + b'"}', KitCode.RESPONSE_TOO_LARGE),
    ],
)
def test_a_bad_body_is_malformed(body: bytes, code: KitCode) -> None:
    with pytest.raises(OperatorFault) as caught:
        READER.read(body)
    assert (caught.value.reason, caught.value.code) == (Unavailability.MALFORMED, code)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b'{"swapped":false,"phoneNumber":"+34600000101"}', False),
        (b'{"swapped":false,"phoneNumber":"34600000101"}', False),
        (b'{"swapped":false,"device":{"phoneNumber":"+34600000101"}}', False),
        (b'{"swapped":false,"device":{"ipv4Address":{"publicAddress":"192.0.2.1"}}}', False),
        (b'{"swapped":false,"device":"+34600000102"}', False),
        (b'{"swapped":false,"phoneNumber":"+34600000102"}', True),
        (b'{"swapped":false,"device":{"phoneNumber":"+34600000102"}}', True),
        (b'{"swapped":false,"phoneNumber":"+34600000101","device":{"phoneNumber":"+34600000102"}}', True),
    ],
)
def test_an_answer_about_another_number_is_malformed(body: bytes, refused: bool) -> None:
    if not refused:
        assert READER.read(body, about="+34600000101") == Answer(swapped=False)
        return
    with pytest.raises(OperatorFault) as caught:
        READER.read(body, about="+34600000101")
    assert (caught.value.reason, caught.value.code) == (Unavailability.MALFORMED, KitCode.OTHER_SUBJECT)


TEXTS = {"true": True, "false": False}


@pytest.mark.parametrize(
    ("body", "swapped"),
    [
        (b'{"swapped":"true"}', True),
        (b'{"swapped":"false"}', False),
        (b'{"swapped":true}', True),
        (b'{"swapped":"True"}', None),
        (b'{"swapped":"1"}', None),
        (b'{"swapped":["true"]}', None),
        (b'{"swapped":1}', None),
        (b'{"swapped":"true","days":"true"}', None),
        (b'{"swapped":"true","swapped":"false"}', None),
        (b'["true"]', None),
        (b"{}", None),
    ],
)
def test_only_the_texts_of_the_manifest_stand_for_a_boolean_and_only_where_one_belongs(
    body: bytes, swapped: bool | None
) -> None:
    if swapped is None:
        with pytest.raises(OperatorFault) as caught:
            READER.read(body, TEXTS)
        assert caught.value.reason is Unavailability.MALFORMED
    else:
        assert READER.read(body, TEXTS).swapped is swapped


def test_members_that_we_do_not_know_are_ignored_and_equal_names_in_different_objects_are_fine() -> None:
    body = b'{"swapped":false,"new":{"swapped":1,"list":[{"a":1},{"a":2}]},"text":"\\"swapped\\":true"}'
    assert READER.read(body) == Answer(swapped=False)


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.text(max_size=8), max_size=6))
def test_any_object_without_repetition_is_read(members: dict[str, object]) -> None:
    body = json.dumps({**members, "swapped": True, "days": 3}).encode()
    if len(body) <= BODY_BYTES_MAX:
        assert READER.read(body) == Answer(swapped=True, days=3)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_malformed(body: bytes) -> None:
    # Two hundred random bytes are never an answer; what matters is that they are never anything else than malformed.
    with pytest.raises(OperatorFault) as caught:
        READER.read(body)
    assert caught.value.reason is Unavailability.MALFORMED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22T14:00:00+02:00", NOON),
        ("2026-11-22T00:30:00-11:30", NOON),
        ("2026-11-22T11:59:59.123456789Z", datetime(2026, 11, 22, 11, 59, 59, 123457, UTC)),
        ("2026-11-22T12:01:00Z", NOON + timedelta(seconds=60)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_with_zone_is_an_instant(text: str, expected: datetime) -> None:
    assert instant(text, NOON) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-11-22T12:00:00", KitCode.WRONG_TYPE),
        ("2026-11-22", KitCode.WRONG_TYPE),
        ("01-01-1900", KitCode.WRONG_TYPE),
        ("22/11/2026 12:00", KitCode.WRONG_TYPE),
        ("1763812800", KitCode.WRONG_TYPE),
        ("never", KitCode.WRONG_TYPE),
        ("", KitCode.WRONG_TYPE),
        ("2026-13-22T12:00:00Z", KitCode.WRONG_TYPE),
        ("2026-11-22T12:00:00Z ", KitCode.WRONG_TYPE),
        ("٢٠٢٦-11-22T12:00:00Z", KitCode.WRONG_TYPE),
        ("0001-01-01T00:00:00Z", KitCode.ABSURD_DATE),
        ("0001-01-01T00:00:00+23:59", KitCode.ABSURD_DATE),
        ("1900-01-01T00:00:00Z", KitCode.ABSURD_DATE),
        ("1970-01-01T00:00:00Z", KitCode.ABSURD_DATE),
        ("1999-12-31T23:59:59Z", KitCode.ABSURD_DATE),
        ("9999-12-31T23:59:59Z", KitCode.ABSURD_DATE),
        ("9999-12-31T23:59:59-23:59", KitCode.ABSURD_DATE),
        ("2026-11-22T12:01:01Z", KitCode.ABSURD_DATE),
        ("2026-11-22T12:00:00-02:00", KitCode.ABSURD_DATE),
    ],
)
def test_anything_else_is_not(text: str, code: KitCode) -> None:
    with pytest.raises(OperatorFault) as caught:
        instant(text, NOON)
    assert (caught.value.reason, caught.value.code) == (Unavailability.MALFORMED, code)
