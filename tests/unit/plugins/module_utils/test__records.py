"""Records of roots, and which of two that claim the same is wrong."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _records


def record(name, number, **fields):
    return _records.Record(name, "10.0.33.11", "debian-12", "0001-0", "overlay", f"/srv/nfs/{name}", number, "ready", **fields)


@pytest.mark.parametrize(
    ("records", "mounted", "wrong"),
    [
        ([record("node1", 1), record("node2", 2)], [], []),
        ([record("node1", 1, archived_as="node1.1700000000"), record("node5", 1)], [], ["node1"]),
        ([record("node1", 1, archived_as="node1.1700000000"), record("node5", 2)], [], []),
        ([record("node1", 1), record("node5", 1)], ["/srv/nfs/node5"], ["node1"]),
        ([record("node1", 1), record("node5", 1)], ["/srv/nfs/node1", "/srv/nfs/node5"], ["node5"]),
        ([record("node1", 1), record("node2", 1), record("node3", 1), record("node4", 4)], ["/srv/nfs/node2"], ["node1", "node3"]),
    ],
    ids=["none", "put back by hand", "put back by hand, and the number is free", "one serves", "both serve", "three"],
)
def test_of_roots_with_one_export_id_one_goes_on(records, mounted, wrong):
    faults = _records.duplicates({item.node: item for item in records}, mounted)
    assert sorted(faults) == wrong
    for name, said in faults.items():
        assert "export id 1, which is node" in said
        assert f"-e action=restore -e node={name}" in said
