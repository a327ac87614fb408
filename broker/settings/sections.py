"""The tables of ``broker.toml``, one class each."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FilePath, IPvAnyAddress, model_validator


class Section(BaseModel):
    """A table of ``broker.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def require_order(section: BaseModel, *pairs: tuple[str, str]) -> None:
    """Refuse pairs of limits that contradict each other."""
    for low, high in pairs:
        if getattr(section, low) > getattr(section, high):
            raise ValueError(f"{low} is above {high}: lower the one or raise the other")


class ServerSettings(Section):
    """Where the broker listens and how much it takes on at once."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[^/?#\s]+$")
    checks_in_flight_max: int = Field(default=64, ge=1, le=10_000)
    checks_waiting_max: int = Field(default=1024, ge=0, le=10_000)
    checks_wait_ms: int = Field(default=1000, ge=0, le=4000)
    request_read_s: float = Field(default=10, gt=0, le=60)
    log: Literal["text", "json"] = "text"


class StorageSettings(Section):
    """Which database, as a URL: ``sqlite:///path`` or ``postgresql://…``."""

    url: str = "sqlite:///var/broker.db"
    commit_interval_ms: float = Field(default=2.0, ge=0, le=100)
    commit_wait_ms: int = Field(default=2000, ge=100, le=10_000)
    lock_wait_ms: int = Field(default=1000, ge=10, le=10_000)
    read_wait_ms: int = Field(default=1000, ge=10, le=10_000)
    queue_max: int = Field(default=2048, ge=1, le=100_000)

    @model_validator(mode="after")
    def _in_order(self) -> "StorageSettings":
        require_order(self, ("lock_wait_ms", "commit_wait_ms"))
        return self


class KeySettings(Section):
    """Where secrets are kept, one file each; and how many keys of subjects a process holds unwrapped."""

    directory: Path = Path("var/keys")
    vault: Literal["file", "environment", "transit"] = "file"
    transit_url: str = ""
    transit_mount: str = Field(default="transit", pattern=r"^[A-Za-z0-9_/-]+$")
    transit_key: str = Field(default="trust-broker", pattern=r"^[A-Za-z0-9_-]+$")
    transit_token: Path | None = None
    transit_ca: Path | None = None
    vault_entries_max: int = Field(default=50_000, ge=1, le=10_000_000)


class ConsentSettings(Section):
    """Where consents have to be on record, and how many people's a process remembers."""

    ledger: Literal["required", "operators"] = "required"
    entries_max: int = Field(default=50_000, ge=1, le=10_000_000)


class RetentionSettings(Section):
    """How long each category of data is kept, in days."""

    evidence_days: int = Field(default=200, ge=1, le=3650)
    records_days: int = Field(default=400, ge=1, le=3650)
    proofs_days: int = Field(default=400, ge=1, le=3650)
    requests_days: int = Field(default=1095, ge=1, le=3650)


ASKING_MS_MIN = 100
"""Less than this, and no operator could be asked: connecting alone takes longer."""


class CheckSettings(Section):
    """Time limits of a check, in milliseconds."""

    deadline_default_ms: int = Field(default=1500, ge=100, le=10_000)
    deadline_cap_ms: int = Field(default=4000, ge=100, le=10_000)
    reserve_ms: int = Field(default=150, ge=0, le=1000)
    record_grace_ms: int = Field(default=500, ge=0, le=10_000)
    late_answers_ms: int = Field(default=2000, ge=0, le=30_000)
    late_checks_max: int = Field(default=256, ge=0, le=10_000)
    unseen_step_ms: int = Field(default=250, ge=0, le=2000)

    @property
    def deadline_min_ms(self) -> int:
        """The shortest deadline that leaves time to ask anybody."""
        return self.reserve_ms + ASKING_MS_MIN

    @model_validator(mode="after")
    def _in_order(self) -> "CheckSettings":
        require_order(self, ("deadline_default_ms", "deadline_cap_ms"))
        if self.deadline_default_ms < self.deadline_min_ms:
            raise ValueError(
                f"deadline_default_ms leaves less than {ASKING_MS_MIN} ms to ask operators after reserve_ms;"
                f" set at least {self.deadline_min_ms}, or a smaller reserve_ms"
            )
        return self


class ReceiptSettings(Section):
    """How long a receipt holds, in seconds."""

    ttl_s: int = Field(default=300, ge=1, le=300)


class WitnessSettings(Section):
    """A witness of the log: its public key (C2SP vkey), and where checkpoints are sent, without ``/add-checkpoint``."""

    vkey: str = Field(min_length=1, max_length=500)
    url: str = Field(pattern=r"^https?://[^?#\s]+[^/?#\s]$")


class AuditSettings(Section):
    """The transparency log: its name, and how often what was written is taken in and signed."""

    origin: str = Field(default="", pattern=r"^[^\s+]{0,200}$")
    checkpoint_ms: int = Field(default=1000, ge=10, le=4000)
    checkpoint_late_ms: int = Field(default=5000, ge=1000, le=60_000)
    witnesses: tuple[WitnessSettings, ...] = ()


class EvidenceSettings(Section):
    """The scenario table behind the weights, relative to the configuration folder, and the memory for answers."""

    table: str = "evidence/default.yaml"
    cache_entries_max: int = Field(default=50_000, ge=0, le=10_000_000)


class PolicySettings(Section):
    """How current a node keeps itself with policies and stops, and how long a looser version waits once approved."""

    refresh_ms: int = Field(default=250, ge=10, le=1000)
    stale_ms: int = Field(default=800, ge=20, le=1000)
    loosening_delay_s: int = Field(default=3600, ge=60, le=30 * 86_400)


class HttpSettings(Section):
    """Which HTTP client carries calls to operators."""

    client: Literal["aiohttp", "httpx"] = "aiohttp"


class RoutingSettings(Section):
    """Who knows which network serves a number. Times are in seconds."""

    finder: str = Field(default="", pattern=r"^([a-z][a-z0-9_-]*\.toml)?$")
    finder_first: Literal["portable", "never"] = "portable"
    shallow_ttl_s: float = Field(default=3600, ge=0, le=604_800)
    deep_ttl_s: float = Field(default=86_400, ge=0, le=2_592_000)
    unknown_ttl_s: float = Field(default=600, ge=0, le=86_400)
    entries_max: int = Field(default=50_000, ge=0, le=10_000_000)
    searches_in_flight_max: int = Field(default=64, ge=1, le=10_000)


class GuardSettings(Section):
    """What protects the broker from operators, and operators from the broker. Shares are between 0 and 1."""

    operator_in_flight_max: int = Field(default=192, ge=1, le=10_000)
    api_in_flight_max: int = Field(default=48, ge=1, le=10_000)
    queue_max: int = Field(default=96, ge=0, le=10_000)
    queue_wait_share: float = Field(default=0.2, ge=0, le=1)
    breaker_failures_in_row: int = Field(default=5, ge=1, le=1_000_000)
    breaker_calls_min: int = Field(default=20, ge=1, le=1_000_000)
    breaker_failure_share: float = Field(default=0.5, gt=0, le=1)
    breaker_window_s: float = Field(default=10, gt=0, le=600)
    breaker_open_s: float = Field(default=30, gt=0, le=3600)
    breaker_open_max_s: float = Field(default=300, gt=0, le=3600)
    breaker_jitter_share: float = Field(default=0.2, ge=0, lt=1)
    suspect_window_s: float = Field(default=30, gt=0, le=600)
    attempt_start_ms: int = Field(default=1200, ge=10, le=10_000)
    attempt_min_ms: int = Field(default=200, ge=10, le=10_000)
    attempt_max_ms: int = Field(default=2500, ge=10, le=10_000)
    attempt_samples_min: int = Field(default=1000, ge=1, le=10_000)
    retry_share: float = Field(default=0.1, ge=0, le=1)
    retry_floor: int = Field(default=3, ge=0, le=1000)
    retry_window_s: float = Field(default=60, gt=0, le=600)
    retry_wait_min_ms: int = Field(default=20, ge=0, le=1000)
    retry_wait_max_ms: int = Field(default=120, ge=0, le=1000)
    throttle_pause_ms: int = Field(default=1000, ge=0, le=60_000)
    throttle_pause_max_ms: int = Field(default=30_000, ge=0, le=600_000)
    quota_pause_ms: int = Field(default=60_000, ge=0, le=3_600_000)
    pause_asked_max_ms: int = Field(default=600_000, ge=0, le=86_400_000)
    hedge_share: float = Field(default=0.1, ge=0, le=1)
    hedge_window_s: float = Field(default=60, gt=0, le=600)
    hedge_samples_min: int = Field(default=100, ge=1, le=10_000)

    @model_validator(mode="after")
    def _ends_in_order(self) -> "GuardSettings":
        require_order(
            self,
            ("attempt_min_ms", "attempt_start_ms"),
            ("attempt_start_ms", "attempt_max_ms"),
            ("retry_wait_min_ms", "retry_wait_max_ms"),
            ("throttle_pause_ms", "throttle_pause_max_ms"),
            ("breaker_open_s", "breaker_open_max_s"),
            ("api_in_flight_max", "operator_in_flight_max"),
        )
        return self


