"""The key that signs checkpoints: Ed25519 in a PKCS #8 file of its own, under the name of the log."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.audit import note
from broker.audit.note import Checkpoint, Note, NoteKey


def generate_pem() -> bytes:
    """A new Ed25519 private key as PKCS #8 PEM."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class LogKey:
    """Signs the checkpoints of one log; ``origin`` is the log's name for all time, ``retired`` are keys of before."""

    def __init__(self, pem: bytes, origin: str, retired: tuple[NoteKey, ...] = ()) -> None:
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("checkpoints are signed with Ed25519")
        if not note.is_name(origin):
            raise ValueError("a log's name has no white space and no plus")
        self._key = key
        self.origin = origin
        self.public = NoteKey(origin, key.public_key().public_bytes_raw())
        self.retired = retired

    @property
    def publics(self) -> tuple[NoteKey, ...]:
        """The key that signs now, and those of before."""
        return (self.public, *self.retired)

    def sign(self, size: int, root: bytes) -> Note:
        """The signed checkpoint. Two of one size differ in nothing: Ed25519 signs alike each time."""
        text = Checkpoint(self.origin, size, root).text()
        return Note(text, (note.sign(text, self.origin, self._key),))

    def __repr__(self) -> str:
        return f"LogKey({self.origin})"
