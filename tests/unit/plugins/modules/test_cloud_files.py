"""Configurations are published together, and what a schema refuses leaves in place what was served."""

from __future__ import annotations

import json

import pytest

SCHEMA = {"$defs": {"a": {"properties": {"hostname": {"type": "string"}}}}, "allOf": [{"$ref": "#/$defs/a"}]}


@pytest.fixture
def publish(module, tmp_path):
    """Publishes what is given by node: publish({node: hostname}, dry)."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/bookworm.json").write_text(json.dumps(SCHEMA))

    def run(names, dry=False):
        configs = {
            node: {"files": {"config": f"hostname: {name}\n", "meta-data": ""}, "suite": "", "data": {"hostname": name}, "template": "t.j2"}
            for node, name in names.items()
        }
        paths = {"directory": str(tmp_path / "cloud"), "schemas": str(tmp_path / "schemas")}
        return module("cloud_files", dry, configs=json.dumps(configs), release="bookworm", **paths)

    return run


def test_a_second_call_finds_nothing_to_do(publish, tmp_path):
    config = tmp_path / "cloud/n1/config"
    assert publish({"n1": "a"}, dry=True)["changed"]
    assert not config.exists()
    first = publish({"n1": "a", "n2": "b"})
    assert (first["changed"], first["checked"], len(first["written"])) == (True, 2, 4)
    inode = config.stat().st_ino
    second = publish({"n1": "a", "n2": "b"})
    assert (second["changed"], second["checked"], second["written"]) == (False, 0, [])
    third = publish({"n1": "a", "n2": "c"})
    assert (third["checked"], third["written"]) == (1, [str(tmp_path / "cloud/n2/config")])
    assert config.stat().st_ino == inode
    assert publish({"n1": "a"})["removed"] == [str(tmp_path / "cloud/n2" / name) for name in ("config", "meta-data")]


def test_what_is_refused_changes_nothing(publish, tmp_path):
    publish({"n1": "a", "n2": "b"})
    failed = publish({"n1": "new", "n2": 5})
    assert failed["failed"]
    assert "  - n2: t.j2: hostname: 5 is not of type 'string'" in failed["msg"]
    assert (tmp_path / "cloud/n1/config").read_text() == "hostname: a\n"
    assert publish({"n1": "a", "n2": "b"})["changed"] is False


def test_what_is_secret_is_not_shown(publish):
    shown = json.dumps(publish({"n1": "hunter2"}))
    assert "hunter2" not in shown
    assert "hunter2" not in json.dumps(publish({"n1": "hunter3"}, dry=True))
