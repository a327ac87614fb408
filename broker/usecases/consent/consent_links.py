"""Where an operator has no consent of a person yet: a link for them, and for nobody else, to give it there.

The caller is handed a link of ours. Where it leads is sealed inside it, so that no agent can read, change or be talked
into anything by what an operator sent; only the person's browser learns it, from our page, after a tap.
"""

import base64
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.adapter_kit.instruments import AskConsent, Refused
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.phone import PhoneNumber
from broker.domain.record import Check
from broker.errors import Conflict, Fault, InvalidRequest, NotFound
from broker.policy.words import Language, language_of
from broker.privacy.sealing import Damaged, Random, seal, unseal
from broker.usecases.operators.ask_network import NetworkTools
from broker.usecases.policy.policies_in_force import entry
from broker.usecases.show_check import CheckReader, own_check
from broker.usecases.view import consents_missing

LINK_S = 600
TOKEN_MAX = 4096
_PLACE = b"consent-link"


class ConsentLink(msgspec.Struct, frozen=True, rename="camel"):
    """A link for the person's browser, and until when it leads anywhere."""

    link: str
    expires_at: datetime

    def __repr__(self) -> str:
        return "ConsentLink(…)"


class Destination(msgspec.Struct, frozen=True):
    """What a link says to the page: the operator's address and its host; ``url`` is empty where it is over."""

    language: Language
    url: str = ""

    @property
    def host(self) -> str:
        """What the person is told, before they go there."""
        return urlsplit(self.url).hostname or ""

    @property
    def origin(self) -> str:
        """Where the browser may go on to."""
        goes_to = urlsplit(self.url)
        return f"{goes_to.scheme}://{goes_to.netloc}"

    def __repr__(self) -> str:
        return "Destination(…)"


class _Sealed(msgspec.Struct, frozen=True):
    url: str
    until_ms: int


class ConsentLinks:
    """Links to the capture pages of operators. Nothing is stored: what a link says is sealed in it."""

    def __init__(self, tools: NetworkTools, checks: CheckReader, public_url: str, random: Random) -> None:
        self._tools = tools
        self._checks = checks
        self._public_url = public_url
        self._random = random
        self._key = AESGCM(tools.pseudonyms.link_key())

    async def start(self, principal: Principal, check_id: str, phone: PhoneNumber) -> ConsentLink:
        """A link for what a check was not told because the operator has no consent of the person.

        Raises:
            NotFound: no such check, or not the caller's own.
            InvalidRequest: another number.
            Conflict: nothing of that kind is missing, or the operator gives no link now.
            Unrecorded, Overloaded: nothing was asked; try again.
        """
        authorize.require(principal, authorize.CHECK)
        tools = self._tools
        check = await own_check(self._checks, principal, check_id)
        if (check.consumer, check.agent) != (principal.consumer, principal.agent):
            raise NotFound("no such check")
        subject = tools.pseudonyms.subject(principal.tenant, phone)
        if not hmac.compare_digest(subject.hex(), check.subject):
            raise InvalidRequest("this is another number", [Fault("/phoneNumber", "send the number of the check")])
        url = await self._capture_url(check, phone)
        about = f"{check.id} {check.operator}"
        leaf = entry(tools.new_id("cev"), check.tenant, "consent.link", about, None, check.consumer, tools.clock)
        await tools.record.note(check.tenant, leaf, tools.record_within_s)
        return self._link(url)

    def open(self, token: str, accept_language: str | None) -> Destination:
        """Where a link leads. Looking changes nothing."""
        language = language_of(accept_language)
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            found = msgspec.json.decode(unseal(self._key, sealed, _PLACE), type=_Sealed)
        except (Damaged, ValueError):
            return Destination(language)
        return Destination(language) if self._now_ms() >= found.until_ms else Destination(language, found.url)

    async def _capture_url(self, check: Check, phone: PhoneNumber) -> str:
        adapter = self._tools.through(check.route.sources if check.route else ())
        lacking = consents_missing(check)
        if adapter is None or not lacking:
            raise Conflict("no consent at an operator is missing in this check")
        offers = [adapter.capabilities[name].consent_scopes for name in lacking if name in adapter.capabilities]
        order = AskConsent(
            phone=phone,
            purpose=check.purpose,
            correlator=self._tools.new_correlator(),
            deadline_s=self._tools.clock.monotonic_s() + self._tools.ask_within_s,
            tenant=check.tenant,
            consumer=check.consumer,
            scopes=tuple(dict.fromkeys(scope for scopes in offers for scope in scopes)),
            capture=True,
        )
        status = await adapter.carry_out(order)
        if isinstance(status, Refused) or (status.capture_url is None and not _all(status.permits, order.scopes)):
            raise Conflict(
                "the operator of this number gives no link now: try later, or go on without", retry_after_s=60
            )
        if status.capture_url is None:
            raise Conflict("the person permits it by now: ask anew")
        return status.capture_url

    def _link(self, url: str) -> ConsentLink:
        until_ms = self._now_ms() + LINK_S * 1000
        sealed = seal(self._key, self._random, msgspec.json.encode(_Sealed(url, until_ms)), _PLACE)
        token = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")
        return ConsentLink(f"{self._public_url}/c/{token}", datetime.fromtimestamp(until_ms / 1000, UTC))

    def _now_ms(self) -> int:
        return int(self._tools.clock.now().timestamp() * 1000)


def _all(permits: Callable[[str], bool], scopes: tuple[str, ...]) -> bool:
    return all(permits(scope) for scope in scopes)
