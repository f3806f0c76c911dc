"""cloud-init's own schemas, out of Debian's packages, find what cloud-init would complain about."""

from __future__ import annotations

import json

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_schema
from documents import ROOT

STORE = ROOT / "build/schemas"


@pytest.fixture(params=["bookworm", "trixie"], scope="module")
def checker(request):
    """Each release's schema, fetched from its mirror once."""
    return _cloud_schema.validator(_cloud_schema.Store(str(STORE)).load(request.param))


FINE = [
    {},
    {"hostname": "a", "users": ["default", {"name": "b", "ssh_authorized_keys": ["k"]}], "ssh_pwauth": False, "output": {"all": "| tee x"}},
    {"write_files": [{"path": "/a", "content": "x", "permissions": "0644"}], "runcmd": ["a", ["b", "c"]], "package_update": True},
    {"disk_setup": {"/dev/sdb": {"table_type": "gpt", "layout": True}}, "mounts": [["/dev/sdb1", "/data"]]},
]


@pytest.mark.parametrize("config", FINE)
def test_what_cloud_init_takes_is_taken(checker, config):
    assert list(_cloud_schema.faults(checker, config)) == []


WRONG = {  # a configuration, and the place of its fault
    "a text for a list": ({"write_files": "x"}, "write_files"),
    "permissions as a number": ({"write_files": [{"path": "/a", "permissions": 420}]}, "write_files[0].permissions"),
    "unknown key below": ({"write_files": [{"path": "/a", "contents": "x"}]}, "write_files[0]"),
    "a number for a host name": ({"hostname": 5}, "hostname"),
    "seven fields": ({"mounts": [["a"] * 7]}, "mounts[0]"),
}


@pytest.mark.parametrize(("config", "where"), WRONG.values(), ids=WRONG)
def test_what_it_refuses_is_found_in_its_place(checker, config, where):
    assert [place for place, _message in _cloud_schema.faults(checker, config)] == [where]


def test_a_slip_of_the_pen_is_found(checker):
    [(where, message)] = _cloud_schema.faults(checker, {"write_file": []})
    assert "write_file" in f"{where} {message}"


class Schemas:
    """A store that counts how often it is asked."""

    def __init__(self, known=("bookworm",)):
        self.known, self.asked = known, []

    def has(self, suite):
        return suite in self.known

    def load(self, suite):
        self.asked.append(suite)
        return {"$defs": {"a": {"properties": {"a": {"type": "string"}}}}, "allOf": [{"$ref": "#/$defs/a"}]}


def config(value, suite=""):
    return {"files": {"config": json.dumps(value)}, "suite": suite, "data": value, "template": "t.j2"}


def test_what_passed_is_not_asked_again(tmp_path):
    fleet = {"n1": config({"a": "x"}), "n2": config({"a": "y"}, "trixie"), "n3": {**config({}), "data": None}}

    def run(configs, dry=False, known=("bookworm", "trixie")):
        store = Schemas(known)
        checks = _cloud_schema.Checks(str(tmp_path), store)
        count = checks.run(configs, "bookworm", dry)
        if not dry:
            checks.save()
        return count, sorted(store.asked)

    assert run(fleet, dry=True, known=("bookworm",)) == (1, ["bookworm"])
    assert run(fleet) == (2, ["bookworm", "trixie"])
    assert run(fleet) == (0, [])
    assert run({**fleet, "n1": config({"a": "z"})}) == (1, ["bookworm"])
    assert run({**fleet, "n1": config({"a": "z"}, "trixie")}) == (1, ["trixie"])
    with pytest.raises(_cloud_schema.SchemaError, match=r"  - n2: t.j2: a: a whole number is not of type 'string'"):
        run({**fleet, "n2": config({"a": 5})})
    assert run({**fleet, "n1": config({"a": "z"}, "trixie")}) == (0, [])


def test_a_mirror_without_the_release_says_so(tmp_path):
    store = _cloud_schema.Store(str(tmp_path), f"file://{tmp_path}/none")
    with pytest.raises(_cloud_schema.SchemaError, match=r"cloud-init's schema of trixie is not to be had: .*does not have a Release file"):
        store.load("trixie")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["", "{", "[]"])
def test_damaged_notes_of_what_passed_are_as_good_as_none(tmp_path, damage):
    for _run in range(2):
        (tmp_path / "cloud-checked.json").write_text(damage)
        checks = _cloud_schema.Checks(str(tmp_path), Schemas())
        assert checks.run({"n1": config({"a": "x"})}, "bookworm", False) == 1
    checks.save()
    assert _cloud_schema.Checks(str(tmp_path), Schemas()).run({"n1": config({"a": "x"})}, "bookworm", False) == 0


@pytest.mark.parametrize("damage", ["", "{", "[]"])
def test_a_damaged_schema_is_fetched_again(tmp_path, damage):
    (tmp_path / "trixie.json").write_text(damage)
    store = _cloud_schema.Store(str(tmp_path), f"file://{tmp_path}/none")
    assert not store.has("trixie")
    with pytest.raises(_cloud_schema.SchemaError, match="cloud-init's schema of trixie is not to be had"):
        store.load("trixie")
