"""Attacks leave the pretend operator as they are described: whoever withstands them has withstood something."""

import gzip
import itertools
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapters.mock.operator.attacks import INSTRUCTION
from adapters.mock.operator.profile import load_profile
from tests.support.mock_operator import RunningOperator, running_operator

CHECK, PLACE = "/sim-swap/v2/check", "/location-verification/v3/verify"
HOME = {"latitude": 40.4168, "longitude": -3.7038}
APIS = {"type": "apis"}


@pytest.fixture(scope="module")
def started() -> Iterator[RunningOperator]:
    with running_operator("alba") as operator:
        yield operator


@pytest.fixture
def alba(started: RunningOperator) -> RunningOperator:
    started.control.reset()
    return started


def answer(operator: RunningOperator, kind: str, **knobs: Any) -> httpx.Response:
    """What a check of a steady number brings under an attack; the caller reads headers before anything is unpacked."""
    token = operator.client.token("sim-swap")
    operator.control.fault(kind, APIS, **knobs)
    return operator.client.call(token, CHECK, {"phoneNumber": operator.number("000101")})


def raw(operator: RunningOperator, kind: str, bytes_max: int, **knobs: Any) -> tuple[httpx.Headers, bytes]:
    """The first bytes of an answer as they came over the wire."""
    token = operator.client.token("sim-swap")
    operator.control.fault(kind, APIS, **knobs)
    headers = {"authorization": f"Bearer {token}"}
    body = {"phoneNumber": operator.number("000101")}
    with operator.client.http.stream("POST", CHECK, json=body, headers=headers) as response:
        chunks = itertools.chain.from_iterable(response.iter_raw())
        return response.headers, bytes(itertools.islice(chunks, bytes_max))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_small_and_unpacks_to_what_was_ordered(alba: RunningOperator, encoding: str) -> None:
    headers, packed = raw(alba, "bomb", 1_000_000, encoding=encoding, sizeBytes=8 * 1024 * 1024)
    assert headers["content-encoding"] == encoding
    assert len(packed) < 20_000
    unpacked = gzip.decompress(packed) if encoding == "gzip" else zlib.decompress(packed)
    assert len(unpacked) >= 8 * 1024 * 1024


def test_an_endless_body_goes_on_until_its_time_is_over(alba: RunningOperator) -> None:
    _, body = raw(alba, "endless", 1_000_000, chunkBytes=100_000, intervalMs=1)
    assert body == b" " * 1_000_000
    _, short = raw(alba, "endless", 10**9, chunkBytes=1, intervalMs=1, maxMs=50)
    assert 0 < len(short) < 100


def test_nesting_and_nan_come_with_the_right_answer(alba: RunningOperator) -> None:
    nested = answer(alba, "nested", depth=1000).text
    assert nested.startswith('{"swapped":false,"more":[[[')
    assert nested.count("[") == 1000
    assert answer(alba, "not_a_number").text == '{"swapped":NaN,"more":NaN}'


def test_headers_in_number_and_size(alba: RunningOperator) -> None:
    response = answer(alba, "header_flood", headers=40, sizeBytes=100)
    flood = {name: value for name, value in response.headers.items() if name.startswith("x-flood-")}
    assert (len(flood), {len(value) for value in flood.values()}) == (40, {100})


def test_a_redirect_points_where_it_was_told(alba: RunningOperator) -> None:
    response = answer(alba, "redirect", location="http://10.0.0.1/", status=308)
    assert (response.status_code, response.headers["location"]) == (308, "http://10.0.0.1/")


def test_right_answers_in_wrong_clothes(alba: RunningOperator) -> None:
    page = answer(alba, "other_type")
    assert (page.status_code, page.json(), page.headers["content-type"][:9]) == (200, {"swapped": False}, "text/html")
    created = answer(alba, "other_status", status=299)
    assert (created.status_code, created.json()) == (299, {"swapped": False})
    other = answer(alba, "other_subject", phoneNumber="+34600000102").json()
    assert (other["swapped"], other["device"]) == (False, {"phoneNumber": "+34600000102"})
    assert len(answer(alba, "other_correlator").headers.get_list("x-correlator")) == 2


@pytest.mark.parametrize("status", [200, 403, 422])
def test_instructions_are_wherever_a_text_can_be(alba: RunningOperator, status: int) -> None:
    response = answer(alba, "instructions", status=status)
    assert response.status_code == status
    said = response.json()
    assert said["message"] == INSTRUCTION
    assert said["swapped" if status == 200 else "code"] == INSTRUCTION
    assert response.headers["x-message"] == INSTRUCTION


LIES = {
    "forever": ("expires_in", 10**15),
    "other_scope": ("scope", "profile email"),
    "other_type": ("token_type", "mac"),
    "header": ("access_token", "abc\r\nx-admin: true"),
    "spent": ("access_token", "nobody-knows-this-token"),
}


@pytest.mark.parametrize(("lie", "told"), LIES.items(), ids=LIES.keys())
def test_a_token_can_be_a_lie(alba: RunningOperator, lie: str, told: tuple[str, Any]) -> None:
    alba.control.fault("token_lie", {"type": "token"}, lie=lie)
    member, value = told
    assert alba.client.ask_two_legged("sim-swap").json()[member] == value


def test_the_profile_turns_from_attack_to_attack_at_each_api_of_its_own() -> None:
    kinds = ("other_status", "html", "honest")
    profile = load_profile("hostile").model_copy(update={"attacks": kinds, "token_attacks": ()})
    with running_operator(profile) as operator:
        token = operator.client.token("sim-swap", "location-verification:verify")
        about = {"phoneNumber": operator.number("000101")}
        place = {"device": about, "area": {"areaType": "CIRCLE", "center": HOME, "radius": 5000}}
        statuses = [
            [operator.client.call(token, path, body).status_code for _ in range(4)]
            for path, body in ((CHECK, about), (PLACE, place))
        ]
    assert statuses == [[206, 502, 200, 206]] * 2


def test_the_shipped_profile_knows_every_attack() -> None:
    profile = load_profile("hostile")
    assert {"instructions", "bomb", "redirect", "other_subject"} <= set(profile.attacks)
    assert {"token_lie", "honest"} <= set(profile.token_attacks)
