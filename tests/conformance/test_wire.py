"""A machine that takes a running node's address, with its own card and gratuitous ARP, gets nothing of that node's; everybody else is served as before."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire, _fleet, _pairs, _services
from daemons import eventually
from dhcp_servers import SERVERS

MASTER, NODE, POOL = "10.0.33.1", "10.0.33.11", "10.0.33.120"
CARD, SECOND, THIEF, GUEST = (f"52:54:00:00:00:{number:02x}" for number in (1, 2, 0x66, 0x77))
RULES = "/etc/bootyard/pairs.nft"
NGINX = f"events {{}} http {{ server {{ listen {MASTER}:80; root /srv/http; }} }}"
SECRET = "the node's own"


def make_fleet(more=0, networks=("lab",)):
    network = {"cidr": "10.0.0.0/16", "address": MASTER, "interface": "eth1", "pool": [POOL, "10.0.33.130"]}
    hosts = {"head": {"netboot_networks": {"lab": network}}, "node1": {"netboot_mac": [CARD, SECOND], "netboot_ip": NODE}}
    for number in range(more):
        mac = f"52:54:01:00:{number >> 8:02x}:{number & 255:02x}"
        hosts[f"more{number}"] = {"netboot_mac": mac, "netboot_ip": f"10.0.{64 + number // 250}.{1 + number % 250}"}
    return _fleet.parse(hosts, [name for name in hosts if name != "head"], "head", {"eth1": [f"{MASTER}/16"]})


@contextlib.contextmanager
def plugged(mac, address):
    """A machine on the cable with a card of its own: a function that runs commands there."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])

    def run(*command):
        inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", *command]
        return subprocess.run(inside, capture_output=True, text=True, timeout=30, check=False)

    try:
        assert eventually(5, lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        name = f"m{mac[-2:]}"
        link = f"ip link add link eth1 name {name} address {mac} netns {holder.pid} type macvlan mode bridge"
        subprocess.run(link.split(), check=True)
        for command in (f"link set {name} name eth0", "link set eth0 up", f"address add {address}/16 dev eth0"):
            assert run("ip", *command.split()).returncode == 0, command
        yield run
    finally:
        holder.kill()
        holder.wait()


@pytest.fixture
def node(machine):
    with plugged(CARD, NODE) as run:
        yield run


@pytest.fixture
def thief(machine):
    with plugged(THIEF, NODE) as run:
        yield run


@pytest.fixture
def served(machine):
    """A master that gives out a file by HTTP and by TFTP, with no filter yet."""
    machine.run("ip", "address", "add", f"{MASTER}/16", "dev", "eth1")
    machine.run("ip", "address", "delete", f"{MASTER}/24", "dev", "eth1")
    machine.write("/srv/http/secret", SECRET)
    machine.write("/srv/tftp/secret", SECRET)
    machine.write("/etc/nginx/nginx.conf", NGINX)
    machine.start("nginx", "-g", "daemon off;")
    machine.start("in.tftpd", "--foreground", "--user", "tftp", "--address", f"{MASTER}:69", "--secure", "/srv/tftp")
    return machine


def load(machine, text):
    machine.write(RULES, text)
    for options in (["--check"], []):
        done = machine.run("nft", *options, "--file", RULES)
        assert done.returncode == 0, done.stderr


def read(run, scheme="http"):
    """What a machine reads of the master, if it is answered."""
    return run("curl", "--silent", "--max-time", "2", "--noproxy", "*", f"{scheme}://{MASTER}/secret").stdout


def steal(run):
    """Say to everybody that the address is here; a kernel believes it a second after the last time that it learned better."""
    time.sleep(1)
    for way in ("-U", "-A"):
        run("arping", way, "-c", "1", "-w", "1", "-I", "eth0", NODE)


def believed(machine):
    """The card that the master sends to when it sends to the node."""
    [entry] = json.loads(machine.run("ip", "-json", "neighbour", "show", NODE, "dev", "eth1").stdout)
    return entry["lladdr"]


def test_an_address_without_its_card_is_nothing(served, node, thief):
    assert eventually(10, lambda: read(node) == SECRET)
    # As it was: the thief is the node for all that the master can see, and the node hears no more.
    steal(thief)
    assert believed(served) == THIEF
    assert (read(thief), read(thief, "tftp")) == (SECRET, SECRET)

    load(served, _pairs.rules(make_fleet(), ["lab"]))
    served.run("ip", "neighbour", "flush", "dev", "eth1")  # what was believed before goes by itself within half a minute
    assert read(node) == SECRET, "the node is served again"
    steal(thief)
    assert believed(served) == CARD
    assert (read(thief), read(thief, "tftp")) == ("", "")
    assert (read(node), read(node, "tftp")) == (SECRET, SECRET)
    # Nor does the master find the thief by asking.
    served.run("ip", "neighbour", "flush", "dev", "eth1")
    steal(thief)
    assert read(node) == SECRET
    assert believed(served) == CARD


def test_nor_from_another_network_of_the_master(served, node):
    """Its pair is one of an interface: a copy of the frame on another cable is dropped."""
    load(served, _pairs.rules(make_fleet(), ["lab"]))
    assert read(node) == SECRET
    served.run("sysctl", "-w", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth2.rp_filter=0")
    dropped = re.compile(r"counter packets (\d+)")

    def count():
        return int(dropped.search(served.run("nft", "--terse", "list", "table", "ip", "bootyard_pairs").stdout)[1])

    before = count()
    subprocess.run(["ip", "link", "set", "eth2", "address", CARD], check=True)
    subprocess.run(["ip", "address", "add", f"{NODE}/32", "dev", "eth2"], check=True)
    subprocess.run(["ip", "route", "add", f"{MASTER}/32", "dev", "eth2", "src", NODE], check=True)
    card = json.loads(served.run("ip", "-json", "link", "show", "eth2").stdout)[0]["address"]
    subprocess.run(["ip", "neighbour", "replace", MASTER, "lladdr", card, "dev", "eth2"], check=True)
    done = subprocess.run(["curl", "-s", "-m", "2", "--interface", NODE, f"http://{MASTER}/secret"], capture_output=True, check=False)
    assert done.returncode == 28, "it would have timed out"
    assert count() > before


def test_other_machines_and_cards_are_served_as_before(served):
    load(served, _pairs.rules(make_fleet(), ["lab"]))
    with plugged(SECOND, NODE) as run:
        assert eventually(10, lambda: read(run) == SECRET), "any card of the node"
    with plugged(GUEST, POOL) as run:
        assert (read(run), read(run, "tftp")) == (SECRET, SECRET), "an unknown machine"
    load(served, _pairs.rules(make_fleet(), []))
    with plugged(THIEF, NODE) as run:
        steal(run)
        assert read(run) == SECRET, "the filter is off"
    assert "bootyard_pairs" not in served.run("nft", "list", "tables").stdout


@pytest.mark.parametrize("name", SERVERS)
def test_addresses_are_given_to_everybody(served, name):
    fleet = make_fleet()
    load(served, _pairs.rules(fleet, ["lab"]))
    SERVERS[name].serve(served, fleet)
    assert _dhcp_wire.lease("eth1", CARD, _dhcp_wire.pxe_options(), timeout=5).address == NODE
    assert _dhcp_wire.lease("eth1", GUEST, _dhcp_wire.pxe_options(), timeout=5).address.startswith("10.0.33.12")


def test_rules_of_others_stay(served):
    served.run("nft", "add", "table", "inet", "site")
    served.run("nft", "add", "table", "ip", "bootyard")
    for networks in (["lab"], ["lab"], []):
        load(served, _pairs.rules(make_fleet(), networks))
        tables = served.run("nft", "list", "tables").stdout.splitlines()
        ours = ["table ip bootyard_pairs", "table arp bootyard_pairs"] if networks else []
        assert tables == ["table inet site", "table ip bootyard", *ours]


def test_the_probe_misses_rules_that_somebody_flushed(served):
    fleet = make_fleet()
    probe = _pairs.probe(fleet, ["lab"])

    def lost():
        with contextlib.suppress(FileNotFoundError):
            (served.root / "tmp/lost").unlink()
        assert served.inside(lambda: Path("/tmp/lost").write_text(str(_services.is_lost(probe)))) == 0
        return (served.root / "tmp/lost").read_text() == "True"

    assert lost()
    load(served, _pairs.rules(fleet, ["lab"]))
    assert not lost()
    load(served, _pairs.rules(make_fleet(more=1), ["lab"]))
    assert lost(), "other nodes"
    load(served, _pairs.rules(fleet, ["lab"]))
    served.run("nft", "flush", "ruleset")
    assert lost()


def test_ten_thousand_nodes(served, node):
    fleet = make_fleet(more=10_000)
    begun = time.monotonic()
    load(served, _pairs.rules(fleet, ["lab"]))
    assert time.monotonic() - begun < 10
    assert eventually(10, lambda: read(node) == SECRET)


def test_one_machine_does_not_begin_all_connections(served):
    """A thousand at once: what is above its share is dropped, and the next machine's are not."""
    load(served, _pairs.rules(make_fleet(), ["lab"]))
    script = f"""
import errno, socket, time
made = [socket.socket() for _one in range(1000)]
for one in made:
    one.setblocking(False)
    one.connect_ex(("{MASTER}", 80))
time.sleep(0.5)
print(sum(one.connect_ex(("{MASTER}", 80)) in (0, errno.EISCONN) for one in made))
"""
    with plugged(GUEST, POOL) as guest, plugged(CARD, NODE) as run:
        assert read(run) == SECRET
        begun = int(guest("python3", "-c", script).stdout)
        assert _pairs.BURST <= begun <= _pairs.BURST + 2 * _pairs.RATE
        assert read(run) == SECRET
