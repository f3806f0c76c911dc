"""Runs take turns on a master, and one that was killed or overtaken does no more harm."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _run
from hypothesis import given
from hypothesis import strategies as st
from isolation import in_child, killed_at

NODES = [f"node{i}" for i in range(20)]


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / "state")


def begin(home, nodes=NODES, allowed=(), most=10, timeout=0.0):
    return _run.begin(home, nodes, allowed, most, timeout)


def whole_run(home, nodes=NODES, **options):
    number, gone = begin(home, nodes, **options)
    _run.finish(home, number, nodes)
    return number, gone


def fall_silent(home):
    """Let the unfinished run's last word be long ago."""
    os.utime(os.path.join(home, "state.json"), (0, 0))


@contextlib.contextmanager
def worker(action):
    """Another process, killed at the end, that has said that it got to the end of C(action)."""
    said, say = os.pipe()
    child = os.fork()
    if not child:
        with action():
            os.write(say, b".")
            time.sleep(60)
        os._exit(1)
    assert os.read(said, 1) == b"."
    try:
        yield child
    finally:
        kill(child)
        os.close(said)
        os.close(say)


def kill(child):
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_numbers_grow(home):
    assert [whole_run(home)[0] for _attempt in range(3)] == [1, 2, 3]


def test_a_killed_run_leaves_no_lock(home):
    number, _gone = begin(home)
    with (
        worker(lambda: _run.turn(home, number)) as child,
        pytest.raises(_run.RunError, match="another run is at work"),
        _run.turn(home, None, timeout=0),
    ):
        pass
    kill(child)
    with _run.turn(home, number, timeout=0):
        pass


def test_a_killed_run_does_not_stop_the_next(home):
    begin(home)
    fall_silent(home)
    assert begin(home)[0] == 2


def test_the_orphan_of_a_killed_run_is_refused(home):
    orphan, _gone = begin(home)
    fall_silent(home)
    begin(home)
    with pytest.raises(_run.RunError, match=r"run 2 has taken over from this one \(1\)"), _run.turn(home, orphan):
        raise AssertionError("the orphan got its turn")
    with pytest.raises(_run.RunError, match="has taken over"):
        _run.finish(home, orphan, [])
    assert _run.load(home).nodes == sorted(NODES)


def test_a_second_run_ends_cleanly_while_the_first_still_works(home):
    number, _gone = begin(home)
    with pytest.raises(_run.RunError, match="run 1 is still at work"):
        begin(home)
    with _run.turn(home, number):
        pass


def test_every_turn_is_a_sign_of_life(home):
    number, _gone = begin(home)
    fall_silent(home)
    with _run.turn(home, number):
        pass
    with pytest.raises(_run.RunError, match="still at work"):
        begin(home)


def test_a_second_run_waits_for_the_first_to_finish(home):
    number, _gone = begin(home)
    child = os.fork()
    if not child:
        time.sleep(0.7)
        _run.finish(home, number, NODES)
        os._exit(0)
    assert begin(home, timeout=30)[0] == 2
    assert os.waitpid(child, 0)[1] == 0


def test_two_processes_never_have_their_turn_together(home, tmp_path):
    """Each adds to a number in a file, which would lose some were they not alone."""
    count = tmp_path / "count"
    count.write_text("0")

    def add():
        for _attempt in range(20):
            with _run.turn(home, None):
                count.write_text(str(int(count.read_text()) + 1))

    children = []
    for _attempt in range(3):
        child = os.fork()
        if not child:
            os._exit(in_child(add))
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert count.read_text() == "60"


