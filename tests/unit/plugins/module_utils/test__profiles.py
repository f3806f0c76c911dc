"""Profiles: every one that is there from the start boots, by channel, with what it needs, and never on too little memory."""

from __future__ import annotations

import json

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _artefacts, _fleet, _profiles

CHANNELS = {"burmillaos": "v2.0.1", "talos": "v1.13.0", "ubuntu-autoinstall": "24.04.3"}


@pytest.mark.parametrize("name", sorted(_profiles.PROFILES))
def test_a_profile_can_be_booted_as_it_is(inventory, name):
    channel = {"netboot_channel": CHANNELS[name]} if name in CHANNELS else {}
    if _profiles.PROFILES[name].get("mode") == "install":
        channel["netboot_install_disk"] = "/dev/vda"
    fleet = inventory().node("node1", netboot_profile=name, netboot_memory=8192, **channel).parse()
    again = _fleet.Fleet.from_dict(json.loads(json.dumps(fleet.to_dict())))
    assert again == fleet
    [node] = fleet.nodes
    profile = fleet.profiles[node.profile]
    assert "{" not in "".join([profile.kernel, *profile.initrd, *fleet.kernel_args_of(node), json.dumps(profile.artefacts)])
    served = {f"images/{name}/current/{file}" for name, recipe in fleet.artefacts.items() for file in recipe["files"]}
    if profile.image and profile.boot == "http":
        served |= {f"images/{profile.image}/current/{file}" for file in ("vmlinuz", "initrd.img", "filesystem.squashfs")}
    fetched = {profile.kernel, *profile.initrd} - {""}
    fetched |= {arg.split("http://10.0.33.1/")[1] for arg in fleet.kernel_args_of(node) if "=http://10.0.33.1/images/" in arg}
    assert fetched <= served
    assert set(fleet.to_dict()["images_in_use"]) == {profile.image} - {""}


@pytest.mark.parametrize("name", sorted(_profiles.ARTEFACTS))
def test_a_recipe_is_whole(inventory, name):
    """What the inventory would have to say of it is what the table says."""
    recipe = _profiles.ARTEFACTS[name]
    assert inventory(netboot_artefacts={name: recipe}).parse().artefacts == {}
    assert recipe.keys() <= _artefacts.RECIPE_KEYS
    assert bool(recipe.keys() & {"signature", "stream"}) == ("keyring" in recipe)


def test_a_channel_is_part_of_every_path(inventory):
    own = {"flatcar": {**_profiles.PROFILES["flatcar"], "loader": "pxelinux", "pxelinux_config": "pxelinux.cfg/{channel}"}}
    links = {"flatcar": {"links": {"coreos_{channel}_pxe.vmlinuz": "flatcar_production_pxe.vmlinuz"}}}
    nodes = inventory(netboot_profiles=own, netboot_artefacts=links, netboot_profile="flatcar")
    fleet = nodes.node("node1").node("node2", netboot_channel="beta").node("node3", netboot_channel="beta", netboot_state="absent").parse()
    assert [node.profile for node in fleet.nodes] == ["flatcar", "flatcar@beta", "flatcar@beta"]
    assert fleet.profiles["flatcar"].kernel == "images/flatcar-stable/current/flatcar_production_pxe.vmlinuz"
    assert fleet.profiles["flatcar@beta"].kernel == "images/flatcar-beta/current/flatcar_production_pxe.vmlinuz"
    assert fleet.profiles["flatcar@beta"].pxelinux_config == "pxelinux.cfg/beta"
    assert list(fleet.artefacts) == ["flatcar-beta", "flatcar-stable"]
    assert fleet.artefacts["flatcar-beta"]["index"].startswith("https://beta.release.flatcar-linux.net/")
    assert fleet.artefacts["flatcar-beta"]["url"].endswith("/{version}/")
    assert list(fleet.artefacts["flatcar-beta"]["links"]) == ["coreos_beta_pxe.vmlinuz"]


def test_the_installer_is_that_of_the_masters_release(inventory):
    fleet = inventory().node("node1", netboot_profile="debian-installer").parse(release=13)
    assert fleet.artefacts["debian-installer-13"]["package"] == "debian-installer-13-netboot-amd64"


def test_only_what_somebody_boots_or_wrote_down_is_offered(inventory):
    fleet = inventory(netboot_profiles={"mine": {"boot": "http", "kernel": "k"}}).node("node1", netboot_profile="memtest").parse()
    assert sorted(fleet.profiles) == ["memtest", "mine"]


@pytest.mark.parametrize(
    ("variables", "variable"),
    [
        ({"netboot_profile": "flatcar", "netboot_memory": 2048}, "netboot_memory"),
        ({"netboot_profile": "flatcar", "netboot_memory": "much"}, "netboot_memory"),
        ({"netboot_profile": "talos"}, "netboot_channel"),
        ({"netboot_profile": "memtest", "netboot_channel": "beta"}, "netboot_channel"),
        ({"netboot_profile": "flatcars"}, "netboot_profile"),
    ],
)
def test_a_fault_of_a_node(inventory, variables, variable):
    assert [found for _host, found, _value in inventory().node("node1", **variables).faults()] == [variable]


def test_a_channel_that_is_a_path_is_refused(inventory):
    faults = inventory().node("node1", netboot_profile="flatcar", netboot_channel="../x").faults()
    assert [found for _host, found, _value in faults] == ["netboot_channel"]


@pytest.mark.parametrize(
    ("recipe", "variable"),
    [
        ("flatcar", "netboot_artefacts.os"),
        ({"files": {"k": "k"}}, "netboot_artefacts.os"),
        ({"url": "https://example.com/", "files": {"k": "k"}}, "netboot_artefacts.os"),
        ({"url": "https://example.com/", "package": "x", "version": "1", "files": {"k": "k"}}, "netboot_artefacts.os"),
        ({"package": "x"}, "netboot_artefacts.os.files"),
        ({"package": "x", "files": {"../k": "/k"}}, "netboot_artefacts.os.files"),
        ({"package": "x", "files": {"k": "/k"}, "links": {"../../etc/cron.d/x": "k"}}, "netboot_artefacts.os.links"),
        ({"package": "x", "files": {"k": "/k"}, "sha": "0"}, "netboot_artefacts.os.sha"),
    ],
)
def test_a_fault_of_a_recipe(inventory, recipe, variable):
    assert [found for _host, found, _value in inventory(netboot_artefacts={"os": recipe}).faults()] == [variable]


@pytest.mark.parametrize(("boot", "image"), [("nfs", "debian-12-ram"), ("http", "debian-12")])
def test_an_image_has_the_form_that_its_profile_boots(inventory, boot, image):
    spec = {"boot": boot, "image": image, **({"kernel": "k"} if boot == "http" else {})}
    assert [found for _host, found, _value in inventory(netboot_profiles={"p": spec}).faults()] == ["netboot_profiles.p.image"]
