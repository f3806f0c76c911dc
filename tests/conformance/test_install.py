"""A real nginx keeps what each node says of its own installation, and tells who is installed to boot its disk."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import re
import subprocess
import time

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_nginx, _installs, _nginx
from installers import HERE, MASTER, NGINX, NODES, SECRET, SERVER, STRANGER, UUID, Master, make_fleet

SERIAL = "serial-S3Z9NB0K 4000787030016"


@pytest.fixture
def addresses(machine):
    """Other machines' addresses, at this end of the cable."""
    for address in [*NODES.values(), STRANGER]:
        subprocess.run(["ip", "address", "add", f"{address}/24", "dev", "eth1"], check=True)


@pytest.fixture
def master(machine, addresses):
    return Master(machine)


def body(disk=SERIAL, age=0):
    return _installs.Report(disk, int(time.time()) - age, "a test").text().encode()


def test_a_node_tells_how_far_it_is_and_asks_what_it_may(master):
    node1, node2, said = NODES["node1"], NODES["node2"], body()
    assert {word: master.ask(node1, f"/install/{word}")[0] for word in _installs.MARKERS} == dict.fromkeys(_installs.MARKERS, 404)
    assert master.put(node1, "/install/installing", b"begun") == 201
    assert master.state("node1") == "unknown", "it names no disk"
    assert master.put(node1, "/install/installing", said) == 204
    assert master.ask(node1, "/install/installing") == (200, said)
    assert master.ask(node1, "/install/installing", "HEAD") == (200, b"")
    assert master.ask(node1, "/install/installed", "HEAD") == (404, b"")
    assert master.ask(node2, "/install/installing")[0] == 404, "another node's"
    assert (master.state("node1"), master.state("node2")) == ("installing", "unknown")
    assert master.put(node1, "/install/installed", said) == 201
    assert master.put(node1, "/install/installed", said) == 204, "the answer was lost, and it tries again"
    assert master.state("node1") == "installing"
    assert master.ask(node1, "/install/installing", "DELETE")[0] == 204
    assert master.ask(node1, "/install/installing", "DELETE")[0] == 404
    assert master.state("node1") == "installed"
    assert master.put(node2, "/install/refused", b"not blank") == 201
    assert (master.home / "node2/refused").read_text() == "not blank"
    assert (master.home / "node2/refused").stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(master.home / "node1")) == [".bootyard", "installed"]
    assert os.listdir(master.memory / "node1") == []


def test_who_is_not_root_on_a_node_cannot_report(master, addresses):
    """Processes of this end of the cable that really are somebody else."""
    node1 = NODES["node1"]
    master.mark("node2", "wipe", SERIAL)

    def ask(node, method, word, *words, user="65534"):
        url = f"http://{MASTER}/install/{word}"
        curl = [
            "curl",
            "--silent",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            "--interface",
            node,
            "--request",
            method,
            *words,
            url,
        ]
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all"]
        done = subprocess.run([*who, *curl], capture_output=True, text=True, check=False)
        return int(done.stdout), done.returncode

    data = ("--data-raw", body().decode())
    for word in _installs.REPORTED:
        assert ask(node1, "PUT", word, *data) == (403, 0)
        assert ask(node1, "PUT", word, *data, "--local-port", "600-1023") == (0, 45), "the kernel gives it no such port"
        assert ask(node1, "PUT", word, *data, "--local-port", "30000-30099")[0] == 403
    for word in _installs.ALLOWING:
        assert ask(NODES["node2"], "DELETE", word) == (403, 0)
    assert (master.marks("node1"), master.marks("node2")) == ([], ["wipe"])
    assert ask(node1, "GET", "installed") == (404, 0)
    assert ask(node1, "PUT", "refused", *data, user="0") == (403, 0), "it has to be a port that proves it"
    assert ask(node1, "PUT", "refused", *data, "--local-port", "600-1023", user="0") == (201, 0)


@pytest.mark.parametrize("port", [1, 9, 10, 99, 100, 999, 1000, 1009, 1019, 1020, 1023])
def test_each_port_of_roots_is_known(master, port):
    connection = http.client.HTTPConnection(MASTER, 80, timeout=5, source_address=(NODES["node1"], port))
    connection.request("PUT", "/install/refused", body())
    assert connection.getresponse().status == 201


