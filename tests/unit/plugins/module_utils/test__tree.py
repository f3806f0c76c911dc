"""What the master reads and writes in a root: never through a link of the node's, never more than it can hold."""

from __future__ import annotations

import os
import resource

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _tree
from ansible_collections.bootyard.netboot.plugins.module_utils._personal import Entry
from isolation import in_child


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/shadow").write_text("precious")
    return tmp_path / "root"


def test_a_file_is_read_as_it_is(root):
    (root / "etc/shadow").write_bytes(b"root:*:\r\nm\xfcller:*:\n")
    with _tree.Tree(str(root)) as tree:
        assert tree.read("/etc/shadow").encode("utf-8", "surrogateescape") == b"root:*:\r\nm\xfcller:*:\n"


def test_the_largest_file_is_read(root):
    (root / "etc/shadow").write_bytes(b"x" * _tree.LIMIT)
    with _tree.Tree(str(root)) as tree:
        assert len(tree.read("/etc/shadow")) == _tree.LIMIT


def test_a_larger_file_is_refused_before_it_fills_the_memory(root):
    """8 GB of nothing, and a process that may have 64 MB more than it has."""
    with open(root / "etc/shadow", "wb") as file:
        file.truncate(8 << 30)

    def read():
        with open("/proc/self/statm", encoding="ascii") as statm:
            size = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + (64 << 20),) * 2)
        with _tree.Tree(str(root)) as tree, pytest.raises(OSError, match=r"has 8589934592 bytes; expected at most 1048576: '/etc/shadow'"):
            tree.read("/etc/shadow")

    assert in_child(read) == 0


@pytest.mark.parametrize("trap", ["link", "fifo", "directory", "device", "link to the directory"])
def test_what_is_not_a_regular_file_is_not_opened(root, trap):
    shadow = root / "etc/shadow"
    if trap == "link":
        shadow.symlink_to(root.parent / "outside/shadow")
    elif trap == "fifo":
        os.mkfifo(shadow)
    elif trap == "directory":
        shadow.mkdir()
    elif trap == "device":
        os.mknod(shadow, 0o600 | 0o020000, os.makedev(1, 5))
    else:
        (root / "etc").rmdir()
        (root / "etc").symlink_to(root.parent / "outside")
    said = (
        r"is not a directory; a link is not followed: '/etc'"
        if "directory" in trap and "link" in trap
        else r"is not a regular file: '/etc/shadow'"
    )
    with _tree.Tree(str(root)) as tree, pytest.raises(OSError, match=said):
        tree.read("/etc/shadow")


def test_a_link_on_the_way_is_named_with_its_path(root):
    """/root as a link: the message says which of the node's files is in the way."""
    (root / "root").symlink_to("etc")
    with _tree.Tree(str(root)) as tree, pytest.raises(NotADirectoryError, match="is not a directory; a link is not followed: '/root'"):
        tree.put("/root/.ssh/authorized_keys", Entry("ssh-ed25519 AAAA\n"))
    assert os.listdir(root / "etc") == []


def test_reading_and_dropping_make_nothing(root):
    with _tree.Tree(str(root)) as tree:
        with pytest.raises(FileNotFoundError, match="'/srv'"):
            tree.read("/srv/data/file")
        tree.drop("/home/mpi/.ssh/authorized_keys")
    assert os.listdir(root) == ["etc"]


def test_what_is_written_is_whole_and_has_its_owner_and_mode(root):
    with _tree.Tree(str(root)) as tree:
        tree.put("/home/mpi/.ssh/authorized_keys", Entry("key\n", 0o600, 9999, 9998))
        tree.put("/etc/hosts", Entry(link="bootyard/hosts"))
        tree.put("/srv", Entry(mode=0o750))
        assert tree.owner_and_mode("/home/mpi/.ssh/authorized_keys") == (0o600, 9999, 9998)
        assert tree.owner_and_mode("/srv")[0] == 0o750
        tree.drop("/home/mpi/.ssh/authorized_keys")
    assert os.readlink(root / "etc/hosts") == "bootyard/hosts"
    assert os.listdir(root / "home/mpi/.ssh") == []
