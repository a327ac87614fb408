"""The adapter for every operator whose manifest says all there is to say."""

from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec

from broker.adapter_kit.adapter import Capability, CeremonyProof, ClosedAdapter, OperatorFault, SignalQuery
from broker.adapter_kit.authorization_code import Started, Transaction, finish, start
from broker.adapter_kit.camara.errors import ErrorDialect
from broker.adapter_kit.camara.line import ApiLine, BoundApi, BoundInstrument, Terms
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.desk import Desk, log_failure
from broker.adapter_kit.headers import Headers
from broker.adapter_kit.instruments import A, Order, Refused
from broker.adapter_kit.manifest import ApiManifest, CapabilityManifest, InstrumentManifest, Manifest
from broker.adapter_kit.oauth import ClientProfile, Flow, TokenWanted
from broker.adapter_kit.tokens import TokenManager
from broker.adapter_kit.transport import Transport
from broker.clock import Clock
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Observed, Signal, SignalName, Source, Unavailability, Unavailable


class AdapterParts(msgspec.Struct, frozen=True):
    """What an adapter is made of. An adapter's own ``build`` gets these and may use as many as it likes."""

    operator: str
    manifest: Manifest
    settings: OperatorSettings
    transport: Transport
    tokens: TokenManager
    clock: Clock
    profile: ClientProfile
    random: Random
    headers: Headers = ()

    def __repr__(self) -> str:  # a header may be a key
        return f"AdapterParts({self.operator}, {self.manifest.name})"


class ManifestAdapter(ClosedAdapter):
    """Asks an operator as its manifest says. Owns the transport and the tokens that it was given."""

    def __init__(self, parts: AdapterParts) -> None:
        super().__init__(parts.operator)
        self._transport = parts.transport
        self._tokens = parts.tokens
        self._clock = parts.clock
        self._profile, self._random = parts.profile, parts.random
        ordered = [one for one in parts.manifest.capabilities if one.api not in parts.settings.not_ordered]
        bound = [_bind(parts, capability) for capability in ordered]
        self._bound = {api.version.signal: api for api in bound}
        self._by_browser = {
            api.version.signal: api
            for api, capability in zip(bound, ordered, strict=True)
            if capability.ceremony or capability.flow is Flow.AUTHORIZATION_CODE
        }
        orders = [_bind_instrument(parts, one) for one in parts.manifest.instruments]
        prompt = parts.manifest.prompt
        prompts = parts.tokens.prompts(parts.operator, prompt.scope) if prompt else None
        self._desk = Desk(parts.operator, orders, parts.settings.disclosures, parts.clock, prompts)
        self._capabilities = {
            name: Capability(name, api.version.api, api.version.version, self._consent_scopes(api))
            for name, api in self._bound.items()
        }

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        """What the manifest declares, and we ordered."""
        return self._capabilities

    def order_scopes(self, order: Order[Any]) -> tuple[str, ...]:
        """What consent-info is asked about before an order that rests on consent."""
        return self._desk.order_scopes(order)

    def _consent_scopes(self, api: BoundApi) -> tuple[str, ...]:
        if InstrumentName.CONSENT_STATUS not in self._desk.instruments or api.terms.flow.of_openid:
            return ()
        return tuple(dict.fromkeys(scope for scopes in api.terms.scopes.values() for scope in scopes.split()))

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask, and answer with an observation or a typed reason. Only cancellation is raised."""
        bound = self._bound.get(query.signal) if query.proof is None else self._proven(query.signal)
        if bound is None:
            return Unavailable(query.signal, Unavailability.UNSUPPORTED, KitCode.NOT_OFFERED)
        source = Source(self.operator, bound.version.api, bound.version.version)
        started_s = self._clock.monotonic_s()
        try:
            return await self._ask(bound, query, source, started_s)
        except OperatorFault as fault:
            return fault.unavailable(query.signal, source, self._since_ms(started_s))
        except Exception as error:  # noqa: BLE001 - a mistake of ours about one operator must not end the whole check
            log_failure(source, error)
            ours = OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.INTERNAL)
            return ours.unavailable(query.signal, source, self._since_ms(started_s))

    def start_ceremony(self, signal: SignalName, purpose: str) -> Started:
        """Where to send the person's browser, and what to keep until it comes back."""
        bound = self._proven(signal)
        if bound is None or not bound.version.compares_owner:
            raise OperatorFault(Unavailability.UNSUPPORTED, KitCode.NOT_OFFERED)
        operation = next(iter(bound.terms.scopes))
        wanted = TokenWanted(bound.terms.flow, None, purpose, bound.terms.scopes_for(operation))
        return start(self._profile, wanted, self._clock.now(), self._random)

    def takes_operator_token(self, signal: SignalName) -> bool:
        """Whether a TS.43 token of the device proves this signal here as well."""
        bound = self._bound.get(signal)
        by_token = {Flow.JWT_BEARER_OPERATOR_TOKEN, Flow.CIBA}
        return bound is not None and bound.version.compares_owner and bound.terms.flow in by_token

    def _proven(self, signal: SignalName) -> BoundApi | None:
        """The API as it is asked with what a person's browser brought."""
        bound = self._by_browser.get(signal)
        if bound is None:
            return None
        return msgspec.structs.replace(bound, terms=msgspec.structs.replace(bound.terms, flow=Flow.AUTHORIZATION_CODE))

    def finish_ceremony(self, callback: Mapping[str, str], transaction: Transaction) -> CeremonyProof:
        """What came back, for :attr:`SignalQuery.proof` of one question."""
        return finish(self._profile, callback, transaction, self._clock.now())

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """What the manifest declares."""
        return self._desk.instruments

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """Do what was ordered, or say why not. Only cancellation is raised."""
        return await self._desk.carry_out(order)

    async def aclose(self) -> None:
        """Give up token requests and close connections."""
        await self._tokens.aclose()
        await self._transport.aclose()

    async def _ask(self, bound: BoundApi, query: SignalQuery, source: Source, started_s: float) -> Signal:
        if bound.terms.flow is Flow.AUTHORIZATION_CODE and not bound.version.compares_owner:
            raise OperatorFault(Unavailability.UNSUPPORTED, KitCode.SUBJECT_UNPROVEN)
        line = ApiLine(bound, query)
        reading = await bound.version.ask(line)
        latency_ms = self._since_ms(started_s)
        source = msgspec.structs.replace(source, downgraded=line.downgraded)
        return Observed(query.signal, reading.value, self._clock.now(), source, reading.window, latency_ms)

    def _since_ms(self, started_s: float) -> float:
        return (self._clock.monotonic_s() - started_s) * 1000


