"""Play the policies of a deployment over a simulated world, on several processes, and say what came of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import msgspec

from broker.adapter_kit.deployment import load_operators
from broker.errors import Misconfigured
from broker.operators.tariffs import of_file
from broker.simulation import play
from broker.simulation.findings import Findings, findings, stopped_share
from broker.simulation.planning import ALL, Planned, Planning, misses, planned
from broker.simulation.play import Scene, Shard
from broker.simulation.rehearsal import Rehearsal, sample
from broker.simulation.report import Report, Stress, html
from broker.simulation.tally import Tally, merged
from broker.simulation.texts import Inputs, PriceList
from broker.simulation.traffic import Adaptation

__all__ = ["Report", "Run", "as_html", "as_json", "prices", "rehearsed", "sampled", "simulate", "summary", "texts"]

_TAKEOVER = "sim_takeover"
_STRESS_SHARE = 0.1
"""Each variation is played with this share of the questions."""

Progress = Callable[[int, int], None]
"""Told how many parts are done, and of how many."""


class Run(msgspec.Struct, frozen=True):
    """What to play: texts, how many questions, the seed, on how many processes, and whether to vary the world."""

    inputs: Inputs
    questions: int
    seed: int
    jobs: int
    attack_factor: float = 1.0
    stress: bool = True


def texts(world: Path, table: Path, policies: Path, operators: Path) -> Inputs:
    """The files of a run: a world, a scenario table, each document of a folder of policies, and what operators cost.

    Raises:
        Misconfigured: a file that cannot be read, or a folder without documents.
    """
    documents = sorted(policies.glob("*.yaml"))
    if not documents:
        raise Misconfigured(f"{policies}: no policy documents (*.yaml) here")
    return Inputs(_text(world), _text(table), tuple(_text(path) for path in documents), prices(operators))


def prices(folder: Path) -> tuple[PriceList, ...]:
    """Prices and typical times of every operator file, without opening its adapter.

    Raises:
        Misconfigured: a file that is wrong.
    """
    return tuple(PriceList(name, tuple(of_file(settings).items())) for name, settings in load_operators(folder).items())


def as_html(report: Report) -> str:
    """One file that loads nothing."""
    return html(report)


def as_json(report: Report) -> bytes:
    """Every figure of the report, for machines."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def summary(report: Report) -> str:
    """The figures that matter most, for a terminal."""
    found = report.findings
    ranks = found.ranking
    ratio = ranks.observed_over_expected
    lines = [
        f"{found.questions:,} questions, {found.sessions:,} sessions, {found.attacks:,} attacks",
        f"area under the curve {ranks.auc:.3f}, recall with 1 % flagged {ranks.recall_at_one_percent:.1%}",
        f"observed / expected {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
        "",
        f"{'decisions':24}" + "".join(f"{name:>10}" for name in found.decisions["honest"]),
    ]
    for side, shares in found.decisions.items():
        lines.append(f"  {side:22}" + "".join(f"{share:>10.2%}" for share in shares.values()))
    lines += ["", "sessions of attackers in which nothing was allowed"]
    for name, one in found.attacks_stopped.items():
        lines.append(f"  {name:22}{one.stopped.value:>10.1%}   ({one.stopped.low:.1%} to {one.stopped.high:.1%})")
    lines += ["", *_planning_lines(report.planning)]
    lines += ["", "if the world were otherwise"] if report.stresses else []
    for stress in report.stresses:
        takeovers = stress.takeovers_stopped
        stopped = "" if takeovers is None else f", takeovers stopped {takeovers.value:.1%}"
        lines.append(f"  {stress.name:36}area {stress.auc:.3f}, recall {stress.recall:.1%}{stopped}")
    lines += _rehearsal_lines(report.rehearsal)
    return "\n".join(lines)


def _rehearsal_lines(rehearsal: Rehearsal | None) -> Iterable[str]:
    if rehearsal is None:
        return
    left_out = sum(rehearsal.left_out.values())
    yield ""
    yield f"over the wire {rehearsal.agreed} of {rehearsal.asked} decided as simulated; {left_out} left out"
    for one in rehearsal.disagreements:
        yield f"  {one.scenario} at {one.operator}, {one.action}: simulated {one.simulated}, decided {one.decided}"
        yield f"    simulated / seen: {one.seen}"


def _planning_lines(planning: Planning) -> Iterable[str]:
    for title, found in (("the policies as they are", planning.shipped), ("if they wanted everything", planning.wide)):
        if found is None:
            continue
        yield f"{f'asked in waves, {title}':50}{'same':>9}{'looser':>8}{'asked':>14}{'saved':>14}"
        for name, one in found.items():
            asked = f"{one.asked:.2f} of {one.asked_all:.2f}"
            yield f"  {name:48}{one.same:>9.2%}{one.looser:>8}{asked:>14}{_saved(one):>14}"
    if planning.wide is not None:
        told = ", ".join(misses(planning.wide))
        yield f"  against asking everything: {f'the aim is missed, {told}' if told else 'as was aimed at, or better'}"
        yield f"  the policies as they are cost {_against(planning.shipped, planning.wide)} less than asking everything"


