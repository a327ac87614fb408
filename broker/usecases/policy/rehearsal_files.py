"""The configuration of a rehearsal: a copy of a deployment's, with the operators of a simulated world in it.

Each operator of the world is a file of the broker's, with its prices and what it offers, and numbers of its own.
"""

import json
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from broker.simulation.parameters import Operator
from broker.simulation.staging import APIS
from broker.simulation.texts import Inputs, prepared


def configure(folder: Path, inputs: Inputs, source: Path, urls: tuple[str, str]) -> Path:
    """Write it into ``folder``; its own folder. ``urls`` are the broker's and the pretend operator's.

    It is a copy of ``source`` with the policies of the run, and the world's operators in place of its own.
    """
    world = tuple(prepared(inputs).world.operators)
    config = folder / "config"
    shutil.copytree(source, config)
    for old in (*(config / "operators").glob("*.toml"), *(config / "policies").glob("*.yaml")):
        old.unlink()
    for path, text in inputs.policies:
        (config / "policies" / Path(path).name).write_text(text, "utf-8")
    for one in world:
        text = _operator(one, source / "operators", folder, urls[1])
        (config / "operators" / f"{one.name}.toml").write_text(text, "utf-8")
    prefixes = "".join(f'"{_prefix(at)}" = "{one.name}"\n' for at, one in enumerate(world))
    (config / "routing" / "prefixes.toml").write_text(f"[prefixes]\n{prefixes}", "utf-8")
    broker = config / "broker.toml"
    text = broker.read_text("utf-8").replace("var/", f"{folder}/").replace("http://127.0.0.1:8080", urls[0])
    broker.write_text(text, "utf-8")
    return config


def number_of(world: tuple[Operator, ...], operator: str, at: int) -> str:
    """A number of this operator; +999 is assigned to nobody (ITU-T E.164)."""
    return f"{_prefix([one.name for one in world].index(operator))}{at:06d}"


def _prefix(at: int) -> str:
    return f"+999{at:02d}"


def _operator(one: Operator, folder: Path, ours: Path, url: str) -> str:
    """The file of an operator: the pretend operator's adapter, what this one offers, and the prices of its model."""
    offered = {APIS[name] for name in one.answers if name in APIS}
    left_out = sorted(set(APIS.values()) - offered)
    lines = [
        'adapter = "mock"',
        f'base_url = "{url}"',
        'client_id = "trust-broker"',
        f'client_key = {{ file = "{ours}/keys/client.pem" }}',
        f"not_ordered = {json.dumps(left_out)}",
    ]
    model = {} if one.priced_as is None else tomllib.loads((folder / f"{one.priced_as}.toml").read_text("utf-8"))
    if price := model.get("price"):
        lines += ["[price]", f'currency = "{price["currency"]}"', *_table("per_call", price["per_call"], offered)]
    if latency := model.get("latency"):
        lines += ["[latency]", *_table("typical_ms", latency["typical_ms"], offered)]
    return "\n".join(lines) + "\n"


def _table(name: str, values: Mapping[str, Any], offered: set[str]) -> list[str]:
    pairs = ", ".join(f"{api} = {json.dumps(value)}" for api, value in values.items() if api in offered)
    return [f"{name} = {{ {pairs} }}"]
