"""Services are asked what their clients ask, over real sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _services

ADDRESS = "127.0.0.69"


@contextlib.contextmanager
def tftp(answers):
    """A server on port 69 that sends C(answers) in turn, each after a packet from the client, and keeps what it got."""
    got = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talking:
        listening.bind((ADDRESS, 69))
        talking.bind((ADDRESS, 0))
        for sock in (listening, talking):
            sock.settimeout(10)

        def serve():
            sock = listening
            for data in answers:
                packet, peer = sock.recvfrom(2048)
                got.append(packet)
                talking.sendto(data, peer)
                sock = talking

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield got
        finally:
            server.join()


def blocks(content: bytes) -> list[bytes]:
    return [struct.pack("!HH", 3, i // 512 + 1) + content[i : i + 512] for i in range(0, len(content) + 1, 512)]


@pytest.mark.parametrize("size", [1, 511, 512, 513, 1024, 5000])
def test_a_file_is_read_whole(size):
    with tftp(blocks(os.urandom(size))) as got:
        assert _services.tftp_size(ADDRESS, "pxelinux.cfg/01-52-54-00-00-00-01") == size
    assert got[0] == b"\0\1pxelinux.cfg/01-52-54-00-00-00-01\0octet\0"
    assert got[1:] == [struct.pack("!HH", 4, i + 1) for i in range(len(got) - 1)]


def test_a_block_that_comes_twice_counts_once():
    one, two = blocks(b"x" * 600)
    with tftp([one, one, two]):
        assert _services.tftp_size(ADDRESS, "file") == 600


@pytest.mark.parametrize(
    ("packet", "said"),
    [(b"\0\5\0\1File not found\0", "File not found"), (b"\0\5\0\1\xff", "\ufffd"), (b"\0\6", "no data"), (b"", "no data")],
    ids=["error", "error in no known script", "another answer", "empty"],
)
def test_what_the_server_says_instead_is_the_complaint(packet, said):
    with tftp([packet]):
        complaint = _services.PROBES["tftp"](ADDRESS, "file")
    assert said in complaint


def test_an_empty_file_and_a_silent_server_are_complaints():
    with tftp(blocks(b"")):
        assert _services.PROBES["tftp"](ADDRESS, "file") == "file is empty"
    with tftp([]), pytest.raises(TimeoutError):
        _services.tftp_size(ADDRESS, "file", timeout=0.1)
    assert "cannot read file from 127.0.0.69" in _services.PROBES["tftp"](ADDRESS, "file")


def test_a_content_probe_is_content_with_a_file():
    with tftp(blocks(b"hello")):
        _services.probe({"tftp": {"address": ADDRESS, "path": "file"}})


def test_a_port_that_accepts_and_one_that_does_not():
    with socket.create_server((ADDRESS, 0)) as server:
        port = server.getsockname()[1]
        assert _services.PROBES["tcp"](ADDRESS, port) is None
    assert f"nothing answers on {ADDRESS}:{port}" in _services.PROBES["tcp"](ADDRESS, port)


def test_a_unit_that_does_not_exist_does_not_run():
    assert not _services.is_active("bootyard-no-such-unit.service")
    assert not _services.is_enabled("bootyard-no-such-unit.service")
    with pytest.raises(_services.ServiceError):
        _services.activate("bootyard-no-such-unit.service", "reload")
    with pytest.raises(_services.ServiceError, match=r"cannot disable bootyard-no-such-unit"):
        _services.disable("bootyard-no-such-unit.service")
