"""The life of signing keys, instant by instant, and the file that running nodes follow."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from broker.audit import key_ring, receipts
from broker.audit.key_ring import VERIFIES_AFTER_MS, KeyRing, RingUnreadable
from broker.audit.receipts import Receipt, ReceiptInvalid, ReceiptSigner
from broker.audit.signing_key import SigningKey
from broker.errors import Misconfigured, NotFound
from broker.usecases.audit.rotate_signing import RotateSigning
from broker.usecases.audit.signing_ring import LOOK_S, LiveRing, RingFile
from tests.support.clocks import HandClock


def signed(signer: ReceiptSigner, now_s: int) -> str:
    words = dict.fromkeys(Receipt.__struct_fields__, "x")
    times = {"iat": now_s, "exp": now_s + 300, "policy_version": 1}
    return signer.sign(Receipt(**(words | times)))  # type: ignore[arg-type]


PEMS = [key_ring.generate() for _ in range(4)]
KIDS = [SigningKey(pem).kid for pem in PEMS]
T = 1_000_000
LATER = timedelta(seconds=60)
LONG_AGO = key_ring.begin(PEMS[0], 0)


def states(ring: KeyRing, at_ms: int) -> list[str]:
    return [key.state(at_ms) for key in ring.keys]


def test_one_key_after_the_other_signs_and_is_known_before_and_after() -> None:
    ring = LONG_AGO.rotated(PEMS[1], active_ms=T)
    for at_ms, expected in (
        (T - 1, ["signing", "next"]),
        (T, ["verifying", "signing"]),
        (T + VERIFIES_AFTER_MS - 1, ["verifying", "signing"]),
        (T + VERIFIES_AFTER_MS, ["retired", "signing"]),
    ):
        assert states(ring, at_ms) == expected
        assert ring.signing(at_ms).kid == KIDS[expected.index("signing")]
        published = [KIDS[place] for place, state in enumerate(expected) if state != "retired"]
        assert [key.kid for key in ring.published(at_ms)] == published


def test_a_rotation_that_comes_first_takes_the_place_of_one_that_waits() -> None:
    ring = LONG_AGO.rotated(PEMS[1], active_ms=T + 100).rotated(PEMS[2], active_ms=T)
    assert [key.kid for key in ring.keys] == [KIDS[0], KIDS[2]]
    assert states(ring, T) == ["verifying", "signing"]


def test_whatever_was_rotated_exactly_one_key_signs_at_any_instant() -> None:
    ring = LONG_AGO
    for number, active_ms in enumerate((T, T + 50, T + 20), 1):
        ring = ring.rotated(PEMS[number], active_ms=active_ms)
    for at_ms in range(0, 2 * T, T // 20):
        assert states(ring, at_ms).count("signing") == 1


def test_a_clock_that_was_put_back_finds_the_first_key_that_is_not_revoked() -> None:
    """Threat T17: otherwise a node whose clock starts wrong decides nothing."""
    ring = key_ring.begin(PEMS[0], T).rotated(PEMS[1], active_ms=2 * T)
    assert ring.signing(0).kid == KIDS[0]
    assert [key.kid for key in ring.published(0)] == KIDS[:2], "whoever verifies knows it"
    revoked = ring.revoked(KIDS[0], T, lambda: PEMS[2])
    assert [revoked.signing(at_ms).kid for at_ms in (0, T, 2 * T)] == [KIDS[2]] * 3


def test_a_revoked_key_neither_signs_nor_verifies_and_another_one_signs_at_once() -> None:
    ring = LONG_AGO.revoked(KIDS[0], T, lambda: PEMS[1])
    assert states(ring, T) == ["revoked", "signing"]
    assert [key.kid for key in ring.published(T)] == [KIDS[1]]
    assert ring.revoked(KIDS[0], T + 1, lambda: PEMS[2]) == ring, "the first revocation counts"
    verifying = LONG_AGO.rotated(PEMS[1], active_ms=T).revoked(KIDS[0], T + 1, lambda: PEMS[2])
    assert [key.kid for key in verifying.keys] == KIDS[:2], "who signs goes on"
    with pytest.raises(KeyError):
        ring.revoked("nobody", T, lambda: PEMS[2])


@pytest.mark.parametrize("content", [b"", b"{}", b'{"keys":[]}', LONG_AGO.encode().replace(KIDS[0].encode(), b"x")])
def test_what_is_no_ring_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(RingUnreadable) as refused:
        key_ring.read_ring(content)
    assert "PRIVATE" not in str(refused.value)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def file(tmp_path: Path, clock: HandClock) -> RingFile:
    return RingFile(tmp_path / "receipts.ring", tmp_path / "receipts.pem", clock)


def test_the_only_key_of_before_becomes_the_first_of_the_ring(tmp_path: Path, file: RingFile) -> None:
    (tmp_path / "receipts.pem").write_bytes(PEMS[0])
    (tmp_path / "receipts.pem").chmod(0o600)
    assert [key.kid for key in file.read().keys] == [KIDS[0]]
    assert stat.S_IMODE((tmp_path / "receipts.ring").stat().st_mode) == 0o600
    assert file.read() == file.read()


def test_a_running_node_follows_within_a_second_and_nothing_that_it_signed_is_lost(
    file: RingFile, clock: HandClock
) -> None:
    node, admin = LiveRing(file, clock), RotateSigning(file, clock)
    signer = ReceiptSigner(node.signing_key, issuer="http://broker.example", ttl_s=300)
    now_s = int(clock.now().timestamp())
    old = signed(signer, now_s)
    first, second = node.signing_key().kid, admin.rotate(LATER).kid
    clock.advance(LOOK_S)
    assert {key["kid"] for key in node.published()["keys"]} == {first, second}
    assert node.signing_key().kid == first, "known before it signs"
    clock.advance(LATER.total_seconds())
    assert node.signing_key().kid == second
    new = signed(signer, now_s)
    assert (receipts.kid(old), receipts.kid(new)) == (first, second)
    for token in (old, new):
        receipts.verify(token, node.published(), now=clock.now())
    admin.revoke(first)
    clock.advance(LOOK_S)
    with pytest.raises(ReceiptInvalid):
        receipts.verify(old, node.published(), now=clock.now())
    receipts.verify(new, node.published(), now=clock.now())
    assert [key.state for key in admin.overview()] == ["revoked", "signing"]


def test_a_file_that_is_away_for_a_moment_costs_nothing(tmp_path: Path, file: RingFile, clock: HandClock) -> None:
    node = LiveRing(file, clock)
    kid = node.signing_key().kid
    content = (tmp_path / "receipts.ring").read_bytes()
    for damage in (b"", b"nonsense"):
        (tmp_path / "receipts.ring").write_bytes(damage)
        clock.advance(LOOK_S)
        assert node.signing_key().kid == kid
    (tmp_path / "receipts.ring").unlink()
    clock.advance(LOOK_S)
    assert node.signing_key().kid == kid
    (tmp_path / "receipts.ring").write_bytes(content)


def test_a_ring_that_others_can_read_stops_the_start(tmp_path: Path, file: RingFile) -> None:
    file.read()
    (tmp_path / "receipts.ring").chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        file.read()


def test_what_is_not_there_cannot_be_revoked(file: RingFile, clock: HandClock) -> None:
    with pytest.raises(NotFound, match="keys signing list"):
        RotateSigning(file, clock).revoke("nobody")