@pytest.mark.parametrize("port", [1024, 1030, 1100, 2000, 9999, 10000, 10230, 60000])
def test_no_other_port_is_taken_for_one(master, port):
    connection = http.client.HTTPConnection(MASTER, 80, timeout=5, source_address=(NODES["node1"], port))
    connection.request("PUT", "/install/refused", body())
    assert connection.getresponse().status == 403


def test_who_is_installed_has_no_more_to_say(master):
    """Not even root, in a container for example: until somebody asks for it, nothing that it says lets its disk be overwritten."""
    node1 = NODES["node1"]
    master.mark("node1", "installed", SERIAL)
    for word in _installs.REPORTED:
        assert master.put(node1, f"/install/{word}", body()) == 403
    assert master.marks("node1") == ["installed"]
    assert master.put(NODES["node2"], "/install/refused", body()) == 201, "another node's matter"
    master.run_playbook({"node1"})
    assert master.put(node1, "/install/installing", body()) == 201
    assert master.ask(node1, "/install/wipe", "DELETE")[0] == 204
    assert master.put(node1, "/install/installed", body()) == 204
    assert master.ask(node1, "/install/installing", "DELETE")[0] == 204
    assert master.put(node1, "/install/installing", body()) == 403


def test_who_installs_nothing_is_not_asked(master):
    for source in (NODES["ram"], STRANGER, HERE):
        for word in _installs.MARKERS:
            assert master.put(source, f"/install/{word}") == 404
            assert master.ask(source, f"/install/{word}")[0] == 404
        assert master.put(source, "/install/installed", X_Forwarded_For=NODES["node1"]) == 404
    assert {node: master.state(node) for node in NODES} == dict.fromkeys(NODES, "unknown")


NAMES = [
    "/install/wipe",
    "/install/.bootyard",
    "/install/",
    "/install/installed/",
    "/install/installedx",
    "/install/installed.ipxe",
    "/install/node2/installed",
    "/install/../install/node2/installed",
    "/install/..%2fnode2/installed",
    "/install/%2e%2e/node2/installed",
    "/install/new/installed",
    "/installs/node2/installed",
    "/node2/installed",
    "/local.ipxe",
    "/by-mac/52-54-00-00-00-01.ipxe",
    "/cloud/config",
    "/cloud/install/config",
]


@pytest.mark.parametrize("path", NAMES)
def test_nothing_else_can_be_written(master, path):
    before = sorted((path, path.read_bytes()) for path in (master.machine.root / "srv").rglob("*") if path.is_file())
    assert master.put(NODES["node1"], path, b"#!ipxe\n") in (403, 404, 405)
    assert sorted((path, path.read_bytes()) for path in (master.machine.root / "srv").rglob("*") if path.is_file()) == before


@pytest.mark.parametrize("method", ["DELETE", "MKCOL", "COPY", "MOVE", "POST", "PATCH", "OPTIONS", "PROPFIND", "TRACE"])
def test_nothing_else_can_be_done(master, method):
    node1 = NODES["node1"]
    master.mark("node1", "installed", SERIAL)
    master.mark("node1", "wipe", SERIAL)
    for word in ("installed", "refused", "installed/", ".bootyard", ""):
        assert master.ask(node1, f"/install/{word}", method, b"", Destination="/install/wipe")[0] in (403, 405)
    if method != "DELETE":
        assert master.ask(node1, "/install/wipe", method, b"", Destination="/install/wipe")[0] in (403, 405)
    assert master.ask(node1, "/by-mac/52-54-00-00-00-01.ipxe", method, b"")[0] in (403, 405)
    assert sorted(os.listdir(master.home / "node1")) == [".bootyard", "installed"]
    assert os.listdir(master.memory / "node1") == ["wipe"]


def test_too_much_is_refused(master):
    assert master.put(NODES["node1"], "/install/refused", b"x" * 5000) == 413
    assert master.put(NODES["node1"], "/install/refused", b"x" * 4000) == 201


def test_who_has_no_directory_cannot_report(master):
    (master.home / "node2/.bootyard").unlink()
    (master.home / "node2").rmdir()
    assert master.put(NODES["node2"], "/install/installed") in (409, 500)
    assert not (master.home / "node2").exists()


SCRIPTS = ["/by-mac/52-54-00-00-00-01.ipxe", "/by-mac/52-54-00-00-01-01.ipxe", f"/by-uuid/{UUID}.ipxe"]


