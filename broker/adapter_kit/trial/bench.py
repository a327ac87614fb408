"""The bench: one adapter, freshly put together, with a scripted operator on the other end."""

import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from broker.adapter_kit.adapter import Adapter, CeremonyProof, OperatorFault, SignalQuery
from broker.adapter_kit.assembly import ImportKey, Surroundings, assemble, build
from broker.adapter_kit.assertions import generate_signing_key, import_signing_key
from broker.adapter_kit.authorization_code import HoldsCeremonies, Started
from broker.adapter_kit.camara.line import IdentifierRule
from broker.adapter_kit.deployment import OperatorSettings, SecretRef, TlsSettings
from broker.adapter_kit.manifest import CapabilityManifest, InstrumentManifest, Manifest
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.transport import TransportLimits, scripted_transport
from broker.adapter_kit.trial.operator import BASE_URL, TrialClock, TrialOperator
from broker.domain.check import Circle, Claims
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Observed, Signal, SignalName, Unavailability, Unavailable

PHONE = PhoneNumber("+34600000101")
DIGITS = PHONE.e164.removeprefix("+")
CORRELATOR = "5f0c1d6e-1111-4222-8333-444455556666"
PURPOSE = "FraudPreventionAndDetection"
OPERATOR_TOKEN = "trial.operator.token"  # noqa: S105 - a token of nobody
SECRET, GATEWAY_KEY = "trial-client-secret", "trial-gateway-key"
REDIRECT_URI = "https://broker.example/callback"
CEREMONY = CeremonyProof("trial-code", "v" * 43, REDIRECT_URI, "")
CIRCLE = Circle(40.4168, -3.7038, 5000.0)
BOUND = date(2024, 5, 1)
CLAIMS = Claims(name="Ana Trial")
_OPERATOR = "trial"


class Failed(Exception):
    """A check that the adapter did not pass; the text says what was expected and what came."""


class NotApplicable(Exception):
    """A check that says nothing about this adapter; the text says why."""


class Subject(msgspec.Struct, frozen=True):
    """What is tried: the package and its manifest, with credentials made for the trial in ``folder``."""

    package: str
    manifest: Manifest
    settings: OperatorSettings
    import_key: ImportKey

    @property
    def built(self) -> Sequence[CapabilityManifest]:
        """The capabilities that can be asked today."""
        return [one for one in self.manifest.capabilities if self.manifest.built(one)]

    @property
    def instruments(self) -> Sequence[InstrumentManifest]:
        """The instruments that can be ordered today."""
        return [one for one in self.manifest.instruments if self.manifest.built(one)]


