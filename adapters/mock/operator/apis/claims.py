"""Comparing what somebody claims about a person with what is on record: the same for kyc-match and age verification."""

import unicodedata
from datetime import date
from difflib import SequenceMatcher
from typing import Annotated, Any, Literal

from msgspec import Meta

from adapters.mock.operator.network.person import Person

Match = Literal["true", "false", "not_available"]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$(?!\n)", max_length=320)]
PERCENT = 100


def match(claimed: Any, recorded: Any) -> Match:
    """Whether a claim fits the record, apart from case, accents and white space; a string, as CAMARA has it."""
    if recorded is None:
        return "not_available"
    return "true" if _plain(claimed) == _plain(recorded) else "false"


def likeness_percent(claimed: Any, recorded: Any) -> int:
    """How alike two texts are, 0 to 100: twice the characters in common by the characters of both.

    The definitions suggest Jaro-Winkler but leave the choice to the operator.
    """
    return round(SequenceMatcher(None, _plain(claimed), _plain(recorded), autojunk=False).ratio() * PERCENT)


def recorded(person: Person, attribute: str) -> Any:
    """What is on record under an attribute's name in Python's spelling."""
    return getattr(person, attribute)


def _plain(value: Any) -> str:
    text = value.isoformat() if isinstance(value, date) else str(value)
    letters = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())
