"""nginx with the configuration that is printed: it gives out files of one directory, whole or in parts, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import resource
import signal
import socket
import subprocess
import time

import daemons
import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _fleet, _ipxe, _nginx, _services
from documents import ROOT, load

SERVER, CLIENT = "10.0.33.1", "10.0.33.250"
WWW, CONFIG = "/srv/http", "/etc/nginx/conf.d/bootyard.conf"
BLOB = os.urandom(300_000)
NODES = 500


@pytest.fixture(scope="module")
def fleet():
    """Five hundred nodes, of which the last one is who asks here."""
    head = {"netboot_networks": {"lab": {"cidr": "10.0.32.0/22", "address": SERVER, "interface": "eth1"}}}
    hosts = {
        f"n{number}": {
            "netboot_mac": f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}",
            "netboot_ip": f"10.0.{34 + (number >> 8)}.{number & 255}" if number < NODES else CLIENT,
            "netboot_profile": "local",
        }
        for number in range(1, NODES + 1)
    }
    return _fleet.parse({"head": head, **hosts}, hosts, "head")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """One machine for all of this, as nothing here changes it for good."""
    with daemons.machine("bookworm", tmp_path_factory.mktemp("machine")) as made:
        yield made


@pytest.fixture(scope="module")
def files(machine, fleet):
    """All that is published, by path below the root; beside it lies what must never be given out."""
    scripts = _ipxe.files(fleet, {}, "", menu=False, replace_rom=False)
    for path, text in scripts.items():
        machine.write(WWW + path, text)
    www = machine.root / WWW.lstrip("/")
    (www / "images/debian-12").mkdir(parents=True)
    (www / "images/debian-12/initrd.img").write_bytes(BLOB)
    machine.write(f"{WWW}/.secret", "canary")
    machine.write(f"{WWW}/by-mac/.staged.bootyard", "canary")
    machine.write("/srv/outside/canary.txt", "canary")
    (www / "link.txt").symlink_to("../outside/canary.txt")
    (www / "linked").symlink_to("../outside")
    return {path: text.encode() for path, text in scripts.items()} | {"/images/debian-12/initrd.img": BLOB}


@pytest.fixture(scope="module")
def nginx(machine, fleet, files):
    """The server at work."""
    (machine.root / "etc/nginx/sites-enabled/default").unlink()
    for path, text in _nginx.files(fleet, (machine.root / "etc/nginx/nginx.conf").read_text(), WWW).items():
        machine.write(path, text)
    daemon = machine.start("nginx", "-g", "daemon off;")
    _services.probe(_nginx.probe(fleet, WWW))
    return daemon


def ask(target: str, method: str = "GET", *headers: str, body: bytes = b"", host: str = SERVER) -> tuple[int, dict[str, str], bytes]:
    """The answer to a request whose target goes out as it is written: status, headers by their names in lower case, body."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return answer("\r\n".join(lines).encode(errors="surrogateescape") + body)


def answer(request: bytes) -> tuple[int, dict[str, str], bytes]:
    """The same for the bytes of a request."""
    with socket.create_connection((SERVER, 80), 10) as connection:
        connection.sendall(request)
        head, _gap, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    return int(status.split()[1]), {name.lower(): value for name, value in (line.split(": ", 1) for line in headers)}, body


def logged(machine, mark: str) -> dict:
    """The request with that mark in its URI, as the log has it: its line is written when its connection is over."""

    def marked() -> list[dict]:
        lines = (machine.root / "var/log/nginx/bootyard.log").read_text().splitlines()
        return [line for line in map(json.loads, lines) if mark in line["uri"]]

    [line] = daemons.eventually(5, marked)
    return line


# --- what it gives out -----------------------------------------------------------------------------------------------


def test_every_file_arrives_as_it_is(nginx, files):
    for path, content in files.items():
        status, headers, body = ask(path)
        assert (status, int(headers["content-length"]), body) == (200, len(content), content), path


def test_head_says_the_length_and_sends_nothing(nginx):
    status, headers, body = ask("/images/debian-12/initrd.img", "HEAD")
    assert (status, headers["content-length"], headers["accept-ranges"], body) == (200, str(len(BLOB)), "bytes", b"")


@pytest.mark.parametrize(
    ("wanted", "part"), [("0-0", BLOB[:1]), ("1000-1999", BLOB[1000:2000]), ("299999-", BLOB[-1:]), ("-500", BLOB[-500:])]
)
def test_parts(nginx, wanted, part):
    status, headers, body = ask("/images/debian-12/initrd.img", "GET", f"Range: bytes={wanted}")
    assert (status, body) == (206, part)
    assert headers["content-range"].endswith(f"/{len(BLOB)}")


