"""Runs each package in an environment of its own against a broker on the stage, and compares what it was told."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conformance.places import environment
from tests.conformance.report import Row
from tests.support.stage import set_stage

HERE = Path(__file__).parent
_TIMEOUT_S = 120

EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "network_as_code": {
        "sim_swap.check, swapped": True,
        "sim_swap.check, steady": False,
        "sim_swap.retrieve_date": True,
        "sim_swap.check, nobody": "404 IDENTIFIER_NOT_FOUND",
        "device_swap.check": True,
        "call_forwarding_signal": True,
        "location.verify_v1": "TRUE",
        "kyc.match": "true",
        "kyc.check_tenure": True,
        "number_recycling.check": True,
    },
    "glide": {
        "sim_swap.check, swapped": True,
        "sim_swap.check, steady": False,
        "sim_swap.retrieve_date": True,
    },
}
"""By environment, which is named like its file of requirements: each call, and what it has to bring back."""


def run(folder: Path) -> list[Row]:
    """One row for each package."""
    with set_stage(folder) as stage:
        key = stage.broker.key("acme", "network:read", consumer="backend")
        return [_row(name, stage.broker.url, key, folder) for name in EXPECTED]


def _row(name: str, url: str, key: str, folder: Path) -> Row:
    # Without the site packages of this process: only what the package itself asks for is there.
    surroundings = {"PYTHONPATH": str(environment(name)), "PATH": os.environ.get("PATH", "")}
    command = [sys.executable, "-S", str(HERE / f"{name}_calls.py"), url, key]
    done = subprocess.run(
        command, env=surroundings, capture_output=True, encoding="utf-8", check=False, timeout=_TIMEOUT_S
    )
    (folder / f"{name}.txt").write_text(done.stdout + done.stderr, "utf-8")
    told = json.loads(done.stdout) if done.returncode == 0 else {}
    expected = EXPECTED[name]
    failed = tuple(
        f"{call}: {told.get(call, 'no answer')}, not {wanted}"
        for call, wanted in expected.items()
        if told.get(call) != wanted
    )
    return Row("CAMARA clients", name, len(expected) - len(failed), 0, failed)
