"""What becomes of a challenge when the broker is killed at each step of it."""

import asyncio
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from adapters.mock.operator.authorization.clients import register
from adapters.mock.operator.profile import load_profile
from adapters.mock.phone import Phone, said
from broker.audit.leaf import leaf_hash
from broker.bootstrap import open_deployment
from broker.bootstrap.privacy import open_vault
from broker.domain.challenge import Challenge, ChallengeState
from broker.step_up import rules
from broker.storage.policy_store import Entry
from broker.storage.store import Store
from broker.usecases.step_up.challenge_desk import Held
from tests.stories.test_challenges import DEAR, PAYMENT, STEADY, SWAPPED_3D
from tests.stories.test_processes import process
from tests.stories.test_reviews import until
from tests.stories.test_reviews_survive import made_keys
from tests.support.broker import SECRET, configure, free_socket
from tests.support.databases import BACKENDS, database, execute, storing
from tests.support.mock_operator import RunningOperator, running_operator


class Scene(NamedTuple):
    """A configured folder, the port to serve on, an agent, a phone, and its operator, who outlive the broker."""

    folder: Path
    port: int
    database: str
    operator: RunningOperator
    http: httpx.Client
    phone: Phone

    def check(self, number: str = SWAPPED_3D, action: dict[str, Any] = PAYMENT) -> dict[str, Any]:
        asked = {
            "subject": {"phoneNumber": number},
            "action": action,
            "purpose": "FraudPreventionAndDetection",
            "deadlineMs": 4000,
        }
        return dict(self.http.post("/v1/trust-checks", json=asked).raise_for_status().json())

    def start(self, check: dict[str, Any], method: str, number: str = SWAPPED_3D) -> dict[str, Any]:
        wanted = {"method": method, "phoneNumber": number}
        answer = self.http.post(f"/v1/trust-checks/{check['id']}/challenges", json=wanted)
        return dict(answer.raise_for_status().json())

    def decision(self, check: dict[str, Any]) -> str:
        return str(self.http.get(f"/v1/trust-checks/{check['id']}").raise_for_status().json()["decision"])

    def status(self, challenge: dict[str, Any]) -> str:
        return str(self.http.get(challenge["href"]).raise_for_status().json()["status"])

    def answer(self, challenge: dict[str, Any], **given: Any) -> httpx.Response:
        return self.http.post(f"{challenge['href']}/answer", json=given)

    def code(self) -> str:
        """The code in the last message that the person got."""
        (*_, last) = self.operator.control.http.get(f"/subscribers/{STEADY}/messages").json()
        found = re.search(r"\d{6}", last["text"])
        assert found is not None, last
        return found[0]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in asyncio.run(execute(self.database, query))]

    def went_to_the_operator(self, challenge: dict[str, Any]) -> str:
        """The address that the operator sends the browser back to."""
        tapped = self.phone.http.post(challenge["link"], headers={"sec-fetch-site": "same-origin"})
        back = self.phone.http.get(tapped.headers["location"], headers={"x-cellular-msisdn": SWAPPED_3D})
        return str(back.headers["location"])


@pytest.fixture(params=BACKENDS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with free_socket() as bound:
        port: int = bound.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    profile = load_profile("alba")
    terms = profile.clients[0].model_copy(update={"redirect_uris": (f"{url}/v1/step-up/callback",)})
    client = register(terms, jwks=f"{url}/.well-known/client-jwks.json", secret=SECRET)
    with running_operator(profile, clients=[client]) as operator, ExitStack() as stack:
        database_url = stack.enter_context(database(request.param, tmp_path))
        changes = {f"sqlite:///{tmp_path}/broker.db": database_url, "resend_s = 30": "resend_s = 5"}
        configure(tmp_path, {"alba": operator.url}, port, changes)
        alba = tmp_path / "config" / "operators" / "alba.toml"
        alba.write_text(alba.read_text("utf-8").replace("# asked_hold_s = 120", "asked_hold_s = 10"), "utf-8")
        for name in ("borealis", "cadenza"):
            (tmp_path / "config" / "operators" / f"{name}.toml").unlink()
        (tmp_path / "config" / "routing" / "prefixes.toml").write_text('[prefixes]\n"+34600" = "alba"\n', "utf-8")
        keys = asyncio.run(made_keys(tmp_path / "config", {"shop": "trust:check"}))
        headers = {"authorization": f"Bearer {keys['shop']}"}
        http = stack.enter_context(httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20))
        phone = Phone(SWAPPED_3D)
        stack.callback(phone.close)
        yield Scene(tmp_path, port, database_url, operator, http, phone)


