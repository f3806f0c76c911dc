"""What a profile and a node say of the configuration that is fetched, and what becomes of it on the kernel's line."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _fleet

WORDS = ["url={config_url}", "ds={datasource}", "{master}|{node}|{ip}|{mac}", "${node}"]
MINE = "10.0.33.1|node1|10.0.33.11|52:54:00:00:00:01"
LINES = {  # the profile, and what it makes of WORDS
    "a directory": ({"boot": "http", "kernel": "k", "config": "nocloud"}, "", "nocloud"),
    "an old cloud-init": ({"boot": "nfs", "image": "debian-12", "config": "nocloud"}, "", "nocloud-net"),
    "a newer one": ({"boot": "nfs", "image": "debian-13", "config": "nocloud"}, "", "nocloud"),
}


def profiles(**profile):
    return {"netboot_profiles": {"p": profile}, "netboot_profile": "p"}


@pytest.mark.parametrize(("profile", "file", "source"), LINES.values(), ids=LINES)
def test_tokens_become_the_nodes_own(inventory, profile, file, source):
    args = [*WORDS[:3], "console=tty0"]
    fleet = inventory(**profiles(**profile, loader="pxelinux", kernel_args=args)).node("node1", netboot_kernel_args=WORDS[3]).parse()
    url = f"http://10.0.33.1/cloud/{file}"
    assert fleet.kernel_args_of(fleet.nodes[0]) == (f"url={url}", f"ds={source};s={url}", MINE, "console=tty0", "${node}")
    assert _fleet.Fleet.from_dict(json.loads(json.dumps(fleet.to_dict()))) == fleet


def test_other_kinds_are_one_file(inventory):
    fleet = inventory(**profiles(boot="local", config="ignition")).node("node1").node("node2", netboot_profile="debian-nfs").parse()
    assert [fleet.config_url(node) for node in fleet.nodes] == ["http://10.0.33.1/cloud/config", ""]
    assert [node.name for node in fleet.configured] == ["node1"]


def test_a_plain_template_makes_the_configuration(inventory):
    files = {"user-data": "a.j2", "meta-data": "b.j2"}
    fleet = inventory(**profiles(boot="local", config="nocloud", template=files)).node("node1", netboot_template="c.j2").parse()
    assert fleet.profiles["p"].templates == {"config": "a.j2", "meta-data": "b.j2"}
    assert fleet.nodes[0].templates == {"config": "c.j2"}


FAULTS = {  # the profile, the variable at fault, its value
    "unknown kind": ({"config": "kickstart"}, "config", "kickstart"),
    "template for nothing": ({"template": "a.j2"}, "template", "a.j2"),
    "spec for nothing": ({"config": "nocloud", "ignition": "3.3.0"}, "ignition", "3.3.0"),
    "unknown spec": ({"config": "ignition", "ignition": "2.2.0"}, "ignition", "2.2.0"),
    "file of another kind": ({"config": "ignition", "template": {"meta-data": "a.j2"}}, "template", "meta-data"),
    "template out of the directory": ({"config": "nocloud", "template": "../a.j2"}, "template", "../a.j2"),
    "absolute template": ({"config": "nocloud", "template": "/etc/shadow"}, "template", "/etc/shadow"),
    "template from elsewhere": ({"config": "nocloud", "template": "http://h/a"}, "template", "http://h/a"),
}


@pytest.mark.parametrize(("profile", "key", "value"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_a_profile_names_its_key(inventory, profile, key, value):
    common = {"netboot_profiles": {"p": {"boot": "local", **profile}}}
    assert inventory(**common).node("node1").faults() == [("head", f"netboot_profiles.p.{key}", value)]


@pytest.mark.parametrize("arg", ["{hostname}", "{config_url}", "ds={datasource}"])
def test_a_token_that_stands_for_nothing_is_a_fault(inventory, arg):
    assert inventory().node("node1", netboot_kernel_args=[arg]).faults() == [("node1", "netboot_kernel_args", arg)]


# --- installations ---------------------------------------------------------------------------------------------------

INSTALL = {"netboot_profile": "debian-disk", "netboot_install_disk": "/dev/vda"}
OWN = {"boot": "http", "kernel": "k", "mode": "install", "config": "nocloud", "install_template": "i.j2"}


def test_an_installer_is_configured_apart_from_what_it_installs(inventory):
    secret = "unguessable-unguessable"
    for common, link in (({}, ""), ({"netboot_config_secret": secret}, "/link-of-this-boot")):
        fleet = inventory(**common).node("node1", **INSTALL).node("node2").parse()
        assert [node.name for node in fleet.installs] == ["node1"]
        node = fleet.installs[0]
        [source] = [arg for arg in fleet.kernel_args_of(node) if arg.startswith("ds=")]
        assert re.fullmatch(f"ds=nocloud-net;s=http://10.0.33.1/cloud{link}/install/", source)
        assert re.fullmatch(f"http://10.0.33.1/cloud{link}/", fleet.config_url(node))
        assert re.fullmatch(f"http://10.0.33.1/install{link}/", fleet.install_state_url(node))
        assert _fleet.Fleet.from_dict(json.loads(json.dumps(fleet.to_dict()))) == fleet
    ignition = inventory(netboot_profiles={"p": {**OWN, "config": "ignition", "kernel_args": "{install_url}"}})
    fleet = ignition.node("node1", **{**INSTALL, "netboot_profile": "p"}).parse()
    assert fleet.kernel_args_of(fleet.nodes[0]) == ("http://10.0.33.1/cloud/install/config",)


FAULTY = {
    "no disk": ({}, {"netboot_install_disk": None}, "netboot_install_disk = None: name the disk that is to be overwritten, like /dev/vda"),
    "no device": ({}, {"netboot_install_disk": "vda"}, "name the disk that is to be overwritten"),
    "a command": ({}, {"netboot_install_disk": "/dev/vda; id"}, "name the disk that is to be overwritten"),
    "in use": ({}, {"netboot_disks": [{"device": "/dev/vda"}]}, "netboot_disks = '/dev/vda': is the disk that the system is installed on"),
    "pxelinux": (
        {},
        {"netboot_loader": "pxelinux"},
        "netboot_loader = 'pxelinux': cannot be told to boot the disk once it is installed; choose",
    ),
    "of the profile": ({"loader": "pxelinux"}, {}, "netboot_profiles.p.loader = 'pxelinux': cannot be told to boot the disk"),
    "a shared file": (
        {"pxelinux_config": "pxelinux.cfg/x"},
        {},
        "netboot_profiles.p.pxelinux_config = 'pxelinux.cfg/x': would install each time",
    ),
    "no config": ({"config": None}, {}, "netboot_profiles.p.config = None: is missing: an installer has to be told what to do"),
    "no template": ({"install_template": None}, {}, "netboot_profiles.p.install_template = None: is missing"),
    "no mode": ({"mode": None}, {}, "netboot_profiles.p.mode = None: choose install or run"),
    "runs": ({"mode": "run"}, {}, "netboot_profiles.p.install_template = 'i.j2': has no use without mode: install"),
    "nothing to install": ({"mode": "run", "install_template": None}, {}, "has no use: the profile p installs nothing"),
    "token": ({"mode": "run", "kernel_args": "{install_url}"}, {}, "needs a profile that installs; give the profile mode: install"),
    "quotes": ({"loader": "ipxe"}, {"netboot_kernel_args": "a='b'"}, "is read by GRUB on the installed disk as its own"),
}


@pytest.mark.parametrize(("profile", "node", "words"), FAULTY.values(), ids=FAULTY)
def test_nothing_is_installed_on_a_guess(inventory, profile, node, words):
    with pytest.raises(_fleet.FleetError) as error:
        inventory(netboot_profiles={"p": OWN | profile}).node(
            "node1", **{"netboot_profile": "p", "netboot_install_disk": "/dev/vda", **node}
        ).parse()
    assert words in str(error.value)
