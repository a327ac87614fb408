"""What a tenant's name says about it: whose it is, and whether it is of the sandbox."""

SANDBOX = "sandbox"


def is_sandbox(tenant: str) -> bool:
    """Whether a tenant plays with pretend numbers: ``sandbox``, ``acme.sandbox``, and every tenant below such a one.

    Defensive: the mark is part of the name, so it is in every table, key, cache entry, receipt and export that names
    the tenant, can be lost in none of them, and nobody can take it away: there is no other tenant of that name.
    """
    return SANDBOX in tenant.casefold().split(".")
