"""Inventories in, a fleet or all of their faults out."""

from __future__ import annotations

import ipaddress
import json
import os
import string

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dnsmasq, _fleet, _grub, _ipxe, _isc, _kea, _lines, _names, _pxelinux
from hypothesis import example, given, settings
from hypothesis import strategies as st

UUID = "4c4c4544-0042-4a10-8056-b4c04f395931"
WORD = (string.ascii_letters + string.punctuation).replace("{", "")  # a word in braces stands for something
octets = st.binary(min_size=6, max_size=6).map(lambda raw: bytes([raw[0] & 0xFE]) + raw[1:]).filter(any)


# --- MACs ------------------------------------------------------------------------------------------------------------


def written(raw: bytes) -> list[str]:
    digits = raw.hex()
    return [raw.hex(":"), raw.hex("-"), digits, ".".join(digits[i : i + 4] for i in (0, 4, 8))]


@given(octets, st.integers(0, 3), st.lists(st.booleans(), min_size=17, max_size=17))
def test_any_notation_of_a_mac_gives_the_same_one(raw, notation, upper):
    text = "".join(char.upper() if up else char for char, up in zip(written(raw)[notation], upper, strict=False))
    assert _fleet.canonical_mac(text) == raw.hex(":")
    assert _fleet.canonical_mac(f"  {text}\n") == raw.hex(":")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "52:54:00:12:34",
        "52:54:00:12:34:56:78",
        "52:54-00:12:34:56",
        "5g:54:00:12:34:56",
        "52:54:00:12:34:5\uff16",
        5254001234,
        True,
        "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
    ],
)
def test_what_is_no_mac_of_one_card_is_refused(value):
    with pytest.raises(ValueError, match=r"is no MAC|is a group|in quotes"):
        _fleet.canonical_mac(value)


# --- faults ----------------------------------------------------------------------------------------------------------

NODE_FAULTS = {  # the node's variables, the one at fault, and its value in the message where that is not simply its value
    "malformed MAC": ({"netboot_mac": "52:54:00"}, "netboot_mac"),
    "no MAC": ({"netboot_mac": None}, "netboot_mac"),
    "MAC of another node in another notation": ({"netboot_mac": "5254.0000.0001"}, "netboot_mac", "52:54:00:00:00:01"),
    "second MAC of another node": ({"netboot_mac": ["52:54:00:00:00:77", "52-54-00-00-00-01"]}, "netboot_mac", "52:54:00:00:00:01"),
    "MAC of the master": ({"netboot_mac": "52540000AAAA"}, "netboot_mac", "52:54:00:00:aa:aa"),
    "malformed address": ({"netboot_ip": "10.0.33.300"}, "netboot_ip"),
    "no address": ({"netboot_ip": None}, "netboot_ip"),
    "address of another node": ({"netboot_ip": "10.0.33.11"}, "netboot_ip"),
    "address outside the network": ({"netboot_ip": "10.0.34.11"}, "netboot_ip"),
    "address of the master": ({"netboot_ip": "10.0.33.1"}, "netboot_ip"),
    "address of the gateway": ({"netboot_ip": "10.0.33.254"}, "netboot_ip"),
    "address of the network": ({"netboot_ip": "10.0.33.0"}, "netboot_ip"),
    "broadcast address": ({"netboot_ip": "10.0.33.255"}, "netboot_ip"),
    "first address of the pool": ({"netboot_ip": "10.0.33.20"}, "netboot_ip"),
    "last address of the pool": ({"netboot_ip": "10.0.33.30"}, "netboot_ip"),
    "unknown profile": ({"netboot_profile": "windows"}, "netboot_profile"),
    "malformed former name": ({"netboot_renamed_from": "../node9"}, "netboot_renamed_from"),
    "former name that another node has": ({"netboot_renamed_from": "node1"}, "netboot_renamed_from"),
    "its own name as the former one": ({"netboot_renamed_from": "node2"}, "netboot_renamed_from"),
    "malformed UUID": ({"netboot_uuid": "4c4c4544"}, "netboot_uuid"),
    "UUID of another node": ({"netboot_uuid": UUID.upper()}, "netboot_uuid", UUID),
    "unknown state": ({"netboot_state": "gone"}, "netboot_state"),
    "kernel argument with white space": ({"netboot_kernel_args": ["quiet", "a\nAPPEND b"]}, "netboot_kernel_args", "a\nAPPEND b"),
    "slip of the pen": ({"netboot_ips": "10.0.33.12"}, "netboot_ips", "(hidden)"),
    "BMC that is no mapping": ({"netboot_bmc": "admin:hunter2@10.0.44.11"}, "netboot_bmc", "(hidden)"),
    "BMC without an address": ({"netboot_bmc": {"user": "admin"}}, "netboot_bmc.address", None),
    "BMC with an unknown protocol": ({"netboot_bmc": {"address": "10.0.44.1", "protocol": "telnet"}}, "netboot_bmc.protocol", "telnet"),
    "BMC with an unknown key": ({"netboot_bmc": {"address": "10.0.44.1", "passwort": "hunter2"}}, "netboot_bmc.passwort", "(hidden)"),
    "BMC with a port that is none": ({"netboot_bmc": {"address": "10.0.44.1", "port": 70000}}, "netboot_bmc.port", 70000),
    "secret at its placeholder": ({"netboot_bmc": {"address": "10.0.44.1", "password": "CHANGE_ME"}}, "netboot_bmc.password", "(hidden)"),
}


