"""Where events may be sent: https to public addresses. The tenant chooses the URL, and stands outside our network.

Our own list of ranges, for the standard library's ``is_global`` says yes to several that lead inside (NAT64, 6to4,
site-local, multicast), and not the same ones in every release.
"""

import ipaddress
from urllib.parse import urlsplit

from broker.errors import Fault, InvalidRequest

URL_MAX = 2000
_HTTPS_PORT = 443

_REFUSED_4 = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
# Within what is public: special purposes with Teredo, documentation, 6to4, and documentation again.
_REFUSED_6 = tuple(
    ipaddress.IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
)


def is_public(address: str) -> bool:
    """Whether an address leads out into the Internet, and by no detour back in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in _REFUSED_4)
    return found in _PUBLIC_6 and not any(found in network for network in _REFUSED_6)


def is_any(_address: str) -> bool:
    """For tests and demos, where receivers are on this machine."""
    return True


def require_sendable(url: str, *, private: bool) -> None:
    """Refuse what is no plain https URL of a public host; ``private`` lets http and every port pass as well.

    What a name resolves to is looked at again whenever something is sent.

    Raises:
        InvalidRequest: says what to send.
    """
    if (found := fault(url, private=private)) is not None:
        raise InvalidRequest("events cannot be sent there", [Fault("/url", found)])


def fault(url: str, *, private: bool) -> str | None:
    """What to send instead of a URL that is no plain one of a public host."""
    if len(url) > URL_MAX or not url.isascii() or not url.isprintable() or " " in url:
        return f"send at most {URL_MAX} printable ASCII characters; an international name in its xn-- form"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "send a URL"
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        return "send an https URL"
    if not parts.hostname or parts.username is not None or parts.password is not None or "\\" in url or parts.fragment:
        return "send a URL with a host, without user, password or fragment"
    if private:
        return None
    if port not in {None, _HTTPS_PORT}:
        return "send a URL on port 443"
    return _host_fault(parts.hostname)


def _host_fault(host: str) -> str | None:
    try:
        return None if is_public(str(ipaddress.ip_address(host))) else "send a URL with a public address"
    except ValueError:
        pass
    # Defensive: resolvers read "2130706433", "0x7f.1" and "127.1" as addresses; no top-level domain starts so.
    last = host.rstrip(".").rpartition(".")[2]
    if "." not in host.rstrip(".") or not last[:1].isalpha():
        return "send a URL whose host is a full domain name"
    return None
