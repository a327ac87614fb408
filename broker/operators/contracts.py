"""Whose operator is whose: a tenant's own contract is asked in the place of the deployment's, and for nobody else.

A contract is a file in ``config/operators`` with ``tenants``: for those and all below them, and the nearest one counts.
``in_place_of`` names the operator of the routing tables that it stands for. A contract is an adapter of its own, with
its own credentials, tokens, breakers and prices, so nothing is shared that could be confused.

Defensive: whose a contract is follows from the tenant's name alone, as the sandbox does; no row can be lost or forged.
"""

from collections.abc import Iterable, Iterator, Mapping

from broker.adapter_kit.deployment import OperatorSettings
from broker.domain.tenancy import OperatorLists, is_sandbox, upwards
from broker.errors import Misconfigured

_SECRETS = ("client_secret", "client_key", "api_key")


def routed(operators: Mapping[str, OperatorSettings]) -> frozenset[str]:
    """Those that routing tables may name: not of the sandbox, and not in the place of another."""
    return frozenset(name for name, one in operators.items() if not one.sandbox and one.in_place_of is None)


class Contracts:
    """Who is asked for which tenant, as the operators' files say."""

    def __init__(self, operators: Mapping[str, OperatorSettings]) -> None:
        """Read who has a contract of its own.

        Raises:
            Misconfigured: a contract that nobody could be asked under, two in one place, or one that is not apart.
        """
        self._operators = operators
        self._names = sorted(routed(operators))
        self._pretend = tuple(name for name, one in operators.items() if one.sandbox)
        self._own: dict[tuple[str, str], str] = {}
        credentials: dict[tuple[str, object], str] = {}
        for name, one in operators.items():
            self._require_place(name, one)
            for tenant in one.tenants or ():
                self._add(name, one, tenant)
            self._require_apart(name, one, credentials)

    def asked(self, sources: Iterable[str], tenant: str, lists: OperatorLists) -> tuple[str, ...]:
        """Whom to ask where routing names ``sources``, in their order; without those that are not for this tenant.

        Lists may name a contract, or the operator that it stands for; a sandbox needs to be on none.
        """
        found = (self._instead(source, tenant) for source in sources)
        return tuple(dict.fromkeys(one for one in found if one is not None and self._is_listed(one, tenant, lists)))

    def all_of(self, tenant: str, lists: OperatorLists) -> tuple[str, ...]:
        """Everybody who can be asked for a tenant, wherever its numbers are."""
        return self.asked(self._pretend if is_sandbox(tenant) else self._names, tenant, lists)

    def serves(self, operator: str, tenant: str) -> bool:
        """Whether this operator, and no other in its place, is the one for a tenant; lists are not looked at."""
        return self._instead(operator, tenant) == operator

    def names_of(self, tenant: str) -> frozenset[str]:
        """What a list of this tenant can name."""
        return frozenset(name for one in self.all_of(tenant, ()) for name in self._names_for(one))

    def contracts(self) -> Iterator[tuple[str, str]]:
        """Each operator that is for some tenants alone, with each of them."""
        return ((name, tenant) for (_, tenant), name in self._own.items())

    def _instead(self, source: str, tenant: str) -> str | None:
        one = self._operators.get(source)
        if one is None or one.sandbox != is_sandbox(tenant):
            return None
        place = one.in_place_of or source
        for above in upwards(tenant):
            own = self._own.get((place, above))
            if own is not None:
                return own
        return place if self._operators[place].tenants is None else None

    def _is_listed(self, operator: str, tenant: str, lists: OperatorLists) -> bool:
        return is_sandbox(tenant) or all(names & self._names_for(operator) for names in lists)

    def _names_for(self, operator: str) -> frozenset[str]:
        return frozenset({operator, self._operators[operator].in_place_of or operator})

    def _require_place(self, name: str, one: OperatorSettings) -> None:
        if one.sandbox and (one.tenants is not None or one.in_place_of is not None):
            raise _wrong(name, "sandbox", "is every sandbox's: take tenants and in_place_of out")
        if one.in_place_of is None:
            return
        if one.tenants is None:
            raise _wrong(name, "in_place_of", "is for tenants with a contract of their own: name them under tenants")
        if one.in_place_of not in self._names:
            named = ", ".join(self._names)
            raise _wrong(
                name, "in_place_of", f"{one.in_place_of} is none that routing can lead to; name one of: {named}"
            )

    def _add(self, name: str, one: OperatorSettings, tenant: str) -> None:
        if is_sandbox(tenant):
            raise _wrong(name, "tenants", f"{tenant} is of the sandbox, and asks nobody real; take it out")
        place = one.in_place_of or name
        other = self._own.setdefault((place, tenant), name)
        if other != name:
            raise _wrong(
                name, "tenants", f"{tenant} has a contract in the place of {place} in {other}.toml; keep one of them"
            )

    def _require_apart(self, name: str, one: OperatorSettings, credentials: dict[tuple[str, object], str]) -> None:
        """Defensive: a contract that goes by another's name, or opens with another's key, is not one's own."""
        used: list[tuple[str, object]] = [("client_id", (one.base_url, one.client_id))]
        used += [(key, getattr(one, key)) for key in _SECRETS if getattr(one, key) is not None]
        if one.tls is not None and one.tls.key is not None:
            used.append(("tls.key", one.tls.key))
        for key, credential in used:
            other = credentials.setdefault((key, credential), name)
            if self._operators[other].tenants != one.tenants:
                raise _wrong(name, key, f"is that of {other} too, which is for others; give each contract its own")


def _wrong(name: str, key: str, text: str) -> Misconfigured:
    return Misconfigured(f"config/operators/{name}.toml, key {key}: {text}")
