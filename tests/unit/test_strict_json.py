import pytest

from broker import strict_json

REFUSED = {
    "duplicate member": b'{"swapped": true, "swapped": false}',
    "duplicate member, deep": b'{"a": [{"b": 1, "b": 1}]}',
    "duplicate by escape": b'{"a": 1, "\\u0061": 2}',
    "NaN": b'{"a": NaN}',
    "infinity": b"[-Infinity]",
    "a number beyond all": b'{"a": 1e999}',
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "two documents": b"{} {}",
    "trailing comma": b'{"a": 1,}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "half a pair in a name": b'{"\\uDC00": 1}',
    "deep nesting": b"[" * 100_000,
    "empty": b"",
    "a number too long to be meant": b"1" * 5000,
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(strict_json.NotStrict):
        strict_json.loads(data)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert strict_json.loads(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_ordinary_json_comes_through() -> None:
    assert strict_json.loads('{"a": [1, 2.5, "é", null, true]}'.encode()) == {"a": [1, 2.5, "é", None, True]}
