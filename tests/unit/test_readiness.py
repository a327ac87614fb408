import asyncio

from broker.usecases.readiness import Readiness
from tests.support.clocks import HandClock


class Database:
    """Counts its probes; each fails while ``down``."""

    def __init__(self) -> None:
        self.probes = 0
        self.down = False

    async def ping(self) -> None:
        self.probes += 1
        await asyncio.sleep(0)
        if self.down:
            raise OSError("down")


async def test_many_who_ask_at_once_cost_one_probe() -> None:
    database = Database()
    ready = Readiness(database.ping, HandClock())
    assert await asyncio.gather(*(ready() for _ in range(50))) == [True] * 50
    assert database.probes == 1


async def test_what_was_found_counts_for_a_second_be_it_good_or_bad() -> None:
    database, clock = Database(), HandClock()
    ready = Readiness(database.ping, clock)
    assert await ready()
    database.down = True
    clock.advance(0.9)
    assert await ready()
    clock.advance(0.2)
    assert not await ready()
    database.down = False
    clock.advance(0.9)
    assert not await ready()
    clock.advance(0.2)
    assert await ready()
    assert database.probes == 3
