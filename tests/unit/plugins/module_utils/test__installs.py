"""What is known of a node's installation decides whether its disk is overwritten: never without a word that it may be."""

from __future__ import annotations

import os
import shutil

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _installs
from hypothesis import given
from hypothesis import strategies as st
from isolation import killed_at

NOW = 1_800_000_000
DISK, OTHER = "serial-S3Z9NB0K 4000787030016", "wwn-0x5000c500a1b2c3d4 4000787030016"
REPORTS = st.dictionaries(
    st.sampled_from(_installs.MARKERS),
    st.builds(_installs.Report, st.sampled_from(["", DISK, OTHER]), st.integers(0, 2 * _installs.LIFE).map(lambda age: NOW + 3600 - age)),
)


def marks(*names, disk=DISK, age=0):
    return dict.fromkeys(names, _installs.Report(disk, NOW - age))


def go(states, fleet, wiped=()):
    changes = states.plan(fleet.installs, wiped, NOW)
    states.apply(changes, fleet.installs, "root")
    assert not states.plan(fleet.installs, (), NOW), "a second run has nothing to do"
    return {change.node: (change.before, change.after) for change in changes}


@pytest.fixture
def fleet(inventory):
    def make(*names, **variables):
        cluster = inventory()
        for name in names:
            cluster.node(name, netboot_profile="debian-disk", netboot_install_disk="/dev/vda", **variables)
        return cluster.node("other").parse()

    return make


@pytest.fixture
def home(tmp_path):
    return tmp_path / "installs"


@pytest.fixture
def states(home):
    home.mkdir()
    return _installs.States(str(home), str(home.parent / "memory"))


@pytest.fixture
def mark(states):
    """Has markers there as a node writes them: mark("n1/installed", …)."""

    def write(*names, disk=DISK, age=0):
        for name in names:
            node, marker = name.split("/")
            place = states.memory if marker in _installs.ALLOWING else states.directory
            os.makedirs(f"{place}/{node}", exist_ok=True)
            with open(f"{place}/{node}/{marker}", "w", encoding="utf-8") as stream:
                stream.write(_installs.Report(disk, NOW - age, "said").text())

    return write


def known(states, fleet):
    return states.states(fleet.installs, NOW)


# --- the state machine -----------------------------------------------------------------------------------------------


@given(REPORTS)
def test_only_a_word_about_a_disk_lets_it_be_overwritten(reports):
    state = _installs.state_of(reports, NOW)
    words = {marker for marker in _installs.ALLOWING if marker in reports and reports[marker].allows(NOW)}
    assert (state in _installs.ALLOWING) == bool(words)
    assert all(reports[word].disk and NOW - _installs.LIFE <= reports[word].time <= NOW for word in words)
    assert (state == "installed") == ("installed" in reports and not words)


@given(REPORTS)
def test_what_is_superseded_changes_no_state(reports):
    left = {marker: report for marker, report in reports.items() if marker not in _installs.superseded(reports, NOW)}
    assert _installs.state_of(left, NOW) == _installs.state_of(reports, NOW)
    assert _installs.superseded(left, NOW) == set()


def test_a_refusal_after_the_installation_is_kept_for_somebody_to_read():
    older, newer = marks("refused", age=20) | marks("installed", age=10), marks("refused") | marks("installed", age=10)
    assert _installs.superseded(older, NOW) == {"refused"}
    assert _installs.superseded(newer, NOW) == set()


@given(st.text(), st.lists(st.sampled_from(["disk ", "time ", "note ", "\n", DISK, "17", "\x1b[2J", "-1", "\u0664"])).map("".join))
def test_whatever_a_node_writes_is_read(text, composed):
    for said in (text, composed, text + composed):
        report = _installs.Report.parse(said)
        assert report.disk == "" or _installs._DISK.fullmatch(report.disk)
        assert report.time >= 0
        assert report.note.isprintable()
        assert _installs.Report.parse(report.text()) == report


@pytest.mark.parametrize("disk", ["", "/dev/sda", "serial-a", "serial-a 0", "serial-a b 1", "none", "serial-\x1b 1", "wwn- 1"])
def test_what_names_no_disk_allows_nothing(disk):
    assert not _installs.Report.parse(f"disk {disk}\ntime {NOW}\n").allows(NOW)
    assert _installs.Report.parse(f"disk {DISK}\ntime {NOW}\n").allows(NOW)


