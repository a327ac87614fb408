"""What a member of the body is set to, where a step says it in words instead of a value."""

import re
import uuid
from collections.abc import Callable

from adapters.mock.operator.profile import Legs
from tests.camara import passwords
from tests.camara.outcomes import NotApplicable
from tests.camara.paths import MISSING, Path
from tests.camara.record import HANDSETS, STRANGER
from tests.camara.stage import Stage
from tests.camara.states import device_state, line_change
from tests.camara.subject import DAY_S, HOUR_S, UNKNOWN_ENDING
from tests.camara.vocabulary import literal

SWAPPED_AGO_H = 100
SIGNED_DAYS_AGO = 700
GIVEN_ON_DAYS_AGO = 10
STEADY_ENDING = "000101"
MAX_AGE_LIMIT_H = 2400
SOON_S = 120.0

Setter = Callable[[Stage, Path, str], object]


def _valid(stage: Stage, path: Path, _words: str) -> object:
    return stage.valid(path)


def _other_number(stage: Stage, _path: Path, _words: str) -> object:
    return stage.other.number


def _stranger(stage: Stage, path: Path, _words: str) -> object:
    """A number of this operator that nobody has."""
    number = stage.operator.number(UNKNOWN_ENDING)
    return {"phoneNumber": number} if path[-1] == "device" else number


def _unserved(stage: Stage, path: Path, _words: str) -> object:
    stage.subject.happened(HOUR_S, "service", applicable=False)
    return stage.valid(path)


def _mismatching(stage: Stage, path: Path, _words: str) -> object:
    """Beside a token of somebody; "a valid token" must then be one that names that somebody."""
    stage.legs &= {Legs.THREE}
    number = stage.operator.number(STEADY_ENDING)
    return {"phoneNumber": number} if path[-1] == "device" else number


def _given_on(stage: Stage, path: Path, _words: str) -> object:
    stage.subject.happened(GIVEN_ON_DAYS_AGO * DAY_S, "ownership_change")
    return stage.valid(path)


def _hashed(stage: Stage, _path: Path, words: str) -> object:
    return (stage.other if "different" in words else stage.subject).hashed


def _other_identifiers(_stage: Stage, path: Path, _words: str) -> object:
    if path[-1] != "device":
        raise NotApplicable("only devices have several kinds of identifiers")
    return {"networkAccessIdentifier": "123456789@example.com"}


def _several_identifiers(_stage: Stage, _path: Path, _words: str) -> object:
    raise NotApplicable("this operator knows devices by phone number only, so no two identifiers can differ")


def _by_address(_stage: Stage, _path: Path, _words: str) -> object:
    raise NotApplicable("this operator knows devices by phone number only, and not by their address")


def _smaller_than_area(_stage: Stage, _path: Path, _words: str) -> object:
    """A square metre: no network locates that well."""
    return 1


def _unlocated(stage: Stage, path: Path, _words: str) -> object:
    stage.subject.located = False
    return stage.valid(path)


def _hours(words: str) -> int:
    found = re.search(r"\d+", words)
    if found is None:
        raise NotApplicable("the step names no number")
    return int(found[0])


def _beyond(stage: Stage, path: Path, words: str) -> object:
    """Of the right kind, beyond the bounds that the schema of the member sets, or the one that the step names."""
    schema = stage.contract.inner(stage.operation().body, path)
    named = re.search(r"schema (?:at )?\"([^\"]+)\"", words)
    if schema is None and named is not None:
        schema = stage.contract.at(named[1])
    return stage.contract.beyond(schema)


def _of_stranger(stage: Stage, path: Path, _words: str) -> object:
    """What somebody else would say of this attribute, in a form that fits."""
    value = STRANGER.get(str(path[-1]), MISSING)
    schema = stage.contract.inner(stage.operation().body, path)
    return stage.contract.another(schema, stage.valid(path)) if value is MISSING else value


def _not_on_record(stage: Stage, path: Path, _words: str) -> object:
    value = stage.valid(path)
    stage.subject.knows(**{str(path[-1]): None})
    return value


def _required_mismatch(stage: Stage, path: Path, words: str) -> object:
    """A document that is not the one on record, with an operator that compares nothing without the right one."""
    stage.subject.be("identity", document_first=True)
    return _of_stranger(stage, path, words)


def _unoffered(stage: Stage, path: Path, _words: str) -> object:
    """The last of the values that the schema knows, with an operator that has all but this one."""
    schema = stage.contract.follow(stage.contract.inner(stage.operation().body, path)) or {}
    if not schema.get("enum"):
        raise NotApplicable("the schema lists no values, of which an operator could lack one")
    *offered, lacking = schema["enum"]
    stage.subject.be("score", scales=offered)
    return lacking


