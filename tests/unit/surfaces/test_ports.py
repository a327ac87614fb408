"""Ports of the demo: two of them on one machine never start on the same."""

import socket

from broker.surfaces.cli.processes import Ports


def test_a_claimed_port_is_not_given_twice() -> None:
    with Ports() as one, Ports() as other:
        first = one.take(0)
        assert other.take(first) != first
    with Ports() as later:
        assert later.take(first) == first


def test_a_port_in_use_is_passed_over() -> None:
    with socket.socket() as busy, Ports() as ports:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert ports.take(port) != port
