"""Words that read the answer. The first of them sends the request."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

from tests.camara.outcomes import expect
from tests.camara.paths import MISSING, parse
from tests.camara.reading import age_s, at, body, code, every, instant, now, same, there
from tests.camara.stage import Stage
from tests.camara.subject import ACTIVATED_AGO_S
from tests.camara.vocabulary import PATH, POINTER, TEXT, word

STATUS = re.compile(r"\d{3}")
CLOCK_TOLERANCE_S = 60.0
TEXTS = frozenset({"$.message"})
"""Members that nobody may parse (API design guide): a file that quotes one is held to "some text is there"."""


def _options(text: str) -> list[str]:
    return [option for option in re.split(r",|\bor\b", text.strip(" []()")) if option.strip()]


def _status(stage: Stage, codes: str) -> None:
    response = stage.answer()
    wanted = re.findall(r"\d{3}", codes)
    expect(str(response.status_code) in wanted, f"status {response.status_code} {code(stage)}, not {codes}")


def _header_is(stage: Stage, text: str, value: str) -> None:
    actual = stage.answer().headers.get(text, "")
    expect(actual.partition(";")[0] == value.partition(";")[0], f"{text} is {actual!r}, not {value!r}")


def _header_same(stage: Stage, text: str, other: str) -> None:
    sent, got = stage.headers.get(other.lower()), stage.answer().headers.get(text)
    expect(sent is None or got == sent, f"{text} is {got!r}, not the {sent!r} that was sent")


def _header_there(stage: Stage, text: str) -> None:
    expect(text in stage.answer().headers, f"{text} is not there")


def _is(stage: Stage, path: str, value: str) -> None:
    if path in TEXTS:
        return _readable(stage, path)
    if parse(path) == ("status",) and STATUS.fullmatch(value) and stage.answer().is_success:
        # Subscriptions have a status of their own; a number is that of HTTP.
        return _status(stage, value)
    for actual in every(stage, path):
        expect(any(same(actual, option) for option in _either(value)), f"{path} is {actual!r}, not {value}")
    return None


def _either(value: str) -> list[str]:
    return re.split(r"(?<=\") or (?=\")", value, flags=re.IGNORECASE)


def _one_of(stage: Stage, path: str, values: str) -> None:
    for actual in every(stage, path):
        expect(any(same(actual, option) for option in _options(values)), f"{path} is {actual!r}, none of {values}")


def _one_of_if(stage: Stage, path: str, values: str) -> None:
    if at(stage, path) is not MISSING:
        _one_of(stage, path, values)


def _is_if(stage: Stage, path: str, value: str) -> None:
    if at(stage, path) is not MISSING:
        _is(stage, path, value)


def _null(stage: Stage, path: str) -> None:
    expect(there(stage, path) is None, f"{path} is not null")


def _readable(stage: Stage, path: str) -> None:
    value = there(stage, path)
    expect(isinstance(value, str) and value.strip(), f"{path} is no text")


def _contains(stage: Stage, path: str, text: str) -> None:
    value = there(stage, path)
    expect(path in TEXTS or (isinstance(value, list | str) and text in value), f"{path} does not contain {text!r}")


def _exists(stage: Stage, path: str) -> None:
    every(stage, path)


def _missing(stage: Stage, path: str) -> None:
    expect(at(stage, path) is MISSING, f"{path} is there")


def _only_if(stage: Stage, path: str, text: str, value: str) -> None:
    there, condition = at(stage, path) is not MISSING, same(at(stage, text), value)
    expect(condition or not there, f"{path} is there although {text} is not {value}")


def _missing_means(stage: Stage, path: str, text: str, value: str) -> None:
    expect(at(stage, path) is not MISSING or same(at(stage, text), value), f"{path} is missing, {text} not {value}")


def _timestamp(stage: Stage, path: str) -> None:
    instant(there(stage, path))


def _timestamp_if(stage: Stage, path: str) -> None:
    if at(stage, path) not in {MISSING, None}:
        _timestamp(stage, path)


def _past(stage: Stage, path: str) -> None:
    expect(all(instant(value) <= now(stage) for value in every(stage, path)), f"{path} is not in the past")


def _future(stage: Stage, path: str) -> None:
    expect(all(instant(value) > now(stage) for value in every(stage, path)), f"{path} is not in the future")


def _subset(stage: Stage, path: str, text: str) -> None:
    asked = stage.sent(parse(text)) or []
    expect(all(set(value) <= set(asked) for value in every(stage, path)), f"{path} has more than was asked")


def _as_asked(stage: Stage, path: str, text: str) -> None:
    asked = stage.sent(parse(text))
    expect(all(value == asked for value in every(stage, path)), f"{path} is not the {text} that was asked for")


def _url(stage: Stage, path: str) -> None:
    for value in every(stage, path):
        parts = urlsplit(str(value))
        expect(parts.scheme in {"http", "https"} and parts.hostname, f"{path} is {value!r}, no URL")


def _no_scores(stage: Stage) -> None:
    """Attributes that fit have no score: there is nothing between."""
    found = body(stage)
    for name, value in found.items():
        if value == "true":
            expect(f"{name}Score" not in found, f"{name}Score is there although {name} is true")


def _score(stage: Stage, path: str) -> None:
    errors = stage.contract.errors(there(stage, path), "/components/schemas/Score")
    expect(not errors, f"{path} is no score: {'; '.join(errors)}")


def _activation(stage: Stage, path: str) -> None:
    apart = now(stage) - timedelta(seconds=ACTIVATED_AGO_S) - instant(there(stage, path))
    expect(abs(apart.total_seconds()) < CLOCK_TOLERANCE_S, f"{path} is not the activation")


def _not_older(stage: Stage, path: str, text: str) -> None:
    allowed = stage.sent(parse(text))
    expect(age_s(stage, path) <= float(allowed) + CLOCK_TOLERANCE_S, f"{path} is older than {text}")


def _older_if(stage: Stage, path: str, text: str) -> None:
    if at(stage, path) is not MISSING:
        expect(age_s(stage, path) > float(stage.sent(parse(text))), f"{path} is not older than {text}")


def _monitored(stage: Stage, path: str) -> None:
    value, hours = at(stage, path), stage.subject.retention_h
    wanted = {MISSING} if hours is None else {MISSING, hours // 24}
    expect(value in wanted, f"{path} is {value!r}, not the monitored period")


def _own_number(stage: Stage, path: str) -> None:
    expect(there(stage, path) == stage.subject.number, f"{path} is not the number of the token")


def _as_sent(stage: Stage, path: str, text: str) -> None:
    expect(there(stage, path) == stage.sent(parse(text)), f"{path} is not what was sent at {text}")


def _complies(stage: Stage, pointer: str) -> None:
    """By the schema that the step names; where the definition has none of that name, by the one of the answer."""
    answer = stage.answer()
    declared = stage.operation().answers.get(str(answer.status_code))
    if stage.contract.has(pointer) or declared is None:
        errors = stage.contract.errors(body(stage), pointer)
    else:
        errors = stage.contract.errors_by(body(stage), declared)
    expect(not errors, f"the answer breaks {pointer}: {'; '.join(errors[:3])}")


def _whole(stage: Stage) -> None:
    """Everything is on record about whom the runner asks, so everything that the schema knows is available."""
    known = stage.contract.members(stage.operation().answers["200"])[0]
    expect(body(stage).keys() == known.keys(), f"{sorted(known.keys() - body(stage).keys())} are not there")


def _nothing_but(stage: Stage, path: str) -> None:
    others = sorted(body(stage).keys() - {parse(path)[0]})
    expect(not others, f"{others} are there besides {path}")


def _declared(stage: Stage) -> None:
    _complies(stage, "")


def each_complies(stage: Stage, pointer: str) -> None:
    """Every item of the answer fits."""
    found = body(stage)
    expect(isinstance(found, list), "the answer is no array")
    errors = [error for item in found for error in stage.contract.errors(item, pointer)]
    expect(not errors, f"an item breaks {pointer}: {'; '.join(errors[:3])}")


def _member_complies(stage: Stage, path: str, pointer: str) -> None:
    value = at(stage, path)
    errors = [] if value is MISSING else stage.contract.errors(value, pointer)
    expect(not errors, f"{path} breaks {pointer}: {'; '.join(errors[:3])}")


def _strings(stage: Stage, values: str) -> None:
    found, allowed = body(stage), [option.strip(' "') for option in _options(values)]
    expect(isinstance(found, list) and found, "the answer is no array with anything in it")
    expect(all(item in allowed for item in found), f"{found} has more than {allowed}")


def _text(stage: Stage, text: str) -> None:
    expect(body(stage) == text, f"the answer is {body(stage)!r}, not {text!r}")


def _empty_list(stage: Stage) -> None:
    expect(body(stage) == [], "the answer is no empty array")


def _includes(stage: Stage, path: str, text: str, other: str | None = None) -> None:
    value, wanted = there(stage, path), [item for item in (text, other) if item is not None]
    expect(isinstance(value, list) and all(item in value for item in wanted), f"{path} is {value!r}, without {wanted}")


def _has_all(stage: Stage, path: str, text: str) -> None:
    for option in _options(text):
        _includes(stage, path, option.strip(' "'))


def _between(stage: Stage, path: str, least: str, most: str) -> None:
    value = there(stage, path)
    fits = isinstance(value, int) and not isinstance(value, bool) and int(least) <= value <= int(most)
    expect(fits, f"{path} is {value!r}, no integer from {least} to {most}")


def _both_times(stage: Stage, path: str, text: str) -> None:
    _timestamp_if(stage, path)
    _timestamp_if(stage, text)


def _empty(stage: Stage) -> None:
    expect(not stage.answer().content, "the answer has a body")


PROPERTY = rf"(?:the )?(?:value of )?(?:the )?response (?:body )?property {PATH}"
VALUE = r"(?P<value>\"[^\"]*\"(?: or \"[^\"]*\")*|true|false|-?[0-9.]+)"
SCHEMA_AT = rf"(?:the )?OAS schema at {POINTER}"
SAME_AS = r"(?:is )?(?:has )?(?:the )?same value as the request header"

WORDS = (
    word(r'(?:the )?response (?:status )?code is (?P<codes>"?\d{3}"?(?: or "?\d{3}"?)*)', _status),
    word(rf'the response header {TEXT} (?:{SAME_AS}) "(?P<other>[^"]*)"', _header_same),
    word(rf'the response header {TEXT} is "(?P<value>[^"]*)"', _header_is),
    word(rf"the response header {TEXT} (?:exists|is present)", _header_there),
    word(rf"{PROPERTY} is one of:? (?P<values>.*)", _one_of),
    word(rf"the response contains (?:the )?property {PATH} whose value is one of (?P<values>.*)", _one_of),
    word(rf"if the response contains (?:the )?property {PATH}, the value is one of (?P<values>.*)", _one_of_if),
    word(rf"{PROPERTY}, if present, has the value (?P<values>.*)", _one_of_if),
    word(rf"{PROPERTY}, if present, is equal to (?P<value>\"[^\"]*\"|[0-9.]+)", _is_if),
    word(
        rf"if the response contains (?:the )?property {PATH}, the value is compliant with {SCHEMA_AT}",
        _member_complies,
    ),
    word(
        rf"{PROPERTY} complies with {SCHEMA_AT}",
        _member_complies,
    ),
    word(rf"{PROPERTY} contains (?:a|an) user[- ]friendly text.*", _readable),
    word(rf"{PROPERTY} contains a valid timestamp", _timestamp),
    word(
        rf"{PROPERTY} contains the (?:(?:sim|device|line|phone number)(?:'s)? (?:first )?activation (?:timestamp|date)"
        r"|timestamp of the first time that the sim is installed in the device)",
        _activation,
    ),
    word(rf"{PROPERTY} contains \"(?P<text>[^\"]*)\"", _contains),
    word(
        rf"{PROPERTY} (?:exists|is present) and (?:is|has) a valid date-time (?:format for a time )?in the past",
        _past,
    ),
    word(rf"{PROPERTY},? if present, has a valid value with date-time format", _timestamp_if),
    word(rf"if {PROPERTY} is present, then the value has a valid date-time format", _timestamp_if),
    word(rf"{PROPERTY} (?:is|==) null", _null),
    word(rf"{PROPERTY} exists only if {TEXT} is \"(?P<value>[^\"]*)\"", _only_if),
    word(rf"if {PROPERTY} does not exists? then {TEXT} is \"(?P<value>[^\"]*)\"", _missing_means),
    word(rf"{PROPERTY} value is not older than the value of {TEXT}(?: in)? the request(?: time)?", _not_older),
    word(rf"{PROPERTY} if exists has a value older (?:than )?the value of {TEXT} in the request", _older_if),
    word(
        rf"the response optionally contains the property {PATH} with the value of monitored time frame .*", _monitored
    ),
    word(rf"{PROPERTY} is equal to the phone number associated with the access token", _own_number),
    word(rf"{PROPERTY} is set to [A-Z_]*PHONENUMBER1?", _own_number),
    word(rf"{PROPERTY} is the same value as the request body property {TEXT}", _as_sent),
    word(rf"{PROPERTY} (?:exists|is present)", _exists),
    word(rf"the response (?:body )?(?:contains|includes|has) (?:the )?property {PATH}", _exists),
    word(rf"{PROPERTY} (?:does not exist|is not (?:present|included|returned|there))", _missing),
    word(rf"{PROPERTY} (?:exists|is present) and (?:its value |it )?is in the past", _past),
    word(rf"{PROPERTY} (?:exists|is present) and (?:its value |it )?is in the future", _future),
    word(rf"{PROPERTY} (?:exists|is present) and (?:it )?(?:contains|is|has) a valid URL", _url),
    word(rf"{PROPERTY} is (?:either )?(?:equal to or )?a subset of the requested (?P<text>\w+)", _subset),
    word(rf"{PROPERTY} (?:matches|equals|is) the requested (?P<text>\w+)", _as_asked),
    word(r"the correspond(?:ent|ing) score property, if (?:it )?exists, is not returned", _no_scores),
    word(rf"the response contains the property {PATH} and its value represents the score .*", _score),
    word(
        rf"{PROPERTY}(?: value)? (?:==|=|equals|(?:exists and )?is(?: equal to)?|is set to|has the value) {VALUE}",
        _is,
    ),
    word(
        rf"the response body (?:complies|is compliant) with an array of OAS schema defined at {POINTER}", each_complies
    ),
    word(
        rf"the response body (?:complies|is compliant) with (?:the )?(?:OAS )?schema(?: at| defined by)? {POINTER}",
        _complies,
    ),
    word(r"the response body is an array of strings with the possi?bi?le? ?\w* values? (?P<values>.*)", _strings),
    word(rf"the response body is a string with the value {TEXT}", _text),
    word(r"the response (?:body )?is (?:an empty (?:array|list)(?: \"?\[\]\"?)?|\[\])", _empty_list),
    word(rf"{PROPERTY} includes both {TEXT} and \"(?P<other>[^\"]*)\"", _includes),
    word(rf"{PROPERTY} includes {TEXT}", _includes),
    word(rf"{PROPERTY} has the value (?P<value>\"[^\"]*\").*", _is),
    word(rf"{PROPERTY} is a non-empty array containing .*(?P<text>\[.*\])", _has_all),
    word(rf"{PROPERTY} is (?:either )?(?P<values>\"[^\"]*\"(?:(?:, | or |, or )\"[^\"]*\")+)", _one_of),
    word(rf"the response contains error code {TEXT}", lambda stage, text: _is(stage, "$.code", text)),
    word(rf"{PROPERTY} is equal to an integer value between (?P<least>\d+) and (?P<most>\d+)", _between),
    word(rf"if {PROPERTY} is present, then the value (?:is|has) a valid .*date-time.*", _timestamp_if),
    word(
        rf"the response properties {PATH} and {TEXT}, if present, have a valid value with date-time format", _both_times
    ),
    word(rf"{PROPERTY} has the same value as the request body property {TEXT}", _as_sent),
    word(rf"the response body complies with the 200\w+ schema at {POINTER}", _complies),
    word(rf"the response body has an array of items and each item complies with {SCHEMA_AT}", each_complies),
    word(rf"{PROPERTY} is user[- ]friendly", _readable),
    word(r"the (?P<path>\w+) status is (?P<value>true|false)", _is),
    word(r"the response body contains valid \w+ values?", _declared),
    word(r"the response body contains all the available properties defined in the schema", _whole),
    word(rf"the response body only contains the property {PATH}(?: if it is available)?", _nothing_but),
    word(r"the response (?:body )?is (?:empty|not present|not available)", _empty),
)