def _in_state(stage: Stage, path: Path, words: str) -> object:
    if not device_state(stage, words):
        raise NotApplicable(f'no word for a property that is "{words}"')
    return stage.valid(path)


def _sms(delivery: str) -> Setter:
    def act(stage: Stage, path: Path, _words: str) -> object:
        stage.subject.be("messages", delivery=delivery)
        return stage.valid(path)

    return act


def _nobodys(stage: Stage, path: Path, words: str) -> object:
    """Of the right form, and never given out by anybody."""
    return _stranger(stage, path, words) if path[-1] in {"phoneNumber", "device"} else str(uuid.uuid4())


def _code(stage: Stage, _path: Path, words: str) -> object:
    return passwords.code(stage, words)


def _authentication(stage: Stage, _path: Path, words: str) -> object:
    return passwords.reference(stage, words)


def _wrong(stage: Stage, path: Path, _words: str) -> object:
    return stage.contract.wrong(stage.contract.inner(stage.operation().body, stage.place(path)))


def _at_least(_stage: Stage, _path: Path, words: str) -> object:
    return min(_hours(words), MAX_AGE_LIMIT_H)


def _less(_stage: Stage, _path: Path, words: str) -> object:
    return _hours(words) - 1


def _below_last_swap(stage: Stage, _path: Path, _words: str) -> object:
    stage.subject.happened(SWAPPED_AGO_H * HOUR_S, line_change(stage))
    return SWAPPED_AGO_H - 1


def _beyond_period(stage: Stage, _path: Path, _words: str) -> object:
    stage.subject.retention_h = 168
    return 169


STANDINGS = (
    (r"not found in any", "unheard-of"),
    (r"not applicable", "inapplicable"),
    (r"not present in any", "unknown"),
    (r"non-payment", "non-payment"),
    (r"regulatory", "regulatory"),
    (r"(allowed|lost|stolen|blacklisted|blocked|fraud)", ""),
)


def _handset(stage: Stage, path: Path, words: str) -> object:
    """One that stands in the operator's register as the words say."""
    for pattern, standing in STANDINGS:
        found = re.search(pattern, words)
        if found is not None:
            imei = f"{35_000_000_000_000 + stage.count:014}0"
            stage.operator.control.equipment(imei, standing or found[1])
            return imei
    return stage.valid(path)


def _below_minimum(stage: Stage, _path: Path, _words: str) -> object:
    """Below what this operator takes, and still within the schema."""
    schema = stage.contract.inner(stage.operation().body, ("area", "radius"))
    allowed = (schema or {}).get("minimum", 1)
    least = stage.operator.profile.geography.minimum_radius_m
    if allowed >= least:
        raise NotApplicable("the schema already forbids every radius that this operator finds too small")
    return allowed


def _shorter(_stage: Stage, _path: Path, _words: str) -> object:
    return 3600


def _constant(stage: Stage, _path: Path, words: str) -> object:
    """``…PHONENUMBER2`` is another subscriber than ``…PHONENUMBER1``."""
    whose = stage.other if words.rstrip('"').endswith("2") else stage.subject
    return whose.hashed if "HASHED" in words else whose.number


