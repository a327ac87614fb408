"""Words that write the request: resource, headers, body, and sending it."""

import re
import uuid

from tests.camara.outcomes import NotApplicable
from tests.camara.paths import EVERY, MISSING, parse
from tests.camara.stage import Body, Stage
from tests.camara.vocabulary import PATH, POINTER, TEXT, literal, nothing, word
from tests.camara.words_members import set_by_words

LENGTH_THAT_NO_OPERATOR_TAKES = 5000
SEVERAL = 2
NO_URL = "an invalid URL"
SCHEMA = r"(?:the )?(?:OAS )?(?:request body )?schema"


def _resource(stage: Stage, text: str) -> None:
    stage.resource = text


def _sub_resource(stage: Stage, text: str) -> None:
    stage.resource = stage.contract.base_path + "/" + text.lstrip("/")


def _uuid(stage: Stage, text: str) -> None:
    stage.headers[text.lower()] = str(uuid.uuid4())


def _header(stage: Stage, text: str, value: str) -> None:
    stage.headers[text.lower()] = value


def _no_header(stage: Stage, text: str) -> None:
    stage.headers.pop(text.lower(), None)


def _bad_header(stage: Stage, text: str) -> None:
    stage.headers[text.lower()] = "not compliant at all \u007e" * 20


def _absent(stage: Stage) -> None:
    stage.base = Body.ABSENT


def _full(stage: Stage) -> None:
    stage.base = Body.FULL


def _full_with(stage: Stage, path: str, value: str) -> None:
    stage.base = Body.FULL
    _by_words(stage, path, value)


def _full_without(stage: Stage, path: str) -> None:
    stage.base = Body.FULL
    _without(stage, path)


def _only(stage: Stage, path: str) -> None:
    """Names another base, but keeps what was set at the path."""
    where = parse(path)
    value = stage.explicit(where)
    stage.base, stage.given = Body.GIVEN, {}
    stage.set(where, stage.valid(where) if value is MISSING else value)


def _given(stage: Stage, value: str) -> None:
    stage.base, stage.given = Body.GIVEN, literal(value)


def _wrong_body(stage: Stage, pointer: str = "") -> None:
    """Break one member: the one that has the named schema, else the first that is required."""
    operation = stage.operation()
    members, required = stage.contract.members(operation.body)
    if not members:
        raise NotApplicable("the request body has no members")
    name = pointer.rpartition("/")[2]
    typed = [member for member, schema in members.items() if str(schema.get("$ref", "")).endswith(f"/{name}")]
    member = next((name for name in [*typed, *members] if name in typed or name in required), next(iter(members)))
    stage.set((member,), stage.contract.wrong(members[member], kind=True))


def _wrong(stage: Stage, path: str, pointer: str = "") -> None:
    """Break a member, by the schema of the request body; by the pointer where the body says nothing of it."""
    where, operation = parse(path), stage.operation()
    schema = stage.contract.inner(operation.body, where)
    if schema is None:
        schema = stage.contract.at(pointer)
    stage.set(where, stage.contract.wrong(schema))


def _without(stage: Stage, path: str) -> None:
    stage.set(parse(path), MISSING)


def _without_both(stage: Stage, path: str, text: str) -> None:
    _without(stage, path)
    _without(stage, text)


def _with(stage: Stage, path: str) -> None:
    stage.set(parse(path), stage.valid(parse(path)))


def _by_words(stage: Stage, path: str, value: str) -> None:
    set_by_words(stage, parse(path), value)


def _several(stage: Stage, path: str) -> None:
    """Two of what the schema lists for the items."""
    where = parse(path)
    schema = stage.contract.inner(stage.operation().body, stage.place((*where, EVERY)))
    listed = (stage.contract.follow(schema) or {}).get("enum", [])
    if len(listed) < SEVERAL:
        raise NotApplicable("the definition knows one kind only")
    stage.set(where, listed[:SEVERAL])


def _too_long(stage: Stage, path: str) -> None:
    where = parse(path)
    schema = stage.contract.inner(stage.operation().body, where)
    limit = (stage.contract.follow(schema) or {}).get("maxLength", LENGTH_THAT_NO_OPERATOR_TAKES)
    stage.set(where, stage.contract.stretched(schema, limit + 1))


def _ask(stage: Stage, text: str) -> None:
    stage.forget()
    stage.asked = text


def _send(stage: Stage, text: str, rest: str = "") -> None:
    stage.forget()
    stage.method = "DELETE" if text.upper() == "DEL" else text.upper()
    which = re.search(r"(\w+Id) ?(?:=|is set to|set to) ?(.+)", rest)
    if which is not None:
        _one_of_them(stage, which[1], which[2])
        return
    named = re.search(r'"([^"]+)"', rest)
    if named is not None:
        stage.asked = named[1]


