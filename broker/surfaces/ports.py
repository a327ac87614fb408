"""What every surface is given: the use cases and the little else that it may touch."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broker.clock import Clock
from broker.domain.check import Principal
from broker.domain.credential import Presented
from broker.domain.outcome import TurnedOut
from broker.surfaces.metrics import Figures
from broker.usecases.audit.explain_check import ExplainCheck
from broker.usecases.audit.log_watch import LogWatch
from broker.usecases.audit.prove_log import ProveLog
from broker.usecases.audit.use_receipts import UseReceipts
from broker.usecases.await_check import AwaitCheck
from broker.usecases.consent.consent_links import ConsentLinks
from broker.usecases.consent.manage_consents import ManageConsents
from broker.usecases.consent.restrict_subject import RestrictSubject
from broker.usecases.consumers.issue_token import IssueToken
from broker.usecases.consumers.manage_clients import ManageClients
from broker.usecases.consumers.manage_tenants import ManageTenants
from broker.usecases.consumers.meter import Meter
from broker.usecases.consumers.whose_figures import WhoseFigures
from broker.usecases.events.manage_watches import ManageWatches
from broker.usecases.events.manage_webhooks import ManageWebhooks
from broker.usecases.journeys import Journeys
from broker.usecases.learning.report_outcome import OutcomeView
from broker.usecases.operators.ask_network import AskNetwork
from broker.usecases.operators.list_operators import ListOperators
from broker.usecases.operators.manage_disclosures import ManageDisclosures
from broker.usecases.operators.order_disclosure import OrderDisclosure
from broker.usecases.policy.govern_policies import GovernPolicies
from broker.usecases.policy.halt import Halt
from broker.usecases.policy.shadow import Shadows
from broker.usecases.policy.try_policies import Laboratory
from broker.usecases.ports import Answered, Asked
from broker.usecases.privacy.erase_subject import EraseSubject
from broker.usecases.privacy.keep_retention import KeepRetention
from broker.usecases.reviews.request_access import RequestAccess
from broker.usecases.reviews.review_checks import ReviewChecks
from broker.usecases.rights.request_rights import RequestRights
from broker.usecases.rights.tend_requests import TendRequests
from broker.usecases.step_up.ceremonies import Ceremonies
from broker.usecases.step_up.challenge_checks import ChallengeChecks
from broker.usecases.view import CheckView


@dataclass(frozen=True, slots=True)
class OAuthMetadata:
    """What the authorization server says about itself (RFC 8414), each resource (RFC 9728), and the keys of tokens."""

    server: Mapping[str, Any]
    rest: Mapping[str, Any]
    mcp: Mapping[str, Any]
    keys: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Administration:
    """What whoever runs the broker does about those who call it."""

    tenants: ManageTenants
    clients: ManageClients
    meter: Meter


@dataclass(frozen=True, slots=True)
class Services:
    """Built by ``bootstrap``; the same object serves HTTP, MCP and the command line.

    ``receipt_keys``, as they are now, and ``client_keys`` are JWK sets (RFC 7517): the former verifies our receipts,
    the latter our client assertions at operators. They are separate, so that a key for one can never stand in for the
    other. ``fingerprint`` gives a keyed digest of what a tenant sent.
    """

    clock: Clock
    public_url: str
    deadline_min_ms: int
    deadline_cap_ms: int
    authenticate: Callable[[Presented], Awaitable[Principal]]
    oauth: IssueToken
    tenants: ManageTenants
    clients: ManageClients
    meter: Meter
    oauth_metadata: OAuthMetadata
    run_check: Callable[[Asked], Awaitable[Answered]]
    govern: GovernPolicies
    halt: Halt
    laboratory: Laboratory
    shadows: Shadows
    challenges: ChallengeChecks
    ceremonies: Ceremonies
    ask_network: AskNetwork
    operators: ListOperators
    disclosures: ManageDisclosures
    disclose: OrderDisclosure
    figures: Figures
    whose_figures: WhoseFigures
    reviews: ReviewChecks
    request_access: RequestAccess
    webhooks: ManageWebhooks
    watches: ManageWatches
    consents: ManageConsents
    consent_links: ConsentLinks
    restrict: RestrictSubject
    erase: EraseSubject
    retention: KeepRetention
    rights: RequestRights
    requests: TendRequests
    await_check: AwaitCheck
    show_check: Callable[[Principal, str, str | None], Awaitable[CheckView]]
    prove: ProveLog
    receipts: UseReceipts
    explain: ExplainCheck
    journeys: Journeys
    report_outcome: Callable[[Principal, str, TurnedOut, datetime | None], Awaitable[OutcomeView]]
    ready: Callable[[], Awaitable[bool]]
    log_watch: LogWatch
    receipt_keys: Callable[[], Mapping[str, Any]]
    client_keys: Mapping[str, Any]
    fingerprint: Callable[[str, bytes], bytes]
