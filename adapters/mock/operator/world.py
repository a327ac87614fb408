"""One pretend operator in memory: what its endpoints share. Built once for each process, handed to every handler."""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec
from joserfc.jwk import ECKey

from adapters.mock.operator.apis.catalogue import scopes_of
from adapters.mock.operator.apis.dialects import Dialect, dialect
from adapters.mock.operator.apis.operation import Surroundings
from adapters.mock.operator.authorization.assertions import AssertionRules, ReplayGuard
from adapters.mock.operator.authorization.authentications import Authentications
from adapters.mock.operator.authorization.clients import Client, Clients
from adapters.mock.operator.authorization.codes import Codes
from adapters.mock.operator.authorization.possession import Possession
from adapters.mock.operator.authorization.tokens import AccessTokens, IdTokens, OperatorTokens
from adapters.mock.operator.clocks import OperatorClocks, machine_time
from adapters.mock.operator.deviations import TOKEN_PATH
from adapters.mock.operator.faults import FaultPlan
from adapters.mock.operator.journal import Journal
from adapters.mock.operator.network.brands import Brands
from adapters.mock.operator.network.captures import Captures
from adapters.mock.operator.network.directory import Directory
from adapters.mock.operator.network.equipment import EquipmentRegister
from adapters.mock.operator.network.sms import SmsCentre
from adapters.mock.operator.notifications.notifier import Notifier
from adapters.mock.operator.profile import FINDER_SCOPE, Legs, Profile

AUTHORIZE_PATH = "/oauth2/authorize"
BACKCHANNEL_PATH = "/oauth2/bc-authorize"


class ControlAccess(msgspec.Struct, frozen=True):
    """Who may use the control API: bearers of ``key``, from this machine unless ``remote``. Without a key, nobody."""

    key: str | None = None
    remote: bool = False

    def __repr__(self) -> str:  # the key stays out of logs
        return f"ControlAccess(open={self.key is not None}, remote={self.remote})"


class World:
    """Everything that one operator knows and has promised."""

    def __init__(
        self,
        profile: Profile,
        base_url: str,
        clients: Iterable[Client],
        *,
        control: ControlAccess | None = None,
        api_key: str | None = None,
        sink_hosts: frozenset[str] = frozenset(),
        now: Callable[[], datetime] = machine_time,
    ) -> None:
        self.profile = profile
        self.issuer = base_url.rstrip("/")
        self.control = control or ControlAccess()
        self.api_key = api_key
        self.clocks = OperatorClocks(now)
        self.clients = Clients(clients)
        self.replay = ReplayGuard()
        self.key = ECKey.generate_key("P-256", {"kid": "operator-1", "use": "sig", "alg": "ES256"})
        self.access_tokens = AccessTokens()
        self.id_tokens = IdTokens(self.key, self.issuer)
        self.possession = Possession(profile.dpop)
        self.codes, self.authentications = Codes(), Authentications()
        self.operator_tokens = OperatorTokens(self.key, self.issuer, profile.tokens.operator_token_s)
        self.directory = Directory(profile.numbers, profile.geography, profile.ported_in)
        self.faults = FaultPlan(profile.attacks, profile.token_attacks)
        self.journal = Journal(self.clocks.authorization_now)
        self.offered = [(dialect(api.name, api.version), api.legs) for api in profile.apis]
        self.sms, self.captures = SmsCentre(), Captures()
        self.equipment, self.brands = EquipmentRegister(), Brands()
        self.notifier = Notifier(self.directory, self.clocks.network_now)
        self.surroundings = Surroundings(
            issuer=self.issuer,
            purposes=profile.purposes,
            scopes=self.offered_scopes(Legs.TWO) | self.offered_scopes(Legs.THREE),
            geography=profile.geography,
            utc_offset_min=profile.utc_offset_min,
            sms=self.sms,
            captures=self.captures,
            notifier=self.notifier,
            equipment=self.equipment,
            brands=self.brands,
            sink_hosts=sink_hosts,
        )
        self.reset()

    def assertion_rules(self, url: str) -> AssertionRules:
        """What assertions sent to an endpoint are held against: its URL, as the profile recommends, or the issuer."""
        wanted = self.profile.deviations.token.audience
        names = {"endpoint": self.token_url if url == self.issuer + TOKEN_PATH else url, "issuer": self.issuer}
        audiences = frozenset(names.values() if wanted == "both" else {names[wanted]})
        return AssertionRules(self.clocks.authorization_now(), audiences, self.replay)

    @property
    def token_url(self) -> str:
        """Where clients ask for tokens."""
        return self.issuer + self.profile.deviations.token.path

    @property
    def two_legged_scopes(self) -> frozenset[str]:
        """The API scopes that a token without a subject can carry here."""
        return self.offered_scopes(Legs.TWO)

    def dialects(self) -> list[Dialect]:
        """The APIs on offer, each at its version."""
        return [spoken for spoken, _ in self.offered]

    def offered_scopes(self, legs: Legs) -> frozenset[str]:
        """The API scopes that this kind of token can carry here."""
        finder = {FINDER_SCOPE} if self.profile.telco_finder is not None and legs is Legs.TWO else frozenset[str]()
        return frozenset(finder).union(*(scopes_of(spoken.api) for spoken, kinds in self.offered if legs in kinds))

    def sim_behind(self, operator_token: str) -> str | None:
        """The number of the SIM that an operator token proves; it need not be the one that was hoped for."""
        number = self.operator_tokens.resolve(operator_token, self.clocks.authorization_now())
        subscriber = None if number is None else self.directory.known(number)
        return number if subscriber is None else subscriber.sim_number or number

    def reset(self) -> None:
        """Back to the start: clocks, sandbox subscribers, no faults, no tokens, an empty journal."""
        self.clocks.reset()
        self.directory.reset(self.clocks.network_now())
        self.faults.clear()
        self.access_tokens.clear()
        self.codes.clear()
        self.authentications.clear()
        self.sms.clear()
        self.captures.clear()
        self.equipment.clear()
        self.brands.clear()
        self.notifier.clear()
        self.journal.clear()
