"""Words about resources that exist or do not: path and query parameters, and what an earlier request made."""

import re
import uuid
from typing import Any

from tests.camara.outcomes import NotApplicable, expect
from tests.camara.paths import MISSING, get, parse, put
from tests.camara.reading import body, every, there
from tests.camara.stage import Stage
from tests.camara.vocabulary import PATH, POINTER, TEXT, later, literal, nothing, word
from tests.camara.words_response import PROPERTY, each_complies

NO_UUID = "not-a-uuid"
QUOTED = re.compile(r'"([^"]*)"')


def existing(stage: Stage, name: str) -> str:
    """The identifier of a resource that is made for the scenario, where the definition has a way to make one."""
    if name in stage.memory:
        return str(stage.memory[name])
    suffix = f"/{{{name}}}"
    paths = {one.path.removesuffix(suffix) for one in stage.contract.operations if one.path.endswith(suffix)}
    makers = [one for one in stage.contract.operations if one.method == "POST" and one.path in paths]
    if not makers:
        raise NotApplicable(f"the definition has no way to make what {name} names")
    given = stage.sample(makers[0], full="wanted" in stage.memory)
    for path, value in stage.memory.get("wanted", ()):
        given = put(given, path, value)
    response = stage.aside(makers[0].path, given, three_legged=stage.names_itself)
    expect(response.is_success, f"no resource was made: {response.text}")
    made = stage.memory["made"] = response.json()
    stage.memory[name] = made.get(name) or made.get("id") or made.get(f"{makers[0].path.strip('/')}Id")
    return str(stage.memory[name])


KINDS: tuple[tuple[str, Any], ...] = (
    (r"not .*format|not (?:complian|comply).*|invalid", lambda _stage, _name: NO_UUID),
    (
        r"random|not (?:identify|correspond|exist|existing|known)\w*|unknown|non-?exist\w*|no (?:valid|existing)",
        lambda _stage, _name: str(uuid.uuid4()),
    ),
    (r"existing|valid|the (?:value|identifier|id)\b|equal to|by default|for that", existing),
)


def _path_value(stage: Stage, text: str, value: str) -> None:
    text = text.removeprefix("$.")
    if re.fullmatch('(?:set |equal )?to "id"', value):
        if text not in stage.path_values:
            _there_is(stage, text)
        return
    quoted = re.fullmatch(r'set (?:by default )?to "([^"]*)"', value)
    if quoted is not None:
        stage.path_values[text] = quoted[1]
        return
    for pattern, find in KINDS:
        if re.search(pattern, value, re.IGNORECASE):
            stage.path_values[text] = find(stage, text)
            return
    raise NotApplicable(f'no word for a path parameter that is "{value}"')


def _query(stage: Stage, text: str, value: str) -> None:
    stage.query[text] = value


def _no_query(stage: Stage, text: str) -> None:
    stage.query.pop(text, None)


def _there_is(stage: Stage, text: str) -> None:
    stage.before.append(lambda: stage.path_values.__setitem__(text, existing(stage, text)))


def _there_is_none(stage: Stage, text: str) -> None:
    stage.path_values[text] = str(uuid.uuid4())


def _without_all(stage: Stage, texts: str) -> None:
    for path in QUOTED.findall(texts):
        stage.set(parse(path), MISSING)


def _other_than(stage: Stage, path: str, text: str, other: str = "") -> None:
    """Another value that the schema lists; a text of its own, where it lists none."""
    where = parse(path)
    schema = stage.contract.follow(stage.contract.inner(stage.operation().body, where)) or {}
    listed = [value for value in schema.get("enum", ()) if value not in {text, other}]
    value = listed[0] if listed else f"NOT-{text}"
    stage.set(where, [value] if schema.get("type") == "array" else value)


def _set(stage: Stage, path: str, value: str) -> None:
    """A value in the form that the schema wants: many definitions have a list where the files write its one item."""
    where, written = parse(path), literal(value)
    schema = stage.contract.follow(stage.contract.inner(stage.operation().body, where)) or {}
    stage.set(where, [written] if schema.get("type") == "array" and not isinstance(written, list) else written)


def _as_sent(stage: Stage, path: str) -> None:
    wanted = stage.sent(parse(path))
    expect(there(stage, path) == wanted, f"{path} is not what was sent")


def _all_as_sent(stage: Stage, texts: str) -> None:
    for path in QUOTED.findall(texts):
        _as_sent(stage, path)


def _no_items(stage: Stage, path: str) -> None:
    expect(there(stage, path) == [], f"{path} is no empty array")


