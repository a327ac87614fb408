from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from broker.errors import Misconfigured
from broker.usecases.privacy.open_keys import open_pseudonyms, open_signing_key, require_apart


class Vault:
    """A database's memory of its root key."""

    def __init__(self) -> None:
        self.kept: bytes | None = None

    async def root_key_fingerprint(self) -> bytes | None:
        return self.kept

    async def keep_root_key_fingerprint(self, fingerprint: bytes) -> None:
        self.kept = self.kept or fingerprint


async def test_a_root_key_is_made_once_and_known_again(tmp_path: Path) -> None:
    path, vault = tmp_path / "keys" / "root.key", Vault()
    first = await open_pseudonyms(path, vault)
    again = await open_pseudonyms(path, vault)
    assert first.sealing_key() == again.sealing_key()
    assert vault.kept is not None
    assert vault.kept not in path.read_bytes()


async def test_a_lost_root_key_is_not_replaced_without_a_word(tmp_path: Path) -> None:
    path, vault = tmp_path / "root.key", Vault()
    await open_pseudonyms(path, vault)
    path.unlink()
    with pytest.raises(Misconfigured, match=r"root\.key: the root key is gone.*backup"):
        await open_pseudonyms(path, vault)
    assert not path.exists()


async def test_another_root_key_is_refused(tmp_path: Path) -> None:
    path, vault = tmp_path / "root.key", Vault()
    await open_pseudonyms(path, vault)
    path.write_bytes(bytes(32))
    with pytest.raises(Misconfigured, match="not the root key"):
        await open_pseudonyms(path, vault)


async def test_half_a_root_key_is_refused_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.touch(0o600)
    path.write_bytes(b"short")
    with pytest.raises(Misconfigured, match=r"root\.key: has 5 bytes and not 32"):
        await open_pseudonyms(path, Vault())


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff\x00"],
    ids=["empty", "nonsense", "broken PEM", "binary"],
)
def test_a_bad_signing_key_is_refused_with_its_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "receipts.pem"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"receipts\.pem: not a P-256 private key"):
        open_signing_key(path)


@pytest.mark.parametrize("kind", ["another curve", "public half"])
def test_a_key_that_cannot_sign_es256_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "receipts.pem"
    path.touch(0o600)
    key = ECKey.generate_key("P-384" if kind == "another curve" else "P-256")
    path.write_bytes(key.as_pem(private=kind == "another curve"))
    with pytest.raises(Misconfigured, match="P-256"):
        open_signing_key(path)


def test_one_file_for_two_purposes_is_refused_however_it_is_spelt(tmp_path: Path) -> None:
    (tmp_path / "link.pem").symlink_to(tmp_path / "receipts.pem")
    require_apart({"one": tmp_path / "a", "other": tmp_path / "b"})
    for spelt in (tmp_path / "receipts.pem", tmp_path / "x" / ".." / "receipts.pem", tmp_path / "link.pem"):
        with pytest.raises(Misconfigured, match="is the key of receipts and a client_key"):
            require_apart({"the key of receipts": tmp_path / "receipts.pem", "a client_key": spelt})
