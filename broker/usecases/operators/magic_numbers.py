"""What there is to play with: the magic numbers of the operators of the sandbox."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from broker.adapter_kit.deployment import load_operators
from broker.adapter_kit.magic import magic_numbers


class MagicNumberOut(msgspec.Struct, frozen=True, rename="camel"):
    """A number of the sandbox, the operator that knows it, and what is true about it there."""

    phone_number: str
    operator: str
    summary: str


class MagicNumbersOut(msgspec.Struct, frozen=True, rename="camel"):
    """The numbers that tenants of the sandbox may ask about; all others are nobody there."""

    numbers: tuple[MagicNumberOut, ...]


def numbers_of(magic: Mapping[str, Mapping[str, str]]) -> MagicNumbersOut:
    """The numbers of several operators, in their order."""
    found = ((name, number, summary) for name, numbers in magic.items() for number, summary in numbers.items())
    return MagicNumbersOut(tuple(MagicNumberOut(number, name, summary) for name, number, summary in found))


def numbers_in(folder: Path) -> MagicNumbersOut:
    """The numbers of a configuration; nothing is opened.

    Raises:
        Misconfigured: an operator's file is wrong.
    """
    operators = load_operators(folder / "operators")
    return numbers_of({name: magic_numbers(one.adapter) for name, one in operators.items() if one.sandbox})
