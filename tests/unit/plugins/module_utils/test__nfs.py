"""Each root goes to its node's address alone."""

from __future__ import annotations

import re

from ansible_collections.bootyard.netboot.plugins.module_utils import _nfs

SHARED = [{"path": "/home/mpi/cloud"}, {"path": "/srv/data", "writable": False, "trust_root": True}]


def test_a_root_is_exported_to_its_node_alone(fleet, roots):
    files = _nfs.kernel_files(_nfs.exports(fleet, roots, []))
    assert sorted(files) == ["/etc/exports.d/bootyard-node1.exports", "/etc/exports.d/bootyard-node2.exports"]
    [(path, client, options)] = re.findall(r"^(\S+) (\S+)\((\S+)\)\n", files["/etc/exports.d/bootyard-node1.exports"])
    assert (path, client) == ("/srv/nfs/node1", "10.0.33.11")
    assert {"rw", "no_root_squash", "no_subtree_check", "sync", "mountpoint"} <= set(options.split(","))


def test_file_system_ids_differ_and_stay(fleet, roots):
    def ids():
        return re.findall("fsid=([0-9a-f-]{36})", str(_nfs.kernel_files(_nfs.exports(fleet, roots, SHARED))))

    assert len(set(ids())) == 4
    assert ids() == ids()


def test_a_shared_directory_goes_to_the_whole_network(fleet):
    exports = _nfs.exports(fleet, {}, SHARED)
    assert [(item.path, item.clients, item.writable, item.trust_root) for item in exports] == [
        ("/home/mpi/cloud", ("10.0.33.0/24",), True, False),
        ("/srv/data", ("10.0.33.0/24",), False, True),
    ]
    cloud, data = _nfs.kernel_files(exports).values()
    assert cloud.startswith("/home/mpi/cloud 10.0.33.0/24(rw,root_squash,")
    assert data.startswith("/srv/data 10.0.33.0/24(ro,no_root_squash,")


def test_no_two_exports_share_a_file_or_a_number(inventory, roots):
    fleet = inventory().node("shared-srv-data").node("node2").parse()
    roots = {"shared-srv-data": roots["node1"], "node2": roots["node2"]}
    exports = _nfs.exports(fleet, roots, [{"path": "/srv/data"}, {"path": "/srv-data"}])
    assert len(_nfs.kernel_files(exports)) == 4
    assert len({item.number for item in exports}) == 4


def test_a_node_without_a_root_and_an_absent_node_have_no_export(inventory, roots):
    fleet = inventory().node("node1", netboot_state="absent").node("node2").parse()
    assert [item.name for item in _nfs.exports(fleet, roots, [])] == ["node2"]
    assert _nfs.exports(fleet, {}, []) == []


def test_ganesha_gives_each_client_what_the_kernel_would(fleet, roots):
    [text] = _nfs.ganesha_files(_nfs.exports(fleet, roots, SHARED)).values()
    blocks = text.splitlines()
    assert all(block.count("{") == block.count("}") for block in blocks)
    wanted = re.compile(
        r"Export_Id = (\d+); Path = (\S+);.* Access_Type = None;.*CLIENT \{ Clients = (.*?); Access_Type = (..); Squash = (\w+);"
    )
    assert [wanted.search(block).groups() for block in blocks] == [
        ("1", "/srv/nfs/node1", "10.0.33.11", "RW", "No_Root_Squash"),
        ("2", "/srv/nfs/node2", "10.0.33.12", "RW", "No_Root_Squash"),
        ("60702", "/home/mpi/cloud", "10.0.33.0/24", "RW", "Root_Squash"),
        ("64627", "/srv/data", "10.0.33.0/24", "RO", "No_Root_Squash"),
    ]
