"""A node is added: predicted exactly, made, and nothing of the others is touched."""

from __future__ import annotations

import re

from clients import is_served
from masters import BRIDGE, PIDS, SERVER, bystander_is_served, converge, everything, host, inventory, listing

OTHERS = [f"/srv/netboot/roots/node{i}{below}" for i in (1, 2, 3) for below in ("", "/disk/upper")]
TASKS = (
    "Load the rules",
    "Know the nodes by name",
    "Make the roots",
    "Publish the names of the fleet to all nodes",
    "Publish the host keys of the nodes to the master",
    "Export with Ganesha",
    "Tell every node what to boot",
    "Tell every machine what to boot",
    "Serve the files",
    "Serve addresses and boot files with Kea",
)


def test_a_node_is_added():
    node4 = inventory("add_node")
    others, files, services = listing(*OTHERS), everything(), host().check_output(PIDS)

    predicted = converge(node4, "--check")
    assert (predicted.code, predicted.changed) == (0, TASKS)
    assert everything() == files

    done = converge(node4)
    assert (done.code, done.changed) == (0, TASKS)
    assert is_served(BRIDGE, SERVER, "52:54:00:12:00:04", "10.77.12.14")
    config = host().file("/srv/tftp/pxelinux.cfg/01-52-54-00-12-00-04").content_string
    assert config.rstrip().endswith(r"rw a=${IFS} b=\1 c={{7*7}} d={%raw%}")

    assert listing(*OTHERS) == others
    assert host().check_output(PIDS) == services
    mine = [line.split()[0] for line in set(everything()) - set(files) if re.search("/01-52-54|/by-mac/", line)]
    assert sorted(path for path in mine if "." in path) == [
        "/srv/http/by-mac/52-54-00-12-00-04.ipxe",
        "/srv/tftp/grub/by-mac/52:54:00:12:00:04.cfg",
        "/srv/tftp/pxelinux.cfg/01-52-54-00-12-00-04",
    ]
    assert bystander_is_served()

    assert converge(node4).changed == ()