def _send_to(stage: Stage, text: str, path: str, value: str = "") -> None:
    stage.forget()
    stage.method, stage.resource = text.upper(), path
    if value:
        _given(stage, value)


def _one_of_them(stage: Stage, name: str, value: str) -> None:
    """The request is about one resource: that of the scenario, or one that does not exist."""
    found = [one for one in stage.contract.operations if one.path.endswith(f"/{{{name}}}")]
    stage.resource = stage.contract.base_path + (found[0].path if found else "")
    if name not in stage.path_values and re.search(r"\bnon|unknown|not ", value):
        stage.path_values[name] = str(uuid.uuid4())


def _again(stage: Stage) -> None:
    stage.forget()


MEMBER = r"(?:the )?(?:given )?(?:(?:request|body) ){0,3}(?:property|field|attribute|parameter)"

RESOURCES = (
    word(rf"the resource is {TEXT}", _sub_resource),
    word(rf"the (?:resource|path|endpoint) {TEXT}(?: as (?:a )?base[ -]?url)?", _resource),
    word(rf"(?:the )?resource {TEXT} (?:set )?as .*base-url", _resource),
)
"""The words that say which operation is meant."""

WORDS = (
    word(r"(?:an )?environment at .*", nothing),
    word(r"(?:they )?use (?:the )?base ?url(?: .*)?|the correct base ?url .* is used", nothing),
    word(rf"the header {TEXT} is set to a UUID value", _uuid),
    word(
        rf'the header (?P<text>(?!"Authorization")"?[^"]*"?) complies with {SCHEMA} at .*',
        lambda stage, text: _uuid(stage, text.strip('"')),
    ),
    word(
        r'the header "(?P<text>x-correlator)" (?:does not comply with|is set to a value which (?:is|does) not) .*',
        _bad_header,
    ),
    word(r"the request body contains a random combination of valid optional parameters.*", _full),
    word(r"the request body contains valid required properties|the given request body is populated with .*", nothing),
    word(rf"{MEMBER} {PATH} is non[- ]existent", _without),
    # In some files a replacement of words went through the middle of "set".
    word(r'the (?:request )?header "(?P<text>(?!Authorization)[^"]*)" is se.*t to "(?P<value>[^"]*)"', _header),
    word(
        r'the (?:request )?header "(?P<text>(?!Authorization)[^"]*)" is (?:removed|not (?:sent|included|set))',
        _no_header,
    ),
    word(
        r"the request body is set by default to .*|"
        r"(?:the request body is (?:set to )?)?a valid (?:[\w-]+ )*request body",
        nothing,
    ),
    word(rf"the request body (?:is compliant with|complies with) {SCHEMA}.*", nothing),
    word(r"the request body is compliant with the \w+ schema .*", nothing),
    word(r"an? (?:valid )?request body (?:that is |which is )?compliant with .*", nothing),
    word(rf"{MEMBER} {PATH} (?:includes more than one .*|is set to an array with 2 valid items)", _several),
    word(r"the request body is set to a valid parameter combination", _full),
    word(r"the request body is (?:not included|not sent|empty|missing)", _absent),
    word(r'the request body is set to:? "?(?P<value>\{.*\}|\[.*\])"?', _given),
    word(
        r"the request body is (?:set to any value which is |included but is )?not compliant "
        rf"with {SCHEMA}(?: at)?(?: {POINTER})?",
        _wrong_body,
    ),
    word(rf"{MEMBER} {PATH} does not comply with (?:the )?(?:OAS )?schema(?: at)? {POINTER}", _wrong),
    word(
        rf"{MEMBER} {PATH} is not (?:included|present|valori[sz]ed|valued|set(?: to a value)?|provided|sent)",
        _without,
    ),
    word(rf"{MEMBER} {PATH} is (?:removed|deleted|optional and not set)", _without),
    word(rf"{MEMBER} {PATH} is not \"[^\"]*\"", _wrong),
    word(rf"the request body has an? not propert?ly formatted {PATH}", _wrong),
    word(rf"{MEMBER} {PATH} is required and set to (?P<value>.*)", _by_words),
    word(rf"{MEMBER} {PATH} contains the (?:supported event type|element \"[^\"]*\").*", _with),
    word(
        rf"(?:{MEMBER} )?{PATH} (?:is set )?in (?:the )?past",
        lambda stage, path: _by_words(stage, path, "a time in the past"),
    ),
    word(rf"(?:{MEMBER} )?{PATH} is not set to an? url", lambda stage, path: _by_words(stage, path, "an invalid URL")),
    word(rf"(?:the )?{PATH} is not (?:included|present|valued|set|provided|sent)", _without),
    word(rf"(?:{MEMBER} )?{PATH} is (?:set|valued) (?:with )+(?:an? |the )?(?:provided|valid) .*", _with),
    word(rf"the request body does not (?:include|contain) (?:the )?property {PATH}", _without),
    word(rf"the request body does not (?:include|contain) neither {PATH} nor {TEXT}", _without_both),
    word(rf"{MEMBER} {PATH} is (?:included|valori[sz]ed|valued)(?: with a valid value)?", _with),
    word(rf"{MEMBER} {PATH} is also set to (?P<value>.*)", _by_words),
    word(rf"(?:the )?{PATH} request body property (?:is )?(?:set|equal) to:? (?P<value>.*)", _by_words),
    word(rf"{MEMBER} {PATH} (?:is |to be )?(?:set|equal) to:? (?P<value>.*)", _by_words),
    word(rf"{MEMBER} {PATH} (?P<value>(?:is compliant|only includes|includes|complies) .*)", _by_words),
    word(rf"the request body (?:optionally )?contains the property {PATH} with (?P<value>a value .*)", _by_words),
    word(rf"{MEMBER} {PATH} is set with (?P<value>a valid value|an? too small area-size)", _by_words),
    word(rf"{MEMBER} {PATH} is not matching the defined pattern", lambda stage, path: _by_words(stage, path, NO_URL)),
    word(rf"a valid (?:[\w-]+ )*request body with (?:the )?(?:property )?{PATH} (?:set to )?(?P<value>.*)", _by_words),
    word(r"a valid (?:[\w-]+ )*request body with (?P<path>\w+) (?P<value>\"[A-Z]+\")", _by_words),
    word(rf"the request body is set to a valid parameter combination without property {PATH}", _full_without),
    word(
        rf"the request body is set to a valid parameter combination with property {PATH} set to (?P<value>.*)",
        _full_with,
    ),
    word(rf"{MEMBER} {PATH} (?:does not exist|is (?:absent|missing|omitted|left out|not setted))", _without),
    word(rf"{MEMBER} {PATH} is longer than .*", _too_long),
    word(rf"{MEMBER} {PATH} is valued again with .*", nothing),
    word(rf"{MEMBER} {PATH} (?:was|has been) set to (?P<value>.*)", _by_words),
    word(rf"(?:the )?{PATH} (?:is )?set to (?P<value>[^\"].*)", _by_words),
    word(rf"the request body contains only the property {PATH}", _only),
    word(r"the request body has the field (?P<path>\w+) with a value of (?P<value>[A-Z_]+\d?)", _by_words),
    word(r"the request body has NO the field (?P<path>\w+) or (?P<text>\w+)", _without_both),
    word(r"(?P<value>\{\}|an empty request body)", lambda stage, value: _given(stage, "{}" if value else value)),
    word(
        r"the request body contains (?:the|this) (?:valid )?phone number|a valid request body with phone number",
        nothing,
    ),
    word(r"the request body contains the invalid phone number", lambda stage: _wrong(stage, "$.phoneNumber")),
)

