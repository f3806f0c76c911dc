"""The archive: nothing in it is deleted that is not ours and old by time that has passed, and everything can come back."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _archive, _records, _retire, _trees
from homes import KINDS, Homes
from hypothesis import given
from hypothesis import strategies as st
from isolation import killed_at

DAY = _archive.DAY
OLD = _archive.Clock(counted=1000 * DAY)


@pytest.fixture
def homes(disk):
    return Homes(disk("data"))


def expired(homes, days=30, clock=OLD):
    return [os.path.basename(path) for path in _archive.expired(homes.layout, days, clock)]


# --- what is ours ----------------------------------------------------------------------------------------------------


def test_only_what_a_record_of_ours_names_is_ever_deleted(homes):
    ours = homes.archived("node1.1700000000")
    shutil.copytree(ours, homes.data / "archive/node1.1700000001")  # an operator's cp -a
    shutil.copytree(ours, homes.data / "archive/node1.20240101")
    homes.archived("node3.1600000000", archived_as="")  # a root's directory, copied there
    (homes.data / "archive/mine.1700000000").mkdir()
    (homes.data / "archive/node4.1700000000").mkdir()
    (homes.data / "archive/node4.1700000000/root.json").write_text("{")
    (homes.data / "archive/thesis.2019").write_text("a file")
    (homes.data / "archive/link.1700000000").symlink_to(ours)
    before = homes.graves()
    assert expired(homes) == ["node1.1700000000"]
    _archive.remove(_archive.expired(homes.layout, 30, OLD))
    assert homes.graves() == [name for name in before if name != "node1.1700000000"]
    assert expired(homes) == []


def test_no_archive_no_expiry(tmp_path):
    layout = _records.Layout(archive=f"{tmp_path}/none", fstab=f"{tmp_path}/fstab")
    assert _archive.expired(layout, 0, _archive.look(layout)) == []


def test_it_is_said_why_something_is_not_ours(homes):
    homes.archived("node1.1")
    homes.archived("node2.1", archived_as="node2.2")
    (homes.data / "archive/mine").mkdir()
    assert {item.name: item.foreign for item in _archive.archives(homes.layout)} == {
        "mine": "has no record of a root",
        "node1.1": "",
        "node2.1": "has the record of node2.2",
    }


def test_an_archive_that_cannot_be_deleted_holds_up_no_other(homes):
    for name in ("node1.1", "node2.1", "node3.1"):
        homes.archived(name)
    mounted = homes.data / "archive/node2.1/mnt"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mounted], check=True)
    with pytest.raises(_records.RootError, match=r"all others that were due are: \S+/node2.1 \(.*is mounted"):
        _archive.remove(_archive.expired(homes.layout, 30, OLD))
    assert homes.graves() == ["node2.1"]


def test_a_deletion_that_was_killed_goes_on(homes):
    path, step, killed = homes.data / "archive/node1.1", 0, True
    while killed:
        homes.archived("node1.1")
        (path / "deep/er").mkdir(parents=True)
        killed = killed_at(step, _trees, lambda: _archive.remove([str(path)]))
        if path.exists() and os.listdir(path):
            assert expired(homes) == ["node1.1"]
            _archive.remove(_archive.expired(homes.layout, 30, OLD))
        elif path.exists():  # killed before the very last step
            path.rmdir()
        assert homes.graves() == []
        step += 3
    assert step > 20


# --- age -------------------------------------------------------------------------------------------------------------


def at(day, boot="a", since=0.0, wrong=0.0):
    """A moment: days since the tests' beginning, the day on which the master was started, and how wrong the clock on the wall is."""
    return _archive.Moment(1.7e9 + (day + wrong) * DAY, boot, (day - since) * DAY)


def days(*moments):
    clock = _archive.Clock()
    for moment in moments:
        clock = clock.at(moment)
    return pytest.approx(clock.counted / DAY)


def test_age_is_time_that_passes():
    assert days(at(0), at(10), at(31)) == 31


@pytest.mark.parametrize("wrong", [-20000, -1, 1, 20000])
def test_a_clock_that_jumps_changes_no_age(wrong):
    assert days(at(0), at(1, wrong=wrong), at(2)) == 2
    assert days(at(0, wrong=wrong), at(1), at(2, wrong=-wrong)) == 2


@pytest.mark.parametrize("wrong", [-20000, -1, 1, 20000])
def test_a_clock_that_is_wrong_after_a_start_adds_a_day_at_most(wrong):
    """No battery: 1970 when the master starts, and the right time later."""
    assert 4 <= days(at(0), at(2), at(2.5, "b", 2.5, wrong), at(4.5, "b", 2.5)).expected <= 5
    assert 4 <= days(at(0, wrong=wrong), at(2, wrong=wrong), at(2.5, "b", 2.5), at(4.5, "b", 2.5)).expected <= 5


def test_a_day_before_a_start_counts():
    assert days(at(0), at(1, "b", since=0.9), at(2, "b", since=0.9), at(3, "c", since=2.5)) == 3


