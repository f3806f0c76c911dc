"""What the default run leaves behind on a master of each Debian release, as its clients and its administrator see it."""

from __future__ import annotations

import hashlib
import json

import pytest
import testinfra
from clients import boot, is_served, machine
from plays import play

MASTERS = {
    "master12": {
        "bridge": "by-mol12",
        "server": "10.77.12.1",
        "nodes": {f"node{i}": (f"52:54:00:12:00:0{i}", f"10.77.12.1{i}") for i in (1, 2, 3)},
    },
    "master13": {
        "bridge": "by-mol13",
        "server": "10.77.13.13",
        "nodes": {f"thin{i}": (f"52:54:00:13:00:0{i}", f"10.77.13.{i}") for i in (1, 2)},
    },
}
INVENTORY = "--inventory=molecule/shared/inventory"
SECRET = "canaryhashthatmustnotappear"


@pytest.fixture(params=MASTERS, scope="module")
def name(request):
    return request.param


@pytest.fixture
def site(name):
    return MASTERS[name]


@pytest.fixture
def host(name):
    return testinfra.get_host(f"docker://bootyard-mol-{name}")


def test_every_node_is_told_what_to_boot_and_can_fetch_it(site):
    for mac, ip in site["nodes"].values():
        assert is_served(site["bridge"], site["server"], mac, ip)


def test_an_unknown_machine_gets_an_address_of_the_pool_and_nothing_to_boot():
    answer = boot("by-mol12", "52:54:00:99:99:99")
    assert answer
    assert answer.address.startswith("10.77.12.20")
    assert (answer.file, answer.next_server) == ("", "0.0.0.0")


def test_an_unknown_machine_gets_no_answer_where_unknown_ones_are_ignored():
    assert boot("by-mol13", "52:54:00:99:99:99") is None


def test_options_derive_from_the_network():
    answer = boot("by-mol12", "52:54:00:12:00:01")
    assert answer.addresses(1) == ["255.255.255.0"]
    assert answer.addresses(3) == ["10.77.12.1"]
    assert answer.addresses(28) == ["10.77.12.255"]
    assert answer.options[15] == b"lab12"
    small = boot("by-mol13", "52:54:00:13:00:01")
    assert (small.addresses(1), small.addresses(28)) == (["255.255.255.240"], ["10.77.13.15"])


def test_services_listen_on_the_dedicated_network_alone(host, site):
    sockets = host.check_output("ss --listening --numeric --tcp --udp --no-header").splitlines()
    addresses = {line.split()[4].rpartition(":")[0].split("%")[0] for line in sockets}
    assert site["server"] in addresses
    assert {a for a in addresses if not a.startswith("127.") and a != "[::1]"} == {site["server"]}


def test_dhcp_does_not_answer_on_the_general_network():
    assert boot("by-mol", "52:54:00:12:00:01") is None


def test_tftp_refuses_uploads_and_ways_out(host, site, tmp_path):
    upload = tmp_path / "upload"
    upload.write_text("evil")
    loader = host.file("/srv/tftp/pxelinux.0").sha256sum
    mac, ip = next(iter(site["nodes"].values()))
    with machine(site["bridge"], ip, 28, mac) as node:
        for target in ("new", "pxelinux.0"):
            assert (
                node.run(
                    "curl", "--silent", "--max-time", "20", "--upload-file", str(upload), f"tftp://{site['server']}/{target}"
                ).returncode
                != 0
            )
        for path in ("../etc/passwd", "/../../etc/passwd", "//etc/passwd", "..%2fetc/passwd"):
            assert node.tftp(site["server"], path) is None
    assert not host.file("/srv/tftp/new").exists
    assert host.file("/srv/tftp/pxelinux.0").sha256sum == loader


def test_a_node_mounts_its_own_root_and_no_other(site):
    (mac, ip), *_rest = site["nodes"].values()
    own, *others = site["nodes"]
    with machine(site["bridge"], ip, 28, mac) as node:
        assert node.mounts(site["server"], f"/srv/nfs/{own}/etc")
        for path in [f"/srv/nfs/{other}" for other in others] + ["/srv/nfs", "/srv/netboot/images", "/srv/netboot/roots", "/"]:
            assert not node.mounts(site["server"], path)


def test_an_address_that_is_no_nodes_mounts_nothing(site):
    stranger = {"by-mol12": "10.77.12.99", "by-mol13": "10.77.13.11"}[site["bridge"]]
    with machine(site["bridge"], stranger, 28) as node:
        assert not any(node.mounts(site["server"], f"/srv/nfs/{name}") for name in site["nodes"])


def test_a_nodes_address_on_another_card_gets_nothing(host, site):
    (_mac, ip), *_rest = site["nodes"].values()
    node, *_rest = site["nodes"]

    def served():
        with machine(site["bridge"], ip, 28) as thief:
            asked = thief.run("curl", "--silent", "--max-time", "3", "--noproxy", "*", f"http://{site['server']}/boot.ipxe")
            mounts = thief.run("timeout", "5", "nfs-ls", f"nfs://{site['server']}/srv/nfs/{node}")
            return asked.returncode == 0 or mounts.returncode == 0

    assert not served()
    # What flushes the tables, as nftables.service does when it starts or reloads, brings the filter back.
    flush = "for family in ip arp; do echo delete table $family bootyard_pairs; done"
    host.check_output(f"cp /etc/nftables.conf /tmp/nftables.conf; ({flush}) > /etc/nftables.conf; systemctl start nftables")
    assert not served()
    host.check_output("systemctl reload nftables; mv /tmp/nftables.conf /etc/nftables.conf")
    assert not served()
    tables = host.check_output("nft list tables").splitlines()
    assert {"table ip bootyard_pairs", "table arp bootyard_pairs"} <= set(tables)