# --- fault tests 5 and 6: nodes that vanish ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "allowed", "most", "gone"),
    [
        (NODES, [], 10, []),
        (NODES[1:], [], 10, NODES[:1]),
        (NODES[2:], [], 10, NODES[:2]),
        (NODES[1:], [], 0, NODES[:1]),
        (NODES[5:], NODES[:3], 10, NODES[:5]),
        (NODES[5:], NODES[:5], 0, NODES[:5]),
        ([*NODES[2:], "new"], [], 10, NODES[:2]),
        ([], NODES, 0, NODES),
    ],
    ids=[
        "none",
        "one",
        "the share",
        "one may always go",
        "share beside the allowed",
        "allowed by name",
        "others come",
        "all of them, by name",
    ],
)
def test_nodes_may_leave(home, left, allowed, most, gone):
    whole_run(home)
    assert begin(home, left, allowed, most)[1] == sorted(gone)


@pytest.mark.parametrize(
    ("left", "allowed", "most", "said"),
    [
        ([], [], 10, "20 of 20 nodes"),
        ([], NODES[:19], 10, "1 of 20 nodes"),
        ([], [], 100, "20 of 20 nodes"),
        (["new"], [], 100, "20 of 20 nodes"),
        (NODES[3:], [], 10, "3 of 20 nodes"),
        (NODES[6:], NODES[:3], 10, "3 of 20 nodes"),
    ],
    ids=[
        "empty inventory",
        "all but one allowed",
        "empty at any share",
        "another inventory",
        "more than the share",
        "more than share and allowed",
    ],
)
def test_nodes_that_vanish_stop_the_run_before_it_began(home, left, allowed, most, said):
    whole_run(home)
    before = _run.load(home)
    with pytest.raises(_run.RunError, match=said):
        begin(home, left, allowed, most)
    assert _run.load(home) == before


def test_the_last_node_does_not_vanish(home):
    whole_run(home, ["node1"])
    with pytest.raises(_run.RunError, match="never the last"):
        begin(home, [])
    assert whole_run(home, [], allowed=["node1"])[1] == ["node1"]
    assert begin(home, [])[1] == []


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.integers(0, 100))
def test_whatever_vanishes_was_served_and_is_few_or_allowed(served, wanted, allowed, most):
    served, wanted, allowed = ({f"n{i}" for i in numbers} for numbers in (served, wanted, allowed))
    gone = None
    with contextlib.suppress(_run.RunError):
        gone = _run.vanished(_run.State(nodes=tuple(served)), wanted, allowed, most)
    surprising = served - wanted - allowed
    if gone is None:
        assert surprising
    else:
        assert set(gone) == served - wanted
        assert len(surprising) <= max(1, len(served) * most // 100)
        assert not surprising or served & wanted


def test_a_run_that_died_half_way_leaves_no_node_unaccounted_for(home):
    whole_run(home, NODES)
    assert begin(home, [*NODES[1:], "new"])[1] == NODES[:1]
    fall_silent(home)
    assert begin(home, NODES[1:])[1] == ["new", NODES[0]]


def test_a_run_killed_while_it_begins_leaves_a_state_that_can_be_read(home):
    step = 0
    while killed_at(step, _run, lambda: begin(home, timeout=0)):
        step += 1
        if _run.load(home).number:
            os.unlink(os.path.join(home, "state.json"))
    assert _run.load(home) == _run.State(1, False, sorted(NODES))
    assert sorted(os.listdir(home)) == ["lock", "state.json"]


def test_names_in_a_message_are_few():
    assert _run.brief(["a", "b"]) == "a, b"
    assert _run.brief("abcdefghijkl", 3) == "a, b, c and 9 more"


def test_a_partial_run_is_refused_when_a_node_left(tmp_path):
    number, _gone = _run.begin(str(tmp_path), ["node1", "node2"], [], 10, 1)
    _run.finish(str(tmp_path), number, ["node1", "node2"])
    with pytest.raises(_run.RunError, match="removes nothing, but these nodes left the inventory: node2"):
        _run.begin(str(tmp_path), ["node1"], ["node2"], 100, 1, partial=True)
    assert _run.begin(str(tmp_path), ["node1", "node2"], [], 10, 1, partial=True)[1] == []
