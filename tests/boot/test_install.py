"""Machines install themselves to their disks once, and once more only when they are told to. The tests run in order; build/install.json has the times."""

from __future__ import annotations

import json
import re
import subprocess
import time

import pytest
from bootyard_lab.console import last_boot
from bootyard_lab.lab import BUILD, ssh

TIMEOUT = 1500
#: An iPXE that leaves to a UEFI says that it has no more network devices, and all is well.
DEAD_ENDS = re.compile(
    r"IT BROKE OFF|NOTHING IS WRITTEN|Kernel panic|\(initramfs\)|No bootable|UEFI Interactive Shell|grub>|emergency mode"
)
PARTITIONS = "lsblk --noheadings --raw --output NAME,FSTYPE,PARTLABEL,UUID /dev/vda"
TABLE = "blkid --probe --match-tag PTUUID --output value /dev/vda"


class Machine:
    """A machine whose host key is of its own making."""

    def __init__(self, node):
        self.node, self.times = node, []

    def ask(self, command):
        try:
            return ssh(self.node, command, 60, StrictHostKeyChecking="no", UserKnownHostsFile="/dev/null", LogLevel="ERROR")
        except subprocess.TimeoutExpired:
            return None

    def on(self, command):
        done = self.ask(command)
        assert done, f"{self.node.name}: {command}: no answer"
        assert done.returncode == 0, f"{self.node.name}: {command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def console(self):
        """What the machine said since it was switched on, over all its restarts."""
        boot = last_boot(self.node.console)
        return boot.text if boot else ""

    def runs_from_its_disk(self):
        """Wait until the final configuration is at work on the disk; notes the seconds since power-on."""
        deadline = time.time() + TIMEOUT
        while time.time() < deadline:
            boot = last_boot(self.node.console)
            assert not (boot and DEAD_ENDS.search(boot.text)), boot.tail(60)
            if boot and f"*** final configuration of {self.node.name} on /dev/vda3" in boot.text and (done := self.ask("hostname")):
                assert (done.returncode, done.stdout) == (0, f"{self.node.name}\n"), f"{done.stdout}{done.stderr}"
                self.times.append(round(time.time() - boot.powered_on))
                return
            time.sleep(1)
        raise AssertionError(f"{self.node.name} does not come up\n{last_boot(self.node.console).tail(60)}")


class Site:
    """The lab with both machines."""

    def __init__(self, running):
        self.running = running
        self.lab, nodes = running.rack("install.yml")
        self.lab.run(self.lab.playbook("site.yml"))
        self.machines = {node.name: Machine(node) for node in nodes}

    def switch(self, state, *names):
        nodes = [self.machines[name].node for name in names or self.machines]
        self.lab.run(self.lab.power(state, nodes))

    def states(self):
        found = self.running.on_master("cd /srv/installs && ls -d */*").split()
        return {name: sorted(entry.split("/")[1] for entry in found if entry.startswith(f"{name}/")) for name in self.machines}

    def reports(self, name):
        """The reports of a node that the web server has taken, in their order."""
        requests = map(json.loads, self.running.on_master("cat /var/log/nginx/bootyard.log").splitlines())
        return [request["uri"] for request in requests if request["method"] == "PUT" and request["node"] == name]


@pytest.fixture(scope="module")
def site(running):
    made = Site(running)
    yield made
    made.switch("off")
    (BUILD / "install.json").write_text(json.dumps({name: machine.times for name, machine in made.machines.items()}, indent=2) + "\n")
    gone = {"netboot_allow_removal": list(made.machines)}
    running.lab.run(running.lab.playbook("site.yml", f"--extra-vars={json.dumps(gone)}"))
    assert running.on_master("ls /srv/installs") == "", "what is known of nodes that left goes with them"


@pytest.fixture(scope="module")
def installed(site):
    """Both machines, from blank disks to systems that run; with them what identifies what was written."""
    site.switch("on")
    for machine in site.machines.values():
        machine.runs_from_its_disk()
    return {name: machine.on(f"{PARTITIONS}; {TABLE}") for name, machine in site.machines.items()}


@pytest.mark.parametrize("name", ["disk", "disk-uefi"])
def test_a_machine_installs_itself_and_starts_from_its_disk(site, installed, name):
    machine = site.machines[name]
    assert machine.on("findmnt --noheadings --output SOURCE,FSTYPE /").split() == ["/dev/vda3", "ext4"]
    assert machine.on("hostname; cat /var/lib/final") == f"{name}\nfinal configuration of {name}"
    assert machine.on("systemctl --failed --no-legend --plain") == ""
    assert machine.on("cloud-init query --format '{{ v1.instance_id }}'").startswith(f"{name}-")
    assert "console=ttyS0,115200" in machine.on("cat /proc/cmdline")
    assert machine.on("test -d /sys/firmware/efi && echo uefi || echo bios") == ("uefi" if name.endswith("uefi") else "bios")
    console = machine.console()
    assert console.count("bootyard: INSTALLED onto /dev/vda") == 1
    # A UEFI comes by once for each way in which it boots over the network.
    assert "This machine is installed and boots its disk" in console
    assert site.states()[name] == ["installed", "installing"]
    assert site.reports(name) == ["/install/installing", "/install/installed"]


def test_the_second_power_on_starts_the_disk_and_writes_nothing_to_it(site, installed):
    disk = site.machines["disk"]
    disk.on("echo mine > /root/mark && sync")
    site.switch("off")
    # A run in between changes nothing about that.
    site.lab.run(site.lab.playbook("site.yml"))
    assert site.states() == {name: ["installed"] for name in site.machines}
    site.switch("on", "disk")
    deadline = time.time() + TIMEOUT
    while not ((done := disk.ask("cat /root/mark")) and done.returncode == 0):
        assert time.time() < deadline, disk.console()[-3000:]
        time.sleep(1)
    assert done.stdout == "mine\n"
    assert disk.on(f"{PARTITIONS}; {TABLE}") == installed["disk"]
    assert "This machine is installed and boots its disk" in disk.console()
    assert "bootyard:" not in disk.console()
    assert len(site.reports("disk")) == 2


def test_who_is_told_to_installs_itself_anew(site, installed):
    disk = site.machines["disk"]
    site.lab.run(site.lab.playbook("playbooks/reinstall.yml", "--extra-vars=node=disk"))
    assert site.states() == {"disk": ["wipe"], "disk-uefi": ["installed"]}
    site.switch("reset", "disk")
    disk.runs_from_its_disk()
    assert disk.on("test -e /root/mark || echo gone") == "gone"
    assert disk.on(f"{PARTITIONS}; {TABLE}") != installed["disk"]
    assert disk.on("cat /var/lib/final") == "final configuration of disk"
    assert site.states()["disk"] == ["installed", "installing", "wipe"]


def test_others_are_not_reinstalled(site):
    refused = subprocess.run(
        site.lab.playbook("playbooks/reinstall.yml", "--extra-vars=node=node1,disk-uefi"), capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "node1 has the profile debian-nfs, which installs nothing" in refused.stdout + refused.stderr
    assert site.states()["disk-uefi"] == ["installed"]
