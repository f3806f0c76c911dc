"""Ganesha and the kernel's server export what the collection makes, and nobody gets at anybody else's: a stranger and root on a node try.

Both servers hold the same roots, made by the collection's code and configured from the role's templates. What is tried is
one table (nfs_attack, nfs_handles); that it works at all is seen where roots lie as they did before they had file systems of their own.
"""

from __future__ import annotations

import socket
from types import SimpleNamespace

import daemons
import nfs_attack
import nfs_servers
import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _nfs
from nfs_client import BLOCK, Client, Refused
from nfs_servers import ADDRESS, NODES, STRANGER

#: What each may mount.
EVERYBODY = ("/srv/nfs/.common", "/srv/shared")
WHO = {"stranger": (STRANGER, EVERYBODY), "node1": (NODES["node1"], ("/srv/nfs/node1", *EVERYBODY))}
#: Where a node may write: its root, which lies in its own disk, and what all may write to.
OWN = ("/srv/nfs/node1/", "/srv/netboot/roots/node1/disk/", "/srv/shared/")
SETUID = "usr/bin/who"


@pytest.fixture(scope="module", params=nfs_servers.SERVERS)
def master(request, tmp_path_factory):
    """One server after the other, with roots, secrets, and files laid out as they once were."""
    directory = tmp_path_factory.mktemp(request.param)
    with daemons.machine(daemons.SUITES[0], directory / "machine") as machine, nfs_servers.addresses():
        made = nfs_servers.SERVERS[request.param](machine, directory)
        made.laid = made.tell("roots", "old")
        yield made


@pytest.fixture
def served(master):
    """The server with its exports of today."""
    master.serve(exports(master))
    return master


def exports(master) -> list[_nfs.Export]:
    """What the role has exported."""
    nodes = [SimpleNamespace(name=name, ip=address) for name, address in NODES.items()]
    fleet = SimpleNamespace(rooted=nodes, networks={"nodes": SimpleNamespace(cidr="10.0.33.0/24")})
    laid = master.laid["roots"]
    shared = [{"path": laid["common"], "writable": False}, {"path": laid["shared"]}]
    return _nfs.exports(fleet, laid["roots"], shared)


def test_a_root_is_its_nodes_to_read_and_write(served):
    node = Client(ADDRESS, NODES["node1"])
    root = node.mount("/srv/nfs/node1")
    node.write(node.create(node.lookup(root, "etc"), "motd", 0o640), b"hello\n")
    assert node.read(node.walk(root, "etc/motd")) == b"hello\n"
    assert node.read4(node.walk4("/srv/nfs/node1/etc/motd")) == b"hello\n"
    assert served.sh("stat -c '%a %u' /srv/nfs/node1/etc/motd; cat /srv/nfs/node1/etc/motd") == "640 0\nhello\n"
    assert node.read(node.walk(root, "etc/hostname")) == b"node1\n"
    assert node.read(node.walk(node.mount("/srv/nfs/.common"), "hosts")).startswith(b"127.0.0.1")


def test_a_stranger_mounts_no_root(served):
    for node in NODES:
        for way in (Client(ADDRESS, STRANGER).mount, Client(ADDRESS, STRANGER).walk4):
            with pytest.raises(Refused):
                way(f"/srv/nfs/{node}")


def test_only_root_on_a_node_speaks_for_it(served):
    """Any program there can say that it is root, yet not from a privileged port."""
    root = Client(ADDRESS, NODES["node1"]).mount("/srv/nfs/node1")
    program = Client(ADDRESS, NODES["node1"], privileged=False)
    for way, *arguments in ((program.readdir, root), (program.readdir4, root), (program.mkdir, root, "x")):
        with pytest.raises(Refused):
            way(*arguments)


def test_nobody_writes_by_datagrams(served):
    """They would do with a false address, for the answer is of no use to who makes a directory."""
    root = Client(ADDRESS, NODES["node1"]).mount("/srv/nfs/node1")
    with pytest.raises(Refused):
        Client(ADDRESS, NODES["node1"], kind=socket.SOCK_DGRAM).mkdir(root, "by-datagram")
    assert "by-datagram" not in served.sh("ls /srv/nfs/node1")


