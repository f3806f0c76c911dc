"""What is printed into a line is what its reader finds there, however the parts of the line come together."""

from __future__ import annotations

import re
import shlex
import string

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_nginx, _fleet, _grub, _ipxe, _lines, _nfs, _personal, _pxelinux
from hypothesis import assume, example, given
from hypothesis import strategies as st

#: Together they are something else than each by itself.
JOINED = {
    "a setting of iPXE in two words": ("ipxe", ["a=${net0", "b=mac}"], "ipxe", "a=${net0"),
    "a setting of iPXE that a token completes": ("ipxe", ["a=${net0/{node}}"], "ipxe", "a=${net0/node1}"),
    "a quotation over what follows": ("auto", ['a="b', 'root=/dev/sda"'], "Linux", 'a="b'),
    "an open quotation": ("pxelinux", ["quiet", 'a="b'], "Linux", 'a="b'),
    "arguments of init": ("auto", ["quiet", "--", "single"], "Linux", "--"),
    "more than fits": ("auto", ["a" * 60 + str(number) for number in range(40)], "Linux", "a" * 60 + "28"),
}
words = st.lists(st.text(string.ascii_letters + string.digits + string.punctuation + "${}#;&|-\"'\\", min_size=1, max_size=6), max_size=5)


@pytest.mark.parametrize(("loader", "arguments", "reader", "word"), JOINED.values(), ids=JOINED)
def test_arguments_that_are_something_else_together_are_refused(inventory, loader, arguments, reader, word):
    asked = inventory().node("node1", netboot_kernel_args=arguments, netboot_loader=loader)
    with pytest.raises(_fleet.FleetError) as caught:
        asked.parse()
    [fault] = caught.value.faults
    assert (fault.host, fault.variable, fault.value) == ("node1", "netboot_kernel_args", word)
    assert f"is read by {reader} as its own, or too much" in fault.right


def test_arguments_of_the_profile_and_of_the_node_are_one_line(inventory):
    profiles = {"p": {"boot": "nfs", "image": "debian-12", "kernel_args": ["a=${net0"]}}
    alone = inventory(netboot_profiles=profiles, netboot_profile="p").node("node1")
    assert alone.parse()
    both = inventory(netboot_profiles=profiles, netboot_profile="p").node("node1", netboot_kernel_args="b=mac}")
    assert both.faults() == [("node1", "netboot_kernel_args", "a=${net0")]


def test_a_dash_alone_is_nothing_to_pxelinux():
    assert _lines.misread(["pxelinux"], ["-"]) == ("pxelinux", "-")
    assert _lines.misread(["pxelinux"], ["-", "quiet"]) is None


