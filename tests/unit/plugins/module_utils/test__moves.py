"""Roots of nodes that change: they get the new name in one go, and wait for a node that boots otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _archive, _moves, _records, _retire
from homes import KINDS, Homes
from isolation import killed_at

RENAMES = {"node7": "node1"}


@pytest.fixture(params=KINDS)
def homes(request, disk):
    return Homes(disk("data"), request.param)


def rename(homes, renames=None, dry=False):
    renames = RENAMES if renames is None else renames
    records = homes.records()
    moved, faults = _moves.rename(homes.layout, records, renames, dry)
    assert faults == {}
    return moved, records


def files(homes):
    return sorted(str(path) for path in homes.data.rglob("*") if "images" not in path.parts)


# --- another name ----------------------------------------------------------------------------------------------------


def test_root_keys_and_archives_get_the_new_name(homes):
    homes.make("node1", 3)
    _retire.leave(homes.layout, homes.records(), ["node1"], purge=False)
    homes.make("node1", 3, host_key="ssh-ed25519 AAAA", macs=("52:54:00:00:00:01",))
    homes.make("node2", 2)
    [old] = homes.graves()
    moved, records = rename(homes)
    assert moved == RENAMES
    assert sorted(homes.records()) == sorted(records) == ["node2", "node7"]
    record = homes.records()["node7"]
    assert (record.node, record.path, record.export_id) == ("node7", f"{homes.data}/nfs/node7", 3)
    assert (record.host_key, list(record.macs)) == ("ssh-ed25519 AAAA", ["52:54:00:00:00:01"])
    if homes.kind != "former copy":
        homes.mount("node7")
    assert homes.hostname("node7") == "node1\n"  # what the inventory governs in it, the next step of the run writes
    assert not (homes.data / "nfs/node1").exists()
    assert homes.graves() == [old.replace("node1", "node7")]
    assert [(item.foreign, item.record.node) for item in _archive.archives(homes.layout)] == [("", "node7")]
    assert rename(homes)[0] == {}


def test_a_prediction_says_the_same_and_moves_nothing(homes):
    homes.make("node1")
    before = files(homes)
    moved, records = rename(homes, dry=True)
    assert (moved, list(records), records["node7"].path) == (RENAMES, ["node7"], f"{homes.data}/nfs/node7")
    assert files(homes) == before
    assert homes.hostname("node1") == "node1\n"


def test_a_move_that_was_killed_is_finished(homes):
    homes.make("node2", 2)
    step, killed = 0, True
    while killed:
        homes.make("node1", 1, host_key="ssh-ed25519 AAAA")
        homes.archived("node1.1700000000")
        killed = killed_at(step, _moves, lambda: rename(homes))
        rename(homes)
        assert sorted(homes.records()) == ["node2", "node7"]
        assert homes.records()["node7"].node == "node7"
        if homes.kind != "former copy":
            homes.mount("node7")
        assert homes.hostname("node7") == "node1\n"
        assert homes.graves() == ["node7.1700000000"]
        assert [item.foreign for item in _archive.archives(homes.layout)] == [""]
        assert homes.hostname("node2") == "node2\n"
        _retire.leave(homes.layout, homes.records(), ["node7"], purge=True)
        shutil.rmtree(homes.data / "archive")
        step += 5
    assert step > 20


def test_a_root_under_the_new_name_is_in_the_way(disk):
    homes = Homes(disk("data"))
    for number, name in enumerate(("node1", "node7"), 1):
        homes.make(name, number)
    before = files(homes)
    with pytest.raises(_records.RootError, match=r"have that of their former name \(in brackets\): node7 \(node1\). Nothing was changed"):
        rename(homes)
    assert files(homes) == before


def test_a_root_that_is_in_use_keeps_its_name_and_holds_up_no_other(disk):
    homes = Homes(disk("data"))
    for number, name in enumerate(("node1", "node2"), 1):
        homes.make(name, number)
    renames = {"node7": "node1", "node8": "node2"}
    with open(homes.data / "nfs/node1/etc/hostname"):
        records = homes.records()
        moved, faults = _moves.rename(homes.layout, records, renames, dry=False)
        assert (moved, sorted(records)) == ({"node8": "node2"}, ["node1", "node8"])
        assert faults["node7"].startswith("the root of node1 is not its own yet: umount failed: ")
        assert homes.hostname("node1") == "node1\n"
        assert sorted(homes.records()) == ["node1", "node8"]
    assert rename(homes, renames)[0] == {"node7": "node1"}


def test_an_operators_copy_keeps_its_name(disk):
    homes = Homes(disk("data"))
    homes.archived("node1.1")
    homes.archived("node1.mine", archived_as="node1.1")
    homes.archived("node12.1")
    rename(homes)
    assert homes.graves() == ["node1.mine", "node12.1", "node7.1"]


def test_where_nothing_has_the_old_name_nothing_happens(disk):
    homes = Homes(disk("data"))
    homes.make("node7")
    assert rename(homes) == ({}, homes.records())


def test_a_record_that_cannot_be_read_is_named(disk):
    homes = Homes(disk("data"))
    homes.make("node1")
    (homes.data / "roots/node1/root.json").write_text("")
    with pytest.raises(_records.RootError, match=r"node7 cannot take over the root of node1: .*roots/node1/root.json is empty"):
        _moves.due(homes.layout, RENAMES)


def test_a_machine_is_remembered_by_its_cards(disk):
    homes = Homes(disk("data"))
    homes.make("node1")
    for macs in (["a", "b"], ["b", "c"]):
        _moves.remember_cards(homes.layout, homes.records(), {"node1": macs, "node2": ["d"]})
        assert list(homes.records()["node1"].macs) == macs
    before = (homes.data / "roots/node1/root.json").stat().st_mtime_ns
    _moves.remember_cards(homes.layout, homes.records(), {"node1": ["c", "b"]})
    assert (homes.data / "roots/node1/root.json").stat().st_mtime_ns == before


# --- another way of booting ------------------------------------------------------------------------------------------


def test_a_root_waits_for_its_node(homes):
    homes.make("node1", 1)
    homes.make("node2", 2)
    assert _moves.settle(homes.layout, homes.records(), ["node2"], ["node1"], dry=True) == {"node1": "kept, and not served any more"}
    assert homes.records()["node1"].state == "ready"
    assert list(_moves.settle(homes.layout, homes.records(), ["node2"], ["node1"], dry=False)) == ["node1"]
    assert {name: record.state for name, record in homes.records().items()} == {"node1": "kept", "node2": "ready"}
    assert "/nfs/node1 " not in Path(homes.layout.fstab).read_text()
    assert _moves.settle(homes.layout, homes.records(), ["node2"], ["node1"], dry=False) == {}
    assert _moves.settle(homes.layout, homes.records(), ["node1", "node2"], [], dry=False) == {"node1": "served again"}
    assert homes.records()["node1"].state == "ready"
    assert homes.hostname("node1") == "node1\n"


def test_a_root_that_is_not_ready_is_not_kept(disk):
    homes = Homes(disk("data"))
    record = homes.make("node1")
    record.state = "building"
    homes.write(homes.data / "roots/node1", record)
    assert _moves.settle(homes.layout, homes.records(), [], ["node1"], dry=False) == {}
