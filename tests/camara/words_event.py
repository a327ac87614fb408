"""Words about subscriptions and what is told to their sink."""

import re
from collections.abc import Callable
from typing import Any

from tests.camara.outcomes import NotApplicable, expect
from tests.camara.paths import MISSING, get, parse
from tests.camara.reading import age_s, body, instant, now, same
from tests.camara.sink import Arrival
from tests.camara.stage import Stage, Token
from tests.camara.vocabulary import PATH, POINTER, TEXT, literal, nothing, word
from tests.camara.words_members import SOON_S
from tests.camara.words_resource import existing
from tests.camara.words_response import PROPERTY

ID = "subscriptionId"
TOLERANCE_S = 60.0
HOME = {"type": "roaming", "active": False}
GERMANY = {"type": "roaming", "active": True, "mcc": 262, "countries": ["DE"]}
FRANCE = {"type": "roaming", "active": True, "mcc": 208, "countries": ["FR"]}
BY_SMS = {"type": "reach", "data": False, "sms": True}
BY_BOTH = {"type": "reach", "data": True, "sms": True}
Before = dict[str, Any] | None
HAPPENINGS: dict[str, tuple[Before, dict[str, Any]]] = {
    "swapped": (None, {"type": "sim_change"}),
    "roaming-status": (HOME, GERMANY),
    "roaming-on": (HOME, GERMANY),
    "roaming-off": (GERMANY, HOME),
    "roaming-change-country": (GERMANY, FRANCE),
    "reachability-data": (BY_SMS, BY_BOTH),
    "reachability-sms": (BY_BOTH, BY_SMS),
    "reachability-disconnected": (BY_BOTH, {"type": "detached"}),
    "network-type-changed": ({"type": "network_type", "kind": "4G"}, {"type": "network_type", "kind": "5G"}),
    "area-entered": (None, {"type": "seen"}),
    "area-left": (None, {"type": "seen"}),
}
"""How a line is before an event of this kind, and what then happens to it."""


def _want(stage: Stage, path: str, value: Any) -> None:
    """A subscription that has this member; files leave out that some are inside ``config``."""
    where = parse(path)
    if where[0] in {"subscriptionExpireTime", "subscriptionMaxEvents", "initialEvent", "subscriptionDetail"}:
        where = ("config", *where)
    stage.memory.setdefault("wanted", []).append((where, value))


def _type(stage: Stage, text: str) -> None:
    _want(stage, "$.types", [text])
    before, _ = HAPPENINGS.get(text.rpartition(".")[2], (None, {}))
    if before is not None:
        kind = str(before["type"])
        stage.subject.be(kind, **{name: value for name, value in before.items() if name != "type"})
    stage.subject.elsewhere = text.endswith("area-entered")


def _type_of(stage: Stage, text: str) -> None:
    _type(stage, text)
    there_is(stage, ID)


def _member(stage: Stage, path: str, value: str) -> None:
    _want(stage, path, literal(value))


def _ends_soon(stage: Stage, path: str = "subscriptionExpireTime") -> None:
    _want(stage, path, stage.instant(SOON_S))


def _expiring(stage: Stage) -> None:
    _ends_soon(stage)
    there_is(stage, ID)


def _counted(stage: Stage, value: str) -> None:
    _want(stage, "subscriptionMaxEvents", literal(value))
    there_is(stage, ID)


def there_is(stage: Stage, text: str) -> None:
    """A resource that is made when the first request or event needs it, after all that is said of it."""

    def make() -> None:
        stage.path_values[text] = existing(stage, text)

    stage.before.append(make)


def _one(stage: Stage) -> None:
    there_is(stage, ID)


def _happen(stage: Stage) -> None:
    """What the subscription is about."""
    if not stage.before and not _made(stage):
        there_is(stage, ID)
    stage.prepare()
    kind = str(_made(stage)["types"][0]).rpartition(".")[2]
    if kind not in HAPPENINGS:
        raise NotApplicable(f"no word for an event of the kind {kind}")
    event = dict(HAPPENINGS[kind][1])
    if event["type"] == "seen":
        geography = stage.operator.profile.geography
        place = geography.home if kind == "area-entered" else geography.elsewhere
        event |= {"latitude": place.latitude, "longitude": place.longitude}
    stage.operator.control.event(stage.subject.number, event)


def _time_is_up(stage: Stage) -> None:
    stage.prepare()
    stage.pass_time(2 * SOON_S)


def _arrive(stage: Stage, wanted: Callable[[str], bool], name: str) -> None:
    """Wait for an event of the subscription, which was made before, or by the request of the scenario itself."""
    stage.prepare()
    made = _made(stage)
    found = stage.sink.first(
        stage.sink_path,
        lambda event: (
            wanted(str(event["type"]).rpartition(".")[2]) and event["data"].get(ID) in {made.get("id"), made.get(ID)}
        ),
    )
    expect(found, f"no event {name} arrived")
    stage.memory["event"] = found
    if stage.response is None:
        stage.told = True


def _event(stage: Stage, text: str) -> None:
    _arrive(stage, lambda name: name == text, text)


