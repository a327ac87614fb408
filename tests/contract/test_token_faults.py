"""What happens to tokens when clocks jump and keys change (the fault catalogue's R13 and R16)."""

import asyncio
import datetime as dt
from pathlib import Path
from random import Random

import pytest
from joserfc.jwk import ECKey, RSAKey

from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.keys import ClientKeys
from broker.domain.signal import Observed, SignalName, Unavailability, Unavailable
from tests.contract.token_flows import KEY, SIM_SWAP, Scene, client_of, manifest, profile
from tests.support.clocks import HandClock
from tests.support.mock_operator import JwksBytes, running_operator

U = Unavailability
STEADY, SILENT = "+34600000101", "+34600000109"
TWO_LEGGED = SIM_SWAP | {"flow": "client_credentials"}


class JumpingClock(HandClock):
    """One whose wall can be moved alone."""

    def jump(self, seconds: float) -> None:
        self._at += dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 86_400.0, -86_400.0])
async def test_a_wall_clock_that_jumps_neither_keeps_nor_spoils_a_token(tmp_path: Path, jump_s: float) -> None:
    """Tokens are aged by the monotonic clock; the wall clock is for what operators read, and both sides move here."""
    clock = JumpingClock()
    with running_operator(profile(), clients=[client_of(profile())], now=clock.now) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        async with scene.adapter(manifest(TWO_LEGGED)) as adapter:
            assert isinstance(await adapter.observe(scene.query(SignalName.SIM_SWAP, STEADY)), Observed)
            clock.jump(jump_s)
            # Forwards the operator's own copy is over: 401, one new token. Backwards it is still good.
            assert isinstance(await adapter.observe(scene.query(SignalName.SIM_SWAP, STEADY)), Observed)


@pytest.mark.parametrize("jump_s", [-3600.0, -86_400.0])
async def test_a_wall_clock_that_goes_back_asks_nobody_again(tmp_path: Path, jump_s: float) -> None:
    clock = JumpingClock()
    with running_operator(profile(), clients=[client_of(profile())], now=clock.now) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        async with scene.adapter(manifest(SIM_SWAP)) as adapter:
            await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT))
            clock.jump(jump_s)
            signal = await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT))
            assert isinstance(signal, Unavailable)
            assert signal.reason is U.LATE
        assert len(operator.control.prompts(SILENT)) == 1


async def test_a_client_key_is_rotated_under_load_without_a_failure(tmp_path: Path) -> None:
    """The set holds both keys for a while; questions go on through adapters of the old key and of the new one."""
    new = ECKey.generate_key("P-256", {"kid": "next"})
    published: list[ECKey | RSAKey] = [KEY]
    clock = HandClock()
    client = Client(profile().clients[0], ClientKeys(JwksBytes(published), clock.monotonic_s), None)
    with running_operator(profile(), clients=[client], now=clock.now) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        later = Scene(operator.url, clock, tmp_path, key=new)
        random = Random(3)
        async with scene.adapter(manifest(TWO_LEGGED)) as old, later.adapter(manifest(TWO_LEGGED)) as renewed:
            assert isinstance(await old.observe(scene.query(SignalName.SIM_SWAP, STEADY)), Observed)
            published.append(new)
            clock.advance(3)  # An operator that has just read the set does not read it again at once.
            for _ in range(20):
                adapter = random.choice([old, renewed])
                purpose = random.choice(["FraudPreventionAndDetection", "RequestedServiceProvision"])
                clock.advance(random.choice([1, 300, 901]))
                questions = [scene.query(SignalName.SIM_SWAP, STEADY, purpose=purpose) for _ in range(5)]
                signals = await asyncio.gather(*(adapter.observe(question) for question in questions))
                assert all(isinstance(signal, Observed) for signal in signals)
            published.remove(KEY)
