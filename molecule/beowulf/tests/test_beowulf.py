"""What the manual's master hands out."""

from __future__ import annotations

import testinfra
from clients import boot, is_served

BRIDGE, SERVER, NODE1 = "by-beowulf", "10.0.33.1", "08:00:27:00:33:11"


def test_node1_gets_what_the_manual_writes():
    answer = boot(BRIDGE, NODE1)
    assert (answer.address, answer.next_server, answer.file) == ("10.0.33.11", "10.0.33.1", "/pxelinux.0")
    assert answer.addresses(1) == ["255.255.255.0"]
    assert answer.addresses(3) == ["10.0.33.1"]
    assert answer.addresses(28) == ["10.0.33.255"]


def test_every_slave_can_fetch_its_kernel():
    for i in (1, 2, 3):
        assert is_served(BRIDGE, SERVER, f"08:00:27:00:33:1{i}", f"10.0.33.1{i}")


def test_the_master_itself_gets_its_own_address_and_no_boot_file():
    answer = boot(BRIDGE, "08:00:27:00:33:01")
    assert (answer.address, answer.file) == ("10.0.33.1", "")


def test_the_pool_is_the_manuals():
    answer = boot(BRIDGE, "08:00:27:00:99:99")
    assert 20 <= int(answer.address.rpartition(".")[2]) <= 30
    assert answer.file == ""


def test_each_root_mounts_what_the_manual_mounts():
    host = testinfra.get_host("docker://bootyard-mol-beowulf")
    fstab = host.file("/srv/nfs/node1/etc/fstab").content_string
    assert "/dev/nfs / nfs tcp,nolock 0 0" in fstab
    for directory in ("/tmp", "/var/tmp", "/media", "/var/log"):
        assert f"none {directory} tmpfs" in fstab
    config = host.file("/srv/tftp/pxelinux.cfg/01-08-00-27-00-33-11").content_string
    assert "nfsroot=10.0.33.1:/srv/nfs/node1," in config
