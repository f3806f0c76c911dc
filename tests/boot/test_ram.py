"""Machines that live in their memory: what their configurations say is what they are, at the second boot as at the first.

One has all that a configuration can say, a disk and a container; the other takes its own from where the seeds had it.
"""

from __future__ import annotations

import json

import pytest
import yaml
from bootyard_lab.lab import BUILD
from machines import Machine
from plays import ROOT

#: All of its own that the master's web server is told.
STARTED = "/boot.ipxe?container=hello"
LOG = "sudo journalctl --unit=container-hello --no-pager"
USERS = {"ram": "worker", "legacy": "debian"}


class InMemory(Machine):
    """A machine that is all its configuration's."""

    def comes_up(self) -> int:
        """Wait until cloud-init has done all it does; returns how long after power-on it was."""
        self.until("cloud-init status | grep -e done -e error")
        said = self.on("cloud-init status --long; sudo cat /var/log/cloud-init-output.log")
        assert "status: done" in said, said
        return self.seconds_at("/run/cloud-init/result.json")


@pytest.fixture(scope="module")
def machines(more, times):
    """Both machines, after their first boot."""
    found = {name: InMemory(more.nodes[name], user) for name, user in USERS.items()}
    times |= {name: [machine.comes_up()] for name, machine in found.items()}
    return found


@pytest.fixture(scope="module")
def times():
    """Seconds from power-on to the end of cloud-init, of each machine at each boot; they become build/ram.json."""
    told = {}
    yield told
    (BUILD / "ram.json").write_text(json.dumps(told, indent=2) + "\n")


@pytest.fixture(scope="module")
def inventory():
    """The machines' inventory as it is written, without what Ansible makes of it."""

    class AsWritten(yaml.SafeLoader):
        pass

    AsWritten.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    return yaml.load((ROOT / "tests/boot/more.yml").read_text(), AsWritten)["all"]["children"]["slaves"]


def registrations(running):
    """The requests of the container that the web server has seen, and from whom."""
    requests = map(json.loads, running.on_master("cat /var/log/nginx/bootyard.log").splitlines())
    return [(request["node"], request["status"]) for request in requests if request["uri"] == STARTED]


def test_it_is_what_its_configuration_says(machines, inventory):
    ram = machines["ram"]
    assert ram.on("hostname") == "ram"
    assert ram.on("findmnt --noheadings --output FSTYPE /") == "overlay"
    assert ram.on("cat /run/ran") == "ram"
    assert ram.on("sudo cat /etc/hostile") == inventory["vars"]["netboot_vars_common"]["hostile"]
    assert ram.on("sudo stat -c %a /etc/hostile") == "640"
    assert ram.on("id -un; sudo id -un").split() == ["worker", "root"]
    assert ram.on("systemctl --failed --no-legend --plain") == ""


def test_its_disk_is_made_and_mounted_by_label(machines):
    ram = machines["ram"]
    assert ram.on("findmnt --noheadings --output SOURCE,FSTYPE,LABEL /srv/data").split() == ["/dev/vda", "ext4", "data"]
    assert "LABEL=data /srv/data" in ram.on("cat /etc/fstab")


def test_its_container_runs_and_registered_where_it_should(running, machines, inventory):
    ram = machines["ram"]
    greeting = inventory["hosts"]["ram"]["netboot_containers"][0]["env"]["GREETING"]
    ram.until("systemctl is-active container-hello", "active", problem=LOG)
    ram.until("busybox wget -qO- http://10.77.33.18:8080/", greeting, problem=LOG)
    assert "hello" in ram.on("sudo podman ps --format '{{.Names}}'")
    assert registrations(running) == [("ram", 200)]
    # The published port, from outside.
    asked = "import urllib.request as it; print(it.urlopen('http://10.77.33.18:8080/').read().decode())"
    assert running.on_master(f'python3 -c "{asked}"') == greeting


def test_the_seeds_endpoint_serves_a_real_cloud_init(machines):
    legacy = machines["legacy"]
    assert legacy.on("hostname") == "legacy"
    assert legacy.on("cat /etc/seed") == "10.77.33.19 $HOME ${x}"
    assert "cloud-config-url=http://10.77.33.1:8080/" in legacy.on("cat /proc/cmdline")


def test_a_second_boot_finds_the_disk_as_it_was(running, more, machines, times):
    ram = machines["ram"]
    ram.on("sudo sh -c 'echo kept > /srv/data/marker; sync'; touch /home/worker/lost")
    uuid = ram.on("sudo blkid -p -s UUID -o value /dev/vda")
    more.switch("off", "ram")
    more.switch("on", "ram")
    times["ram"].append(ram.comes_up())
    assert ram.on("cat /srv/data/marker; test ! -e /home/worker/lost") == "kept"
    assert ram.on("sudo blkid -p -s UUID -o value /dev/vda") == uuid
    ram.until("busybox wget -qO- http://10.77.33.18:8080/marker", "kept", problem=LOG)
    assert registrations(running) == [("ram", 200)] * 2
