"""What an examination of a deployment found."""

from enum import StrEnum

import msgspec


class State(StrEnum):
    """How bad it is: nothing to do, something to think about, or something that stops the broker or will."""

    WELL = "well"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``do`` says what to do about it, and is empty where all is well."""

    about: str
    state: State
    seen: str
    do: str = ""


def worst(findings: tuple[Finding, ...]) -> State:
    """The state of all of them together."""
    states = {finding.state for finding in findings}
    return next((state for state in (State.WRONG, State.DOUBTFUL) if state in states), State.WELL)
