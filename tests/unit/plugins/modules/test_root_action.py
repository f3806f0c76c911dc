"""What an operator does with roots beside the runs."""

from __future__ import annotations

import dataclasses
import re

import pytest
from homes import Homes
from rootmaster import QUOTA, Master


@pytest.fixture
def homes(disk):
    return Homes(disk("data"))


@pytest.fixture
def act(module, homes):
    layout = {key: value for key, value in dataclasses.asdict(homes.layout).items() if key != "reserve"}
    return lambda **options: module("root_action", layout=layout, **options)


def test_roots_and_archives_are_listed(homes, act):
    homes.make("node1", 1)
    homes.archived("node2.1700000000")
    homes.archived("node2.mine", archived_as="node2.1700000000")
    result = act()
    [root] = result["roots"]
    assert (root["node"], root["state"], root["image"], root["export_id"]) == ("node1", "ready", "debian-12", 1)
    assert root["bytes"] > 100_000
    assert [(item["name"], item["node"], item["days"], item["foreign"]) for item in result["archives"]] == [
        ("node2.1700000000", "node2", 0.0, ""),
        ("node2.mine", "node2", None, "has the record of node2.1700000000"),
    ]
    assert result["changed"] is False
    assert result["told"][0].startswith("node1: ready, debian-12 0001-0, ")
    assert result["told"][1].endswith("node2.1700000000: 0 MiB, 0.0 of 30 days old")
    assert result["told"][2].endswith("kept for ever, as it has the record of node2.1700000000")


def test_a_root_is_archived_and_restored(homes, act):
    homes.make("node1", 1)
    assert "node1 boots from its root" in act(action="archive", node="node1", nodes=["node1"])["msg"]
    assert act(action="archive", node="node1", dry=True)["changed"]
    assert list(homes.records()) == ["node1"]
    assert act(action="archive", node="node1")["changed"]
    assert homes.records() == {}
    homes.make("node2", 1)
    [name] = homes.graves()
    predicted = act(action="restore", node="node1", nodes=["node1", "node2"], dry=True)
    assert homes.graves() == [name]
    made = act(action="restore", node="node1", archive=name, nodes=["node1", "node2"])
    assert {key: made[key] for key in ("changed", "told", "diff")} == {key: predicted[key] for key in ("changed", "told", "diff")}
    assert {name: record.export_id for name, record in homes.records().items()} == {"node1": 2, "node2": 1}
    assert homes.graves() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"node": "node9", "nodes": ["node1", "node2"]}, "node9 is not a node that boots from a root here.*There are: node1, node2"),
        ({"node": "node1", "nodes": ["node1"]}, "node1 has a root, in .*remove it first"),
        ({"node": "node2", "nodes": ["node2"], "archive": "node1.1"}, "has no root node1.1 of node2; expected one of: none"),
    ],
    ids=["unknown", "has one", "another's"],
)
def test_a_restoration_that_makes_no_sense_is_refused(homes, act, options, said):
    homes.make("node1", 1)
    homes.archived("node1.1")
    result = act(action="restore", **options)
    assert result["failed"]
    assert re.search(said, result["msg"])
    assert homes.graves() == ["node1.1"]


def test_a_root_whose_node_is_up_is_not_archived(homes, act):
    record = homes.make("node1", 1)
    homes.write(homes.data / "roots/node1", dataclasses.replace(record, ip="127.0.0.11"))
    assert "node1 (127.0.0.11)" in act(action="archive", node="node1", host_network=True)["msg"]
    assert act(action="archive", node="node1", host_network=True, force=True)["changed"]


def test_roots_are_repaired_and_grow(module, disk):
    master = Master(disk("images"), disk("data", "size=512m"), "overlay")
    master.run("node1", "node2")
    layout = {key: value for key, value in dataclasses.asdict(master.layout).items() if key != "reserve"}

    def repair(**options):
        return module("root_action", action="repair", layout=layout, quotas={"node1": 2 * QUOTA}, **options)

    assert repair(dry=True)["told"] == [f"{name} is repaired; the next run mounts and exports it" for name in ("node1", "node2")]
    assert master.run("node1", "node2").mount == []
    assert repair(node="node1")["changed"]
    assert master.run("node1", "node2").mount == ["node1"]
    assert {name: record.size for name, record in master.records().items()} == {"node1": 2 * QUOTA, "node2": QUOTA}
    assert "node3 has no root" in repair(node="node3")["msg"]
    with open(master.root("node1") / "etc/hostname"):
        result = repair()
    assert "node1 is not repaired: umount failed" in result["msg"]
    assert "node2" not in result["msg"]
    assert master.run("node1", "node2").mount == ["node2"]
    (master.data / "roots/node2/root.json").write_text("")
    assert "root.json is empty" in repair(node="node2")["msg"]
