"""The report of a run: one HTML file that loads nothing."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import msgspec

from broker.figures import Rate
from broker.simulation import charts
from broker.simulation.findings import FAIR_MAX, FLAGGED, VALUES, Findings, Group, Stopped
from broker.simulation.planning import SAME_MIN, SAVED_MIN, Planned, Planning, misses
from broker.simulation.rehearsal import Rehearsal

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; font-weight: 600; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #d5dae0; text-align: right; }
th:first-child, td:first-child { text-align: left; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
.pictures figure { margin: 0; flex: 1 1 28rem; max-width: 40rem; }
.warn { color: #9a3412; font-weight: 600; }
"""

_UNSEEN = """
<p>A person who is deceived on their own phone looks to the network exactly as they always do: the row
<em>deceived_victim</em> above is what that costs. Payee, amount and the agent's conduct must catch it.</p>
<p>An operator that says the same to everybody (op-9 in the shipped world) is not found out by any single answer.</p>
<p>Whoever waits until a change of SIM looks old is found by what else they must do, or not at all: see the
variations.</p>
<p>High and critical classes read "not within three days" as "three days and a second ago". Where an operator gives no
dates their probabilities are therefore too high on purpose; with dates they are calibrated.</p>
<p>No public figures exist for the time from swap to theft, for the mix of attacks in a market, or for how often honest
people divert calls. Those stand as <em>assumption</em> in the parameter files; change them and look again.</p>
"""
_TENTH = 0.1


class Stress(msgspec.Struct, frozen=True):
    """One variation of the world, and what it did."""

    name: str
    auc: float
    recall: float
    observed_over_expected: Rate
    takeovers_stopped: Rate | None


class Report(msgspec.Struct, frozen=True):
    """A run: what was played, what came out, and the variations."""

    title: str
    parameters: dict[str, str]
    findings: Findings
    planning: Planning
    stresses: tuple[Stress, ...]
    rehearsal: Rehearsal | None = None
    """A sample played through a real broker, where that was asked for."""


def html(report: Report) -> str:
    """The whole file."""
    body = "\n".join(_sections(report))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _sections(report: Report) -> Iterable[str]:
    found = report.findings
    yield f"<h1>{escape(report.title)}</h1>"
    yield (
        "<p>Everything here holds in a simulated world with the parameters below, and nowhere else. "
        "Intervals are 95 %.</p>"
    )
    yield _table("What was played", ("", ""), [(name, value) for name, value in report.parameters.items()])
    yield _table("Decisions", ("", *next(iter(found.decisions.values()))), _decisions(found))
    yield from _ranking(found)
    yield from _attacks(found)
    yield from _cost(found)
    yield from _planning(report.planning)
    yield from _fairness(found)
    yield from _stresses(report.stresses)
    yield from _rehearsal(report.rehearsal)
    yield f"<h2>What the network cannot see</h2>{_UNSEEN}"


def _decisions(found: Findings) -> list[tuple[str, ...]]:
    return [(side, *(_percent(share) for share in shares.values())) for side, shares in found.decisions.items()]


def _ranking(found: Findings) -> Iterable[str]:
    ranks = found.ranking
    yield "<h2>Telling attacks from honest questions</h2>"
    yield _table(
        "First question of each session",
        ("figure", "value"),
        [
            ("area under the curve", f"{ranks.auc:.3f}"),
            ("average precision", f"{ranks.average_precision:.3f}"),
            (f"recall with {FLAGGED:.0%} flagged", _percent(ranks.recall_at_one_percent)),
            ("observed / expected", _rate(ranks.observed_over_expected, percent=False)),
            ("log-loss", f"{ranks.log_loss:.5f}"),
        ],
    )
    yield _pictures(
        ("Precision and recall", charts.precision_recall(ranks.precision_recall)),
        ("Calibration", charts.calibration(ranks.bands)),
    )
    rows = [
        (f"{band.predicted:.4%}", _rate(band.observed), f"{band.weight:,.0f}", str(band.attacks))
        for band in ranks.bands
    ]
    for caption, rates in (("By class", found.calibration_by_class), ("By operator", found.calibration_by_operator)):
        shown = [(name, _rate(one, percent=False), str(one.seen)) for name, one in rates.items()]
        yield _table(f"{caption}: observed / expected", ("", "observed / expected", "attacks played"), shown)
    yield _table("By probability", ("predicted", "observed", "questions", "attacks played"), rows)


def _attacks(found: Findings) -> Iterable[str]:
    yield "<h2>Attacks</h2><p>A session counts as stopped if none of its questions was answered with allow.</p>"
    stopped = {name: one.stopped for name, one in found.attacks_stopped.items()}
    yield _pictures(("Sessions stopped, by attack", charts.shares(stopped)))
    yield _table("By attack", _STOPPED_HEAD, _stopped(found.attacks_stopped))
    yield _table("By conduct of the agent", _STOPPED_HEAD, _stopped(found.behaviours_stopped))


_STOPPED_HEAD = ("", "stopped", "allow", "step_up", "review", "deny", "sessions")


def _stopped(rows: Mapping[str, Stopped]) -> list[tuple[str, ...]]:
    return [
        (name, _rate(one.stopped), *(_percent(share) for share in one.worst.values()), str(one.stopped.seen))
        for name, one in rows.items()
    ]


