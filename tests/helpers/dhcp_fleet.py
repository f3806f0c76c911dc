"""A fleet with every kind of plan and of network, for the DHCP servers to be asked about."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.bootyard.netboot.plugins.module_utils import _fleet

NETWORKS = {
    "lab": {
        "cidr": "10.0.33.0/24",
        "address": "10.0.33.1",
        "interface": "eth1",
        "pool": "10.0.33.20-10.0.33.90",
        "gateway": "10.0.33.254",
        "domain": "cluster",
        "dns": ["10.0.33.2", "10.0.33.3"],
        "ntp": ["10.0.33.1", "10.0.33.4"],
        "mtu": 1400,
        "lease_time": 600,
        "unknown": "boot",
    },
    "offices": {"cidr": "10.0.34.0/24", "address": "10.0.34.1", "interface": "eth2", "pool": "10.0.34.20-10.0.34.90"},
    "closed": {"cidr": "10.0.35.0/24", "address": "10.0.35.1", "interface": "eth3", "pool": "10.0.35.20-10.0.35.90", "unknown": "ignore"},
}
KERNEL = {"boot": "http", "kernel": "flatcar/vmlinuz", "initrd": ["flatcar/initrd"]}
PROFILES = {
    "nfs-pxelinux": {"boot": "nfs", "image": "debian-12", "loader": "pxelinux"},
    "nfs-grub": {"boot": "nfs", "image": "debian-12", "loader": "grub"},
    "http": KERNEL,
    "http-pxelinux": {**KERNEL, "loader": "pxelinux", "pxelinux_config": "pxelinux.cfg/stable", "pxelinux_prefix": "coreos/"},
}
NODES = {
    "auto": {"netboot_mac": ["52:54:00:00:00:01", "52:54:00:00:00:f1"], "netboot_ip": "10.0.33.101"},
    "old": {"netboot_mac": "52:54:00:00:00:02", "netboot_ip": "10.0.33.102", "netboot_profile": "nfs-pxelinux"},
    "signed": {"netboot_mac": "52:54:00:00:00:03", "netboot_ip": "10.0.33.103", "netboot_profile": "nfs-grub"},
    "flatcar": {"netboot_mac": "52:54:00:00:00:04", "netboot_ip": "10.0.33.104", "netboot_profile": "http"},
    "stable": {"netboot_mac": "52:54:00:00:00:05", "netboot_ip": "10.0.33.105", "netboot_profile": "http-pxelinux"},
    "disk": {"netboot_mac": "52:54:00:00:00:06", "netboot_ip": "10.0.33.106", "netboot_profile": "local"},
    "desk": {"netboot_mac": "52:54:00:00:00:07", "netboot_ip": "10.0.34.107"},
    "vault": {"netboot_mac": "52:54:00:00:00:08", "netboot_ip": "10.0.35.108"},
}
MASTER, STRANGER = "52:54:00:00:00:aa", "52:54:00:00:00:fe"
#: On every network the machines of this one, and some that are nobody there.
CARDS = {
    "lab": [*(f"52:54:00:00:00:0{number}" for number in range(1, 7)), "52:54:00:00:00:f1", "52:54:00:00:00:07", MASTER, STRANGER],
    "offices": ["52:54:00:00:00:07", "52:54:00:00:00:01", STRANGER],
    "closed": ["52:54:00:00:00:08", "52:54:00:00:00:01", STRANGER],
}


def made(networks: Mapping | None = None, nodes: Mapping | None = None) -> _fleet.Fleet:
    """The fleet, or one like it."""
    nodes = NODES if nodes is None else nodes
    master = {"netboot_networks": NETWORKS if networks is None else networks, "netboot_profiles": PROFILES, "netboot_mac": MASTER}
    return _fleet.parse({"head": master, **nodes}, nodes, "head", release=13)
