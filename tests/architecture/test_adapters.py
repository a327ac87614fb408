"""What an operator costs: a folder, a file, under a hundred lines, mostly no code, and nothing of its neighbours."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from broker.adapter_kit.adapter import Adapter
from broker.adapter_kit.assembly import assemble, build, package_of
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.deployment import OperatorSettings, SecretRef, load_operators
from broker.adapter_kit.manifest import Manifest, load_manifest
from broker.domain.signal import Unavailability, Unavailable
from tests.unit.adapter_kit.pretend import PretendOperator, query

PROJECT = Path(__file__).parents[2]
ADAPTERS = PROJECT / "adapters"
EXAMPLES = PROJECT / "config" / "operators" / "examples"
NAMES = sorted(path.parent.name for path in ADAPTERS.glob("*/manifest.toml"))
REAL = [name for name in NAMES if not name.startswith("mock")]
LINES_MAX = 100
NOT_BUILT = {KitCode.SUBJECT_UNPROVEN, KitCode.CLIENT_AUTH_NOT_BUILT}


def files_of(name: str) -> list[Path]:
    inside = [path for path in (ADAPTERS / name).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return [*inside, EXAMPLES / f"{name}.toml"]


def has_code(name: str) -> bool:
    return any(path.suffix == ".py" and path.name != "__init__.py" for path in files_of(name))


def test_there_are_at_least_twelve_real_operators_and_eight_need_no_code() -> None:
    assert len(REAL) >= 12
    assert len([name for name in REAL if not has_code(name)]) >= 8


@pytest.mark.parametrize("name", REAL)
def test_an_operator_costs_one_folder_one_file_and_under_a_hundred_lines(name: str) -> None:
    lines = {path.name: len(path.read_text("utf-8").splitlines()) for path in files_of(name)}
    assert sum(lines.values()) < LINES_MAX, lines
    assert set(lines) <= {"__init__.py", "manifest.toml", "README.md", "adapter.py", f"{name}.toml"}


@pytest.mark.parametrize("name", REAL)
def test_an_operator_says_where_its_facts_are_from_and_that_nobody_tried(name: str) -> None:
    readme = (ADAPTERS / name / "README.md").read_text("utf-8")
    assert "not verified live" in readme
    for part in ("Known: ", "Unknown: "):
        assert len(readme.partition(part)[2].split("\n")[0]) > 20
    assert [line for line in readme.partition("Sources:")[2].splitlines() if line.startswith("- ")]
    for path in (ADAPTERS / name / "manifest.toml", EXAMPLES / f"{name}.toml"):
        assert "ot verified live" in path.read_text("utf-8").splitlines()[0]


def test_every_folder_is_registered_under_its_name() -> None:
    registered = {point.name: point.value for point in entry_points(group="broker.adapters")}
    ours = {name: value for name, value in registered.items() if value.startswith("adapters.")}
    assert ours == {name: f"adapters.{name}" for name in NAMES}
    assert [load_manifest(package_of(name)).name for name in NAMES] == NAMES


def test_every_real_operator_has_one_example_and_none_is_deployed() -> None:
    examples = load_operators(EXAMPLES)
    assert {name: settings.adapter for name, settings in examples.items()} == {name: name for name in REAL}
    assert set(load_operators(PROJECT / "config" / "operators")) == {"alba", "borealis", "cadenza", "sandbox"}


def credentials(settings: OperatorSettings, manifest: Manifest, folder: Path) -> OperatorSettings:
    """The example with every secret that it names put into a file."""
    rsa = manifest.oauth.assertion_alg.startswith(("RS", "PS"))
    key = RSAKey.generate_key(2048) if rsa else ECKey.generate_key("P-256")
    contents = {"client_secret": b"secret", "api_key": b"key", "client_key": key.as_pem(private=True)}
    given: dict[str, Any] = {}
    for name, content in contents.items():
        if getattr(settings, name) is not None:
            (folder / name).write_bytes(content)
            given[name] = SecretRef(file=folder / name)
    return settings.model_copy(update=given)


@pytest.mark.parametrize("name", REAL)
async def test_an_example_holds_what_its_adapter_needs_and_the_adapter_is_honest(name: str, tmp_path: Path) -> None:
    operator = PretendOperator()
    package = package_of(name)
    manifest = load_manifest(package)
    settings = credentials(load_operators(EXAMPLES)[name], manifest, tmp_path)
    parts = assemble(name, manifest, settings, operator.transport, operator.surroundings)
    adapter: Adapter = build(package, parts)
    assert set(adapter.capabilities) == {capability.known.signal for capability in manifest.capabilities}
    for capability in manifest.capabilities:
        operator.forms.clear()
        operator.calls.clear()
        signal = await adapter.observe(query(capability.known.signal, operator_token="opaque"))
        assert isinstance(signal, Unavailable)
        if manifest.built(capability):
            assert signal.code not in NOT_BUILT
        else:
            assert (signal.reason, signal.code in NOT_BUILT) == (Unavailability.UNSUPPORTED, True)
            assert not operator.forms
            assert not operator.calls


CONTRACT = """
[importlinter]
root_packages =
    broker
    adapters

[importlinter:contract:independence]
name = Adapters know nothing of each other
type = independence
modules =
{modules}
"""


def lint(folder: Path, modules: list[str]) -> subprocess.CompletedProcess[str]:
    config = folder / "contracts.ini"
    config.write_text(CONTRACT.format(modules="\n".join(f"    {module}" for module in modules)), "utf-8")
    command = ["-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache", "--config"]
    return subprocess.run(
        [sys.executable, *command, str(config)], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )


def test_adapters_know_nothing_of_each_other(tmp_path: Path) -> None:
    done = lint(tmp_path, [f"adapters.{name}" for name in NAMES])
    assert done.returncode == 0, done.stdout
    assert "1 kept, 0 broken" in done.stdout


def test_the_contract_can_break(tmp_path: Path) -> None:
    done = lint(tmp_path, ["broker.adapter_kit.manifest", "broker.adapter_kit.oauth"])
    assert done.returncode != 0
    assert "0 kept, 1 broken" in done.stdout
