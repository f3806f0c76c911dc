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
from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_nginx, _fleet, _installs, _ipxe, _nginx
from ansible_collections.bootyard.netboot.plugins.plugin_utils import _cloud
from daemons import eventually
from documents import ROOT

MASTER, HERE, STRANGER = "10.0.33.1", "10.0.33.250", "10.0.33.66"
NODES = {"node1": "10.0.33.11", "node2": "10.0.33.12", "ram": "10.0.33.13"}
UUID = "4c4c4544-0042-4a10-8056-b4c04f395931"
SECRET = "unguessable-unguessable"
SERVER = f"""\
server {{
    listen {MASTER}:80;
    root /srv/http;
    types {{
        text/plain ipxe;
    }}
    location ~ /\\. {{
        return 404;
    }}
    include /etc/nginx/snippets/bootyard-*.conf;
}}
"""
NGINX = "include /etc/nginx/modules-enabled/*.conf; user www-data; worker_processes 2; events {} http { include /etc/nginx/conf.d/*.conf; }"


def make_fleet(more=0, nodes=None, **common):
    network = {"cidr": "10.0.0.0/16", "address": MASTER, "interface": "eth1"}
    hosts = {"head": {"netboot_networks": {"lab": network}, **common}}
    for number, (name, ip) in enumerate(NODES.items(), 1):
        own = {"netboot_profile": "debian-disk", "netboot_install_disk": "/dev/vda"} if name != "ram" else {"netboot_profile": "debian-ram"}
        hosts[name] = {"netboot_ip": ip, "netboot_mac": [f"52:54:00:00:0{card}:{number:02x}" for card in (0, 1)], **own}
    hosts["node1"]["netboot_uuid"] = UUID
    for number in range(more):
        own = {"netboot_profile": "debian-disk", "netboot_install_disk": "/dev/vda", "netboot_uuid": f"{number:032x}"}
        mac = f"52:54:01:00:{number >> 8:02x}:{number & 255:02x}"
        hosts[f"more{number}"] = {"netboot_ip": f"10.0.{64 + (number >> 8)}.{number & 255}", "netboot_mac": mac, **own}
        if number & 255 in (0, 255):
            hosts[f"more{number}"]["netboot_ip"] = f"10.0.{128 + (number >> 7)}.1"
    hosts |= nodes or {}
    nodes = [name for name in hosts if name != "head"]
    return hosts, _fleet.parse(hosts, nodes, "head", {"eth1": [f"{MASTER}/16"]})


class Master:
    """nginx on the machine, with the scripts and the directories of the fleet."""

    def __init__(self, machine, secret="", templates=(), **common):
        self.machine, self.home = machine, machine.root / "srv/installs"
        hosts, self.fleet = make_fleet(**common)
        for path, text in _ipxe.files(self.fleet, {}, "/srv/http", menu=False, replace_rom=False).items():
            machine.write(path, text)
        self.configs = _cloud.render(self.fleet, hosts, [*map(str, templates), str(ROOT / "roles/cloud_config/templates")])
        for node, config in self.configs.items():
            for name, text in config.files.items():
                machine.write(f"/srv/cloud/{node}/{name}", text)
        self.home.mkdir(parents=True)
        self.states = _installs.States(str(self.home))
        self.run_playbook()
        for path in [self.home / name for name in os.listdir(self.home)]:
            os.chown(path, 0, 33)  # www-data, whatever its number is here
        files = _cloud_nginx.files(self.fleet, "/srv/cloud", [], secret=secret)
        for path, text in files.items():
            machine.write(path, text)
        machine.write("/etc/nginx/conf.d/bootyard.conf", SERVER)
        machine.write("/etc/nginx/nginx.conf", NGINX)
        checked = machine.run("/usr/sbin/nginx", "-t", "-q")
        assert checked.returncode == 0, checked.stderr
        machine.start("/usr/sbin/nginx", "-g", "daemon off;")
        eventually(10, self.answers)

    def answers(self):
        try:
            return self.ask(HERE, _cloud_nginx.WITNESS)[0] == 200
        except OSError:
            return False

    def run_playbook(self, wiped=()):
        self.states.apply(self.states.plan(self.fleet.installs, wiped), self.fleet.installs, "root")
        for path in self.home.iterdir():
            os.chown(path, 0, 33)

    def state(self, node):
        return _installs.state_of(self.states.markers(node))

    def ask(self, source, path, method="GET", body=None, **headers):
        """Status and body of a request from an address, whose path goes out as it is."""
        connection = http.client.HTTPConnection(MASTER, 80, timeout=5, source_address=(source, 0))
        connection.putrequest(method, path)
        for name, value in ({"Content-Length": str(len(body))} if body is not None else {}).items() | headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def put(self, source, path, body=b"", **headers):
        return self.ask(source, path, "PUT", body, **headers)[0]


@pytest.fixture
def addresses(machine):
    """Other machines' addresses, at this end of the cable."""
    for address in [*NODES.values(), STRANGER]:
        subprocess.run(["ip", "address", "add", f"{address}/24", "dev", "eth1"], check=True)


@pytest.fixture
def master(machine, addresses):
    return Master(machine)


def test_a_node_tells_how_far_it_is_and_asks_what_it_may(master):
    node1, node2 = NODES["node1"], NODES["node2"]
    assert {word: master.ask(node1, f"/install/{word}")[0] for word in _installs.MARKERS} == dict.fromkeys(_installs.MARKERS, 404)
    assert master.put(node1, "/install/installing", b"begun") == 201
    assert master.put(node1, "/install/installing", b"begun again") == 204
    assert master.ask(node1, "/install/installing") == (200, b"begun again")
    assert master.ask(node1, "/install/installing", "HEAD") == (200, b"")
    assert master.ask(node1, "/install/installed", "HEAD") == (404, b"")
    assert master.ask(node2, "/install/installing")[0] == 404, "another node's"
    assert (master.state("node1"), master.state("node2")) == ("installing", "unknown")
    assert master.put(node1, "/install/installed") == 201
    assert master.state("node1") == "installed"
    assert master.put(node2, "/install/refused", b"not blank") == 201
    assert (master.home / "node2/refused").read_text() == "not blank"
    assert (master.home / "node2/refused").stat().st_mode & 0o777 == 0o600


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
    master.put(node1, "/install/installed")
    assert master.ask(node1, "/install/installed", method, b"", Destination="/install/wipe")[0] in (403, 405)
    assert master.ask(node1, "/by-mac/52-54-00-00-00-01.ipxe", method, b"")[0] in (403, 405)
    assert sorted(os.listdir(master.home / "node1")) == [".bootyard", "installed"]


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
        master.put(node1, f"/install/{word}")
        assert told(node1) == first
    master.put(node1, "/install/installed")
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
    assert master.ask(node1, "/install/installed")[0] == 404


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


# --- an installer's first half, at this end of the cable -------------------------------------------------------------

#: In the place of what writes a system.
PROBE = """\
#!/bin/bash
{% include "install/common.sh" %}

head --bytes 65536 /dev/zero | tr '\\0' x > "$disk"
tell installed done
"""
WRITTEN = b"x" * 65536


