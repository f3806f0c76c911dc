"""A fleet of seven in which everything is wrong at once: each fault is named, and holds up no other node."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
import sys

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire
from clients import is_served, machine
from masters import BRIDGE, SERVER, converge, host, inventory

SEVEN = inventory("faults")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBootyardBootyardBootyardBootyardBootyard new"
#: What is new for every root: a key, and a password that gets into its shadow.
WITH_KEY = f"--extra-vars={json.dumps({'nfs_root_authorized_keys': [KEY], 'nfs_root_password_hash': '$y$j9T$fedcba9876543210$another'})}"
BYSTANDERS = {f"node{number}": (f"52:54:00:12:00:0{number}", f"10.77.12.1{number}") for number in (1, 2, 3)}
HALF_OPEN = """
import socket, sys, time
made = [socket.socket() for _one in range(3000)]
for connection in made:
    connection.setblocking(False)
    connection.connect_ex((sys.argv[1], 80))
print("ready", flush=True)
while True:
    for connection in made:
        try:
            connection.send(b"GET / HTTP/1.1\\r\\nHost: ")
        except OSError:
            pass  # refused, or not there yet
    time.sleep(5)
"""
#: By the node that suffers from it, what is done, and what puts it right again.
DAMAGE = {
    "node4": (
        "mv /srv/nfs/node4/root /srv/nfs/node4/moved && ln -s /srv /srv/nfs/node4/root",
        "rm /srv/nfs/node4/root && mv /srv/nfs/node4/moved /srv/nfs/node4/root",
    ),
    "node5": (
        "cp --archive /srv/nfs/node5/etc/shadow /srv/nfs/node5/etc/kept && truncate --size 8G /srv/nfs/node5/etc/shadow",
        "mv /srv/nfs/node5/etc/kept /srv/nfs/node5/etc/shadow",
    ),
    "node6": (
        "cd /srv/netboot/roots/node6 && cp --archive root.json /root/kept && : > root.json",
        "mv /root/kept /srv/netboot/roots/node6/root.json",
    ),
    # The server that exports it has it open.
    "node7": (
        "systemctl stop nfs-ganesha && umount /srv/nfs/node7 /srv/netboot/roots/node7/disk && systemctl start nfs-ganesha && "
        "dd if=/dev/urandom of=/srv/netboot/roots/node7/root.ext4 bs=4096 count=1 conv=notrunc",
        "true",
    ),
}


@pytest.fixture(scope="module")
def seven():
    """Four more nodes, which leave afterwards."""
    assert converge(SEVEN).code == 0
    host().check_output("echo precious > /srv/nfs/node7/root/results")
    yield
    leave = {"netboot_allow_removal": ["node4", "node5", "node6", "node7"], "nfs_root_purge": True}
    assert converge(f"--extra-vars={json.dumps(leave)}").code == 0


@pytest.fixture
def silent_machine():
    """A machine that has begun three thousand requests and says no more."""
    with machine(BRIDGE, "10.77.12.66") as one:
        command = ["ip", "netns", "exec", one.name, sys.executable, "-c", HALF_OPEN, SERVER]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            yield
            process.kill()


def test_each_fault_is_named_and_holds_up_no_other(seven, silent_machine):
    for damage, _repair in DAMAGE.values():
        host().check_output(damage)
    host().check_output(": > /var/lib/bootyard/state.json; echo '{' > /var/lib/bootyard/files/hosts.json")
    # Anybody on the wire can say that a node's address is in use.
    declined = {50: ipaddress.IPv4Address("10.77.12.12").packed, 54: ipaddress.IPv4Address(SERVER).packed}
    assert _dhcp_wire.ask(BRIDGE, BYSTANDERS["node2"][0], 4, declined, timeout=0.3) is None

    run = converge(SEVEN, WITH_KEY)

    assert run.code != 0
    [message] = run.failed
    for name in DAMAGE:
        assert f"{name}: " in message
    assert not re.search("node[123]: ", message)
    for word in ("node4: [Errno 20]", "/etc/shadow", "root.json is empty", "action=repair -e node=node7"):
        assert word in message
    for name, (mac, address) in BYSTANDERS.items():
        assert is_served(BRIDGE, SERVER, mac, address), name
        assert KEY in host().file(f"/srv/nfs/{name}/root/.ssh/authorized_keys").content_string
        with machine(BRIDGE, address, mac=mac) as node:
            assert node.mounts(SERVER, f"/srv/nfs/{name}/etc")


def test_what_the_message_says_repairs_them(seven):
    for _damage, repair in DAMAGE.values():
        host().check_output(repair)
    assert converge(SEVEN, "--extra-vars=action=repair node=node7", playbook="playbooks/roots.yml").code == 0
    run = converge(SEVEN, WITH_KEY)
    assert (run.code, run.failed) == (0, ())
    for name in ("node4", "node5", "node6", "node7"):
        assert KEY in host().file(f"/srv/nfs/{name}/root/.ssh/authorized_keys").content_string
    assert host().file("/srv/nfs/node7/root/results").content_string == "precious\n"
    assert is_served(BRIDGE, SERVER, "52:54:00:12:00:07", "10.77.12.17")