@pytest.mark.proof
def test_a_challenge_outlives_a_broker_that_is_killed_at_each_step(scene: Scene) -> None:
    with process(scene.folder, scene.port) as running:
        check = scene.check()
        assert check["decision"] == "step_up"
        challenge = scene.start(check, "network_auth")
        os.kill(running.pid, signal.SIGKILL)

    with process(scene.folder, scene.port) as running:
        assert said(scene.phone.look(challenge["link"]))[0] == "Is this you?", "killed after it was started"
        address = scene.went_to_the_operator(challenge)
        os.kill(running.pid, signal.SIGKILL)

    with process(scene.folder, scene.port) as running, ThreadPoolExecutor(1) as pool:
        scene.operator.control.fault("latency", name="slow", delayMs=1500)
        coming = pool.submit(scene.phone.http.get, address)  # killed after the person had tapped
        until(lambda: scene.rows("SELECT attempts_left FROM challenges") == [(0,)])
        os.kill(running.pid, signal.SIGKILL)
        assert isinstance(coming.exception(), httpx.HTTPError)
        scene.operator.control.no_faults()

    with process(scene.folder, scene.port) as running:
        assert said(scene.phone.http.get(address))[0] == "This link is over", "killed while the operator was asked"
        assert scene.decision(check) == "step_up"
        again = scene.start(check, "network_auth")
        assert said(scene.phone.tap(again["link"], scene.phone.look(again["link"])))[0] == "Done"
        assert (scene.status(challenge), scene.status(again), scene.decision(check)) == ("cancelled", "met", "allow")
        other = scene.check()
        unfollowed = scene.start(other, "operator_token")
        os.kill(running.pid, signal.SIGKILL)

    died_between_end_and_check(scene, unfollowed["id"])
    with process(scene.folder, scene.port):
        assert (scene.status(again), scene.decision(check)) == ("met", "allow")
        until(lambda: scene.decision(other) == "allow")
        until(lambda: scene.rows("SELECT 1 FROM challenges WHERE due_ms IS NOT NULL OR length(sealed) > 0") == [])


@pytest.mark.proof
def test_of_two_hundred_answers_at_once_one_counts(scene: Scene) -> None:
    with process(scene.folder, scene.port), ThreadPoolExecutor(32) as pool:
        check = scene.check()
        challenge = scene.start(check, "tenant_factor")
        answers = list(pool.map(lambda n: scene.answer(challenge, met=n % 2 == 0), range(200)))
        (winner,) = [answer.json()["status"] for answer in answers if answer.status_code == 200]
        assert {answer.status_code for answer in answers} == {200, 409}
        decision = scene.decision(check)
        assert (scene.status(challenge), decision == "allow") == (winner, winner == "met")

        check = scene.check(STEADY, DEAR)
        challenge = scene.start(check, "sms_otp", STEADY)
        code = scene.code()
        answers = list(pool.map(lambda _: scene.answer(challenge, code=code), range(200)))
        assert sum(answer.status_code == 200 and answer.json()["status"] == "met" for answer in answers) <= 1
        assert (scene.status(challenge) == "met") == (scene.decision(check) == "allow")
    (ends,) = scene.rows("SELECT count(*) FROM challenges WHERE closed_ms IS NOT NULL")
    (followed,) = scene.rows("SELECT count(*) FROM check_revisions")
    assert ends == (2,)
    assert followed <= (2,)


@contextmanager
def killed_while_asking(
    scene: Scene, running: Any, work: Callable[[], Any], asked: Callable[[], bool]
) -> Iterator[None]:
    """The operator takes its time; the broker dies once ``asked`` says that it is waiting."""
    scene.operator.control.fault("latency", name="slow", delayMs=3000)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(work)
        until(asked)
        os.kill(running.pid, signal.SIGKILL)
        assert isinstance(waiting.exception(), httpx.HTTPError)
    scene.operator.control.no_faults()
    yield


@pytest.mark.proof
def test_a_code_by_text_message_outlives_a_broker_that_is_killed_at_each_step(scene: Scene) -> None:
    with process(scene.folder, scene.port) as running:
        check = scene.check(STEADY, DEAR)
        with killed_while_asking(
            scene,
            running,
            lambda: scene.start(check, "sms_otp", STEADY),
            lambda: scene.rows("SELECT 1 FROM challenges") == [(1,)],
        ):
            ((challenge_id,),) = scene.rows("SELECT challenge_id FROM challenges")
    challenge = {"href": f"/v1/trust-checks/{check['id']}/challenges/{challenge_id}"}

    with process(scene.folder, scene.port) as running:
        assert scene.status(challenge) == "pending", "killed while the message was sent"
        until(lambda: scene.http.post(f"{challenge['href']}/resend").is_success)
        os.kill(running.pid, signal.SIGKILL)

    with process(scene.folder, scene.port) as running:
        wrong = "000000" if scene.code() != "000000" else "000001"
        with killed_while_asking(
            scene,
            running,
            lambda: scene.answer(challenge, code=wrong),
            lambda: scene.rows("SELECT attempts_left FROM challenges") == [(2,)],
        ):
            assert scene.rows("SELECT state FROM challenges") == [("started",)]

    with process(scene.folder, scene.port):
        assert scene.decision(check) == "step_up"
        assert scene.http.get(challenge["href"]).json()["attemptsLeft"] == 2, "what was begun is spent"
        assert scene.answer(challenge, code=scene.code()).json()["status"] == "met"
        assert scene.decision(check) == "allow"
        assert scene.answer(challenge, code=scene.code()).status_code == 409