def test_who_is_installed_boots_its_disk_from_the_next_boot_on(master):
    node1, others = NODES["node1"], ["/by-mac/52-54-00-00-00-02.ipxe", "/by-mac/52-54-00-00-00-03.ipxe"]
    disk = (master.machine.root / "srv/http/local.ipxe").read_bytes()

    def told(source):
        return [master.ask(source, path) for path in SCRIPTS]

    first = told(node1)
    assert all(status == 200 and b"\nkernel http" in text for status, text in first)
    rest = [master.ask(node1, path) for path in others]
    for word in ("installing", "refused"):
        master.put(node1, f"/install/{word}", body())
        assert told(node1) == first
    master.put(node1, "/install/installed", body())
    assert told(node1) == first, "it has not ended"
    master.ask(node1, "/install/installing", "DELETE")
    # Whichever card, and whatever address it was given.
    for source in (node1, STRANGER, NODES["node2"]):
        assert told(source) == [(200, disk)] * 3
    assert [master.ask(node1, path) for path in others] == rest
    assert master.ask(node1, "/by-mac/52-54-00-00-00-99.ipxe")[0] == 404
    assert b"sanboot --no-describe --drive 0x80" in disk
    master.run_playbook()
    assert told(node1) == [(200, disk)] * 3
    master.run_playbook({"node1"})
    assert told(node1) == first
    assert master.ask(node1, "/install/wipe")[0] == 200
    # The master restarts, and nothing is left of what was wished.
    for path in master.memory.rglob("*"):
        path.is_file() and path.unlink()
    assert told(node1) == [(200, disk)] * 3


def test_the_installer_and_the_system_are_configured_apart(master):
    node1 = NODES["node1"]
    for file in ("user-data", "meta-data", "vendor-data", "network-config"):
        name = "config" if file == "user-data" else file
        assert master.ask(node1, f"/cloud/{file}") == (200, master.configs["node1"].files[name].encode())
        assert master.ask(node1, f"/cloud/install/{file}") == (200, master.configs["node1/install"].files[name].encode())
    assert b"bootyard-install" in master.ask(node1, "/cloud/install/config")[1]
    assert master.ask(NODES["ram"], "/cloud/install/config")[0] == 503
    assert master.ask(STRANGER, "/cloud/install/config")[0] == 404


def test_links_guard_reports_too(machine, addresses):
    master = Master(machine, SECRET, netboot_config_secret=SECRET)

    def link(source, mac):
        """Below which URL the installer reports: the script has that of its configuration, and that has it."""
        script = master.ask(source, f"/by-mac/{mac}.ipxe")[1].decode()
        config = master.ask(source, re.search(f"s=http://{MASTER}(\\S+)", script)[1] + "user-data")[1].decode()
        return re.search(f"http://{MASTER}(/install/{_nginx.SEAL})", config)[1]

    node1, node2 = NODES["node1"], NODES["node2"]
    urls = {"node1": link(node1, "52-54-00-00-00-01"), "node2": link(node2, "52-54-00-00-00-02")}
    assert master.put(node1, "/install/installed") == 403, "no link"
    assert master.put(node1, master.fleet.install_state_url(master.fleet.nodes[0]).removeprefix(f"http://{MASTER}") + "installed") == 403
    assert master.put(node1, urls["node2"] + "installed") == 403, "another node's link"
    assert master.put(STRANGER, urls["node1"] + "installed") == 404
    past = int(time.time()) - 1
    proof = base64.urlsafe_b64encode(hashlib.md5(f"{past} node1 {SECRET}".encode()).digest()).decode().rstrip("=")
    assert master.put(node1, f"/install/{past}/{proof}/installed") == 403, "expired"
    assert master.state("node1") == "unknown"
    assert master.put(node1, urls["node1"] + "wipe") == 403
    assert master.ask(node1, urls["node1"] + "wipe")[0] == 404
    assert master.put(node1, urls["node1"] + "installed") == 201
    assert master.state("node1") == "installed"


def test_nginx_has_room_for_a_large_fleet(machine):
    _hosts, fleet = make_fleet(more=3000)
    for path, text in _cloud_nginx.files(fleet, "/srv/cloud", []).items():
        machine.write(path, text)
    machine.write("/etc/nginx/conf.d/bootyard.conf", SERVER.replace(MASTER, "127.0.0.1"))
    machine.write("/etc/nginx/nginx.conf", NGINX)
    checked = machine.run("/usr/sbin/nginx", "-t", "-q")
    assert checked.returncode == 0, checked.stderr
