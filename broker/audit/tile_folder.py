"""A log that was published as tiles in a folder, read for verification."""

from collections.abc import Iterator
from pathlib import Path

from broker.audit import export, merkle, note, tiles
from broker.audit.export import Entry, ExportUnreadable, Head, Item, Mark
from broker.audit.note import NoteInvalid
from broker.audit.tiles import WIDTH, TileId
from broker.audit.verify_export import Bad

_LENGTH_BYTES = 2


def items(folder: Path) -> Iterator[Item]:
    """What an export in one file would hold. It ends where a file is missing or short, and verification says so.

    Raises:
        ExportUnreadable: there is no checkpoint.
    """
    newest = (folder / "checkpoint").read_text("utf-8")
    checkpoint = _checkpoint(newest)
    yield Head(checkpoint.origin, 0, checkpoint.size, ())
    marks = _marks(folder / "checkpoints.jsonl") | {checkpoint.size: newest}
    for number in range(-(-checkpoint.size // WIDTH)):
        for entry in _entries(folder, number, min(WIDTH, checkpoint.size - number * WIDTH)):
            yield entry
            if entry.place + 1 in marks:
                yield Mark(marks[entry.place + 1])


def upper_tiles(folder: Path) -> Bad | None:
    """Whether each tile above the first level is what those below it add up to; the first that is not."""
    size = _checkpoint((folder / "checkpoint").read_text("utf-8")).size
    for tile, width in tiles.widths(size):
        if tile.level == 0:
            continue
        hashes = tiles.split(_bytes(folder / tile.path(width)))
        for place in range(width):
            below = _bytes(folder / TileId(tile.level - 1, tile.number * WIDTH + place).path())
            if place >= len(hashes) or merkle.complete_root(tiles.split(below)) != hashes[place]:
                span = WIDTH**tile.level
                first = (tile.number * WIDTH + place) * span
                return Bad(first, first + span - 1, f"{tile.path(width)} does not say what the tile below it says")
    return None


def _entries(folder: Path, number: int, width: int) -> Iterator[Entry]:
    hashes = tiles.split(_bytes(folder / TileId(0, number).path(width)))
    texts = _unframed(_bytes(folder / tiles.bundle_path(number, width)))
    for place, digest in enumerate(hashes[:width]):
        text = next(texts, None)
        yield Entry(number * WIDTH + place, digest, text or None, gone=text is None)


def _unframed(bundle: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + _LENGTH_BYTES], "big")
        yield bundle[at + _LENGTH_BYTES : at + _LENGTH_BYTES + length]
        at += _LENGTH_BYTES + length


def _marks(path: Path) -> dict[int, str]:
    if not path.is_file():
        return {}
    written = [item.note for item in export.read(path.read_bytes().splitlines()) if isinstance(item, Mark)]
    return {_checkpoint(each).size: each for each in written}


def _checkpoint(written: str) -> note.Checkpoint:
    try:
        return note.read_checkpoint(note.read_note(written).text)
    except NoteInvalid as error:
        raise ExportUnreadable(f"the checkpoint is none: {error}") from error


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
