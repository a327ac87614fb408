"""The report of a run: one HTML file that loads nothing."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import msgspec

from broker.figures import Rate
from broker.policy.waves import UNLIKELY_MAX
from broker.simulation import charts
from broker.simulation.findings import FAIR_MAX, FLAGGED, Findings, Group, Stopped
from broker.simulation.labels import Known
from broker.simulation.page import as_percent, pictures, rate, table
from broker.simulation.planning import SAME_MIN, SAVED_MIN, Planned, Planning, misses
from broker.simulation.rehearsal import Rehearsal
from broker.simulation.rivals import COST_RATIO_MAX, Difference, Rivals
from broker.simulation.strategies import VALUES

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; } caption { text-align: left; font-weight: 600; }
.wide { overflow-x: auto; margin: 1rem 0; } svg { width: 100%; height: auto; } td { overflow-wrap: anywhere; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #d5dae0; text-align: right; }
th:first-child { text-align: left; } tbody th { font-weight: 400; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
.pictures figure { margin: 0; flex: 1 1 min(28rem, 100%); max-width: 40rem; }
.warn { color: #9a3412; font-weight: 600; }
"""

_UNSEEN = """
<p>The network sees lines, not intentions. A hijacked agent asks as an honest one does: that is part of
<em>deceived_victim</em>. An attacker's agent that shops around or cuts amounts up gives itself away by its conduct
alone (the table <em>By conduct of the agent</em>); honest agents repeat a question now and then, and are not in it.</p>
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
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
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
    yield table("What was played", ("", ""), [(name, value) for name, value in report.parameters.items()])
    yield table("Decisions", ("", *next(iter(found.decisions.values()))), _decisions(found))
    yield from _ranking(found)
    yield from _attacks(found)
    yield from _cost(found)
    yield from _planning(report.planning)
    yield from _fairness(found)
    yield from _known(found.known)
    yield from _stresses(report.stresses)
    yield from _rehearsal(report.rehearsal)
    yield f"<h2>What the network cannot see</h2>{_UNSEEN}"


def _decisions(found: Findings) -> list[tuple[str, ...]]:
    return [(side, *(as_percent(share) for share in shares.values())) for side, shares in found.decisions.items()]


def _ranking(found: Findings) -> Iterable[str]:
    ranks = found.ranking
    yield "<h2>Telling attacks from honest questions</h2>"
    yield table(
        "First question of each session",
        ("figure", "value"),
        [
            ("area under the curve", f"{ranks.auc:.3f}"),
            ("average precision", f"{ranks.average_precision:.3f}"),
            (f"recall with {FLAGGED:.0%} flagged", as_percent(ranks.recall_at_one_percent)),
            ("observed / expected", rate(ranks.observed_over_expected, percent=False)),
            ("log-loss", f"{ranks.log_loss:.5f}"),
        ],
    )
    yield pictures(
        ("Precision and recall", charts.precision_recall(ranks.precision_recall)),
        ("Calibration", charts.calibration(ranks.bands)),
    )
    rows = [
        (f"{band.predicted:.4%}", rate(band.observed), f"{band.weight:,.0f}", str(band.attacks)) for band in ranks.bands
    ]
    for caption, rates in (("By class", found.calibration_by_class), ("By operator", found.calibration_by_operator)):
        shown = [(name, rate(one, percent=False), str(one.seen)) for name, one in rates.items()]
        yield table(f"{caption}: observed / expected", ("", "observed / expected", "attacks played"), shown)
    yield table("By probability", ("predicted", "observed", "questions", "attacks played"), rows)


def _attacks(found: Findings) -> Iterable[str]:
    yield "<h2>Attacks</h2><p>A session counts as stopped if none of its questions was answered with allow.</p>"
    stopped = {name: one.stopped for name, one in found.attacks_stopped.items()}
    yield pictures(("Sessions stopped, by attack", charts.shares(stopped)))
    yield table("By attack", _STOPPED_HEAD, _stopped(found.attacks_stopped))
    yield table("By conduct of the agent", _STOPPED_HEAD, _stopped(found.behaviours_stopped))


_STOPPED_HEAD = ("", "stopped", "allow", "step_up", "review", "deny", "sessions")


def _stopped(rows: Mapping[str, Stopped]) -> list[tuple[str, ...]]:
    return [
        (name, rate(one.stopped), *(as_percent(share) for share in one.worst.values()), str(one.stopped.seen))
        for name, one in rows.items()
    ]


def _cost(found: Findings) -> Iterable[str]:
    yield "<h2>Cost</h2><p>Losses, friction and work of each way to decide, per 1,000 questions, in typical losses.</p>"
    by_name = {one.name: one.costs for one in found.strategies}
    yield pictures(("Cost by value at risk", charts.costs(VALUES, by_name)))
    rows = [(name, *(f"{cost:.2f}" for cost in costs)) for name, costs in by_name.items()]
    yield table("Cost", ("", *(f"value at risk {value:g}" for value in VALUES)), rows)
    yield f"<p>Questions to operators for each check: {found.asked_per_question:.2f}</p>"
    yield from _rivals(found.rivals)


def _rivals(rivals: Rivals) -> Iterable[str]:
    yield (
        "<h2>Champion and challenger</h2><p>The scorecard decides; the mixture model, which knows the scenarios "
        "themselves, runs beside it and is the best that this evidence allows. <em>Gain</em> is what the mixture would "
        f"save, with its interval; the aim is a cost of at most {COST_RATIO_MAX:g} times the mixture's. The mixture "
        "never decides, for with it worse evidence can raise trust.</p>"
    )
    rows = [_rival(one) for one in (rivals.log_loss, *rivals.costs)]
    yield table("Scorecard and mixture on the same questions", ("", "scorecard", "mixture", "times", "gain"), rows)


def _rival(one: Difference) -> tuple[str, ...]:
    name, digits = ("log-loss", 5) if one.value is None else (f"cost at value at risk {one.value:g}", 2)
    gain = f"{one.gain:.{digits}f} ({one.low:.{digits}f} to {one.high:.{digits}f})"
    times = f"{one.ratio:.3f}"
    missed = one.value is not None and one.ratio > COST_RATIO_MAX
    return (name, f"{one.scorecard:.{digits}f}", f"{one.mixture:.{digits}f}", f"{times} !" if missed else times, gain)


def _known(known: Iterable[Known]) -> Iterable[str]:
    yield (
        "<h2>What is known when</h2><p>Victims notice late, and some never say so. Whoever looks so many days after "
        "each question has heard of this share of the attacks, and would find this observed / expected if silence "
        "meant that all was well: probabilities judged early seem too high. Only after ninety days does "
        "<code>trust-broker learn</code> take silence for genuine, and what is never reported stays hidden.</p>"
    )
    rows = [(str(one.days), rate(one.reported), rate(one.seems, percent=False)) for one in known]
    yield table("Days after the question", ("days", "attacks reported", "observed / expected as it seems"), rows)


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
    yield table("The policies as they are", _PLANNED_HEAD, _planned(planning.shipped))
    if planning.wide is not None:
        yield table("If each class wanted whatever can be weighed", _PLANNED_HEAD, _planned(planning.wide))
        told = "; ".join(misses(planning.wide))
        shown = f'<span class="warn">missed: {escape(told)}</span>' if told else "reached"
        yield f"<p>The aim, where everything may be asked: {shown}.</p>"
    yield (
        "<p>Where waves decide looser or stricter than asking everything would, they stopped early on purpose: for "
        "low and medium a question is left where the chance that its answer changes the decision is at most "
        f"{UNLIKELY_MAX:.1%}; for high and critical only where no answer could. So some attacks on medium are "
        "let through that one more answer would have held: the column <em>looser</em> counts them as they were "
        "played, which is more often than attacks happen.</p>"
    )


def _planned(found: Mapping[str, Planned]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            as_percent(one.same),
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
        "happened to them. A refused consent costs nobody points, but what a policy requires is then missing.</p>"
    )
    every = {
        "By country": found.countries,
        "By consent": found.consents,
        "By operator": found.operators,
        "By life": found.lives,
    }
    drawn = [
        (f"{caption}: bothered against everybody", charts.ratios(_ratios(some), FAIR_MAX))
        for caption, some in every.items()
    ]
    yield pictures(*drawn)
    for caption, groups in every.items():
        yield table(caption, ("", "bothered", "ratio", "people"), [_group(name, one) for name, one in groups.items()])


def _ratios(groups: Mapping[str, Group]) -> dict[str, float]:
    return {name: one.ratio for name, one in groups.items()}


def _group(name: str, one: Group) -> tuple[str, ...]:
    ratio = f"{one.ratio:.2f}"
    return (name, rate(one.bothered), f"{ratio} !" if one.ratio > FAIR_MAX else ratio, str(one.bothered.seen))


def _stresses(stresses: Sequence[Stress]) -> Iterable[str]:
    if not stresses:
        return
    yield "<h2>If the world were otherwise</h2>"
    rows = [
        (
            one.name,
            f"{one.auc:.3f}",
            as_percent(one.recall),
            rate(one.observed_over_expected, percent=False),
            "-" if one.takeovers_stopped is None else rate(one.takeovers_stopped),
        )
        for one in stresses
    ]
    head = ("", "area", f"recall at {FLAGGED:.0%}", "observed / expected", "takeovers stopped")
    yield table("Variations", head, rows)


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
    yield table("Asked", ("life or attack", "questions"), rows)
    if rehearsal.left_out:
        rows = [(reason, str(count)) for reason, count in rehearsal.left_out.items()]
        yield table("Left out, for no line of the pretend operator shows it", ("", "questions"), rows)
    if rehearsal.disagreements:
        found = [
            (one.scenario, one.operator, f"{one.action} ({one.action_class})", one.simulated, one.decided, one.seen)
            for one in rehearsal.disagreements
        ]
        head = ("", "operator", "action", "simulated", "decided", "simulated / seen")
        yield table("Decided otherwise", head, found)
