"""Whoever changes an export is found out, and the first entry that was changed is named."""

from collections.abc import Callable

import pytest

from broker.audit import export, log_key, merkle, note, verify_export
from broker.audit.export import Entry, ExportUnreadable, Head, Item, Kept, Mark
from broker.audit.log_key import LogKey
from broker.audit.note import Checkpoint
from broker.audit.verify_export import Bad, Known, Verified
from tests.support.logs import KEY, ORIGIN, export_of, text_of, texts_of

SIZE, SIGNED = 12, (1, 5, 8, 12)
HIDDEN = (2, 6, 9)
GOOD = export_of(texts_of(SIZE), SIGNED, hidden=HIDDEN)
Tamper = Callable[[list[Item]], list[Item]]


def verify(items: list[Item], known: Known | None = None) -> Verified | Bad:
    lines = [export.line(item) for item in items]
    return verify_export.verify(export.read(lines), [KEY.public], known)


def at(items: list[Item], place: int) -> int:
    return next(number for number, item in enumerate(items) if isinstance(item, Entry) and item.place == place)


def changed(place: int, **members: object) -> Tamper:
    def tamper(items: list[Item]) -> list[Item]:
        where = at(items, place)
        entry = items[where]
        assert isinstance(entry, Entry)
        return [*items[:where], entry._replace(**members), *items[where + 1 :]]  # type: ignore[arg-type]

    return tamper


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def forged(place: int) -> Tamper:
    """Text and hash changed together, as somebody who knows the format does."""
    return changed(place, text=text_of(place, "x"), hash=merkle.leaf_hash(text_of(place, "x")))


def deleted(place: int, *, renumbered: bool) -> Tamper:
    def tamper(items: list[Item]) -> list[Item]:
        where = at(items, place)
        rest = [
            item._replace(place=item.place - 1) if renumbered and isinstance(item, Entry) else item
            for item in items[where + 1 :]
        ]
        return [*items[:where], *rest]

    return tamper


def swapped(place: int, *, renumbered: bool) -> Tamper:
    def tamper(items: list[Item]) -> list[Item]:
        one, other = at(items, place), at(items, place + 1)
        first, second = items[other], items[one]
        assert isinstance(first, Entry)
        assert isinstance(second, Entry)
        if renumbered:
            first, second = first._replace(place=place), second._replace(place=place + 1)
        mended = list(items)
        mended[one], mended[other] = first, second
        return mended

    return tamper


def inserted(place: int) -> Tamper:
    def tamper(items: list[Item]) -> list[Item]:
        where = at(items, place)
        new = Entry(place, merkle.leaf_hash(b"new"), b"new")
        rest = [item._replace(place=item.place + 1) if isinstance(item, Entry) else item for item in items[where:]]
        return [*items[:where], new, *rest]

    return tamper


def cut(place: int) -> Tamper:
    return lambda items: items[: at(items, place)]


def unsigned(size: int) -> Tamper:
    """Without the checkpoint over so many entries."""
    return lambda items: [item for item in items if not (isinstance(item, Mark) and f"\n{size}\n" in item.note)]


def cut_and_claimed(size: int) -> Tamper:
    """Cut behind a checkpoint, and the head rewritten to say that this was all."""

    def tamper(items: list[Item]) -> list[Item]:
        head = items[0]
        assert isinstance(head, Head)
        rest = items[1 : at(items, size)]
        return [head._replace(end=size), *rest]

    return tamper


