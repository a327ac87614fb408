"""``make bench``: what scoring, deciding and planning cost in process. Its section is in RESULTS.md.

People of the published scenarios are weighed, decided about and planned for, one after the other, under the classes of
the payment policy that want several signals. Times are of the processor, so that a busy machine counts for less.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from broker.domain.cost import Tariff
from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName
from broker.policy.counterfactual import counterfactual
from broker.policy.waves import WaveMemory, WavePlanner
from broker.policy.what_if import WhatIf
from broker.surfaces.cli.serve import settle_memory
from tests.bench.__main__ import machine
from tests.bench.report import write_section
from tests.unit.policy.kit import NOW, shipped, table
from tests.unit.policy.population import Person, people

PEOPLE = 2_000
ATTACKS = 0.002
P99_MAX_US = 300.0
_METHOD = """## Thinking

{people:,} people of the published scenarios, {attacks:.1%} of them under attack, in
process, a new planner for each and one memory of waves for all. Processor time, of which 99 of 100 shall take at most
{most:.0f} µs.

{date:%Y-%m-%d}, {machine}.

| what | p50 µs | p95 µs | p99 µs | met |
| --- | --- | --- | --- | --- |
"""
_WARM = 200


class Times(NamedTuple):
    """Microseconds of processor time for one kind of work, sorted."""

    what: str
    taken_us: list[float]

    def share(self, share: float) -> float:
        return self.taken_us[int(len(self.taken_us) * share)]

    def row(self) -> str:
        met = "yes" if self.share(0.99) <= P99_MAX_US else "NO"
        return f"| {self.what} | {self.share(0.5):.0f} | {self.share(0.95):.0f} | {self.share(0.99):.0f} | {met} |"


def timed(what: str, work: Callable[[Person], object], crowd: list[Person]) -> Times:
    """The work done for each person; the first few only warm up."""
    for person in crowd[:_WARM]:
        work(person)
    taken_us = []
    for person in crowd:
        started_ns = time.thread_time_ns()
        work(person)
        taken_us.append((time.thread_time_ns() - started_ns) / 1000)
    return Times(what, sorted(taken_us))


def measured(action_class: ActionClass) -> list[Times]:
    """Everything that a check of a class thinks about."""
    document = shipped()["payment"]
    rules, memory = document.rules(action_class), WaveMemory()
    tariffs: dict[SignalName, Tariff] = {}
    crowd = list(people(table(), PEOPLE, attacks=ATTACKS, seed=1))

    def seen(person: Person) -> Evidence:
        return Evidence.of(one for one in person.truth.signals if one.name in rules.wanted)

    def what_if() -> WhatIf:
        return WhatIf(table(), document, rules, NOW)

    def decide(person: Person) -> object:
        weighing, evidence = what_if(), seen(person)
        return weighing.decide(evidence, weighing.assess(evidence))

    def score(person: Person) -> object:
        return what_if().assess(seen(person))

    def explain(person: Person) -> object:
        weighing, evidence = what_if(), seen(person)
        assessment = weighing.assess(evidence)
        return counterfactual(weighing, evidence, assessment, weighing.decide(evidence, assessment))

    def plan(person: Person) -> None:
        open_, known = frozenset(rules.wanted), Evidence(())
        weighing = WhatIf(table(), document, rules, NOW, ends=memory.ends(table(), rules))
        planner = WavePlanner(table(), rules, weighing, tariffs, NOW)
        while open_ and (wave := memory.next(planner, known, open_).ask):
            known = Evidence.of([*known.signals, *(one for one in person.truth.signals if one.name in wave)])
            open_ -= set(wave)

    name = action_class.wire
    return [
        timed(f"score, {name}", score, crowd),
        timed(f"score and decide, {name}", decide, crowd),
        timed(f"the same, and what would have changed it, {name}", explain, crowd),
        timed(f"plan all waves of a check, {name}", plan, crowd),
    ]


def run() -> None:
    """Measure and write the section; memory as the broker has it once it has started."""
    settle_memory()
    rows = [one.row() for action_class in (ActionClass.MEDIUM, ActionClass.HIGH) for one in measured(action_class)]
    head = _METHOD.format(people=PEOPLE, attacks=ATTACKS, most=P99_MAX_US, date=datetime.now(UTC), machine=machine())
    write_section(head + "\n".join(rows))
    print("\n".join(rows))  # noqa: T201


if __name__ == "__main__":
    run()