def _cost(found: Findings) -> Iterable[str]:
    yield "<h2>Cost</h2><p>Losses, friction and work of each way to decide, per 1,000 questions, in typical losses.</p>"
    by_name = {one.name: one.costs for one in found.strategies}
    yield _pictures(("Cost by value at risk", charts.costs(VALUES, by_name)))
    rows = [(name, *(f"{cost:.2f}" for cost in costs)) for name, costs in by_name.items()]
    yield _table("Cost", ("", *(f"value at risk {value:g}" for value in VALUES)), rows)
    yield f"<p>Questions to operators for each check: {found.asked_per_question:.2f}</p>"


_PLANNED_HEAD = (
    *(
        "class",
        "same decision",
        "looser",
        "stricter",
        "asked",
        "of",
        "cost",
        "of",
        "saved",
        "waves",
        "waited (ms)",
        "of",
    ),
    "questions",
)


def _planning(planning: Planning) -> Iterable[str]:
    yield (
        "<h2>Asking in waves</h2><p>Each question was decided twice: asked in waves, as the broker does, and asked "
        "everything that its class wants at once (the columns <em>of</em>). Questions to operators, their price and "
        f"the wait for them are for each check. The aim against asking everything: at least {SAVED_MIN:.0%} less paid, "
        f"{SAME_MIN:.1%} of decisions the same, and none looser for high and critical.</p>"
    )
    yield _table("The policies as they are", _PLANNED_HEAD, _planned(planning.shipped))
    if planning.wide is not None:
        yield _table("If each class wanted whatever can be weighed", _PLANNED_HEAD, _planned(planning.wide))
        told = "; ".join(misses(planning.wide))
        shown = f'<span class="warn">missed: {escape(told)}</span>' if told else "reached"
        yield f"<p>The aim, where everything may be asked: {shown}.</p>"


def _planned(found: Mapping[str, Planned]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            _percent(one.same),
            str(one.looser),
            str(one.stricter),
            f"{one.asked:.2f}",
            f"{one.asked_all:.2f}",
            _money(one.cost),
            _money(one.cost_all),
            ", ".join(f"{share:.1%}" for share in one.saved.values()) or "-",
            f"{one.waves:.2f}",
            f"{one.waited_ms:.0f}",
            f"{one.waited_all_ms:.0f}",
            str(one.questions),
        )
        for name, one in found.items()
    ]


def _money(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:.4f} {name}" for name, amount in amounts.items()) or "-"


def _fairness(found: Findings) -> Iterable[str]:
    yield (
        "<h2>Who is bothered</h2><p>Honest people who were not simply allowed, and how often against everybody. "
        f"A ratio above {FAIR_MAX:g} needs an explanation: here mostly what their operator can answer, or what "
        "happened to them.</p>"
    )
    for caption, groups in (("By life", found.lives), ("By country", found.countries)):
        yield _table(caption, ("", "bothered", "ratio", "people"), [_group(name, one) for name, one in groups.items()])


def _group(name: str, one: Group) -> tuple[str, ...]:
    ratio = f"{one.ratio:.2f}"
    return (name, _rate(one.bothered), f"{ratio} !" if one.ratio > FAIR_MAX else ratio, str(one.bothered.seen))


def _stresses(stresses: Sequence[Stress]) -> Iterable[str]:
    if not stresses:
        return
    yield "<h2>If the world were otherwise</h2>"
    rows = [
        (
            one.name,
            f"{one.auc:.3f}",
            _percent(one.recall),
            _rate(one.observed_over_expected, percent=False),
            "-" if one.takeovers_stopped is None else _rate(one.takeovers_stopped),
        )
        for one in stresses
    ]
    head = ("", "area", f"recall at {FLAGGED:.0%}", "observed / expected", "takeovers stopped")
    yield _table("Variations", head, rows)


def _rehearsal(rehearsal: Rehearsal | None) -> Iterable[str]:
    if rehearsal is None:
        return
    yield (
        "<h2>Over the wire</h2><p>A sample of the questions, spread over all lives and attacks, was asked once more: a "
        "real broker, in a process of its own, asked a pretend operator over real HTTP that held each person's line. "
        f"<strong>{rehearsal.agreed} of {rehearsal.asked}</strong> were decided as in the simulation. Only the first "
        "question of a session was asked; what the broker remembers of a crowd, and breakers, were switched off, "
        "since in the simulation each session stands alone.</p>"
    )
    rows = [(name, str(count)) for name, count in rehearsal.scenarios.items()]
    yield _table("Asked", ("life or attack", "questions"), rows)
    if rehearsal.left_out:
        rows = [(reason, str(count)) for reason, count in rehearsal.left_out.items()]
        yield _table("Left out, for no line of the pretend operator shows it", ("", "questions"), rows)
    if rehearsal.disagreements:
        found = [
            (one.scenario, one.operator, f"{one.action} ({one.action_class})", one.simulated, one.decided, one.seen)
            for one in rehearsal.disagreements
        ]
        head = ("", "operator", "action", "simulated", "decided", "simulated / seen")
        yield _table("Decided otherwise", head, found)


def _pictures(*pictures: tuple[str, str]) -> str:
    figures = (f"<figure><figcaption>{escape(caption)}</figcaption>{svg}</figure>" for caption, svg in pictures)
    return f'<div class="pictures">{"".join(figures)}</div>'


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    lines = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(text: str) -> str:
    return f'<span class="warn">{escape(text)}</span>' if text.endswith("!") else escape(text)


def _rate(rate: Rate, *, percent: bool = True) -> str:
    show = _percent if percent else "{:.2f}".format
    return f"{show(rate.value)} ({show(rate.low)} to {show(rate.high)})"


def _percent(share: float) -> str:
    return f"{share:.2%}" if share < _TENTH else f"{share:.1%}"
