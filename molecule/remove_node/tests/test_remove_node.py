"""Nodes leave: completely, never while they run, never by mistake, and with their data kept."""

from __future__ import annotations

import pytest
from clients import boot, machine
from masters import BRIDGE, SERVER, bystander_is_served, converge, everything, host, inventory
from plays import play

NODE4 = ("52:54:00:12:00:04", "10.77.12.14")


@pytest.fixture
def node4() -> None:
    """A fourth node that is served."""
    assert converge(inventory("add_node")).code == 0
    assert boot(BRIDGE, NODE4[0]).file == "/pxelinux.0"


def is_gone() -> bool:
    """Whether nothing of the fourth node is left but its archive."""
    answer = boot(BRIDGE, NODE4[0])
    files = host().run(
        "grep --recursive --files-with-matches --extended-regexp 'node4|52[:-]54[:-]00[:-]12[:-]00[:-]04' /etc /srv/tftp /srv/http /srv/nfs/.common"
    )
    names = host().check_output("find /etc /srv/tftp /srv/http -name '*52?54?00?12?00?04*'")
    with machine(BRIDGE, NODE4[1], mac=NODE4[0]) as node:
        mounts = node.mounts(SERVER, "/srv/nfs/node4")
    roots = host().file("/srv/nfs/node4").exists or host().file("/srv/netboot/roots/node4").exists
    return (answer.file, files.stdout, names, mounts, roots) == ("", "", "", False, False) and answer.address.startswith("10.77.12.20")


def test_a_running_node_is_not_removed_and_one_that_is_off_is(node4):
    host().check_output("echo precious > /srv/nfs/node4/root/data")
    with machine(BRIDGE, NODE4[1], mac=NODE4[0]):
        files = everything()
        refused = converge("--extra-vars=node=node4", playbook="playbooks/remove.yml")
        assert refused.code != 0
        assert "node4 (10.77.12.14 is up)" in refused.messages
        assert everything() == files
        assert boot(BRIDGE, NODE4[0]).file == "/pxelinux.0"
    done = converge("--extra-vars=node=node4", playbook="playbooks/remove.yml")
    assert done.code == 0, done.messages
    assert is_gone()
    assert bystander_is_served()
    assert converge().changed == ()
    host().check_output("cp --archive /srv/netboot/archive/node4.* /srv/netboot/archive/node4.20240101")  # an operator's
    restored = converge(inventory("add_node"), "--extra-vars=action=restore node=node4", playbook="playbooks/roots.yml")
    assert restored.code == 0, restored.messages
    assert converge(inventory("add_node")).code == 0
    assert host().check_output("cat /srv/nfs/node4/root/data") == "precious"
    with machine(BRIDGE, NODE4[1], mac=NODE4[0]) as node:
        assert node.mounts(SERVER, "/srv/nfs/node4")
    assert converge("--extra-vars=node=node4", playbook="playbooks/remove.yml").code == 0
    assert is_gone()
    assert converge("--extra-vars=nfs_root_archive_days=0").changed == ("Take the roots of nodes that left out of service",)
    assert host().file("/srv/netboot/archive").listdir() == ["node4.20240101"]
    host().check_output("rm --recursive /srv/netboot/archive/node4.20240101")


def test_a_node_with_a_new_name_keeps_its_root(node4):
    host().check_output("echo precious > /srv/nfs/node4/root/data")
    key = host().check_output("cat /srv/nfs/node4/etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    renamed, told = inventory("remove_node", "renamed.yml"), inventory("remove_node", "told.yml")
    done = converge(renamed, told)
    assert done.code == 0, done.messages
    assert is_named("node7", key)
    assert converge(renamed, told).changed == ()
    assert bystander_is_served()
    assert converge("--extra-vars=node=node7 nfs_root_purge=true", playbook="playbooks/remove.yml").code == 0


def is_named(name: str, key: str) -> bool:
    """Whether the root with that host key and its data is served under the name."""
    root = host().check_output(f"cat /srv/nfs/{name}/root/data /srv/nfs/{name}/etc/hostname").split()
    known = key in host().check_output(f"grep {name} /etc/ssh/bootyard_known_hosts")
    with machine(BRIDGE, NODE4[1], mac=NODE4[0]) as node:
        mounts = [node.mounts(SERVER, f"/srv/nfs/{wanted}") for wanted in (name, "node4")]
    return (root, known, mounts) == (["precious", name], True, [True, False])


def test_an_absent_node_is_removed_and_purged_on_request(node4):
    done = converge(inventory("add_node"), inventory("remove_node", "absent.yml"), "--extra-vars=nfs_root_purge=true")
    assert done.code == 0, done.messages
    assert is_gone()
    assert not host().file("/srv/netboot/archive").listdir()
    assert bystander_is_served()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--extra-vars=netboot_slaves=nobody"], "3 of 3 nodes are no longer in the inventory"),
        (
            [inventory("remove_node", "one_left.yml"), "--extra-vars=netboot_slaves=slaves12half"],
            "2 of 3 nodes are no longer in the inventory: node2, node3",
        ),
    ],
    ids=["all", "most"],
)
def test_nodes_that_vanish_in_numbers_stop_the_run(arguments, message):
    files = everything()
    stopped = converge(*arguments)
    assert stopped.code != 0
    assert message in stopped.messages
    assert everything() == files
    assert bystander_is_served()


def test_an_inventory_that_cannot_be_read_stops_the_run(tmp_path):
    broken = tmp_path / "hosts.yml"
    broken.write_text("all: {hosts: [")
    files = everything()
    assert play("site.yml", f"--inventory={broken}").code != 0
    assert everything() == files
    assert bystander_is_served()


def test_a_selection_removes_nothing_and_touches_only_its_nodes():
    selected = converge("--extra-vars=netboot_select=node1", inventory("add_node"))
    assert selected.code == 0, selected.messages
    assert not host().file("/srv/nfs/node4").exists
    assert host().file("/srv/nfs/node3/etc/hostname").exists
    assert bystander_is_served()
    assert converge("--extra-vars=node=node4", playbook="playbooks/remove.yml").code == 0