def _end(stage: Stage) -> None:
    _arrive(stage, lambda name: name in {"subscription-ends", "subscription-ended"}, "of the end")


def _told(stage: Stage) -> Arrival:
    found = stage.memory.get("event")
    if not isinstance(found, Arrival):
        raise NotApplicable("no step before this one waits for an event")
    return found


def _event_complies(stage: Stage, pointer: str) -> None:
    errors = stage.contract.errors(_told(stage).event, pointer.replace("##", "#"))
    expect(not errors, f"the event breaks {pointer}: {'; '.join(errors[:3])}")


def _event_is(stage: Stage, path: str, value: str) -> None:
    found = get(_told(stage).event, parse(path))
    wanted = stage.memory[ID] if value.strip('"') == "id" else value
    expect(same(found, str(wanted)), f"{path} of the event is {found!r}, not {wanted}")


def _event_type(stage: Stage, text: str) -> None:
    _event_is(stage, "$.type", text)


def _event_has(stage: Stage, path: str) -> None:
    found = get(_told(stage).event, parse(path))
    expect(found is not MISSING and found not in ("", [], None), f"{path} of the event is not there")


def _credentials(stage: Stage) -> None:
    wanted = f"Bearer {stage.facts.value_of(('sinkCredential',))['accessToken']}"
    found = _told(stage).headers.get("authorization")
    expect(found == wanted, "the event came without its credentials")


def _credentials_if(stage: Stage) -> None:
    """Those of the request, where it had some."""
    if stage.sent(("sinkCredential",)) is MISSING:
        expect("authorization" not in _told(stage).headers, "the event came with credentials that nobody gave")
    else:
        _credentials(stage)


def _own_id(stage: Stage, path: str) -> None:
    expect(get(body(stage), parse(path)) == stage.memory[ID], f"{path} is not that of the subscription")


def _by_token(stage: Stage) -> None:
    stage.token = Token.THREE_LEGGED


def _members_as_sent(stage: Stage, texts: str) -> None:
    for name in re.split(r", | and ", texts):
        expect(get(body(stage), parse(name)) == stage.sent(parse(name)), f"{name} is not what was sent")


def _now_told(stage: Stage, path: str) -> None:
    expect(abs(age_s(stage, path)) < TOLERANCE_S, f"{path} is not now")


def _time_told(stage: Stage) -> None:
    apart = now(stage) - instant(_told(stage).event.get("time"))
    expect(abs(apart.total_seconds()) < TOLERANCE_S, "the time of the event is not that of what happened")


def _about_subject(stage: Stage) -> None:
    """Whoever was named by the token is not named again (event subscription guide)."""
    found = get(_told(stage).event, ("data", "phoneNumber"))
    expect(found is MISSING or found == stage.subject.number, "the event is about somebody else")


def _about_it(stage: Stage) -> None:
    expect(get(_told(stage).event, ("data", ID)) == _made(stage).get("id"), "the event is of another subscription")


def _made(stage: Stage) -> dict[str, Any]:
    """The subscription that was made before, or by the request of the scenario itself."""
    answered = stage.response is not None and stage.response.is_success and stage.response.content
    found: dict[str, Any] = stage.memory.get("made") or (body(stage) if answered else {})
    return found


def _none(stage: Stage) -> None:
    """No scenario shares its subscriber, so the token of this one names somebody without subscriptions."""
    expect(ID not in stage.memory, "there is one")


def _lists(stage: Stage) -> None:
    listed = body(stage)
    expect(isinstance(listed, list), "the answer is no array")
    expect(stage.memory[ID] in [one.get("id") for one in listed], "the subscription is not in the list")


def _lists_own(stage: Stage) -> None:
    _lists(stage)
    expect(len(body(stage)) == 1, "others are in the list")


_NOTIFICATION = r"(?:the )?(?:received )?(?:event )?(?:notification|event|payload)"
_WHOSE = r"(?:API )?(?:consumer|client)"
_VALUE = r"(?P<value>\"[^\"]*\"|true|false|-?[0-9.]+)"


def _kind_wanted(stage: Stage, text: str) -> None:
    """The last part of a type, and where the file puts it: definitions have a list of whole names."""
    kind = f"org.camaraproject.{stage.scenario.api}.v0.{text}"
    stage.set(("types",), [kind])
    _type(stage, kind)


def _own_kind(stage: Stage) -> None:
    """An event of what was subscribed to."""
    made = stage.answer().json() if stage.method or stage.asked else _made(stage)
    _event(stage, str(made["types"][0]).rpartition(".")[2])


def _last_word(stage: Stage, text: str, path: str, value: str) -> None:
    """Two steps that somebody wrote on one line; what ended it is told by the event."""
    _event_type(stage, text)
    _event_is(stage, f"$.data.{parse(path)[-1]}", value)


def _told_of_it(stage: Stage, path: str) -> None:
    found = get(_told(stage).event, parse(path))
    expect(found == _made(stage).get("id"), f"{path} of the event is not that of the subscription")


