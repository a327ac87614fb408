"""The broker as a process of its own: started by its command, killed without warning, started again."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from adapters.mock.operator.authorization.clients import register
from adapters.mock.operator.profile import load_profile
from broker.__main__ import main
from tests.support.broker import configure, free_socket
from tests.support.mock_operator import running_operator

_START_S = 90
CommandLine = Callable[..., tuple[int, str]]
QUESTION = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


def trust_broker(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "broker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


@contextmanager
def process(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "broker", "serve", "--config", str(folder / "config")]
    with (folder / "broker.log").open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            _wait_for(f"http://127.0.0.1:{port}/health/ready", running)
            yield running
        finally:
            running.kill()
            running.wait()


def _wait_for(url: str, running: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s:
        assert running.poll() is None, "the broker ended"
        try:
            if httpx.get(url, timeout=1, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError("the broker did not start")


@pytest.fixture
def configured(tmp_path: Path) -> tuple[Path, int]:
    """A folder of its own with one operator that is no longer there, and a port for the broker."""
    with free_socket() as bound:
        port: int = bound.getsockname()[1]
    with running_operator("alba") as operator:
        url = operator.url
    configure(tmp_path, {"alba": url}, port)
    for name in ("borealis", "cadenza"):
        (tmp_path / "config" / "operators" / f"{name}.toml").unlink()
    (tmp_path / "config" / "routing" / "prefixes.toml").write_text('[prefixes]\n"+34600" = "alba"\n', "utf-8")
    return tmp_path, port


@pytest.fixture
def place(configured: tuple[Path, int]) -> tuple[Path, int, str]:
    folder, port = configured
    created = trust_broker(
        "keys", "create", "--tenant", "acme", "--consumer", "shop", "--config", str(folder / "config")
    )
    assert created.returncode == 0, created.stderr
    return folder, port, created.stdout.strip()


def test_every_answer_given_before_a_kill_is_recorded_and_none_twice(place: tuple[Path, int, str]) -> None:
    folder, port, key = place
    answered: dict[str, str] = {}
    stop = threading.Event()

    def ask() -> None:
        headers = {"authorization": f"Bearer {key}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as http:
            while not stop.is_set():
                name = uuid.uuid4().hex
                try:
                    response = http.post("/v1/trust-checks", json=QUESTION, headers={"idempotency-key": name})
                except httpx.HTTPError:
                    return
                assert response.status_code == 200, response.text
                answered[name] = response.json()["id"]

    with process(folder, port) as running:
        askers = [threading.Thread(target=ask) for _ in range(8)]
        for asker in askers:
            asker.start()
        while len(answered) < 50 and any(asker.is_alive() for asker in askers):
            time.sleep(0.01)
        os.kill(running.pid, signal.SIGKILL)
        stop.set()
        for asker in askers:
            asker.join()
    assert len(answered) >= 50
    with closing(sqlite3.connect(folder / "broker.db")) as database:
        recorded = [row[0] for row in database.execute("select check_id from checks")]
        leaves = [row[0] for row in database.execute("select check_id from log_leaves where check_id like 'chk_%'")]
    assert len(recorded) == len(set(recorded))
    assert sorted(recorded) == sorted(leaves)
    assert set(answered.values()) <= set(recorded)
    with process(folder, port):
        headers = {"authorization": f"Bearer {key}"}
        for name, check_id in list(answered.items())[-5:]:
            again = httpx.post(
                f"http://127.0.0.1:{port}/v1/trust-checks",
                json=QUESTION,
                headers=headers | {"idempotency-key": name},
                trust_env=False,
            )
            assert again.json()["id"] == check_id


def test_a_stop_finishes_what_is_under_way(place: tuple[Path, int, str]) -> None:
    """The operator thinks for a second and a half; the stop comes while it does, and the answer comes all the same."""
    folder, port, key = place
    client = register(load_profile("alba").clients[0], jwks=f"http://127.0.0.1:{port}/.well-known/client-jwks.json")
    with running_operator("alba", clients=[client]) as operator, ThreadPoolExecutor(1) as asking:
        settings = folder / "config" / "operators" / "alba.toml"
        lines = settings.read_text("utf-8").splitlines()
        moved = [f'base_url = "{operator.url}"' if line.startswith("base_url") else line for line in lines]
        settings.write_text("\n".join(moved), "utf-8")
        operator.control.fault("latency", {"type": "api", "api": "sim-swap"}, delayMs=1500)
        with process(folder, port) as running:
            answer = asking.submit(
                httpx.post,
                f"http://127.0.0.1:{port}/v1/trust-checks",
                json=QUESTION | {"deadlineMs": 4000},
                headers={"authorization": f"Bearer {key}"},
                trust_env=False,
                timeout=_START_S,
            )
            while not any("sim-swap" in call["path"] for call in operator.control.requests()):
                assert not answer.done(), answer.result().text
            running.send_signal(signal.SIGTERM)
            assert not answer.done(), "nothing was under way"
            document = answer.result(_START_S).raise_for_status().json()
            assert running.wait(_START_S) == 0
    with closing(sqlite3.connect(folder / "broker.db")) as database:
        assert database.execute("select check_id, decision from checks").fetchall() == [
            (document["id"], document["decision"])
        ]
        assert database.execute("select count(*) from intents").fetchone() == (0,)
    log = (folder / "broker.log").read_text("utf-8")
    assert "600000101" not in log
    assert key not in log
    for path in (*(folder / "keys").iterdir(), folder / "broker.db"):
        assert path.stat().st_mode & 0o077 == 0, f"{path} is for its owner only"


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command within this process, which has the broker loaded: its exit code, and all that it says."""

    def called(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["trust-broker", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return called


def test_keys_are_listed_without_secrets_and_revoked(configured: tuple[Path, int], command_line: CommandLine) -> None:
    where = ("--tenant", "acme", "--config", str(configured[0] / "config"))
    created = command_line("keys", "create", "--consumer", "shop", *where)
    assert created[0] == 0
    key_id, secret = created[1].strip().split("_", 2)[1:]
    listed = command_line("keys", "list", *where)
    assert key_id in listed[1]
    assert secret not in listed[1]
    assert command_line("keys", "revoke", key_id, *where)[0] == 0
    assert "revoked" in command_line("keys", "list", *where)[1]
    code, told = command_line("keys", "revoke", "nothing", *where)
    assert (code, told.startswith("NOT_FOUND")) == (1, True)


BAD_SETTINGS = {
    "unknown key": ("broker.toml", "ttl_s = 300", "ttl_s = 300\ntlt_s = 1", "tlt_s"),
    "wrong type": ("broker.toml", "ttl_s = 300", 'ttl_s = "long"', "ttl_s"),
    "unknown operator": ("routing/prefixes.toml", '"alba"', '"nobody"', "nobody"),
    "plain http": ("operators/alba.toml", "http://127.0.0.1", "http://operator.example", "https"),
    "unknown signal": ("purposes.toml", "sim_swap", "sim_swop", "sim_swop"),
    "unknown policy key": ("policies/payment.yaml", "id: payment", "id: payment\ncolour: red", "colour"),
    "one table misspelt": ("routing/prefixes.toml", "[prefixes]", "[prefix]", "prefix"),
    "one key for two purposes": ("operators/alba.toml", "alba-client.pem", "receipts.pem", "receipts.pem"),
    "unknown adapter": ("operators/alba.toml", 'adapter = "mock"', 'adapter = "nokia"', "nokia"),
}


@pytest.mark.parametrize(("file", "before", "after", "named"), BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_a_bad_setting_stops_the_start_and_is_named(
    configured: tuple[Path, int], command_line: CommandLine, file: str, before: str, after: str, named: str
) -> None:
    folder, _ = configured
    path = folder / "config" / file
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), "utf-8")
    code, told = command_line("serve", "--config", str(folder / "config"))
    assert code == 1
    assert told.startswith("MISCONFIGURED")
    assert named in told


def test_a_misspelt_variable_stops_the_start_of_a_process(configured: tuple[Path, int]) -> None:
    folder, _ = configured
    environment = os.environ | {"TRUST_BROKER__SERVER__PROT": "1"}
    started = trust_broker("serve", "--config", str(folder / "config"), env=environment, timeout=60)
    assert started.returncode == 1
    assert started.stderr.startswith("MISCONFIGURED")
    assert "prot" in started.stderr.lower()
    assert "Traceback" not in started.stderr
