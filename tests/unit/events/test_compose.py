"""What an event calls the thing that it is about."""

from datetime import UTC, datetime

import msgspec

from broker.domain.event import EventKind
from broker.events.compose import Composer

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_an_event_about_a_persons_request_names_the_request_and_no_check() -> None:
    compose = Composer("https://broker.example", lambda prefix: f"{prefix}_1")
    data = {"kind": "access", "about": None}
    event = compose(EventKind.SUBJECT_REQUEST_OPENED, "acme", "srq_1", AT, data, named="requestId")
    told = msgspec.json.decode(event.body)
    assert (told["type"], told["subject"]) == ("trust-broker.subject_request.opened.v1", "srq_1")
    assert told["data"] == {"requestId": "srq_1", "kind": "access"}
    assert msgspec.json.decode(compose(EventKind.CHECK_SETTLED, "acme", "chk_1", AT, {}).body)["data"] == {
        "checkId": "chk_1"
    }


def test_an_event_of_the_sandbox_says_so() -> None:
    compose = Composer("https://broker.example", lambda prefix: f"{prefix}_1")
    event = compose(EventKind.CHECK_SETTLED, "acme.sandbox.till", "chk_1", AT, {"decision": "allow"})
    told = msgspec.json.decode(event.body)["data"]
    assert told == {"checkId": "chk_1", "decision": "allow", "sandbox": True}