@pytest.mark.proof
def test_a_devices_token_outlives_a_broker_that_is_killed_at_each_step(scene: Scene) -> None:
    with process(scene.folder, scene.port) as running:
        check = scene.check()
        challenge = scene.start(check, "operator_token")
        os.kill(running.pid, signal.SIGKILL)

    with process(scene.folder, scene.port) as running:
        token = scene.operator.control.operator_token(SWAPPED_3D)
        with killed_while_asking(
            scene,
            running,
            lambda: scene.answer(challenge, operatorToken=token),
            lambda: scene.rows("SELECT attempts_left FROM challenges") == [(2,)],
        ):
            assert scene.rows("SELECT state FROM challenges") == [("started",)]

    with process(scene.folder, scene.port):
        assert (scene.status(challenge), scene.decision(check)) == ("pending", "step_up")
        again = scene.operator.control.operator_token(SWAPPED_3D)
        assert scene.answer(challenge, operatorToken=again).json()["status"] == "met"
        assert scene.decision(check) == "allow"


@pytest.mark.proof
def test_a_prompt_outlives_a_broker_that_is_killed_at_each_step(scene: Scene) -> None:
    control = scene.operator.control
    with process(scene.folder, scene.port) as running:
        check = scene.check(STEADY, DEAR)
        challenge = scene.start(check, "operator_prompt", STEADY)
        os.kill(running.pid, signal.SIGKILL)

    with process(scene.folder, scene.port) as running:
        page = scene.phone.look(challenge["link"])
        assert said(page)[0] == "Is this you?", "killed after it was started"
        with killed_while_asking(
            scene,
            running,
            lambda: scene.phone.tap(challenge["link"], page, challenge["compareCode"]),
            lambda: len(control.prompts(STEADY)) == 1,
        ):
            assert scene.rows("SELECT state FROM challenges") == [("opened",)]

    with process(scene.folder, scene.port) as running:
        # Nobody knows whether the phone rang: it is left in peace for a while, and then rings again.
        until(lambda: len(control.prompts(STEADY)) == 2)
        until(lambda: json.loads(scene.rows("SELECT body FROM pending_authentications")[0][0]).get("heard", False))
        os.kill(running.pid, signal.SIGKILL)

    control.answer(STEADY, approve=True)
    with process(scene.folder, scene.port) as running:
        until(lambda: scene.decision(check) == "allow")  # a worker took it up where it was left
        assert scene.status(challenge) == "met"
        other = scene.check(STEADY, DEAR)
        second = scene.start(other, "operator_prompt", STEADY)
        scene.phone.tap(second["link"], scene.phone.look(second["link"]), second["compareCode"])
        until(lambda: len(control.prompts(STEADY)) == 3)
        control.fault("latency", name="slow", delayMs=3000)
        control.answer(STEADY, approve=True)
        until(lambda: control.prompts(STEADY)[-1]["standing"] == "collected")
        os.kill(running.pid, signal.SIGKILL)
    control.no_faults()

    with process(scene.folder, scene.port):  # killed between the operator's yes and our record of it: no yes
        until(lambda: scene.status(second) == "failed")
        assert scene.decision(other) == "step_up"
        assert len(control.prompts(STEADY)) == 3, "and nobody is asked again by itself"


def died_between_end_and_check(scene: Scene, challenge_id: str) -> None:
    """Do what a node does up to the end of a challenge, and nothing of what it does then."""

    async def end() -> None:
        async with storing(scene.database) as store:
            challenge = await store.challenges.find("acme", challenge_id)
            assert challenge is not None
            sealed = await sealed_end(scene.folder, store, challenge)
            met = rules.end(challenge, ChallengeState.MET, None, challenge.opened_ms + 1, sealed=sealed, due_ms=0)
            assert await store.challenges.move(met, Entry("cev_last", b"{}", leaf_hash(b"{}")))

    asyncio.run(end())


async def sealed_end(folder: Path, store: Store, challenge: Challenge) -> bytes:
    deployment = open_deployment(folder / "config")
    vault = await open_vault(deployment._settings.keys, store, deployment._clock)
    use = f"challenge:{challenge.challenge_id}"
    return await vault.seal(challenge.tenant, challenge.subject, use, msgspec.json.encode(Held("")))
