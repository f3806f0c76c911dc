"""Before anything is changed a run asks whether a node that is up would lose its root, and whether a machine only has a new name."""

from __future__ import annotations

import dataclasses
import os

import pytest
from homes import Homes

UP = "127.0.0.11"  # refuses the connection, as a machine does that is up
OFF = "10.0.33.11"
NETWORK = {"cidr": "127.0.0.0/24", "address": "127.0.0.1", "gateway": None, "interface": "lo", "pool": None}


@pytest.fixture
def homes(disk):
    return Homes(disk("data"))


@pytest.fixture
def check(module, homes, inventory, tmp_path):
    """Asks about an inventory: check(node variables by name, **options)."""

    def run(nodes, network=False, **options):
        made = inventory(NETWORK if any(variables["netboot_ip"].startswith("127.") for variables in nodes.values()) else {})
        for name, variables in nodes.items():
            made.node(name, **variables)
        fleet = made.parse(interfaces=None).to_dict()
        layout = {key: value for key, value in dataclasses.asdict(homes.layout).items() if key != "reserve"}
        return module("node_check", fleet=fleet, layout=layout, installs=str(tmp_path / "installs"), host_network=network, **options)

    return run


def node(ip, mac="52:54:00:00:00:01", **variables):
    return {"netboot_ip": ip, "netboot_mac": mac, **variables}


def make(homes, name="node1", ip=UP, **fields):
    record = homes.make(name, **fields)
    homes.write(homes.data / "roots" / name, dataclasses.replace(record, ip=ip))


CHANGES = {
    "its address": ({"node1": node("127.0.0.21")}, "changes its address to 127.0.0.21"),
    "its profile": (
        {"node1": node(UP, netboot_profile="debian-ram")},
        "has the profile debian-ram now, which boots no root of its own",
    ),
    "its name": ({"node7": node(UP, netboot_renamed_from="node1")}, "becomes node7"),
    "it left": ({"node2": node("127.0.0.12", "52:54:00:00:00:02")}, "left the inventory"),
}


@pytest.mark.parametrize(("nodes", "why"), CHANGES.values(), ids=CHANGES)
def test_a_node_that_is_up_keeps_its_root(homes, check, nodes, why):
    make(homes)
    before = sorted(os.listdir(homes.data / "roots"))
    said = check(nodes, network=True)
    assert said["failed"]
    assert f"would lose their roots: node1 ({UP} is up) {why}. Nothing was changed; switch them off" in said["msg"]
    assert "-e nfs_root_force=true" in said["msg"]
    assert not check(nodes, network=True, force=True).get("failed")
    assert not check(nodes, network=False).get("failed"), "off it loses nothing that it uses"
    assert sorted(os.listdir(homes.data / "roots")) == before


def test_a_node_that_only_runs_is_asked_nothing(homes, check):
    make(homes)
    result = check({"node1": node(UP)}, network=True)
    assert (result["changed"], result["moving"]) == (False, [])
    assert result["staying"] == {"node1": homes.records()["node1"].public()}


def test_a_root_that_waits_is_lost_to_nobody(homes, check):
    """Its node is up, in RAM."""
    record = homes.make("node1")
    homes.write(homes.data / "roots/node1", dataclasses.replace(record, ip=UP, state="kept"))
    assert not check({"node1": node(UP, netboot_profile="debian-ram")}, network=True).get("failed")


@pytest.mark.parametrize("kept", ["root", "installation"])
def test_a_machine_under_another_name_stops_the_run(homes, check, tmp_path, kept):
    if kept == "root":
        make(homes, ip=OFF, macs=("52:54:00:00:00:0a", "52:54:00:00:00:01"))
    else:
        (tmp_path / "installs/node1").mkdir(parents=True)
        (tmp_path / "installs/node1/.bootyard").write_text("52:54:00:00:00:01\n")
    nodes = {"node7": node("10.0.33.17"), "node2": node("10.0.33.12", "52:54:00:00:00:02")}
    said = check(nodes)
    assert said["failed"]
    assert "node1 left the inventory, and its MAC address 52:54:00:00:00:01 is node7's" in said["msg"]
    assert "set netboot_renamed_from: node1 on node7" in said["msg"]
    assert said["msg"].endswith("Nothing was changed.")
    assert not check(nodes, retired=["node1"]).get("failed")
    nodes["node7"]["netboot_renamed_from"] = "node1"
    result = check(nodes)
    assert result["moving"] == (["node7"] if kept == "root" else [])
    assert result["staying"] == {}
