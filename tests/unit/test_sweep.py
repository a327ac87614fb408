import json

from broker.errors import Conflict
from broker.storage.records import CheckCommit, Intent
from broker.usecases.sweep import Sweep
from tests.support.clocks import NOON, HandClock

NOW_MS = int(NOON.timestamp() * 1000)


class Intents:
    """Intents in a list, settled ones moved to another; ``taken`` are settled by somebody else meanwhile."""

    def __init__(self, *intents: Intent, taken: frozenset[str] = frozenset()) -> None:
        self.open = list(intents)
        self.settled: list[CheckCommit] = []
        self._taken = taken
        self.purged_at_ms: int | None = None
        self.forgotten_at_ms: int | None = None

    async def expired_intents(self, now_ms: int, limit: int) -> list[Intent]:
        return [intent for intent in self.open if intent.abandon_after_ms <= now_ms][:limit]

    async def purge_claims(self, now_ms: int, limit: int) -> int:
        self.purged_at_ms = now_ms
        return 0

    async def purge_pending(self, now_ms: int, limit: int) -> int:
        self.forgotten_at_ms = now_ms
        return 0

    async def settle(self, commit: CheckCommit) -> None:
        if commit.check_id in self._taken:
            raise Conflict("settled already")
        self.settled.append(commit)


async def test_an_overdue_intent_becomes_an_abandoned_check_with_a_leaf_and_no_decision() -> None:
    intents = Intents(Intent("acme", "chk_1", NOW_MS - 60_000, NOW_MS - 1), Intent("acme", "chk_2", NOW_MS, NOW_MS + 1))
    assert await Sweep(intents, HandClock())() == 1
    assert intents.purged_at_ms == intents.forgotten_at_ms == NOW_MS
    (commit,) = intents.settled
    leaf = json.loads(commit.leaf_body)
    assert (commit.check_id, commit.status, commit.decision) == ("chk_1", "abandoned", None)
    assert (leaf["check"], leaf["status"], leaf["outcome"]) == ("chk_1", "abandoned", None)


async def test_a_check_that_settled_after_all_is_left_alone() -> None:
    late = Intent("acme", "chk_1", NOW_MS - 60_000, NOW_MS - 1)
    other = Intent("acme", "chk_2", NOW_MS - 60_000, NOW_MS - 1)
    intents = Intents(late, other, taken=frozenset({"chk_1"}))
    assert await Sweep(intents, HandClock())() == 1
    assert [commit.check_id for commit in intents.settled] == ["chk_2"]
