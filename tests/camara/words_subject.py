"""Words about what is true of the subscriber, and about the operator itself."""

from typing import Any

from tests.camara.facts import IDENTIFIERS
from tests.camara.outcomes import NotApplicable
from tests.camara.paths import MISSING
from tests.camara.stage import Stage, Token
from tests.camara.states import device_state, line_change, swapped_before_memory
from tests.camara.subject import DAY_S, HOUR_S, UNKNOWN_ENDING
from tests.camara.vocabulary import nothing, word

LONG_BEFORE_DAYS = 8000
GONE_SINCE_S = 3 * DAY_S

_NAMED_BY = r"(?:the (?:access )?token(?: (?:or|and) (?:provided )?in the request body)?|\"[^\"]*\")"
_WHOSE = rf",? ?(?:is )?(?:supported by the service,? ?)?identified,? by (?:either )?{_NAMED_BY}"
_WHO = r"(?:that )?a valid (?:testing |target )?(?:phone ?number|device|subscription)"
SUBSCRIBER = rf"{_WHO}(?:{_WHOSE}| supported by the service)?"
_CHANGED = r"the (?:SIM|device)(?: card)?(?: (?:for|of|associated (?:to|with)) th(?:is|e) phone number)?"
_AWAY = r"(?:with no historical location information|which is not connected to the network) for some time"


def _swapped_within(stage: Stage, hours: str) -> None:
    stage.subject.happened((float(hours) - 1) * HOUR_S, line_change(stage))


def _swapped_before(stage: Stage, hours: str) -> None:
    stage.subject.happened((float(hours) + 1) * HOUR_S, line_change(stage))


def _swapped(stage: Stage) -> None:
    stage.subject.happened(DAY_S, line_change(stage))


def _no_sim(stage: Stage) -> None:
    stage.subject.sim = False


def _nameless(stage: Stage) -> None:
    stage.token = Token.TWO_LEGGED
    stage.set(("phoneNumber",), MISSING)


def _unnamed(stage: Stage) -> None:
    """By whatever a definition names somebody."""
    stage.token = Token.TWO_LEGGED
    for name in IDENTIFIERS:
        stage.set((name,), MISSING)


def _unserved(stage: Stage) -> None:
    stage.subject.happened(HOUR_S, "service", applicable=False)


def _no_consent(stage: Stage) -> None:
    stage.subject.happened(HOUR_S, "consent", granted=False)


def _gone(stage: Stage) -> None:
    stage.subject.gone_since_s = GONE_SINCE_S


def _never_seen(stage: Stage) -> None:
    stage.subject.located = False


def _fault(stage: Stage, kind: str, **knobs: Any) -> None:
    stage.operator.control.fault(kind, {"type": "api", "api": stage.scenario.api}, **knobs)
    stage.faulty = True


def _quota(stage: Stage) -> None:
    _fault(stage, "too_many", code="QUOTA_EXCEEDED")


def _busy(stage: Stage) -> None:
    _fault(stage, "too_many", code="TOO_MANY_REQUESTS")


def _unavailable(stage: Stage) -> None:
    _fault(stage, "status", status=503)


def _stranger(stage: Stage) -> None:
    stage.token = Token.TWO_LEGGED
    nobody = {"phoneNumber": stage.operator.number(UNKNOWN_ENDING)}
    known = stage.contract.members(stage.operation().body)[0]
    stage.set(("device",) if "device" in known else (), nobody)


def _too_young(stage: Stage) -> None:
    stage.set(("tenureDate",), stage.date(("tenureDate",), days_ago=LONG_BEFORE_DAYS))


def _given_on(stage: Stage) -> None:
    stage.subject.happened(10 * DAY_S, "ownership_change")


def _one_identifier(_stage: Stage) -> None:
    raise NotApplicable("this operator knows devices by phone number only, so no two identifiers can differ")


def _implemented(_stage: Stage) -> None:
    raise NotApplicable("this operator implements the operation, so it never answers that it does not")


def _by_token(stage: Stage) -> None:
    if stage.token is Token.VALID:
        stage.token = Token.THREE_LEGGED


def _device(stage: Stage, words: str) -> None:
    if not device_state(stage, words):
        raise NotApplicable(f"no word for a device that is: {words}")


def _unknown_to_operator(stage: Stage) -> None:
    """What was set last fits the schema, and means nothing to this operator."""
    path, _ = stage.edits[-1]
    stage.set(path, stage.contract.another(stage.contract.inner(stage.operation().body, path), stage.valid(path)))
    kind = stage.contract.kind_with(stage.operation().body, path)
    if kind is not None:
        stage.set(*kind)


def _named(stage: Stage) -> None:
    """By the body alone, and by a number that this operator knows."""
    stage.token = Token.TWO_LEGGED


def _named_without_service(stage: Stage) -> None:
    _named(stage)
    _unserved(stage)


def _named_twice(stage: Stage) -> None:
    """By the token and by the body."""
    stage.token = Token.THREE_LEGGED
    stage.set(("device",), stage.facts.value_of(("device",)))


def _named_by_what_nobody_uses(stage: Stage) -> None:
    _named(stage)
    stage.set(("device",), {"networkAccessIdentifier": "123456789@example.com"})


_IDENTIFIERS = r"the request body includes (?:valid )?device identifier\(s\)"

