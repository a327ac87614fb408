"""Where events may be sent, and all the ways in which an address can pretend to be another."""

import pytest

from broker.errors import InvalidRequest
from broker.events.addresses import is_public, require_sendable

INSIDE = (
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
    *("100::1", "2001::1", "2001:0:4136:e378::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1"),
    *("fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1", "not an address", ""),
)


@pytest.mark.parametrize("address", INSIDE)
def test_what_leads_inside_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00::1"]
)
def test_what_leads_outside_passes(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com/hooks", "https://example.com:443/a?b=c", "https://xn--bcher-kva.example/in"),
        *("https://8.8.8.8/in", "https://[2606:4700::1111]/in", "https://a.b.example./in"),
    ],
)
def test_a_public_https_url_passes(url: str) -> None:
    require_sendable(url, private=False)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com", "//example.com"),
        *("https://", "https:///x", "https://:443/", "example.com", "", "https://[::1", "https://example.com:port/"),
        *("https://user@example.com/", "https://user:pw@example.com/", "https://example.com@127.0.0.1/"),
        *("https://example.com/#fragment", "https://exa mple.com/", "https://example.com/\r\nHost: x"),
        *("https://example.com\\@127.0.0.1/", "https://bücher.example/", "https://ex\u3002ample.com/"),
        *("https://example.com:8443/", "https://example.com:80/", "https://example.com:22/", "https://example.com:0/"),
        *("https://localhost/", "https://localhost./", "https://broker/", "https://intranet/"),
        *("https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/"),
        *("https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.1./", "https://0/", "https://1/"),
        *("https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://[::ffff:127.0.0.1]/"),
        *("https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1%25eth0]/", "https://10.0.0.1/"),
        "https://example.com/" + "a" * 2000,
    ],
)
def test_anything_else_is_refused_with_what_to_send(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        require_sendable(url, private=False)
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.detail.startswith("send ")) == ("/url", True)


def test_a_demo_may_send_to_its_own_machine_and_yet_not_anything() -> None:
    require_sendable("http://127.0.0.1:9999/in", private=True)
    for url in ("file:///etc/passwd", "http://user:pw@127.0.0.1/", "http:///x"):
        with pytest.raises(InvalidRequest):
            require_sendable(url, private=True)
