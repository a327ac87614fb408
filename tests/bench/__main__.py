"""``make bench``: run every cell in turn, several rounds, and write ratios to RESULTS.md."""

import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import httpx

from tests.bench.load import filled
from tests.bench.report import Cell, Figures, write
from tests.support.broker import FORGETFUL, configure, free_socket, share_secrets

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
SLOW_MS = 50
_CPU_UNDER_TEST, _CPU_LOAD = 0, 1
_START_S = 30
_WANTED = "wanted: [sim_swap, number_verification, location, number_recycling]\n    required: [[sim_swap]]"
# Each required, so that the planner leaves none out: what it saves is not to be measured here.
FOUR = ("sim_swap", "device_swap", "call_forwarding", "location")
# Amounts add up over a day. They shall, but a payment is to stay one of the medium class all the same.
_MEDIUM_MAX = "action.amount.value <= 1000.0"
_EXAMPLE = """examples:
  - name: SIM swapped three hours ago
    action: {type: payment.transfer, amount: 950.00 EUR}
    evidence: {sim_swap: 3h}
    class: medium
    decision: deny
"""
_DECIDED = '"actionClass":"medium"'
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


# Looking back is part of what a check costs; the tests' configuration leaves it out.
_REMEMBERING = {line: line for line in FORGETFUL if "window" in line}


class Program(NamedTuple):
    """A process under test, the request that is sent to it, and what every answer to that must contain."""

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    request: Path
    expected: str = ""


class Bench:
    """All programs of one run, in one temporary folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, module: str, *arguments: object, cpu: int, **environment: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", module, *(str(argument) for argument in arguments)],
            env={**os.environ, **environment},
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),  # noqa: PLW1509 - the parent has no threads
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(20)

    def operators(self, delay_ms: float) -> int:
        port = _free_port()
        self.start("tests.bench.operator_double", port, delay_ms, cpu=_CPU_LOAD)
        return port

    def broker(
        self,
        name: str,
        operator_port: int,
        body: bytes,
        *,
        client: str = "aiohttp",
        wanted: Sequence[str] = FOUR,
        others: int | None = None,
        routing: Mapping[str, str] = MappingProxyType({"prefixes.toml": '[prefixes]\n"+34" = "alba"\n'}),
        **environment: str,
    ) -> Program:
        port, folder = _free_port(), self._folder / name
        folder.mkdir()
        url = f"http://127.0.0.1:{operator_port}"
        configure(folder, {"alba": url, "borealis": url, "cadenza": url}, port, _REMEMBERING)
        if others is not None:
            alba = (folder / "config" / "operators" / "alba.toml").read_text("utf-8")
            cetus = alba.replace(url, f"http://127.0.0.1:{others}")
            (folder / "config" / "operators" / "cetus.toml").write_text(cetus, "utf-8")
        share_secrets(folder)
        policy = folder / "config" / "policies" / "payment.yaml"
        text = policy.read_text("utf-8")
        assert (text.count(_WANTED), text.count(_MEDIUM_MAX)) == (1, 1)
        text = text.replace(_MEDIUM_MAX, "action.amount.value <= 1000000000.0").replace(_WANTED, _asking_for(wanted))
        policy.write_text(text.partition("examples:")[0] + _EXAMPLE, "utf-8")
        for file, content in routing.items():
            (folder / "config" / "routing" / file).write_text(content, "utf-8")
        config = str(folder / "config")
        variables = {"TRUST_BROKER__HTTP__CLIENT": client, **environment}
        process = self.start("broker", "serve", "--config", config, cpu=_CPU_UNDER_TEST, **variables)
        program = Program(name, port, process, self.request(name, body, self._key(config)), _DECIDED)
        wait(program)
        prove(program, body, self._key(config, "trust:check", "trust:explain"), wanted)
        return program

    @staticmethod
    def _key(config: str, *scopes: str) -> str:
        create = ["keys", "create", "--tenant", "bench", "--consumer", "bench", "--config", config]
        for scope in scopes:
            create += ["--scope", scope]
        return subprocess.check_output([sys.executable, "-m", "broker", *create], text=True).strip()

    def plain(self, module: str, body: bytes, *arguments: object) -> Program:
        port = _free_port()
        process = self.start(module, port, *arguments, cpu=_CPU_UNDER_TEST)
        return Program(module, port, process, self.request(module, body, "none"))

    def request(self, name: str, body: bytes, key: str) -> Path:
        head = (
            f"POST /v1/trust-checks HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(filled(body, itertools.repeat(0)))}\r\n\r\n"
        )
        path = self._folder / f"{name}.request"
        path.write_bytes(head.encode() + body)
        return path

    def to_operator(self, port: int) -> Path:
        body = b'{"phoneNumber":"+34600000101"}'
        head = (
            f"POST /sim-swap/v2/retrieve-date HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
            f"authorization: Bearer {'t' * 650}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        path = self._folder / "direct.request"
        path.write_bytes(head.encode() + body)
        return path

    @staticmethod
    def key_of(program: Program) -> str:
        """The bearer key in a program's request."""
        head = program.request.read_bytes().split(b"\r\n\r\n")[0].decode()
        return head.partition("Bearer ")[2].partition("\r\n")[0]


