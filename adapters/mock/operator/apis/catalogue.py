"""Which operations belong to which API."""

from adapters.mock.operator.apis.call_forwarding import CALL_FORWARDING
from adapters.mock.operator.apis.location_verification import LOCATION_VERIFICATION
from adapters.mock.operator.apis.number_verification import NUMBER_VERIFICATION
from adapters.mock.operator.apis.operation import Operation
from adapters.mock.operator.apis.swaps import DEVICE_SWAP, SIM_SWAP

CATALOGUE: dict[str, tuple[Operation, ...]] = {
    "sim-swap": SIM_SWAP,
    "number-verification": NUMBER_VERIFICATION,
    "location-verification": LOCATION_VERIFICATION,
    "device-swap": DEVICE_SWAP,
    "call-forwarding-signal": CALL_FORWARDING,
}


def scopes_of(api: str) -> frozenset[str]:
    """Every scope that an operation of this API accepts."""
    return frozenset().union(*(operation.scopes for operation in CATALOGUE[api]))
