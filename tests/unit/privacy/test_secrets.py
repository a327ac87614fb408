import os
import stat
from pathlib import Path

import pytest

from broker.domain.phone import PhoneNumber
from broker.errors import Misconfigured
from broker.privacy import secret_files
from broker.privacy.pseudonyms import Pseudonyms

PHONE = PhoneNumber.parse("+34600000101")


def test_a_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "root.key"
    first = secret_files.read_or_create(path, lambda: b"one")
    second = secret_files.read_or_create(path, lambda: b"two")
    assert first == second == b"one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["root.key"]


def test_what_a_crash_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    for name in (".root.key.1", f".root.key.{os.getpid()}"):
        (tmp_path / name).write_bytes(b"half")
    assert secret_files.read_or_create(tmp_path / "root.key", lambda: b"whole") == b"whole"


def test_a_secret_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"root\.key: .*put the file back"):
        secret_files.read(tmp_path / "root.key")


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(b"secret")
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match="chmod 600"):
        secret_files.read_or_create(path, lambda: b"other")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured, match="file"):
        secret_files.read_or_create(tmp_path / "file" / "root.key", lambda: b"secret")


def test_pseudonyms_are_stable_and_differ_between_tenants_numbers_and_roots() -> None:
    names = Pseudonyms(bytes(32))
    assert names.subject("acme", PHONE) == names.subject("acme", PHONE)
    others = {
        names.subject("acme", PHONE),
        names.subject("globex", PHONE),
        names.subject("acme", PhoneNumber.parse("+34600000102")),
        Pseudonyms(b"\x01" * 32).subject("acme", PHONE),
        names.mark("acme", b"+34600000101"),
        names.mark("globex", b"+34600000101"),
        names.salt("acme", "+34600000101"),
        names.salt("globex", "+34600000101"),
        names.fingerprint("acme", b"+34600000101")[:16],
        names.sealing_key()[:16],
        names.fingerprint_of_root()[:16],
    }
    assert len(others) == 11


def test_a_short_root_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Pseudonyms(b"short")


def test_keys_do_not_print_themselves() -> None:
    assert "41" not in repr(Pseudonyms(b"A" * 32))
    assert "AAAA" not in repr(Pseudonyms(b"A" * 32))
