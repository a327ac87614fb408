"""Every release of CAMARA's that lies beside the project is spoken as it is written, or there is a reason why not."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from broker.adapter_kit.camara import INSTRUMENTS, SPOKEN
from broker.adapter_kit.camara.line import ApiVersion, InstrumentVersion
from broker.adapter_kit.camara.unspoken import EVERY, UNSPOKEN
from tests.support.mock_operator_schemas import DEFINITIONS

if not DEFINITIONS.is_dir():
    pytest.skip("the official CAMARA definitions are not beside the project", allow_module_level=True)

NO_APIS = {"commonalities", "preview-sync26"}
STORED = sorted(
    (file.parent.parent.name, file.parent.name)
    for file in DEFINITIONS.glob("*/*/openapi.yaml")
    if file.parent.parent.name not in NO_APIS
)
KNOWN: list[ApiVersion | InstrumentVersion] = [*SPOKEN, *INSTRUMENTS.values()]
# Newest public releases of November 2026 whose definitions could not be had (INDEX.md of the corpus).
NEWER = {
    ("sim-swap", "2.2.0"),
    ("sim-swap-subscriptions", "0.4.0"),
    ("number-verification", "2.1.1"),
    ("one-time-password-sms", "2.0.0"),
    ("device-swap", "1.1.0"),
    ("kyc-tenure", "0.3.0"),
    ("consent-management", "0.1.0"),
    ("location-verification", "3.1.0-rc.2"),
    ("location-retrieval", "1.0.0-rc.1"),
    ("number-recycling", "0.3.0-rc.2"),
    ("device-identifier", "0.4.0-rc.2"),
    ("call-forwarding-signal", "0.5.0-rc.1"),
    ("kyc-fill-in", "0.5.0-rc.1"),
}
# Scopes that a definition leaves open: one for each attribute, of which those ordered are asked for.
PER_ATTRIBUTE = "kyc-fill-in"


def is_spoken(api: str, version: str) -> bool:
    return (api, version) in {(one.api, one.version) for one in KNOWN}


def is_explained(api: str, version: str) -> bool:
    return (api, version) in UNSPOKEN or (api, EVERY) in UNSPOKEN


def definition(api: str, version: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = yaml.safe_load((DEFINITIONS / api / version / "openapi.yaml").read_text("utf-8"))
    return document


def test_there_are_enough_of_them() -> None:
    assert len(STORED) >= 75


@pytest.mark.parametrize(("api", "version"), STORED)
def test_every_stored_release_is_spoken_or_explained_and_never_both(api: str, version: str) -> None:
    assert is_spoken(api, version) is not is_explained(api, version)


@pytest.mark.parametrize(("api", "version"), sorted(NEWER))
def test_so_is_every_newer_one_that_release_notes_tell_of(api: str, version: str) -> None:
    assert (api, version) not in STORED
    assert is_spoken(api, version) is not is_explained(api, version)


def test_what_is_written_from_notes_says_so_and_nothing_else_does() -> None:
    from_notes = {(one.api, one.version) for one in KNOWN if one.from_notes}
    assert from_notes == {(one.api, one.version) for one in KNOWN} - set(STORED)
    assert from_notes <= NEWER


def test_no_reason_is_left_over() -> None:
    apis = {api for api, _ in STORED}
    for api, version in UNSPOKEN:
        assert (api in apis) if version == EVERY else (api, version) in NEWER


DEFINED = [pytest.param(one, id=f"{one.api}-{one.version}") for one in KNOWN if not one.from_notes]


@pytest.mark.parametrize("known", DEFINED)
def test_paths_and_scopes_are_those_of_the_definition(known: ApiVersion | InstrumentVersion) -> None:
    document = definition(known.api, known.version)
    server = document["servers"][0]
    if known.base_path is not None:
        where = server["url"] + str(server.get("variables", {}).get("basePath", {}).get("default", ""))
        assert where.replace("{basePath}", "").endswith(known.base_path)
    for operation, scope in known.scopes.items():
        security = document["paths"][f"/{operation}"]["post"]["security"]
        allowed = {one for needed in security for scopes in needed.values() for one in scopes}
        assert scope in allowed or known.api == PER_ATTRIBUTE, (operation, allowed)
