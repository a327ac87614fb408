"""Of whom nothing could be seen, an agent hears at a step of the clock; everybody else at once."""

import asyncio

import msgspec
import pytest

from broker.usecases.even_time import EvenTime
from broker.usecases.ports import Answered, Asked
from tests.support.virtual_time import VirtualClock, run_virtually
from tests.unit.usecases.test_admission import PRINCIPAL, about

AGENT = msgspec.structs.replace(PRINCIPAL, agent="till")
STEP_MS = 250


def took_ms(run_ms: int, *, agent: bool = True, unseen: bool = True, deadline_ms: int | None = None) -> int:
    """How long the answer to a check takes that itself takes ``run_ms``."""

    async def asked_at(clock: VirtualClock) -> int:
        async def check(_: Asked) -> Answered:
            await asyncio.sleep(run_ms / 1000)
            return Answered(b"{}", replayed=False, unseen=unseen)

        started_s = clock.monotonic_s()
        asked = about("a", deadline_ms=deadline_ms)
        asked = msgspec.structs.replace(asked, received_s=started_s, principal=AGENT if agent else PRINCIPAL)
        await EvenTime(check, STEP_MS, clock)(asked)
        return round((clock.monotonic_s() - started_s) * 1000)

    return run_virtually(asked_at(VirtualClock()))


@pytest.mark.parametrize(("run_ms", "heard_ms"), [(1, 250), (40, 250), (249, 250), (251, 500), (700, 750)])
def test_the_reason_does_not_show_in_the_time(run_ms: int, heard_ms: int) -> None:
    assert took_ms(run_ms) == heard_ms


@pytest.mark.parametrize("run_ms", [1, 40, 249])
def test_nobody_is_held_up_beyond_their_own_deadline(run_ms: int) -> None:
    assert took_ms(run_ms, deadline_ms=249) == 249
    assert took_ms(run_ms + 260, deadline_ms=249) == run_ms + 260


def test_what_was_seen_and_who_may_see_it_are_not_held_up() -> None:
    assert took_ms(40, unseen=False) == 40
    assert took_ms(40, agent=False) == 40
