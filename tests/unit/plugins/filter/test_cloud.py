"""The filters of cloud_config take data as Ansible has it, and say what is wrong as Ansible shows it."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.filter.cloud_configs import cloud_configs
from ansible_collections.bootyard.netboot.plugins.filter.cloud_nginx import cloud_nginx
from ansible_collections.bootyard.netboot.plugins.module_utils._cloud_nginx import LOCATION, MAKER, MAPS
from documents import ROOT

SECRET = "0123456789abcdefghij"


@pytest.fixture
def made(inventory):
    """An inventory with a node that fetches a configuration and one that does not."""

    def make(**common):
        profiles = {"p": {"boot": "local", "config": "coreos", "template": "t.yaml"}}
        return inventory(netboot_profiles=profiles, **common).node("node1", netboot_profile="p").node("node2", netboot_profile="local")

    return make


def test_configurations_are_rendered_from_hostvars(made, tmp_path):
    (tmp_path / "t.yaml").write_text("#cloud-config\nhostname: $name\n")
    inventory = made()
    inventory.hosts["node1"]["netboot_vars"] = {"name": "x"}
    fleet = inventory.parse().to_dict()
    assert list(json.loads(cloud_configs(inventory.hosts, fleet, [tmp_path]))) == ["node1"]
    del inventory.hosts["node1"]["netboot_vars"]
    with pytest.raises(AnsibleFilterError, match=r"node1: t.yaml, line 2: \$name is set nowhere"):
        cloud_configs(inventory.hosts, fleet, [tmp_path])


def test_only_those_that_fetch_one_are_known(made):
    printed = cloud_nginx(made().parse().to_dict(), "/srv/cloud", ["10.0.33.1:8080"], ["192.0.2.0/24"])
    maps, location = printed["files"][MAPS], printed["files"][LOCATION]
    assert "10.0.33.11 node1;" in maps
    assert "node2" not in maps
    assert "    listen 10.0.33.1:8080;\n" in maps
    assert "192.0.2.0/24 admin;" in maps
    assert printed["probe"]["http"]["body"] in location


def test_where_nobody_has_a_configuration_nothing_is_served(inventory):
    fleet = inventory().node("node1").parse().to_dict()
    assert fleet["configured"] == []
    assert cloud_nginx(fleet, "/srv/cloud", ["10.0.33.1:8080"]) == {"files": {}, "probe": {}}


def test_with_links_there_is_no_server_that_knows_none(made):
    fleet = made(netboot_config_secret=SECRET).parse()
    files = cloud_nginx(fleet.to_dict(), "/srv/cloud", ["10.0.33.1:8080"], (), SECRET, life=3)["files"]
    assert "listen" not in files[MAPS]
    [node] = fleet.configured
    assert fleet.config_url(node) == "http://10.0.33.1/cloud/link-of-this-boot/config"
    assert f"/ 1000) + {3 * 3600};" in files[MAKER]
    assert SECRET not in str(fleet.to_dict()), "no task's output has it"
    assert MAKER not in cloud_nginx(made().parse().to_dict(), "/srv/cloud", [])["files"]


@pytest.mark.parametrize(("loader", "right"), [("pxelinux", False), ("grub", False), ("ipxe", True)])
def test_no_link_is_read_by_tftp(inventory, loader, right):
    profiles = {"p": {"boot": "nfs", "image": "debian-12", "config": "nocloud", "kernel_args": ["ds={datasource}"]}}
    cluster = inventory(netboot_profiles=profiles, netboot_config_secret=SECRET).node("node1", netboot_profile="p", netboot_loader=loader)
    cluster.node("node2", netboot_loader=loader)
    if right:
        cluster.parse()
    else:
        assert cluster.faults() == [("node1", "netboot_loader", loader)]


def test_a_guessable_secret_is_a_fault(made):
    assert made(netboot_config_secret="short; }").faults() == [("head", "netboot_config_secret", "(hidden)")]


def test_what_is_no_network_is_refused(made):
    with pytest.raises(AnsibleFilterError, match="somewhere"):
        cloud_nginx(made().parse().to_dict(), "/srv/cloud", [], ["somewhere"])


def test_the_roles_templates_are_those_of_the_kinds():
    assert {path.name for path in (ROOT / "roles/cloud_config/templates").glob("*.j2")} >= {
        f"{kind}.j2" for kind in ("nocloud", "ignition", "coreos", "rancher")
    }
