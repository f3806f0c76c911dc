"""What a profile and a node say of the configuration that is fetched, and what becomes of it on the kernel's line."""

from __future__ import annotations

import json

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
