"""Files of state are written whole, and what is wrong with one is said with its name."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _statefile
from isolation import killed_at


@dataclass
class Kept:
    """What a test remembers."""

    name: str
    number: int = 0
    at: float = 0.0
    sure: bool = False
    boot: str | None = None
    nodes: tuple[str, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    undo: dict[str, list] = field(default_factory=dict)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "kept.json")


def put(path, content):
    with open(path, "wb") as stream:
        stream.write(content)


def test_what_is_written_is_read_again(path):
    _statefile.write_json(path, {"name": "a", "nodes": ["b"], "at": 1})
    assert _statefile.read_json(path) == {"name": "a", "nodes": ["b"], "at": 1}
    assert _statefile.read_as(Kept, path) == Kept("a", nodes=("b",), at=1)
    assert os.stat(path).st_mode & 0o7777 == 0o600


def test_no_file_is_none(path, tmp_path):
    assert _statefile.read_json(path) is None
    assert _statefile.read_as(Kept, path) is None
    (tmp_path / "file").touch()
    assert _statefile.read_json(f"{tmp_path}/file/root.json") is None


DAMAGED = {
    "empty": (b"", "is empty"),
    "zeros, as XFS leaves them": (bytes(4096), "is empty"),
    "torn": (b'{"name": "a"', "is not valid JSON"),
    "binary": (b"\xff\xfe\x00{", "is not valid JSON"),
    "deep": (b"[" * 100_000, "is not valid JSON"),
    "a list": (b"[]", "holds a list; expected an object"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_file_is_named(path, what):
    content, said = DAMAGED[what]
    put(path, content)
    with pytest.raises(_statefile.StateFileError, match=said) as caught:
        _statefile.read_json(path)
    assert str(caught.value).startswith(f"{path} ")
    assert caught.value.path == path


def test_what_is_no_file_is_named(path):
    os.mkfifo(path)
    with pytest.raises(_statefile.StateFileError, match="is not a regular file"):
        _statefile.read_json(path)
    os.unlink(path)
    os.mkdir(path)
    with pytest.raises(_statefile.StateFileError, match=f"{path} cannot be read: Is a directory"):
        _statefile.read_json(path)
    os.rmdir(path)
    os.symlink(path, path)
    with pytest.raises(_statefile.StateFileError, match="Too many levels of symbolic links"):
        _statefile.read_json(path)


def test_no_more_than_the_limit_is_read(path):
    put(path, b"{}")
    os.truncate(path, 8 << 30)  # sparse
    with pytest.raises(_statefile.StateFileError, match="is larger than 64 MiB"):
        _statefile.read_json(path)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "name is missing"),
        ({"name": 1}, "name = 1; expected str"),
        ({"name": None}, "name = None; expected str"),
        ({"name": "a", "number": "7"}, "number = '7'; expected int"),
        ({"name": "a", "number": True}, "number = True; expected int"),
        ({"name": "a", "at": "now"}, "at = 'now'; expected float"),
        ({"name": "a", "sure": 1}, "sure = 1; expected bool"),
        ({"name": "a", "nodes": "node1"}, "nodes = 'node1'; expected tuple"),
        ({"name": "a", "nodes": [1]}, r"nodes = \[1\]; expected tuple"),
        ({"name": "a", "digests": {"x": 1}}, "digests = {'x': 1}; expected dict"),
        ({"name": "a", "undo": {"x": "y"}}, "undo = {'x': 'y'}; expected dict"),
        ({"name": "a", "boot": 1}, r"boot = 1; expected str \| None"),
    ],
)
def test_fields_of_the_wrong_type_are_named(path, wrong, said):
    put(path, json.dumps(wrong).encode())
    with pytest.raises(_statefile.StateFileError, match=f"{path} is not valid: {said}"):
        _statefile.read_as(Kept, path)


def test_fields_of_a_newer_release_are_ignored(path):
    put(path, b'{"name": "a", "colour": "green"}')
    assert _statefile.read_as(Kept, path) == Kept("a")


def test_a_writer_that_is_killed_leaves_the_old_or_the_new(path):
    _statefile.write_json(path, {"name": "old"})
    step, seen = 0, set()
    while killed_at(step, _statefile, lambda: _statefile.write_json(path, {"name": "new"})):
        seen.add(_statefile.read_as(Kept, path).name)
        _statefile.write_json(path, {"name": "old"})
        step += 1
    assert seen == {"old", "new"}
    assert os.listdir(os.path.dirname(path)) == ["kept.json"]


def test_a_link_beside_it_is_not_followed(path, tmp_path):
    (tmp_path / "precious").write_text("precious\n")
    os.symlink(tmp_path / "precious", path + ".new")
    _statefile.write_json(path, {"name": "a"})
    assert (tmp_path / "precious").read_text() == "precious\n"
    assert not os.path.islink(path)


def test_directories_in_its_place_are_kept_elsewhere(path):
    for name in (path, path + ".new"):
        os.mkdir(name)
        os.mkdir(f"{name}/precious")
    _statefile.write_json(path, {"name": "a"})
    assert _statefile.read_as(Kept, path) == Kept("a")
    assert os.path.isdir(f"{path}.unusable-1/precious")
    assert os.path.isdir(f"{path}.new.unusable-1/precious")


def test_what_is_set_aside_is_kept(path):
    for number, content in enumerate((b"one", b"two"), 1):
        put(path, content)
        assert _statefile.set_aside(path) == f"{path}.unusable-{number}"
        with open(f"{path}.unusable-{number}", "rb") as stream:
            assert stream.read() == content
    assert not os.path.exists(path)


def test_a_directory_is_made_for_root_alone_or_repaired(tmp_path):
    home = tmp_path / "state"
    for _case in ("made", "repaired"):
        _statefile.private_directory(str(home))
        assert home.stat().st_mode & 0o7777 == 0o700
        home.chmod(0o777)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        _statefile.private_directory(str(tmp_path / "file"))
