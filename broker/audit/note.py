"""Signed notes, checkpoints and cosignatures in C2SP's formats (signed-note, tlog-checkpoint, tlog-cosignature).

A note is text and signature lines; who signed is named by a key name and four bytes of a hash. A checkpoint is a note
whose text says origin, size and root of a log. A cosignature is a witness's statement, with its time, that it saw the
checkpoint grow out of the one before.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from broker.audit.merkle import HASH_BYTES

ED25519, COSIGNATURE = 0x01, 0x04
"""Signature types."""

_DASH = "— "
_ID_BYTES, _KEY_BYTES, _SIGNATURE_BYTES, _TIME_BYTES = 4, 32, 64, 8
_NOTE_BYTES_MAX = 64 * 1024
_SIGNATURES_MAX = 100
_NAME = re.compile(r"[^\s+]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteInvalid(Exception):
    """The note must not be relied on; the text says why."""

    loggable = True


class NoteKey(NamedTuple):
    """A public key by name; ``kind`` is a signature type. Written as a *vkey*: ``name+id+base64(kind || key)``."""

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def id(self) -> bytes:
        """What names the key in a signature line beside its name."""
        message = self.name.encode("utf-8") + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(message).digest()[:_ID_BYTES]

    def vkey(self) -> str:
        """The key as one word of text."""
        return f"{self.name}+{self.id.hex()}+{_b64(bytes([self.kind]) + self.public)}"


def read_vkey(text: str) -> NoteKey:
    """The key that a vkey stands for.

    Raises:
        NoteInvalid: it is none, or of a type that is not spoken here.
    """
    name, _, rest = text.strip().partition("+")
    key_id, _, material = rest.partition("+")
    decoded = _unb64(material)
    if not is_name(name) or len(decoded) != 1 + _KEY_BYTES or decoded[0] not in {ED25519, COSIGNATURE}:
        raise NoteInvalid("not an Ed25519 vkey: send name+id+key as the log or witness publishes it")
    key = NoteKey(name, decoded[1:], decoded[0])
    if key.id.hex() != key_id:
        raise NoteInvalid("the vkey contradicts itself: its id is another one's")
    return key


def is_name(text: str) -> bool:
    """Whether a key or log may be called so: no white space, no plus."""
    return _NAME.fullmatch(text) is not None


class Signature(NamedTuple):
    """One signature line."""

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its end."""
        return f"{_DASH}{self.name} {_b64(self.key_id + self.data)}\n"


class Note(NamedTuple):
    """A text that ends with a newline, and who signed it; nothing is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)


def read_note(written: str) -> Note:
    """Take a note apart.

    Raises:
        NoteInvalid: it is not a note.
    """
    text, separator, lines = written.rpartition("\n\n")
    if len(written) > _NOTE_BYTES_MAX or not separator or not lines.endswith("\n"):
        raise NoteInvalid("not a signed note")
    return Note(text + "\n", tuple(read_signatures(lines)))


def read_signatures(lines: str) -> list[Signature]:
    """Signature lines, as they stand in a note or come from a witness.

    Raises:
        NoteInvalid: a line is none, or there are too many.
    """
    found = []
    for line in lines.splitlines()[: _SIGNATURES_MAX + 1]:
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        data = _unb64(encoded)
        if not line.startswith(_DASH) or not is_name(name) or len(data) <= _ID_BYTES:
            raise NoteInvalid("a line among the signatures is none")
        found.append(Signature(name, data[:_ID_BYTES], data[_ID_BYTES:]))
    if not 0 < len(found) <= _SIGNATURES_MAX:
        raise NoteInvalid("no signatures, or too many")
    return found


class Checkpoint(NamedTuple):
    """What a log commits to: at ``size`` entries its root was ``root``."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text to be signed."""
        return f"{self.origin}\n{self.size}\n{_b64(self.root)}\n"


def read_checkpoint(text: str) -> Checkpoint:
    """What the text of a note says as a checkpoint; extension lines are passed over.

    Raises:
        NoteInvalid: it is none.
    """
    lines = text.split("\n")
    root = _unb64(lines[2]) if len(lines) > 2 else b""  # noqa: PLR2004 - origin, size, root
    if not lines[0] or len(root) != HASH_BYTES or not _SIZE.fullmatch(lines[1]):
        raise NoteInvalid("the note is no checkpoint")
    return Checkpoint(lines[0], int(lines[1]), root)


def sign(text: str, name: str, key: Ed25519PrivateKey) -> Signature:
    """A signature over a note's text."""
    public = NoteKey(name, key.public_key().public_bytes_raw())
    return Signature(name, public.id, key.sign(text.encode("utf-8")))


def cosign(text: str, name: str, key: Ed25519PrivateKey, at: datetime) -> Signature:
    """A witness's signature over a checkpoint's text."""
    public = NoteKey(name, key.public_key().public_bytes_raw(), COSIGNATURE)
    seconds = int(at.timestamp())
    return Signature(name, public.id, seconds.to_bytes(_TIME_BYTES, "big") + key.sign(_seen(text, seconds)))


def open_checkpoint(note: Note, keys: Iterable[NoteKey]) -> Checkpoint:
    """The checkpoint in a note that at least one of a log's keys signed.

    Signatures of unknown keys are passed over; one of a known key that does not hold spoils the note.

    Raises:
        NoteInvalid: no key signed it, a signature does not hold, or the log has another name.
    """
    signers = [key for key in keys if key.kind == ED25519 and _signed(note, key)]
    if not signers:
        raise NoteInvalid("none of the keys given signed this checkpoint")
    checkpoint = read_checkpoint(note.text)
    if all(key.name != checkpoint.origin for key in signers):
        raise NoteInvalid("the key is another log's: its name is not the checkpoint's origin")
    return checkpoint


def cosigned_at(note: Note, witness: NoteKey) -> datetime | None:
    """When a witness saw this checkpoint; ``None`` where it did not sign it.

    Raises:
        NoteInvalid: its signature does not hold.
    """
    return _cosigned(note.text, [one for one in note.signatures if _is_by(one, witness)], witness)


def _cosigned(text: str, signatures: Sequence[Signature], witness: NoteKey) -> datetime | None:
    seen = None
    for signature in signatures:
        seconds = int.from_bytes(signature.data[:_TIME_BYTES], "big")
        _require(witness, signature.data[_TIME_BYTES:], _seen(text, seconds))
        try:
            seen = datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError) as error:
            raise NoteInvalid("the witness's time is no time") from error
    return seen


def _signed(note: Note, key: NoteKey) -> bool:
    ours = [signature for signature in note.signatures if _is_by(signature, key)]
    for signature in ours:
        _require(key, signature.data, note.text.encode("utf-8"))
    return bool(ours)


def _is_by(signature: Signature, key: NoteKey) -> bool:
    return (signature.name, signature.key_id) == (key.name, key.id)


def _require(key: NoteKey, signature: bytes, message: bytes) -> None:
    try:
        if len(signature) != _SIGNATURE_BYTES:
            raise NoteInvalid(f"a signature of {key.name} has the wrong length")
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise NoteInvalid(f"a signature of {key.name} does not hold") from error


def _seen(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unb64(text: str) -> bytes:
    """The bytes of standard base64; none where it is not that."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    # Defensive: one value, one text; unused bits would otherwise make many signatures out of one.
    return decoded if _b64(decoded) == text else b""
