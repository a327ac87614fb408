"""The one place that builds things: settings in, a running broker out."""

import contextlib
import secrets
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from random import SystemRandom

from broker import settings as settings_module
from broker.adapter_kit.assembly import Surroundings
from broker.adapter_kit.deployment import load_operators
from broker.audit.receipts import ReceiptSigner
from broker.bootstrap.administered import Administered
from broker.bootstrap.amending import hearing_late
from broker.bootstrap.background import running, sweeping
from broker.bootstrap.beside import Beside
from broker.bootstrap.caution import journeys, look_back
from broker.bootstrap.challenging import challenge_desk, find_ways, sweeping_challenges
from broker.bootstrap.consuming import Consuming, warning
from broker.bootstrap.files import client_keys, consent_gate, policy_seeds, rights_terms, secret_files
from broker.bootstrap.limits import admission_limits, check_limits
from broker.bootstrap.measuring import Settled, both, open_figures
from broker.bootstrap.network import billed, network_tools
from broker.bootstrap.parts import Parts
from broker.bootstrap.privacy import Privacy, PrivacyNeeds, keeping_private
from broker.bootstrap.recording import Recording, ring_file
from broker.bootstrap.reviewing import review_checks, sweeping_reviews
from broker.bootstrap.rights import RightsNeeds, rights_desk, watching_deadlines
from broker.bootstrap.routing import open_finder, open_resolver
from broker.bootstrap.telling import telling
from broker.bootstrap.waiting import awaiting
from broker.bootstrap.watching import WatchNeeds, watches, watching
from broker.clock import SystemClock
from broker.events.compose import Composer
from broker.operators.contracts import Contracts
from broker.operators.guards.limits import GuardLimits
from broker.operators.pending import DurablePending
from broker.operators.registry import Registry
from broker.policy.waves import WaveMemory
from broker.privacy.pseudonyms import Pseudonyms
from broker.signals.freshness import Freshness
from broker.signals.gather import Gatherer
from broker.storage.store import Store
from broker.surfaces.ports import Services
from broker.usecases.admission import Admission
from broker.usecases.asking import AskingTools
from broker.usecases.audit.signing_ring import LiveRing
from broker.usecases.await_check import Stirrings
from broker.usecases.check_tools import CheckTools
from broker.usecases.consent.consent_links import ConsentLinks
from broker.usecases.consumers.billing import BillingTools
from broker.usecases.consumers.whose_figures import WhoseFigures
from broker.usecases.consumers.within_quotas import WithinQuotas
from broker.usecases.even_time import EvenTime
from broker.usecases.journeys import Journeys
from broker.usecases.learning.report_outcome import ReportOutcome
from broker.usecases.operators.ask_network import AskNetwork, NetworkTools
from broker.usecases.operators.list_operators import ListOperators
from broker.usecases.operators.manage_disclosures import ManageDisclosures
from broker.usecases.operators.order_disclosure import OrderDisclosure
from broker.usecases.permitted import Gatekeeping, PermittedNetwork
from broker.usecases.policy.govern_policies import GovernPolicies, GovernTools
from broker.usecases.policy.halt import Halt
from broker.usecases.policy.policies_in_force import PoliciesInForce, PolicyClock
from broker.usecases.policy.recorded_rules import RecordedRules
from broker.usecases.policy.shadow import Shadows
from broker.usecases.policy.try_policies import Laboratory
from broker.usecases.privacy.open_keys import open_pseudonyms, require_apart
from broker.usecases.readiness import Readiness
from broker.usecases.resettle import ResettleTools
from broker.usecases.reviews.request_access import AccessTools, RequestAccess
from broker.usecases.rights.request_rights import RequestRights
from broker.usecases.rights.tend_requests import TendRequests
from broker.usecases.run_check import RunCheck
from broker.usecases.settle import Settle, SettleTools
from broker.usecases.show_check import ShowCheck
from broker.usecases.step_up.ceremonies import Ceremonies
from broker.usecases.step_up.challenge_checks import ChallengeChecks
from broker.usecases.sweep import Sweep


