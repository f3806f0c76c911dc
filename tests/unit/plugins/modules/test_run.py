"""Runs begin and end, and one that would remove too much does not begin."""

from __future__ import annotations

import json
import os

import pytest


@pytest.fixture
def run(module, tmp_path):
    """Runs the module on a master whose files are in a directory of the test's own."""
    places = {name: str(tmp_path / name) for name in ("roots", "installs", "configs", "names")}

    def call(**options):
        return module("run", master="head", **places, **options)

    return call


def test_a_run_begins_and_ends(run, tmp_path):
    started = run(nodes=["node1", "node2"])
    assert started == {"changed": False, "run": 1, "removed": []}
    assert run(state="finished", run=1, nodes=["node1", "node2"]) == {"changed": False, "run": 1}
    assert run(nodes=["node1"])["removed"] == ["node2"]
    assert json.loads((tmp_path / "state/state.json").read_text()) == {"number": 2, "finished": False, "nodes": ["node1", "node2"]}


def test_check_mode_begins_nothing(run, tmp_path):
    assert run(nodes=["node1"], dry=True) == {"changed": False, "removed": []}
    assert not (tmp_path / "state").exists()


def test_an_empty_inventory_removes_nothing(run):
    run(state="finished", run=run(nodes=["node1", "node2"])["run"], nodes=["node1", "node2"])
    for dry in (True, False):
        result = run(nodes=[], dry=dry)
        assert result["failed"]
        assert "2 of 2 nodes are no longer in the inventory: node1, node2" in result["msg"]
    assert run(nodes=[], allow_removal=["node1", "node2"])["removed"] == ["node1", "node2"]


def test_a_second_run_ends_cleanly(run):
    run(nodes=["node1"])
    result = run(nodes=["node1"], timeout=0)
    assert result["failed"]
    assert "run 1 is still at work" in result["msg"]


@pytest.mark.parametrize("content", [None, "", "{", '{"nodes": "node1"}'])
def test_a_lost_state_is_made_anew_from_what_is_on_the_master(run, tmp_path, content):
    """Seven nodes have roots, one more has a name only; an inventory of four would have archived half of them."""
    nodes = [f"node{number}" for number in range(8)]
    run(state="finished", run=run(nodes=nodes)["run"], nodes=nodes)
    for name in nodes[:7]:
        (tmp_path / "roots" / name).mkdir(parents=True)
        (tmp_path / "roots" / name / "root.json").write_text("" if name == "node6" else "{}")
    (tmp_path / "names").write_text("127.0.0.1 localhost\n192.0.2.1 head.lab head\n192.0.2.17 node7.lab node7\n")
    state = tmp_path / "state/state.json"
    state.unlink()
    if content is not None:
        state.write_text(content)
    for dry in (True, False):
        result = run(nodes=nodes[:4], dry=dry)
        assert result["failed"]
        assert "4 of 8 nodes are no longer in the inventory: node4, node5, node6, node7" in result["msg"]
        assert str(state) in f"{result}"
    for dry in (True, False):
        result = run(nodes=nodes[:7], dry=dry)
        assert result["removed"] == ["node7"]
        [warning] = result["warnings"]
        assert str(state) in str(warning)
        assert "it serves 8 nodes: node0, node1" in str(warning)
    assert "warnings" not in run(state="finished", run=result["run"], nodes=nodes[:7])


def test_nodes_that_are_named_leave(run):
    nodes = ["node1", "node2", "node3"]
    run(state="finished", run=run(nodes=nodes)["run"], nodes=nodes)
    for dry in (True, False):
        assert "nod3 is unknown (did you mean node3" in run(nodes=nodes[:1], remove="node2,nod3", dry=dry)["msg"]
        assert "still wants node1 served" in run(nodes=nodes[:1], remove=["node1", "node2"], dry=dry)["msg"]
        assert run(nodes=nodes[:1], remove=["node2,node3"], dry=dry)["removed"] == ["node2", "node3"]


def test_what_is_in_the_way_is_named(run, tmp_path):
    (tmp_path / "state").touch()
    assert str(tmp_path / "state") in run(nodes=["node1"])["msg"]
    os.unlink(tmp_path / "state")
    (tmp_path / "state/run.lock").mkdir(parents=True)
    assert str(tmp_path / "state/run.lock") in run(nodes=["node1"])["msg"]
