"""Machines install themselves to their disks once, and once more only when they are told to. The tests run in order; build/install.json has the times."""

from __future__ import annotations

import json
import subprocess

import pytest
from bootyard_lab.lab import BUILD
from machines import Machine

PARTITIONS = (
    "lsblk --noheadings --raw --output NAME,FSTYPE,PARTLABEL,UUID /dev/vda; blkid --probe --match-tag PTUUID --output value /dev/vda"
)
#: The final configuration writes it.
FINAL = "/var/lib/final"


class Installed(Machine):
    """A machine that runs from its disk, sooner or later."""

    # An iPXE that leaves to a UEFI says that it has no more network devices, and all is well.
    stuck = r"IT BROKE OFF|NOTHING IS WRITTEN|Kernel panic|\(initramfs\)|grub>|emergency mode"

    def runs_from_its_disk(self) -> int:
        """Wait until the final configuration is at work; returns how long after power-on it was."""
        self.until(f"test -e {FINAL}")
        return self.seconds_at(FINAL)


@pytest.fixture(scope="module")
def machines(more):
    return {name: Installed(more.nodes[name]) for name in ("disk", "disk-uefi")}


@pytest.fixture(scope="module")
def times():
    """Seconds from power-on to the final configuration, of each machine at each installation; they become build/install.json."""
    told = {}
    yield told
    (BUILD / "install.json").write_text(json.dumps(told, indent=2) + "\n")


@pytest.fixture(scope="module")
def installed(machines, times):
    """Both machines, from blank disks to systems that run: what identifies what was written."""
    for name, machine in machines.items():
        times[name] = [machine.runs_from_its_disk()]
    return {name: machine.on(PARTITIONS) for name, machine in machines.items()}


def states(running):
    """The marks of each node that installs itself."""
    found = [
        entry.split("/")[-2:] for entry in running.on_master("find /srv/installs /run/bootyard-install -type f -not -name '.*'").split()
    ]
    return {node: sorted(state for name, state in found if name == node) for node, _state in found}


def reports(running, name):
    """The reports of a node that the web server has taken, in their order."""
    requests = map(json.loads, running.on_master("cat /var/log/nginx/bootyard.log").splitlines())
    return [request["uri"] for request in requests if request["method"] == "PUT" and request["node"] == name]


@pytest.mark.parametrize("name", ["disk", "disk-uefi"])
def test_a_machine_installs_itself_and_starts_from_its_disk(running, machines, installed, name):
    machine = machines[name]
    assert machine.on("findmnt --noheadings --output SOURCE,FSTYPE /").split() == ["/dev/vda3", "ext4"]
    assert machine.on(f"hostname; cat {FINAL}") == f"{name}\nfinal configuration of {name}"
    assert machine.on("systemctl --failed --no-legend --plain") == ""
    assert machine.on("cloud-init query --format '{{ v1.instance_id }}'").startswith(f"{name}-")
    assert "console=ttyS0,115200" in machine.on("cat /proc/cmdline")
    assert machine.on("test -d /sys/firmware/efi && echo uefi || echo bios") == ("uefi" if name.endswith("uefi") else "bios")
    console = machine.boot().text
    assert console.count("bootyard: INSTALLED onto /dev/vda") == 1
    # A UEFI comes to its card more than once before it takes the disk.
    assert "This machine is installed and boots its disk" in console
    assert states(running)[name] == ["installed"]
    assert reports(running, name) == ["/install/installing", "/install/installed"]


def test_the_second_power_on_starts_the_disk_and_writes_nothing_to_it(running, more, machines, installed):
    disk = machines["disk"]
    disk.on("echo mine > /root/mark && sync")
    more.switch("off", *machines)
    # A run in between changes nothing about that.
    more.site()
    assert states(running) == {name: ["installed"] for name in machines}
    more.switch("on", "disk")
    disk.until("cat /root/mark", "mine")
    assert disk.on(PARTITIONS) == installed["disk"]
    assert "This machine is installed and boots its disk" in disk.boot().text
    assert "bootyard:" not in disk.boot().text
    assert len(reports(running, "disk")) == 2


def test_who_is_told_to_installs_itself_anew(running, more, machines, installed, times):
    disk = machines["disk"]
    more.lab.run(more.lab.playbook("playbooks/reinstall.yml", "--extra-vars=node=disk"))
    assert states(running) == {"disk": ["installed", "wipe"], "disk-uefi": ["installed"]}
    more.switch("reset", "disk")
    times["disk"].append(disk.runs_from_its_disk())
    assert disk.on("test -e /root/mark || echo gone") == "gone"
    assert disk.on(PARTITIONS) != installed["disk"]
    assert disk.on(f"cat {FINAL}") == "final configuration of disk"
    assert states(running)["disk"] == ["installed"]


def test_others_are_not_reinstalled(running, more):
    refused = subprocess.run(
        more.lab.playbook("playbooks/reinstall.yml", "--extra-vars=node=node1,disk-uefi"), capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "node1 has the profile debian-nfs, which installs nothing" in refused.stdout + refused.stderr
    assert states(running)["disk-uefi"] == ["installed"]
