"""Words about the tester's SIM cards and handsets: ``SIMCARD1``, ``DEVICE2``, ``IMEI1``."""

from tests.camara.outcomes import NotApplicable, expect
from tests.camara.paths import parse
from tests.camara.reading import there
from tests.camara.record import HANDSETS
from tests.camara.stage import Stage, Token
from tests.camara.subject import HOUR_S, Subject, numbered
from tests.camara.vocabulary import word
from tests.camara.words_response import PROPERTY

SPARE = 200_000
"""Counts from here on are subscribers of no scenario."""


def _inserted(stage: Stage, card: str, device: str) -> None:
    holder, other = (stage.subject, stage.other) if card == "1" else (stage.other, stage.subject)
    other.sim = False
    _use(holder, device)
    stage.memory[f"card in {device}"] = card


def _use(subject: Subject, device: str) -> None:
    handset = HANDSETS[device]
    known = {"imei": handset.imei, "model": handset.model, "manufacturer": handset.manufacturer}
    subject.happened(HOUR_S, "device_change", **known)


def _card_named(stage: Stage, card: str) -> None:
    stage.token = Token.THREE_LEGGED if card == "1" else Token.OTHER


def _device_named(stage: Stage, device: str) -> None:
    _card_named(stage, stage.memory.get(f"card in {device}", "1"))


def _nobody_named(stage: Stage) -> None:
    stage.token = Token.TWO_LEGGED


def _known(stage: Stage, path: str, name: str, device: str) -> None:
    value, wanted = there(stage, path), HANDSETS[device].named(name.upper())
    expect(value == wanted, f"{path} is {value!r}, not the {name} {wanted!r} of that device")


def _known_if(stage: Stage, path: str, name: str, device: str) -> None:
    body = stage.answer().json()
    if parse(path)[0] in body:
        _known(stage, path, name, device)


def _pseudonym(stage: Stage, path: str, device: str) -> None:
    """Nobody can know it before; but it is the one that any other SIM in this device brings."""
    spare = numbered(stage.operator, SPARE + int(device))
    _use(spare, device)
    spare.settle(stage.operator)
    operation = stage.operation()
    token = stage.operator.client.token(*operation.scopes)
    response = stage.operator.client.http.request(
        operation.method,
        stage.contract.base_path + operation.path,
        headers={"authorization": f"Bearer {token}"},
        json={"device": {"phoneNumber": spare.number}},
    )
    if not response.is_success:
        raise NotApplicable("the pseudonym of a device cannot be had with a token that names no subscriber")
    expect(there(stage, path) == response.json()[parse(path)[0]], f"{path} is not that of the device")


CARD, DEVICE = r"SIM ?CARD(?P<card>\d)", r"DEVICE(?P<device>\d)"
NAME = r"(?P<name>IMEISV|IMEI|TAC|MODEL|MANUFACTURER)(?P<device>\d)"

WORDS = (
    word(
        rf"{CARD} is (?:installed|inserted) (?:with)?in {DEVICE}(?:,? (?:which is|and is|and) connected to .*)?",
        _inserted,
    ),
    word(rf"{CARD} is identified by the access token", _card_named),
    word(rf"{DEVICE} is identified by the access token", _device_named),
    word(r"(?:SIM ?CARD|DEVICE)\d is not identified by the access token", _nobody_named),
    word(rf"{PROPERTY} (?:exists|is present) and is equal to {NAME}", _known),
    word(rf"{PROPERTY},? if present,? is equal to {NAME}", _known_if),
    word(rf"{PROPERTY} (?:exists|is present) and is equal to PPID(?P<device>\d)", _pseudonym),
    word(rf"{PROPERTY},? if present,? is equal to PPID(?P<device>\d)", _pseudonym),
)
