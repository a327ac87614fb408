"""What a comparison of rules finds: differences, and which way each goes."""

from enum import StrEnum

import msgspec


class Direction(StrEnum):
    """Which way a change goes."""

    LOOSER = "looser"
    STRICTER = "stricter"
    UNCLEAR = "unclear"
    NEUTRAL = "neutral"


class Change(msgspec.Struct, frozen=True):
    """One difference: where in the document, which way, and in words."""

    where: str
    direction: Direction
    detail: str


class Difference(msgspec.Struct, frozen=True):
    """Everything that differs. ``direction`` is neutral where no decision can differ."""

    direction: Direction
    changes: tuple[Change, ...]

    @property
    def needs_second_person(self) -> bool:
        """Whether one person may not put it in force alone."""
        return self.direction in {Direction.LOOSER, Direction.UNCLEAR}


def way(before: float, after: float) -> Direction:
    """Where more is stricter."""
    return Direction.LOOSER if after < before else Direction.STRICTER