SETTERS: tuple[tuple[str, Setter], ...] = (
    (r"a valid IMEI .*(?:list|status|register|database|applicable|blacklisted|blocked|fraud|regulatory).*", _handset),
    (r"config_var: ?\"\w+\"", _valid),
    (r"(?:the |a )?(?:\w+ )?(?:value |code )?(?:distinct|different) from .* (?:received )?in the SMS.*", _code),
    (r"(?:the )?(?:\w+ )?(?:value |code )?(?:that was )?received in the SMS.*", _code),
    (
        r"(?:the )?value (?:got |received |retrieved )?(?:from|for|in) (?:the |a )?(?:\w+ )?send-code .*",
        _authentication,
    ),
    (r".*\bnot (?:\w+ )*(?:with\w*|in|comply\w*) .*\brange\b.*|.*out[ -]of[ -](?:range|bounds).*", _beyond),
    (r".*\bnot between \S+ and \S+.*|a value (?:greater|higher|lower|less) than the allowed range", _beyond),
    (r".*cannot receive SMS|.*landline", _sms("impossible")),
    (r".*SMS barring.*|.*blocks? SMS.*", _sms("barred")),
    (r".*(?:did|does) not belong to the operator|an? (?:unknown|non-?existing) .*", _nobodys),
    (r"an invalid URL", lambda _stage, _path, _words: "not a URL"),
    (r".*not supported in the environment", _unoffered),
    (r".*but not supported by (?:the )?(?:telco )?operator", _not_on_record),
    (r"a valid idDocument that is not as+ociated .*", _required_mismatch),
    (r".*not (?:existing|associated) (?:in (?:the|this) environment|to user's phone number)", _of_stranger),
    (r".*does not match the value (?:stored|saved|held|registered) .*", _of_stranger),
    (r".*match(?:es)? the value (?:stored|saved|held|registered) .*", _valid),
    (r"[A-Z_]*PHONENUMBER[A-Z_]*\d?", _constant),
    (r"(?:IMEISV|IMEI|TAC)\d", lambda _stage, _path, words: HANDSETS[words[-1]].named(words[:-1])),
    (r".*hashed in SHA-256.*", _hashed),
    (r".*(?:does|could|can) ?not (?:identify|be retrieved|be found|be matched).*", _stranger),
    (r".*does not match .*token", _mismatching),
    (r".*cannot be located by the network.*", _unlocated),
    (r"an? (?:invalid|unsupported|unknown|other) (?:value|type|event type)|a value other than .*", _wrong),
    (r".*\b(?:connected|connectivity|roaming|network issues?|(?:been|was) swapped|event happened)\b.*", _in_state),
    (r"a value smaller than (?:that|the) area", _smaller_than_area),
    (r"PUBLICIPV?4ADDRESS\d?|PUBLICPORT\d?", _by_address),
    (r".*different from the one identified by the access token|an? different (?:valid )?phone ?number", _other_number),
    (r"an? not propert?ly formatted .*", _wrong),
    (r".*for which the .*service is not (?:available|applicable|supported).*", _unserved),
    (r"(?:only )?includes device identifiers not supported .*|only includes device identifiers .*", _other_identifiers),
    (r"includes several identifiers.*", _several_identifiers),
    (r".*the number of hours since the last .* swap minus 1", _below_last_swap),
    (r"a value lower tha[nt] the last known .* swap", _below_last_swap),
    (r".*above the supported monitored period.*", _beyond_period),
    (r"a value equal or greater than .*", _at_least),
    (r"a value less than .*", _less),
    (r"a value shorter than that time", _shorter),
    (r"a value smaller than the minimum allowed", _below_minimum),
    (r"(?:a )?circle which covers .*", lambda stage, _path, _words: stage.facts.area()),
    (r"a value in the near future", lambda stage, _path, _words: stage.instant(SOON_S)),
    (
        r"an? too small area-size",
        lambda stage, _path, _words: stage.facts.area(radius=stage.operator.profile.geography.minimum_radius_m - 1),
    ),
    (
        r"an? (?:valid )?area not covered .*|an area outside .*|an unsupported (?:or|/) (?:invalid|uncovered) area",
        lambda stage, _path, _words: stage.facts.area(covered=False),
    ),
    (
        r".*where the device is not located|a wrong location of the device",
        lambda stage, _path, _words: stage.facts.area(elsewhere=True),
    ),
    (r".*in the future|a future .*", lambda stage, path, _words: stage.date(path, days_ago=-400)),
    (
        r"(?:a date|.*past date) .*|.*in the past",
        lambda stage, path, _words: stage.date(path, days_ago=SIGNED_DAYS_AGO),
    ),
    (r"unsupported identifiers .*", _other_identifiers),
    (
        r"the (?:country|\w+) (?:of|for) .*(?:that|and) complies with .*",
        _valid,
    ),
    (r"an? (?:format|well[- ]formed) valid .*|a format valid value", _valid),
    (r"an? \w+ value that complies with .*", _valid),
    (r"an? (?:proper|correct|suitable) .*", _valid),
    (r"an? (?:time|date|value) in the past", lambda stage, _path, _words: stage.instant(-DAY_S)),
    (r"(?:the )?provided \w+", _valid),
    (r"a valid testing device that does not allow .*", _unserved),
    (r"a schema[- ]compliant .*|a value that is compliant with .*", _valid),
    (r".*cancelled by the User A and is used by User B", _given_on),
    (r"(?:a |the )?(?:valid|known) (?:area|location) .*|a location covered .*", _valid),
    (r".*phone number identified by the access token", _valid),
    (r"a valid (?:past )?.*|(?:a|any) value (?:that is )?compliant .*|the same .*", _valid),
)


def set_by_words(stage: Stage, path: Path, words: str) -> None:
    """Set a member to what the words mean; what are no words is the value itself.

    Raises:
        NotApplicable: the words are not known.
    """
    quoted = re.fullmatch(r'"[^"]*"', words) is not None
    for pattern, setter in () if quoted else SETTERS:
        if re.fullmatch(pattern, words, re.IGNORECASE):
            stage.set(path, setter(stage, path, words))
            return
    if re.match(r"(?:an?|the|any|is|includes|only|not) ", words):
        raise NotApplicable(f'no word for a property that is "{words}"')
    value = literal(words)
    schema = stage.contract.follow(stage.contract.inner(stage.operation().body, stage.place(path))) or {}
    in_list = schema.get("type") == "array" and isinstance(value, str)
    stage.set(path, MISSING if words == "" else [value] if in_list else value)
