"""Asking one API of the pretend operator, in every release that the kit speaks."""

from typing import Any

import pytest

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara import APIS, SIGNALS
from broker.adapter_kit.camara.line import ApiLine, Reading
from tests.unit.adapter_kit.pretend import PretendOperator, ok, query


def versions(api: str) -> list[str]:
    """The releases that the kit speaks, oldest first."""
    return [version for name, version in reversed([*APIS]) if name == api]


def answering(api: str, operation: str, body: object) -> PretendOperator:
    operator = PretendOperator()
    operator.on(f"/{api}/{operation}", ok(body))
    return operator


async def ask(operator: PretendOperator, api: str, version: str, terms: Any = None, **question: Any) -> Reading:
    bound = operator.bind(api, version, **(terms or {}))
    return await bound.version.ask(ApiLine(bound, query(SIGNALS[api], **question)))


async def refused(operator: PretendOperator, api: str, version: str, **question: Any) -> OperatorFault:
    with pytest.raises(OperatorFault) as caught:
        await ask(operator, api, version, **question)
    return caught.value
