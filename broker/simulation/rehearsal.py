"""A sample of a run that is also played through a real broker, and how often that one decided as the simulation did."""

from collections.abc import Iterable, Sequence

import msgspec

from broker.simulation import play
from broker.simulation.play import Scene, Shard

_PLAYED_FOR_EACH = 60
"""How many questions are looked through for each one that is taken, so that rare lives are among them."""


class Disagreement(msgspec.Struct, frozen=True):
    """One question that the two decided otherwise; ``seen`` is what differed in what they knew of it, in words."""

    operator: str
    scenario: str
    action: str
    action_class: str
    simulated: str
    decided: str
    seen: str


class Rehearsal(msgspec.Struct, frozen=True):
    """How the sample went over the wire.

    ``left_out`` counts by reason what no pretend line can show; ``in_network`` are requests that the pretend operator
    got for them; ``scenarios`` counts what was played by life and attack.
    """

    asked: int
    agreed: int
    in_network: int
    scenarios: dict[str, int]
    left_out: dict[str, int]
    disagreements: tuple[Disagreement, ...]


def sample(part: Shard, count: int) -> list[Scene]:
    """``count`` first questions of sessions from the beginning of a part, spread over all lives and attacks.

    A session's further questions are left out: what they meet depends on the minutes between them.

    Raises:
        Misconfigured: a text of the run that cannot be read.
    """
    seen: dict[str, list[Scene]] = {}

    def look(scene: Scene) -> None:
        if scene.question.attempt == 0:
            seen.setdefault(scene.question.line.episode.scenario, []).append(scene)

    play.play(msgspec.structs.replace(part, questions=min(part.questions, _PLAYED_FOR_EACH * count)), look)
    return list(_in_turn([seen[name] for name in sorted(seen)], count))


def _in_turn(groups: Sequence[Sequence[Scene]], count: int) -> Iterable[Scene]:
    """One of each group after the other, until there are enough."""
    taken = 0
    for row in range(max((len(group) for group in groups), default=0)):
        for group in groups:
            if row < len(group) and taken < count:
                taken += 1
                yield group[row]
