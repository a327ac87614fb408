"""The world's parameters as people write them (``config/simulation``), checked against the scenario table."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from broker.domain.signal import SignalName
from broker.errors import Misconfigured
from broker.policy.yaml_text import Path, Written, YamlText, misconfigured

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Reads = Literal["date", "window_240h", "window_72h"]

_SUM_TOLERANCE = 1e-6


class Money(Written):
    """Amounts are log-normal: ``median`` in units of ``currency``, ``sigma`` of the logarithm."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    median: Positive
    sigma: Annotated[float, Field(gt=0.0, le=3.0)]


class AskedAction(Written):
    """One type of action and its share of the questions; ``flags`` are attributes and how often they hold."""

    type: str
    share: Share
    amount: Money | None = None
    flags: dict[str, Share] = Field(default={})


class Agents(Written):
    """How agents behave; shares of attackers' sessions but for ``honest_retries``."""

    honest_retries: Share
    shopping: Share
    splitting: Share
    splits: Annotated[int, Field(ge=2, le=50)]
    attempts: Annotated[int, Field(ge=2, le=20)]
    pause_s: Positive


class Operator(Written):
    """One operator: ``latency_ms`` is a median, ``spread`` the log-normal's sigma; ``outages`` in the whole time.

    ``priced_as`` names the file in ``config/operators`` whose prices and typical times it has; none without.
    """

    name: str
    priced_as: str | None = None
    country: str
    share: Share
    latency_ms: Positive
    spread: Positive = 0.4
    reads: Reads
    outages: Annotated[int, Field(ge=0, le=1000)] = 0
    outage_h: Positive = 1.0
    lies: bool = False
    answers: dict[SignalName, Share]


class Labels(Written):
    """When attacks become known: the share that anybody reports, and a log-normal number of days until then."""

    reported: Share
    median_days: Positive
    sigma: Annotated[float, Field(gt=0.0, le=3.0)]


class Waits(Written):
    """Attackers who let a change grow old."""

    wait_days: Positive


class Suppresses(Written):
    """Attackers who keep answers away."""

    missing: Share


class KeepsHandset(Written):
    """Attackers who use the victim's handset."""


class Adaptive(Written):
    """Attackers who know the broker."""

    waits: Waits
    suppresses: Suppresses
    keeps_handset: KeepsHandset


class WorldFile(Written):
    """The whole file."""

    id: str
    version: Annotated[int, Field(ge=1)]
    days: Annotated[int, Field(ge=1, le=366)]
    sessions_per_subject: Annotated[float, Field(gt=0.0, le=1000.0)]
    attack_oversampling: Annotated[float, Field(ge=1.0, le=1000.0)]
    actions: list[AskedAction] = Field(min_length=1)
    agents: Agents
    operators: list[Operator] = Field(min_length=1)
    consents: dict[SignalName, Share]
    adaptive: Adaptive
    labels: Labels


def read(text: str, *, source: str) -> WorldFile:
    """Read the text of a parameter file; ``source`` is its name, for messages.

    Raises:
        Misconfigured: with file, line and key of what is wrong.
    """
    yaml = YamlText(text, source)
    try:
        file = WorldFile.model_validate(yaml.value)
    except ValidationError as error:
        raise misconfigured(yaml, error) from None
    for path, fault in _faults(file):
        raise Misconfigured(f"{yaml.where(path)}: {fault}")
    return file


def _faults(file: WorldFile) -> Iterator[tuple[Path, str]]:
    yield from _sum_faults(("actions",), [one.share for one in file.actions])
    yield from _sum_faults(("operators",), [one.share for one in file.operators])
    if file.agents.shopping + file.agents.splitting > 1.0:
        yield ("agents", "splitting"), "with shopping it is more than all sessions of attackers"
    names = [one.name for one in file.operators]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield ("operators", index, "name"), f"{name} is there twice"


def _sum_faults(path: Path, shares: list[float]) -> Iterator[tuple[Path, str]]:
    if abs(sum(shares) - 1.0) > _SUM_TOLERANCE:
        yield path, f"the shares add up to {sum(shares):.6g}, not to 1"
