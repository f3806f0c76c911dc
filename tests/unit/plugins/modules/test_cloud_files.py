"""Configurations are published together, and what a schema refuses leaves in place what was served."""

from __future__ import annotations

import json

import pytest
from ansible_collections.bootyard.netboot.plugins.filter.cloud_configs import cloud_configs

LARGE = {"lab": {"cidr": "10.0.0.0/16", "address": "10.0.0.1", "interface": "eth1"}}
SCHEMA = {"$defs": {"a": {"properties": {"hostname": {"type": "string"}}}}, "allOf": [{"$ref": "#/$defs/a"}]}


@pytest.fixture
def publish(module, tmp_path):
    """Publishes hostnames by node, or what a filter rendered: publish({node: hostname}, dry)."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/bookworm.json").write_text(json.dumps(SCHEMA))

    def run(names, dry=False):
        configs = names if isinstance(names, str) else of(names)
        paths = {"directory": str(tmp_path / "cloud"), "schemas": str(tmp_path / "schemas")}
        return module("cloud_files", dry, configs=configs, release="bookworm", **paths)

    def of(names):
        configs = {
            node: {"files": {"config": f"hostname: {name}\n", "meta-data": ""}, "suite": "", "data": {"hostname": name}, "template": "t.j2"}
            for node, name in names.items()
        }
        return json.dumps(configs)

    return run


def test_a_second_call_finds_nothing_to_do(publish, tmp_path):
    config = tmp_path / "cloud/n1/config"
    assert publish({"n1": "a"}, dry=True)["changed"]
    assert not config.exists()
    first = publish({"n1": "a", "n2": "b"})
    assert (first["changed"], first["checked"], len(first["written"])) == (True, 2, 4)
    inode = config.stat().st_ino
    second = publish({"n1": "a", "n2": "b"})
    assert (second["changed"], second["checked"], second["written"]) == (False, 0, [])
    third = publish({"n1": "a", "n2": "c"})
    assert (third["checked"], third["written"]) == (1, [str(tmp_path / "cloud/n2/config")])
    assert config.stat().st_ino == inode
    assert publish({"n1": "a"})["removed"] == [str(tmp_path / "cloud/n2" / name) for name in ("config", "meta-data")]


def test_a_thousand_nodes(publish, tmp_path, inventory):
    """From their variables to their files; the second time nothing is written and nothing is checked."""
    cluster = inventory(netboot_profiles={"p": {"boot": "local", "config": "nocloud", "template": "t.j2"}}, netboot_networks=LARGE)
    for number in range(1000):
        ip, mac = f"10.0.{1 + number // 250}.{1 + number % 250}", f"52:54:00:01:{number >> 8:02x}:{number & 255:02x}"
        cluster.node(f"n{number}", netboot_ip=ip, netboot_mac=mac, netboot_profile="p", netboot_vars={"n": number})
    (tmp_path / "t.j2").write_text("#cloud-config\nhostname: {{ hostname }}-{{ n }}\n")
    rendered = cloud_configs(cluster.hosts, cluster.parse().to_dict(), [tmp_path])
    first, second = publish(rendered), publish(rendered)
    assert (first["changed"], first["checked"]) == (True, 1000)
    assert (second["changed"], second["checked"], second["written"]) == (False, 0, [])
    assert (tmp_path / "cloud/n999/config").read_text() == "#cloud-config\nhostname: n999-999\n"
    assert len(list((tmp_path / "cloud").iterdir())) == 1000


def test_what_is_refused_changes_nothing(publish, tmp_path):
    publish({"n1": "a", "n2": "b"})
    failed = publish({"n1": "new", "n2": 5})
    assert failed["failed"]
    assert "  - n2: t.j2: hostname: a whole number is not of type 'string'" in failed["msg"]
    assert (tmp_path / "cloud/n1/config").read_text() == "hostname: a\n"
    assert publish({"n1": "a", "n2": "b"})["changed"] is False


def test_what_is_secret_is_not_shown(publish):
    shown = json.dumps(publish({"n1": "hunter2"}))
    assert "hunter2" not in shown
    assert "hunter2" not in json.dumps(publish({"n1": "hunter3"}, dry=True))
