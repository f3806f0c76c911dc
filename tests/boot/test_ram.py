"""Machines that live in their memory: what their configurations say is what they are, at the second boot as at the first.

One has all that a configuration can say, a disk and a container; the other takes its own from where the seeds had it.
"""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from bootyard_lab.console import last_boot
from bootyard_lab.lab import BUILD, MASTER, ssh
from plays import ROOT

IMAGE = "localhost/hello:1"
#: All of its own that the master's web server is told.
STARTED = "/boot.ipxe?container=hello"
GREETING = 'a "b" $HOME {{ x }} %i'
TIMEOUT = 900


class Machine:
    """A machine without a host key that anybody could know: it makes one at each boot."""

    def __init__(self, node, user):
        self.node, self.user = node, user

    def ask(self, command, timeout=60):
        try:
            return ssh(self.node, command, timeout, self.user, StrictHostKeyChecking="no", UserKnownHostsFile="/dev/null", LogLevel="ERROR")
        except subprocess.TimeoutExpired:
            return None

    def on(self, command):
        done = self.ask(command)
        assert done, f"{self.node.name}: {command}: no answer"
        assert done.returncode == 0, f"{self.node.name}: {command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def comes_up(self):
        """Wait until cloud-init has done all it does; returns the seconds since power-on and until SSH answered."""
        deadline, answered = time.time() + TIMEOUT, None
        while time.time() < deadline:
            boot = last_boot(self.node.console)
            assert not (boot and boot.dead_end), boot.tail()
            done = self.ask("cloud-init status --wait") if boot else None
            answered = answered or (done and done.returncode != 255 and time.time())
            if done and "status: done" in done.stdout:
                return round(answered - boot.powered_on), round(time.time() - boot.powered_on)
            assert not (done and "status: error" in done.stdout), self.on(
                "cloud-init status --long; sudo cat /var/log/cloud-init-output.log"
            )
            time.sleep(2)
        raise AssertionError(f"{self.node.name} is not up\n{last_boot(self.node.console).tail(60)}")

    def becomes(self, command, answer, timeout=120):
        """Wait for what a command prints."""
        deadline = time.time() + timeout
        while (done := self.ask(command)) is None or done.stdout.strip() != answer:
            assert time.time() < deadline, f"{command}: {done}\n{self.on('sudo journalctl --unit=container-hello --no-pager')}"
            time.sleep(2)


@pytest.fixture(scope="module")
def machines(running):
    """Both machines, after their first boot."""
    lab, nodes = running.rack("ram.yml")
    publish_container(running)
    lab.run(lab.playbook("site.yml"))
    lab.run(lab.power("on", nodes))
    users = {"ram": "worker", "legacy": "debian"}
    found = {node.name: Machine(node, users[node.name]) for node in nodes}
    found["times"] = {name: [found[name].comes_up()] for name in users}
    found["lab"] = lab
    yield found
    lab.run(lab.power("off", nodes))
    (BUILD / "ram.json").write_text(json.dumps(found["times"], indent=2) + "\n")
    gone = {"netboot_allow_removal": list(users)}
    running.lab.run(running.lab.playbook("site.yml", f"--extra-vars={json.dumps(gone)}"))


def publish_container(running):
    """An image of one static program, where the master serves files: the machines have no way to a registry."""
    running.on_master("apt-get install --yes --quiet busybox-static && mkdir -p /srv/http/images")
    pack = f"docker exec {MASTER} tar --create --directory / bin/busybox"
    entry = '--change \'ENTRYPOINT ["/bin/busybox"]\' --change "WORKDIR /data"'
    save = f"docker save {IMAGE} | docker exec --interactive {MASTER} sh -c 'cat > /srv/http/images/hello.tar'"
    subprocess.run(f"set -e; {pack} | docker import {entry} - {IMAGE}; {save}; docker rmi {IMAGE}", shell=True, check=True, cwd=ROOT)


def registrations(running):
    """The requests of the container that the web server has seen, and from whom."""
    requests = map(json.loads, running.on_master("cat /var/log/nginx/bootyard.log").splitlines())
    return [(request["node"], request["status"]) for request in requests if request["uri"] == STARTED]


def hostile():
    """What is to be in a file, as the inventory has it."""
    lines = (ROOT / "tests/boot/ram.yml").read_text().splitlines()
    [line] = [line for line in lines if "hostile:" in line]
    return line.split("!unsafe ")[1][1:-1].replace("''", "'")


def test_it_is_what_its_configuration_says(machines):
    ram = machines["ram"]
    assert ram.on("hostname") == "ram"
    assert ram.on("findmnt --noheadings --output FSTYPE /") == "overlay"
    assert ram.on("cat /run/ran") == "ram"
    assert ram.on("sudo cat /etc/hostile") == hostile()
    assert ram.on("sudo stat -c %a /etc/hostile") == "640"
    assert ram.on("id -un; sudo id -un").split() == ["worker", "root"]
    assert ram.on("systemctl --failed --no-legend --plain") == ""


def test_its_disk_is_made_and_mounted_by_label(machines):
    ram = machines["ram"]
    assert ram.on("findmnt --noheadings --output SOURCE,FSTYPE,LABEL /srv/data").split() == ["/dev/vda", "ext4", "data"]
    assert "LABEL=data /srv/data" in ram.on("cat /etc/fstab")


def test_its_container_runs_and_registered_where_it_should(running, machines):
    ram = machines["ram"]
    ram.becomes("systemctl is-active container-hello", "active")
    ram.becomes("busybox wget -qO- http://10.77.33.18:8080/ || true", GREETING)
    assert "hello" in ram.on("sudo podman ps --format '{{.Names}}'")
    assert registrations(running) == [("ram", 200)]
    # The published port, from outside.
    asked = "import urllib.request as it; print(it.urlopen('http://10.77.33.18:8080/').read().decode())"
    assert running.on_master(f'python3 -c "{asked}"') == GREETING


def test_the_seeds_endpoint_serves_a_real_cloud_init(machines):
    legacy = machines["legacy"]
    assert legacy.on("hostname") == "legacy"
    assert legacy.on("cat /etc/seed") == "10.77.33.19 $HOME ${x}"
    assert "cloud-config-url=http://10.77.33.1:8080/" in legacy.on("cat /proc/cmdline")


def test_a_second_boot_finds_the_disk_as_it_was(running, machines):
    ram, lab = machines["ram"], machines["lab"]
    ram.on("sudo sh -c 'echo kept > /srv/data/marker; sync'; touch /home/worker/lost")
    uuid = ram.on("sudo blkid -p -s UUID -o value /dev/vda")
    lab.run(lab.power("off", [ram.node]))
    lab.run(lab.power("on", [ram.node]))
    machines["times"]["ram"].append(ram.comes_up())
    assert ram.on("cat /srv/data/marker; test ! -e /home/worker/lost") == "kept"
    assert ram.on("sudo blkid -p -s UUID -o value /dev/vda") == uuid
    ram.becomes("systemctl is-active container-hello", "active")
    ram.becomes("busybox wget -qO- http://10.77.33.18:8080/marker || true", "kept")
    assert registrations(running) == [("ram", 200)] * 2
