"""Services are asked what their clients ask, over real sockets."""

from __future__ import annotations

import contextlib
import functools
import http.server
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


@pytest.fixture
def website(tmp_path, monkeypatch):
    """The URL of a real server with one file, which the proxy of the environment would not reach."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (tmp_path / "page").write_text("generation 7")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer((ADDRESS, 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://{ADDRESS}:{server.server_port}"
        server.shutdown()


def test_a_page_is_asked_for_what_it_must_say(website):
    assert _services.PROBES["http"](f"{website}/page") is None
    assert _services.PROBES["http"](f"{website}/page", "tion 7") is None
    assert _services.PROBES["http"](f"{website}/page", "tion 8") == f"{website}/page does not say 'tion 8'"
    assert _services.PROBES["http"](f"{website}/other").startswith(f"cannot read {website}/other: HTTP Error 404")


def test_what_is_no_web_server_is_a_complaint():
    with socket.create_server((ADDRESS, 0)) as server:
        url = "http://{}:{}/".format(*server.getsockname())
        speaks = threading.Thread(target=lambda: server.accept()[0].sendall(b"SSH-2.0-OpenSSH\r\n"))
        speaks.start()
        assert f"cannot read {url}: " in _services.PROBES["http"](url)
        speaks.join()
    assert f"cannot read {url}: " in _services.PROBES["http"](url)


def test_a_unit_that_does_not_exist_does_not_run():
    assert not _services.is_active("bootyard-no-such-unit.service")
    assert not _services.is_enabled("bootyard-no-such-unit.service")
    with pytest.raises(_services.ServiceError):
        _services.activate("bootyard-no-such-unit.service", "reload")
    with pytest.raises(_services.ServiceError, match=r"cannot disable bootyard-no-such-unit"):
        _services.disable("bootyard-no-such-unit.service")