def test_each_state_is_told(fleet):
    node = fleet("n1").installs[0]
    assert {state: _installs.tells(node, state) for state in _installs.NEXT} == {
        "installed": "n1 is installed, and boots its disk",
        "wipe": "n1 installs itself, and overwrites /dev/vda",
        "installing": "n1 installs itself again, and overwrites /dev/vda, since it was not finished",
        "refused": "n1 installs itself only if /dev/vda is blank, which it was not",
        "unknown": "n1 installs itself only if /dev/vda is blank",
    }
    assert _installs.tells(node, "wipe", marks("wipe")) == f"n1 installs itself, and overwrites /dev/vda ({DISK})"


# --- the directories -------------------------------------------------------------------------------------------------


def test_a_directory_for_each_node_that_installs_itself(states, home, fleet):
    assert go(states, fleet("n1", "n2")) == {"n1": (None, frozenset()), "n2": (None, frozenset())}
    for place in (home, home.parent / "memory"):
        assert sorted(os.listdir(place)) == ["n1", "n2"]
        assert (place / "n1").stat().st_mode & 0o777 == 0o770
    assert known(states, fleet("n1", "n2")) == {"n1": "unknown", "n2": "unknown"}


def test_what_was_in_memory_is_gone_when_the_master_restarts(states, home, fleet, mark):
    go(states, fleet("n1", "n2"))
    mark("n1/installing", "n1/installed", "n2/wipe")
    assert known(states, fleet("n1", "n2")) == {"n1": "installing", "n2": "wipe"}
    shutil.rmtree(states.memory)
    assert known(states, fleet("n1", "n2")) == {"n1": "installed", "n2": "unknown"}
    go(states, fleet("n1", "n2"))
    assert sorted(os.listdir(states.memory)) == ["n1", "n2"]


def test_what_no_longer_counts_goes(states, home, fleet, mark):
    go(states, fleet("n1", "n2"))
    mark("n1/refused", age=60)
    mark("n1/installed")
    mark("n2/installing", "n2/wipe", age=_installs.LIFE + 1)
    assert go(states, fleet("n1", "n2")) == {
        "n1": (frozenset({"refused", "installed"}), frozenset({"installed"})),
        "n2": (frozenset({"wipe", "installing"}), frozenset()),
    }
    assert known(states, fleet("n1", "n2")) == {"n1": "installed", "n2": "unknown"}


def test_who_leaves_takes_its_state_along_and_nobody_elses(states, home, fleet, mark):
    go(states, fleet("n1", "n2"))
    mark("n2/installed", "n2/wipe")
    mark("somebody/installed")
    (home / "file").write_text("")
    (home / "n1/notes").write_text("")
    go(states, fleet("n3"))
    assert sorted(os.listdir(home)) == ["file", "n1", "n3", "somebody"]
    assert os.listdir(home / "n1") == ["notes"], "only what was made here goes"
    assert os.listdir(states.memory) == ["n3"]
    # Back again it is unknown.
    go(states, fleet("n2"))
    assert known(states, fleet("n2")) == {"n2": "unknown"}


def test_a_reinstall_allows_what_was_told_last(states, home, fleet, mark):
    go(states, fleet("n1", "n2"))
    mark("n1/installed", "n2/installed", age=60)
    mark("n1/refused", disk=OTHER)
    go(states, fleet("n1", "n2"), {"n1"})
    assert sorted(os.listdir(home / "n1")) == [".bootyard", "installed"]
    assert states.reports("n1")["wipe"].disk == OTHER
    assert states.reports("n1")["wipe"].time == NOW
    assert known(states, fleet("n1", "n2")) == {"n1": "wipe", "n2": "installed"}
    assert not states.plan(fleet("n1", "n2").installs, {"n1"}, NOW), "once is enough"
    mark("n1/refused", disk=DISK, age=-1)
    [change] = states.plan(fleet("n1", "n2").installs, {"n1"}, NOW)
    assert change.wish.disk == DISK, "it has another disk by now"


