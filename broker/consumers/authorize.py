"""What a principal may do."""

from broker.domain.check import Principal
from broker.errors import NotPermitted

CHECK = "trust:check"
EXPLAIN = "trust:explain"
REVIEW = "trust:review"
EVENTS = "events:manage"

POLICY_READ = "policy:read"
POLICY_PUBLISH = "policy:publish"
POLICY_APPROVE = "policy:approve"
POLICY_STOP = "policy:stop"

AUDIT_READ = "audit:read"
TENANT_ADMIN = "tenant:admin"

SCOPES = frozenset(
    {
        CHECK,
        EXPLAIN,
        REVIEW,
        EVENTS,
        POLICY_READ,
        POLICY_PUBLISH,
        POLICY_APPROVE,
        POLICY_STOP,
        AUDIT_READ,
        TENANT_ADMIN,
    }
)


def require(principal: Principal, scope: str) -> None:
    """Let a principal pass that holds the scope.

    Raises:
        NotPermitted: it does not; the message names the scope to ask for.
    """
    if scope not in principal.scopes:
        raise NotPermitted(f"this credential lacks the scope {scope}", scope=scope)
