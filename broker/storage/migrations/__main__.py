"""``python -m broker.storage.migrations``, the URL on standard input: bring that database's schema up to date."""

import sys

from sqlalchemy import make_url

from broker.storage.migrations.runner import migrate


def main() -> int:
    """Migrate; the exit status, with one line on standard error when it is not 0."""
    url = sys.stdin.read().strip()
    try:
        migrate(url)
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets one line and a status
        password = make_url(url).password
        line = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        # Defensive: a driver's message may repeat the URL.
        sys.stderr.write((line.replace(str(password), "…") if password else line) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
