"""Runs take turns on a master, and one that was killed or overtaken does no more harm."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _run, _statefile
from hypothesis import given
from hypothesis import strategies as st
from isolation import NEW_MOUNTS, in_child, killed_at, unshare

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


def state(home):
    return _run.load(home)[0]


def fall_silent(home, **changes):
    """Let the unfinished run's last sign of life be long ago, or otherwise than it was."""
    path = os.path.join(home, "alive.json")
    sign = _statefile.read_json(path)
    _statefile.write_json(path, {**sign, "at": sign["at"] - 1000, **changes})


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
    assert state(home).nodes == tuple(sorted(NODES))


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
    before = state(home)
    with pytest.raises(_run.RunError, match=said):
        begin(home, left, allowed, most)
    assert state(home) == before


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
        assert _run.load(home)[1] == ""
        for name in ("state.json", "alive.json"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(home, name))
    assert state(home) == _run.State(1, False, tuple(sorted(NODES)))
    assert sorted(os.listdir(home)) == ["alive.json", "run.lock", "state.json"]


def test_names_in_a_message_are_few():
    assert _run.brief(["a", "b"]) == "a, b"
    assert _run.brief("abcdefghijkl", 3) == "a, b, c and 9 more"


def test_a_partial_run_is_refused_when_a_node_left(tmp_path):
    number, _gone = _run.begin(str(tmp_path), ["node1", "node2"], [], 10, 1)
    _run.finish(str(tmp_path), number, ["node1", "node2"])
    with pytest.raises(_run.RunError, match="removes nothing, but these nodes left the inventory: node2"):
        _run.begin(str(tmp_path), ["node1"], ["node2"], 100, 1, partial=True)
    assert _run.begin(str(tmp_path), ["node1", "node2"], [], 10, 1, partial=True)[1] == []


# --- who may take part -----------------------------------------------------------------------------------------------

#: What a process of another user does to the lock: it opens it and holds it.
HOLD = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"


@contextlib.contextmanager
def held_by_nobody(path):
    """Whether an unprivileged process could take the lock; it has it in the meantime."""
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", HOLD, path]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield process.stdout.readline() == "held\n"
    process.communicate()


