"""Age bands of sim-swap 2.2.0, for providers that may not tell dates: a number for how long ago the last change was.

Known from the release notes and the proposal before them, the definition not being at hand. Bands are numbers by
accident: "never" is 111, which is not older than 17.
"""

import msgspec

from broker.adapter_kit.camara.line import ApiLine, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.signal import AgeRange, Window

BAND = "retrieve-age-band"
NEVER = 111
_HOUR_S, _DAY_S, _YEAR_S = 3_600.0, 86_400.0, 365 * 86_400.0
_EDGES_S = (
    *(hours * _HOUR_S for hours in (0, 4, 12)),
    *(days * _DAY_S for days in (1, 2, 3, 4, 5, 7, 14, 30, 60, 90, 180)),
    *(years * _YEAR_S for years in (1, 2, 3)),
)
OLDEST = len(_EDGES_S)
"""The band without an upper end."""


class _BandAnswer(msgspec.Struct):
    band: int = msgspec.field(name="simSwapAgeBand")


_ANSWERS = Reader(_BandAnswer)


async def ask_band(line: ApiLine) -> Reading:
    """The age of the last change as a band."""
    answer = await line.post(BAND, line.phone_body, _ANSWERS)
    return read_band(answer.band, line.terms.window_max_s)


def read_band(band: int, declared_s: float) -> Reading:
    """The ages that a band stands for.

    Whether "never" reaches further back than the provider's memory is disputed, so it covers the ``declared_s`` seconds
    that the manifest declares and no more.

    Raises:
        OperatorFault: *malformed*: there is no such band; drafts knew 999 and -1.
    """
    if band == NEVER:
        return Reading(AgeRange(declared_s, None), Window(declared_s))
    if not 1 <= band <= OLDEST:
        raise malformed(KitCode.ABSURD_VALUE)
    return Reading(AgeRange(_EDGES_S[band - 1], _EDGES_S[band] if band < OLDEST else None))