def _or_absent(stage: Stage, path: str, value: str) -> None:
    found = get(body(stage), parse(path))
    expect(found is MISSING or found == literal(value), f"{path} is {found!r}, neither {value} nor absent")


def _in_none(stage: Stage, path: str) -> None:
    items = body(stage)
    expect(isinstance(items, list), "the answer is no array")
    expect(all(get(item, parse(path)) is MISSING for item in items), f"{path} is in one of them")


def _some_items(stage: Stage, path: str, texts: str) -> None:
    wanted = QUOTED.findall(texts)
    expect(any(value in wanted for value in every(stage, path)), f"no {path} is one of {wanted}")


def _if_status(stage: Stage, code: str, rest: str) -> None:
    """A check for one of several ways to answer; the others are none of its business."""
    answer = stage.answer()
    if answer.status_code != int(code):
        return
    pointer = re.search(r'schema (?:at )?"([^"]+)"', rest)
    if pointer is None:
        expect(not answer.content, "the answer has a body")
    else:
        errors = stage.contract.errors(body(stage), pointer[1])
        expect(not errors, f"the answer breaks {pointer[1]}: {'; '.join(errors[:3])}")


_SUBSCRIPTION = r"(?:a|an) (?:valid )?(?:\w+ )?(?:subscription|resource|session)"
_LIST = r"(?P<texts>\"[^\"]*\"(?:(?:,| and|, and) \"[^\"]*\")+)"

WORDS = (
    word(rf"(?:the )?path param(?:eter)?(?: property)? {TEXT} (?:is|has|does) (?P<value>.*)", _path_value),
    word(rf'(?:the )?query param(?:eter)? {TEXT} is (?:set|equal) to "?(?P<value>[^"]*)"?', _query),
    word(rf"(?:the )?query param(?:eter)? {TEXT} is (?:not (?:included|sent|set)|removed)", _no_query),
    word(
        rf"{_SUBSCRIPTION} (?:for \w+ \w+ )?exists (?:and has an? |with )\"?(?P<text>\w+)\"? equal to \"id\"", _there_is
    ),
    word(rf"the API consumer has an active subscription with {TEXT} equal to \"id\"", _there_is),
    word(rf"(?:that )?there is no (?:valid |existing )?\w+ with {TEXT} equal to \"id\"", _there_is_none),
    word(rf"(?:the )?(?:request )?(?:body )?properties {_LIST} are not (?:included|present|set|sent)", _without_all),
    word(
        rf"(?:the )?(?:request )?(?:body )?property (?:includes property )?{PATH} "
        r"(?:whose value is not|is not (?:equal|set) to) \"(?P<text>[^\"]*)\""
        r"(?: and is not set to \"(?P<other>\w*)\")?",
        _other_than,
    ),
    word(rf"{PATH} ?<> ?\"(?P<text>[^\"]*)\"", _other_than),
    word(rf'(?:(?:the )?(?:request )?(?:body )?property )?{PATH} ?= ?"(?P<value>[^"]*)"', _set),
    word(
        rf"(?:the )?(?:request )?(?:body )?property {PATH} is one of the allowed values \"(?P<value>[^\"]*)\"",
        _set,
    ),
    word(rf"{PROPERTY} has the same (?:value|information) as provided in the request(?: body)?", _as_sent),
    word(rf"the response properties {_LIST} are present with the values provided in the request", _all_as_sent),
    word(rf"{PROPERTY} is an empty (?:array|list)", _no_items),
    word(rf"{PROPERTY} is (?P<value>\S+) or not (?:returned|present|included)", _or_absent),
    word(rf"{PROPERTY} is not present in any of the \w+ records", _in_none),
    word(rf"there is at least one item in response property {PATH} equal to (?P<texts>\".*\")", _some_items),
    word(
        rf"(?:each|every) item of the response array(?:, if any,)? complies with (?:the )?OAS schema at {POINTER}",
        each_complies,
    ),
    word(
        r"if the response property \"?\$\.status\"? is (?P<code>\d{3}),? then (?:the )?(?P<rest>response .*)",
        _if_status,
    ),
    word(r"(?:that )?(?:the )?implementation (?:deletes|creates) .* synchronously", nothing),
    word(r"(?:that )?subscriptions are created synchronously", nothing),
    word(
        r"(?:that )?(?:(?:the )?implementation (?:deletes|creates) .*|subscriptions are created) asynchronously", later
    ),
    word(
        rf"an existing (?:\w+[ -])*(?:subscription|session|resource|payment|assignment)s? with {TEXT} as \"[^\"]*\"",
        _there_is,
    ),
)