def _bind(parts: AdapterParts, capability: CapabilityManifest) -> BoundApi:
    terms = msgspec.structs.replace(
        _terms(parts, capability),
        number_claim=capability.number_claim,
        window_max_s=capability.window_hours_max * 3600.0,
        window_fallback_s=capability.window_hours_fallback * 3600.0,
        radius_min_m=capability.radius_m_min,
        location_age_max_s=capability.location_age_s_max,
    )
    return BoundApi(capability.known, terms, parts.transport, parts.tokens, parts.clock)


def _bind_instrument(parts: AdapterParts, instrument: InstrumentManifest) -> BoundInstrument:
    return BoundInstrument(instrument.known, _terms(parts, instrument), parts.transport, parts.tokens, parts.clock)


def _terms(parts: AdapterParts, api: ApiManifest) -> Terms:
    """Pydantic's words become the kit's here, once, so that nothing on the way of a check touches a model."""
    manifest = parts.manifest
    return Terms(
        url=parts.settings.base_url + manifest.root_path(api),
        flow=api.flow,
        scopes=api.offered_scopes,
        attempt_timeout_s=parts.settings.attempt_timeout_ms / 1000,
        identifier=api.identifier or api.known.identifier,
        phone_plus=manifest.phone_format == "e164",
        echo_required=manifest.correlator_echo == "required",
        sentinel_dates=manifest.sentinel_dates,
        boolean_texts=manifest.boolean_texts,
        media_types=frozenset(manifest.media_types),
        paths=api.paths,
        headers=parts.headers,
        capture_hosts=parts.settings.hosts,
        errors=ErrorDialect(manifest.errors.envelope, manifest.errors.codes),
    )
