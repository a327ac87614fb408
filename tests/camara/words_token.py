"""Words about the access token, in whatever phrase a file has for it."""

import re

from tests.camara.facts import IDENTIFIERS
from tests.camara.outcomes import NotApplicable
from tests.camara.paths import MISSING
from tests.camara.stage import Stage, Token
from tests.camara.states import device_state
from tests.camara.vocabulary import nothing, word

MEANINGS: tuple[tuple[str, Token], ...] = (
    (r"\bexpired\b(?! expiry)", Token.EXPIRED),
    (
        r"invalid (?:context|scope)|without (?:the )?(?:required )?scope|not including|does not include|insufficient",
        Token.UNSCOPED,
    ),
    (r"invalid|malformed|not valid", Token.INVALID),
    (r"only a single subscription scope", Token.SINGLE),
    (r"neither|NOT used|not obtained by", Token.UNPROVEN),
    (r"not? (?:identif|associat|subject)|cannot be|does ?not identif|2-legged|two-legged", Token.TWO_LEGGED),
    (r"different|another|other (?:device|phone)", Token.OTHER),
    (r"identif|same (?:phone|device)|3-legged|three-legged|associated (?:with|to)", Token.THREE_LEGGED),
    (r"valid|\bset$", Token.VALID),
)


def meaning(phrase: str) -> Token:
    """The kind of token that a phrase describes.

    Raises:
        NotApplicable: no known kind.
    """
    for pattern, token in MEANINGS:
        if re.search(pattern, phrase, re.IGNORECASE):
            return token
    raise NotApplicable(f'no word for a token that is "{phrase}"')


def _token(stage: Stage, phrase: str) -> None:
    stage.token = meaning(phrase)
    if "swapped" in phrase:
        device_state(stage, phrase)
    if "never connected" in phrase:
        stage.subject.sim = False
    if "cannot be dedu" in phrase:
        # Scenarios with these words are about a subject that nothing names, also where they do not say so of the body.
        for name in IDENTIFIERS:
            if stage.explicit((name,)) is MISSING:
                stage.set((name,), MISSING)


def _none(stage: Stage) -> None:
    stage.token = Token.NONE


def _two(stage: Stage) -> None:
    stage.token = Token.TWO_LEGGED


def _three(stage: Stage) -> None:
    stage.token = Token.THREE_LEGGED


def _expired(stage: Stage) -> None:
    stage.token = Token.EXPIRED


def _unscoped(stage: Stage) -> None:
    stage.token = Token.UNSCOPED


def _unproven(stage: Stage) -> None:
    stage.token = Token.UNPROVEN


def _scoped(stage: Stage, scope: str) -> None:
    """The named scope, where the operation takes it; some files name the one of its neighbour."""
    if scope in stage.operation().scopes:
        stage.scopes = (scope,)


_HEADER = (
    r"(?:(?:an? )?(?:the )?(?:\w+ )*request body (?:and|&) )?(?:the )?(?:request )?header \"Authorization\"(?: token)?"
)

WORDS = (
    word(r'the request does not include the "Authorization" header', _none),
    word(rf"{_HEADER} is not set to(?: valid token)?", _none),
    word(rf"{_HEADER} is expired", _expired),
    word(
        rf"{_HEADER} is (?:removed|missing|set without a token|not (?:sent|included|set|present|available))",
        _none,
    ),
    word(
        rf"{_HEADER} (?:is )?set(?: (?:to|with) (?P<phrase>.*))?",
        lambda stage, phrase="valid": _token(stage, phrase),
    ),
    word(r"(?P<phrase>an (?:invalid|expired) (?:authentication|access) token|an access token with .*)", _token),
    word(r"the access token has expired", _expired),
    word(r"the (?P<phrase>access token (?:includes only|does not including) .*)", _token),
    word(r"the (?P<phrase>valid access token does no.? identif\w* .*)", lambda stage, phrase: _two(stage)),
    word(r"a valid 2- or 3-legged access token", nothing),
    word(
        r"the access token (?:contains|has|includes) the scope \"(?P<scope>[^\"]+)\"(?: and does not contain .*)?",
        _scoped,
    ),
    word(r"one of the scopes associated with the access token is (?P<scope>\S+)", _scoped),
    word(
        r"none of the scopes associated with the access token .*|the access token does not include (?:the )?scope .*",
        _unscoped,
    ),
    word(r"the access token is not associated with a phone number|no subject is identified by the access token", _two),
    word(r"(?:that )?the (?:device|phone number|subject) cannot be identified from the access token", _two),
    word(r"the (?:device|phone number|subject) (?:is|can be) identified (?:by|from) the access token", _three),
    word(r"the information, .* associated with the access token indicates that .* (?:NOT used|was used)", _unproven),
    word(r"the token has been obtained by a supported authentication method", nothing),
    word(r"they acquired a valid access token associated with \S+ through .*", _three),
    word(r"the connection the request is sent over originates from a device with \S+", nothing),
    word(r"a 2-legged or 3-legged access token is being used", nothing),
)
