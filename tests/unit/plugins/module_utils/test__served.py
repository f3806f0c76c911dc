"""The nodes that a master serves are known by what it has for them, even where files are damaged."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _reconcile, _served

HOSTS = """\
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
192.0.2.1 master.lab.example master
198.51.100.1 master
192.0.2.11 node1.lab.example node1
192.0.2.12 node2
"""


@pytest.fixture
def places(tmp_path):
    """A master that serves one node of each kind."""
    places = _served.Places(*(str(tmp_path / field.name) for field in dataclasses.fields(_served.Places)))
    (tmp_path / "names").write_text(HOSTS)
    for name in ("root1", "root2", "damaged"):
        (tmp_path / "roots" / name).mkdir(parents=True)
        (tmp_path / "roots" / name / "root.json").write_text("{}" if name != "damaged" else "")
    (tmp_path / "roots/foreign/upper").mkdir(parents=True)
    (tmp_path / "roots/README").touch()
    (tmp_path / "installs/disk1").mkdir(parents=True)
    (tmp_path / "installs/disk1/.bootyard").touch()
    (tmp_path / "installs/foreign").mkdir()
    files = _reconcile.FileSet(places.state, "cloud")
    wanted = {f"{places.configs}/{name}": "x" for name in ("ram1/config", "ram2/install/user-data", "lost/config")}
    files.apply(files.plan(wanted, 0o644, True), 0o644, kept=wanted)
    (tmp_path / "configs/lost/config").unlink()
    (tmp_path / "configs/foreign").mkdir()
    return places


def test_every_trace_of_a_node_is_found(places):
    assert _served.nodes(places, "master") == {"node1", "node2", "root1", "root2", "damaged", "disk1", "ram1", "ram2"}


def test_what_is_missing_or_damaged_hides_nothing_else(places, tmp_path):
    (tmp_path / "names").write_bytes(b"\xff\x00\n192.0.2.12 node2\n")
    (tmp_path / "state/files/cloud.json").write_bytes(b"")
    assert _served.nodes(places, "master") == {"node2", "root1", "root2", "damaged", "disk1"}


def test_a_new_master_serves_nobody(tmp_path):
    assert _served.nodes(_served.Places(*[str(tmp_path / "nothing")] * 5), "master") == set()
