"""Limits of checks, from settings."""

from broker.settings.sections import CheckSettings, ServerSettings
from broker.usecases.admission import AdmissionLimits
from broker.usecases.check_tools import CheckLimits


def admission_limits(server: ServerSettings, checks: CheckSettings) -> AdmissionLimits:
    """How many checks run at once, and who waits."""
    return AdmissionLimits(
        in_flight_max=server.checks_in_flight_max,
        waiting_max=server.checks_waiting_max,
        wait_ms=server.checks_wait_ms,
        deadline_default_ms=checks.deadline_default_ms,
        # Scoring, signing and writing take their time after the wait.
        grace_ms=checks.record_grace_ms - checks.reserve_ms,
    )


def check_limits(checks: CheckSettings) -> CheckLimits:
    """The times of a check."""
    return CheckLimits(
        deadline_default_ms=checks.deadline_default_ms,
        deadline_cap_ms=checks.deadline_cap_ms,
        reserve_ms=checks.reserve_ms,
        record_grace_ms=checks.record_grace_ms,
        late_answers_ms=checks.late_answers_ms,
    )
