"""Repair of roots: what a node wrote is there afterwards, whatever happened to what is below it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _records, _repair, _volumes
from rootmaster import QUOTA, Master, by_handle


@pytest.fixture(params=["overlay", "copy"])
def master(request, disk):
    return Master(disk("images"), disk("data", "size=512m"), request.param)


def repair(master: Master, size: int = QUOTA) -> None:
    _repair.repair(master.layout, master.records()["node1"], size)


def write(root: Path) -> None:
    """What a node did to its root."""
    (root / "boot/small1").write_text("the node's")
    (root / "boot/small2").unlink()
    (root / "results").mkdir()
    (root / "results").chmod(0o2775)
    (root / "results/link").symlink_to("nowhere")
    os.mknod(root / "results/fifo", 0o600 | 0o010000)


def assert_written(root: Path) -> None:
    assert (root / "boot/small1").read_text() == "the node's"
    assert not (root / "boot/small2").exists()
    assert (root / "results").stat().st_mode & 0o7777 == 0o2775
    assert os.readlink(root / "results/link") == "nowhere"
    assert (root / "boot/big").read_text() == "x" * 300_000
    for name in ("small1", "small3"):
        assert by_handle(root, root / "boot" / name) == (root / "boot" / name).read_bytes()


def test_a_root_grows(master):
    master.run("node1")
    write(master.root("node1"))
    before = os.statvfs(master.root("node1"))
    repair(master, 2 * QUOTA)
    todo = master.run("node1", size=2 * QUOTA)
    assert (todo.mount, todo.small, todo.faults) == (["node1"], [], {})
    after = os.statvfs(master.root("node1"))
    assert after.f_blocks * after.f_frsize > 1.8 * before.f_blocks * before.f_frsize
    assert_written(master.root("node1"))
    repair(master, QUOTA)
    assert os.path.getsize(master.layout.disk("node1")) == 2 * QUOTA


def test_a_damaged_file_system_is_repaired(master):
    master.run("node1")
    write(master.root("node1"))
    master.unmount("node1")
    with open(master.layout.disk("node1"), "r+b") as disk:
        disk.write(b"x" * 4096)
    assert "mount failed" in master.run("node1").faults["node1"]
    repair(master)
    assert master.run("node1").faults == {}
    assert_written(master.root("node1"))


def test_an_image_with_other_inodes_below_a_root_is_no_loss(disk):
    """As after a restore that unpacked and packed the image: the overlay's files name the inodes that were below them."""
    master = Master(disk("images"), disk("data", "size=512m"), "overlay")
    master.run("node1")
    root = master.root("node1")
    write(root)
    deep = root / "results"
    for _time in range(60):
        deep = deep / ("d" * 20)
        deep.mkdir()
    (deep / "bottom").write_text("still here")
    master.unmount("node1")
    subprocess.run(["umount", master.base], check=True)
    for number in range(200):
        (master.source / f"boot/another{number}").touch()
    (master.generation / "root.squashfs").unlink()
    master.pack()
    faults = master.run("node1").faults
    assert "Stale file handle" in faults["node1"]
    assert "action=repair -e node=node1" in faults["node1"]
    repair(master)
    assert master.run("node1").faults == {}
    assert_written(root)
    assert (deep / "bottom").read_text() == "still here"


def test_a_tree_of_any_depth_is_repaired(disk):
    master = Master(disk("images"), disk("data", "size=512m"), "overlay")
    master.run("node1")
    os.chdir(master.root("node1"))
    for _time in range(1500):
        os.mkdir("deep")
        os.chdir("deep")
    os.chdir("/")
    repair(master)
    assert master.run("node1").faults == {}
    assert (master.root("node1") / "deep/deep").is_dir()


def test_a_root_of_an_earlier_release_gets_a_file_system_of_its_own(master):
    """Overlays lay on the file system of all roots, copies too; images were directories."""
    master.run("node1")
    write(master.root("node1"))
    image = master.generation / "root"
    own = master.layout.own_mounts(master.records()["node1"])[0].target
    kept = master.data / "kept"
    subprocess.run(["cp", "--archive", own, kept], check=True)
    for mount in reversed([*master.layout.base, *master.layout.own_mounts(master.records()["node1"])]):
        subprocess.run(["umount", mount.target], check=True)
    subprocess.run(["umount", "--quiet", image], check=False)
    home = master.data / "roots/node1"
    (home / "root.ext4").unlink()
    if master.strategy == "overlay":
        (home / "disk").rmdir()
        (kept / "upper").rename(home / "upper")
        (kept / "work").rename(home / "work")
        image.rmdir()
        shutil.copytree(master.source, image, symlinks=True)
        (master.generation / "root.squashfs").unlink()
        master.root("node1").mkdir()
    else:
        kept.rename(master.root("node1"))
    with pytest.raises(_records.RootError, match="action=repair"):
        master.run("node1")
    repair(master)
    assert master.run("node1").faults == {}
    assert_written(master.root("node1"))
    assert sorted(os.listdir(home)) == (["disk", "root.ext4", "root.json"] if master.strategy == "overlay" else ["root.ext4", "root.json"])


def test_what_is_gone_is_named(master):
    master.run("node1")
    master.unmount("node1")
    Path(master.layout.disk("node1")).unlink()
    with pytest.raises(_records.RootError, match=r"restore .*roots/node1 from a backup"):
        repair(master)
    assert master.ready() == ["node1"]
    assert str(master.root("node1")) not in _volumes.mounted()