def test_roots_are_their_nodes_own(host, site):
    keys = set()
    for node, (_mac, ip) in site["nodes"].items():
        root = f"/srv/nfs/{node}"
        assert host.file(f"{root}/etc/hostname").content_string == f"{node}\n"
        assert host.file(f"{root}/etc/machine-id").size == 0
        keys.add(host.file(f"{root}/etc/ssh/ssh_host_ed25519_key.pub").content_string.split()[1])
        lookup = host.check_output(f"chroot {root} getent ahostsv4 {node}")
        assert {line.split()[0] for line in lookup.splitlines()} == {ip}
        assert "dhcp" not in host.file(f"{root}/etc/network/interfaces").content_string
        assert "10.77" in host.file(f"{root}/etc/fstab").content_string
        assert SECRET in host.file(f"{root}/etc/shadow").content_string
    assert len(keys) == len(site["nodes"])


def test_cluster_users_have_the_same_ids_and_keys_on_the_master_and_in_every_root(host, site):
    assert host.user("mpi").uid == 9999
    public = host.file("/home/mpi/.ssh/id_ed25519.pub").content_string
    for node in site["nodes"]:
        assert host.check_output(f"chroot /srv/nfs/{node} id mpi") == "uid=9999(mpi) gid=9999(mpi) groups=9999(mpi)"
        assert host.file(f"/srv/nfs/{node}/home/mpi/.ssh/authorized_keys").content_string == public


def test_the_master_knows_its_nodes_by_name_and_key(host, site):
    known = host.file("/etc/ssh/bootyard_known_hosts").content_string
    for node, (_mac, ip) in site["nodes"].items():
        assert host.check_output(f"getent hosts {node}").split()[0] == ip
        assert host.file(f"/srv/nfs/{node}/etc/ssh/ssh_host_ed25519_key.pub").content_string.split()[1] in known
    assert "127.0.1.1" not in host.file("/etc/hosts").content_string


def test_what_explain_promises_is_what_clients_fetch(site, name, tmp_path):
    """Every file of every chain, by the protocol and from the address of the node that would fetch it."""
    kept = tmp_path / "chains.json"
    told = play("playbooks/explain.yml", INVENTORY, f"--limit={name}", f"--extra-vars=explain_json={kept}")
    assert told.code == 0, told.output
    chains = json.loads(kept.read_text())
    booting = {(chain["node"], chain["firmware"]) for chain in chains if chain["status"] == "boots"}
    assert {(node, firmware) for node in site["nodes"] for firmware in ("bios", "uefi", "uefi-http", "ipxe-bios", "ipxe")} <= booting
    for node, (mac, ip) in site["nodes"].items():
        files = {hop["url"]: hop["sha256"] for chain in chains if chain["node"] == node for hop in chain["hops"] if hop["hop"] == "fetch"}
        with machine(site["bridge"], ip, 28, mac) as plugged:
            assert {url: hashlib.sha256(plugged.fetch(url) or b"").hexdigest() for url in files} == files


def test_an_image_is_described_and_its_build_leaves_no_mount(host, site):
    image = "debian-12" if site["bridge"] == "by-mol12" else "debian-13"
    manifest = json.loads(host.file(f"/srv/netboot/images/{image}/current/manifest.json").content_string)
    for file, digest in manifest["sha256"].items():
        for served in ("tftp", "http"):
            assert host.file(f"/srv/{served}/images/{image}/{manifest['generation']}/{file}").sha256sum == digest
    mounted = host.check_output("findmnt --list --noheadings --output TARGET | grep /srv/netboot/images").split()
    assert mounted == [f"/srv/netboot/images/{image}/{manifest['generation']}/root"], "the roots' own, and none of the build"


def test_the_second_run_touches_nothing(host, name):
    files = (
        "find /etc /srv/tftp /srv/http /srv/netboot /var/lib/bootyard/files -xdev -type f ! -name '*.ext4' -printf '%p %i %T@ %m\\n' | sort"
    )
    state = f"{files}; pgrep -x 'kea-dhcp4|in.tftpd|nginx|ganesha.nfsd'"
    before = host.check_output(state)
    again = play("site.yml", INVENTORY, f"--limit={name}")
    assert (again.code, again.changed) == (0, ())
    assert host.check_output(state) == before


def test_check_mode_tells_a_drifted_file_and_keeps_secrets(host, name):
    path = "/etc/kea/kea-dhcp4.conf"
    original = host.file(path).content_string
    host.check_output(f"sed -i s/authoritative/drifted/ {path}")
    predicted = play("site.yml", INVENTORY, f"--limit={name}", "--check", "--diff")
    assert predicted.changed == ("Serve addresses and boot files with Kea",)
    assert "drifted" in predicted.diff
    assert SECRET not in predicted.output
    assert "drifted" in host.file(path).content_string
    mended = play("site.yml", INVENTORY, f"--limit={name}", "--diff")
    assert mended.changed == predicted.changed
    assert host.file(path).content_string == original
