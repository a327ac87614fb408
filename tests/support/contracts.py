"""Operators' files without a file, for tests of who is asked under which contract."""

from typing import Any

from broker.adapter_kit.deployment import OperatorSettings
from broker.operators.contracts import Contracts


def operators(**files: dict[str, Any]) -> dict[str, OperatorSettings]:
    """By their ids; each is at an address of the operator that it stands for, as a client of its own name."""
    return {
        name: OperatorSettings.model_validate(
            {
                "adapter": "mock",
                "base_url": f"https://{said.get('in_place_of', name)}.example",
                "client_id": f"client-of-{name}",
                **said,
            }
        )
        for name, said in files.items()
    }


def contracts(**files: dict[str, Any]) -> Contracts:
    return Contracts(operators(**files))
