"""Each card of each node is told to boot its node's root, and no other card anything."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _pxelinux


def directives(text: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in text.splitlines() if not line.startswith("#"))


def test_what_a_node_boots(fleet, roots):
    files = _pxelinux.files(fleet, roots, "/srv/tftp/pxelinux.cfg")
    assert directives(files["/srv/tftp/pxelinux.cfg/01-52-54-00-00-00-01"]) == {
        "DEFAULT": "debian-nfs",
        "PROMPT": "0",
        "ALLOWOPTIONS": "0",
        "NOESCAPE": "1",
        "LABEL": "debian-nfs",
        "KERNEL": "/images/debian-12/0001-5e4f1c22/vmlinuz",
        "INITRD": "/images/debian-12/0001-5e4f1c22/initrd.img",
        "SYSAPPEND": "2",
        "APPEND": "root=/dev/nfs nfsroot=10.0.33.1:/srv/nfs/node1,nfsvers=3,tcp,noacl ip=dhcp rw",
    }


def test_a_file_for_each_card_of_a_node_and_for_no_other_machine(fleet, roots):
    assert sorted(_pxelinux.files(fleet, roots, "/d")) == ["/d/01-52-54-00-00-00-01", "/d/01-52-54-00-00-00-02", "/d/01-52-54-00-00-0a-02"]


def test_all_cards_of_a_node_boot_the_same(fleet, roots):
    files = _pxelinux.files(fleet, roots, "/d")
    assert files["/d/01-52-54-00-00-00-02"] == files["/d/01-52-54-00-00-0a-02"]
    assert "/srv/nfs/node2" in files["/d/01-52-54-00-00-00-02"]


def test_a_node_without_a_root_boots_nothing(fleet, roots):
    del roots["node2"]
    assert list(_pxelinux.files(fleet, roots, "/d")) == ["/d/01-52-54-00-00-00-01"]


def test_an_absent_node_boots_nothing(inventory, roots):
    assert _pxelinux.files(inventory().node("node1", netboot_state="absent").parse(), roots, "/d") == {}


@pytest.mark.parametrize("arguments", ["console=ttyS0,115200 debug", ["console=ttyS0,115200", "debug"]])
def test_the_profiles_arguments_come_before_the_nodes(inventory, roots, arguments):
    profiles = {"verbose": {"boot": "nfs", "image": "debian-12", "kernel_args": arguments}}
    fleet = inventory(netboot_profiles=profiles).node("node1", netboot_profile="verbose", netboot_kernel_args="quiet").parse()
    [text] = _pxelinux.files(fleet, roots, "/d").values()
    assert directives(text)["APPEND"].endswith(" ip=dhcp rw console=ttyS0,115200 debug quiet")
    assert directives(text)["DEFAULT"] == directives(text)["LABEL"] == "verbose"
