"""Phone numbers, strictly E.164 and never in clear by accident."""

import re

import msgspec

# CAMARA's pattern without its two holes: `$` would accept a trailing newline, and `\d` other scripts' digits.
_E164 = re.compile(r"\+[1-9][0-9]{4,14}")


class PhoneNumber(msgspec.Struct, frozen=True, order=True):
    """A number as CAMARA writes it: ``+``, then 5 to 15 ASCII digits, the first not zero.

    ``str()`` and ``repr()`` show the country side only, so that no log line, error or trace can carry the number;
    whoever needs it asks for ``e164`` by name.
    """

    e164: str

    @classmethod
    def parse(cls, text: str) -> "PhoneNumber":
        """Accept exactly E.164; nothing is repaired, for a repaired number is a guess about a person.

        Raises:
            ValueError: the text is anything else, with what to send instead.
        """
        if _E164.fullmatch(text) is None:
            raise ValueError("not E.164: send '+', country code and number, ASCII digits only, e.g. +34600000101")
        return cls(text)

    def __str__(self) -> str:
        return f"{self.e164[:3]}…"

    def __repr__(self) -> str:
        return f"PhoneNumber({self.e164[:3]}…)"
