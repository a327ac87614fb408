"""A small log in memory, signed on the way, as an export holds it; for those who tamper with it."""

from collections.abc import Collection, Sequence

from broker.audit import log_key, merkle
from broker.audit.export import Entry, Head, Item, Mark
from broker.audit.log_key import LogKey
from broker.audit.merkle import Frontier

ORIGIN = "broker.example/log"
KEY = LogKey(log_key.generate_pem(), ORIGIN)


def text_of(number: int, history: str = "") -> bytes:
    return f'{{"check":"chk_{number}{history}"}}'.encode()


def texts_of(size: int) -> list[bytes]:
    return [text_of(number) for number in range(size)]


def export_of(
    texts: Sequence[bytes], signed: Collection[int], *, hidden: Collection[int] = (), key: LogKey = KEY
) -> list[Item]:
    """An export of these texts with a checkpoint at each of those sizes; hidden ones are told by their hash alone."""
    tree = Frontier()
    items: list[Item] = []
    for place, text in enumerate(texts):
        digest = merkle.leaf_hash(text)
        tree.append(digest)
        items.append(Entry(place, digest, None if place in hidden else text))
        if tree.size in signed:
            items.append(Mark(str(key.sign(tree.size, tree.root()))))
    return [Head(key.origin, 0, len(texts), ()), *items]