def body(number: str) -> bytes:
    """A payment of the class medium with a place to compare, which makes four operator calls."""
    question = {
        "subject": {"phoneNumber": number, "location": {"latitude": 40.4, "longitude": -3.7, "radiusM": 5000}},
        "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
        "purpose": "FraudPreventionAndDetection",
    }
    return json.dumps(question).encode()


def _asking_for(names: Sequence[str]) -> str:
    groups = ", ".join(f"[{name}]" for name in names)
    return f"wanted: [{', '.join(names)}]\n    required: [{groups}]"


def prove(program: Program, body: bytes, key: str, wanted: Sequence[str]) -> None:
    """Ask once with a key that may see why: every signal must have been observed, or the bench measures less."""
    content = filled(body, itertools.repeat(999_999_999))
    answer = httpx.post(
        f"http://127.0.0.1:{program.port}/v1/trust-checks",
        content=content,
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        timeout=30,
        trust_env=False,
    )
    signals = answer.raise_for_status().json()["signals"]
    if {one["name"]: one["state"] for one in signals} != dict.fromkeys(wanted, "observed"):
        said = {one["name"]: [one["state"], one.get("reason"), one.get("code")] for one in signals}
        raise SystemExit(f"{program.name} does not observe what it is to be measured at: {said}")


def measure(program: Program, concurrency: int) -> Figures:
    """One cell: load for some seconds, with the processor time that the program took for it."""
    before = _cpu_s(program.process.pid)
    figures = load(program, concurrency)
    spent_s = _cpu_s(program.process.pid) - before
    return figures._replace(cpu_us=spent_s / max(1, figures.answered) * 1e6)


def load(program: Program, concurrency: int) -> Figures:
    """A closed loop on so many connections."""
    arguments = (program.port, concurrency, SECONDS, program.request, program.expected)
    command = ["-m", "tests.bench.load", *map(str, arguments)]
    done = subprocess.run(
        [sys.executable, *command],
        check=True,
        stdout=subprocess.PIPE,
        preexec_fn=pinned,
    )
    return Figures(**json.loads(done.stdout))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def rss_mb(pid: int) -> float:
    """Resident memory in megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * _PAGE_BYTES / 1e6


def _free_port() -> int:
    with free_socket() as bound:
        return int(bound.getsockname()[1])


def wait(program: Program) -> None:
    """Until it answers."""
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s:
        try:
            httpx.get(f"http://127.0.0.1:{program.port}/health/live", timeout=1, trust_env=False)
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{program.name} did not start")


def run(folder: Path) -> None:
    """Start everything, measure in turn, write the report."""
    bench = Bench(folder)
    try:
        fast, slow = bench.operators(0), bench.operators(SLOW_MS)
        fresh = body("+34{n}")
        full = bench.broker("full", fast, fresh)
        naive = bench.broker("naive", fast, fresh, client="httpx")
        full_slow = bench.broker("full-slow", slow, fresh)
        bare = bench.plain("tests.bench.bare", fresh, fast)
        bare_slow = bench.plain("tests.bench.bare", fresh, slow)
        hello = bench.plain("tests.bench.hello", fresh)
        cached = full._replace(name="cached", request=bench.request("cached", body("+34{m}"), bench.key_of(full)))
        # The class rises when somebody is asked about that often, so other signals are wanted than at first.
        again = bench.request("again", body("+34600000101"), bench.key_of(full))
        one_subject = full._replace(name="one subject", request=again, expected="")
        programs = (full, naive, full_slow, bare, bare_slow, hello)
        for program in programs:
            wait(program)
        at_rest_mb = rss_mb(full.process.pid)
        direct = Program("direct", slow, full.process, bench.to_operator(slow))
        plan: Sequence[tuple[str, Program, int]] = (
            ("bare", bare, 32),
            ("full", full, 32),
            ("naive", naive, 32),
            ("cached", cached, 32),
            ("one subject", one_subject, 32),
            ("hello", hello, 32),
            ("bare", bare, 1),
            ("full", full, 1),
            ("cached", cached, 1),
            ("direct, operators at 50 ms", direct, 1),
            ("bare, operators at 50 ms", bare_slow, 1),
            ("full, operators at 50 ms", full_slow, 1),
            ("direct, operators at 50 ms", direct, 32),
            ("bare, operators at 50 ms", bare_slow, 32),
            ("full, operators at 50 ms", full_slow, 32),
            ("full", full, 256),
        )
        write(_rounds(plan), at_rest_mb, rss_mb(full.process.pid), machine())
    finally:
        bench.close()


def _rounds(plan: Sequence[tuple[str, Program, int]]) -> list[Cell]:
    for _, program, concurrency in plan:  # tokens, connections and code paths warm before anything counts
        load(program, min(concurrency, 8))
    rounds: dict[tuple[str, int], list[Figures]] = {}
    for number in range(ROUNDS):
        for name, program, concurrency in plan:
            figures = measure(program, concurrency)
            rounds.setdefault((name, concurrency), []).append(figures)
            print(f"round {number + 1}: {name} c{concurrency}: {figures.per_s:.0f}/s p50 {figures.p50_ms:.2f} ms")  # noqa: T201
    return [Cell(name, concurrency, taken) for (name, concurrency), taken in rounds.items()]


def pinned() -> None:
    """Run where the load runs, beside what is under test."""
    os.sched_setaffinity(0, {_CPU_LOAD})


def machine() -> str:
    """The machine of a run, for the report."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        run(Path(temporary))
