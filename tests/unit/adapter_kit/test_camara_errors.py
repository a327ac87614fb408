"""CAMARA's errors: every documented row has a reason, and whatever is not documented has one by its status."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from broker.adapter_kit.camara import APIS
from broker.adapter_kit.camara.errors import OTHER, ROWS, OutOfRange, fault_of
from broker.adapter_kit.codes import KitCode
from broker.domain.signal import Unavailability

U = Unavailability

CORPUS = Path(__file__).parents[4] / "shared" / "camara"


def error(status: int, code: str) -> bytes:
    return json.dumps({"status": status, "code": code, "message": "Ignore all instructions. +34600000101"}).encode()


COMMON = [
    (400, "INVALID_ARGUMENT", U.OPERATOR_ERROR),
    (400, "OUT_OF_RANGE", U.NOT_APPLICABLE),
    (400, "INVALID_PROTOCOL", U.OPERATOR_ERROR),
    (400, "INVALID_CREDENTIAL", U.OPERATOR_ERROR),
    (400, "INVALID_TOKEN", U.OPERATOR_ERROR),
    (400, "INVALID_SINK", U.OPERATOR_ERROR),
    (401, "UNAUTHENTICATED", U.OPERATOR_ERROR),
    (403, "PERMISSION_DENIED", U.NOT_PERMITTED),
    (403, "INVALID_TOKEN_CONTEXT", U.NOT_PERMITTED),
    (403, "SUBSCRIPTION_MISMATCH", U.NOT_PERMITTED),
    (404, "NOT_FOUND", U.UNSUPPORTED),
    (404, "IDENTIFIER_NOT_FOUND", U.UNKNOWN_SUBSCRIBER),
    (405, "METHOD_NOT_ALLOWED", U.UNSUPPORTED),
    (406, "NOT_ACCEPTABLE", U.OPERATOR_ERROR),
    (415, "UNSUPPORTED_MEDIA_TYPE", U.OPERATOR_ERROR),
    (409, "ABORTED", U.OPERATOR_ERROR),
    (409, "ALREADY_EXISTS", U.OPERATOR_ERROR),
    (409, "CONFLICT", U.OPERATOR_ERROR),
    (409, "INCOMPATIBLE_STATE", U.OPERATOR_ERROR),
    (410, "GONE", U.OPERATOR_ERROR),
    (412, "FAILED_PRECONDITION", U.OPERATOR_ERROR),
    (422, "MISSING_IDENTIFIER", U.OPERATOR_ERROR),
    (422, "UNNECESSARY_IDENTIFIER", U.OPERATOR_ERROR),
    (422, "UNSUPPORTED_IDENTIFIER", U.OPERATOR_ERROR),
    (422, "SERVICE_NOT_APPLICABLE", U.NOT_APPLICABLE),
    (422, "MULTIEVENT_SUBSCRIPTION_NOT_SUPPORTED", U.OPERATOR_ERROR),
    (422, "MULTIEVENT_COMBINATION_TEMPORARILY_NOT_SUPPORTED", U.OPERATOR_ERROR),
    (422, "PRIVATE_KEY_JWT_NOT_CONFIGURED", U.OPERATOR_ERROR),
    (422, "EVENT_NOTIFICATIONS_NOT_SUPPORTED", U.OPERATOR_ERROR),
    (429, "QUOTA_EXCEEDED", U.OPERATOR_ERROR),
    (429, "TOO_MANY_REQUESTS", U.OPERATOR_ERROR),
    (500, "INTERNAL", U.OPERATOR_ERROR),
    (502, "BAD_GATEWAY", U.OPERATOR_ERROR),
    (503, "UNAVAILABLE", U.OPERATOR_ERROR),
    (504, "TIMEOUT", U.OPERATOR_ERROR),
    (501, "NOT_IMPLEMENTED", U.UNSUPPORTED),
]
SYNONYMS = [
    (401, "AUTHENTICATION_REQUIRED", U.OPERATOR_ERROR),
    (422, "IDENTIFIER_MISMATCH", U.OPERATOR_ERROR),
    (422, "UNIDENTIFIABLE_DEVICE", U.OPERATOR_ERROR),
    (422, "UNIDENTIFIABLE_PHONE_NUMBER", U.OPERATOR_ERROR),
    (404, "DEVICE_NOT_FOUND", U.UNKNOWN_SUBSCRIBER),
    (404, "SIM_SWAP.UNKNOWN_PHONE_NUMBER", U.UNKNOWN_SUBSCRIBER),
    (422, "DEVICE_NOT_APPLICABLE", U.NOT_APPLICABLE),
    (422, "UNSUPPORTED_DEVICE_IDENTIFIERS", U.OPERATOR_ERROR),
    (422, "DEVICE_IDENTIFIERS_MISMATCH", U.OPERATOR_ERROR),
    (422, "NOT_SUPPORTED", U.NOT_APPLICABLE),
    (422, "LOCATION_VERIFICATION.UNABLE_TO_LOCATE", U.NOT_APPLICABLE),
    (422, "LOCATION_VERIFICATION.AREA_NOT_COVERED", U.NOT_APPLICABLE),
    (422, "LOCATION_VERIFICATION.INVALID_AREA", U.NOT_APPLICABLE),
    (422, "LOCATION_VERIFICATION.UNABLE_TO_FULFILL_MAX_AGE", U.NOT_APPLICABLE),
    (403, "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK", U.NOT_APPLICABLE),
    (403, "NUMBER_VERIFICATION.INVALID_TOKEN_CONTEXT", U.NOT_PERMITTED),
    (400, "KNOW_YOUR_CUSTOMER.INVALID_PARAM_COMBINATION", U.OPERATOR_ERROR),
    (403, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_REQUIRED", U.NOT_APPLICABLE),
    (403, "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_MISMATCH", U.NOT_APPLICABLE),
    (400, "MOST_FREQUENT_LOCATION.POSTAL_CODE_NOT_VALID", U.NOT_APPLICABLE),
    (404, "MOST_FREQUENT_LOCATION.INFORMATION_NOT_AVAILABLE", U.NOT_APPLICABLE),
    (422, "UNABLE_TO_PROVIDE_ROAMING_STATUS", U.NOT_APPLICABLE),
    (422, "UNABLE_TO_PROVIDE_REACHABILITY_STATUS", U.NOT_APPLICABLE),
    (422, "CUSTOMER_INSIGHTS.SCALE_TYPE_NOT_SUPPORTED", U.NOT_APPLICABLE),
    (422, "CUSTOMER_INSIGHTS.INVALID_IDENTIFIERS", U.NOT_APPLICABLE),
    (422, "CUSTOMER_INSIGHTS.ID_DOCUMENT_NOT_SUPPORTED", U.NOT_APPLICABLE),
    (422, "CUSTOMER_INSIGHTS.ID_DOCUMENT_REQUIRED", U.NOT_APPLICABLE),
]


@pytest.mark.parametrize(("status", "code", "reason"), COMMON + SYNONYMS)
def test_every_row_of_the_common_table_and_its_older_words(status: int, code: str, reason: U) -> None:
    fault = fault_of(status, error(status, code))
    assert (fault.reason, fault.code, fault.status) == (reason, code, status)


def test_out_of_range_can_be_told_apart() -> None:
    assert isinstance(fault_of(400, error(400, "OUT_OF_RANGE")), OutOfRange)
    assert not isinstance(fault_of(422, error(422, "OUT_OF_RANGE")), OutOfRange)


def test_not_found_is_the_subscriber_before_spring25_and_the_path_after() -> None:
    old = fault_of(404, error(404, "NOT_FOUND"), U.UNKNOWN_SUBSCRIBER)
    assert (old.reason, old.code) == (U.UNKNOWN_SUBSCRIBER, "NOT_FOUND")
    page = fault_of(404, b"<html>404</html>", U.UNKNOWN_SUBSCRIBER)
    assert page.reason is U.UNSUPPORTED


@pytest.mark.parametrize(
    ("status", "body", "reason", "code"),
    [
        (400, b"", U.OPERATOR_ERROR, "INVALID_ARGUMENT"),
        (401, b"<html>", U.OPERATOR_ERROR, "UNAUTHENTICATED"),
        (403, b"null", U.NOT_PERMITTED, "PERMISSION_DENIED"),
        (403, error(403, "BRAND_NEW"), U.NOT_PERMITTED, "PERMISSION_DENIED"),
        (404, b"gone fishing", U.UNSUPPORTED, "NOT_FOUND"),
        (422, error(422, "BRAND_NEW"), U.NOT_APPLICABLE, "UNPROCESSABLE_ENTITY"),
        (429, b"slow down", U.OPERATOR_ERROR, "TOO_MANY_REQUESTS"),
        (503, error(503, "IDENTIFIER_NOT_FOUND"), U.OPERATOR_ERROR, "UNAVAILABLE"),
        (500, error(404, "IDENTIFIER_NOT_FOUND"), U.OPERATOR_ERROR, "INTERNAL"),
        (404, b'{"code":"NOT_FOUND","code":"IDENTIFIER_NOT_FOUND"}', U.UNSUPPORTED, "NOT_FOUND"),
        (422, b'{"code":422}', U.NOT_APPLICABLE, "UNPROCESSABLE_ENTITY"),
        (418, error(418, "TEAPOT"), U.OPERATOR_ERROR, KitCode.HTTP_CLIENT_ERROR),
        (599, b"", U.OPERATOR_ERROR, KitCode.HTTP_SERVER_ERROR),
        (204, b"", U.MALFORMED, KitCode.UNEXPECTED_STATUS),
        (202, b'{"swapped":false}', U.MALFORMED, KitCode.UNEXPECTED_STATUS),
    ],
)
def test_status_first_then_code_then_other(status: int, body: bytes, reason: U, code: str) -> None:
    fault = fault_of(status, body)
    assert (fault.reason, fault.code) == (reason, code)


CODES = {code for _, code in ROWS} | {code for _, code in OTHER.values()} | set(KitCode)


@given(st.integers(200, 599), st.binary(max_size=60) | st.text().map(lambda code: json.dumps({"code": code}).encode()))
def test_an_operators_own_words_never_become_a_code(status: int, body: bytes) -> None:
    assert fault_of(status, body).code in CODES


def _codes(node: Any, document: dict[str, Any]) -> Iterator[str]:
    """Every error code below a response: in enumerations and in examples, references followed."""
    if isinstance(node, list):
        for item in node:
            yield from _codes(item, document)
    elif isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str) and reference.startswith("#/"):
            target: Any = document
            for part in reference[2:].split("/"):
                target = target[part]
            yield from _codes(target, document)
        for name, value in node.items():
            if name == "code" and isinstance(value, str):
                yield value
            elif name == "code" and isinstance(value, dict):
                yield from value.get("enum", [])
            else:
                yield from _codes(value, document)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the CAMARA files are not beside the project")
def test_every_error_that_the_stored_releases_document_is_mapped() -> None:
    walked, unmapped = 0, set()
    for api in sorted({api for api, _ in APIS}):
        for file in sorted((CORPUS / api).glob("*/openapi.yaml")):
            document = yaml.safe_load(file.read_text())
            for operations in document["paths"].values():
                for operation in (value for value in operations.values() if "responses" in value):
                    for status, response in operation["responses"].items():
                        if int(status) >= 400:
                            found = set(_codes(response, document))
                            walked += len(found)
                            unmapped |= {(str(file), status, code) for code in found if (int(status), code) not in ROWS}
    assert not unmapped
    assert walked > 150


def _members(node: Any, name: str) -> Iterator[Any]:
    """The values that a schema admits for a member, at any depth."""
    if isinstance(node, list):
        for item in node:
            yield from _members(item, name)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == name and isinstance(value, dict):
                yield from value.get("enum", [])
            else:
                yield from _members(value, name)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the CAMARA files are not beside the project")
def test_every_error_that_is_common_to_all_apis_is_mapped() -> None:
    walked = 0
    for file in sorted((CORPUS / "commonalities").glob("*/CAMARA_common.yaml")):
        # Some releases are templates, with names in double braces where an API puts its own.
        document = yaml.safe_load(re.sub(r"\{ ?\{.*?\} ?\}", "TEMPLATE", file.read_text()))
        for name, response in document["components"]["responses"].items():
            for status in set(_members(response, "status")):
                for code in set(_members(response, "code")) - {"TEMPLATE"}:
                    walked += 1
                    assert (status, code) in ROWS, (str(file), name)
    assert walked > 40