@given(st.lists(st.tuples(st.floats(0, 40), st.booleans(), st.floats(-20000, 20000)), max_size=20))
def test_age_is_never_more_than_what_passed_and_a_day_for_each_start(steps):
    day, boot, since, starts = 0.0, 0, 0.0, 0
    clock = _archive.Clock().at(at(0, "0"))
    for passes, restarts, wrong in steps:
        day += passes
        if restarts:
            boot, since, starts = boot + 1, day, starts + 1
        before = clock.counted
        clock = clock.at(at(day, str(boot), since, wrong))
        assert clock.counted >= before
    assert clock.counted <= (day + starts) * DAY + 1


def test_a_lost_clock_goes_on_from_what_the_archives_say(homes):
    homes.archived("node1.1", archived_at=10 * DAY)
    homes.archived("node2.1", archived_at=100 * DAY)
    assert _archive.look(homes.layout).counted == 100 * DAY
    (homes.data / "state").mkdir()
    (homes.data / "state/archive-clock.json").write_text("")
    assert _archive.tick(homes.layout).counted == 100 * DAY
    assert 100 * DAY <= _archive.look(homes.layout).counted < 100 * DAY + 60


def test_runs_that_come_often_count_no_less(homes):
    clock = _archive.tick(homes.layout)
    for _time in range(20):
        time.sleep(0.01)
        clock = _archive.tick(homes.layout)
    assert clock.counted >= 0.2


# --- back ------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=KINDS)
def every(request, disk):
    return Homes(disk("data"), request.param)


def bring_back(homes, node, name=""):
    return _archive.restore(homes.layout, homes.records(), _archive.choose(homes.layout, node, name))


def data_of(homes, node):
    """What the node wrote. A copy of the former layout stays in its home until it is repaired."""
    if homes.kind == "former copy":
        return (homes.data / "roots" / node / "root/etc/hostname").read_text()
    homes.mount(node)
    return homes.hostname(node)


def test_what_left_comes_back_with_its_data_and_an_export_id_of_its_own(every):
    every.make("node1", 1, host_key="ssh-ed25519 AAAA")
    _retire.leave(every.layout, every.records(), ["node1"], purge=False)
    every.make("node2", 1)  # has got the number meanwhile
    record = bring_back(every, "node1")
    assert (record.export_id, record.state, record.host_key, record.archived_as) == (2, "ready", "ssh-ed25519 AAAA", "")
    assert every.records()["node1"].export_id == 2
    assert _records.duplicates(every.records(), set()) == {}
    assert data_of(every, "node1") == "node1\n"
    assert every.graves() == []


def test_a_restoration_that_was_killed_is_done_again(every):
    step, killed = 0, True
    while killed:
        every.make("node1", 1)
        _retire.leave(every.layout, every.records(), ["node1"], purge=False)
        killed = killed_at(step, _archive, lambda: bring_back(every, "node1"))
        if "node1" not in every.records():
            bring_back(every, "node1")
        assert every.records()["node1"].state == "ready"
        assert data_of(every, "node1") == "node1\n"
        _retire.leave(every.layout, every.records(), ["node1"], purge=True)
        assert every.graves() == []
        step += 11
    assert step > 50


def test_the_newest_archive_is_taken_and_any_other_by_name(homes):
    homes.archived("node1.1999999999", archived_at=1 * DAY)  # by a clock that was wrong
    homes.archived("node1.1700000000", archived_at=2 * DAY)
    homes.archived("node1.backup")
    homes.archived("node10.1700000000", archived_at=9 * DAY)
    homes.archived("node1.mine", archived_as="node1.1700000000", archived_at=3 * DAY)
    assert _archive.choose(homes.layout, "node1").name == "node1.1700000000"
    assert _archive.choose(homes.layout, "node1", "node1.1999999999").name == "node1.1999999999"
    assert _archive.choose(homes.layout, "node1", "node1.mine").name == "node1.mine"  # an operator's copy


@pytest.mark.parametrize(
    ("node", "name"), [("node2", ""), ("node1", "node1.2"), ("node2", "node1.1"), ("node1", "../roots/node1"), ("node1", "mine")]
)
def test_what_is_not_there_is_named_with_what_is(homes, node, name):
    homes.archived("node1.1")
    (homes.data / "archive/mine").mkdir()
    with pytest.raises(_records.RootError, match=r"has no root .*expected one of: (node1\.1|none)$"):
        _archive.choose(homes.layout, node, name)


def test_nothing_is_restored_over_something(homes):
    archived = homes.archived("node1.1")
    (homes.data / "roots/node1").mkdir(parents=True)
    with pytest.raises(_records.RootError, match=r"node1 has a root, in .*remove it first: netboot_state: absent"):
        bring_back(homes, "node1")
    (homes.data / "roots/node1").rmdir()
    (homes.data / "nfs/node1/photos").mkdir(parents=True)
    with pytest.raises(_records.RootError, match="has files of somebody else"):
        bring_back(homes, "node1")
    (homes.data / "nfs/node1/photos").rmdir()
    shutil.move(homes.lower.parent, homes.data / "elsewhere")
    with pytest.raises(_records.RootError, match=r"the image that .* is missing; bring .*debian-12/0001-0 back"):
        bring_back(homes, "node1")
    assert sorted(os.listdir(archived)) == ["root.ext4", "root.json"]