def test_a_part_behind_the_end_is_refused(nginx):
    assert ask("/images/debian-12/initrd.img", "GET", "Range: bytes=300000-")[0] == 416


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/boot.ipxe", "text/plain"), ("/images/debian-12/initrd.img", "application/octet-stream"), ("/a.efi", "application/efi")],
)
def test_kinds_of_files(nginx, machine, path, kind):
    machine.write(f"{WWW}/a.efi", "MZ")
    assert ask(path)[1]["content-type"] == kind


@pytest.fixture
def everybody():
    """This end of the cable is sixty-four machines, 10.0.33.64 and following, and has room for many connections."""
    subprocess.run(["ip", "route", "add", "local", "10.0.33.64/26", "dev", "lo"], check=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    subprocess.run(["ip", "route", "delete", "local", "10.0.33.64/26", "dev", "lo"], check=True)


def test_five_hundred_nodes_at_once(nginx, files, everybody):
    addresses = [f"10.0.33.{64 + number % 64}" for number in range(NODES)]

    async def fetch(path: str, address: str) -> bytes:
        reader, writer = await asyncio.open_connection(SERVER, 80, local_addr=(address, 0))
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        content = await reader.read()
        writer.close()
        return content.partition(b"\r\n\r\n")[2]

    async def fetch_all(paths: list[str]) -> list[bytes]:
        return await asyncio.gather(*map(fetch, paths, addresses))

    scripts = [path for path in files if path.startswith("/by-mac/")]
    assert len(scripts) == NODES
    assert asyncio.run(fetch_all(scripts)) == [files[path] for path in scripts]
    kernels = ["/images/debian-12/initrd.img"] * NODES
    assert asyncio.run(fetch_all(kernels)) == [BLOB] * NODES
    assert nginx.alive


def half_open(number: int, address: str) -> list[socket.socket]:
    """Connections that have begun a request and say no more."""
    made = []
    for _one in range(number):
        made.append(socket.create_connection((SERVER, 80), 5, source_address=(address, 0)))
        made[-1].sendall(b"GET /boot.ipxe HTTP/1.1\r\nHost: ")
    return made


def test_who_says_no_more_keeps_nobody_from_being_served(nginx, machine, files, everybody):
    """Three thousand requests of one machine that never end: others are served at once, and each of the connections is gone soon."""
    stuck = half_open(3000, "10.0.33.66")
    try:
        for _again in range(20):
            with socket.create_connection((SERVER, 80), 2, source_address=("10.0.33.67", 0)) as bystander:
                bystander.settimeout(2)
                bystander.sendall(b"GET /boot.ipxe HTTP/1.0\r\n\r\n")
                assert b"".join(iter(lambda: bystander.recv(65536), b"")).endswith(files["/boot.ipxe"])
        assert ask("/boot.ipxe")[2] == files["/boot.ipxe"]
        begun = time.monotonic()
        for connection in stuck:
            connection.settimeout(15)
            with contextlib.suppress(ConnectionResetError):
                connection.recv(4096)
        assert time.monotonic() - begun < 15
    finally:
        for connection in stuck:
            connection.close()


def test_one_machine_has_some_requests_at_a_time_and_others_all_of_theirs(nginx, files, everybody):
    """Who asks for large files and does not read them is refused more at some point; a node with several transfers never gets there."""

    def begin(address: str) -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.bind((address, 0))
        connection.connect((SERVER, 80))
        connection.sendall(b"GET /images/debian-12/initrd.img HTTP/1.0\r\n\r\n")
        return connection

    greedy = [begin("10.0.33.66") for _one in range(100)]
    modest = [begin("10.0.33.67") for _one in range(16)]
    answers = [connection.recv(12) for connection in greedy]
    assert (answers.count(b"HTTP/1.1 200"), answers.count(b"HTTP/1.1 503")) == (64, 36)
    for connection in modest:
        assert b"".join(iter(functools.partial(connection.recv, 65536), b"")).endswith(BLOB)
    for connection in greedy + modest:
        connection.close()


# --- what it does not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/by-mac/", "/images", "/images/debian-12/"])
def test_directories_are_not_listed(nginx, path):
    status, _headers, body = ask(path)
    assert status in (301, 403)
    assert b"initrd" not in body
    assert b".ipxe" not in body


@pytest.mark.parametrize(
    "target",
    [
        "/../outside/canary.txt",
        "/../../srv/outside/canary.txt",
        "/images/../../outside/canary.txt",
        "/..%2foutside/canary.txt",
        "/%2e%2e/outside/canary.txt",
        "/%2e%2e%2foutside%2fcanary.txt",
        "/..%5coutside%5ccanary.txt",
        "/..%c0%afoutside/canary.txt",
        "//srv/outside/canary.txt",
        "//../outside/canary.txt",
        "/./../outside/canary.txt",
        "/srv/outside/canary.txt",
        "../outside/canary.txt",
        "http://10.0.33.1/../outside/canary.txt",
        "http://10.0.33.1//srv/outside/canary.txt",
        "file:///srv/outside/canary.txt",
        "/boot.ipxe/../../outside/canary.txt",
        "/boot.ipxe%00/../../outside/canary.txt",
        "/link.txt",
        "/linked/canary.txt",
        "/images/../linked/canary.txt",
        "/.secret",
        "/by-mac/.staged.bootyard",
        "/by-mac/%2estaged.bootyard",
    ],
)
def test_nothing_else_is_to_be_had(nginx, target):
    status, _headers, body = ask(target)
    assert status in (400, 403, 404)
    assert b"canary" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "MKCOL", "MOVE", "TRACE", "OPTIONS", "CONNECT"])
