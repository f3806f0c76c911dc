"""Runs begin and end, and one that would remove too much does not begin."""

from __future__ import annotations

import json


def test_a_run_begins_and_ends(module, tmp_path):
    started = module("run", nodes=["node1", "node2"])
    assert started == {"changed": False, "run": 1, "removed": []}
    assert module("run", state="finished", run=1, nodes=["node1", "node2"]) == {"changed": False, "run": 1}
    assert module("run", nodes=["node1"])["removed"] == ["node2"]
    assert json.loads((tmp_path / "state/state.json").read_text()) == {"number": 2, "finished": False, "nodes": ["node1", "node2"]}


def test_check_mode_begins_nothing(module, tmp_path):
    assert module("run", nodes=["node1"], dry=True) == {"changed": False, "removed": []}
    assert not (tmp_path / "state").exists()


def test_an_empty_inventory_removes_nothing(module):
    module("run", state="finished", run=module("run", nodes=["node1", "node2"])["run"], nodes=["node1", "node2"])
    for dry in (True, False):
        result = module("run", nodes=[], dry=dry)
        assert result["failed"]
        assert "2 of 2 nodes are no longer in the inventory: node1, node2" in result["msg"]
    assert module("run", nodes=[], allow_removal=["node1", "node2"])["removed"] == ["node1", "node2"]


def test_a_second_run_ends_cleanly(module):
    module("run", nodes=["node1"])
    result = module("run", nodes=["node1"], timeout=0)
    assert result["failed"]
    assert "run 1 is still at work" in result["msg"]