@pytest.mark.parametrize("case", NODE_FAULTS.values(), ids=NODE_FAULTS)
def test_a_fault_of_a_node_names_host_variable_and_value(inventory, case):
    variables, variable, *value = case
    broken = inventory({"gateway": "10.0.33.254"}).node("node1", netboot_uuid=UUID).node("node2", **variables)
    broken.hosts["head"]["netboot_mac"] = "52:54:00:00:aa:aa"
    assert broken.faults() == [("node2", variable, *(value or [variables[variable]]))]


NETWORK_FAULTS = {
    "no network": ({"cidr": None}, "cidr"),
    "host bits": ({"cidr": "10.0.33.1/24"}, "cidr"),
    "a /31": ({"cidr": "10.0.33.0/31"}, "cidr"),
    "master outside": ({"address": "10.0.34.1", "interface": "eth1"}, "address"),
    "master at the network's address": ({"address": "10.0.33.0"}, "address"),
    "master at the broadcast address": ({"address": "10.0.33.255"}, "address"),
    "missing interface": ({"interface": "eth7"}, "interface"),
    "gateway outside": ({"gateway": "10.0.34.1"}, "gateway"),
    "pool with one end": ({"pool": "10.0.33.20"}, "pool"),
    "pool backwards": ({"pool": "10.0.33.30-10.0.33.20"}, "pool"),
    "pool larger than its network": ({"pool": "10.0.33.20-10.0.34.30"}, "pool"),
    "pool over the master": ({"pool": ["10.0.33.1", "10.0.33.9"], "gateway": None}, "pool"),
    "pool over the gateway": ({"gateway": "10.0.33.25"}, "pool"),
    "name server that is no address": ({"dns": "dns.example"}, "dns"),
    "domain that is no name": ({"domain": "lab_;"}, "domain"),
    "tiny MTU": ({"mtu": 12}, "mtu"),
    "lease of a minute": ({"lease_time": 60}, "lease_time"),
    "an interface that is a list": ({"interface": "eth1,eth0"}, "interface"),
    "unknown policy": ({"unknown": "ask"}, "unknown"),
    "strangers to boot without addresses": ({"unknown": "boot", "pool": None}, "unknown"),
    "unknown mode": ({"mode": "relay"}, "mode"),
    "a pool beside the site's server": ({"mode": "proxy"}, "pool"),
    "neither yes nor no": ({"allow_other_dhcp": "maybe"}, "allow_other_dhcp"),
    "unknown key": ({"subnet": "10.0.33.0"}, "subnet"),
}


