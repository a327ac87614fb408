"""Worlds and policies to play: the shipped ones, and variations by a change of text."""

from pathlib import Path
from typing import Any

import yaml

from broker.policy.scenarios import TableFile
from broker.policy.yaml_text import YamlText
from broker.simulation import parameters
from broker.simulation.parameters import WorldFile
from broker.simulation.texts import Inputs
from broker.usecases.policy.simulate import prices

CONFIG = Path(__file__).parents[3] / "config"
WORLD = (CONFIG / "simulation" / "default.yaml").read_text("utf-8")
TABLE = (CONFIG / "evidence" / "default.yaml").read_text("utf-8")
PRICES = prices(CONFIG / "operators")


def inputs(**changes: Any) -> Inputs:
    """The shipped texts; ``changes`` replace top-level keys of the world."""
    world = yaml.safe_load(WORLD) | changes
    policies = sorted((CONFIG / "policies").glob("*.yaml"))
    texts = tuple((path.name, path.read_text("utf-8")) for path in policies)
    return Inputs(("world", yaml.safe_dump(world)), ("table", TABLE), texts, PRICES)


def operators(**changes: Any) -> list[dict[str, Any]]:
    """The shipped operators, each with these changes."""
    return [one | changes for one in yaml.safe_load(WORLD)["operators"]]


def world() -> WorldFile:
    return parameters.read(WORLD, source="world")


def table() -> TableFile:
    return TableFile.model_validate(YamlText(TABLE, "table").value)
