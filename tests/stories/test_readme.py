"""The README is true: every command in it is run here, against the demo that its first command starts."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BIN = Path(sys.executable).parent
_START_S = 60


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


class Demo(NamedTuple):
    folder: Path
    table: str
    url: str

    def shell(self, script: str) -> "subprocess.CompletedProcess[str]":
        script = script.replace(".venv/bin/", f"{BIN}/").replace("http://127.0.0.1:8080", self.url)
        return subprocess.run(
            ["sh", "-euc", script],
            cwd=self.folder,
            env=os.environ | {"TRUST_BROKER_CONFIG": str(ROOT / "config")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    environment = os.environ | {"TRUST_BROKER_CONFIG": str(ROOT / "config")}
    output = folder / "output.txt"
    with output.open("wb") as out:
        # As a script would start it in the background: with Ctrl-C ignored, which must not keep it from ending.
        command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable, "-m", "broker", "demo"]
        running = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            until_s = time.monotonic() + _START_S
            while "Ctrl-C" not in output.read_text("utf-8"):
                assert running.poll() is None, output.read_text("utf-8")
                assert time.monotonic() < until_s, output.read_text("utf-8")
                time.sleep(0.1)
            url = tomllib.loads((folder / ".demo" / "credentials.toml").read_text("utf-8"))["url"]
            yield Demo(folder, output.read_text("utf-8"), url)
        finally:
            running.send_signal(signal.SIGINT)
            assert running.wait(30) == 0


def test_the_demo_shows_every_decision_and_what_to_try_next(demo: Demo) -> None:
    for word in ("allow", "step_up", "review", "deny", "operator down", "hears: allow", "/mcp", "/schema", "curl"):
        assert word in demo.table
    trials = [line.strip() for line in demo.table.splitlines() if "deny -> review" in line]
    assert len(trials) == 2
    assert trials[0] == trials[1], "a shadow and a backtest of the same checks agree"
    rows = [line for line in demo.table.splitlines() if re.search(r" (allow|step_up|review|deny) ", line)]
    assert len(rows) >= 6


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", README)) - {"are"}
    assert named
    assert named <= targets | {"are", "all"}


def test_every_file_that_the_readme_points_at_exists() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link
    for room in re.findall(r"`([a-z_]+)/`", README.partition("## The map")[2].partition("## ")[0]):
        assert (ROOT / "broker" / room).is_dir() or (ROOT / room).is_dir(), room


def shells(*, containing: str) -> str:
    (found,) = [block for block in blocks("sh") if containing in block]
    return found


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@needs_curl
def test_the_first_check_answers_as_the_readme_says(demo: Demo) -> None:
    done = demo.shell(shells(containing="trust-checks"))
    assert done.returncode == 0, done.stderr
    answer, (printed,) = json.loads(done.stdout), blocks("json")
    expected = json.loads(printed)
    changing = {"id", "validUntil", "receipt"}
    assert set(expected) <= set(answer)
    assert {name: answer[name] for name in expected if name not in changing} == {
        name: value for name, value in expected.items() if name not in changing
    }
    assert {"trustScore", "interval", "gates", "signals"} <= set(answer)


def test_the_check_from_the_command_line(demo: Demo) -> None:
    done = demo.shell(shells(containing="+34600000105 --action payment.transfer"))
    assert done.returncode == 0, done.stderr
    assert "allow" in done.stdout


@needs_curl
def test_the_receipt_is_verified_offline(demo: Demo) -> None:
    done = demo.shell(shells(containing="receipt verify"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["action"] == "sign_in.hint"


def test_the_mcp_client_runs(demo: Demo) -> None:
    (script,) = [block for block in blocks("python") if "call_tool" in block]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=demo.folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "step_up"), done.stderr


def test_the_guard_lets_the_tool_run(demo: Demo) -> None:
    (script,) = [block for block in blocks("python") if "requires_trust" in block]
    kept = tomllib.loads((demo.folder / ".demo" / "credentials.toml").read_text("utf-8"))
    told = {"TRUST_BROKER_URL": kept["url"], "TRUST_BROKER_KEY": kept["key"]}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=demo.folder,
        env=os.environ | told,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "paid 950.00 EUR to ES91 2100 0418 45"), done.stderr


def test_the_simulation_writes_its_report(demo: Demo) -> None:
    done = demo.shell(shells(containing="simulate"))
    assert done.returncode == 0, done.stderr
    assert "takeovers stopped" in done.stdout
    assert (demo.folder / ".demo" / "simulation.html").stat().st_size > 10_000


def test_running_it_for_oneself(tmp_path: Path) -> None:
    script = shells(containing="mkdir -p -m 700").replace(".venv/bin/", f"exec {BIN}/").replace("exec", "", 1)
    environment = os.environ | {"TRUST_BROKER_CONFIG": str(ROOT / "config"), "TRUST_BROKER__SERVER__PORT": "0"}
    log = tmp_path / "log"
    command = ["sh", "-euc", script]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=out) as running,
    ):
        until_s = time.monotonic() + _START_S
        while b"startup complete" not in log.read_bytes().lower():
            assert running.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < until_s, log.read_text("utf-8")
            time.sleep(0.1)
        running.terminate()
    assert running.returncode == 0
    assert log.read_bytes().startswith(b"tb_")


def test_a_policy_is_looked_at_tried_and_halted_from_the_command_line(demo: Demo) -> None:
    done = demo.shell(shells(containing="policy validate"))
    assert done.returncode == 0, done.stderr
    for said in ("examples hold", "no decision changes", "agent till-agent: in force"):
        assert said in done.stdout


def test_the_record_is_exported_and_verified(demo: Demo) -> None:
    assert "entries are what was signed" in demo.table
    done = demo.shell(shells(containing="audit verify"))
    assert done.returncode == 0, done.stderr
    assert "entries are what was signed" in done.stdout


def test_a_customer_gets_a_tenant_a_key_and_a_bill(demo: Demo) -> None:
    done = demo.shell(shells(containing="tenants create"))
    assert done.returncode == 0, done.stderr
    name, key, header, *play = done.stdout.splitlines()
    assert name == "demo.corner-shop"
    assert key.startswith("tb_")
    assert header.startswith("day,consumer,agent,kind,count")
    assert (play[0], play[1][:11]) == ("demo.sandbox", "tb_sandbox_")


def test_every_block_of_the_readme_is_covered_here() -> None:
    covered = (
        "make demo",
        "trust-checks",
        "+34600000105 --action payment.transfer",
        "receipt verify",
        "keys create",
        "tenants create",
        "simulate",
        "policy validate",
        "audit verify",
    )
    assert all(any(part in block for part in covered) for block in blocks("sh"))
    assert (len(blocks("python")), len(blocks("json"))) == (2, 1)
