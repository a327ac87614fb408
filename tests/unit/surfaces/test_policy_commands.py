"""``trust-broker policy validate`` and ``diff``, as somebody who writes a policy runs them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from broker.bootstrap import open_deployment
from broker.surfaces.cli.app import create
from tests.support.broker import CONFIG

PAYMENT = CONFIG / "policies" / "payment.yaml"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(create(open_deployment), ["policy", *arguments, "--config", str(CONFIG)])
    return result.exit_code, result.stdout


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    text = PAYMENT.read_text("utf-8").replace("prior: 0.005", "prior: 0.001").replace("insult: 0.05", "insult: -1")
    path.write_text(text, "utf-8")
    return path


def test_a_valid_document_is_told_so() -> None:
    code, said = run("validate", str(PAYMENT))
    assert (code, "payment version 1, 11 examples hold" in said) == (0, True)


def test_a_fault_is_told_with_file_line_and_pointer(spoilt: Path) -> None:
    code, said = run("validate", str(PAYMENT), str(spoilt))
    line = spoilt.read_text("utf-8").splitlines().index("  insult: -1") + 1
    assert code == 1
    assert f"{spoilt}:{line}: /costs/insult: " in said


def test_an_example_that_does_not_hold_is_told_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = PAYMENT.read_text("utf-8").replace("SIM_CHANGED_24H: {medium: deny}", "SIM_CHANGED_24H: {medium: review}")
    path.write_text(text, "utf-8")
    code, said = run("validate", str(path), "--json")
    (fault,) = json.loads(said)[str(path)]["faults"]
    assert code == 1
    assert text.splitlines()[fault["line"] - 1] == "  - name: SIM swapped three hours ago"
    assert fault["detail"].startswith("example 'SIM swapped three hours ago': decides review, not deny")


def test_a_difference_is_told_with_its_direction(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(PAYMENT.read_text("utf-8").replace("value <= 50.0", "value <= 60.0"), "utf-8")
    code, said = run("diff", str(PAYMENT), str(path), "--json")
    found = json.loads(said)
    assert (code, found["direction"], found["needsSecondPerson"]) == (0, "looser", True)
    assert "actions.payment.transfer" in {change["where"] for change in found["changes"]}
    code, said = run("diff", str(path), str(PAYMENT))
    assert "all in all: unclear; needs a second person" in said, "a rewritten condition is not trusted to be stricter"
