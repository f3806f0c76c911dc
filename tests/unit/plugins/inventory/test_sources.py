"""Files of other tools as Ansible itself reads them, with this repository's configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from documents import COLLECTIONS, ROOT, run

#: The sample of the seed's container in all its values, with its two commas too many.
SAMPLE = """\
{
    "common": {
        "$public_ipv4_gw": "10.100.10.5",
        "$public_ipv4_dns1": "10.100.10.9",
        "$public_ipv4_dns2": "10.100.10.9"
    },
    "hosts": {
        "192.168.90.101": {
            "macaddr": "e2:29:a2:da:43:b1",
            "$hostname": "docker-101",
            "$public_ipv4": "10.100.10.101",
            "channel": "stable",
        },
        "192.168.90.102": {
            "macaddr": "e2:29:a2:da:43:b2",
            "$hostname": "docker-102",
            "$public_ipv4": "{{ lookup('pipe', 'id') }}",
            "channel": "beta",
            "template": "etcd2.yaml",
        }
    }
}
"""
SHEET = "\ufeffName;MAC;IP;Groups\r\npc1;52-54-00-00-00-01;10.0.33.11;rack1 gpu\r\npc2;525400000002;10.0.33.12;\r\n"
MASTER = "master: {hosts: {head: {netboot_networks: {lab: {cidr: 192.168.90.0/24, address: 192.168.90.2}}}}}\n"


@pytest.fixture
def site(tmp_path):
    """The directory of an inventory; site(name, text) puts a file into it."""
    path = tmp_path / "site"
    path.mkdir()

    def put(name: str, text: str) -> Path:
        (path / name).write_text(text, newline="")
        return path

    put.path = path
    put("hosts.yml", MASTER)
    return put


def listed(path: Path, **options) -> dict:
    """The inventory, without the marks of what is no template."""
    text = run("ansible-inventory", "-i", path, "--list", **options)
    return json.loads(text, object_hook=lambda data: data.get("__ansible_unsafe", data))


def refused(path: Path) -> str:
    """What Ansible says of an inventory that it does not take."""
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    command = [Path(sys.executable).parent / "ansible-inventory", "-i", path, "--list"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    return done.stderr


def test_the_sample_as_it_is_is_refused_with_the_place(site):
    site("pxe_hosts.json", SAMPLE)
    said = refused(site("netboot.pxe_hosts.yml", "{plugin: bootyard.netboot.pxe_hosts, path: pxe_hosts.json}"))
    assert f"{site.path}/pxe_hosts.json: line 12, column 32: JSON allows no comma" in said
    assert '            "channel": "stable",\n                               ^' in said


@pytest.mark.parametrize("repaired", [True, False])
def test_the_sample_drives_the_fleet(site, repaired):
    site("pxe_hosts.json", SAMPLE.replace('"stable",', '"stable"').replace('"etcd2.yaml",', '"etcd2.yaml"') if repaired else SAMPLE)
    site(
        "netboot.pxe_hosts.yml",
        f"""
        plugin: bootyard.netboot.pxe_hosts
        path: pxe_hosts.json
        trailing_commas: {not repaired}
        channels: {{beta: flatcar-beta}}
        keyed_groups: [{{key: netboot_profile, prefix: boots}}]
        """,
    )
    found = listed(site.path)
    common = {"public_ipv4_gw": "10.100.10.5", "public_ipv4_dns1": "10.100.10.9", "public_ipv4_dns2": "10.100.10.9"}
    variables = found["_meta"]["hostvars"]["docker-102"]
    assert {name: value for name, value in variables.items() if name.startswith("netboot_")} == {
        "netboot_mac": "e2:29:a2:da:43:b2",
        "netboot_ip": "192.168.90.102",
        "netboot_profile": "flatcar-beta",
        "netboot_template": "etcd2.yaml",
        "netboot_vars": {"public_ipv4": "{{ lookup('pipe', 'id') }}"},
        "netboot_vars_common": common,
    }
    assert found["slaves"]["hosts"] == ["docker-101", "docker-102"]
    assert found["boots_stable"]["hosts"] == ["docker-101"]


def test_export_writes_it_back(site, tmp_path):
    site("pxe_hosts.json", SAMPLE)
    site("netboot.pxe_hosts.yml", "{plugin: bootyard.netboot.pxe_hosts, path: pxe_hosts.json, trailing_commas: true}")
    run("ansible-playbook", ROOT / "playbooks/export.yml", "-i", site.path, "-e", f"export_file={tmp_path}/back.json")
    back = tmp_path / "back.json"
    assert json.loads(back.read_text()) == json.loads(SAMPLE.replace('"stable",', '"stable"').replace('"etcd2.yaml",', '"etcd2.yaml"'))
    assert back.stat().st_mode & 0o777 == 0o600


def test_a_spreadsheet(site):
    site("nodes.csv", SHEET)
    found = listed(site("site.nodes_csv.yaml", "{plugin: bootyard.netboot.nodes_csv, path: nodes.csv, group: pcs}"))
    assert (found["pcs"]["hosts"], found["gpu"]["hosts"], found["rack1"]["hosts"]) == (["pc1", "pc2"], ["pc1"], ["pc1"])
    assert found["_meta"]["hostvars"]["pc2"]["netboot_mac"] == ["525400000002"]


def test_configurations_work_with_ansibles_own_settings(site, tmp_path):
    """Without our ansible.cfg the plugin is found by its name, as long as the file is elsewhere."""
    (tmp_path / "nodes.csv").write_text(SHEET)
    site("site.nodes_csv.yml", "{plugin: bootyard.netboot.nodes_csv, path: ../nodes.csv}")
    assert "pc1" in listed(site.path, cwd=tmp_path, collections=COLLECTIONS)["_meta"]["hostvars"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "nodes.csv: No such file or directory; path in "),
        ("näme".encode("utf-16"), "nodes.csv: is not UTF-8 at byte 0; save it as UTF-8"),
        (b"name;proflie\n;1\n", "nodes.csv: line 1, column proflie: is no header that is known here; did you mean profile?"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(site, content, said):
    if content:
        (site.path / "nodes.csv").write_bytes(content)
    assert f"{site.path}/{said}" in refused(site("site.nodes_csv.yml", "{plugin: bootyard.netboot.nodes_csv, path: nodes.csv}"))
