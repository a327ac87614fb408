"""What becomes of a challenge when the broker is killed at each step of it."""

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from adapters.mock.operator.authorization.clients import register
from adapters.mock.operator.profile import load_profile
from adapters.mock.phone import Phone, said
from broker.bootstrap import open_deployment
from broker.bootstrap.privacy import open_vault
from broker.domain.challenge import Challenge, ChallengeState
from broker.step_up import rules
from broker.storage.policy_store import Entry
from broker.storage.store import Store
from broker.usecases.challenge_desk import Held
from tests.stories.test_challenges import PAYMENT, SWAPPED_3D
from tests.stories.test_processes import process
from tests.stories.test_reviews import until
from tests.stories.test_reviews_survive import made_keys
from tests.support.broker import SECRET, configure, free_socket
from tests.support.databases import execute, storing
from tests.support.mock_operator import RunningOperator, running_operator


class Scene(NamedTuple):
    """A configured folder, the port to serve on, an agent, a phone, and its operator, who outlive the broker."""

    folder: Path
    port: int
    operator: RunningOperator
    http: httpx.Client
    phone: Phone

    def check(self) -> dict[str, Any]:
        asked = {
            "subject": {"phoneNumber": SWAPPED_3D},
            "action": PAYMENT,
            "purpose": "FraudPreventionAndDetection",
            "deadlineMs": 4000,
        }
        return dict(self.http.post("/v1/trust-checks", json=asked).raise_for_status().json())

    def start(self, check: dict[str, Any], method: str) -> dict[str, Any]:
        wanted = {"method": method, "phoneNumber": SWAPPED_3D}
        answer = self.http.post(f"/v1/trust-checks/{check['id']}/challenges", json=wanted)
        return dict(answer.raise_for_status().json())

    def decision(self, check: dict[str, Any]) -> str:
        return str(self.http.get(f"/v1/trust-checks/{check['id']}").raise_for_status().json()["decision"])

    def status(self, challenge: dict[str, Any]) -> str:
        return str(self.http.get(challenge["href"]).raise_for_status().json()["status"])

    def went_to_the_operator(self, challenge: dict[str, Any]) -> str:
        """The address that the operator sends the browser back to."""
        tapped = self.phone.http.post(challenge["link"], headers={"sec-fetch-site": "same-origin"})
        back = self.phone.http.get(tapped.headers["location"], headers={"x-cellular-msisdn": SWAPPED_3D})
        return str(back.headers["location"])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with free_socket() as bound:
        port: int = bound.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    profile = load_profile("alba")
    terms = profile.clients[0].model_copy(update={"redirect_uris": (f"{url}/v1/step-up/callback",)})
    client = register(terms, jwks=f"{url}/.well-known/client-jwks.json", secret=SECRET)
    with running_operator(profile, clients=[client]) as operator, ExitStack() as stack:
        configure(tmp_path, {"alba": operator.url}, port)
        for name in ("borealis", "cadenza"):
            (tmp_path / "config" / "operators" / f"{name}.toml").unlink()
        (tmp_path / "config" / "routing" / "prefixes.toml").write_text('[prefixes]\n"+34600" = "alba"\n', "utf-8")
        keys = asyncio.run(made_keys(tmp_path / "config", {"shop": "trust:check"}))
        headers = {"authorization": f"Bearer {keys['shop']}"}
        http = stack.enter_context(httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20))
        phone = Phone(SWAPPED_3D)
        stack.callback(phone.close)
        yield Scene(tmp_path, port, operator, http, phone)


def rows(scene: Scene, query: str) -> list[tuple[Any, ...]]:
    return asyncio.run(execute(f"sqlite:///{scene.folder}/broker.db", query))


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
        until(lambda: rows(scene, "SELECT attempts_left FROM challenges") == [(0,)])
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

    died_between_end_and_check(scene.folder, unfollowed["id"])
    with process(scene.folder, scene.port):
        assert (scene.status(again), scene.decision(check)) == ("met", "allow")
        until(lambda: scene.decision(other) == "allow")
        until(lambda: rows(scene, "SELECT 1 FROM challenges WHERE due_ms IS NOT NULL OR length(sealed) > 0") == [])


def died_between_end_and_check(folder: Path, challenge_id: str) -> None:
    """Do what a node does up to the end of a challenge, and nothing of what it does then."""

    async def end() -> None:
        async with storing(f"sqlite:///{folder}/broker.db") as store:
            challenge = await store.challenges.find("acme", challenge_id)
            assert challenge is not None
            sealed = await sealed_end(folder, store, challenge)
            met = rules.end(challenge, ChallengeState.MET, None, challenge.opened_ms + 1, sealed=sealed, due_ms=0)
            assert await store.challenges.move(met, Entry("cev_last", b"{}", b"h" * 32))

    asyncio.run(end())


async def sealed_end(folder: Path, store: Store, challenge: Challenge) -> bytes:
    deployment = open_deployment(folder / "config")
    vault = await open_vault(deployment._settings.keys, store, deployment._clock)
    use = f"challenge:{challenge.challenge_id}"
    return await vault.seal(challenge.tenant, challenge.subject, use, msgspec.json.encode(Held("")))
