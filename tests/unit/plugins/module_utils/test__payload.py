"""What a machine starts is the same whatever loader brings it there."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _payload

PROFILES = {
    "flatcar": {"boot": "http", "kernel": "flatcar/k", "initrd": ["flatcar/i", "http://192.0.2.9/i"], "kernel_args": "a b"},
    "serial": {"boot": "nfs", "image": "debian-13", "kernel_args": "console=ttyS0"},
}


def of(inventory, roots, **variables):
    fleet = inventory(netboot_profiles=PROFILES).node("node1", **variables).parse()
    return _payload.of_node(fleet, fleet.nodes[0], roots)


def test_the_kernel_is_the_one_of_the_roots_image_and_generation(inventory, roots):
    assert of(inventory, roots, netboot_profile="serial", netboot_kernel_args="quiet") == _payload.Payload(
        "images/debian-12/0001-5e4f1c22/vmlinuz",
        ("images/debian-12/0001-5e4f1c22/initrd.img",),
        (
            "root=/dev/nfs",
            "nfsroot=10.0.33.1:/srv/nfs/node1,nfsvers=3,tcp,noacl",
            "ip=dhcp",
            "rw",
            "console=ttyS0",
            "quiet",
        ),
    )


def test_a_kernel_over_http_gets_the_arguments_of_its_profile_and_its_node(inventory, roots):
    assert of(inventory, roots, netboot_profile="flatcar", netboot_kernel_args="c") == _payload.Payload(
        "flatcar/k", ("flatcar/i", "http://192.0.2.9/i"), ("a", "b", "c")
    )


@pytest.mark.parametrize("profile", ["local", "debian-nfs"])
def test_a_node_with_a_disk_and_one_without_a_root_start_nothing(inventory, profile):
    assert of(inventory, {}, netboot_profile=profile) is None


@pytest.mark.parametrize("base", ["/", "http://10.0.33.1/", "(tftp)/"])
def test_paths_are_found_below_a_base_and_urls_wherever_they_are(base):
    payload = _payload.Payload("k", ("i", "http://192.0.2.9/i"), ("a",)).below(base)
    assert payload == _payload.Payload(f"{base}k", (f"{base}i", "http://192.0.2.9/i"), ("a",))
