"""The fast state of all nodes that share one Valkey or Redis (the extra ``valkey``). One round trip an operation.

Without an answer nothing is let through: a quota that cannot be counted is no quota, a proof that cannot be remembered
no proof.
"""

from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from broker.errors import Overloaded
from broker.storage.kv import MEMBERS_MAX, Take, Taken

_T = TypeVar("_T")
_PREFIX = "trust-broker:"
_RETRY_AFTER_S = 1

# All or nothing: the server runs one script at a time. A count is kept from its first unit on.
_TAKE = """
local counts = {}
local refused = 0
for i, key in ipairs(KEYS) do
  counts[i] = tonumber(redis.call('GET', key) or '0')
  if refused == 0 and counts[i] + tonumber(ARGV[i * 3 - 2]) > tonumber(ARGV[i * 3 - 1]) then refused = i end
end
if refused == 0 then
  for i, key in ipairs(KEYS) do
    local fresh = redis.call('EXISTS', key) == 0
    counts[i] = redis.call('INCRBY', key, ARGV[i * 3 - 2])
    if fresh then redis.call('EXPIRE', key, ARGV[i * 3]) end
  end
end
table.insert(counts, 1, refused)
return counts
"""

# By the server's clock, for the nodes' may differ. Who died under way is dropped by the next to come, or with the key.
_JOIN = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
local there = redis.call('ZRANGE', KEYS[1], 0, -1)
if #there >= tonumber(ARGV[3]) then return false end
redis.call('ZADD', KEYS[1], now_ms + ARGV[2] * 1000, ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return there
"""


class ValkeyKv:
    """A :class:`broker.storage.kv.Kv`. Callers wait for a connection, and no longer than ``wait_s`` for an answer."""

    def __init__(self, url: str, *, connections_max: int, wait_s: float) -> None:
        # The default pool raises when it is empty instead of waiting (performance.md section 6).
        self._pool = BlockingConnectionPool.from_url(
            url, max_connections=connections_max, timeout=wait_s, socket_timeout=wait_s, socket_connect_timeout=wait_s
        )
        self._redis: Any = Redis(connection_pool=self._pool)
        self._script = self._redis.register_script(_TAKE)
        self._join = self._redis.register_script(_JOIN)

    async def take(self, wants: Sequence[Take]) -> Taken:
        """Take all of what is wanted, or nothing."""
        arguments = [part for want in wants for part in (want.amount, want.most, want.ttl_s)]
        keys = [_PREFIX + want.key for want in wants]
        refused, *counts = cast("list[int]", await _answered(self._script(keys=keys, args=arguments)))
        return Taken(tuple(counts), refused - 1 if refused else None)

    async def put_if_absent(self, key: str, ttl_s: int) -> bool:
        """Remember a key for a while; False where it is remembered already."""
        return bool(await _answered(self._redis.set(_PREFIX + key, b"1", nx=True, ex=ttl_s)))

    async def join(self, key: str, member: bytes, ttl_s: int) -> tuple[bytes, ...]:
        """Be known under a key until one leaves, ``ttl_s`` seconds at most; who was there before."""
        there = await _answered(self._join(keys=[_PREFIX + key], args=[member, ttl_s, MEMBERS_MAX]))
        if there is None:
            raise Overloaded("too many at the same thing", retry_after_s=_RETRY_AFTER_S)
        return tuple(cast("list[bytes]", there))

    async def leave(self, key: str, member: bytes) -> None:
        """Be forgotten under a key."""
        await _answered(self._redis.zrem(_PREFIX + key, member))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
        await self._pool.disconnect()


async def _answered(work: Awaitable[_T]) -> _T:
    try:
        return await work
    except (RedisError, OSError, TimeoutError) as error:
        raise Overloaded("the shared memory of all nodes does not answer", retry_after_s=_RETRY_AFTER_S) from error
