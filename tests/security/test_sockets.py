"""No process of a sweep listens: nobody can connect to one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.security.conftest import Trained
from tests.security.sockets import find_listening


def test_running_sweep_listens_on_no_socket(trained: Trained) -> None:
    """Driver, fork server and trial talk over socket pairs, which have no address."""
    assert trained.num_processes >= 3
    assert trained.listening == set()


def test_listening_socket_is_found(tmp_path: Path) -> None:
    """The red control: the look at /proc sees one of each kind."""
    with (
        socket.create_server(("127.0.0.1", 0)),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as local,
    ):
        datagrams.bind(("127.0.0.1", 0))
        local.bind(str(tmp_path / "socket"))
        local.listen()
        found = find_listening([os.getpid()])
    assert {address.split()[0] for address in found} == {"tcp", "udp", "unix"}