class CautionSettings(Section):
    """How long what was asked about a subject counts for what is asked next; 0 switches a rule off."""

    class_window_s: int = Field(default=900, ge=0, le=86_400)
    adverse_window_s: int = Field(default=3600, ge=0, le=604_800)
    amount_window_s: int = Field(default=86_400, ge=0, le=604_800)


class PlaceSettings(Section):
    """Of one person at one tenant in a day: how many different circles are asked, and how often any; 0 is no limit."""

    circles_daily: int = Field(default=3, ge=0, le=10_000)
    asked_daily: int = Field(default=24, ge=0, le=10_000)


class JourneySettings(Section):
    """How long, within one conversation, a proven SIM and a denial count for what is asked next; 0 forgets at once."""

    possession_s: int = Field(default=600, ge=0, le=3600)
    denial_s: int = Field(default=3600, ge=0, le=86_400)


class PaceSettings(Section):
    """When agents are conspicuous: people a minute, neighbours in a row, numbers of a block; 0 switches a rule off."""

    subjects_flagged: int = Field(default=60, ge=0, le=1_000_000)
    subjects_max: int = Field(default=600, ge=0, le=1_000_000)
    run_flagged: int = Field(default=10, ge=0, le=1_000_000)
    block_flagged: int = Field(default=30, ge=0, le=300)
    block_max: int = Field(default=100, ge=0, le=300)
    agents_max: int = Field(default=10_000, ge=1, le=10_000_000)


class WaitSettings(Section):
    """How many calls may be held that wait for a check, on a node and for one consumer, and how often they look."""

    held_max: int = Field(default=2000, ge=0, le=100_000)
    held_per_consumer_max: int = Field(default=500, ge=0, le=100_000)
    look_ms: int = Field(default=1000, ge=10, le=25_000)
    stream_s: float = Field(default=300, gt=0, le=3600)


class BudgetSettings(Section):
    """From how much of a month's money on it is said to be nearly spent, and how often that is looked at."""

    low_percent: int = Field(default=80, ge=1, le=100)
    look_s: float = Field(default=30, ge=0.01, le=3600)


class WatchSettings(Section):
    """How many watches a tenant has at once, how often and for how long one looks, and how nodes share the work."""

    per_tenant_max: int = Field(default=1000, ge=0, le=1_000_000)
    every_min_s: int = Field(default=3600, ge=60, le=2_592_000)
    days_max: int = Field(default=365, ge=1, le=3650)
    look_s: float = Field(default=5, ge=0.01, le=600)
    at_once: int = Field(default=4, ge=1, le=64)
    lease_s: int = Field(default=60, ge=10, le=3600)
    again_s: int = Field(default=60, ge=1, le=86_400)


