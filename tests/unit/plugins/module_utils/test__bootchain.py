"""What machines are told, written down once more from the standards and by hand."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _bootchain, _loaders
from ansible_collections.bootyard.netboot.plugins.module_utils._bootchain import Request, decide
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NODE, STRANGER, SERVER = "52:54:00:00:00:01", "52:54:00:00:00:fe", "10.0.33.1"
SCRIPT = f"http://{SERVER}/boot.ipxe"


def asks(*architectures, mac=NODE, vendor="PXEClient", **more):
    return Request("lab", mac, architectures, f"{vendor}:Arch:{(architectures or (0,))[0]:05d}:UNDI:003016" if vendor else "", **more)


# Option 93, what a machine with that value gets by TFTP, and the value's HTTP form with what that gets.
FIRMWARE = [
    (0, "/undionly.kpxe", 20, "undionly.kpxe"),
    (6, "/grubia32.efi", 15, ""),
    (7, "/snponly.efi", 16, "snponly.efi"),
    (9, "/snponly.efi", 17, "snponly.efi"),
    (11, "/ipxe-arm64.efi", 19, "ipxe-arm64.efi"),
    (27, "/ipxe-riscv64.efi", 28, "ipxe-riscv64.efi"),
    (39, "/ipxe-loong64.efi", 40, "ipxe-loong64.efi"),
]
NOTHING = [1, 2, 8, 10, 12, 13, 14, 18, 21, 25, 26, 31, 32, 33, 38, 42, 255, 65535]


@pytest.mark.parametrize(("code", "path", "http_code", "name"), FIRMWARE)
def test_each_firmware_gets_its_loader(inventory, code, path, http_code, name):
    fleet = inventory().node("node1").parse(release=13)
    told = decide(fleet, asks(code))
    assert (told.file, told.next_server, dict(told.options)) == (path, SERVER, {})
    told = decide(fleet, asks(http_code, vendor="HTTPClient"))
    assert (told.file, dict(told.options)) == ((f"http://{SERVER}/{name}", {60: b"HTTPClient"}) if name else ("", {}))


@pytest.mark.parametrize("code", NOTHING)
@pytest.mark.parametrize("vendor", ["PXEClient", "HTTPClient"])
def test_other_firmware_gets_nothing_and_never_a_pc_s_loader(inventory, code, vendor):
    told = decide(inventory().node("node1").parse(release=13), asks(code, vendor=vendor))
    assert told is not None
    assert not told
    assert (told.file, told.next_server) == ("", "")


@pytest.mark.parametrize("vendor", ["", "Linux ipconfig", "anaconda", "xPXEClient"])
def test_a_machine_that_does_not_ask_to_boot_is_told_nothing(inventory, vendor):
    assert not decide(inventory().node("node1").parse(), asks(0, vendor=vendor))


@pytest.mark.parametrize("codes", [(16, 7), (7, 16)])
def test_the_vendor_class_decides_between_http_and_tftp(inventory, codes):
    fleet = inventory().node("node1").parse()
    assert decide(fleet, asks(*codes, vendor="HTTPClient")).file == f"http://{SERVER}/snponly.efi"
    assert decide(fleet, asks(*codes, vendor="PXEClient")).file == "/snponly.efi"


def test_any_of_the_architectures_counts_and_uefi_goes_first(inventory):
    fleet = inventory().node("node1").parse()
    for codes in itertools.permutations((0, 7, 255)):
        assert decide(fleet, asks(*codes)).file == "/snponly.efi"


@pytest.mark.parametrize(
    "said", [{"user_class": b"iPXE"}, {"user_class": b"\x04iPXE"}, {"ipxe_options": True}, {"user_class": b"iPXE lab"}]
)
@pytest.mark.parametrize("vendor", ["PXEClient", "HTTPClient", ""])
def test_a_running_ipxe_is_never_sent_ipxe_again(inventory, said, vendor):
    for code in range(64):
        assert decide(inventory().node("node1").parse(release=13), asks(code, vendor=vendor, **said)).file == SCRIPT


@pytest.mark.parametrize("user_class", [b"MyiPXEx", b"\x05iPXE", b"ipxe", b""])
def test_who_is_no_ipxe_gets_it(inventory, user_class):
    assert decide(inventory().node("node1").parse(), asks(0, user_class=user_class)).file == "/undionly.kpxe"


@pytest.mark.parametrize(
    ("loader", "bios", "ipxe_bios", "uefi", "uefi_http"),
    [
        ("auto", "/undionly.kpxe", SCRIPT, "/snponly.efi", f"http://{SERVER}/snponly.efi"),
        ("ipxe", "/undionly.kpxe", SCRIPT, "/snponly.efi", f"http://{SERVER}/snponly.efi"),
        ("pxelinux", "/pxelinux.0", "/pxelinux.0", "/snponly.efi", f"http://{SERVER}/snponly.efi"),
        ("grub", "/undionly.kpxe", SCRIPT, "/shimx64.efi", f"http://{SERVER}/snponly.efi"),
    ],
)
def test_a_node_gets_the_loader_that_was_asked_for_where_it_can_run_it(inventory, loader, bios, ipxe_bios, uefi, uefi_http):
    """The node's word beats its profile's."""
    profiles = {"debian-nfs": {"boot": "nfs", "image": "debian-12", "loader": "pxelinux"}}
    fleet = inventory(netboot_profiles=profiles).node("node1", netboot_loader=loader).parse()
    requests = (asks(0), asks(0, user_class=b"iPXE"), asks(7), asks(16, vendor="HTTPClient"))
    assert [decide(fleet, request).file for request in requests] == [bios, ipxe_bios, uefi, uefi_http]


def test_pxelinux_fetches_a_kernel_over_http_with_the_binary_that_can(inventory):
    profiles = {"coreos": {"boot": "http", "kernel": "coreos/vmlinuz", "loader": "pxelinux", "pxelinux_config": "pxelinux.cfg/stable"}}
    fleet = inventory(netboot_profiles=profiles).node("node1", netboot_profile="coreos").parse()
    told = decide(fleet, asks(0))
    assert (told.file, dict(told.options)) == ("/lpxelinux.0", {209: b"pxelinux.cfg/stable"})
    assert dict(decide(fleet, asks(7)).options) == {}


def test_a_loader_that_the_master_has_not_is_not_promised(inventory):
    bookworm = inventory().node("node1").parse(release=12)
    assert decide(bookworm, asks(11)).reason == "arm64 UEFI: the master has no ipxe-arm64.efi"
    own = {"netboot_binaries": {"ipxe-arm64.efi": {"src": "files/arm64.efi", "sha256": "0" * 64}}}
    assert decide(inventory(**own).node("node1").parse(release=12), asks(11)).file == "/ipxe-arm64.efi"


def test_a_package_is_the_one_that_the_release_has(inventory):
    packages = {release: inventory().parse(release=release).binaries["grubia32.efi"]["package"] for release in (12, 13, 14)}
    assert packages == {12: "grub-efi-ia32-bin", 13: "grub-efi-ia32-unsigned", 14: "grub-efi-ia32-unsigned"}


def test_a_raspberry_pi_finds_its_server(inventory):
    told = decide(inventory().node("node1").parse(), asks(41))
    assert (told.file, told.next_server, told.options[60]) == ("", SERVER, b"PXEClient")
    assert b"Raspberry Pi Boot" in told.options[43]


def test_a_node_that_boots_its_disk_is_told_nothing(inventory):
    fleet = inventory().node("node1", netboot_profile="local").parse()
    assert not any(decide(fleet, asks(code, vendor=vendor)) for code in range(64) for vendor in ("PXEClient", "HTTPClient"))
    assert not decide(fleet, asks(0, user_class=b"iPXE"))


@pytest.mark.parametrize(
    ("network", "told"), [({"unknown": "boot"}, "/undionly.kpxe"), ({}, ""), ({"unknown": "ignore"}, None), ({"pool": None}, None)]
)
def test_strangers_get_what_their_network_gives_them(inventory, network, told):
    answer = decide(inventory(network).node("node1").parse(), asks(0, mac=STRANGER))
    assert told == (answer if answer is None else answer.file)


def test_the_master_is_not_booted(inventory):
    fleet = inventory({"unknown": "boot"}, netboot_mac="52:54:00:00:00:aa").parse()
    assert not decide(fleet, asks(0, mac="52:54:00:00:00:aa"))


def test_beside_the_site_s_server_nothing_is_said_but_boot_files(inventory):
    fleet = inventory({"mode": "proxy", "pool": None}).node("node1").parse()
    assert dict(decide(fleet, asks(0)).options) == {60: b"PXEClient"}
    assert dict(decide(fleet, asks(16, vendor="HTTPClient")).options) == {60: b"HTTPClient"}
    assert decide(fleet, asks(0, mac=STRANGER)) is None
    assert decide(fleet, asks(255)) is None
    assert decide(fleet, asks(41)) is None
    everyone = inventory({"mode": "proxy", "pool": None, "unknown": "boot"}).parse()
    assert decide(everyone, asks(0, mac=STRANGER)).file == "/undionly.kpxe"


def test_nodes_with_the_same_ways_share_a_plan(inventory):
    fleet = inventory().node("node1").node("node2").node("node3", netboot_loader="grub").node("gone", netboot_state="absent").parse()
    assert [plan.name for plan in _bootchain.plans(fleet)] == ["lab/debian-nfs/auto", "lab/debian-nfs/grub"]


def test_every_file_of_the_table_is_published():
    told = {file for client in _loaders.CLIENTS for file in client.files.values()} - {_loaders.SCRIPT}
    assert told | set(_loaders.OVER_HTTP.values()) | set(_loaders.COMPANIONS.values()) == set(_loaders.BINARIES)


classes = st.sampled_from([b"", b"iPXE", b"\x04iPXE", b"MyiPXEx"]) | st.binary(max_size=12)
vendors = st.sampled_from(["PXEClient", "HTTPClient", "PXEClient:Arch:00007:UNDI:003016", "HTTPClient:Arch:00016", ""]) | st.text(
    max_size=12
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 65535), max_size=4), vendors, classes, st.booleans(), st.sampled_from(_loaders.LOADERS))
def test_every_hop_comes_nearer_to_a_kernel(inventory, architectures, vendor, user_class, ipxe_options, loader):
    """No loop: whoever is told iPXE asks again as iPXE, and is told a script or PXELINUX, which do not ask again."""
    fleet = inventory().node("node1", netboot_loader=loader).parse(release=13)
    told = decide(fleet, Request("lab", NODE, tuple(architectures), vendor, user_class, ipxe_options))
    if told.file.endswith((".kpxe", "snponly.efi", "ipxe-arm64.efi", "ipxe-riscv64.efi", "ipxe-loong64.efi")):
        for code in (0, 7, 11):
            again = decide(fleet, Request("lab", NODE, (code,), "PXEClient", b"iPXE", True))
            assert again.file in (SCRIPT, "/pxelinux.0")
