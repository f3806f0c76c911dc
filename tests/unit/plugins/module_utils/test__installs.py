"""What is known of a node's installation decides whether its disk is overwritten: never without a word that it may be."""

from __future__ import annotations

import os

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _installs
from hypothesis import given
from hypothesis import strategies as st

MARKERS = st.frozensets(st.sampled_from(_installs.MARKERS))


def directory(path):
    return _installs.States(str(path))


def go(states, fleet, wiped=()):
    changes = states.plan(fleet.installs, wiped)
    states.apply(changes, fleet.installs, "root")
    assert not states.plan(fleet.installs), "a second run has nothing to do"
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
    return directory(home)


# --- the state machine -----------------------------------------------------------------------------------------------


@given(MARKERS)
def test_only_a_word_lets_a_disk_be_overwritten(markers):
    state = _installs.state_of(markers)
    assert _installs.may_wipe(state) == ("installed" not in markers and bool(markers & {"wipe", "installing"}))
    assert (state == "installed") == ("installed" in markers)
    assert (state == "unknown") == (not markers)


@given(MARKERS)
def test_what_is_superseded_changes_no_state(markers):
    assert _installs.state_of(markers - _installs.superseded(markers)) == _installs.state_of(markers)


@given(st.lists(st.sampled_from([*_installs.REPORTED, "reinstall", "run"])))
def test_whatever_happens_in_whatever_order(events):
    """A disk that was not blank is never overwritten before somebody asked for it or the machine itself began."""
    markers, asked = frozenset(), False
    for event in events:
        before = _installs.may_wipe(_installs.state_of(markers))
        if event == "reinstall":
            markers, asked = (markers - {"installed", "refused"}) | {"wipe"}, True
        elif event == "run":
            markers -= _installs.superseded(markers)
            assert _installs.may_wipe(_installs.state_of(markers)) == before
        else:
            markers |= {event}
            asked = asked or event == "installing"
        if event == "installed":
            assert not _installs.may_wipe(_installs.state_of(markers))
        assert asked or not _installs.may_wipe(_installs.state_of(markers))


def test_each_state_is_told(fleet):
    node = fleet("n1").installs[0]
    assert {state: _installs.tells(node, state) for state in _installs.NEXT} == {
        "installed": "n1 is installed, and boots its disk",
        "wipe": "n1 installs itself, and overwrites /dev/vda",
        "installing": "n1 installs itself again, and overwrites /dev/vda, since it was not finished",
        "refused": "n1 installs itself only if /dev/vda is blank, which it was not",
        "unknown": "n1 installs itself only if /dev/vda is blank",
    }


# --- the directories -------------------------------------------------------------------------------------------------


def test_a_directory_for_each_node_that_installs_itself(states, home, fleet):
    assert go(states, fleet("n1", "n2")) == {"n1": (None, frozenset()), "n2": (None, frozenset())}
    assert sorted(os.listdir(home)) == ["n1", "n2"]
    assert (home / "n1").stat().st_mode & 0o777 == 0o770
    assert states.states(fleet("n1", "n2").installs) == {"n1": "unknown", "n2": "unknown"}


def test_what_nodes_said_stays_and_the_end_supersedes_the_rest(states, home, fleet):
    go(states, fleet("n1", "n2"))
    for name in ("n1/installing", "n2/wipe", "n2/installing", "n2/installed"):
        (home / name).write_text("")
    assert go(states, fleet("n1", "n2")) == {"n2": (frozenset({"wipe", "installing", "installed"}), frozenset({"installed"}))}
    assert states.states(fleet("n1", "n2").installs) == {"n1": "installing", "n2": "installed"}


def test_who_leaves_takes_its_state_along_and_nobody_elses(states, home, fleet):
    go(states, fleet("n1", "n2"))
    (home / "n2/installed").write_text("")
    (home / "somebody").mkdir()
    (home / "somebody/installed").write_text("")
    (home / "file").write_text("")
    (home / "n1/notes").write_text("")
    go(states, fleet("n3"))
    assert sorted(os.listdir(home)) == ["file", "n1", "n3", "somebody"]
    assert os.listdir(home / "n1") == ["notes"], "only what was made here goes"
    # Back again it is unknown.
    go(states, fleet("n2"))
    assert states.states(fleet("n2").installs) == {"n2": "unknown"}


def test_a_reinstall_forgets_and_allows(states, home, fleet):
    go(states, fleet("n1", "n2"))
    for name in ("n1/installed", "n1/refused", "n2/installed"):
        (home / name).write_text("")
    go(states, fleet("n1", "n2"), {"n1"})
    assert sorted(os.listdir(home / "n1")) == [".bootyard", "wipe"]
    assert states.states(fleet("n1", "n2").installs) == {"n1": "wipe", "n2": "installed"}


@pytest.mark.parametrize("marker", ["installed", "installing", "wipe"])
def test_another_machine_of_the_same_name_is_unknown(states, home, fleet, marker):
    go(states, fleet("n1", netboot_mac=["52:54:00:00:00:01", "52:54:00:00:00:0a"]))
    (home / "n1" / marker).write_text("")
    go(states, fleet("n1", netboot_mac=["52:54:00:00:00:0b", "52:54:00:00:00:0a"]))
    assert states.states(fleet("n1").installs) != {"n1": "unknown"}, "one card was exchanged"
    go(states, fleet("n1", netboot_mac="52:54:00:00:00:0c"))
    assert states.states(fleet("n1").installs) == {"n1": "unknown"}


def test_what_is_found_without_its_cards_is_taken_over(states, home, fleet):
    (home / "n1").mkdir()
    (home / "n1/installed").write_text("")
    go(states, fleet("n1"))
    assert states.states(fleet("n1").installs) == {"n1": "installed"}


def test_a_link_that_somebody_laid_leads_nowhere(states, home, fleet):
    go(states, fleet("n1"))
    victim = home.parent / "victim"
    victim.write_text("mine")
    (home / "n1/wipe.new").symlink_to(victim)
    go(states, fleet("n1"), {"n1"})
    assert victim.read_text() == "mine"
    assert (home / "n1/wipe").read_text() == ""


def test_a_reinstall_is_for_nodes_that_install_themselves(fleet):
    made = fleet("n1", "n2")
    assert [node.name for node in _installs.to_reinstall(made, ["n2", "n1", "n2"])] == ["n2", "n1"]
    with pytest.raises(_installs.InstallError) as error:
        _installs.to_reinstall(made, ["n1", "other", "typo"])
    assert str(error.value) == (
        "Nothing is reinstalled: other has the profile debian-nfs, which installs nothing; typo is no node that is served. "
        "The nodes that install themselves: n1, n2"
    )