@pytest.mark.parametrize("marker", ["installed", "installing", "wipe"])
def test_another_machine_of_the_same_name_is_unknown(states, home, fleet, mark, marker):
    go(states, fleet("n1", netboot_mac=["52:54:00:00:00:01", "52:54:00:00:00:0a"]))
    mark(f"n1/{marker}")
    go(states, fleet("n1", netboot_mac=["52:54:00:00:00:0b", "52:54:00:00:00:0a"]))
    assert known(states, fleet("n1")) != {"n1": "unknown"}, "one card was exchanged"
    with pytest.raises(_installs.InstallError, match="n1 never told the master which disk there is"):
        states.plan(fleet("n1", netboot_mac="52:54:00:00:00:0c").installs, {"n1"}, NOW)
    go(states, fleet("n1", netboot_mac="52:54:00:00:00:0c"))
    assert known(states, fleet("n1")) == {"n1": "unknown"}


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize("marker", ["installed", "wipe", "installing"])
def test_what_is_known_moves_with_the_name(states, home, fleet, mark, marker, dry):
    go(states, fleet("n1", netboot_mac="52:54:00:00:00:0a"))
    mark(f"n1/{marker}")
    renamed = fleet("n7", netboot_mac="52:54:00:00:00:0a", netboot_renamed_from="n1")
    assert states.rename(renamed.installs, dry) == {"n7": "n1"}
    assert [os.listdir(place) for place in (home, states.memory)] == [["n1" if dry else "n7"]] * 2
    assert states.plan(renamed.installs, (), NOW) == []
    assert known(states, renamed) == {"n7": marker}
    assert _installs.States(states.directory, states.memory).rename(renamed.installs) == ({"n7": "n1"} if dry else {}), "only once"


def test_a_move_that_was_killed_allows_nothing_new_and_is_finished(states, home, fleet, mark):
    renamed = fleet("n7", netboot_mac="52:54:00:00:00:0a", netboot_renamed_from="n1")
    step, killed = 0, True
    while killed:
        go(states, fleet("n1", netboot_mac="52:54:00:00:00:0a"))
        mark("n1/installed", age=10)
        mark("n1/installing", age=20)
        killed = killed_at(step, _installs, lambda: states.rename(renamed.installs))
        allowed = os.path.exists(f"{states.memory}/n7")
        assert not allowed or (home / "n7/.bootyard").exists(), "what allows to overwrite a disk comes last"
        states.rename(renamed.installs)
        assert [os.listdir(place) for place in (home, states.memory)] == [["n7"]] * 2
        go(states, fleet())
        step += 1
    assert step > 10


def test_a_name_takes_over_nothing_that_is_not_ours_and_gives_up_nothing_that_it_has(states, home, fleet, mark):
    renamed = fleet("n7", netboot_renamed_from="n1").installs
    assert states.rename(renamed) == {}
    mark("n1/installed")
    assert states.rename(renamed) == {}
    (home / "n1/.bootyard").write_text("52:54:00:00:00:01\n")
    (home / "n7").mkdir()
    assert states.rename(renamed) == {}
    assert sorted(os.listdir(home)) == ["n1", "n7"]


def test_the_machines_are_known_by_their_cards(states, home, fleet):
    go(states, fleet("n1", netboot_mac=["52:54:00:00:00:0a", "52:54:00:00:00:0b"]))
    (home / "mine").mkdir()
    assert states.cards() == {"n1": {"52:54:00:00:00:0a", "52:54:00:00:00:0b"}}


def test_what_is_found_without_its_cards_is_taken_over(states, home, fleet, mark):
    mark("n1/installed")
    go(states, fleet("n1"))
    assert known(states, fleet("n1")) == {"n1": "installed"}


def test_a_link_that_somebody_laid_leads_nowhere(states, home, fleet, mark):
    go(states, fleet("n1"))
    mark("n1/installed")
    victim = home.parent / "victim"
    victim.write_text("mine")
    (home.parent / "memory/n1/wipe.new").symlink_to(victim)
    (home / "n1/refused").symlink_to(victim)
    os.mkfifo(home.parent / "memory/n1/installing")
    go(states, fleet("n1"), {"n1"})
    assert victim.read_text() == "mine"
    assert states.reports("n1")["wipe"].disk == DISK


def test_a_reinstall_is_for_nodes_that_install_themselves(fleet):
    made = fleet("n1", "n2")
    assert [node.name for node in _installs.to_reinstall(made, ["n2", "n1", "n2"])] == ["n2", "n1"]
    with pytest.raises(_installs.InstallError) as error:
        _installs.to_reinstall(made, ["n1", "other", "typo"])
    assert str(error.value) == (
        "Nothing is reinstalled: other has the profile debian-nfs, which installs nothing; typo is no node that is served. "
        "The nodes that install themselves: n1, n2"
    )
