"""Where an operator departs from CAMARA, as operators do in the field; each key is one habit, left out there is none.

The operator behind stays strict: a gateway in front of it (``gateway/``) translates, as real ones do. Sources of the
habits are public documents of operators and aggregators; the README names who does what.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

HeaderName = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
UrlPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$", max_length=200)]
OperationPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$", max_length=200)]
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path


class Written(BaseModel):
    """The base of what a person writes: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenDeviations(Written):
    """Habits of the token endpoint."""

    path: UrlPath = TOKEN_PATH
    audience: Literal["both", "endpoint", "issuer"] = "both"
    """What an assertion may call this server. CAMARA wants the endpoint, RFC 7523bis the issuer; most take both."""
    grant_in_query: bool = False
    """``grant_type`` stands in the URL; in the form it is not seen."""
    proof_in: Literal["authorization", "header"] = "authorization"
    basic_header: HeaderName = "x-client-auth"
    """Which header carries Basic, where ``proof_in`` is ``header``."""
    purpose_in: Literal["scope", "parameter", "nowhere"] = "scope"
    """``parameter``: ``purpose=`` beside the scope. ``nowhere``: purposes are not known, the first one is meant."""
    purpose_template: Annotated[str, Field(pattern=r"^[^{}]*\{purpose\}[^{}]*$")] = "dpv:{purpose}"
    """What that parameter says."""
    scope_form: Literal["spaced", "glued", "ignored"] = "spaced"
    """``glued``: ``dpv:Purpose#scope`` is one word. ``ignored``: every scope is granted, whatever was asked."""
    token_type: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "Bearer"  # noqa: S105 - the name of a type
    expires_in: Literal["number", "text", "unsaid"] = "number"
    scope_said: bool = True


class ErrorDeviations(Written):
    """How errors are written, at the APIs; the token endpoint's stay OAuth's."""

    form: Literal["camara", "gateway", "service_exception"] = "camara"
    """``gateway``: ``{code, message, description}``. ``service_exception``: ``requestError.serviceException``."""
    codes: dict[str, str] = {}
    """CAMARA's codes to this operator's own; in the form ``gateway`` digits become a number."""
    statuses: dict[str, Annotated[int, Field(ge=400, le=599)]] = {}
    """CAMARA's codes to the status that this operator sends with them."""


class Deviations(Written):
    """All habits of one operator."""

    token: TokenDeviations = TokenDeviations()
    errors: ErrorDeviations = ErrorDeviations()
    path_template: Annotated[str, Field(pattern=r"^(/([A-Za-z0-9._~-]|\{(api|v|digits)\})+)+$")] = "/{api}/{v}"
    scope_names: dict[str, str] = {}
    """This operator's own names of scopes to CAMARA's."""
    api_key_header: HeaderName | None = None
    """A header that must carry the key of the gateway, at the token endpoint and at the APIs."""
    headers: dict[HeaderName, str] = {}
    """Headers that every request must carry, with these values."""
    correlator: Literal["echoed", "demanded", "swallowed"] = "echoed"
    """``demanded``: a request without ``x-correlator`` is refused. ``swallowed``: it does not come back."""
    phone_plus: bool = True
    """Without it, numbers are written without ``+``, and refused with one."""
    identifier: Literal["by_token", "always"] = "by_token"
    """``always``: the body names the subject also where the token does, and it must be the same one."""
    text_booleans: bool = False
    """``"true"`` and ``"false"`` in answers, in quotes."""
    never: str | None = None
    """What stands for a date that is ``null`` at others."""

    def camara_scopes(self, names: str) -> str:
        """The words of a scope as CAMARA writes them: own names translated, glued ones taken apart."""
        words = [part for word in names.split(" ") for part in self._apart(word)]
        return " ".join(dict.fromkeys(self.scope_names.get(word, word) for word in words))

    def own_scopes(self, names: str) -> str:
        """A granted scope (CAMARA's, its purpose first) in this operator's words."""
        own = {camara: name for name, camara in self.scope_names.items()}
        purpose, _, rest = names.partition(" ")
        scopes = " ".join(own.get(scope, scope) for scope in rest.split(" "))
        if self.token.purpose_in != "scope":
            return scopes
        return f"{purpose}{'#' if self.token.scope_form == 'glued' else ' '}{scopes}"

    def _apart(self, word: str) -> tuple[str, ...]:
        if self.token.scope_form == "glued" and word.startswith("dpv:"):
            purpose, sign, scope = word.partition("#")
            # Alone, a purpose is no word of this operator's: a client that glues nothing must not get through.
            return (purpose, scope) if sign else (f"{word}#",)
        return (word,)


def versioned(template: str, api: str, camara_path: str, version: str) -> str:
    """Where an API lives: ``{v}`` is the last part of CAMARA's path, ``{digits}`` the version without dots."""
    return template.format(api=api, v=camara_path.rpartition("/")[2], digits=version.replace(".", ""))
