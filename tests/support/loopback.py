"""What the tests' own clients believe of servers that the tests started."""

import ssl

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""No authority, for talk in plain HTTP: reading all those of the world takes longer than most tests."""