@pytest.mark.parametrize("node", ["node1", "node3"])
def test_a_nodes_programs_and_devices_count_for_nothing_on_the_master(served, node):
    """A program that is root's, and the master's own disk, laid by root on the node and used by nobody on the master."""
    face = Client(ADDRESS, NODES[node])
    root = face.mount(f"/srv/nfs/{node}")
    program = face.create(face.walk(root, "usr/bin"), "who", 0o755)
    face.write(program, b"#!/bin/sh\n")
    face.setattr(program, 0o4755)
    major, minor = map(int, served.sh("stat -c '%Hd %Ld' /srv").split())
    face.mknod(root, "disk", BLOCK, (major, minor))
    # Not a script, which is never setuid; and a new file, for the server may still have the one above open.
    here = f"/srv/nfs/{node}"
    served.sh(f"cp /usr/bin/id {here}/new; mv {here}/new {here}/{SETUID}; chmod 4755 {here}/{SETUID}; chmod 666 {here}/disk")
    assert face.getattr(face.walk(root, SETUID)).mode & 0o7777 == 0o4755
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups sh -c"
    assert "denied" in served.sh(f"{nobody} {here}/{SETUID} 2>&1 || true")
    assert served.sh(f"cd {here}; {nobody} './{SETUID} -u'") == "65534\n"
    for who in ("sh -c", nobody):
        assert "denied" in served.sh(f"cd {here}; {who} 'head -c 1 ./disk' 2>&1 || true")


def others() -> list[bytes]:
    """What the other nodes got honestly, should it leak."""
    return [handle for node in ("node2", "node3") for handle in nfs_attack.handles(Client(ADDRESS, NODES[node]), f"/srv/nfs/{node}")]


def attacked(master, source: str, paths: tuple[str, ...], foreign: list[bytes]) -> tuple[list[str], list[str], bool]:
    """What an attack read that it should not, what it left outside of where its node may write, and whether secrets stayed as they were."""
    before = master.tell("secrets", "facts", "state")
    attack = nfs_attack.Attack(ADDRESS, source, paths, [*map(nfs_attack.target, before["facts"])])
    attack.run(foreign, [f"/srv/nfs/{node}" for node in NODES if f"/srv/nfs/{node}" not in paths])
    after = master.tell("state", "secrets")["state"]
    print(
        f"{master.name}: {source} tried {attack.tried} handles, {attack.opened} opened something, {len(attack.loot)} more than they should"
    )
    assert attack.tried > 200
    return attack.loot, [path for path in after["dropped"] if not path.startswith(OWN)], after["kept"] == before["state"]["kept"]


@pytest.mark.parametrize("who", WHO)
def test_nobody_gets_at_anybody_elses(served, who):
    assert attacked(served, *WHO[who], others()) == ([], [], True)


def test_a_root_that_is_not_mounted_is_not_exported(master):
    """What is below it is the master's, and all roots are on that."""
    mount = master.sh("grep ' /srv/nfs/node2 ' /proc/mounts").split()
    master.stop()
    master.sh("umount /srv/nfs/node2")
    try:
        master.serve(exports(master))
        node = Client(ADDRESS, NODES["node2"])
        for way in (node.mount, node.walk4):
            with pytest.raises(Refused):
                way("/srv/nfs/node2")
    finally:
        master.stop()
        master.sh(f"mount -t overlay -o {mount[3]} overlay /srv/nfs/node2")


@pytest.mark.parametrize("master", ["ganesha"], indirect=True)
def test_ganesha_needs_what_keeps_clients_within_their_exports(master):
    """It takes names with slashes in them, and by reading a directory it opens the file system above it. Should this fail, that is mended."""
    master.serve(exports(master), guarded=False)
    loot, _dropped, unharmed = attacked(master, *WHO["node1"], others())
    assert any("looked up '../" in words for words in loot)
    assert not unharmed


@pytest.mark.parametrize("layout", ["overlay", "copy", "common"])
def test_the_same_attack_succeeds_where_file_systems_are_shared(master, layout):
    """Or it would prove nothing."""
    path = f"/srv/old/{layout}"
    master.serve([_nfs.Export(layout, 7, path, (NODES["node1"],), layout != "common", layout != "common")], guarded=False)
    loot, _dropped, unharmed = attacked(master, NODES["node1"], (path,), [])
    assert any("authorized_keys" in words for words in loot)
    assert {words.rsplit(": ", 1)[1].split()[0] for words in loot} >= {"read", "read4"}
    assert unharmed == (layout == "common")  # which is exported to be read