VERBS = {"create": "POST", "get": "GET", "delete": "DELETE"}


def _by_verb(stage: Stage, text: str, rest: str = "") -> None:
    stage.forget()
    stage.method, stage.resource = VERBS[text.lower()], stage.contract.base_path + "/subscriptions"
    if rest:
        _send(stage, stage.method, rest)


SENDING = (
    word(r"(?P<text>create|get|delete) (?:\w+ )+subscription(?: with (?P<rest>\w+Id.*))?", _by_verb),
    word(r'(?:a |the )?"?(?P<text>GET|POST|PUT|PATCH|DELETE)"? request is sent', _send),
    word(rf"(?:a |the )?(?:request|operation) {TEXT}(?: is sent)?", _ask),
    word(rf"the HTTPS? [A-Z]+ request {TEXT} is sent to \"[^\"]*\"", _ask),
    word(r'the HTTPS? "?(?P<text>GET|POST|PUT|PATCH|DEL(?:ETE)?)"? request(?P<rest>.*) is sent', _send),
    word(r'the HTTPS? "(?P<text>[^"]+)" request is sent', _ask),
    word(r'the HTTPS? "?(?P<text>GET|PUT|PATCH|DELETE)"? request is sent (?:with )?(?P<rest>\w+Id\b.*)', _send),
    word(r"(?:and )?(?:the endpoint is invoked|a new endpoint invo[ck]ation is done)", _again),
    word(
        r"(?:the |an? )?(?:API )?(?:client|consumer|tester) sends an? \"?(?P<text>[A-Z]+)\"? request to "
        r"\"(?P<path>[^\"]+)\"(?: with (?:the following |an? )?(?:payload|body|request body):? (?P<value>\{.*\}))?",
        _send_to,
    ),
)
"""The words that send; what a file says of an answer before them is no check yet."""
