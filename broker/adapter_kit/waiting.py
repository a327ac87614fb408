"""How long an operator asks us to stay away: HTTP's ``Retry-After`` (RFC 9110 10.2.3), in either of its two forms."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS_MAX = 86_400.0
_SECONDS = re.compile(r"[0-9]{1,9}")
_DATE_CHARS_MAX = 40


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds from now, at most a day; ``None`` where the field is absent or says nothing that can be read."""
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _SECONDS_MAX)
    if not text or len(text) > _DATE_CHARS_MAX:
        return None
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:  # "-0000" means that the zone is unknown; HTTP's dates are in GMT
        until = until.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), _SECONDS_MAX)
