"""Typed settings: ``broker.toml``, overridden by the environment; unknown keys are refused in both."""

import os
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from broker.errors import Misconfigured
from broker.settings.sections import (
    AuditSettings,
    BudgetSettings,
    CautionSettings,
    ChallengeSettings,
    CheckSettings,
    ConsentSettings,
    EvidenceSettings,
    GuardSettings,
    HttpSettings,
    JourneySettings,
    KeySettings,
    OAuthSettings,
    PaceSettings,
    PlaceSettings,
    PolicySettings,
    ReceiptSettings,
    RetentionSettings,
    ReviewSettings,
    RightsSettings,
    RoutingSettings,
    ServerSettings,
    SharedSettings,
    StorageSettings,
    TlsSettings,
    WaitSettings,
    WatchSettings,
    WebhookSettings,
)

_PREFIX = "TRUST_BROKER__"
CONFIG_VARIABLE = "TRUST_BROKER_CONFIG"
_PACKAGE = Path(__file__).parents[1]


class Settings(BaseSettings):
    """Everything that can be set. A value in the environment, ``TRUST_BROKER__SECTION__KEY``, beats the file."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    keys: KeySettings = KeySettings()
    checks: CheckSettings = CheckSettings()
    receipts: ReceiptSettings = ReceiptSettings()
    audit: AuditSettings = AuditSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    policies: PolicySettings = PolicySettings()
    http: HttpSettings = HttpSettings()
    routing: RoutingSettings = RoutingSettings()
    guards: GuardSettings = GuardSettings()
    caution: CautionSettings = CautionSettings()
    pace: PaceSettings = PaceSettings()
    oauth: OAuthSettings = OAuthSettings()
    tls: TlsSettings = TlsSettings()
    budgets: BudgetSettings = BudgetSettings()
    shared: SharedSettings = SharedSettings()
    consent: ConsentSettings = ConsentSettings()
    retention: RetentionSettings = RetentionSettings()
    reviews: ReviewSettings = ReviewSettings()
    rights: RightsSettings = RightsSettings()
    journeys: JourneySettings = JourneySettings()
    places: PlaceSettings = PlaceSettings()
    challenges: ChallengeSettings = ChallengeSettings()
    webhooks: WebhookSettings = WebhookSettings()
    watches: WatchSettings = WatchSettings()
    waiting: WaitSettings = WaitSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the values handed in (those of the file)."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def config_folder(given: Path | None) -> Path:
    """The folder to read: the one given, the one in ``TRUST_BROKER_CONFIG``, ``./config``, or the one shipped.

    Raises:
        Misconfigured: the folder has no ``broker.toml``.
    """
    named = given or (Path(os.environ[CONFIG_VARIABLE]) if CONFIG_VARIABLE in os.environ else None)
    folder = named or (Path("config") if Path("config/broker.toml").exists() else shipped_beside(_PACKAGE))
    if not (folder / "broker.toml").is_file():
        raise Misconfigured(f"{folder}: no broker.toml there; point --config or {CONFIG_VARIABLE} at one that has it")
    return folder


def shipped_beside(package: Path) -> Path:
    """The folder that came with the package: within it where it was installed, beside it among its sources."""
    installed = package / "_config"
    return installed if installed.is_dir() else package.parent / "config"


def load(folder: Path) -> Settings:
    """Read ``broker.toml`` and the environment.

    Raises:
        Misconfigured: a key is unknown or a value does not fit; names each one.
    """
    path = folder / "broker.toml"
    try:
        values = TomlConfigSettingsSource(Settings, path)()
        settings = Settings(**values)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise Misconfigured(f"{path} or the environment: {faults}") from error
    except ValueError as error:
        raise Misconfigured(f"{path}: {error}") from error
    _refuse_unknown_variables()
    return settings


def _refuse_unknown_variables() -> None:
    """Defensive: a misspelt variable would otherwise leave a limit at its default without a word."""
    for name in os.environ:
        if not name.upper().startswith(_PREFIX):
            continue
        section, _, key = name[len(_PREFIX) :].lower().partition("__")
        field = Settings.model_fields.get(section)
        known = field is not None and isinstance(field.default, BaseModel) and key in type(field.default).model_fields
        if not known:
            raise Misconfigured(f"environment variable {name}: no such setting; see config/broker.toml for the names")
