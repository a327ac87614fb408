"""Scenarios that were written for another contract than the one they are played against.

CAMARA's tests travel: drafts, older releases and files of other projects are played against the definition that is at
hand. The step at which one of them fails tells whether it wants what this definition has not, and only then is that no
failure of the operator.
"""

import re

from tests.camara.contract import Contract

_CODES = re.compile(r"\$\.code is '(?P<got>[A-Z_.]+)', not \"(?P<wanted>[A-Z_.]+)\"$")
_ERRORS = re.compile(r"status (?P<status>[45]\d\d) (?P<got>[A-Z_.]+), not (?P<wanted>[45]\d\d(?: or [45]\d\d)*)$")
_NO_EVENT = re.compile(r"(?P<wanted>subscription-ends|subscription-ended|subscription-started)\b")
_NO_MEMBER = re.compile(r"\$(?:\.[\w.\[\]*]*)?\.(?P<wanted>\w+) is not there$")


def of_another_contract(why: str, definition: Contract, other: str | None) -> str | None:
    """Why a scenario wants what its definition does not have; ``None`` where nothing excuses that it failed.

    ``other`` is the version that it was written for, where that is another. For the definition's own version
    only a code that it has nowhere is excused; anything else stays a failure.
    """
    codes = _CODES.search(why)
    if codes is not None and definition.mentions(codes["got"]) and not definition.mentions(codes["wanted"]):
        return f"played as far as this: the definition has no code {codes['wanted']}, and {codes['got']} for that"
    return None if other is None else _of_another_version(why, definition, other)


def _of_another_version(why: str, definition: Contract, other: str) -> str | None:
    """One documented error in the place of another, or an event or a member that came later or went before."""
    so_far = f"played as far as this: written for {other}, it wants"
    error = _CODES.search(why) or _ERRORS.search(why)
    if error is not None and definition.mentions(error["got"]):
        return f"{so_far} {error['wanted']} where this definition has {error['got']}"
    for pattern, what in ((_NO_EVENT, "event"), (_NO_MEMBER, "member")):
        missing = pattern.search(why)
        if missing is not None and not definition.mentions(missing["wanted"]):
            return f"{so_far} the {what} {missing['wanted']}, which this definition has not"
    return None
