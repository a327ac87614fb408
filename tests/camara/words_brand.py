"""Words about the names that enterprises register, in the files of brand-registration."""

from tests.camara.outcomes import NotApplicable, expect
from tests.camara.paths import MISSING, get, parse
from tests.camara.reading import body, there
from tests.camara.stage import Stage
from tests.camara.vocabulary import PATH, nothing, word
from tests.camara.words_resource import NO_UUID, existing

ID = "registrationId"
OTHER_NUMBER = "000102"
KNOWN = {
    "displayname1": "Company X Call Center",
    "terminatingcountrycode1": 44,
    "customerid1": "Customer1",
    "verifycalleraction1": "DO_NOT_BRAND",
}


def _asset(stage: Stage, text: str) -> object:
    """What a name of the files stands for."""
    name = text.lower()
    if name.startswith("phonenumber"):
        return stage.operator.number(OTHER_NUMBER) if "alternate" in name else stage.subject.number
    if name not in KNOWN:
        raise NotApplicable(f"no word for what is called {text}")
    return KNOWN[name]


def _set(stage: Stage, path: str, text: str) -> None:
    stage.set(parse(path), _asset(stage, text))


def _registered(stage: Stage) -> None:
    """A registration with everything that the files give one."""
    members = {"phoneNumber": "phonenumber1", "phoneNumberAlternate": "phonenumberalternate1"}
    members |= {name[0].lower() + name[1:]: f"{name.lower()}1" for name in ("displayName", "terminatingCountryCode")}
    members |= {name: f"{name.lower()}1" for name in ("customerId", "verifyCallerAction")}
    stage.memory["wanted"] = [((name,), _asset(stage, text)) for name, text in members.items()]
    stage.before.append(lambda: stage.path_values.__setitem__(ID, existing(stage, ID)))


def _of_one(stage: Stage) -> None:
    stage.resource = f"{stage.contract.base_path}/registrations/{{{ID}}}"


def _no_uuid(stage: Stage) -> None:
    stage.path_values[ID] = NO_UUID


def _is(stage: Stage, path: str, text: str) -> None:
    expect(there(stage, path) == _asset(stage, text), f"{path} is not the {text} that was registered")


def _mirrored(stage: Stage) -> None:
    found = body(stage)
    for name, value in stage.sent(()).items():
        expect(get(found, (name,)) in {value, MISSING} if name == "sinkCredential" else found.get(name) == value, name)


def _own_id(stage: Stage, path: str) -> None:
    expect(there(stage, path) == stage.path_values[ID], f"{path} is not the one of the request")


def _mirrored_under_id(stage: Stage, path: str) -> None:
    _mirrored(stage)
    _own_id(stage, path)


def _new_id(stage: Stage, path: str) -> None:
    errors = stage.contract.errors(there(stage, path), "/components/schemas/RegistrationId")
    expect(not errors, f"{path} is no UUID")


_CONSUMER = r"the API consumer can be "

WORDS = (
    word(rf"{_CONSUMER}verified as customer1", nothing),
    word(
        rf"{_CONSUMER}(?:verified as customer1 and )?associated with a registration \"registrationId1\" .*", _registered
    ),
    word(r"URI parameter \"registrationId\" is set to registrationId1", nothing),
    word(rf"request property {PATH} is (?:present and )?set to (?P<text>(?!IMEI|TAC)[a-zA-Z]+1)", _set),
    word(r"the request URI includes a registrationId parameter that is (?:is )?a valid UUID format", _of_one),
    word(r"the request URI does not contain a registrationId parameter with a valid UUID format", _no_uuid),
    word(
        rf"response property {PATH} is (?:present and )?set to (?P<text>\w+1) value as previously set by .*",
        _is,
    ),
    word(r"response properties mirror (?:the )?request properties", _mirrored),
    word(
        r"response properties mirror the request properties while response property "
        rf"{PATH} is equal to the registrationId1 in the request URI",
        _mirrored_under_id,
    ),
    word(rf"response property {PATH} is equal to the registrationId1 in the request URI", _own_id),
    word(rf"response property {PATH} is set to a UUID created by the service provider\.?", _new_id),
)
