"""What a tenant's name says about it: whose it is, who is above it, and whether it is of the sandbox."""

from collections.abc import Iterator

SANDBOX = "sandbox"

OperatorLists = tuple[frozenset[str], ...]
"""What a tenant and the platforms above it let themselves use, each list that there is: an operator must be on all."""


def is_sandbox(tenant: str) -> bool:
    """Whether a tenant plays with pretend numbers: ``sandbox``, ``acme.sandbox``, and every tenant below such a one.

    Defensive: the mark is part of the name, so it is in every table, key, cache entry, receipt and export that names
    the tenant, can be lost in none of them, and nobody can take it away: there is no other tenant of that name.
    """
    return SANDBOX in tenant.casefold().split(".")


def is_below_another(tenant: str) -> bool:
    """Whether a tenant's name says that it has a platform. Such a one is made below it, and never by the way."""
    return "." in tenant


def upwards(tenant: str) -> Iterator[str]:
    """A tenant and those above it, nearest first: ``acme.shop``, ``acme``."""
    while tenant:
        yield tenant
        tenant = tenant.rpartition(".")[0]
