"""Standard Webhooks, checked by other people's code: the package of that name for HMAC, the key itself for Ed25519."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from broker.events.signing import WebhookKeys, headers

KEYS = WebhookKeys(bytes(range(32)), bytes(range(32, 64)))
OLD = WebhookKeys(b"o" * 32, b"p" * 32)
BODY = '{"id":"evt_1","emoji":"ñ"}'.encode()


def now_s() -> int:
    """The package looks at the clock by itself, and a suite may take minutes from reading this to running it."""
    return int(datetime.now(UTC).timestamp())


def test_the_package_of_that_name_accepts_it() -> None:
    assert Webhook(KEYS.shared).verify(BODY, headers([KEYS], "evt_1", now_s(), BODY)) == {"id": "evt_1", "emoji": "ñ"}


def test_both_secrets_are_accepted_while_one_takes_the_others_place() -> None:
    signed = headers([KEYS, OLD], "evt_1", now_s(), BODY)
    for keys in (KEYS, OLD):
        Webhook(keys.shared).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD.shared).verify(BODY, headers([KEYS], "evt_1", now_s(), BODY))


def verify_with_public_key(keys: WebhookKeys, signed: dict[str, str], body: bytes) -> None:
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(keys.public.removeprefix("whpk_")))
    (signature,) = (one[4:] for one in signed["webhook-signature"].split() if one.startswith("v1a,"))
    content = f"{signed['webhook-id']}.{signed['webhook-timestamp']}.".encode() + body
    public.verify(base64.b64decode(signature), content)


def test_the_public_key_alone_verifies_it() -> None:
    signed = headers([KEYS], "evt_1", now_s(), BODY)
    verify_with_public_key(KEYS, signed, BODY)
    for changed in ({"webhook-id": "evt_2"}, {"webhook-timestamp": str(now_s() + 1)}):
        with pytest.raises(InvalidSignature):
            verify_with_public_key(KEYS, signed | changed, BODY)


@pytest.mark.parametrize("place", range(len(BODY)))
def test_any_single_byte_that_changed_is_refused(place: int) -> None:
    changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
    signed = headers([KEYS], "evt_1", now_s(), BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(KEYS.shared).verify(changed, signed)
    with pytest.raises(InvalidSignature):
        verify_with_public_key(KEYS, signed, changed)


def test_an_id_with_a_dot_could_be_read_as_another_and_is_refused() -> None:
    with pytest.raises(ValueError, match="dot"):
        headers([KEYS], "evt_1.2", now_s(), BODY)


def test_neither_secret_is_in_the_repr() -> None:
    assert repr(KEYS) == "WebhookKeys(…)"
