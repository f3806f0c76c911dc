"""Trees of ours are deleted whatever a node made of them, and never what is mounted in them."""

from __future__ import annotations

import os
import resource
import subprocess

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _trees
from isolation import in_child, killed_at


def nest(path, depth: int, name: str) -> None:
    """Directories in each other, deeper than any path can say."""
    os.makedirs(path, exist_ok=True)
    here = os.open(path, os.O_RDONLY)
    for _time in range(depth):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_a_tree_goes(tmp_path):
    (tmp_path / "tree/below").mkdir(parents=True)
    _trees.remove_tree(str(tmp_path / "tree"))
    _trees.remove_tree(str(tmp_path / "tree"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["d", "d" * 255])
def test_depth_does_not_matter(tmp_path, name):
    """More directories in each other than Python has frames or a process has files, with a path of up to 765 KB."""
    nest(tmp_path / "tree", 3000, name)
    assert in_child(lambda: (resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)), _trees.remove_tree(str(tmp_path / "tree")))) == 0
    assert list(tmp_path.iterdir()) == []


def test_width_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.setattr(_trees, "_BATCH", 10)
    for directory in ("tree", "tree/a", "tree/a/b", "tree/c"):
        (tmp_path / directory).mkdir()
        for number in range(25):
            (tmp_path / directory / f"file{number}").touch()
            (tmp_path / directory / f"directory{number}").mkdir()
    _trees.remove_tree(str(tmp_path / "tree"))
    assert list(tmp_path.iterdir()) == []


def test_everything_that_a_node_can_make_goes_and_nothing_that_a_link_leads_to(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    tree = tmp_path / "tree/etc"
    tree.mkdir(parents=True)
    (tree / "link").symlink_to(precious)
    (tree / "dangling").symlink_to("nowhere")
    os.link(precious / "file", tree / "hard link")
    os.mkfifo(tree / "pipe")
    os.mknod(tree / "device", 0o600 | 0o020000, os.makedev(1, 3))
    (tree / "locked").mkdir(0o000)
    (tree / os.fsdecode(b"\xff\xfe name\n")).touch()
    _trees.remove_tree(str(tmp_path / "tree"))
    assert (precious / "file").read_text() == "mine"
    assert os.listdir(tmp_path) == ["precious"]


@pytest.mark.parametrize("name", ["proc", "with space", "ümlaut"])
@pytest.mark.parametrize("kind", ["another file system", "the same one"])
def test_a_tree_with_a_mount_in_it_stays(private_mounts, tmp_path, name, kind):
    where = tmp_path / "tree/deep" / name
    where.mkdir(parents=True)
    (tmp_path / "tree/file").touch()
    (tmp_path / "elsewhere").mkdir()
    mount = ["-t", "tmpfs", "tmpfs"] if kind == "another file system" else ["--bind", tmp_path / "elsewhere"]
    subprocess.run(["mount", *mount, where], check=True)
    (where / "precious").touch()
    with pytest.raises(_trees.TreeError, match="is mounted; unmount it"):
        _trees.remove_tree(str(tmp_path / "tree"))
    assert (where / "precious").exists()
    assert (tmp_path / "tree/file").exists()
    subprocess.run(["umount", where], check=True)


@pytest.mark.parametrize("below", ["", "deep/"])
def test_what_is_mounted_meanwhile_stays(private_mounts, tmp_path, monkeypatch, below):
    """The table of mounts was read before; a bind mount is on the same device."""
    where = tmp_path / f"tree/{below}mounted"
    where.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/precious").touch()
    subprocess.run(["mount", "--bind", tmp_path / "elsewhere", where], check=True)
    monkeypatch.setattr(_trees, "mounts_below", lambda _path: [])
    with pytest.raises(OSError, match=r"mounted|busy"):
        _trees.remove_tree(str(tmp_path / "tree"))
    assert (tmp_path / "elsewhere/precious").exists()
    subprocess.run(["umount", where], check=True)


def test_a_mount_next_door_is_in_nobodys_way(private_mounts, tmp_path):
    for name in ("tree", "tree2"):
        (tmp_path / name).mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path / "tree2"], check=True)
    _trees.remove_tree(str(tmp_path / "tree"))
    assert os.listdir(tmp_path) == ["tree2"]


def test_what_is_mounted_is_listed_the_last_one_first(private_mounts, tmp_path):
    inner = tmp_path / "with space/inner"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], check=True)
    inner.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", inner], check=True)
    assert _trees.mounts_below(str(tmp_path)) == [str(inner), str(tmp_path)]
    subprocess.run(["umount", inner, tmp_path], check=True)


def test_a_link_is_not_the_tree(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "link").symlink_to("tree")
    _trees.remove_tree(str(tmp_path / "link"))
    assert sorted(os.listdir(tmp_path)) == ["link", "tree"]


def test_what_is_to_go_last_goes_last(tmp_path):
    step, killed = 0, True
    while killed:
        (tmp_path / "tree/a/b").mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree/root.json").write_text("whose it is")
        killed = killed_at(step, _trees, lambda: _trees.remove_tree(str(tmp_path / "tree"), last=("root.json",)))
        left = [str(path) for path in tmp_path.rglob("*") if path.name not in ("tree", "root.json")]
        assert not left or (tmp_path / "tree/root.json").exists()
        step += 4
    assert step > 10
    assert list(tmp_path.iterdir()) == []


def test_the_size_of_a_tree_is_what_it_takes_on_the_disk(disk):
    data = disk("data")
    with open(data / "sparse", "wb") as file:
        file.truncate(8 << 40)
        file.write(bytes(1 << 20))
    (data / "mounted").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", data / "mounted"], check=True)
    (data / "mounted/other").write_bytes(bytes(4 << 20))
    assert 1 << 20 <= _trees.size(str(data)) < 2 << 20
    assert _trees.size(str(data / "nothing")) == 0