@contextmanager
def subject_of(package: str, manifest: Manifest) -> Iterator[Subject]:
    """A subject whose credentials live as long as the block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pem = generate_signing_key(manifest.oauth.assertion_alg).as_pem(private=True)
        secrets = {"client_key": pem, "client_secret": SECRET.encode(), "api_key": GATEWAY_KEY.encode()}
        given: dict[str, Any] = {}
        for key, content in secrets.items():
            (folder / key).write_bytes(content)
            given[key] = SecretRef(file=folder / key)
        if manifest.needs_certificate:
            # The script is on no connection; whether one is shown there is tried over real TLS, elsewhere.
            given["tls"] = TlsSettings(certificate=folder / "client_key", key=folder / "client_key")
        settings = OperatorSettings.model_validate(
            {
                "adapter": manifest.name,
                "base_url": BASE_URL,
                "client_id": "trial-client",
                "redirect_uri": REDIRECT_URI,
                "attempt_timeout_ms": 200,
                "disclosures": [one.api for one in manifest.instruments if one.known.discloses],
            }
        )
        yield Subject(package, manifest, settings.model_copy(update=given), lru_cache(import_signing_key))


class Bench:
    """An adapter and the operator it talks to. Made for one check."""

    def __init__(self, subject: Subject) -> None:
        manifest = subject.manifest
        self.subject = subject
        self.clock = TrialClock()
        roots = [(manifest.root_path(one), one) for one in (*subject.built, *subject.instruments)]
        self.operator = TrialOperator(manifest, roots)
        limits = TransportLimits(body_bytes_max=subject.settings.body_bytes_max)
        transport = scripted_transport(self.operator.answer, limits)
        random = Random(7)  # noqa: S311 - jti of assertions that nobody accepts
        surroundings = Surroundings(self.clock, random, import_key=subject.import_key)
        parts = assemble(_OPERATOR, manifest, subject.settings, transport, surroundings)
        self.adapter: Adapter = build(subject.package, parts)

    def query(self, signal: SignalName, **changes: Any) -> SignalQuery:
        """A question with everything in it that any API wants, two seconds before its deadline."""
        given: dict[str, Any] = {
            "signal": signal,
            "phone": PHONE,
            "purpose": PURPOSE,
            "correlator": CORRELATOR,
            "deadline_s": self.clock.monotonic_s() + 2.0,
            "location": CIRCLE,
            "operator_token": OPERATOR_TOKEN,
            "proof": self.ceremony(signal, changes.get("purpose", PURPOSE)),
            "tenant": "trial",
            "consumer": "trial",
            "bound_since": BOUND,
            "claims": CLAIMS,
            "age_threshold_years": 18,
        }
        return SignalQuery(**{**given, **changes})

    def ceremony(self, signal: SignalName, purpose: str = PURPOSE) -> CeremonyProof | None:
        """A ceremony from its start to its end, for signals that take one."""
        if not any(one.known.signal is signal and one.flow is Flow.AUTHORIZATION_CODE for one in self.subject.built):
            return None
        if not isinstance(self.adapter, HoldsCeremonies):
            raise Failed("it declares a ceremony and cannot hold one")
        try:
            started = self.adapter.start_ceremony(signal, purpose)
        except OperatorFault:
            return CEREMONY
        self.operator.browser(started.url)
        return self.adapter.finish_ceremony(self.answer_to(started), started.transaction)

    @staticmethod
    def answer_to(started: Started) -> dict[str, str]:
        """What a person's browser brings back when all is well."""
        return {"code": "trial-code", "state": started.transaction.state, "iss": BASE_URL}

    async def ask(self, capability: CapabilityManifest, **changes: Any) -> Signal:
        """Put the question to the adapter."""
        return await self.adapter.observe(self.query(capability.known.signal, **changes))

    def names_subject(self, capability: CapabilityManifest) -> bool:
        """Whether the body must name the subject for this capability."""
        rule = capability.identifier or capability.known.identifier
        return rule is IdentifierRule.ALWAYS or (rule is IdentifierRule.BY_TOKEN and not capability.flow.three_legged)

    @property
    def token_type(self) -> str:
        """The name that this operator gives to a bearer token."""
        return self.subject.manifest.oauth.token_types[0]

    @property
    def phone(self) -> str:
        """The number as the manifest says that this operator writes it."""
        return PHONE.e164 if self.subject.manifest.phone_format == "e164" else DIGITS


Run = Callable[[Bench], Awaitable[None]]


class Check(msgspec.Struct, frozen=True):
    """One check: a stable id, the group it belongs to, a sentence, and the function that tries it."""

    id: str
    group: str
    says: str
    run: Run


def expect(true: object, otherwise: str) -> None:
    """Fail unless ``true``."""
    if not true:
        raise Failed(otherwise)


def observed(signal: Signal) -> Observed:
    """The observation, or failure."""
    if not isinstance(signal, Observed):
        raise Failed(f"expected an observation, got {signal.reason}: {signal.code}")
    return signal


def unavailable(signal: Signal, *reasons: Unavailability) -> Unavailable:
    """The typed reason, which must be one of these, or failure."""
    if not isinstance(signal, Unavailable):
        raise Failed(f"expected {' or '.join(reasons)}, got an observation")
    if reasons and signal.reason not in reasons:
        raise Failed(f"expected {' or '.join(reasons)}, got {signal.reason}: {signal.code}")
    return signal


def uses_tokens(capability: CapabilityManifest) -> CapabilityManifest:
    """The capability, unless a key of the gateway takes the place of tokens."""
    if capability.flow is Flow.API_KEY:
        raise NotApplicable("no token is used")
    return capability
