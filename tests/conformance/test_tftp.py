"""Both TFTP servers: machines read what is published, byte for byte, and nobody writes or leaves the directory."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor

import daemons
import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _services
from documents import ROOT

SERVER = "10.0.33.1"
READ, WRITE, DATA, ERROR = 1, 2, 3, 5
FILES = {
    "pxelinux.0": os.urandom(42_430),
    "pxelinux.cfg/01-52-54-00-00-00-01": b"DEFAULT debian-nfs\n",
    "grub/by-mac/52:54:00:00:00:01.cfg": b"boot\n",
    "images/debian-12/0001-x/vmlinuz": os.urandom(512 * 1024),
    "images/debian-12/0001-x/initrd.img": os.urandom(512 * 1024 - 1),
}


def options() -> list[str]:
    """The options that the role gives tftpd-hpa."""
    template = (ROOT / "roles/tftp/templates/etc/default/tftpd-hpa.j2").read_text()
    return re.search(r'^TFTP_OPTIONS="(.*)"$', template, re.MULTILINE)[1].split()


MAP = "/etc/bootyard/tftpd.map"
SERVERS = {
    "tftpd-hpa": ["in.tftpd", "--foreground", "--user", "tftp", "--address", f"{SERVER}:69", *options(), "/srv/tftp"],
    "dnsmasq": ["dnsmasq", "--conf-file=/dev/null", "--port=0", "--enable-tftp", "--tftp-root=/srv/tftp", "--keep-in-foreground"],
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """One machine for all of this, with a file outside of what is served; nothing here changes it for good."""
    with daemons.machine("bookworm", tmp_path_factory.mktemp("machine")) as made:
        for path, content in FILES.items():
            target = made.root / "srv/tftp" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        # Even where a file could be written by everybody, it is not.
        (made.root / "srv/tftp/pxelinux.0").chmod(0o666)
        (made.root / "srv/tftp").chmod(0o777)
        made.write("/srv/outside", "canary")
        made.write(MAP, (ROOT / f"roles/tftp/files/{MAP}").read_text())
        yield made


@pytest.fixture(scope="module", params=SERVERS)
def server(request, machine):
    """One server after the other at work."""
    machine.stop()  # the one before
    daemon = machine.start(*SERVERS[request.param])
    assert daemons.eventually(10, lambda: not _services.PROBES["tftp"](SERVER, "pxelinux.0")), daemon.log.read_text()
    return daemon


def answer(code: int, path: str) -> tuple[int, bytes]:
    """The code and the content of the first packet that answers a request."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(struct.pack("!H", code) + path.encode() + b"\0octet\0", (SERVER, 69))
        packet, peer = sock.recvfrom(2048)
        sock.sendto(struct.pack("!HH", ERROR, 0) + b"enough\0", peer)
    return int.from_bytes(packet[:2]), packet[4:]


def fetch(path: str) -> bytes:
    command = ["curl", "--silent", "--show-error", "--max-time", "60", f"tftp://{SERVER}/{path}"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_every_file_arrives_as_it_is(server):
    assert {path: fetch(path) for path in FILES} == FILES


@pytest.mark.parametrize("path", ["/pxelinux.0", "pxelinux.0", "//pxelinux.0"])
def test_paths_are_found_however_they_begin(server, path):
    assert answer(READ, path) == (DATA, FILES["pxelinux.0"][:512])


def test_sixty_machines_at_once(server):
    with ThreadPoolExecutor(60) as machines:
        assert list(machines.map(fetch, ["images/debian-12/0001-x/vmlinuz"] * 60)) == [FILES["images/debian-12/0001-x/vmlinuz"]] * 60
    assert server.alive


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "/../outside",
        "//../outside",
        "images/../../outside",
        "/images/../../outside",
        "..\\outside",
        "..%2foutside",
        "/srv/outside",
        "/srv/tftp/../outside",
        "./../outside",
        "/images/debian-12/../../../../srv/outside",
    ],
)
def test_nothing_else_is_to_be_had(server, path):
    code, content = answer(READ, path)
    assert code == ERROR
    assert b"canary" not in content


@pytest.mark.parametrize("path", ["new", "pxelinux.0", "/pxelinux.cfg/01-52-54-00-00-00-01", "../outside"])
def test_nothing_can_be_written(server, machine, path):
    assert answer(WRITE, path)[0] == ERROR
    assert {name: (machine.root / "srv/tftp" / name).read_bytes() for name in FILES} == FILES
    assert not (machine.root / "srv/tftp/new").exists()
    assert (machine.root / "srv/outside").read_text() == "canary"
