"""Runs that are killed, and runs that meet: the next one finishes the job, and no node gets a mixed set."""

from __future__ import annotations

import re
import signal
import subprocess
import time

import pytest
from clients import is_served, machine
from masters import BRIDGE, BYSTANDER, INVENTORY, SERVER, bystander_is_served, converge, host, inventory
from plays import ROOT, command, environment

NODES = {"node5": ("52:54:00:12:00:05", "10.77.12.15"), "node6": ("52:54:00:12:00:06", "10.77.12.16")}
ADD = inventory("interrupted")
REMOVE = f"--extra-vars={{netboot_allow_removal: [{', '.join(NODES)}], nfs_root_purge: true}}"
SET = {"node1", "node2", "node3"}


def start(*arguments: str) -> subprocess.Popen:
    """A run that goes on by itself."""
    words = command("site.yml", *INVENTORY, *arguments)
    return subprocess.Popen(words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def served_sets() -> list[set[str]]:
    """The nodes that each service has: DHCP, boot loader, exports and names must agree."""
    words = {
        "/etc/kea/kea-dhcp4.conf": r'"hostname": "(\w+)"',
        "/etc/ganesha/bootyard-exports.conf": r"Path = /srv/nfs/(\w+)",
        "/srv/nfs/.common/hosts": r"(node\d)\.lab12",
        "/etc/ssh/bootyard_known_hosts": r"^(\w+),",
    }
    found = [set(re.findall(pattern, host().file(path).content_string, re.MULTILINE)) for path, pattern in words.items()]
    configs = "grep --no-filename --only-matching 'nfsroot=[^,]*' --recursive {}"
    loaders = [host().check_output(configs.format(path)) for path in ("/srv/tftp/pxelinux.cfg", "/srv/tftp/grub", "/srv/http/by-mac")]
    return [*found, *(set(re.findall(r"/srv/nfs/(\w+)", config)) for config in loaders)]


@pytest.mark.parametrize(
    ("arguments", "task"),
    [
        (ADD, "Make the roots"),
        (REMOVE, "Tell every machine what to boot"),
        (ADD, "Serve addresses and boot files"),
        (REMOVE, "Take the roots of nodes that left"),
    ],
)
def test_a_killed_run_is_finished_by_the_next(arguments, task):
    run = start(arguments)
    for line in run.stdout:
        if task in line:
            break
    time.sleep(1)
    # Only Ansible itself: its workers and what they run on the master live on as orphans.
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert bystander_is_served()
    again = converge(arguments)
    assert again.code == 0, again.messages
    assert served_sets() == [SET | set(NODES) if arguments == ADD else SET] * 7
    assert all(is_served(BRIDGE, SERVER, *node) == (arguments == ADD) for node in NODES.values())
    assert not host().check_output("find /etc /srv/tftp /srv/http /srv/nfs/.common /var/lib/bootyard -name '*.bootyard' -o -name '*.new'")
    assert bystander_is_served()


def test_two_runs_at_once_leave_the_set_of_one():
    assert converge().changed == ()
    runs = [start(ADD), start()]
    outputs = [run.communicate()[0] for run in runs]
    codes = [run.returncode for run in runs]
    assert 0 in codes
    for code, output in zip(codes, outputs, strict=True):
        assert (
            code == 0 or "has taken over from this one" in output or "still at work" in output or "no longer in the inventory" in output
        ), output
    assert bystander_is_served()
    last = converge(ADD)
    assert last.code == 0, last.messages
    assert served_sets() == [SET | set(NODES)] * 7
    assert converge(REMOVE).code == 0
    assert served_sets() == [SET] * 7
    assert bystander_is_served()


def test_a_master_that_restarts_serves_again():
    subprocess.run(["docker", "restart", "bootyard-mol-master12"], check=True, capture_output=True)
    deadline = time.monotonic() + 120
    while not (bystander_is_served() and host().run("systemctl is-active nfs-ganesha").rc == 0):
        assert time.monotonic() < deadline
        time.sleep(2)
    with machine(BRIDGE, BYSTANDER[1], mac=BYSTANDER[0]) as node:
        assert node.mounts(SERVER, "/srv/nfs/node1/etc")
        assert not node.mounts(SERVER, "/srv/nfs/node2")
    # The engine writes a container's /etc/hosts anew; all else is as it was.
    assert set(converge().changed) <= {"Know the nodes by name"}