class WebhookSettings(Section):
    """Where events may go, and how often and how long they are tried. Times in seconds."""

    private_addresses: Literal["refused", "allowed"] = "refused"
    per_tenant_max: int = Field(default=20, ge=0, le=1000)
    look_ms: int = Field(default=500, ge=10, le=60_000)
    timeout_s: float = Field(default=10, gt=0, le=60)
    in_flight_max: int = Field(default=64, ge=1, le=1000)
    attempts_max: int = Field(default=10, ge=1, le=100)
    retry_first_s: float = Field(default=5, gt=0, le=3600)
    retry_factor: float = Field(default=6, ge=1, le=100)
    retry_pause_max_s: float = Field(default=86_400, gt=0, le=604_800)
    rotation_overlap_s: int = Field(default=86_400, ge=0, le=2_592_000)


class TlsSettings(Section):
    """TLS that ends here. Files in PEM; without ``certificate`` plain HTTP is served, for a proxy before us."""

    certificate: FilePath | None = None
    key: FilePath | None = None
    client_authorities: FilePath | None = None
    certificate_proxies: tuple[IPvAnyAddress, ...] = Field(default=(), max_length=16)

    @model_validator(mode="after")
    def _whole(self) -> "TlsSettings":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("name both certificate and key, or neither")
        if self.client_authorities is not None and self.certificate is None:
            raise ValueError("client_authorities are for TLS that ends here: name certificate and key")
        return self


class OAuthSettings(Section):
    """Access tokens, the proofs that go with them, and where clients' own keys are fetched; times in seconds."""

    token_ttl_s: int = Field(default=300, ge=10, le=300)
    proof_age_s: int = Field(default=60, ge=5, le=300)
    proof_nonce: bool = True
    jwks_addresses: Literal["public", "any"] = "public"
    jwks_authorities: FilePath | None = None
    jwks_timeout_s: float = Field(default=2, gt=0, le=10)
    jwks_fresh_s: float = Field(default=300, ge=1, le=86_400)
    jwks_again_s: float = Field(default=60, ge=1, le=3600)
    jwks_stale_s: float = Field(default=3600, ge=1, le=86_400)


class ChallengeSettings(Section):
    """How long links and codes hold, how many answers they take, how old a check may be, and how often one is asked."""

    link_s: int = Field(default=120, ge=10, le=600)
    code_s: int = Field(default=300, ge=30, le=900)
    attempts: int = Field(default=3, ge=1, le=10)
    within_s: int = Field(default=3600, ge=10, le=86_400)
    hourly: int = Field(default=6, ge=1, le=1000)
    prompts_hourly: int = Field(default=3, ge=1, le=100)
    clean_s: int = Field(default=300, ge=10, le=3600)
    sends: int = Field(default=3, ge=1, le=10)
    resend_s: int = Field(default=30, ge=5, le=600)
    prompt_s: int = Field(default=120, ge=10, le=900)


class RightsSettings(Section):
    """How long a person's request waits for its proof, how long a proof holds, and how often anybody may ask."""

    lapse_days: int = Field(default=7, ge=1, le=90)
    proof_s: int = Field(default=900, ge=60, le=3600)
    proofs_max: int = Field(default=5, ge=1, le=100)
    daily_per_person: int = Field(default=5, ge=1, le=1000)
    hourly_per_consumer: int = Field(default=300, ge=1, le=100_000)
    look_s: float = Field(default=60, ge=1, le=3600)


class SharedSettings(Section):
    """Where quotas are counted and proofs remembered: in each process, or in one Valkey or Redis for all."""

    url: str = Field(default="", pattern=r"^((redis|rediss|unix)://\S+)?$")
    connections_max: int = Field(default=32, ge=1, le=1000)
    wait_ms: int = Field(default=500, ge=10, le=5000)


class ReviewSettings(Section):
    """How long reviews wait, how long a claim holds, how old a check may be and how many wait about one person."""

    ttl_s: int = Field(default=900, ge=10, le=86_400)
    lease_s: int = Field(default=300, ge=5, le=3600)
    open_within_s: int = Field(default=3600, ge=10, le=86_400)
    open_per_subject: int = Field(default=5, ge=1, le=1000)
