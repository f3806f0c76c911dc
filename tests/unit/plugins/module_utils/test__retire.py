"""Roots that leave: all that can, with their data, and none whose node is up."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _archive, _records, _retire
from homes import KINDS, Homes
from isolation import NEW_NETWORK, in_child, killed_at, unshare


@pytest.fixture(params=KINDS)
def homes(request, disk):
    return Homes(disk("data"), request.param)


def leave(homes, *names, purge=False):
    _retire.leave(homes.layout, homes.records(), names, purge)


def where_data_is(homes, grave: Path) -> Path:
    """The data of an archived root, after its file system has been mounted where there is one."""
    if homes.kind in ("overlay", "copy"):
        look = homes.data / "look"
        look.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop", grave / "root.ext4", look], check=True)
        return look / ("upper" if homes.kind == "overlay" else "")
    return grave / ("upper" if homes.kind == "former overlay" else "root")


def test_a_root_leaves_with_its_data_whatever_its_layout(homes):
    homes.make("node1", 1)
    homes.make("node2", 2)
    leave(homes, "node1")
    assert list(homes.records()) == ["node2"]
    assert homes.hostname("node2") == "node2\n"
    assert not (homes.data / "nfs/node1").exists()
    [archive] = _archive.archives(homes.layout)
    assert archive.foreign == ""
    assert (where_data_is(homes, Path(archive.path)) / "etc/hostname").read_text() == "node1\n"
    assert "/nfs/node1 " not in Path(homes.layout.fstab).read_text()


def test_a_root_that_is_purged_is_gone(homes):
    homes.make("node1")
    leave(homes, "node1", purge=True)
    assert homes.graves() == []
    assert homes.records() == {}


def test_two_that_leave_in_one_second_are_two_archives(homes):
    for _time in range(3):
        homes.make("node1")
        leave(homes, "node1")
    assert len(homes.graves()) == 3
    assert all(not archive.foreign for archive in _archive.archives(homes.layout))


def test_one_root_that_cannot_leave_holds_up_no_other(disk):
    homes = Homes(disk("data"))
    for number in (1, 2, 3):
        homes.make(f"node{number}", number)
    with open(homes.data / "nfs/node2/etc/hostname"):
        with pytest.raises(_records.RootError, match=r"these roots could not leave, all others did: node2 \(umount failed: .*busy"):
            leave(homes, "node1", "node2", "node3")
        assert list(homes.records()) == ["node2"]
        assert homes.hostname("node2") == "node2\n"
    leave(homes, "node2")
    assert len(homes.graves()) == 3


def test_a_removal_that_was_killed_is_finished(homes):
    step, killed = 0, True
    while killed:
        homes.make("node1")
        killed = killed_at(step, _retire, lambda: leave(homes, "node1"))
        leave(homes, *homes.records())
        [archive] = _archive.archives(homes.layout)
        assert archive.foreign == ""
        if homes.kind.startswith("former"):
            assert (where_data_is(homes, Path(archive.path)) / "etc/hostname").read_text() == "node1\n"
        _archive.remove([archive.path])
        step += 3
    assert step > 9


def test_a_node_that_is_up_is_in_use():
    def look():
        unshare(NEW_NETWORK)
        for command in ("link set lo up", "link add br0 type bridge", "address add 10.0.33.1/24 dev br0", "link set br0 up"):
            subprocess.run(["ip", *command.split()], check=True)
        # A machine on the bridge that refuses all connections silently.
        machine = "ip link set eth0 up; ip address add 10.0.33.11/24 dev eth0; ip route add blackhole 10.0.33.1; exec sleep 60"
        process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", f"while ! ip link show eth0; do sleep 0.1; done 2>/dev/null; {machine}"],
            stdout=subprocess.DEVNULL,
        )
        time.sleep(0.3)
        subprocess.run(["ip", "link", "add", "port", "type", "veth", "peer", "name", "eth0", "netns", str(process.pid)], check=True)
        subprocess.run(["ip", "link", "set", "port", "master", "br0", "up"], check=True)
        time.sleep(1)
        addresses = ["10.0.33.11", "10.0.33.12", "127.0.0.1", "10.99.0.1", *(f"10.0.33.{number}" for number in range(20, 60))]
        records = [_records.Record(f"node{i}", ip, "", "", "", "", 1) for i, ip in enumerate(addresses)]
        start = time.monotonic()
        assert [record.node for record in _retire.in_use(records)] == ["node0", "node2"]
        assert time.monotonic() - start < 20, "one that is off holds up those behind it"
        process.kill()

    assert in_child(look) == 0
