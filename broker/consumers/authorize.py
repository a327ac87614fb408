"""What a principal may do."""

from broker.domain.check import Principal
from broker.errors import NotPermitted

CHECK = "trust:check"
EXPLAIN = "trust:explain"

SCOPES = frozenset({CHECK, EXPLAIN})


def require(principal: Principal, scope: str) -> None:
    """Let a principal pass that holds the scope.

    Raises:
        NotPermitted: it does not; the message names the scope to ask for.
    """
    if scope not in principal.scopes:
        raise NotPermitted(f"this credential lacks the scope {scope}")
