"""Machines boot over the network, each on a root of its own. The tests run in order, on one lab."""

from __future__ import annotations

import itertools
import re
import socket
import subprocess

import pytest
import yaml
from bootyard_lab import follow
from bootyard_lab.lab import ssh
from daemons import eventually
from plays import play

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


def each(running, command):
    return {node.name: running.on(node, command) for node in running.nodes}


def test_three_machines_are_themselves(running):
    assert each(running, "hostname") == {name: name for name in ("node1", "node2", "node3")}
    for own in ("cat /etc/machine-id", "cat /etc/ssh/ssh_host_ed25519_key.pub", BOOT_ID):
        assert len(set(each(running, own).values())) == 3
    assert all(len(machine_id) == 32 for machine_id in each(running, "cat /etc/machine-id").values())


def test_each_runs_on_its_own_writable_root_with_nothing_failed(running):
    for name, root in each(running, "findmnt --noheadings --output SOURCE,FSTYPE /").items():
        assert root.split() == [f"10.77.33.1:/srv/nfs/{name}", "nfs"]
    assert set(each(running, "systemctl --failed --no-legend --plain").values()) == {""}


def test_its_screen_is_shown_to_who_runs_the_lab_and_to_no_neighbour(running):
    for node in running.nodes:
        listening = ["docker", "exec", f"bootyard-lab-{node.name}", "ss", "--no-header", "--listening", "--tcp", "--numeric"]
        sockets = subprocess.run(listening, check=True, capture_output=True, text=True).stdout
        # Docker's own resolver listens in every container, for that container alone.
        assert {line.split()[3].partition(":")[0] for line in sockets.splitlines()} <= {"127.0.0.11"}
        with socket.socket(socket.AF_UNIX) as screen:
            screen.settimeout(10)
            screen.connect(str(node.console.with_name("vnc")))
            assert screen.recv(4) == b"RFB "


def test_no_second_dhcp_client_touches_the_card_of_the_root(running):
    assert set(each(running, "pgrep -c 'dhclient|dhcpcd|systemd-network|NetworkManager' || true").values()) == {"0"}


def test_what_one_writes_is_in_its_own_root_and_in_no_other(running):
    first, *others = running.nodes
    running.on(first, "echo mine > /root/mark && chown 1234:1234 /root/mark && sync")
    assert running.on_master("cat /srv/nfs/node1/root/mark") == "mine"
    for node in others:
        running.on(node, "test ! -e /root/mark")
    assert (
        running.on_master("find /srv/netboot/images/*/current/root -newer /srv/netboot/images/debian-12/current/manifest.json | head") == ""
    )


@pytest.mark.parametrize("version", ["3,nolock", "4.2"])
def test_a_node_mounts_its_own_root_and_no_other(running, version):
    attempt = "mkdir -p /run/try && mount -t nfs -o vers={version},ro 10.77.33.1:/srv/nfs/{name} /run/try && umount /run/try"
    for node, other in itertools.product(running.nodes, running.nodes):
        mounted = ssh(node, attempt.format(version=version, name=other.name)).returncode == 0
        assert mounted == (node == other), f"{node.name} and the root of {other.name}"


def test_the_second_run_changes_nothing(running):
    again = play("site.yml", "--inventory=inventory/lab")
    assert (again.code, again.changed) == (0, ())


def test_a_machine_that_is_not_in_the_inventory_gets_an_address_and_no_boot(running):
    lab, (node4,) = running.rack("node4.yml")
    lab.run(lab.power("on", [node4]))
    (result,) = follow([node4], timeout=120)
    lab.run(lab.power("off", [node4]))
    assert re.search(r"net0: 10\.77\.33\.2[012]\d/", result.console), result.console
    assert (list(result.reached), result.problem) == (["DHCP"], "No more network devices")


STRANGER = "52:54:00:77:99:01"
#: QEMU's own network hands this machine the master's script, which the lab's gives to no stranger.
STRANGE_MACHINE = f"""qemu-system-x86_64 -accel tcg -m 128 -nographic -uuid 4c4c4544-0042-4a10-8056-b4c04f395931
    -smbios type=1,serial=AB-12,manufacturer=ACME,product=R640 -device virtio-net-pci,netdev=net,mac={STRANGER}
    -netdev user,id=net,tftp=/tmp,bootfile=http://10.77.33.1/boot.ipxe -boot n"""


def test_machines_that_nobody_knows_are_told_as_an_inventory(running, tmp_path):
    """The one by its lease, since it was on before; the other by what its iPXE says of itself."""
    name = "bootyard-lab-stranger"
    docker = ["docker", "run", "--detach", "--rm", f"--name={name}", "--network=bootyard-lab-nodes", "bootyard-lab/machine:bookworm"]
    subprocess.run([*docker, *STRANGE_MACHINE.split()], check=True, capture_output=True)
    try:
        assert eventually(60, lambda: "default.ipxe?mac=52-54-00-77-99-01" in running.on_master("cat /var/log/nginx/bootyard.log"))
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)
    found = tmp_path / "found.yml"
    done = play("playbooks/discover.yml", "--inventory=inventory/lab", f"--extra-vars=discover_file={found}")
    assert done.code == 0, done.output
    text = found.read_text()
    assert "# It says: manufacturer ACME, product R640, serial AB-12, arch i386, platform pcbios" in text
    hosts = yaml.safe_load(text)["slaves"]["hosts"]
    told = hosts["node-525400779901"]
    assert (told["netboot_mac"], told["netboot_uuid"]) == (STRANGER, "4c4c4544-0042-4a10-8056-b4c04f395931")
    _lab, (node4,) = running.rack("node4.yml")
    assert hosts[f"node-{node4.mac.replace(':', '')}"]["netboot_mac"] == node4.mac


@pytest.fixture(scope="session")
def boot_ids(running):
    return each(running, BOOT_ID)


def test_a_fourth_node_joins_while_three_run(running, boot_ids, more):
    node4 = more.nodes["node4"]
    # The others know the newcomer before it is up.
    assert set(each(running, "getent ahostsv4 node4 | cut -d' ' -f1 | sort -u").values()) == {node4.ip}
    running.comes_up(node4)
    assert running.on(node4, "hostname; . /etc/os-release; echo $VERSION_CODENAME") == "node4\ntrixie"
    assert each(running, BOOT_ID) == boot_ids


def test_what_a_node_wrote_survives_a_power_cycle(running):
    first = running.nodes[0]
    before = each(running, "cat /etc/machine-id")
    boot_id = running.on(first, BOOT_ID)
    running.lab.run(running.lab.power("cycle", [first], boot="network"))
    running.comes_up(first)
    assert running.on(first, BOOT_ID) != boot_id
    assert running.on(first, "cat /root/mark; stat -c %u:%g /root/mark") == "mine\n1234:1234"
    assert each(running, "cat /etc/machine-id") == before
