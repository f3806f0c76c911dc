"""Nodes that change in the inventory: a new name takes the root along, another way of booting keeps it, a copied record stops nobody."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest
from ansible_collections.bootyard.netboot.plugins.filter.root_nodes import root_nodes
from rootmaster import Master


@pytest.fixture
def roots(module, disk, inventory):
    """Runs the module for an inventory: roots({name: variables}, **options)."""
    data = disk("data", "size=512m")
    layout = dataclasses.asdict(Master(disk("images"), data, "overlay").layout)
    del layout["reserve"]

    def run(nodes, **options):
        made = inventory()
        for name, variables in nodes.items():
            made.node(name, netboot_quota="128M", **variables)
        fleet = made.parse()
        wanted = {
            "nodes": root_nodes(fleet.to_dict(), options.pop("selected", ())),
            "generations": {"debian-12": "0001-0"},
            "renamed": fleet.renamed,
            "idle": sorted({node.name for node in fleet.present} - {node.name for node in fleet.rooted}),
        }
        keep = {"keep": [node.name for node in fleet.present]}
        return module("node_roots", layout=layout, **(keep if options.get("state") == "absent" else wanted), **options)

    run.data = data
    return run


def record(roots, name):
    return json.loads((roots.data / "roots" / name / "root.json").read_text())


def test_a_new_name_takes_the_root_along(roots):
    mac, other = {"netboot_mac": "52:54:00:00:00:0a"}, {"netboot_mac": "52:54:00:00:00:0b"}
    made = roots({"node1": mac, "node2": other})
    (roots.data / "nfs/node1/results").write_text("42\n")
    assert record(roots, "node1")["macs"] == ["52:54:00:00:00:0a"]
    after = {"node2": other, "node7": {**mac, "netboot_renamed_from": "node1"}}
    predicted = roots(after, dry=True)
    result = roots(after)
    for said in (predicted, result):
        assert (said["changed"], said["created"], said["removed"], said["renamed"]) == (True, [], [], {"node7": "node1"})
        assert said["faults"] == []
        assert sorted(said["roots"]) == ["node2", "node7"]
        assert said["roots"]["node7"]["host_key"] == made["roots"]["node1"]["host_key"]
        assert said["diff"]["after"].splitlines()[0].startswith("node7: has the root of node1")
    root = roots.data / "nfs/node7"
    assert ((root / "results").read_text(), (root / "etc/hostname").read_text()) == ("42\n", "node7\n")
    assert not (roots.data / "nfs/node1").exists()
    assert not roots(after)["changed"]
    assert not roots(after, state="absent")["changed"]


def test_a_root_that_cannot_move_yet_is_named_and_made_for_nobody(roots):
    mac, other = {"netboot_mac": "52:54:00:00:00:0a"}, {"netboot_mac": "52:54:00:00:00:0b"}
    roots({"node1": mac, "node2": other})
    after = {"node2": other, "node7": {**mac, "netboot_renamed_from": "node1"}}
    with open(roots.data / "nfs/node1/etc/hostname"):
        result = roots(after)
    [fault] = result["faults"]
    assert fault.startswith("node7: the root of node1 is not its own yet: umount failed")
    assert (list(result["roots"]), result["created"], result["removed"]) == (["node2"], [], [])
    assert sorted(path.name for path in (roots.data / "roots").iterdir()) == ["node1", "node2"]
    assert list(roots(after)["roots"]) == ["node2", "node7"]


@pytest.mark.parametrize("selected", [(), ("node2",)], ids=["all", "a selection"])
def test_a_root_waits_for_a_node_that_boots_otherwise(roots, selected):
    roots({"node1": {}, "node2": {}})
    (roots.data / "nfs/node1/results").write_text("42\n")
    other = {"node1": {"netboot_profile": "debian-ram"}, "node2": {}}
    options = {"selected": selected, "prune": not selected}
    for dry in (True, False):
        result = roots(other, dry=dry, **options)
        assert (result["changed"], result["kept"], result["removed"], list(result["roots"])) == (True, ["node1"], [], ["node2"])
        assert result["diff"]["after"] == "node1: kept, and not served any more\n"
    again = roots(other, **options)
    assert (again["changed"], again["kept"], list(again["roots"])) == (False, ["node1"], ["node2"])
    assert roots(other, state="absent", prune=not selected)["removed"] == []
    if selected:
        assert list(roots({"node1": {}, "node2": {}}, **options)["roots"]) == ["node2"], "it was not selected"
    back = roots({"node1": {}, "node2": {}})
    assert (back["changed"], back["created"], back["kept"], list(back["roots"])) == (True, [], [], ["node1", "node2"])
    assert (roots.data / "nfs/node1/results").read_text() == "42\n"


def test_a_kept_root_leaves_with_its_node(roots):
    roots({"node1": {}, "node2": {}})
    roots({"node1": {"netboot_profile": "debian-ram"}, "node2": {}})
    assert roots({"node2": {}})["removed"] == ["node1"]
    assert roots({"node2": {}}, state="absent")["removed"] == ["node1"]
    assert not (roots.data / "roots/node1").exists()


@pytest.mark.parametrize("copied", ["as it is", "under its name", "out of the archive"])
def test_a_directory_that_was_copied_by_hand_stops_nobody(roots, copied):
    """Its record has the export id of another root: it is named and left out, all others are served."""
    nodes = {"node1": {}, "node2": {}, "node3": {}}
    roots({"node1": {}, "node2": {}} if copied != "out of the archive" else {"node1": {}, "node3": {}})
    home = roots.data / "roots/node3"
    if copied == "out of the archive":
        roots({"node1": {}}, state="absent")
        [archived] = (roots.data / "archive").iterdir()
        roots({"node1": {}, "node2": {}})  # gets the number that node3 had
        shutil.move(archived, home)
    else:
        home.mkdir()
        for file in ("root.json", "root.ext4"):
            shutil.copy(roots.data / "roots/node2" / file, home)
    if copied == "under its name":
        (home / "root.json").write_text(json.dumps(record(roots, "node2") | {"node": "node3"}))
    for dry in (True, False):
        result = roots(nodes, dry=dry)
        [fault] = result["faults"]
        assert fault.startswith("node3: ")
        assert ("is the record of node2" if copied == "as it is" else "export id 2, which is node2's") in fault
        assert sorted(result["roots"]) == ["node1", "node2"]
        assert result["roots"]["node2"]["export_id"] == 2