@given(words, st.sampled_from(["ipxe", "pxelinux", "grub"]))
@example(["a=${", "b}"], "ipxe")
@example(['a="', 'b"'], "grub")
def test_what_is_accepted_is_found_in_the_printed_line(arguments, loader):
    """Each printer's own text, read as its loader reads it, and then as Linux does."""
    head = {"netboot_networks": {"lab": {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1"}}}
    node = {"netboot_mac": "52:54:00:00:00:01", "netboot_ip": "10.0.33.11", "netboot_kernel_args": arguments, "netboot_loader": loader}
    try:
        fleet = _fleet.parse({"head": head, "node1": node}, ["node1"], "head")
    except _fleet.FleetError:
        assume(False)
    roots = {"node1": {"image": "debian-12", "generation": "0001-0", "path": "/srv/nfs/node1"}}
    [line] = {
        "ipxe": lambda: re.findall(
            "^kernel (.*) \\|\\| goto retry$", _ipxe.files(fleet, roots, "", False, False)["/by-mac/52-54-00-00-00-01.ipxe"], re.M
        ),
        "pxelinux": lambda: re.findall("^  APPEND (.*)$", _pxelinux.files(fleet, roots, "")["/pxelinux.cfg/01-52-54-00-00-00-01"], re.M),
        "grub": lambda: re.findall("^linux (.*)$", _grub.files(fleet, roots, "")["/grub/by-mac/52:54:00:00:00:01.cfg"], re.M),
    }[loader]()
    found = {"ipxe": str.split, "pxelinux": str.split, "grub": shlex.split}[loader](line)
    start = found.index("root=/dev/nfs") + 4
    own = found[start : start + len(arguments)]
    assert own == arguments
    assert not [word for word in own if loader == "ipxe" and (word in ("||", "&&", ";") or word.startswith("#"))]
    assert (
        loader != "ipxe" or "${" not in line.replace("${netX/mac:hexhyp}", "") or "}" not in line.partition("${")[2].partition("BOOTIF")[0]
    )
    # Linux, lib/cmdline.c: a double quote opens or closes, wherever it stands.
    quoted, read = False, [""]
    for character in " ".join(found):
        quoted ^= character == '"'
        read = [*read, ""] if character == " " and not quoted else [*read[:-1], read[-1] + character]
    assert read == found
    assert "--" not in found


def test_no_menu_offers_what_ipxe_would_run(inventory):
    profiles = {
        "p": {"boot": "http", "kernel": "k", "loader": "pxelinux", "kernel_args": "a || exit"},
        "q": {"boot": "http", "kernel": "k"},
    }
    fleet = inventory(netboot_profiles=profiles).node("node1", netboot_profile="p").node("node2", netboot_profile="q").parse()
    scripts = _ipxe.files(fleet, {}, "", menu=True, replace_rom=False)
    assert not [path for path, text in scripts.items() if "|| exit\n" in text.replace("exit 1", "")]
    assert "/by-profile/q.ipxe" in scripts


def test_ipxe_runs_nothing_of_what_only_pxelinux_passes_on(inventory):
    fleet = inventory().node("node1", netboot_kernel_args=["||", "echo"], netboot_loader="pxelinux").parse()
    roots = {"node1": {"image": "debian-12", "generation": "0001-0", "path": "/srv/nfs/node1"}}
    script = _ipxe.files(fleet, roots, "", menu=False, replace_rom=False)["/by-mac/52-54-00-00-00-01.ipxe"]
    assert "|| echo" not in script
    assert "\nkernel" not in script
    assert "  APPEND root=/dev/nfs " in _pxelinux.files(fleet, roots, "")["/pxelinux.cfg/01-52-54-00-00-00-01"]


# --- other lines -----------------------------------------------------------------------------------------------------

HOSTILE = ("/srv/x;Squash=No_Root_Squash", "/srv/x#", "/srv/x}", "/srv/x(rw)", '/srv/"x"', "/srv/x\\040y", "/srv/../etc", "/srv/x\n/etc")


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize("share", [lambda path: {"path": path}, lambda path: {"path": "/srv/x", "mount": path}, str])
def test_a_share_is_a_path_to_every_server_and_to_fstab(inventory, path, share):
    assert inventory(nfs_root_shared=[share(path)]).node("node1").faults() == [("head", "nfs_root_shared", path)]


paths = st.from_regex(r"/srv/[ -~]{1,10}", fullmatch=True)


@given(paths)
def test_an_accepted_share_is_one_word_in_each_line(path):
    head = {"netboot_networks": {"lab": {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1"}}, "nfs_root_shared": [path]}
    try:
        _fleet.parse({"head": head}, [], "head")
    except _fleet.FleetError:
        assume(False)
    [export] = _nfs.exports(_fleet.parse({"head": head}, [], "head"), {}, [{"path": path}])
    [kernel] = _nfs.kernel_files([export]).values()
    [ganesha] = _nfs.ganesha_files([export]).values()
    assert kernel.split() == [path, kernel.split()[1]]
    assert re.findall(r"[;{]\s*Path = ([^;#{}\"\s]+);", ganesha) == [path]
    assert re.findall(r"Squash = (\w+)", ganesha) == ["Root_Squash"]
    [row] = [row for row in _personal.fstab("10.0.33.1", _personal.Settings(shared=({"path": path},))).splitlines() if ":/" in row]
    assert row.split()[:3] == [f"10.0.33.1:{path}", path, "nfs"]


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("tftp_directory", "/srv/tftp; autoindex on", "/srv/tftp; autoindex on"),
        ("ipxe_http_directory", "/srv/http;}", "/srv/http;}"),
        ("nfs_root_tmpfs", ["/tmp", "/var/tmp tmpfs suid 0 0\n"], "/var/tmp tmpfs suid 0 0\n"),
        ("nfs_root_authorized_keys", ["ssh-ed25519 AAAA\nssh-ed25519 BBBB"], "ssh-ed25519 AAAA\nssh-ed25519 BBBB"),
    ],
)
def test_other_parts_of_lines_are_no_more_than_that(inventory, variable, value, shown):
    assert inventory(**{variable: value}).node("node1").faults() == [("head", variable, shown)]


@pytest.mark.parametrize(
    ("key", "value"), [("name", "a:x:0:0"), ("shell", "/bin/sh\nroot2::0:0::/:/bin/sh"), ("authorized_keys", ["a\nb"])]
)
def test_a_user_is_one_line_of_passwd(inventory, key, value):
    user = {"name": "alice", "uid": 2001, key: value}
    [(host, variable, _shown)] = inventory(nfs_root_users=[user]).node("node1").faults()
    assert (host, variable) == ("head", f"nfs_root_users.{key}")


@pytest.mark.parametrize("master", ["head ${net0/mac}", 'he"ad', "head\nexit", "head;", "-head"])
def test_a_master_s_name_is_a_word_in_every_file(master):
    head = {"netboot_networks": {"lab": {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1"}}}
    with pytest.raises(_fleet.FleetError, match="inventory_hostname"):
        _fleet.parse({master: head}, [], master)
    assert _fleet.parse({"192.0.2.1": head}, [], "192.0.2.1")


@pytest.mark.parametrize("address", ["10.0.33.1:8080; root /", "8080 ssl", "unix:/run/x"])
def test_an_address_to_listen_on_is_no_more_than_that(inventory, address):
    profiles = {"p": {"boot": "http", "kernel": "k", "config": "nocloud"}}
    fleet = inventory(netboot_profiles=profiles).node("node1", netboot_profile="p").parse()
    with pytest.raises(ValueError, match=r"cloud_config_listen: .* is no ADDRESS:PORT"):
        _cloud_nginx.files(fleet, "/srv/cloud", [address])
