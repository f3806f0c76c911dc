"""Files become as they are wanted, wholly or not at all, and nobody else's file is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _reconcile
from hypothesis import given, settings
from hypothesis import strategies as st
from isolation import killed_at


class Place:
    """A directory of configuration files and what the collection remembers of it."""

    def __init__(self, home: Path) -> None:
        self.state, self.etc = home / "state", home / "etc"
        self.etc.mkdir()

    def run(self, mode=0o644, prune=True, **contents: str) -> list[str]:
        """Make the files of the set be C(contents), by name; the paths that changed."""
        hooks = {name: contents.pop(name) for name in ("check", "activate", "revive") if name in contents}
        files = _reconcile.FileSet(str(self.state), "set")
        wanted = {str(self.etc / name): text for name, text in contents.items()}
        changes = files.plan(wanted, mode, prune)
        if changes or files.pending:
            files.apply(changes, mode, kept=wanted, **hooks)
        return [os.path.basename(change.path) for change in changes]

    def files(self) -> dict[str, str]:
        """All that is there, litter included."""
        return {str(path.relative_to(self.etc)): path.read_text() for path in sorted(self.etc.rglob("*")) if path.is_file()}

    def stats(self) -> dict[str, tuple[int, int]]:
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in self.etc.iterdir()}

    def remembered(self) -> list[str]:
        return [os.path.basename(path) for path in _reconcile.FileSet(str(self.state), "set").ledger.files]

    def pending(self) -> bool:
        return _reconcile.FileSet(str(self.state), "set").pending


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def refuse(*_arguments):
    raise OSError("no such luck")


def test_a_fresh_set_is_written(place):
    assert place.run(a="1\n", b="2\n") == ["a", "b"]
    assert place.files() == {"a": "1\n", "b": "2\n"}
    assert (place.etc / "a").stat().st_mode & 0o7777 == 0o644
    assert not place.pending()


def test_a_second_run_touches_nothing(place):
    place.run(a="1\n", b="2\n")
    before, ledger = place.stats(), (place.state / "files/set.json").stat()
    assert place.run(a="1\n", b="2\n") == []
    assert (place.stats(), (place.state / "files/set.json").stat()) == (before, ledger)


def test_only_what_differs_is_touched(place):
    place.run(a="1\n", b="2\n")
    before = place.stats()
    assert place.run(a="1\n", b="3\n") == ["b"]
    assert place.files() == {"a": "1\n", "b": "3\n"}
    assert place.stats()["a"] == before["a"]
    assert place.stats()["b"] != before["b"]


def test_drift_and_a_wrong_mode_are_mended(place):
    place.run(a="1\n", b="2\n")
    (place.etc / "a").write_text("mine\n")
    (place.etc / "b").chmod(0o600)
    assert place.run(a="1\n", b="2\n") == ["a", "b"]
    assert place.files() == {"a": "1\n", "b": "2\n"}
    assert (place.etc / "b").stat().st_mode & 0o7777 == 0o644


def test_what_is_no_longer_wanted_goes(place):
    place.run(a="1\n", b="2\n")
    assert place.run(a="1\n") == ["b"]
    assert place.files() == {"a": "1\n"}
    assert place.remembered() == ["a"]


def test_nothing_goes_without_pruning(place):
    place.run(a="1\n", b="2\n")
    assert place.run(prune=False, a="1\n") == []
    assert place.files() == {"a": "1\n", "b": "2\n"}


def test_a_foreign_file_is_never_removed(place):
    (place.etc / "foreign").write_text("not ours\n")
    place.run(a="1\n")
    place.run()
    assert place.files() == {"foreign": "not ours\n"}


def test_a_foreign_file_that_was_restored_stays_foreign(place):
    (place.etc / "a").write_text("the package's\n")
    with pytest.raises(_reconcile.ReconcileError):
        place.run(a="1\n", activate=refuse)
    place.run(b="2\n")
    assert place.files() == {"a": "the package's\n", "b": "2\n"}


def test_the_checker_sees_new_content_beside_the_target(place):
    place.run(a="1\n")
    seen = []
    place.run(a="2\n", check=lambda path: seen.append((os.path.dirname(path), Path(path).read_text(), (place.etc / "a").read_text())))
    assert seen == [(str(place.etc), "2\n", "1\n")]


def test_a_failing_check_leaves_everything_as_it_was(place):
    place.run(a="1\n", b="2\n")
    (place.etc / "foreign").write_text("not ours\n")
    files, stats, ledger = place.files(), place.stats(), (place.state / "files/set.json").read_bytes()
    activated = []
    with pytest.raises(_reconcile.ReconcileError, match=r"no such luck\. Nothing was changed\."):
        place.run(
            a="3\n", c="4\n", check=lambda path: refuse() if path.endswith(".c.bootyard") else None, activate=lambda: activated.append(1)
        )
    assert (place.files(), place.stats(), (place.state / "files/set.json").read_bytes(), activated) == (files, stats, ledger, [])


def test_a_failing_activation_puts_the_old_content_back_and_revives(place):
    place.run(a="1\n", b="2\n")
    (place.etc / "b").chmod(0o600)
    seen = []
    with pytest.raises(_reconcile.ReconcileError, match=r"no such luck\. The previous configuration is back\."):
        place.run(a="3\n", c="4\n", activate=refuse, revive=lambda: seen.append(place.files()))
    assert seen == [{"a": "1\n", "b": "2\n"}] == [place.files()]
    assert (place.etc / "b").stat().st_mode & 0o7777 == 0o600
    assert not place.pending()
    assert place.run(a="3\n", c="4\n") == ["a", "b", "c"]
    assert place.files() == {"a": "3\n", "c": "4\n"}


def test_a_service_that_cannot_be_revived_is_said(place):
    with pytest.raises(_reconcile.ReconcileError, match="is back but fails too: no such luck"):
        place.run(a="1\n", activate=refuse, revive=refuse)
    assert place.files() == {}


def test_a_target_that_is_no_file_is_an_error_and_nothing_changes(place):
    (place.etc / "b").mkdir()
    with pytest.raises(OSError, match="directory"):
        place.run(a="1\n", b="2\n")
    assert place.files() == {}


def test_a_link_where_a_file_is_staged_is_not_followed(place):
    outside = place.etc.parent / "outside"
    outside.write_text("precious\n")
    (place.etc / ".a.bootyard").symlink_to(outside)
    with pytest.raises(_reconcile.ReconcileError):
        place.run(a="1\n")
    place.run(a="1\n")
    assert (outside.read_text(), place.files()) == ("precious\n", {"a": "1\n"})


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(exclude_categories=["Cs"]), max_size=9)), max_size=5))
def test_after_any_history_exactly_the_wanted_files_are_there(tmp_path_factory, history):
    place = Place(tmp_path_factory.mktemp("place"))
    for contents in history:
        place.run(**contents)
        assert {path.name: path.read_bytes() for path in place.etc.iterdir()} == {name: text.encode() for name, text in contents.items()}
        assert place.run(**contents) == []


def test_each_file_system_is_written_out_once(place, disk, monkeypatch):
    """A thousand nodes have a thousand directories."""
    tools, other = place.etc.parent / "tools", disk("other")
    tools.mkdir()
    (tools / "sync").write_text(f'#!/bin/sh\necho "$@" >> {tools}/said\nexec /bin/sync "$@"\n')
    (tools / "sync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    for number in range(20):
        for home in (place.etc, other):
            (home / str(number)).mkdir()
    place.run(**{str(home / str(number) / "config"): "text\n" for number in range(20) for home in (place.etc, other)})
    synced = [line.split()[1] for line in (tools / "said").read_text().splitlines()]
    assert sorted(os.stat(directory).st_dev for directory in synced) == sorted(os.stat(home).st_dev for home in (place.etc, other))


# --- fault test 9: killed at every step -------------------------------------------------------------------------------

OLD, NEW = {"a": "old a\n", "b": "old b\n"}, {"a": "new a\n", "c": "new c\n"}


def killed_everywhere(disk):
    """Yields places where a change from OLD to NEW was killed, once for each line of the reconciler that it executes.

    In none of them is a file torn.
    """
    step, killed, memory = 0, True, disk("memory")
    while killed:
        home = memory / str(step)
        home.mkdir()
        place = Place(home)
        (place.etc / "foreign").write_text("not ours\n")
        place.run(**OLD)
        killed = killed_at(step, _reconcile, lambda place=place: place.run(**NEW))
        for name, text in place.files().items():
            assert name.startswith(".") or text in (OLD.get(name), NEW.get(name), "not ours\n")
        yield place
        step += 1
    assert step > 50


@pytest.mark.parametrize("wanted", [NEW, OLD, {}], ids=["the same again", "back again", "nothing"])
def test_killed_anywhere_the_next_run_converges_activates_and_leaves_no_litter(disk, wanted):
    for place in killed_everywhere(disk):
        pending, activated = place.pending(), []
        place.run(**wanted, activate=lambda seen=activated: seen.append(1))
        assert activated or not pending
        assert place.files() == {**wanted, "foreign": "not ours\n"}
        assert sorted(place.remembered()) == sorted(wanted)
        assert os.listdir(place.state / "files") == ["set.json"]
        assert place.run(**wanted) == []


def test_a_killed_change_that_fails_later_goes_back_to_what_worked(disk):
    for place in killed_everywhere(disk):
        if place.pending():
            with pytest.raises(_reconcile.ReconcileError):
                place.run(a="newer\n", activate=refuse)
            assert place.files() == {**OLD, "foreign": "not ours\n"}
            assert place.run(**NEW) == ["a", "b", "c"]


# --- a ledger that is lost ---------------------------------------------------------------------------------------------

LOST = {
    "missing": (None, ""),
    "empty": (b"", "set.json is empty"),
    "zeros": (bytes(512), "set.json is empty"),
    "torn": (b'{"files": {"/a"', "set.json is not valid JSON"),
    "wrong types": (b'{"files": ["/a"]}', "set.json is not valid: files = "),
    "a wrong undo": (b'{"undo": {"/a": [1]}}', "set.json is not valid: undo has entries"),
    "a directory": ("directory", "set.json cannot be read: Is a directory"),
}


def lose(place, what) -> str:
    """Damage the ledger; what is said of it."""
    ledger, (content, said) = place.state / "files/set.json", LOST[what]
    ledger.unlink()
    if content == "directory":
        ledger.mkdir()
    elif content is not None:
        ledger.write_bytes(content)
    return said


@pytest.mark.parametrize("what", LOST)
def test_a_lost_ledger_is_made_anew_and_nothing_is_removed(place, what):
    place.run(a="1\n", b="2\n")
    (place.etc / "foreign").write_text("not ours\n")
    said, activated = lose(place, what), []
    files = _reconcile.FileSet(str(place.state), "set")
    assert said in files.lost
    assert bool(files.lost) == bool(said)
    # b is no longer desired, and a removal is not proven to be right.
    assert place.run(a="1\n", activate=lambda: activated.append(1)) == []
    assert place.files() == {"a": "1\n", "b": "2\n", "foreign": "not ours\n"}
    assert activated, "a change may have been under way"
    assert place.remembered() == ["a"]
    assert _reconcile.FileSet(str(place.state), "set").lost == ""
    assert len(list(place.state.glob("files/set.json.unusable-*"))) == (what != "missing")
    # What is as desired was proven to be ours, and goes when it is no longer desired.
    assert place.run() == ["a"]
    assert place.files() == {"b": "2\n", "foreign": "not ours\n"}


@pytest.mark.parametrize("what", LOST)
def test_with_a_lost_ledger_a_change_that_fails_is_undone(place, what):
    place.run(a="1\n", b="2\n")
    lose(place, what)
    with pytest.raises(_reconcile.ReconcileError, match="The previous configuration is back"):
        place.run(a="3\n", b="2\n", activate=refuse)
    assert place.files() == {"a": "1\n", "b": "2\n"}
    assert place.run(a="3\n", b="2\n") == ["a"]
    assert sorted(place.remembered()) == ["a", "b"]


def test_a_ledger_of_a_newer_release_is_read(place):
    place.run(a="1\n", b="2\n")
    ledger = place.state / "files/set.json"
    ledger.write_text(ledger.read_text().replace("{", '{"colour": "green", ', 1))
    assert place.run(a="1\n") == ["b"]