TAMPERED: dict[str, tuple[Tamper, int, int]] = {
    "a bit of a text": (changed(3, text=flipped(text_of(3))), 3, 3),
    "a bit of a hash with its text": (changed(3, hash=flipped(merkle.leaf_hash(text_of(3)))), 3, 3),
    "a bit of a hash without a text": (changed(6, hash=flipped(merkle.leaf_hash(text_of(6)))), 5, 7),
    "text and hash together": (forged(10), 8, 11),
    "text and hash of the first": (forged(0), 0, 0),
    "text and hash of the last": (forged(11), 8, 11),
    "a deleted entry": (deleted(4, renumbered=False), 4, 4),
    "a deleted entry, the rest renumbered": (deleted(4, renumbered=True), 4, 4),
    "a deleted entry at the end": (deleted(11, renumbered=True), 11, 11),
    "two entries in the other order": (swapped(3, renumbered=False), 3, 3),
    "two entries in the other order, renumbered": (swapped(3, renumbered=True), 1, 4),
    "an entry in between": (inserted(7), 8, 8),
    "cut short": (cut(9), 9, 9),
    "cut short at a checkpoint": (cut(8), 8, 8),
    "a text that is gone": (changed(3, text=None, gone=True), 3, 3),
    "the last checkpoint is missing": (unsigned(12), 8, 11),
    "the head is missing": (lambda items: items[1:], 0, 0),
    "a second head": (lambda items: [*items, items[0]], 12, 12),
}


def test_what_was_not_touched_is_verified() -> None:
    verified = verify(GOOD)
    assert isinstance(verified, Verified)
    assert (verified.checkpoint.size, verified.texts, verified.checkpoints) == (SIZE, SIZE - len(HIDDEN), len(SIGNED))


@pytest.mark.parametrize(("tamper", "first", "last"), TAMPERED.values(), ids=TAMPERED.keys())
def test_the_first_bad_entry_is_named(tamper: Tamper, first: int, last: int) -> None:
    bad = verify(tamper(GOOD))
    assert isinstance(bad, Bad)
    assert (bad.first, bad.last) == (first, last), str(bad)


def test_every_bit_of_every_text_and_hash_counts() -> None:
    for place in range(SIZE):
        for bit in range(8):
            flip = bytes([merkle.leaf_hash(text_of(place))[0] ^ 1 << bit]) + merkle.leaf_hash(text_of(place))[1:]
            bad = verify(changed(place, hash=flip)(GOOD))
            assert isinstance(bad, Bad)
            assert bad.first <= place <= bad.last


def test_whoever_rewrites_everything_lacks_the_key() -> None:
    """All texts, hashes and checkpoints are replaced, and signed by somebody else under the log's name."""
    thief = LogKey(log_key.generate_pem(), ORIGIN)
    bad = verify(export_of([text_of(number, "x") for number in range(SIZE)], SIGNED, key=thief))
    assert isinstance(bad, Bad)
    assert (bad.first, "none of the keys" in bad.what) == (0, True)


def checkpoint_of(texts: list[bytes]) -> Checkpoint:
    signed = export_of(texts, (len(texts),))[-1]
    assert isinstance(signed, Mark)
    return note.open_checkpoint(note.read_note(signed.note), [KEY.public])


FORKED = [*texts_of(6), *(text_of(number, " of another history") for number in range(6, SIZE))]
KNOWN: dict[str, tuple[Known, list[Item], int, int]] = {
    "a fork, known by a checkpoint": (Known([checkpoint_of(FORKED)]), GOOD, 0, 11),
    "a fork, known by two": (Known([checkpoint_of(texts_of(5)), checkpoint_of(FORKED)]), GOOD, 5, 11),
    "a fork, known by an export": (
        Known((), [(place, merkle.leaf_hash(text)) for place, text in enumerate(FORKED)]),
        GOOD,
        6,
        6,
    ),
    "cut short at a checkpoint, known by a later one": (
        Known([checkpoint_of(texts_of(SIZE))]),
        cut_and_claimed(8)(GOOD),
        8,
        8,
    ),
    "cut short at a checkpoint, known by an export": (
        Known((), [(10, merkle.leaf_hash(text_of(10)))]),
        cut_and_claimed(8)(GOOD),
        8,
        8,
    ),
}