@pytest.mark.parametrize(("change", "key"), NETWORK_FAULTS.values(), ids=NETWORK_FAULTS)
def test_a_fault_of_a_network_names_its_key(inventory, change, key):
    assert [(host, variable) for host, variable, _value in inventory(change).faults()] == [("head", f"netboot_networks.lab.{key}")]


@pytest.mark.parametrize(
    ("common", "variable"),
    [
        ({"netboot_networks": {}}, "netboot_networks"),
        ({"netboot_profiles": {"p": {"boot": "nfs", "image": "debian-9"}}}, "netboot_profiles.p.image"),
        ({"netboot_profiles": {"p": {"boot": "floppy", "image": "debian-12"}}}, "netboot_profiles.p.boot"),
        ({"netboot_profiles": {"p": {"boot": "nfs", "image": "debian-12", "loader": "lilo"}}}, "netboot_profiles.p.loader"),
        ({"netboot_profiles": {"p": {"boot": "http"}}}, "netboot_profiles.p.kernel"),
        ({"netboot_profiles": {"p": {"boot": "http", "kernel": "../etc/shadow"}}}, "netboot_profiles.p.kernel"),
        ({"netboot_profiles": {"p": {"boot": "http", "kernel": "/vmlinuz"}}}, "netboot_profiles.p.kernel"),
        ({"netboot_profiles": {"p": {"boot": "http", "kernel": "tftp://10.0.33.1/vmlinuz"}}}, "netboot_profiles.p.kernel"),
        ({"netboot_profiles": {"p": {"boot": "http", "kernel": "k", "initrd": ["i", "a b"]}}}, "netboot_profiles.p.initrd"),
        ({"netboot_profiles": {"p": {"boot": "http", "kernel": "k", "initrd": "${initrd}"}}}, "netboot_profiles.p.initrd"),
        ({"netboot_profiles": {"p": {"boot": "http", "kernel": "k", "image": "debian-12"}}}, "netboot_profiles.p.image"),
        ({"netboot_profiles": {"p": {"boot": "http", "kernel": "k", "loader": "grub"}}}, "netboot_profiles.p.loader"),
        ({"netboot_profiles": {"p": {"boot": "http", "kernel": "k", "pxelinux_config": "/etc/x"}}}, "netboot_profiles.p.pxelinux_config"),
        ({"netboot_binaries": {"lilo.bin": {"src": "x", "sha256": "0" * 64}}}, "netboot_binaries.lilo.bin"),
        ({"netboot_binaries": {"snponly.efi": {"sha256": "0" * 64}}}, "netboot_binaries.snponly.efi"),
        ({"netboot_binaries": {"snponly.efi": {"src": "x", "sha256": "0" * 40}}}, "netboot_binaries.snponly.efi.sha256"),
        (
            {"netboot_profiles": {"p\nAPPEND init=/bin/sh": {"boot": "nfs", "image": "debian-12"}}},
            "netboot_profiles.p\nAPPEND init=/bin/sh",
        ),
        ({"netboot_images": {"../x": {"suite": "bookworm"}}}, "netboot_images.../x"),
        ({"netboot_images": {"mine": {}}}, "netboot_images.mine"),
        ({"netboot_images": {"mine": {"suite": "sid", "packges": []}}}, "netboot_images.mine.packges"),
    ],
)
def test_a_fault_of_the_master_names_its_variable(inventory, common, variable):
    assert [(host, found) for host, found, _value in inventory(**common).faults()] == [("head", variable)]


def test_networks_that_overlap_are_a_fault(inventory):
    broken = inventory()
    broken.hosts["head"]["netboot_networks"]["more"] = {"cidr": "10.0.32.0/20", "address": "10.0.32.1", "interface": "eth1"}
    assert ("head", "netboot_networks.more.cidr", "10.0.32.0/20") in broken.faults()


def test_an_interface_is_checked_even_where_the_machine_is_not_known(inventory):
    assert inventory({"interface": "eth1\niface evil"}).faults(interfaces=None) == [
        ("head", "netboot_networks.lab.interface", "eth1\niface evil")
    ]


