"""Where an operator's APIs are, seen from outside, and what is there inside."""

from collections.abc import Mapping

import msgspec

from adapters.mock.operator.apis.catalogue import operations_of
from adapters.mock.operator.apis.dialects import dialect
from adapters.mock.operator.apis.operation import Operation
from adapters.mock.operator.deviations import TOKEN_PATH, versioned
from adapters.mock.operator.profile import OfferedApi, Profile


class Route(msgspec.Struct, frozen=True):
    """One place. ``operation`` is absent for the token endpoint."""

    inside: str
    operation: Operation | None = None


def routes(profile: Profile) -> Mapping[str, Route]:
    """Every path that clients may use, and where it leads; paths of resources keep their parameters."""
    found = {profile.deviations.token.path: Route(TOKEN_PATH)}
    for api in profile.apis:
        spoken = dialect(api.name, api.version)
        for operation in operations_of(spoken):
            path = _outside(profile, api, operation.path)
            if path is not None:
                found[path] = Route(spoken.base_path + operation.path, operation)
    return found


def _outside(profile: Profile, api: OfferedApi, operation_path: str) -> str | None:
    """Where an operation is; nowhere if this operator does not offer it."""
    name = operation_path.removeprefix("/")
    if api.operations is not None and name not in api.operations:
        return None
    base = api.base_path or versioned(
        profile.deviations.path_template, api.name, dialect(api.name, api.version).base_path, api.version
    )
    return base + api.paths.get(name, operation_path)
