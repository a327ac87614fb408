"""Notes against the example that Go's note package publishes, and against who tampers with them."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.audit import log_key, note
from broker.audit.log_key import LogKey
from broker.audit.note import Checkpoint, NoteInvalid, NoteKey, read_checkpoint, read_note, read_vkey

GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""
# The example of C2SP tlog-cosignature: its keys are not published, its form is.
C2SP_NOTE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeO\
oRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWX\
EhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""
ORIGIN = "broker.example/log"
KEY = LogKey(log_key.generate_pem(), ORIGIN)
OTHER = LogKey(log_key.generate_pem(), ORIGIN)
ROOT = bytes(range(32))
WITNESS = Ed25519PrivateKey.generate()
SEEN_BY = NoteKey("witness.example/w1", WITNESS.public_key().public_bytes_raw(), note.COSIGNATURE)
AT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


def test_the_published_note_holds_under_the_published_key() -> None:
    key = read_vkey(GO_VKEY)
    assert (key.name, key.vkey()) == ("PeterNeumann", GO_VKEY)
    read = read_note(GO_NOTE)
    assert str(read) == GO_NOTE
    with pytest.raises(NoteInvalid, match="no checkpoint"):  # only after its signature held
        note.open_checkpoint(read, [key])
    with pytest.raises(NoteInvalid, match="does not hold"):
        note.open_checkpoint(read._replace(text=read.text + "x\n"), [key])


def test_the_example_of_the_specification_is_read_and_written_alike() -> None:
    read = read_note(C2SP_NOTE)
    assert str(read) == C2SP_NOTE
    checkpoint = read_checkpoint(read.text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.text()) == (read.signatures[0].name, 20852163, read.text)
    assert [one.key_id.hex() for one in read.signatures] == ["033de0ae", "8d66cf3f"]


def test_a_checkpoint_is_signed_and_opened() -> None:
    signed = KEY.sign(7, ROOT)
    assert note.open_checkpoint(read_note(str(signed)), [KEY.public]) == Checkpoint(ORIGIN, 7, ROOT)
    assert KEY.sign(7, ROOT) == signed
    assert read_vkey(KEY.public.vkey()) == KEY.public


def test_an_empty_log_has_a_checkpoint_too() -> None:
    assert note.open_checkpoint(KEY.sign(0, ROOT), [KEY.public]).size == 0


@pytest.mark.parametrize(
    "key",
    [OTHER.public, KEY.public._replace(name="other.example/log"), KEY.public._replace(kind=note.COSIGNATURE)],
    ids=["another key", "another name", "another kind"],
)
def test_a_key_that_did_not_sign_opens_nothing(key: NoteKey) -> None:
    with pytest.raises(NoteInvalid, match="none of the keys"):
        note.open_checkpoint(KEY.sign(7, ROOT), [key])


def test_a_good_signature_over_another_logs_checkpoint_is_refused() -> None:
    text = Checkpoint("other.example/log", 7, ROOT).text()
    signed = note.Note(text, (note.sign(text, ORIGIN, KEY._key),))
    with pytest.raises(NoteInvalid, match="another log"):
        note.open_checkpoint(signed, [KEY.public])


def test_every_flipped_bit_of_text_and_signature_is_noticed() -> None:
    written = str(KEY.sign(7, ROOT)).encode()
    for at in range(len(written)):
        for bit in (1, 4):
            changed = bytearray(written)
            changed[at] ^= bit
            with pytest.raises((NoteInvalid, UnicodeDecodeError)):
                note.open_checkpoint(read_note(bytes(changed).decode()), [KEY.public])


def test_a_witness_says_when_it_saw_the_checkpoint() -> None:
    signed = KEY.sign(7, ROOT)
    seen = signed._replace(signatures=(*signed.signatures, note.cosign(signed.text, SEEN_BY.name, WITNESS, AT)))
    seen = read_note(str(seen))
    assert note.open_checkpoint(seen, [KEY.public]).size == 7
    assert note.cosigned_at(seen, SEEN_BY) == AT
    assert note.cosigned_at(signed, SEEN_BY) is None
    with pytest.raises(NoteInvalid, match="does not hold"):
        note.cosigned_at(seen._replace(text=KEY.sign(8, ROOT).text), SEEN_BY)
    later = seen.signatures[1]._replace(data=b"\x00" * 8 + seen.signatures[1].data[8:])
    with pytest.raises(NoteInvalid, match="does not hold"):
        note.cosigned_at(seen._replace(signatures=(later,)), SEEN_BY)


def test_a_cosignature_is_no_signature_of_the_log() -> None:
    """One key for both kinds: the kind is part of the key's id, and the messages differ."""
    text = Checkpoint(ORIGIN, 7, ROOT).text()
    only_cosigned = note.Note(text, (note.cosign(text, ORIGIN, KEY._key, AT),))
    with pytest.raises(NoteInvalid, match="none of the keys"):
        note.open_checkpoint(only_cosigned, [KEY.public])


@pytest.mark.parametrize(
    "written",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\nno signature\n",
        "text\n\n— name\n",
        "text\n\n— name AAAA\n",
        "t\n\n— n !!!!\n",
    ],
)
def test_what_is_no_note_is_refused(written: str) -> None:
    with pytest.raises(NoteInvalid):
        read_note(written)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n",
        "o\n1\n",
        "o\n01\nAAAA\n",
        "\n1\n" + KEY.sign(1, ROOT).text.split("\n")[2] + "\n",
        "o\n-1\n",
        "o\n1\nAA\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        read_checkpoint(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AA==",
        "name+00000000+" + GO_VKEY.rpartition("+")[2],
        GO_VKEY.replace("Peter", "Petra"),
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        read_vkey(text)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "line\n"])
def test_a_log_has_a_sound_name(origin: str) -> None:
    with pytest.raises(ValueError, match="white space"):
        LogKey(log_key.generate_pem(), origin)
