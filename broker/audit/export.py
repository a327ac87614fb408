"""The log in one file, for whoever wants to verify it without asking anybody: JSON Lines.

First a head (which log, from which entry on), then each entry with its hash in the tree, and with its text where the
reader may see it; every checkpoint that was signed on the way stands behind the last entry that it covers.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from broker.audit.leaf import b64url, from_b64url
from broker.audit.merkle import leaf_hash

FORMAT = 1
LINE_BYTES_MAX = 1 << 20


class ExportUnreadable(Exception):
    """This is no export; the text says where it stops being one."""


class Head(NamedTuple):
    """Which log this is. Entries begin at ``start`` and end before ``end``.

    ``before`` are the hashes of the subtrees that cover the entries before, so that the whole tree can be computed.
    """

    log: str
    start: int
    end: int
    before: tuple[bytes, ...]


class Entry(NamedTuple):
    """An entry by its place (its index) and its hash in the tree.

    ``text`` is absent where the reader may not see it; ``gone`` where it should be there and is not.
    """

    place: int
    hash: bytes
    text: bytes | None = None
    gone: bool = False


class Mark(NamedTuple):
    """A checkpoint, as a signed note, behind the last entry that it covers."""

    note: str


Item = Head | Entry | Mark


class _Line(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    log: str | None = None
    format: int | None = None
    start: int = 0
    end: int = 0
    before: tuple[str, ...] = ()
    index: int | None = None
    hash: str | None = None
    entry: str | None = None
    gone: bool = False
    checkpoint: str | None = None


def line(item: Item) -> bytes:
    """One item as a line."""
    match item:
        case Head(log, start, end, before):
            told = _Line(log=log, format=FORMAT, start=start, end=end, before=tuple(map(b64url, before)))
        case Entry(place, digest, text, gone):
            shown = None if text is None else text.decode("utf-8", "backslashreplace")
            told = _Line(index=place, hash=b64url(digest), entry=shown, gone=gone)
        case Mark(note):
            told = _Line(checkpoint=note)
    return msgspec.json.encode(told) + b"\n"


def read(lines: Iterable[bytes]) -> Iterator[Item]:
    """The items of an export, one at a time.

    Raises:
        ExportUnreadable: names the line.
    """
    for number, raw in enumerate(lines, 1):
        try:
            yield _item(msgspec.json.decode(raw[:LINE_BYTES_MAX], type=_Line))
        except (ValueError, TypeError) as error:
            raise ExportUnreadable(f"line {number} is none of an export of the log") from error


def _item(told: _Line) -> Item:
    if told.checkpoint is not None:
        return Mark(told.checkpoint)
    if told.index is not None and told.hash is not None:
        text = None if told.entry is None else told.entry.encode("utf-8")
        return Entry(told.index, from_b64url(told.hash), text, told.gone)
    if told.log is None or told.format != FORMAT:
        raise ValueError
    return Head(told.log, told.start, told.end, tuple(map(from_b64url, told.before)))


class Kept(NamedTuple):
    """A leaf as it is kept outside of the tree, which may not be what the tree says."""

    text: bytes
    shown: bool


def aligned(first: int, hashes: Sequence[bytes], kept: Sequence[Kept]) -> list[Entry]:
    """Entries of the tree with their texts, whatever happened to the texts.

    Nothing is made up or mended: a text that was changed stands where it stood, and one that is gone is said to be.
    """
    entries: list[Entry] = []
    waiting = [(one, leaf_hash(one.text)) for one in reversed(kept)]
    for place, digest in enumerate(hashes):
        spare = len(waiting) >= len(hashes) - place
        if waiting and (waiting[-1][1] == digest or spare):
            one, actual = waiting.pop()
            # A text that is not shown cannot be compared by the reader, so that it is wrong has to be said.
            wrong = actual != digest and not one.shown
            entries.append(Entry(first + place, digest, one.text if one.shown else None, wrong))
        else:
            entries.append(Entry(first + place, digest, None, gone=True))
    return entries
