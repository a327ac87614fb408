"""The limits of all guards, as one value; ``[guards]`` of the settings becomes this."""

import msgspec


class GuardLimits(msgspec.Struct, frozen=True):
    """Every maximum that guards keep. Units are last in the names; shares are between 0 and 1."""

    operator_in_flight_max: int = 192
    api_in_flight_max: int = 48
    queue_max: int = 96
    queue_wait_share: float = 0.2
    breaker_failures_in_row: int = 5
    breaker_calls_min: int = 20
    breaker_failure_share: float = 0.5
    breaker_window_s: float = 10.0
    breaker_open_s: float = 30.0
    breaker_open_max_s: float = 300.0
    breaker_jitter_share: float = 0.2
    suspect_window_s: float = 30.0
    attempt_start_ms: int = 1200
    attempt_min_ms: int = 200
    attempt_max_ms: int = 2500
    attempt_samples_min: int = 1000
    retry_share: float = 0.1
    retry_floor: int = 3
    retry_window_s: float = 60.0
    retry_wait_min_ms: int = 20
    retry_wait_max_ms: int = 120
    throttle_pause_ms: int = 1000
    throttle_pause_max_ms: int = 30_000
    quota_pause_ms: int = 60_000
    pause_asked_max_ms: int = 600_000
    hedge_share: float = 0.1
    hedge_window_s: float = 60.0
    hedge_samples_min: int = 100
