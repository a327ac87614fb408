"""Play a sample of simulated questions through a real broker, over real HTTP, and compare its decisions."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from broker.client import TrustBroker
from broker.domain.signal import Observed
from broker.simulation.parameters import Operator
from broker.simulation.play import Scene
from broker.simulation.rehearsal import Disagreement, Rehearsal
from broker.simulation.staging import (
    CLAIMED,
    HOME,
    RADIUS_M,
    SOMEBODY_ELSE,
    NoSuchLine,
    Staged,
    bound_since,
    staged,
)
from broker.simulation.texts import Inputs, prepared
from broker.usecases.policy.rehearsal_files import number_of

_PURPOSE = "FraudPreventionAndDetection"

Progress = Callable[[int, int], None]


class PretendOperator(Protocol):
    """The control API of the pretend operator."""

    def call(self, method: str, path: str, members: Mapping[str, Any] | None = None) -> Any:
        """Carry out one call, and give what it answers."""
        ...


class RehearsalStage(NamedTuple):
    """What is up: a broker, as an agent, as one who explains and as one who records consents; and what it asks."""

    agent: TrustBroker
    analyst: TrustBroker
    clerk: TrustBroker
    operators: PretendOperator


def rehearse(scenes: Sequence[Scene], inputs: Inputs, stage: RehearsalStage, progress: Progress) -> Rehearsal:
    """Play each scene, and say where the two decided otherwise.

    Raises:
        ClientError: the broker did not answer.
    """
    return _Rehearsing(stage, tuple(prepared(inputs).world.operators)).play(scenes, progress)


class _Rehearsing:
    """One rehearsal under way, and what came of it so far."""

    def __init__(self, stage: RehearsalStage, world: tuple[Operator, ...]) -> None:
        self._world = world
        self._agent, self._analyst, self._clerk, self._operators = stage
        self._left_out: Counter[str] = Counter()
        self._played: Counter[str] = Counter()
        self._found: list[Disagreement] = []

    def play(self, scenes: Sequence[Scene], progress: Progress) -> Rehearsal:
        self._operators.call("PUT", f"/subscribers/{SOMEBODY_ELSE}", {"events": []})
        self._warm_up(scenes)
        for at, scene in enumerate(scenes, start=1):
            self._one(at, scene)
            progress(at, len(scenes))
        asked = self._operators.call("GET", "/requests?limit=1")["total"]
        played = self._played.total()
        return Rehearsal(
            asked=played,
            agreed=played - len(self._found),
            in_network=asked,
            scenarios=dict(sorted(self._played.items())),
            left_out=dict(sorted(self._left_out.items())),
            disagreements=tuple(self._found),
        )

    def _warm_up(self, scenes: Sequence[Scene]) -> None:
        """The first question to an operator fetches tokens and opens connections, which is not in the simulation."""
        for at, name in enumerate(sorted({scene.question.operator.name for scene in scenes})):
            number = number_of(self._world, name, 900_000 + at)
            self._operators.call("PUT", f"/subscribers/{number}", {"events": []})
            self._agent.check(number, "sim.order", location=(*HOME, RADIUS_M), max_evidence_age_s=0)

    def _one(self, at: int, scene: Scene) -> None:
        try:
            ready = staged(scene)
        except NoSuchLine as reason:
            self._left_out[str(reason)] += 1
            return
        number = number_of(self._world, scene.question.operator.name, at)
        self._set(number, ready)
        answer = self._agent.check(number, scene.question.action.type, **self._about(number, scene, ready))
        self._played[scene.question.line.episode.scenario] += 1
        if answer.decision != scene.outcome.wire:
            self._found.append(
                _disagreement(scene, answer.decision, self._analyst.read(answer.document["id"]).document)
            )

    def _set(self, number: str, ready: Staged) -> None:
        """The line, what goes wrong with it now, and what its holder agreed to."""
        self._operators.call("PUT", f"/subscribers/{number}", ready.subscriber)
        self._operators.call("DELETE", "/faults")
        for api, fault in ready.faults.items():
            self._operators.call("PUT", f"/faults/{api}", {"target": {"type": "api", "api": api}, "fault": fault})
        for signal in ready.consents:  # a place takes a consent of its own
            agreed = {"signals": [signal], "purpose": _PURPOSE, "noticeVersion": "rehearsal"}
            given = {"method": "checkbox", "channel": "app"}
            self._clerk.call("POST", "/v1/consents", {"phoneNumber": number, **agreed, **given})

    def _about(self, number: str, scene: Scene, ready: Staged) -> dict[str, Any]:
        action = scene.question.action
        token = None
        if ready.proves:
            token = self._operators.call("POST", "/operator-tokens", {"phoneNumber": number})["operatorToken"]
        return {
            "amount": None if action.amount is None else (str(action.amount.value), action.amount.currency),
            "attributes": dict(action.attributes),
            "location": (*HOME, RADIUS_M),
            "operator_token": token,
            "bound_since": bound_since(ready, datetime.now(UTC).date()),
            "claims": {"name": CLAIMED},
            "max_evidence_age_s": 0,
        }


def _disagreement(scene: Scene, decided: str, document: Mapping[str, Any]) -> Disagreement:
    question = scene.question
    return Disagreement(
        operator=question.operator.name,
        scenario=question.line.episode.scenario,
        action=question.action.type,
        action_class=scene.action_class.wire,
        simulated=scene.outcome.wire,
        decided=decided,
        seen=_differences(scene, document),
    )


def _differences(scene: Scene, document: Mapping[str, Any]) -> str:
    """What the broker saw, beside what the simulated operators would have said."""
    seen = {one["name"]: one for one in document["signals"]}
    told = []
    for name, one in sorted(scene.answers.items()):
        signal = one.signal
        said = repr(signal.value) if isinstance(signal, Observed) else signal.reason.value
        heard = seen.get(name.value, {})
        told.append(f"{name.value}: {said} / {heard.get('reason') or heard.get('value')}")
    return f"class {document['policy']['actionClass']}; {'; '.join(told)}"