def _saved(one: Planned) -> str:
    return ", ".join(f"{saved:.1%} {name}" for name, saved in one.saved.items()) or "-"


def _against(shipped: Mapping[str, Planned], wide: Mapping[str, Planned]) -> str:
    """What the policies as they are pay, against asking everybody everything."""
    ours, everything = shipped[ALL].cost, wide[ALL].cost_all
    return ", ".join(f"{1 - ours.get(name, 0.0) / whole:.1%} {name}" for name, whole in everything.items()) or "-"


def _text(path: Path) -> tuple[str, str]:
    try:
        return str(path), path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read as text") from error


class _Variation(msgspec.Struct, frozen=True):
    name: str
    attack_factor: float = 1.0
    adaptation: Adaptation | None = None
    everything: bool = False


_EVERYTHING = _Variation("every class wants everything", everything=True)
_VARIATIONS = (
    _Variation("as assumed"),
    _Variation("attacks three times as frequent", attack_factor=3.0),
    _Variation("takeovers wait eight days", adaptation=Adaptation.WAITS),
    _Variation("attackers keep answers away", adaptation=Adaptation.SUPPRESSES),
    _Variation("attackers use the victim's handset", adaptation=Adaptation.KEEPS_HANDSET),
)


def simulate(run: Run, progress: Progress) -> Report:
    """Play and read; the same run gives the same report however many processes there are.

    Raises:
        Misconfigured: a text that cannot be read, or that does not fit the others.
    """
    parts = play.shards(run.inputs, questions=run.questions, seed=run.seed, attack_factor=run.attack_factor)
    varied = [(one, _varied(run, one)) for one in (_VARIATIONS if run.stress else ())]
    wide = _varied(run, _EVERYTHING) if run.stress else []
    every = [*parts, *(part for _, some in varied for part in some), *wide]
    tallies = iter(_played(every, run.jobs, progress))
    tally = merged(next(tallies) for _ in parts)
    found = findings(tally)
    stresses = [_stress(variation.name, merged(next(tallies) for _ in some)) for variation, some in varied]
    planning = Planning(planned(tally), planned(merged(tallies)) if wide else None)
    return Report("What these policies would do", _described(run, found), found, planning, tuple(stresses))


def sampled(run: Run, count: int) -> list[Scene]:
    """Questions of a run, with what operators say and what was decided: to be played elsewhere as well.

    Raises:
        Misconfigured: a text that cannot be read.
    """
    part, *_ = play.shards(run.inputs, questions=run.questions, seed=run.seed, attack_factor=run.attack_factor)
    return sample(part, count)


def rehearsed(report: Report, rehearsal: Rehearsal) -> Report:
    """The report with what came of it over the wire."""
    return msgspec.structs.replace(report, rehearsal=rehearsal)


def _varied(run: Run, variation: _Variation) -> list[Shard]:
    return play.shards(
        run.inputs,
        questions=max(1, round(run.questions * _STRESS_SHARE)),
        seed=run.seed,
        attack_factor=run.attack_factor * variation.attack_factor,
        adaptation=variation.adaptation,
        everything=variation.everything,
    )


def _played(parts: Sequence[Shard], jobs: int, progress: Progress) -> Iterable[Tally]:
    """All tallies in the order of their parts."""
    if jobs == 1:
        for done, part in enumerate(parts, start=1):
            tally = play.play(part)
            progress(done, len(parts))
            yield tally
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(play.play, part) for part in parts]
        for done, future in enumerate(as_completed(waiting), start=1):
            future.result()
            progress(done, len(parts))
        yield from (future.result() for future in waiting)


def _stress(name: str, tally: Tally) -> Stress:
    found = findings(tally)
    takeover = stopped_share(tally).get(_TAKEOVER)
    return Stress(
        name=name,
        auc=found.ranking.auc,
        recall=found.ranking.recall_at_one_percent,
        observed_over_expected=found.ranking.observed_over_expected,
        takeovers_stopped=None if takeover is None else takeover.stopped,
    )


def _described(run: Run, found: Findings) -> dict[str, str]:
    return {
        "world": run.inputs.world[0],
        "scenario table": run.inputs.table[0],
        "policies": ", ".join(name for name, _ in run.inputs.policies),
        "seed": str(run.seed),
        "questions": f"{found.questions:,}",
        "sessions": f"{found.sessions:,}, of which {found.attacks:,} attacks",
        "attack rate against the policies' own": f"{run.attack_factor:g} times",
    }