def test_a_missing_interface_is_answered_with_those_that_exist(inventory):
    with pytest.raises(_fleet.FleetError, match=r"eth0 \(192\.0\.2\.5/24\), eth1 \(10\.0\.33\.1/24\)"):
        inventory({"interface": "enp9s0"}).parse()


def test_all_faults_come_in_one_message(inventory):
    broken = inventory().node("node1").node("node2", netboot_mac="52-54-00-00-00-01").node("node3", netboot_ip="10.0.33.25")
    broken.node("bad_name").node("node5", netboot_profile="windows")
    with pytest.raises(_fleet.FleetError) as caught:
        broken.parse()
    message = str(caught.value)
    assert message.startswith("The inventory has 4 faults; nothing was changed:")
    for said in ("52:54:00:00:00:01", "node1's too", "10.0.33.25", "bad_name", "windows"):
        assert said in message
    assert [line.split(":")[0] for line in message.splitlines()[1:]] == ["  - bad_name", "  - node3", "  - node5", "  - node2"]


def test_the_master_is_no_node_of_its_own(inventory):
    hosts = inventory().node("node1").hosts
    hosts["head"] |= {"netboot_mac": "52:54:00:00:00:aa", "netboot_ip": "10.0.33.9"}
    with pytest.raises(_fleet.FleetError, match="head: inventory_hostname"):
        _fleet.parse(hosts, ["head", "node1"], "head")


@pytest.mark.parametrize(
    ("loader", "argument"),
    [
        *(("ipxe", argument) for argument in ("a=${IFS}", "a=${net0/mac}b", "||", "&&", ";", "#a")),
        *(("grub", argument) for argument in ('a="b"', "a='b'", r"a=\1")),
    ],
)
def test_kernel_arguments_that_a_loader_would_read_are_for_pxelinux_alone(inventory, loader, argument):
    asked = inventory().node("node1", netboot_kernel_args=[argument], netboot_loader=loader)
    assert asked.faults() == [("node1", "netboot_kernel_args", argument)]
    assert inventory().node("node1", netboot_kernel_args=[argument], netboot_loader="pxelinux").parse()


@pytest.mark.parametrize("argument", ["a||b", "x&&y", "a;b", "a#", "$HOME", "${", "a=$(id)", "`id`"])
def test_ipxe_passes_on_what_only_looks_like_its_own(inventory, argument):
    assert inventory().node("node1", netboot_kernel_args=[argument]).parse()


def test_what_nodes_share_in_one_file_is_the_same_for_all(inventory):
    profiles = {"p": {"boot": "http", "kernel": "k", "loader": "pxelinux", "pxelinux_config": "pxelinux.cfg/stable"}}
    own = inventory(netboot_profiles=profiles).node("node1", netboot_profile="p", netboot_kernel_args=["quiet"])
    assert own.faults() == [("node1", "netboot_kernel_args", "quiet")]
    two = inventory(netboot_profiles=profiles).node("node1", netboot_profile="p").node("node2", netboot_profile="p", netboot_ip="10.0.34.9")
    two.hosts["head"]["netboot_networks"]["more"] = {"cidr": "10.0.34.0/24", "address": "10.0.34.1", "interface": "eth1"}
    assert two.faults() == [("head", "netboot_profiles.p.pxelinux_config", "pxelinux.cfg/stable")]
    beside = inventory({"mode": "proxy", "pool": None}, netboot_profiles=profiles).node("node1", netboot_profile="p")
    assert beside.faults() == [("head", "netboot_profiles.p.pxelinux_config", "pxelinux.cfg/stable")]


def test_a_loader_that_cannot_be_is_a_fault_of_the_node(inventory):
    profiles = {"p": {"boot": "http", "kernel": "k"}}
    assert inventory().node("node1", netboot_loader="lilo").faults() == [("node1", "netboot_loader", "lilo")]
    asked = inventory(netboot_profiles=profiles).node("node1", netboot_profile="p", netboot_loader="grub")
    assert asked.faults() == [("node1", "netboot_loader", "grub")]


