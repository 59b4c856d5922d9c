"""Sockets that our servers listen on."""

import socket
from ipaddress import ip_address

from orchestrator.boot.listen import tcp


def test_asyncio_sees_that_it_is_tcp_and_sends_small_answers_at_once():
    """It turns Nagle's algorithm off for sockets that name their protocol; others wait 40 ms for an ACK."""
    with tcp(ip_address("127.0.0.1"), 0, "a test") as listener:
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP
