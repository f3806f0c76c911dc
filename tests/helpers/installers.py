"""A real nginx that knows how far nodes' installations are, and a node that installs itself to a loop device, at this end of the cable."""

from __future__ import annotations

import errno
import http.client
import os
import random
import subprocess
import time
from pathlib import Path

from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_nginx, _fleet, _installs, _ipxe
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
        # The ports of root are few, and would rest for a minute each.
        Path("/proc/sys/net/ipv4/tcp_max_tw_buckets").write_text("0")
        self.machine, self.home = machine, machine.root / "srv/installs"
        self.memory = machine.root / _installs.MEMORY.lstrip("/")
        hosts, self.fleet = make_fleet(**common)
        for path, text in _ipxe.files(self.fleet, {}, "/srv/http", menu=False, replace_rom=False).items():
            machine.write(path, text)
        self.configs = _cloud.render(self.fleet, hosts, [*map(str, templates), str(ROOT / "roles/cloud_config/templates")])
        for node, config in self.configs.items():
            for name, text in config.files.items():
                machine.write(f"/srv/cloud/{node}/{name}", text)
        self.home.mkdir(parents=True)
        self.states = _installs.States(str(self.home), str(self.memory))
        self.run_playbook()
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
        for path in [*self.home.iterdir(), *self.memory.iterdir()]:
            os.chown(path, 0, 33)  # www-data, whatever its number is here

    def state(self, node):
        return self.states.states(self.fleet.installs).get(node, "unknown")

    def mark(self, node, marker, disk="", age=0, text=None):
        """Have a marker there, as nginx or root writes it."""
        path = (self.memory if marker in _installs.ALLOWING else self.home) / node / marker
        path.write_text(_installs.Report(disk, int(time.time()) - age, "mark").text() if text is None else text)
        os.chown(path, 33, 33)

    def marks(self, node):
        """The markers that are there."""
        return sorted(self.states.reports(node))

    def forget(self, node):
        """Nothing is known any more."""
        for marker in self.marks(node):
            ((self.memory if marker in _installs.ALLOWING else self.home) / node / marker).unlink()

    def ask(self, source, path, method="GET", body=None, privileged=True, **headers):
        """Status and body of a request from an address, whose path goes out as it is; it comes from a port that only root has, or from another one."""
        for port in random.sample(range(600, 1024), 50) if privileged else [0]:
            connection = http.client.HTTPConnection(MASTER, 80, timeout=5, source_address=(source, port))
            try:
                connection.connect()
                break
            except OSError as error:  # the port rests after its last connection
                if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                    raise
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


#: In the place of what writes a system.
PROBE = """\
#!/bin/bash
{% include "install/common.sh" %}

head --bytes 65536 /dev/zero | tr '\\0' x > "$disk"
finish
"""
WRITTEN = b"x" * 65536


class Installer:
    """A node at this end that installs itself to a loop device: C(run) is one boot of it."""

    def __init__(self, machine, directory, size=1 << 24):
        self.directory, self.disks = directory, []
        self.disk = self.attach(size)
        (directory / "probe.j2").write_text(PROBE)
        # In the place of what restarts this machine.
        (directory / "bin").mkdir()
        (directory / "bin/systemctl").write_text('#!/bin/sh\necho "systemctl $*"\n')
        (directory / "bin/systemctl").chmod(0o755)
        profile = {"boot": "http", "kernel": "k", "mode": "install", "config": "nocloud", "install_template": "probe.j2"}
        node = {"netboot_ip": HERE, "netboot_mac": "52:54:00:00:00:fa", "netboot_profile": "probe", "netboot_install_disk": self.disk}
        self.master = Master(machine, templates=[directory], nodes={"here": node}, netboot_profiles={"probe": profile})
        self.script = self.master.configs["here/install"].files["config"]

    def attach(self, size):
        """One more disk, which takes no room until it is written to."""
        image = self.directory / f"image{len(self.disks)}"
        with image.open("wb") as stream:
            stream.truncate(size)
        loop = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=True).stdout.strip()
        self.disks.append(loop)
        return loop

    def detach(self):
        for loop in self.disks:
            subprocess.run(["losetup", "--detach", loop], check=True)

    def identity(self, disk=None):
        """What the installer calls a disk, which has neither WWN nor serial number here."""
        disk = disk or self.disk
        size = subprocess.run(["blockdev", "--getsize64", disk], capture_output=True, text=True, check=True).stdout.strip()
        return f"path-virtual/block/{os.path.basename(disk)} {size}"

    def run(self, disk=None):
        """Exit code, and what is on the console."""
        script = self.script.replace(f"disk={self.disk}\n", f"disk={disk or self.disk}\n")
        path = f"{self.directory / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script], env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=120, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def content(self, disk=None, size=None):
        with open(disk or self.disk, "rb") as stream:
            return stream.read(size)

    def command(self, *words):
        subprocess.run([*words, self.disk], check=True, capture_output=True)

    def partition(self):
        """A table of the old kind with one partition, and nothing else."""
        with open(self.disk, "r+b") as stream:
            stream.seek(446)
            stream.write(bytes([0, 0, 33, 0, 0x83, 2, 0, 0]) + (2048).to_bytes(4, "little") + (20480).to_bytes(4, "little"))
            stream.seek(510)
            stream.write(b"\x55\xaa")