WORDS = (
    word(r"the request body property \"\$\.type\" is (?:set to )?\"(?P<text>area-\w+)\"", _kind_wanted),
    word(
        r"(?:an |the )?event notification (?:of the subscribed type|\"<event-type>\") is (?:sent to|received on) .*",
        _own_kind,
    ),
    word(rf"type=\"(?P<text>[^\"]+)\"And the response property {PATH} is (?P<value>\"[^\"]*\")", _last_word),
    word(rf"the notification property {PATH} is equal to the existing subscriptionId", _told_of_it),
    word(r"the API provider only allows one event to be subscribed per subscription request", nothing),
    word(r"the API provider requires the use of a Private JWT key mechanism .*", nothing),
    word(r"the Private JWT key mechanism is not pre-configured .*", nothing),
    word(r"the event subscribed occurs", _happen),
    word(
        rf"the subscription property {PATH} contains the element {TEXT}", lambda stage, path, text: _type(stage, text)
    ),
    word(rf"the subscription property {PATH} is a valid callback URL", lambda stage, path: None),
    word(rf"the subscription property {PATH} is set to a value in the near future", _ends_soon),
    word(rf"the subscription property {PATH} is set to {_VALUE}", _member),
    word(rf"a valid subscription of type {TEXT} for (?:a )?certain device.*", _type_of),
    word(
        r"an existing (?:\w+ )?subscription with some value for the property \"expiresAt\" in the near future",
        _expiring,
    ),
    word(
        r"an existing (?:\w+ )?subscription with the property \"config\.subscriptionMaxEvents\" set to (?P<value>\d+)",
        _counted,
    ),
    word(rf"(?:at least one|a) subscription is existing for the {_WHOSE} making this request", _one),
    word(rf"the {_WHOSE} has at least one active subscription for the device", _one),
    word(r"(?:a|at least one) (?:valid )?subscription is existing and identified by an \"id\"", _one),
    word(r"a subscription is existing for a phoneNumber", _one),
    word(r"no subscription is existing for a phoneNumber", _none),
    word(r"this phone number is (?:not )?identified by the token", _by_token),
    word(r"(?:a |the )?subc?scriptionId is provided|subcriptionId is provided", nothing),
    word(r"(?P<texts>\w+(?:, [\w.]+)* and [\w.]+) are present with (?:the )?provided values?", _members_as_sent),
    word(r"(?:the )?sims? (?:swap is performed on|of the device (?:was|is|has been) swapped).*", _happen),
    word(r"the callback (?:notification )?application receives (?P<text>[\w-]+) event at .*", _event),
    word(r"(?P<path>\w+) is valued with (?:a|the) date-?time .*", _now_told),
    word(r"time is valued by the date time of .*", _time_told),
    word(r"data\.phoneNumber ?= ?\"\$\.phoneNumber\"", _about_subject),
    word(r"data\.subscriptionId is valued with the .*", _about_it),
    word(rf"the {_WHOSE} has no active subscriptions? for the device", _none),
    word(r"a client with (?:\w+ )?subscriptions created", _one),
    word(r"a client without (?:\w+ )?subscriptions created", _none),
    word(rf"the response body lists all subscriptions belonging to the {_WHOSE}", _lists),
    word(rf"the response body lists all subscriptions belonging to the {_WHOSE} for the identified device", _lists_own),
    word(r"valid subscriptions are existing", _one),
    word(
        r"all valid subscriptions are listed|"
        r"subscription\(s\) is/are listed|the subscriptions for this phoneNumber are listed",
        _lists,
    ),
    word(
        r"a (?:single )?notification corresponding to subscription property \"\$\.types?\" has been sent to .*",
        _happen,
    ),
    word(
        r"the (?:network type the device is connected to|(?:roaming|reachability) status|device(?:'s)?)(?: .*)? "
        r"(?:changes?|changed|becomes?|enters?|entered|leaves?|left|connects?|loses?|lost|starts?|stops?|moves?)\b.*",
        _happen,
    ),
    word(
        r"the subscriptionExpireTime is reached|when the subscription expires|the subscription is expired", _time_is_up
    ),
    word(rf"(?:an |the )?event notification {TEXT} is (?:sent to|received on) .*", _event),
    word(r"a subscription termination event notification is sent to the callback URL", _end),
    word(rf"{_NOTIFICATION} body complies with the (?:OAS )?schema at {POINTER}", _event_complies),
    word(rf"{_NOTIFICATION} (?:request )?(?:body )?property {PATH} (?:is|is equal to|is set to) {_VALUE}", _event_is),
    word(rf"{_NOTIFICATION} (?:request )?(?:body )?property {PATH} (?:exists|is present).*", _event_has),
    word(r"type=\"(?P<text>[^\"]+)\"", _event_type),
    word(
        r"the sink credentials specified when the subscription was created are included",
        _credentials,
    ),
    word(r"sink credentials are received .*", _credentials_if),
    word(rf"{PROPERTY} is equal to \"id\"", _own_id),
    word(r"the API supports initial events to be sent", nothing),
)
