"""Each card of each node is told to boot its node's root, and no other card anything."""

from __future__ import annotations

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _pxelinux


def directives(text: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in text.splitlines() if not line.startswith("#"))


def test_what_a_node_boots(fleet, roots):
    files = _pxelinux.files(fleet, roots, "/srv/tftp")
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
    assert sorted(_pxelinux.files(fleet, roots, "/d")) == [f"/d/pxelinux.cfg/01-52-54-00-00-{card}" for card in ("00-01", "00-02", "0a-02")]


def test_all_cards_of_a_node_boot_the_same(fleet, roots):
    files = _pxelinux.files(fleet, roots, "/d")
    assert files["/d/pxelinux.cfg/01-52-54-00-00-00-02"] == files["/d/pxelinux.cfg/01-52-54-00-00-0a-02"]
    assert "/srv/nfs/node2" in files["/d/pxelinux.cfg/01-52-54-00-00-00-02"]


def test_a_node_without_a_root_boots_nothing(fleet, roots):
    del roots["node2"]
    assert list(_pxelinux.files(fleet, roots, "/d")) == ["/d/pxelinux.cfg/01-52-54-00-00-00-01"]


def test_an_absent_node_boots_nothing(inventory, roots):
    assert _pxelinux.files(inventory().node("node1", netboot_state="absent").parse(), roots, "/d") == {}


@pytest.mark.parametrize("arguments", ["console=ttyS0,115200 debug", ["console=ttyS0,115200", "debug"]])
def test_the_profiles_arguments_come_before_the_nodes(inventory, roots, arguments):
    profiles = {"verbose": {"boot": "nfs", "image": "debian-12", "kernel_args": arguments}}
    fleet = inventory(netboot_profiles=profiles).node("node1", netboot_profile="verbose", netboot_kernel_args="quiet").parse()
    [text] = _pxelinux.files(fleet, roots, "/d").values()
    assert directives(text)["APPEND"].endswith(" ip=dhcp rw console=ttyS0,115200 debug quiet")
    assert directives(text)["DEFAULT"] == directives(text)["LABEL"] == "verbose"


def test_a_kernel_over_http(inventory):
    profiles = {
        "flatcar": {"boot": "http", "kernel": "flatcar/vmlinuz", "initrd": ["flatcar/a", "http://192.0.2.9/b"], "kernel_args": "x y"}
    }
    fleet = inventory(netboot_profiles=profiles).node("node1", netboot_profile="flatcar", netboot_kernel_args="z").parse()
    [text] = _pxelinux.files(fleet, {}, "/d").values()
    said = directives(text)
    assert (said["KERNEL"], said["INITRD"]) == ("http://10.0.33.1/flatcar/vmlinuz", "http://10.0.33.1/flatcar/a,http://192.0.2.9/b")
    assert said["APPEND"] == "x y z"


def test_a_kernel_without_anything(inventory):
    profiles = {"bare": {"boot": "http", "kernel": "memtest"}}
    [text] = _pxelinux.files(inventory(netboot_profiles=profiles).node("node1", netboot_profile="bare").parse(), {}, "/d").values()
    assert directives(text).keys() & {"KERNEL", "INITRD", "APPEND"} == {"KERNEL"}


def test_a_node_that_boots_its_disk(inventory):
    [text] = _pxelinux.files(inventory().node("node1", netboot_profile="local").parse(), {}, "/d").values()
    assert directives(text)["LOCALBOOT"] == "0"
    assert "KERNEL" not in directives(text)


def test_one_file_for_all_nodes_of_a_profile_that_names_it(inventory):
    profiles = {
        "stable": {"boot": "http", "kernel": "stable/k", "pxelinux_config": "pxelinux.cfg/stable"},
        "beta": {"boot": "http", "kernel": "beta/k", "pxelinux_prefix": "beta/"},
    }
    cluster = inventory(netboot_profiles=profiles)
    for number, profile in enumerate(("stable", "stable", "beta"), 1):
        cluster.node(f"node{number}", netboot_profile=profile)
    files = _pxelinux.files(cluster.parse(), {}, "/d")
    assert sorted(files) == ["/d/beta/pxelinux.cfg/01-52-54-00-00-00-03", "/d/pxelinux.cfg/stable"]
    assert "node" not in files["/d/pxelinux.cfg/stable"]