class Installer:
    """A node at this end that installs itself to a loop device: C(run) is one boot of it."""

    def __init__(self, machine, directory):
        self.image = directory / "image"
        self.image.write_bytes(bytes(1 << 24))
        loop = ["losetup", "--find", "--show", str(self.image)]
        self.disk = subprocess.run(loop, capture_output=True, text=True, check=True).stdout.strip()
        (directory / "probe.j2").write_text(PROBE)
        profile = {"boot": "http", "kernel": "k", "mode": "install", "config": "nocloud", "install_template": "probe.j2"}
        node = {"netboot_ip": HERE, "netboot_mac": "52:54:00:00:00:fa", "netboot_profile": "probe", "netboot_install_disk": self.disk}
        self.master = Master(machine, templates=[directory], nodes={"here": node}, netboot_profiles={"probe": profile})
        self.script = self.master.configs["here/install"].files["config"]

    def run(self):
        done = subprocess.run(["bash", "-c", self.script], capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    def content(self):
        subprocess.run(["sync", "--file-system", str(self.image)], check=True)
        with open(self.disk, "rb") as stream:
            return stream.read()

    def command(self, *words):
        subprocess.run([*words, self.disk], check=True, capture_output=True)

    def partition(self):
        """A table of the old kind with one partition, and nothing else."""
        with open(self.disk, "r+b") as stream:
            stream.seek(446)
            stream.write(bytes([0, 0, 33, 0, 0x83, 2, 0, 0]) + (2048).to_bytes(4, "little") + (20480).to_bytes(4, "little"))
            stream.seek(510)
            stream.write(b"\x55\xaa")


@pytest.fixture
def installer(machine, addresses, tmp_path):
    made = Installer(machine, tmp_path)
    yield made
    subprocess.run(["losetup", "--detach", made.disk], check=True)


def test_a_blank_disk_is_written_by_whoever_is_unknown(installer):
    code, said = installer.run()
    assert code == 0, said
    assert installer.content().startswith(WRITTEN)
    assert installer.master.state("here") == "installed"
    assert sorted(os.listdir(installer.master.home / "here")) == [".bootyard", "installed", "installing"]


@pytest.mark.parametrize("marker", ["", "refused"])
@pytest.mark.parametrize("what", ["file system", "partitions"])
def test_a_disk_that_is_not_blank_is_not(installer, what, marker):
    if marker:
        (installer.master.home / "here" / marker).write_text("")
    if what == "partitions":
        installer.partition()
    else:
        installer.command("mkfs.ext4", "-q")
    before = installer.content()
    code, said = installer.run()
    assert installer.content() == before
    kind = "dos" if what == "partitions" else "ext4"
    assert f"*** bootyard: NOTHING IS WRITTEN to {installer.disk}: the master does not know this machine, and" in said
    assert f"is not blank ({kind})" in said
    assert code == 0
    assert installer.master.state("here") == "refused"
    assert "is not blank" in (installer.master.home / "here/refused").read_text()


@pytest.mark.parametrize("marker", ["wipe", "installing"])
def test_it_is_written_where_that_is_allowed(installer, marker):
    installer.command("mkfs.ext4", "-q")
    (installer.master.home / "here" / marker).write_text("")
    (installer.master.home / "here/installing").touch()
    os.chown(installer.master.home / "here/installing", 33, 33)
    code, said = installer.run()
    assert code == 0, said
    assert installer.content().startswith(WRITTEN)
    assert installer.master.state("here") == "installed"


def test_who_is_installed_writes_nothing(installer):
    (installer.master.home / "here/installed").write_text("")
    (installer.master.home / "here/wipe").write_text("")
    code, said = installer.run()
    assert code == 1
    assert "the master has this machine as installed" in said
    assert not any(installer.content())


def test_who_gets_no_clear_answer_writes_nothing(installer):
    os.chmod(installer.master.home / "here", 0)
    code, said = installer.run()
    assert code == 1
    assert "the master does not say whether this machine is installed: its answer is 403" in said
    assert not any(installer.content())


def test_who_cannot_report_that_it_begins_does_not_begin(installer):
    (installer.master.home / "here/wipe").write_text("")
    (installer.master.home / "here/installing").mkdir()
    code, said = installer.run()
    assert code != 0
    assert "IT BROKE OFF" in said
    assert not any(installer.content())


def test_a_disk_that_is_in_use_is_not_written(installer, tmp_path):
    installer.command("mkfs.ext4", "-q")
    (installer.master.home / "here/wipe").write_text("")
    (tmp_path / "mounted").mkdir()
    subprocess.run(["mount", installer.disk, str(tmp_path / "mounted")], check=True)
    try:
        code, said = installer.run()
    finally:
        subprocess.run(["umount", str(tmp_path / "mounted")], check=True)
    assert (code, "is mounted" in said) == (0, True)
    assert not installer.content().startswith(WRITTEN)
