"""How a version shows in a URL (CAMARA's API design guide)."""


def url_version(version: str) -> str:
    """``v0.4`` for 0.4.1, ``v2`` for 2.1.0, ``v0.3rc1`` for 0.3.0-rc.1: below 1 every minor is a step of its own."""
    released, _, candidate = version.partition("-")
    major, minor, _ = released.split(".")
    return (f"v{major}" if major != "0" else f"v0.{minor}") + candidate.replace(".", "")