@pytest.mark.parametrize(("known", "items", "first", "last"), KNOWN.values(), ids=KNOWN.keys())
def test_what_others_kept_shows_forks_and_short_logs(known: Known, items: list[Item], first: int, last: int) -> None:
    assert isinstance(verify(items), Verified), "by itself the export is sound"
    bad = verify(items, known)
    assert isinstance(bad, Bad)
    assert (bad.first, bad.last) == (first, last), str(bad)


def test_what_others_kept_and_agrees_changes_nothing() -> None:
    kept = Known([checkpoint_of(texts_of(size)) for size in (3, 12)], [(4, merkle.leaf_hash(text_of(4)))])
    assert isinstance(verify(GOOD, kept), Verified)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"index":1}', b'{"log":"x","format":2}', b'{"else":1}', b"\xff"])
def test_what_is_no_export_is_said_to_be_none(line: bytes) -> None:
    with pytest.raises(ExportUnreadable, match="line 2"):
        list(export.read([export.line(GOOD[0]), line]))


HASHES = [merkle.leaf_hash(text) for text in texts_of(4)]


@pytest.mark.parametrize(
    ("kept", "gone", "told"),
    [
        ([0, 1, 2, 3], [], [0, 1, 2, 3]),
        ([0, 2, 3], [1], [0, 2, 3]),
        ([1, 2, 3], [0], [1, 2, 3]),
        ([0, 1, 2], [3], [0, 1, 2]),
        ([], [0, 1, 2, 3], []),
        ([0, 9, 2, 3], [], [0, 9, 2, 3]),
    ],
    ids=["all", "one is missing", "the first", "the last", "all are missing", "one is another"],
)
def test_texts_are_put_beside_the_hashes_that_they_belong_to(kept: list[int], gone: list[int], told: list[int]) -> None:
    entries = export.aligned(100, HASHES, [Kept(text_of(number), shown=True) for number in kept])
    assert [entry.place for entry in entries] == [100, 101, 102, 103]
    assert [entry.hash for entry in entries] == HASHES
    assert [entry.place - 100 for entry in entries if entry.gone] == gone
    assert [entry.text for entry in entries if entry.text] == [text_of(number) for number in told]


def test_a_hidden_text_that_was_changed_is_not_passed_over() -> None:
    entries = export.aligned(0, HASHES, [Kept(text_of(number), shown=False) for number in (0, 9, 2, 3)])
    assert [entry.gone for entry in entries] == [False, True, False, False]
    assert all(entry.text is None for entry in entries)


def test_what_a_stolen_key_of_before_signs_holds_no_longer_and_what_it_signed_does() -> None:
    """Threat T28 for the log: the log went on under another key at entry 8."""
    new = LogKey(log_key.generate_pem(), ORIGIN, (KEY.public,))
    texts = texts_of(SIZE)
    old_part = [item for item in export_of(texts, (5, 8)) if not isinstance(item, Head)]
    new_marks = [item for item in export_of(texts, (12,), key=new) if isinstance(item, Mark)]
    items: list[Item] = [Head(ORIGIN, 0, SIZE, ()), *old_part, *new_marks]
    found = verify_export.verify(items, new.publics)
    assert isinstance(found, Verified)
    assert found.checkpoints == 3
    thief = export_of([*texts, b"made up"], (5, 8, 12, 13))
    for tail in (thief, export_of(texts, (5, 8, 12)), export_of(texts[:8], (5, 8))):
        bad = verify_export.verify(tail, new.publics)
        assert isinstance(bad, Bad)
        assert "key of before" in bad.what
    grown = [*items, Entry(12, merkle.leaf_hash(b"made up"), b"made up"), thief[-1]]
    grown[0] = Head(ORIGIN, 0, SIZE + 1, ())
    assert verify_export.verify(grown, new.publics) == Bad(
        12, 12, "only a key of before signed it, and whoever has that may be a thief"
    )
    assert isinstance(verify_export.verify(items, [new.public]), Bad), "the key of before is wanted for its part"
