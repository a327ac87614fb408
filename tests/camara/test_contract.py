"""Definitions as the runner reads them: in one file, or in several that refer to each other."""

from pathlib import Path

import pytest

from tests.camara.contract import contract
from tests.camara.other_contracts import of_another_contract
from tests.camara.outcomes import NotApplicable

OPENAPI = """
openapi: 3.0.3
info: {title: t, version: wip}
servers: [{url: "{apiRoot}/t/vwip"}]
paths: {}
components:
  schemas:
    Answer: {type: object, properties: {error: {$ref: "%s"}}}
"""
COMMON = """
components:
  schemas:
    ErrorInfo: {type: object, required: [code], properties: {code: {$ref: "#/components/schemas/Code"}}}
    Code: {type: string, enum: [GONE]}
"""


def project(tmp_path: Path, reference: str) -> Path:
    for folder, text in (("code/api", OPENAPI % reference), ("code/common", COMMON), ("elsewhere", COMMON)):
        place = tmp_path / folder
        place.mkdir(parents=True)
        (place / ("openapi.yaml" if folder == "code/api" else "CAMARA_common.yaml")).write_text(text, "utf-8")
    return tmp_path / "code" / "api" / "openapi.yaml"


@pytest.mark.parametrize(("body", "fits"), [({"code": "GONE"}, True), ({"code": "LOST"}, False), ({}, False)])
def test_what_files_share_by_reference_is_read_where_it_stands(
    tmp_path: Path, body: dict[str, str], fits: bool
) -> None:
    read = contract(project(tmp_path, "../common/CAMARA_common.yaml#/components/schemas/ErrorInfo"))
    assert (not read.errors({"error": body}, "Answer")) is fits


def test_nothing_outside_the_project_of_a_definition_is_read(tmp_path: Path) -> None:
    read = contract(project(tmp_path, "../../elsewhere/CAMARA_common.yaml#/components/schemas/ErrorInfo"))
    with pytest.raises(NotApplicable):
        read.follow({"$ref": read.at("Answer")["properties"]["error"]["$ref"]})


@pytest.mark.parametrize(
    ("why", "own", "other"),
    [
        ("the response status code is 403: status 404 GONE, not 403", False, True),
        ("the response status code is 403: status 404 LOST, not 403", False, False),
        ("the response status code is 403: status 200 , not 403", False, False),
        ("the response status code is 200: status 404 GONE, not 200", False, False),
        ("a step: $.code is 'GONE', not \"FOUND\"", True, True),
        ("a step: $.code is 'GONE', not \"KEPT\"", False, True),
        ("a step: no event subscription-ends arrived", False, True),
        ("a step: no event subscription-started arrived", False, False),
        ("a step: $.items[0].size is not there", False, True),
        ("a step: $.code is not there", False, False),
        ("a step: $.code is 7, not 8", False, False),
    ],
)
def test_what_a_definition_has_not_excuses_a_scenario_and_nothing_else_does(
    tmp_path: Path, why: str, own: bool, other: bool
) -> None:
    place = project(tmp_path, "../common/CAMARA_common.yaml#/components/schemas/ErrorInfo")
    with (tmp_path / "code" / "common" / "CAMARA_common.yaml").open("a", encoding="utf-8") as file:
        file.write("    Kept: {type: string, enum: [KEPT, subscription-started]}\n")
    definition = contract(place)
    assert (of_another_contract(why, definition, None) is not None) is own
    assert (of_another_contract(why, definition, "0.1.0") is not None) is other
