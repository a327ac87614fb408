"""customer-insights: the operator's own score of a customer. Release 0.2.0 and candidate 0.3.0-rc.1.

The scales point in opposite ways, so the value never travels without its scale.
"""

from typing import Literal

import msgspec

from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.signal import RiskScale, RiskScore, SignalName

_RETRIEVE = "scoring/retrieve"


class _ScoreAnswer(msgspec.Struct):
    scale: Literal["gaugeMetric", "veritasIndex"] = msgspec.field(name="scoringType")
    value: int = msgspec.field(name="scoringValue")


_ANSWERS = Reader(_ScoreAnswer)
_SCALES = {"gaugeMetric": (RiskScale.GAUGE, range(300, 851)), "veritasIndex": (RiskScale.VERITAS, range(20))}


async def ask(line: ApiLine) -> Reading:
    """The score on whichever scale the operator keeps."""
    answer = await line.post(_RETRIEVE, line.phone_body, _ANSWERS)
    scale, values = _SCALES[answer.scale]
    if answer.value not in values:
        raise malformed(KitCode.ABSURD_VALUE)
    return Reading(RiskScore(scale, answer.value))


_SCOPES = {_RETRIEVE: "customer-insights:scoring:read"}
VERSIONS = tuple(
    ApiVersion(SignalName.CUSTOMER_INSIGHTS, "customer-insights", version, base_path, _SCOPES, ask)
    for version, base_path in (("0.2.0", "/customer-insights/v0.2"), ("0.3.0-rc.1", "/customer-insights/v0.3rc1"))
)
