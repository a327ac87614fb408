"""What holds for every command: JSON for programs, help in words, completion in a shell, a sign of life meanwhile."""

import ast
import json
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

import pytest
import typer.main
from typer.testing import CliRunner

from broker.surfaces.cli import app
from broker.surfaces.cli.output import busy, tell
from broker.surfaces.cli.ports import Deployment
from broker.usecases.view import CheckView

WITHOUT_JSON = {
    "serve": "runs until it is stopped, and logs as [server] log says",
    "demo": "shows people around",
    "openapi": "prints a document in its own format",
    "audit export": "writes files, and prints nothing",
    "adapter key": "prints a JWK set, which is JSON, whatever is asked",
    "consent export": "prints JSON-LD whatever is asked",
    "receipt verify": "prints the claims as JSON whatever is asked; its exit code is the answer",
    "audit drill": "tells a minute's steps one by one; its exit code is the answer",
    "keys signing drill": "tells a minute's steps one by one; its exit code is the answer",
}


def _unopened(_folder: Path | None) -> Deployment:
    raise AssertionError("nothing is opened to look at the commands")


def _below(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, one in inner.items():
        yield from _below(one, f"{path} {name}".strip())


# What other packages bring is theirs to judge, and is loaded only where nothing else was called.
_OTHERS = {plugin.name for plugin in entry_points(group=app.PLUGINS)}
COMMANDS = {
    name: one
    for name, one in _below(typer.main.get_command(app.create(_unopened)), "")
    if name.partition(" ")[0] not in _OTHERS
}


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) > 50
    assert {"check", "keys create", "disclosure grant", "keys signing list"} <= COMMANDS.keys()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_prints_json_or_says_why_not(name: str) -> None:
    assert ("--json" in options(COMMANDS[name])) != (name in WITHOUT_JSON)
    assert COMMANDS[name].help, "what it does is told"


def test_no_reason_stands_for_a_command_that_is_gone() -> None:
    assert WITHOUT_JSON.keys() <= COMMANDS.keys()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    completion = {"_TRUST_BROKER_COMPLETE": f"source_{shell}"}
    shown = CliRunner().invoke(app.create(_unopened), prog_name="trust-broker", env=completion)
    assert shown.exit_code == 0
    assert "_TRUST_BROKER_COMPLETE" in shown.output


def test_a_word_is_completed() -> None:
    asked = {"_TRUST_BROKER_COMPLETE": "complete_bash", "COMP_WORDS": "trust-broker disc", "COMP_CWORD": "1"}
    shown = CliRunner().invoke(app.create(_unopened), prog_name="trust-broker", env=asked)
    assert shown.output.split() == ["disclosure"]


def test_programs_are_told_json_and_people_lines(capsys: pytest.CaptureFixture[str]) -> None:
    tell({"key": "tb_1"}, ["tb_1"], as_json=False)
    assert capsys.readouterr().out == "tb_1\n"
    tell({"key": "tb_1"}, ["tb_1"], as_json=True)
    assert json.loads(capsys.readouterr().out) == {"key": "tb_1"}


TOLD_OTHERWISE = {
    "output": "is where it is said",
    "doctor": "names each thing that it looks at",
    "demo": "shows people around, step by step",
    "demo_record": "is a step of the demo",
    "rehearse_stage": "sets a stage for the simulation, which shows a bar",
    "log_drill": "tells a minute's steps one by one",
}


def test_whatever_opens_the_database_or_asks_somebody_says_that_it_is_at_work() -> None:
    """A database that is made or migrated takes a second or two, and one far away may take longer."""
    folder = Path(app.__file__).parent
    silent = {
        path.stem
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "asyncio.run"
    }
    assert silent == TOLD_OTHERWISE.keys()


def test_what_is_under_way_is_said_beside_the_answer_if_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    with busy("asking"):
        tell(cast("CheckView", {}), ["done"], as_json=False)
    assert capsys.readouterr().out == "done\n"


@pytest.mark.parametrize("words", [["check", "+34600000101", "--action", "sign_in.hint"], ["operators"]])
def test_who_finds_no_broker_is_told_what_to_do(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where nobody has run the demo
    alone = CliRunner().invoke(app.create(_unopened), words, env={"COLUMNS": "300"})
    assert "trust-broker demo" in alone.output
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "300"}
    nobody = [*words, "--url", "http://127.0.0.1:9", "--key", "tb_x"]
    unheard = CliRunner().invoke(app.create(_unopened), nobody, env=terminal)
    assert (unheard.exit_code != 0, "trust-broker serve" in unheard.output) == (True, True)
    assert "asking http://127.0.0.1:9" in unheard.stderr  # meanwhile, where somebody watches
