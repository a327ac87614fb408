"""One request to an authorization server: scope, grant, proof of who we are and of what we hold, and the answer."""

import re
from collections.abc import Callable
from urllib.parse import urlencode

from broker.adapter_kit.adapter import CeremonyProof, OperatorFault
from broker.adapter_kit.client_proof import client_proof
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.dpop import Prover
from broker.adapter_kit.headers import Headers
from broker.adapter_kit.oauth import ClientProfile, Flow, TokenWanted
from broker.adapter_kit.oauth_answers import Granted, read_grant
from broker.adapter_kit.transport import Transport, WireRequest, WireResponse
from broker.domain.signal import Unavailability

CIBA_GRANT = "urn:openid:params:grant-type:ciba"
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_HEADERS = ((b"content-type", b"application/x-www-form-urlencoded"), (b"accept", b"application/json"))
Form = Callable[[], dict[str, str]]
"""Makes the members of a form, anew for each try."""
_PURPOSE = re.compile(r"[A-Za-z0-9]{1,64}")


class TokenEndpoint:
    """Where one client asks one operator. ``prover`` is there where tokens shall be bound to a key."""

    def __init__(
        self, profile: ClientProfile, transport: Transport, request_timeout_s: float, prover: Prover | None = None
    ) -> None:
        self.profile = profile
        self.prover = prover
        self._transport = transport
        self._request_timeout_s = request_timeout_s

    async def redeem(self, wanted: TokenWanted, form: Form, timeout_s: float) -> Granted:
        """The token for a grant, whose members ``form`` makes.

        Raises:
            OperatorFault: there is none, with the reason.
        """
        asked = wanted.proof.scope if wanted.proof is not None else scope_of(self.profile, wanted)
        # The assertion authenticates the client as well, whatever it uses for other grants (ICM profile, 1.5).
        response = await self.post(self.profile.token_url, form, timeout_s, proves_client=not wanted.flow.asserts)
        return read_grant(response, asked, self.profile.habits.token_types, dpop=self.prover is not None)

    async def post(self, url: str, form: Form, timeout_s: float, *, proves_client: bool = True) -> WireResponse:
        """A form to one of the endpoints; once more where the server wants a nonce in the proof of possession.

        ``form`` is called for each try, for what is signed in it must not be sent twice.

        Raises:
            OperatorFault: nothing came back that could be read.
        """
        response = await self._once(url, form(), timeout_s, proves_client=proves_client)
        if self.prover is not None and self.prover.learn(url, response):
            response = await self._once(url, form(), timeout_s, proves_client=proves_client)
        return response

    async def _once(self, url: str, form: dict[str, str], timeout_s: float, *, proves_client: bool) -> WireResponse:
        proof_headers, proof = client_proof(self.profile, url) if proves_client else ((), {})
        possession = () if self.prover is None else self.prover.headers("POST", url)
        headers: Headers = (*_HEADERS, *self.profile.habits.headers, *proof_headers, *possession)
        if self.profile.habits.grant_in_query and "grant_type" in form:
            url = f"{url}?{urlencode({'grant_type': form.pop('grant_type')})}"
        request = WireRequest("POST", url, headers, urlencode({**form, **proof}).encode("ascii"))
        return await self._transport.send(request, timeout_s=min(timeout_s, self._request_timeout_s))


def scope_of(profile: ClientProfile, wanted: TokenWanted) -> str:
    """The API scopes, and exactly one purpose unless it is elsewhere, as this operator writes them.

    Raises:
        OperatorFault: *not_permitted*, the purpose is not one word.
    """
    if _PURPOSE.fullmatch(wanted.purpose) is None:
        # Defensive: a space in a purpose would ask for a scope of the caller's choice.
        raise OperatorFault(Unavailability.NOT_PERMITTED, KitCode.PURPOSE_INVALID)
    scope = profile.scope_template.format(purpose=wanted.purpose, scopes=" ".join(wanted.scopes))
    if wanted.flow.of_openid and profile.habits.openid and "openid" not in scope.split():
        return f"openid {scope}".rstrip()
    return scope


def purpose_of(profile: ClientProfile, wanted: TokenWanted) -> dict[str, str]:
    """The purpose as a parameter of its own, for operators that want one."""
    template = profile.habits.purpose_template
    if template is None:
        return {}
    return {"purpose": template.format(purpose=wanted.purpose, scopes=" ".join(wanted.scopes))}


def form_of(profile: ClientProfile, wanted: TokenWanted) -> Form:
    """The form of a grant that takes one request.

    Raises:
        OperatorFault: *operator_error*, a credential is not there; *not_applicable*, nothing came from the device.
    """
    scope = scope_of(profile, wanted)
    if wanted.flow.asserts:
        signer, subject = profile.signer, wanted.subject
        if signer is None or subject is None:
            raise OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.INTERNAL)
        return lambda: {
            "grant_type": _JWT_BEARER,
            "assertion": signer.bearer_assertion(profile.client_id, subject, scope, profile.token_url),
        }
    if wanted.flow is Flow.AUTHORIZATION_CODE:
        return _code_form(wanted.proof)
    form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {}), **purpose_of(profile, wanted)}
    return lambda: dict(form)


def _code_form(proof: CeremonyProof | None) -> Form:
    if proof is None:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_CEREMONY)
    form = {"grant_type": "authorization_code", "code": proof.code}
    form |= {"redirect_uri": proof.redirect_uri, "code_verifier": proof.verifier}
    return lambda: dict(form)
