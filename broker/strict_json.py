"""JSON with no second reading: size first, duplicate members refused, depth bounded.

Every parser at hand keeps the last of two members with one name, so ``{"swapped": true, "swapped": false}`` reads as
"not swapped" to one side and as "swapped" to another. Whoever decides on such a body is being played.
"""

import json
import math
from typing import Any

_ESCAPED_SURROGATE = b"\\ud"
_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})


class NotStrict(ValueError):
    """The text is not JSON that everybody reads alike; the message names the kind of fault and no content."""


class MemberTwice(NotStrict):
    """A member occurs twice, so that two readers may believe two different things."""


def loads(data: bytes) -> Any:
    """Decode UTF-8 JSON into plain Python values.

    Raises:
        NotStrict: not UTF-8 (half a surrogate pair included), not JSON, a member twice, NaN, or nested too deep.
    """
    try:
        value = _DECODER.decode(data.decode("utf-8"))
        if _ESCAPED_SURROGATE in data.lower():
            # Half of a pair is no character: it cannot be stored, signed or sent on.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except NotStrict:
        raise
    except UnicodeError as error:
        raise NotStrict("not UTF-8") from error
    except RecursionError as error:
        raise NotStrict("nested too deep") from error
    except ValueError as error:
        raise NotStrict("not JSON") from error
    else:
        return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MemberTwice("a member occurs twice")
    return members


def _no_literal(text: str) -> Any:
    raise NotStrict(f"{text if text in _NO_NUMBERS else 'a literal'} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # 1e999 reads as infinity, which JSON cannot write again: it would come back as null
        raise NotStrict("a number is out of range")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_literal, parse_float=_finite)