# --- fault test 3: hostile names and MACs ----------------------------------------------------------------------------

HOSTILE = [
    "../x",
    "a;}",
    "a\nb",
    "a\0b",
    "{{7*7}}",
    "a" * 64,
    "-node",
    "node-",
    "ünïcode",
    "nod\u0435",
    "²",
    "٣",
    "",
    ".",
    "..",
    "/etc/passwd",
    "$(id)",
    "a b",
]
hostile = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=70),
    st.text(string.ascii_letters + string.digits + "-._/;{}\n\0\"'\\", max_size=70),
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?", fullmatch=True),
)
macs = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=20), st.builds(lambda raw, i: written(raw)[i], octets, st.integers(0, 3)), st.integers()
)
DIRECTIVES = ["DEFAULT", "PROMPT", "ALLOWOPTIONS", "NOESCAPE", "LABEL", "KERNEL", "INITRD", "SYSAPPEND", "APPEND"]
values = st.none() | st.integers() | st.text(max_size=40) | st.lists(st.text(max_size=20), max_size=2)


@settings(max_examples=1000)
@given(hostile, macs, values)
@example("node1", "52:54:00:12:34:56", "quiet;}\\")
def test_hostile_names_and_macs_are_refused_or_inert(name, mac, arguments):
    head = {"netboot_networks": {"lab": {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1"}}}
    hosts = {"the.head": head, name: {"netboot_mac": mac, "netboot_ip": "10.0.33.11", "netboot_kernel_args": arguments}}
    faults = []
    try:
        fleet = _fleet.parse(hosts, [name], "the.head")
    except _fleet.FleetError as error:
        faults = error.faults
    assert {fault.host for fault in faults} <= {name}
    if faults:
        return
    root = {"image": "debian-12", "generation": "0001-0", "path": "/srv/nfs/x"}
    for path, text in _pxelinux.files(fleet, {name: root}, "/srv/tftp").items():
        assert os.path.dirname(os.path.normpath(path)) == "/srv/tftp/pxelinux.cfg"
        assert [line.split()[0] for line in text.splitlines()[1:]] == DIRECTIVES
    for path, text in _ipxe.files(fleet, {name: root}, "/srv/http", False, False).items():
        if "/by-mac/" in path:
            assert os.path.dirname(os.path.normpath(path)) == "/srv/http/by-mac"
            assert [line.split()[0] for line in text.splitlines()].count("kernel") == 1
    for path, text in _grub.files(fleet, {name: root}, "/srv/tftp").items():
        if "/by-mac/" in path:
            assert [line.split()[0] for line in text.splitlines()[1:]] == ["linux", "initrd", "boot"]
    assert list(_dnsmasq.hosts(fleet, fleet.networks["lab"])) == [
        f"dhcp-host={_fleet.canonical_mac(mac)},tag:!says/decline,set:lab/debian-nfs/auto,10.0.33.11,{name}."
    ]
    assert [line for line in _isc.config(fleet).splitlines() if line.lstrip().startswith("host ")] == [
        f'  host {name} {{ hardware ethernet {_fleet.canonical_mac(mac)}; fixed-address 10.0.33.11; option host-name "{name}"; }}'
    ]
    [reservation] = json.loads(_kea.config(fleet))["Dhcp4"]["subnet4"][0]["reservations"]
    assert (reservation["hostname"], reservation["hw-address"], reservation["ip-address"]) == (
        name,
        _fleet.canonical_mac(mac),
        "10.0.33.11",
    )
    assert _names.hosts(fleet).splitlines()[1:] == [f"10.0.33.11 {name}"]


# --- what a fleet is -------------------------------------------------------------------------------------------------


def test_defaults_are_filled_in(inventory):
    fleet = inventory().node("node1").parse()
    [node] = fleet.nodes
    assert node == _fleet.Node("node1", ("52:54:00:00:00:01",), "10.0.33.11", "lab", "debian-nfs", quota=16 << 30)
    assert fleet.networks["lab"] == _fleet.Network(
        "lab", "10.0.33.0/24", "10.0.33.1", "eth1", ("10.0.33.20", "10.0.33.30"), "10.0.33.1", lease_time=3600, unknown="address"
    )
    assert fleet.image_of(node) == "debian-12"


def test_an_empty_value_is_no_value(inventory):
    empty = dict.fromkeys(["pool", "gateway", "dns", "ntp", "domain", "mtu", "lease_time"])
    network = inventory(empty).parse().networks["lab"]
    assert network == _fleet.Network("lab", "10.0.33.0/24", "10.0.33.1", "eth1")
    bmc = inventory().node("node1", netboot_bmc={"address": "10.0.44.1", "port": None}).parse().nodes[0].bmc
    assert bmc == _fleet.Bmc("10.0.44.1")


@pytest.mark.parametrize(
    ("change", "options", "interface", "address"),
    [
        ({"interface": None}, {}, "eth1", "10.0.33.1"),
        ({"interface": None}, {"interface": "eth0"}, "eth0", "10.0.33.1"),
        ({"address": None}, {}, "eth1", "10.0.33.1"),
        ({"address": None, "interface": None}, {}, "eth1", "10.0.33.1"),
        ({"interface": "bond0"}, {"interfaces": None}, "bond0", "10.0.33.1"),
    ],
    ids=["found by address", "from the environment", "its address", "both found", "machine not known"],
)
def test_the_interface_and_the_address_are_found(inventory, change, options, interface, address):
    network = inventory(change).parse(**options).networks["lab"]
    assert (network.interface, network.address) == (interface, address)


@pytest.mark.parametrize(
    ("network", "nodes"),
    [
        (("10.0.33.0/28", "10.0.33.14", "10.0.33.6-10.0.33.10"), ["10.0.33.1", "10.0.33.5", "10.0.33.13"]),
        (("10.0.32.0/23", "10.0.32.1", ["10.0.33.200", "10.0.33.254"]), ["10.0.32.255", "10.0.33.0", "10.0.33.199"]),
        (("10.0.33.0/24", "10.0.33.1", "10.0.33.20 - 10.0.33.30"), ["10.0.33.2", "10.0.33.19", "10.0.33.31", "10.0.33.254"]),
    ],
    ids=["/28 with a trap pool", "/23", "/24"],
)
def test_networks_of_every_size(inventory, network, nodes):
    made = inventory(dict(zip(("cidr", "address", "pool"), network, strict=True)) | {"gateway": network[1]})
    for number, ip in enumerate(nodes):
        made.node(f"node{number}", netboot_ip=ip)
    assert [node.ip for node in made.parse().nodes] == nodes
    pool = [int(ipaddress.ip_address(end)) for end in made.parse().networks["lab"].pool]
    for inside in (pool[0], sum(pool) // 2, pool[1]):
        address = str(ipaddress.ip_address(inside))
        assert made.node("late", netboot_ip=address).faults() == [("late", "netboot_ip", address)]


def test_absent_nodes_clash_with_nobody(inventory):
    made = inventory().node("node1").node("node2", netboot_mac="525400000001", netboot_ip="10.0.33.11", netboot_state="absent")
    assert [node.name for node in made.parse().present] == ["node1"]
    assert made.node("node3", netboot_mac=None, netboot_ip=None, netboot_state="absent").parse().present == made.parse().present
    assert [node.name for node in made.parse(absent=["node1"]).present] == []


def test_a_node_that_is_to_be_absent_is_in_the_inventory(inventory):
    with pytest.raises(_fleet.FleetError, match=r"netboot_absent = 'node22': is not a node of the inventory; did you mean node2\?"):
        inventory().node("node1").node("node2", netboot_mac="525400000002", netboot_ip="10.0.33.12").parse(absent=["node1", "node22"])


def test_names_are_unique_whatever_their_case(inventory):
    assert inventory().node("node1").node("Node1").faults() == [("node1", "inventory_hostname", "node1")]


def test_node2_comes_before_node10(inventory):
    made = inventory().node("node10").node("node2").node("a1b").node("a1")
    assert [node.name for node in made.parse().nodes] == ["a1", "a1b", "node2", "node10"]


@given(st.text("ab-.²٣", max_size=3), st.integers(0, 10**9), st.integers(0, 10**9))
def test_any_names_have_a_natural_order(stem, one, other):
    first, second = (f"{stem}x{number}" for number in sorted((one, other)))
    assert sorted([second, first], key=_fleet.natural) == [first, second]


@given(st.data())
def test_a_fleet_survives_the_way_through_ansible(data):
    count = data.draw(st.integers(0, 8))
    unique = data.draw(st.lists(octets, min_size=count + 1, max_size=count + 1, unique=True))
    addresses = data.draw(st.lists(st.integers(31, 253), min_size=count, max_size=count, unique=True))
    network = {
        "cidr": "10.0.33.0/24",
        "address": "10.0.33.1",
        "interface": "eth1",
        "pool": data.draw(st.sampled_from([None, "10.0.33.20-10.0.33.30", ["10.0.33.2", "10.0.33.9"]])),
        "dns": data.draw(st.sampled_from([None, "10.0.33.1", ["10.0.33.1", "192.0.2.53"]])),
        "mtu": data.draw(st.none() | st.integers(68, 65535)),
        "lease_time": data.draw(st.integers(120, 2**32 - 2)),
        "unknown": data.draw(st.sampled_from(["address", "ignore"])),
    }
    hosts = {"head": {"netboot_networks": {"lab": network}, "netboot_mac": unique[-1].hex()}}
    for i in range(count):
        hosts[f"n{i}"] = {
            "netboot_mac": data.draw(st.sampled_from(written(unique[i]))),
            "netboot_ip": f"10.0.33.{addresses[i]}",
            "netboot_state": data.draw(st.sampled_from(["present", "absent"])),
            "netboot_kernel_args": data.draw(
                st.lists(st.text(WORD, min_size=1), max_size=3).filter(lambda words: not _lines.misread(["pxelinux", "Linux"], words))
            ),
            "netboot_loader": "pxelinux",  # the others do not pass on everything
            "netboot_uuid": str(data.draw(st.uuids())),
            "netboot_bmc": data.draw(
                st.sampled_from([None, {"address": "10.0.44.1"}, {"address": "10.0.44.1", "protocol": "redfish", "port": "8443"}])
            ),
        }
    fleet = _fleet.parse(hosts, [name for name in hosts if name != "head"], "head")
    assert _fleet.Fleet.from_dict(json.loads(json.dumps(fleet.to_dict()))) == fleet
    assert len(fleet.nodes) == count


def test_a_fleet_of_five_thousand():
    hosts = {"head": {"netboot_networks": {"lab": {"cidr": "10.0.0.0/16", "address": "10.0.0.1", "interface": "eth1"}}}}
    for i in range(5000):
        hosts[f"n{i}"] = {"netboot_mac": f"{0x525400000000 + i:012x}", "netboot_ip": str(ipaddress.ip_address("10.0.1.0") + i)}
    fleet = _fleet.parse(hosts, [name for name in hosts if name != "head"], "head")
    assert [node.name for node in fleet.nodes] == [f"n{i}" for i in range(5000)]


def test_a_former_name_is_one_nodes_only_and_known_to_those_who_move_things(inventory):
    fleet = (
        inventory().node("node7", netboot_renamed_from="node1").node("gone", netboot_renamed_from="node3", netboot_state="absent").parse()
    )
    assert fleet.renamed == {"node7": "node1"}
    assert fleet.to_dict()["renamed"] == {"node7": "node1"}
    assert _fleet.Fleet.from_dict(fleet.to_dict()) == fleet
    twice = inventory().node("node7", netboot_renamed_from="node1").node("node8", netboot_renamed_from="node1")
    assert twice.faults() == [("node8", "netboot_renamed_from", "node1")]