WORDS = (
    word(rf"{_IDENTIFIERS}(?: supported by the implementation| in subscriptionDetail)?", nothing),
    word(r"the request body includes a device identifier not applicable for this service", _named_without_service),
    word(r"the request body explicitly includes a device identifier when it is not required", _named_twice),
    word(
        r"the request body includes an identifier type not supported by the implementation", _named_by_what_nobody_uses
    ),
    word(r"the request body includes inconsistent identifiers", _one_identifier),
    word(rf"{SUBSCRIBER},? for which the service is not (?:applicable|available|supported)", _unserved),
    word(r"the testing device(?:, .*,)? is located (?:by the network operator )?within a surface of .*", nothing),
    word(r"the geographical information of this device is not available .*", _never_seen),
    word(
        r"this value is (?:not valid|invalid|unknown)(?: or is unknown)? (?:for|to) the operator", _unknown_to_operator
    ),
    word(
        r"that config_var \"identifier_types_unsupported\" contains at least .*",
        _one_identifier,
    ),
    word(
        rf"{SUBSCRIBER},? {_AWAY}",
        _gone,
    ),
    word(rf"{SUBSCRIBER},? for which there is no historical location information", _never_seen),
    word(rf"{_WHO}(?: supported by the service)?,? identified by the (?:access )?token", _by_token),
    word(SUBSCRIBER, nothing),
    word(
        r"the (?:testing )?device,? (?:which )?(?:(?:is|has|was) |identified .*,? (?:is|has) )?"
        r"(?P<words>.*\b(?:sms|data|roaming|roams|connected)\b.*)",
        _device,
    ),
    word(r"the device is supported by the service, but (?P<words>is not .*)", _device),
    word(rf"{_WHO},? (?:which )?cannot be located by the network.*", _never_seen),
    word(rf"{_WHO},? provided in the request body,? for which the service is not applicable", _unserved),
    word(
        r"the testing device(?:, .*,)? is connected to (?:the|a mobile) network|a valid phone number \"[^\"]*\"",
        nothing,
    ),
    word(r"the testing device(?:, .*,)? is not connected to the network for some time", _gone),
    word(r"the (?:testing )?device is supported by the service, and may be .*", nothing),
    word(r"an invalid phone number .*", nothing),
    word(r"a valid but non-existent phone number .*", _stranger),
    word(r"a phone number for which service is unavailable", _unserved),
    word(r"the request body property \"\$\.device\" refers to an unknown device", _stranger),
    word(r"the request body property \"\$\.device\" refers to a device (?P<words>having network issues?)", _device),
    word(r"the mobile subscription has had a valid tenure since the provided tenure date", nothing),
    word(r"the mobile subscription hasn't had a valid tenure since the provided tenure date", _too_young),
    word(r"the same phone number was cancelled by the User A and is used by User B", _given_on),
    word(r"(?:that )?the environment is configured with a threshold policy of N transactions per second", nothing),
    word(r"the threshold of requests has been reached", _busy),
    word(r"(?:that )?the (?:API )?(?:consumer|client) has exceeded (?:their|its|the) (?:allocated )?quota.*", _quota),
    word(r"(?:that )?the (?:API )?(?:consumer|client) has exceeded (?:their|its|the) rate limit.*", _busy),
    word(r"the service is not applicable for the (?:device|phone number) .*", _unserved),
    word(r"(?:that )?(?:the )?(?:\w+ )*service is not (?:available|supported|applicable) for all .*", nothing),
    word(r"(?:that )?some types? of device identifiers are not supported by the implementation", nothing),
    word(
        r"(?:that )?(?:al least|at least) 2 types of device identifiers are supported by the implementation",
        _one_identifier,
    ),
    word(r"(?:that )?there is a minimum radius allowed by the implementation", nothing),
    word(
        rf"{_CHANGED} has been swapped in the last \"?(?P<hours>\d+)\"?(?: hours)?",
        _swapped_within,
    ),
    word(
        rf"{_CHANGED} (?:has been|was) swapped more than \"?(?P<hours>\d+)\"? hours ago",
        _swapped_before,
    ),
    word(
        rf"{_CHANGED} has been swapped before the limited history window threshold",
        swapped_before_memory,
    ),
    word(
        r"the (?:last )?(?:SIM|device) (?:swap occurred|has been swapped) outside the monitor(?:ing|ed) period .*",
        swapped_before_memory,
    ),
    word(rf"{_CHANGED} has been swapped", _swapped),
    word(rf"{_CHANGED} has never been swapped", nothing),
    word(
        r"the (?:activation|first use) of the (?:SIM|device|line) occurred more than \"?\d+\"? hours ago",
        nothing,
    ),
    word(r"the last swap for this phone number's (?:SIM|device) was more than \"maxAge\" hours ago", nothing),
    word(r"the last swap for this phone number's (?:SIM|in the device) is known", nothing),
    word(r"the sim card has been associated with this device for more than \"?\d+\"? hours", nothing),
    word(r"the phone number is neither identified by the token nor provided in the request body", _nameless),
    word(r"the request body and identifier is not included and missing in the access token", _unnamed),
    word(
        r"the phone number (?:is not|has never been) (?:associated|used) (?:to|with|in) (?:any|a) (?:sim card|device)",
        _no_sim,
    ),
    word(r"the sim for that device has never been connected to the operator's network", _no_sim),
    word(
        r"the (?:end[- ]?user|subscriber|user|resource owner) has not (?:given|granted) (?:its |their |his )?consent.*",
        _no_consent,
    ),
    word(r"the number of endpoints calls is equal to the business limit", _quota),
    word(r"the number of endpoints calls from any api consumer is equal to the server limit", _busy),
    word(r".*a network error prevents .*", _unavailable),
    word(r"the API (?:Producer|Provider) doesn't offer .*", _implemented),
    word(r"[A-Z_]*PHONENUMBER[A-Z_]*\d? is (?:compliant with the schema \S+|different to \S+)", nothing),
    word(r"the same phone number is compliant with OAS schema at .*", nothing),
    word(r"the device is supported by the service, and may be reachable or not reachable", nothing),
)