@pytest.mark.parametrize("path", ["/boot.ipxe", "/new"])
def test_nothing_can_be_written(nginx, machine, files, method, path):
    status, _headers, _body = ask(path, method, body=b"canary")
    assert status in (400, 403, 405)
    assert (machine.root / "srv/http/boot.ipxe").read_bytes() == files["/boot.ipxe"]
    assert not (machine.root / "srv/http/new").exists()


def test_other_addresses_of_the_master_do_not_serve(nginx, machine):
    listening = machine.run("ss", "--no-header", "--listening", "--tcp", "--numeric").stdout.splitlines()
    assert [line.split()[3] for line in listening] == [f"{SERVER}:80"]


# --- what it writes down ---------------------------------------------------------------------------------------------


def test_the_log_names_the_node(nginx, machine):
    ask("/boot.ipxe?x=1", "GET", "User-Agent: iPXE/1.0.0")
    line = logged(machine, "?x=1")
    assert (line["node"], line["address"], line["method"], line["uri"]) == (f"n{NODES}", CLIENT, "GET", "/boot.ipxe?x=1")
    assert (line["status"], line["agent"]) == (200, "iPXE/1.0.0")
    assert line["bytes"] == (machine.root / "srv/http/boot.ipxe").stat().st_size
    assert line["seconds"] >= 0
    assert line["time"].startswith("20")


def test_nobody_is_who_he_says(nginx, machine):
    ask("/boot.ipxe?override_ipv4=10.0.34.1", "GET", "X-Forwarded-For: 10.0.34.1", "X-Real-IP: 10.0.34.1", "Forwarded: for=10.0.34.1")
    assert logged(machine, "override")["node"] == f"n{NODES}"


@pytest.mark.parametrize("host", ["", "evil.example", "10.0.34.1", "../outside", "_"])
def test_any_name_of_the_server_is_the_server(nginx, files, host):
    status, _headers, body = ask("/boot.ipxe", host=host)
    assert status == 400 or body == files["/boot.ipxe"]


@pytest.mark.parametrize(
    "request_",
    [
        b'GET /"}\x7f\xff HTTP/1.1\r\nHost: x\r\nUser-Agent: "},{"node": "n1\xff\x01\\\r\nConnection: close\r\n\r\n',
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET /boot.ipxe\r\n",
    ],
    ids=["quotes", "version", "tls", "0.9"],
)
def test_no_request_breaks_the_log(nginx, machine, request_):
    with socket.create_connection((SERVER, 80), 10) as connection:
        connection.sendall(request_)
        while connection.recv(65536):
            pass
    mark = f"after={hash(request_)}"
    ask(f"/boot.ipxe?{mark}")
    assert logged(machine, mark)["node"] == f"n{NODES}"


# --- how it is changed -----------------------------------------------------------------------------------------------


def test_the_probe_tells_the_new_configuration_from_the_old_one(nginx, machine, fleet):
    grown = _fleet.Fleet(fleet.master, networks=fleet.networks, profiles=fleet.profiles, nodes=fleet.nodes[:-1])
    machine.write(CONFIG, _nginx.config(grown, WWW))
    [new], [old] = _nginx.probe(grown, WWW).values(), _nginx.probe(fleet, WWW).values()
    assert _services.PROBES["http"](**new)
    nginx.signal(signal.SIGHUP)
    assert daemons.eventually(10, lambda: not _services.PROBES["http"](**new))
    assert _services.PROBES["http"](**old)
    machine.write(CONFIG, _nginx.config(fleet, WWW))
    nginx.signal(signal.SIGHUP)
    assert daemons.eventually(10, lambda: not _services.PROBES["http"](**old))


@pytest.mark.parametrize(("damage", "accepted"), [("", True), ("}", False), ("listen 192.0.2.99:80;", False)])
def test_the_role_lets_nginx_judge_the_part_as_a_whole(machine, fleet, damage, accepted):
    check = load((ROOT / "roles/ipxe_http/vars/main.yml").read_text())["__ipxe_http_check"]
    staged = "/etc/nginx/conf.d/.bootyard.conf.bootyard"
    machine.write(staged, _nginx.config(fleet, WWW).replace("server_tokens off;", f"server_tokens off; {damage}"))
    done = machine.run(*(staged if word == "%s" else word for word in check))
    assert (done.returncode == 0) is accepted, done.stderr
    assert list((machine.root / "tmp").iterdir()) == []
