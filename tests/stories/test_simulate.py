"""Somebody wonders what their policies would do, and plays them: the command, its report, and its refusals."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).parent / "trust-broker"
_NAMESPACES = {"http://www.w3.org/2000/svg"}


def simulate(*options: str, timeout_s: float = 120) -> "subprocess.CompletedProcess[str]":
    command = [str(COMMAND), "simulate", "--checks", "400", "--seed", "7", "--no-stress", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False)


def test_the_report_is_one_file_that_loads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    done = simulate("--report", str(path))
    assert done.returncode == 0, done.stderr
    assert "remote_session" in done.stdout
    page = path.read_text("utf-8")
    assert set(re.findall(r"https?://[^\s\"'<>]+", page)) <= _NAMESPACES
    assert "<script" not in page
    # Precision and recall, calibration, attacks, cost, and four of fairness; each told in words as well.
    assert page.count("<svg") == page.count('role="img" aria-label="') == 8
    assert "width=device-width" in page
    assert 'scope="row"' in page
    assert "deceived_victim" in page
    assert "What the network cannot see" in page
    for chapter in ("Asking in waves", "Champion and challenger", "What is known when", "Who is bothered"):
        assert f"<h2>{chapter}" in page


def test_machines_get_every_figure() -> None:
    done = simulate("--json")
    report = json.loads(done.stdout)
    assert report["findings"]["questions"] == 400
    assert sum(report["findings"]["decisions"]["honest"].values()) == pytest.approx(1.0)
    assert [one["days"] for one in report["findings"]["known"]] == [1, 7, 30, 90]
    assert [one["value"] for one in report["findings"]["rivals"]["costs"]] == [1.0, 2.0, 5.0, 10.0, 25.0]
    whole = report["planning"]["shipped"]["all"]
    assert 0 < whole["cost"]["EUR"] <= whole["cost_all"]["EUR"]


def test_a_world_that_cannot_be_is_refused_with_its_line(tmp_path: Path) -> None:
    world = tmp_path / "world.yaml"
    world.write_text(
        (ROOT / "config" / "simulation" / "default.yaml").read_text("utf-8").replace("days: 30", "days: -3")
    )
    done = simulate("--world", str(world))
    assert done.returncode == 1
    assert re.search(r"world\.yaml, line \d+, key days", done.stderr)
    assert not done.stdout


def test_a_folder_without_policies_is_refused(tmp_path: Path) -> None:
    done = simulate("--policies", str(tmp_path))
    assert done.returncode == 1
    assert "no policy documents" in done.stderr


@pytest.mark.proof
def test_a_real_broker_decides_as_the_simulation(tmp_path: Path) -> None:
    """Over real HTTP, of every life and attack, with slow, failing and silent operators: the very same decisions."""
    report = tmp_path / "out.html"
    done = simulate("--checks", "40000", "--wire", "60", "--json", "--report", str(report), timeout_s=900)
    assert done.returncode == 0, done.stderr
    rehearsal = json.loads(done.stdout)["rehearsal"]
    assert rehearsal["disagreements"] == []
    assert rehearsal["agreed"] == rehearsal["asked"] >= 40
    assert rehearsal["asked"] + sum(rehearsal["left_out"].values()) == 60
    assert rehearsal["in_network"] > rehearsal["asked"]
    assert len(rehearsal["scenarios"]) >= 10
    assert "Over the wire" in report.read_text("utf-8")
