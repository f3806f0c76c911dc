"""What speaks against serving a network, asked of a kernel's own interfaces. Other servers are in tests/conformance."""

from __future__ import annotations

import subprocess

import isolation
import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _preflight
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Network

PLUGGED = [
    "ip link add eth1 type veth peer name far",
    "ip link set far up",
    "ip link set eth1 up",
    "ip address add 10.0.33.1/24 dev eth1",
]


def network(**more):
    return Network("lab", "10.0.33.0/24", "10.0.33.1", "eth1", **more)


def complaints(commands, *networks):
    """What is said on a machine that the commands made; it takes the process with it."""
    isolation.unshare(isolation.NEW_NETWORK | isolation.NEW_MOUNTS)
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)  # it shows the interfaces of this name space
    for command in commands:
        subprocess.run(command.split(), check=True)
    return _preflight.complaints(list(networks), patience=0.2)


@pytest.mark.parametrize(
    ("commands", "options", "said"),
    [
        (PLUGGED, {}, ""),
        (PLUGGED, {"mode": "proxy"}, ""),
        ([], {}, "has no link"),
        ([*PLUGGED, "ip link set eth1 down"], {}, "has no link"),
        ([*PLUGGED, "ip link set far down"], {}, "has no link"),
        ([*PLUGGED, "ip route add default via 10.0.33.254"], {}, "carries the default route"),
        ([*PLUGGED, "ip route add default via 10.0.33.254"], {"allow_default_route": True}, ""),
    ],
    ids=["fine", "proxy", "missing", "down", "unplugged", "the way out", "the way out, allowed"],
)
def test_a_network_is_served_only_where_that_does_no_harm(commands, options, said):
    def body():
        found = complaints(commands, network(**options))
        assert len(found) == bool(said), found
        for complaint in found:
            assert complaint.startswith("netboot_networks.lab.interface = 'eth1': ")
            assert said in complaint

    assert isolation.in_child(body) == 0


def test_without_networks_there_is_nothing_to_say():
    assert _preflight.complaints([], patience=0.2) == []
