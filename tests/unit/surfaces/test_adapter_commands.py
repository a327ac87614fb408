"""``trust-broker adapter``: what it prints, what it writes, how it ends; and a package of one's own, from nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from joserfc.jwk import ECKey
from typer.testing import CliRunner, Result

from adapters.mock.operator.profile import load_profile
from broker.bootstrap import open_deployment
from broker.errors import Conflict, Misconfigured
from broker.surfaces.cli.app import create
from broker.usecases.operators.manage_adapters import installed, start
from tests.support.mock_operator import default_client, running_operator

PROJECT = Path(__file__).parents[3]


def command(*arguments: str) -> Result:
    return CliRunner().invoke(create(open_deployment), ["adapter", *arguments])


def test_the_list_names_every_adapter_and_tells_asked_from_declared() -> None:
    done = command("list")
    assert done.exit_code == 0, done.output
    found = {one.name: one for one in installed()}
    assert len(found) >= 14
    assert all(name in done.output for name in found)
    assert found["mock"].declared_only == ()
    assert (found["vodafone"].asked_today, found["vodafone"].declared_only) == (("sim-swap 0.4.0",), ())
    assert (found["openxpand"].asked_today, found["openxpand"].declared_only) == ((), ("sim-swap 0.4.0",))


def test_verify_passes_for_the_pretend_operator() -> None:
    done = command("verify", "mock")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1].startswith("PASSED: ")
    report = json.loads(command("verify", "mock", "--json").output)
    assert (report["adapter"], report["passed"]) == ("mock", True)
    assert report["counts"]["passed"] >= 100


def test_an_unknown_adapter_is_an_error_that_names_those_there_are() -> None:
    done = command("verify", "nobody")
    assert isinstance(done.exception, Misconfigured)
    assert "mock" in str(done.exception)


@pytest.mark.parametrize("arguments", [("--live",), ("--live", "--phone", "600000101"), ("--live", "--phone", "x")])
def test_live_needs_a_number(arguments: tuple[str, ...]) -> None:
    done = command("verify", "mock", *arguments)
    assert done.exit_code == 2
    assert "--phone" in done.output


def test_our_key_is_made_once_for_the_owner_alone_and_its_public_half_is_told(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "client.pem"
    first, again = (command("key", "mock", str(file)) for _ in range(2))
    assert first.exit_code == 0, first.output
    assert first.output == again.output
    (told,) = json.loads(first.output)["keys"]
    assert {"kty", "crv", "x", "y", "kid", "use"} == told.keys()
    assert file.stat().st_mode & 0o077 == 0
    key = ECKey.import_key(file.read_text("utf-8"))
    assert (key.is_private, key.thumbprint()) == (True, told["kid"])


def test_a_file_that_is_no_key_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_text("a shared secret", "utf-8")
    done = command("key", "mock", str(file))
    assert isinstance(done.exception, Misconfigured)
    assert "a shared secret" not in str(done.exception)
    assert file.read_text("utf-8") == "a shared secret"
    nowhere = command("key", "mock", str(file / "client.pem"))
    assert isinstance(nowhere.exception, Misconfigured)
    assert "name a file in a folder of yours" in str(nowhere.exception)


def deployment(folder: Path, url: str, key: ECKey) -> Path:
    (folder / "operators").mkdir(parents=True)
    (folder / "client.pem").write_bytes(key.as_pem(private=True))
    (folder / "broker.toml").write_text("")
    (folder / "operators" / "alba.toml").write_text(
        f'adapter = "mock"\nbase_url = "{url}"\nclient_id = "trust-broker"\nclient_key_id = "live-1"\n'
        f'client_key = {{ file = "{folder}/client.pem" }}\n'
    )
    return folder


def live(config: Path, name: str = "mock") -> Result:
    return command("verify", name, "--live", "--phone", "+34600000101", "--config", str(config), "--json")


def outcomes(done: Result) -> dict[str, tuple[str, str]]:
    results = json.loads(done.output)["results"]
    return {one["id"]: (one["outcome"], one["detail"]) for one in results if one["group"] == "live"}


def test_live_asks_the_operators_of_the_deployment(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256", {"kid": "live-1", "use": "sig", "alg": "ES256"})
    with running_operator("alba", clients=[default_client(load_profile("alba"), key)]) as operator:
        config = deployment(tmp_path / "config", operator.url, key)
        found = live(config)
        assert found.exit_code == 0, found.output
        assert {name: outcome for name, (outcome, _) in outcomes(found).items()}.items() >= {
            "live.sim_swap": "passed",
            "live.device_swap": "passed",
            "live.call_forwarding": "passed",
            "live.location": "not_applicable",
            "live.number_verification": "not_applicable",
        }.items()
        assert outcomes(found)["live.location"][1] == "not_applicable: NO_LOCATION_GIVEN"
        assert "34600000101" not in found.output
    down = live(config)
    assert down.exit_code == 1
    assert outcomes(down)["live.sim_swap"] == ("failed", "operator_error: CONNECT_FAILED")


def test_live_without_an_operator_that_uses_the_adapter_says_so(tmp_path: Path) -> None:
    config = deployment(tmp_path / "config", "http://127.0.0.1:9", ECKey.generate_key("P-256"))
    done = live(config, "mock_legacy")
    assert isinstance(done.exception, Misconfigured)
    assert "no operator file names" in str(done.exception)


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a-b", "../evil", "a" * 33, "mock"])
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        start(name, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        start("novel", tmp_path)


def run(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_adapter_in_a_package_of_its_own_works_through_its_entry_point_alone(tmp_path: Path) -> None:
    source, target = tmp_path / "trust-broker-novel", tmp_path / "site"
    done = command("new", "novel", "--folder", str(source))
    assert done.exit_code == 0, done.output
    assert {Path(line).name for line in done.output.split()} == {
        "pyproject.toml", "README.md", "operator.toml", "__init__.py", "manifest.toml",
    }  # fmt: skip
    pip = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    built = run(*pip, str(source), path=tmp_path)
    assert built.returncode == 0, built.stderr
    verified = run("-m", "broker", "adapter", "verify", "novel", "--json", path=target)
    assert verified.returncode == 0, verified.stderr
    report = cast("dict[str, Any]", json.loads(verified.stdout))
    assert (report["adapter"], report["passed"]) == ("novel", True)
    counted = f"{report['counts']['passed']} of {sum(report['counts'].values())} for the manifest as it is written"
    assert counted in (PROJECT / "adapters" / "README.md").read_text("utf-8")
    without = run("-m", "broker", "adapter", "verify", "novel", path=tmp_path)
    assert without.returncode == 1
    assert "no adapter 'novel' is installed" in without.stderr
