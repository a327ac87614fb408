"""Comparing what somebody claims about a person with what is on record: the same for kyc-match and age verification."""

import unicodedata
from collections.abc import Mapping
from datetime import date
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta

from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import invalid_argument
from adapters.mock.operator.network.person import Person

Match = Literal["true", "false", "not_available"]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$(?!\n)", max_length=320)]
PERCENT = 100
LENGTHS_MAX: Mapping[str, int] = MappingProxyType(
    {
        "id_document": 50,
        "name": 256,
        "given_name": 100,
        "family_name": 150,
        "name_kana_hankaku": 256,
        "name_kana_zenkaku": 256,
        "middle_names": 100,
        "family_name_at_birth": 150,
        "address": 256,
        "street_name": 150,
        "street_number": 20,
        "postal_code": 20,
        "region": 100,
        "locality": 100,
        "house_number_extension": 20,
        "email": 254,
        "city_of_birth": 100,
    }
)
"""How long a claim may be since Commonalities 0.8; before, nothing is said."""


def check_lengths(dialect: Dialect, body: msgspec.Struct, limits: Mapping[str, int] = LENGTHS_MAX) -> None:
    """Refuse claims that are longer than the release of the API allows.

    Raises:
        CamaraError: 400, with the name of the member.
    """
    if dialect.commonalities != "0.8":
        return
    for attribute, length_max in limits.items():
        claimed = getattr(body, attribute, UNSET)
        if isinstance(claimed, str) and len(claimed) > length_max:
            raise invalid_argument(f"{attribute} is longer than {length_max}")


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