@pytest.fixture
def walkable():
    """A directory that everybody may walk to, as /var/lib is."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield os.path.join(path, "state")


def test_another_user_cannot_hold_the_lock(walkable):
    number, _gone = whole_run(walkable)
    assert os.stat(walkable).st_mode & 0o7777 == 0o700
    [lock] = [name for name in os.listdir(walkable) if "lock" in name]
    assert os.stat(f"{walkable}/{lock}").st_mode & 0o7777 == 0o600
    with held_by_nobody(f"{walkable}/{lock}") as held, _run.turn(walkable, number, timeout=0):
        assert not held


@pytest.mark.parametrize("first", ["begin", "turn"])
def test_a_directory_of_an_older_release_is_repaired_although_its_lock_is_held(walkable, first):
    os.mkdir(walkable, 0o755)
    lock = f"{walkable}/lock"
    with open(lock, "w", encoding="utf-8"):
        os.chmod(lock, 0o644)
    with held_by_nobody(lock) as held:
        assert held
        if first == "begin":
            assert begin(walkable)[0] == 1
        with _run.turn(walkable, None, timeout=0):
            assert os.stat(walkable).st_mode & 0o7777 == 0o700
        with held_by_nobody(f"{walkable}/run.lock") as again:
            assert not again


# --- who is still at work ---------------------------------------------------------------------------------------------


def set_time(home, seconds):
    for name in os.listdir(home):
        os.utime(os.path.join(home, name), (seconds, seconds))


@pytest.mark.parametrize("written", [time.time() + 365 * 86400, 0], ids=["before the clock was set back", "in 1970"])
def test_a_dead_run_is_dead_whatever_the_clock_said(home, written):
    begin(home)
    fall_silent(home)
    set_time(home, written)
    assert begin(home)[0] == 2


@pytest.mark.parametrize("written", [time.time() + 365 * 86400, 0], ids=["before the clock was set back", "in 1970"])
def test_a_living_run_is_at_work_whatever_the_clock_says(home, written):
    begin(home)
    set_time(home, written)
    with pytest.raises(_run.RunError, match="run 1 is still at work"):
        begin(home)


def test_a_run_does_not_survive_a_restart_of_the_master(home, tmp_path):
    begin(home)
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("8a6c29a9-0000-4000-8000-000000000000\n")

    def after_the_restart():
        unshare(NEW_MOUNTS)
        subprocess.run(["mount", "--bind", boot_id, "/proc/sys/kernel/random/boot_id"], check=True)
        assert begin(home)[0] == 2

    assert in_child(after_the_restart) == 0


def test_a_sign_of_life_from_times_to_come_is_none(home):
    """As on a machine that was put back to a snapshot, its disk was not."""
    begin(home)
    fall_silent(home, at=time.clock_gettime(time.CLOCK_BOOTTIME) + 1e6)
    assert begin(home)[0] == 2


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"run": "1"}'])
def test_a_sign_of_life_that_is_lost_or_damaged_stops_nobody(home, content):
    begin(home)
    sign = os.path.join(home, "alive.json")
    os.unlink(sign)
    if content is not None:
        with open(sign, "wb") as stream:
            stream.write(content)
    assert begin(home)[0] == 2


# --- what is left of a lost state -------------------------------------------------------------------------------------

LOST = {
    "missing": (None, "is missing"),
    "empty": (b"", "is empty"),
    "torn": (b'{"number": 6, "nodes": ["node0"', "is not valid JSON"),
    "a list": (b"[]", "is not valid: it holds a list; expected an object"),
    "wrong types": (b'{"number": "six"}', "is not valid: number = 'six'; expected int"),
    "a directory": ("directory", "cannot be read: Is a directory"),
}


def lose(home, content):
    path = os.path.join(home, "state.json")
    os.unlink(path)
    if content == "directory":
        os.mkdir(path)
    elif content is not None:
        with open(path, "wb") as stream:
            stream.write(content)


@pytest.mark.parametrize("what", LOST)
def test_a_lost_state_is_made_anew_from_what_the_master_serves(home, what):
    content, said = LOST[what]
    whole_run(home)
    lose(home, content)
    warnings = []
    number, gone = _run.begin(home, NODES, [], 10, 0, served=lambda: NODES, warn=warnings.append)
    assert (number, gone) == (1, [])
    [lost] = warnings
    assert f"{home}/state.json {said}" in lost
    assert "it serves 20 nodes: node0, node1" in lost
    assert [name.startswith("state.json.unusable") for name in sorted(os.listdir(home))].count(True) == (content is not None)
    _run.finish(home, number, NODES)
    assert _run.load(home) == (_run.State(1, True, tuple(sorted(NODES))), "")


@pytest.mark.parametrize("what", LOST)
def test_a_lost_state_takes_no_guard_away(home, what):
    whole_run(home)
    lose(home, LOST[what][0])
    for left in ([], NODES[:10]):
        with pytest.raises(_run.RunError, match=f"{20 - len(left)} of 20 nodes are no longer in the inventory"):
            _run.begin(home, left, [], 10, 0, served=lambda: NODES)


def test_nodes_that_only_files_know_are_guarded_too(home):
    """As when an old state was put back."""
    whole_run(home, NODES[:10])
    with pytest.raises(_run.RunError, match="10 of 20 nodes"):
        _run.begin(home, NODES[:10], [], 10, 0, served=lambda: NODES)


@pytest.mark.parametrize("what", LOST)
def test_a_run_at_work_goes_on_when_its_state_is_lost(home, what):
    number, _gone = begin(home)
    lose(home, LOST[what][0])
    with pytest.raises(_run.RunError, match="run 1 is still at work"):
        _run.begin(home, NODES, [], 10, 0, served=lambda: NODES)
    with _run.turn(home, number, timeout=0):
        pass
    _run.finish(home, number, NODES)
    assert whole_run(home)[0] == 2


def test_a_run_of_which_nothing_is_known_is_refused(home):
    number, _gone = begin(home)
    for name in ("state.json", "alive.json"):
        os.unlink(os.path.join(home, name))
    with pytest.raises(_run.RunError, match="nothing is known of run 1 any more"), _run.turn(home, number):
        raise AssertionError("it got its turn")


def test_the_state_of_a_newer_release_is_read(home):
    whole_run(home)
    path = os.path.join(home, "state.json")
    _statefile.write_json(path, {**_statefile.read_json(path), "colour": "green"})
    assert begin(home)[0] == 2


# --- nodes that an operator names -------------------------------------------------------------------------------------


def remove(home, *named, left=NODES, allowed=()):
    return _run.begin(home, left, allowed, 0, 0, named=named)[1]


def test_named_nodes_leave_however_many_they_are(home):
    whole_run(home)
    assert remove(home, *NODES[5:], left=NODES[:5]) == sorted(NODES[5:])


def test_allowed_names_may_have_commas_between_them(home):
    whole_run(home)
    assert begin(home, NODES[3:], allowed=["node0, node1", "node2"], most=0)[1] == ["node0", "node1", "node2"]


def test_a_node_that_is_absent_and_gone_already_is_no_fault(home):
    whole_run(home)
    assert remove(home, "node99", allowed=["node99"]) == []


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        (" a, b ,", ["a", "b"]),
        (["a", "b"], ["a", "b"]),
        (["a,b", ["c"], "a"], ["a", "b", "c"]),
        (12, ["12"]),
        ("", []),
        ([], []),
    ],
)
def test_names_are_written_in_many_ways(said, names):
    assert _run.names_in(said) == names


def test_unknown_names_are_refused_with_those_that_may_be_meant(home):
    whole_run(home)
    before = state(home)
    with pytest.raises(_run.RunError) as caught:
        remove(home, "node1", "nod12", "elsewhere", left=[name for name in NODES if name != "node1"])
    assert "Nothing was removed: nod12 is unknown (did you mean node12 or " in str(caught.value)
    assert "; elsewhere is unknown. Expected nodes that this master serves" in str(caught.value)
    assert state(home) == before


def test_nodes_that_the_inventory_wants_are_not_removed(home):
    whole_run(home)
    with pytest.raises(_run.RunError, match=r"still wants node1, node2 served.*write netboot_state: absent"):
        remove(home, "node1", "node2")
