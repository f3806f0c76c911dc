"""An inventory with faults stops before anything is touched, and says all that is wrong with it."""

from __future__ import annotations

import pytest
from masters import bystander_is_served, converge, everything, inventory

FAULTS = [
    "twin: netboot_mac = '52:54:00:12:00:01': is node1's too",
    "pooled: netboot_ip = '10.77.12.205': is inside cluster's pool 10.77.12.200-10.77.12.210",
    "bad_name: inventory_hostname = 'bad_name': is no RFC 1123 label",
    "lost: netboot_profile = 'windows': is not in netboot_profiles; there are ",
]


def test_all_faults_are_named_at_once_and_nothing_is_touched():
    files = everything()
    refused = converge(inventory("bad_inventory"))
    assert refused.code != 0
    assert "The inventory has 4 faults; nothing was changed" in refused.messages
    for fault in FAULTS:
        assert fault in refused.messages
    assert everything() == files
    assert bystander_is_served()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            "{netboot_networks: {cluster: {cidr: 10.77.12.0/24, interface: eth9}}}",
            "netboot_networks.cluster.interface = 'eth9': does not exist on master12; its interfaces are",
        ),
        ("{netboot_networks: {cluster: {cidr: 10.99.0.0/24, address: 10.99.0.1}}}", "no interface of master12 has the address 10.99.0.1"),
        ("{nfs_root_password_hash: hunter2}", "nfs_root_password_hash"),
    ],
    ids=["interface", "address", "password"],
)
def test_a_fault_of_the_master_is_explained(variables, message):
    files = everything()
    refused = converge(f"--extra-vars={variables}")
    assert refused.code != 0
    assert message in refused.messages
    assert "hunter2" not in refused.output
    assert everything() == files
    assert bystander_is_served()