def open_deployment(folder: Path | None = None) -> "Deployment":
    """Read a configuration folder; nothing is opened yet.

    Raises:
        Misconfigured: names the file, the key and the fix.
    """
    found = settings_module.config_folder(folder)
    return Deployment(found, settings_module.load(found), SystemClock())


class Deployment(Administered):
    """One configuration folder, and the broker that follows from it."""

    @contextlib.asynccontextmanager
    async def services(self) -> AsyncIterator[Services]:
        """The running broker."""
        async with contextlib.AsyncExitStack() as stack:
            store = await stack.enter_async_context(self._store())
            parts = self._parts(store, await open_pseudonyms(self._keys / "root.key", store))
            stack.push_async_callback(parts.registry.aclose)
            stack.push_async_callback(parts.resolver.aclose)
            await stack.enter_async_context(sweeping(Sweep(store, self._clock)))
            policies = self._policies(parts, store)
            shadows = Shadows(store.policies, policies, parts.rulebook, self._clock, self._new_id)
            for work in (policies.keep_current(), shadows.work()):
                await stack.enter_async_context(running(work))
            private = await stack.enter_async_context(keeping_private(self._privacy_needs(parts, store)))
            consuming = Consuming(self._settings, self._keys, store, parts.pseudonyms, parts.contracts, self._clock)
            gate = Gatekeeping(
                private.permit,
                parts.pseudonyms,
                consuming.circles,
                private.consents.of_new_holder,
                consuming.operators.may_ask,
            )
            network = PermittedNetwork(parts.registry.through, gate)
            billing = BillingTools(consuming.budget, store.consumers, parts.registry.charge, self._clock, self._new_id)
            stirrings = Stirrings()
            resettling = self._resettling(parts, store, policies, private, stirrings)
            desk = challenge_desk(
                resettling,
                store,
                parts.registry,
                billed(network, parts.registry, billing),
                self._new_id,
                self._settings.server.public_url,
                self._settings.challenges,
            )
            reviews = review_checks(resettling, store, self._new_id, self._settings.reviews, desk.tools.refusals)
            await stack.enter_async_context(sweeping_challenges(desk))
            await stack.enter_async_context(sweeping_reviews(reviews))
            record = Recording(self._settings, store, self._clock, self._new_id)
            await stack.enter_async_context(record.keeping())
            webhooks = await stack.enter_async_context(
                telling(store, self._clock, self._new_id, parts.pseudonyms, self._settings.webhooks)
            )
            await stack.enter_async_context(consuming.running())
            late_answers = await stack.enter_async_context(
                hearing_late(parts.gatherer, resettling, private.permit, parts.rulebook, self._settings.checks)
            )
            beside = Beside(reviews, webhooks, private, network, stirrings, desk, consuming, late_answers)
            services = self._services(parts, store, policies, shadows, beside, record)
            await stack.enter_async_context(
                watching_deadlines(services.requests, services.figures, self._settings.rights.look_s)
            )
            await stack.enter_async_context(
                warning(consuming, store, self._composer(), self._clock, self._settings.budgets)
            )
            await stack.enter_async_context(watching(services.watches, self._settings.watches.look_s))
            yield services

    def _signer(self, parts: Parts) -> ReceiptSigner:
        ttl_s = self._settings.receipts.ttl_s
        return ReceiptSigner(parts.receipt_keys.signing_key, issuer=self._settings.server.public_url, ttl_s=ttl_s)

    def _resettling(
        self, parts: Parts, store: Store, policies: PoliciesInForce, private: Privacy, stirrings: Stirrings
    ) -> ResettleTools:
        return ResettleTools(
            clock=self._clock,
            checks=private.opened,
            revisions=store.revisions,
            rules=RecordedRules(store.policies, parts.rulebook),
            policies=policies,
            gate=parts.gate,
            pseudonyms=parts.pseudonyms,
            vault=private.vault,
            signer=self._signer(parts),
            compose=self._composer(),
            stir=stirrings.stir,
            ways=find_ways(parts.registry, parts.gate, self._settings.challenges, self._settings.reviews),
        )

    def _privacy_needs(self, parts: Parts, store: Store) -> PrivacyNeeds:
        return PrivacyNeeds(
            keys=self._settings.keys,
            retention=self._settings.retention,
            consent=self._settings.consent,
            gate=parts.gate,
            store=store,
            clock=self._clock,
            new_id=self._new_id,
            pseudonyms=parts.pseudonyms,
            forget=(parts.freshness.forget, parts.resolver.forget, parts.registry.consents.forget),
        )

    def _parts(self, store: Store, pseudonyms: Pseudonyms) -> Parts:
        operators = load_operators(self.folder / "operators")
        contracts = Contracts(operators)
        finder = open_finder(self.folder, self._settings)
        require_apart(secret_files(self._keys, operators, finder))
        signing = client_keys(operators, finder)
        surroundings = Surroundings(
            self._clock,
            SystemRandom(),
            self._settings.http.client,
            pending=DurablePending(store),
            digest=pseudonyms.digest,
        )
        return Parts(
            contracts=contracts,
            resolver=open_resolver(self.folder, self._settings, self._clock, operators, contracts, finder),
            freshness=(freshness := Freshness(entries_max=self._settings.evidence.cache_entries_max)),
            gatherer=Gatherer(freshness, self._clock),
            gate=consent_gate(self.folder / "purposes.toml"),
            seeds=policy_seeds(self.folder / "policies", rulebook := self.rulebook()),
            rulebook=rulebook,
            receipt_keys=LiveRing(ring_file(self._keys, self._clock), self._clock),
            client_keys=signing,
            pseudonyms=pseudonyms,
            # Last, so that nothing after it can fail and leave its adapters open.
            registry=Registry(operators, contracts, surroundings, GuardLimits(**self._settings.guards.model_dump())),
        )

    def _policies(self, parts: Parts, store: Store) -> PoliciesInForce:
        pace = PolicyClock(**self._settings.policies.model_dump())
        return PoliciesInForce(store.policies, parts.seeds, parts.rulebook, self._clock, pace)

    def _watch_needs(
        self, parts: Parts, store: Store, policies: PoliciesInForce, beside: Beside, run_check: WithinQuotas
    ) -> WatchNeeds:
        settings, compose = self._settings.watches, self._composer()
        return WatchNeeds(settings, parts, store, policies, beside, run_check, compose, self._clock, self._new_id)

    def _journeys(self, parts: Parts, store: Store, private: Privacy) -> Journeys:
        return journeys(self._settings, store, private.opened, self._clock, parts.pseudonyms)

    def _composer(self) -> Composer:
        return Composer(self._settings.server.public_url, self._new_id)

    def _asking(
        self, parts: Parts, store: Store, policies: PoliciesInForce, settled: Settled, beside: Beside
    ) -> tuple[RunCheck, NetworkTools]:
        checks, private = self._settings.checks, beside.private
        settling = SettleTools(
            clock=self._clock,
            rulebook=parts.rulebook,
            policies=policies,
            gate=parts.gate,
            pseudonyms=parts.pseudonyms,
            vault=private.vault,
            signer=self._signer(parts),
            store=store,
            compose=self._composer(),
            ways=beside.desk.tools.ways,
        )
        tools = CheckTools(
            clock=self._clock,
            new_id=lambda: self._new_id("chk"),
            new_correlator=lambda: str(uuid.uuid4()),
            policies=policies,
            resolver=parts.resolver,
            operators=beside.consuming.operators,
            through=beside.network,
            gate=parts.gate,
            permit=private.permit,
            asking=AskingTools(parts.gatherer, self._clock, WaveMemory()),
            rulebook=parts.rulebook,
            tariffs=parts.registry.tariffs,
            tariffs_through=parts.registry.tariffs_through,
            pseudonyms=parts.pseudonyms,
            vault=private.vault,
            store=store,
            limits=check_limits(checks),
            late_answers=beside.late_answers,
            settled=settled,
            look_back=look_back(
                self._settings, store, beside.consuming.kv, self._clock, parts.pseudonyms, beside.consuming.standings
            ),
            journeys=self._journeys(parts, store, private),
            budget=beside.consuming.budget,
        )
        through, quotas = beside.desk.tools.through, beside.consuming.quotas
        return RunCheck(tools, Settle(settling)), network_tools(tools, through, quotas, store, self._new_id)

    def _services(
        self,
        parts: Parts,
        store: Store,
        policies: PoliciesInForce,
        shadows: Shadows,
        beside: Beside,
        record: Recording,
    ) -> Services:
        checks, private, consuming = self._settings.checks, beside.private, beside.consuming
        opened = private.opened
        show = ShowCheck(opened, store.reviews)
        figures = open_figures(store, parts.registry, record.watch)
        run_check, network = self._asking(parts, store, policies, both(shadows.offer, figures.settled), beside)
        admission = Admission(run_check, admission_limits(self._settings.server, checks), self._clock)
        even = EvenTime(admission, checks.unseen_step_ms, self._clock)
        asking_for = WithinQuotas(even, consuming.quotas)
        receipts = record.receipts(opened, parts.receipt_keys.published, beside.desk.tools.refusals)
        desk = rights_desk(
            RightsNeeds(self._settings, rights_terms(self.folder / "rights.toml"), store, beside, asking_for, receipts)
        )
        return Services(
            clock=self._clock,
            public_url=self._settings.server.public_url,
            deadline_min_ms=checks.deadline_min_ms,
            deadline_cap_ms=checks.deadline_cap_ms,
            authenticate=consuming.who_calls,
            oauth=consuming.issue_token,
            tenants=consuming.tenants,
            clients=consuming.clients,
            meter=consuming.meter,
            oauth_metadata=consuming.metadata(),
            run_check=asking_for,
            govern=GovernPolicies(GovernTools(self._clock, self._new_id, parts.rulebook, policies, store.policies)),
            halt=Halt(store.policies, policies, self._clock, self._new_id),
            laboratory=Laboratory(opened, store.policies, parts.rulebook, self._clock),
            shadows=shadows,
            ask_network=AskNetwork(network),
            operators=ListOperators(parts.registry, consuming.operators),
            disclosures=ManageDisclosures(store.disclosures, parts.gate, self._clock, self._new_id),
            disclose=OrderDisclosure(network, store.disclosures),
            figures=figures,
            whose_figures=WhoseFigures(store.consumers),
            reviews=beside.reviews,
            challenges=ChallengeChecks(beside.desk),
            ceremonies=Ceremonies(beside.desk),
            webhooks=beside.webhooks,
            watches=watches(self._watch_needs(parts, store, policies, beside, asking_for)),
            consents=private.consents,
            consent_links=ConsentLinks(network, opened, self._settings.server.public_url, secrets.token_bytes),
            restrict=private.restrict,
            erase=private.erase,
            retention=private.retention,
            rights=RequestRights(desk),
            requests=TendRequests(desk),
            await_check=awaiting(show, store, beside.stirrings, self._settings.waiting),
            show_check=show,
            report_outcome=ReportOutcome(opened, store, self._clock),
            prove=record.prove,
            receipts=receipts,
            request_access=RequestAccess(AccessTools(beside.reviews, opened, receipts, parts.pseudonyms, self._clock)),
            explain=record.explain(opened),
            journeys=self._journeys(parts, store, private),
            ready=Readiness(store.ping, self._clock),
            log_watch=record.watch,
            receipt_keys=parts.receipt_keys.published,
            client_keys={"keys": [key.public_jwk() for key in parts.client_keys]},
            fingerprint=parts.pseudonyms.fingerprint,
        )
