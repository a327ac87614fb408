"""Longest-prefix routing from number to operator."""

from collections.abc import Mapping

from broker.domain.phone import PhoneNumber

_PREFIX_LENGTH_MAX = 16  # '+' and fifteen digits


class Router:
    """A table of prefixes, each ``+`` and digits, to operator ids."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._prefixes = dict(prefixes)
        self._lengths = sorted({len(prefix) for prefix in prefixes}, reverse=True)

    def route(self, phone: PhoneNumber) -> str | None:
        """The operator with the longest matching prefix; ``None`` when the number is unroutable."""
        for length in self._lengths:
            operator = self._prefixes.get(phone.e164[:length])
            if operator is not None:
                return operator
        return None


def faults_of(prefixes: Mapping[str, str], operators: frozenset[str]) -> list[str]:
    """What is wrong with a table, one sentence a fault; empty when it can be used."""
    faults = [
        f"{prefix!r} is not '+' and 1 to 15 digits"
        for prefix in prefixes
        if not (
            prefix.startswith("+")
            and 1 < len(prefix) <= _PREFIX_LENGTH_MAX
            and prefix[1:].isascii()
            and prefix[1:].isdigit()
        )
    ]
    faults += [
        f"{prefix!r} goes to {operator!r}, which has no file in config/operators"
        for prefix, operator in prefixes.items()
        if operator not in operators
    ]
    return faults
