"""``make bench``: several operators, cold tokens, a herd, a brown-out. Its section is in RESULTS.md."""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.bench.__main__ import FOUR, ROUNDS, SECONDS, Bench, Program, load, machine, measure, pinned, wait
from tests.bench.report import Cell, Figures, Target, cell_table, target_table, write_section

_HERD = 1000
_RATE = 15.0
_WELL_MS, _BROWN_MS = 50, 500
_EIGHT = (*FOUR, "number_verification", "number_recycling", "kyc_tenure", "kyc_match")
_TOGETHER = '[networks.together]\ncountry = "ES"\nsources = ["borealis", "alba"]\n'
_METHOD = """## Several operators, cold tokens, herds, brown-outs

Measured as the first part. {rounds} rounds.

- *eight signals*: one check that asks two operators, both sources of one network, for eight signals; number
  verification and the older operator's location need a token for each subject, so ten calls: that operator, which
  tells the place here, keeps no consents. *four signals* is *full*, five calls.
- *tokens cold*: the operator's tokens live for 0 seconds, so every check fetches one for each scope that it needs.
- *herd*: {herd} checks of one subject that arrive together, operators at 50 ms; the calls of its four APIs
  are counted, and consent-info's are not.
- *others*: checks at an operator of its own, {rate:.0f} a second whether answered or not, while another one gets as
  many and answers in 50 ms (*all well*) or in 500 ms (*one browned out*).

{date:%Y-%m-%d}, {machine}.
"""


class Herd(NamedTuple):
    """One herd: how it fared, and how often the operator was called for it."""

    figures: Figures
    calls: int


class Brokers(NamedTuple):
    """What is under test, and the ports of the operators that are steered."""

    four: Program
    cold: Program
    eight: Program
    herd: Program
    alba: Program
    others: Program
    slow: int
    steered: int


def steer(port: int, what: str) -> int:
    """Tell a double what to do; the calls that it got since the last time."""
    answer = httpx.get(f"http://127.0.0.1:{port}/bench/{what}", trust_env=False, timeout=10)
    return int(answer.json()["calls"])


def start(bench: Bench) -> Brokers:
    fast, slow, steered = bench.operators(0), bench.operators(_WELL_MS), bench.operators(_WELL_MS)
    forgetful = bench.operators(0)
    four = bench.broker("four", fast, body("+34{n}"))
    cold = bench.broker("cold", forgetful, body("+34{n}"))
    eight = bench.broker(
        "eight",
        fast,
        body("+34{n}", everything=True),
        wanted=_EIGHT,
        routing={"networks.toml": _TOGETHER, "prefixes.toml": '[prefixes]\n"+34" = "together"\n'},
    )
    herd = bench.broker("herd", slow, body("+34600000101"))
    alba = bench.broker(
        "brown-out",
        steered,
        body("+34{n}"),
        others=slow,
        routing={"prefixes.toml": '[prefixes]\n"+34" = "alba"\n"+44" = "cetus"\n'},
    )
    others = alba._replace(name="others", request=bench.request("others", body("+44{n}"), bench.key_of(alba)))
    for program in (four, cold, eight, herd, alba):
        wait(program)
    steer(forgetful, "ttl/0")
    return Brokers(four, cold, eight, herd, alba, others, slow, steered)


def body(number: str, *, everything: bool = False) -> bytes:
    subject = {"phoneNumber": number, "location": {"latitude": 40.4, "longitude": -3.7, "radiusM": 5000}}
    if everything:
        subject |= {"boundSince": "2024-05-01", "claims": {"name": "Ana"}, "operatorToken": "ot-{n}"}
    question = {
        "subject": subject,
        "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
        "purpose": "FraudPreventionAndDetection",
    }
    return json.dumps(question).encode()


def herd(brokers: Brokers, round_number: int) -> Herd:
    """A thousand checks of a subject that no earlier round asked about."""
    request = brokers.herd.request
    fresh = request.with_suffix(f".{round_number}")
    fresh.write_bytes(request.read_bytes().replace(b"+34600000101", b"+3460000%04d" % (2000 + round_number)))
    steer(brokers.slow, "calls")
    figures = burst(brokers.herd.port, 0, _HERD, fresh)
    return Herd(figures, steer(brokers.slow, "calls"))


def beside(brokers: Brokers, delay_ms: int) -> Figures:
    """The others' figures while the steered operator takes so long; first it is left to itself, to be noticed."""
    steer(brokers.steered, f"delay/{delay_ms}")
    seconds = max(SECONDS, 3) * 3
    burst(brokers.alba.port, _RATE, 5, brokers.alba.request)
    command = _command(brokers.alba.port, _RATE, seconds, brokers.alba.request)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=pinned) as noise:  # noqa: PLW1509
        figures = burst(brokers.others.port, _RATE, seconds, brokers.others.request)
        noise.wait()
    return figures


def burst(port: int, rate: float, seconds: float, request: Path) -> Figures:
    done = subprocess.run(_command(port, rate, seconds, request), check=True, stdout=subprocess.PIPE, preexec_fn=pinned)
    return Figures(**json.loads(done.stdout))


def _command(port: int, rate: float, seconds: float, request: Path) -> list[str]:
    arguments = [str(port), str(rate), str(seconds), str(request)]
    return [sys.executable, "-m", "tests.bench.bursts", *arguments]


def run(folder: Path) -> None:
    """Measure in turn and write the section."""
    bench = Bench(folder)
    try:
        brokers = start(bench)
        cells: dict[tuple[str, int], list[Figures]] = {}
        herds: list[Herd] = []

        def note(name: str, concurrency: int, figures: Figures) -> None:
            cells.setdefault((name, concurrency), []).append(figures)
            print(f"{name} c{concurrency}: {figures.per_s:.0f}/s p99 {figures.p99_ms:.1f} ms")  # noqa: T201

        for program in (brokers.four, brokers.cold, brokers.eight, brokers.alba, brokers.others):
            load(program, 8)
        for number in range(ROUNDS):
            for concurrency in (1, 32):
                note("four signals", concurrency, measure(brokers.four, concurrency))
                note("four signals, tokens cold", concurrency, measure(brokers.cold, concurrency))
                note("eight signals, two operators", concurrency, measure(brokers.eight, concurrency))
            herds.append(herd(brokers, number))
            note("herd of one subject", _HERD, herds[-1].figures)
            note("others, all well", 1, beside(brokers, _WELL_MS))
            note("others, one browned out", 1, beside(brokers, _BROWN_MS))
        _write([Cell(name, at, taken) for (name, at), taken in cells.items()], herds)
    finally:
        bench.close()


def _write(cells: list[Cell], herds: list[Herd]) -> None:
    def of(name: str, concurrency: int) -> Cell:
        return next(cell for cell in cells if (cell.name, cell.concurrency) == (name, concurrency))

    p99 = [
        of(name, 1).median(lambda figures: figures.p99_ms) for name in ("others, one browned out", "others, all well")
    ]
    targets = [
        Target("others' p99, one operator browned out / all well", p99[0] / p99[1], 1.1, at_most=True),
        Target("herd: network API calls for each of four APIs", max(one.calls for one in herds) / 4, 1.0, at_most=True),
        Target("herd: checks that were not answered", sum(one.figures.failures for one in herds), 0, at_most=True),
    ]
    head = _METHOD.format(rounds=ROUNDS, herd=_HERD, rate=_RATE, date=datetime.now(UTC), machine=machine())
    tables = (target_table(targets, "###"), cell_table(cells, "###"))
    write_section(head, *tables)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with tempfile.TemporaryDirectory() as temporary:
        run(Path(temporary))
