"""What is written about the pretend operator is so: its document, its README, its profiles, its command."""

import json
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest
import yaml
from joserfc.jwk import ECKey
from pydantic import ValidationError

from adapters.mock.operator.apis.catalogue import operations_of
from adapters.mock.operator.apis.dialects import dialect
from adapters.mock.operator.app import openapi_document
from adapters.mock.operator.clocks import machine_time
from adapters.mock.operator.document import to_yaml
from adapters.mock.operator.network.directory import magic_number
from adapters.mock.operator.network.situations import SITUATIONS
from adapters.mock.operator.profile import load_profile, shipped_profiles
from tests.support.clocks import HandClock
from tests.support.mock_operator import SECRET, running_operator
from tests.support.mock_operator_client import OperatorClient

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "adapters/mock/operator/README.md").read_text(encoding="utf-8")
DOCUMENT = ROOT / "openapi/mock-operator.yaml"


def test_the_committed_document_is_the_one_of_the_code() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    # Written anew by: python -m adapters.mock.operator.document > openapi/mock-operator.yaml
    assert written == to_yaml(openapi_document())


def test_the_document_holds_every_operation_with_its_body_and_scopes() -> None:
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    for name in shipped_profiles():
        for api in load_profile(name).apis:
            spoken = dialect(api.name, api.version)
            for operation in operations_of(spoken):
                path = spoken.base_path + operation.path
                described = document["paths"][path][operation.method.lower()]
                assert ("requestBody" in described) is (operation.body is not None)
                assert {scope["accessToken"][0] for scope in described["security"]} == operation.scopes
                assert f"{api.name} {api.version}" in described["tags"]


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    schemas = yaml.safe_load(text)["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", text)) <= schemas.keys()


def test_the_readme_has_the_table_of_magic_numbers() -> None:
    for situation in SITUATIONS:
        assert f"| `{situation.ending}` | {situation.summary} |" in README
    assert len({situation.ending for situation in SITUATIONS}) == len(SITUATIONS)
    assert re.findall(r"^\| `(\d{6})` \|", README, re.MULTILINE) == [s.ending for s in SITUATIONS]
    told = tomllib.loads((ROOT / "adapters/mock/magic.toml").read_text("utf-8"))["numbers"]
    assert told == {f"+34600{one.ending}": one.summary for one in SITUATIONS} | {"+34600000404": "nobody: 404"}


def test_the_readme_names_what_the_profiles_offer() -> None:
    for name in shipped_profiles():
        for api in load_profile(name).apis:
            assert f"{api.name} {api.version}" in README


@pytest.mark.parametrize(("profile", "number"), [("alba", "+34600000102"), ("borealis", "+447700000102")])
def test_a_magic_number_is_prefix_zeros_and_ending(profile: str, number: str) -> None:
    assert magic_number(load_profile(profile).numbers[0], "000102") == number


def _toml(**changes: str) -> str:
    text = (ROOT / "adapters/mock/operator/profiles/borealis.toml").read_text(encoding="utf-8")
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "borealis"', 'name = "borealis"\nsurprise = 1'),
        ("[tokens]", "[tokens]\nrefresh_s = 5"),
        ("single_use_s = 60", "single_use_s = 301"),
        ('prefix = "+44770"', 'prefix = "44770"'),
        ('legs = ["three"]', "legs = []"),
        ('purposes = ["FraudPreventionAndDetection"]', "purposes = []"),
        ("client_secret_basic", "client_secret_wish"),
    ],
)
def test_a_profile_with_a_mistake_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = _toml(**{old: new})
    assert new in text
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValidationError):
        load_profile(str(tmp_path / "mine.toml"))


def test_a_version_that_nobody_speaks_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(_toml(**{'version = "1.0.0"': 'version = "9.9.9"'}), encoding="utf-8")
    with (
        pytest.raises(ValueError, match=r"sim-swap 9\.9\.9 is not implemented"),
        running_operator(load_profile(str(file))),
    ):
        pytest.fail("it runs")


@pytest.mark.parametrize("name", ["nobody", "../profiles/alba", "missing.toml", ""])
def test_a_profile_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="shipped are alba, borealis, cadenza, hostile"):
        load_profile(name)


def test_the_command_serves_what_its_files_say(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256", {"kid": "cli", "use": "sig"})
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    options = {
        "--port": "0",
        "--profile": "borealis",
        "--client-id": "another",
        "--client-jwks": str(tmp_path / "keys.json"),
        "--client-secret-file": str(tmp_path / "secret"),
        "--control-key-file": str(tmp_path / "control"),
    }
    command = [sys.executable, "-m", "adapters.mock.operator", *(word for pair in options.items() for word in pair)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={"PYTHONUNBUFFERED": "1"}
    ) as process:
        try:
            assert process.stdout is not None
            url = _announced(process.stdout.readline())
            _use(url, key, (tmp_path / "control"))
        finally:
            process.terminate()
        assert process.wait(5) in {0, -signal.SIGTERM}


def _announced(line: str) -> str:
    found = re.fullmatch(r"Borealis Mobile \(pretend\) at (http://127\.0\.0\.1:\d+), control API open\n", line)
    assert found, line
    return found[1]


def _use(url: str, key: ECKey, control_key: Path) -> None:
    terms = load_profile("borealis").clients[0].model_copy(update={"id": "another"})
    client = OperatorClient(url, terms, key, SECRET, machine_time)
    with client.http:
        assert client.ask_two_legged("sim-swap").status_code == 200
        assert client.ask_three_legged("tel:+447700000101", "location-verification:verify").status_code == 200
    assert control_key.stat().st_mode & 0o077 == 0
    headers = {"authorization": f"Bearer {control_key.read_text()}"}
    assert httpx.get(f"{url}/control/clock", headers=headers, trust_env=False).status_code == 200


def test_the_command_imports_nothing_of_the_broker() -> None:
    code = (
        "import sys, adapters.mock.operator.command;"
        "print([name for name in sys.modules if name.partition('.')[0] == 'broker'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout == "[]\n"


def test_both_sides_of_the_wire_can_live_in_the_same_time() -> None:
    clock = HandClock()
    with running_operator("alba", now=clock.now) as operator:
        token = operator.client.token("sim-swap")
        body = {"phoneNumber": operator.number("000102"), "maxAge": 4}
        assert operator.client.call(token, "/sim-swap/v2/check", body).json() == {"swapped": True}
        clock.advance(2 * 3600)
        assert operator.client.call(token, "/sim-swap/v2/check", body).status_code == 401
        fresh = operator.client.token("sim-swap")
        assert operator.client.call(fresh, "/sim-swap/v2/check", body).json() == {"swapped": False}
