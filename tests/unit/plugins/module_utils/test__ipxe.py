"""Every iPXE finds its machine's script, and no text of an inventory is a command in one."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _ipxe, _sightings

UUID = "4c4c4544-0042-4a10-8056-b4c04f395931"
PROFILES = {
    "flatcar": {"boot": "http", "kernel": "flatcar/k", "initrd": ["flatcar/i", "http://192.0.2.9/i"], "kernel_args": "a b"},
    "search": {"boot": "http", "kernel": "http://192.0.2.9/k"},
}


def scripts(fleet, roots, menu=False, replace_rom=False) -> dict[str, list[str]]:
    """The commands of each script, by its path below the root."""
    files = _ipxe.files(fleet, roots, "/www", menu, replace_rom)
    assert all(text.startswith("#!ipxe\n") and text.endswith("\n") for text in files.values())
    return {path.removeprefix("/www/"): text.splitlines()[2:] for path, text in files.items()}


def fetches(script: list[str]) -> list[str]:
    return [line for line in script if line.split()[0] in ("kernel", "initrd")]


def test_a_script_for_each_card_and_each_uuid_and_one_for_strangers(inventory, roots):
    cluster = inventory().node("node1", netboot_uuid=UUID.upper()).node("node2", netboot_mac=["52:54:00:00:00:02", "52-54-00-00-0A-02"])
    made = scripts(cluster.parse(), roots)
    cards = [f"by-mac/52-54-00-00-{card}.ipxe" for card in ("00-01", "00-02", "0a-02")]
    assert sorted(made) == ["boot.ipxe", *cards, f"by-uuid/{UUID}.ipxe", "default.ipxe"]
    assert made[cards[0]] == made[f"by-uuid/{UUID}.ipxe"]
    assert made[cards[1]] == made[cards[2]] != made[cards[0]]


def test_what_a_node_boots(fleet, roots):
    home = "http://10.0.33.1/images/debian-12/0001-5e4f1c22"
    assert fetches(scripts(fleet, roots)["by-mac/52-54-00-00-00-01.ipxe"]) == [
        f"kernel {home}/vmlinuz initrd=initrd0 root=/dev/nfs nfsroot=10.0.33.1:/srv/nfs/node1,nfsvers=3,tcp,noacl ip=dhcp rw"
        " BOOTIF=01-${netX/mac:hexhyp} || goto retry",
        f"initrd --name initrd0 {home}/initrd.img || goto retry",
    ]


def test_a_kernel_of_a_profile_comes_from_here_and_from_elsewhere(inventory):
    fleet = inventory(netboot_profiles=PROFILES).node("node1", netboot_profile="flatcar", netboot_kernel_args="c").parse()
    assert fetches(scripts(fleet, {})["by-mac/52-54-00-00-00-01.ipxe"]) == [
        "kernel http://10.0.33.1/flatcar/k initrd=initrd0 initrd=initrd1 a b c BOOTIF=01-${netX/mac:hexhyp} || goto retry",
        "initrd --name initrd0 http://10.0.33.1/flatcar/i || goto retry",
        "initrd --name initrd1 http://192.0.2.9/i || goto retry",
    ]


def test_a_node_that_boots_its_disk_leaves(inventory):
    made = scripts(inventory().node("node1", netboot_profile="local").parse(), {})
    assert made["by-mac/52-54-00-00-00-01.ipxe"] == [
        "echo node1 boots its disk",
        "iseq ${platform} pcbios && sanboot --no-describe --drive 0x80 ||",
        ":leave",
        "iseq ${platform} efi && exit 1 ||",
        "exit 0",
    ]


def test_a_node_without_a_root_is_told_what_strangers_are(fleet):
    made = scripts(fleet, {})
    assert sorted(made) == ["boot.ipxe", "default.ipxe"]
    assert {line.split()[0] for line in made["default.ipxe"]} == {"echo", "sleep", ":leave", "iseq", "exit"}


def test_a_stranger_says_of_itself_what_is_read_of_strangers(fleet):
    [report] = [line for line in scripts(fleet, {})["boot.ipxe"] if line.startswith("set script default.ipxe")]
    asked = parse_qs(report.partition("?")[2])
    assert sorted(asked) == sorted([*_sightings.DETAILS.keys() - {"name"}, "mac"])
    assert ":" not in report.replace(":uristring", "").replace(":hexhyp", "")
    # What a firmware says may hold anything, and this is a word of a command and a part of a URL.
    assert all(asked[name] == [f"${{{name}:uristring}}"] for name in ("serial", "manufacturer", "product"))


def test_the_menu_offers_what_needs_no_node_and_waits_for_nobody(inventory):
    fleet = inventory(netboot_profiles=PROFILES).node("node1").parse()
    made = scripts(fleet, {}, menu=True)
    start = made["boot.ipxe"]
    assert [line.split()[1] for line in start if line.startswith("item ")] == [
        "search",
        "by-profile/flatcar.ipxe",
        "by-profile/search.ipxe",
        "leave",
    ]
    [choose] = [line for line in start if line.startswith("choose ")]
    assert "--default search --timeout 10000 " in choose
    assert fetches(made["by-profile/flatcar.ipxe"])[:2] == [
        "kernel /flatcar/k initrd=initrd0 initrd=initrd1 a b BOOTIF=01-${netX/mac:hexhyp} || goto retry",
        "initrd --name initrd0 /flatcar/i || goto retry",
    ]
    assert not [line for line in scripts(fleet, {})["boot.ipxe"] if "item" in line]


def test_another_ipxe_is_replaced_where_there_is_one_to_replace_it(inventory):
    def replaces(release):
        fleet = inventory().node("node1").parse()
        binaries = {name: binary for name, binary in fleet.binaries.items() if release or name != "undionly.kpxe"}
        fleet = type(fleet)(fleet.master, networks=fleet.networks, profiles=fleet.profiles, binaries=binaries, nodes=fleet.nodes)
        return "chain --autofree undionly.kpxe && goto leave ||" in scripts(fleet, {}, replace_rom=True)["boot.ipxe"]

    assert replaces(12)
    assert not replaces(None)
    assert "undionly" not in str(scripts(inventory().node("node1").parse(), {}))


@pytest.mark.parametrize("replace_rom", [False, True])
@pytest.mark.parametrize("menu", [False, True])
def test_every_jump_has_its_one_label(inventory, roots, menu, replace_rom):
    cluster = (
        inventory(netboot_profiles=PROFILES).node("node1").node("node2", netboot_profile="flatcar").node("node3", netboot_profile="local")
    )
    for name, script in scripts(cluster.parse(), roots, menu, replace_rom).items():
        labels = [line[1:] for line in script if line.startswith(":")]
        assert len(set(labels)) == len(labels), name
        jumps = {word for line in script for word in re.findall(r"goto (\w+)|set next (\w+)", line) for word in word if word}
        assert jumps <= set(labels), name


def test_who_may_be_installed_has_a_script_for_that_beside(inventory):
    install = {"netboot_profile": "debian-disk", "netboot_install_disk": "/dev/vda"}
    made = scripts(inventory().node("node1", **install).parse(), {})
    assert [line for line in made["by-mac/52-54-00-00-00-01.ipxe"] if "ds=nocloud-net;s=http://10.0.33.1/cloud/install/ " in line]
    assert (
        made["local.ipxe"][1:]
        == scripts(inventory().node("node1", netboot_profile="local").parse(), {})["by-mac/52-54-00-00-00-01.ipxe"][1:]
    )
    assert "local.ipxe" not in scripts(inventory().node("node1").parse(), {})
