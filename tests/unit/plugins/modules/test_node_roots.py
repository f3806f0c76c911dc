"""From an inventory to roots by the module itself."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess

import pytest
from ansible_collections.bootyard.netboot.plugins.filter.root_nodes import root_nodes
from documents import load
from documents import run as command
from rootmaster import Master


@pytest.fixture
def roots(module, disk, inventory):
    """Runs the module for nodes by name on a master with a tiny image."""
    data = disk("data", "size=512m")
    layout = dataclasses.asdict(Master(disk("images"), data, "overlay").layout)
    del layout["reserve"]

    def run(*names, **options):
        made = inventory()
        for name in names:
            made.node(name, netboot_quota="128M")
        wanted = {"nodes": root_nodes(made.parse().to_dict()), "generations": {"debian-12": "0001-0"}, "password_hash": "$6$salt$secret"}
        return module("node_roots", layout=layout, **({"keep": list(names)} if options.get("state") == "absent" else wanted), **options)

    run.data, run.layout = data, layout
    return run


@pytest.mark.parametrize("strategy", ["auto", "copy"])
def test_roots_are_made_once(roots, strategy):
    predicted = roots("node1", "node2", dry=True)
    assert not (roots.data / "nfs").exists()
    made = roots("node1", "node2", strategy=strategy)
    assert (made["changed"], made["created"], made["removed"]) == (True, ["node1", "node2"], [])
    assert {key: made[key] for key in made if key != "roots"} == {key: predicted[key] for key in predicted if key != "roots"}
    for name, root in made["roots"].items():
        unknown = {"host_key", "strategy"}
        assert {key: root[key] for key in root if key not in unknown} == {
            key: predicted["roots"][name][key] for key in root if key not in unknown
        }
        assert root["host_key"].startswith("ssh-ed25519 ")
        assert root["strategy"] == ("overlay" if strategy == "auto" else strategy)
    again = roots("node1", "node2", strategy=strategy)
    assert (again["changed"], again["roots"]) == (False, made["roots"])


def test_a_change_is_shown_by_file_and_never_by_content(roots):
    roots("node1", "node2")
    wanted = {"authorized_keys": ["ssh-ed25519 AAAAnew"], "users": [{"name": "mpi", "uid": 9999, "ssh_public_key": "ssh-rsa AAAAmpi"}]}
    predicted = roots("node1", "node2", "node3", dry=True, **wanted)
    result = roots("node1", "node2", "node3", **wanted)
    assert {key: result[key] for key in ("changed", "created", "updated", "diff")} == {
        key: predicted[key] for key in ("changed", "created", "updated", "diff")
    }
    assert "/root/.ssh/authorized_keys" in result["updated"]["node1"]
    assert result["diff"]["after"].splitlines()[0] == "node3: new root"
    assert "AAAAnew" not in json.dumps(result["diff"])
    assert (roots.data / "nfs/node1/home/mpi/.ssh/authorized_keys").read_text() == "ssh-rsa AAAAmpi\n"
    assert not roots("node1", "node2", "node3", **wanted)["changed"]


def test_a_root_leaves_in_a_call_of_its_own(roots):
    roots("node1", "node2")
    staying = roots("node1")
    assert (staying["changed"], staying["removed"], list(staying["roots"])) == (False, ["node2"], ["node1"])
    assert (roots.data / "nfs/node2/etc").exists()
    predicted = roots("node1", state="absent", dry=True)
    assert (roots.data / "nfs/node2/etc").exists()
    assert roots("node1", state="absent") == predicted
    assert predicted["removed"] == ["node2"]
    assert not (roots.data / "nfs/node2").exists()
    assert not roots("node1", state="absent")["changed"]


@pytest.mark.parametrize(("options", "left"), [({"prune": False}, True), ({"purge": True}, False)])
def test_a_selection_removes_nothing_and_a_purge_everything(roots, options, left):
    roots("node1", "node2")
    roots("node1", state="absent", **options)
    assert (roots.data / "nfs/node2").exists() == left
    assert [name for name in os.listdir(roots.data / "roots") if name == "node2"] == ["node2"] * left
    assert not (roots.data / "archive").exists() or os.listdir(roots.data / "archive") == []


@pytest.mark.parametrize(("force", "left"), [(False, True), (True, False)])
def test_a_node_that_is_up_keeps_its_root(roots, module, force, left):
    """127.0.0.11 refuses the connection, as a machine does that is up."""
    node = {
        "name": "node1",
        "ip": "127.0.0.11",
        "macs": ["52:54:00:00:00:01"],
        "image": "debian-12",
        "master": "head",
        "server": "127.0.0.1",
        "quota": 128 << 20,
    }
    options = {"layout": roots.layout, "generations": {"debian-12": "0001-0"}, "host_network": True}
    module("node_roots", nodes=[node], **options)
    for dry in (True, False):
        result = module("node_roots", keep=[], state="absent", force=force, dry=dry, **options)
        assert result.get("failed", False) == left
        assert not left or "node1 (127.0.0.11 is up)" in result["msg"]
    assert (roots.data / "nfs/node1").exists() == left


def test_ansible_itself_runs_it(roots, tmp_path):
    options = {"nodes": [], "generations": {}, "layout": roots.layout, "state_dir": f"{tmp_path}/state"}
    said = command("ansible", "localhost", "-m", "bootyard.netboot.node_roots", "-a", json.dumps(options))
    assert load(said.partition("=>")[2])["roots"] == {}


def test_what_fails_for_one_node_holds_up_no_other(roots):
    roots("node1", "node2")
    (roots.data / "roots/node1/root.json").write_text("")
    for dry in (True, False):
        result = roots("node1", "node2", "node3", dry=dry)
        assert result["created"] == ["node3"]
        assert list(result["roots"]) == ["node2", "node3"]
        [fault] = result["faults"]
        assert fault.startswith(f"node1: {roots.data}/roots/node1/root.json is empty; restore it from a backup")


def test_an_operator_is_warned_before_nothing_is_left(roots):
    assert roots("node1")["warnings"] == []
    result = roots("node1", "node2", reserve=1024)
    assert "less than the 1024 of nfs_root_reserve" in str(result["warnings"])
    assert "above the 1024 that stay free" in result["faults"][0]


@pytest.fixture
def share(disk, tmp_path):
    """A file system of its own."""
    image, path = disk("images-of-shares") / "shared.ext4", tmp_path / "shared"
    subprocess.run(["mkfs.ext4", "-q", image, "16M"], check=True)
    path.mkdir()
    subprocess.run(["mount", "-o", "loop", image, path], check=True)
    return path


def test_a_shared_directory_may_be_a_file_system_of_its_own(roots, share):
    result = roots(state="absent", shared=[{"path": str(share)}], dry=True)
    assert not result.get("failed", False)


@pytest.mark.parametrize("kind", ["a directory", "a bind mount", "an overlay", "nothing", "memory"])
def test_another_shared_directory_is_refused(roots, disk, tmp_path, kind):
    """Whoever mounts one directory of a file system can forge the handles of all of it."""
    shared = tmp_path / "shared"
    if kind == "memory":
        disk("shared")
    elif kind != "nothing":
        shared.mkdir()
    if kind == "a bind mount":
        subprocess.run(["mount", "--bind", roots.data, shared], check=True)
    if kind == "an overlay":
        above = disk("above")
        for name in ("upper", "work"):
            (above / name).mkdir()
        options = f"lowerdir={roots.data},upperdir={above}/upper,workdir={above}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, shared], check=True)
    result = roots(state="absent", shared=[{"path": str(shared)}], dry=True)
    assert result["msg"].startswith(f"nfs_root_shared: {shared} ")


def test_two_shared_directories_are_two_file_systems(roots, share, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    subprocess.run(["mount", "--bind", share, second], check=True)
    result = roots(state="absent", shared=[{"path": str(share)}, {"path": str(second)}], dry=True)
    assert f"nfs_root_shared: {second} shares its file system with {share}" in result["msg"]
