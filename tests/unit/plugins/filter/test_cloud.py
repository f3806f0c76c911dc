"""The filters of cloud_config take data as Ansible has it, and say what is wrong as Ansible shows it."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.filter.cloud_configs import cloud_configs
from ansible_collections.bootyard.netboot.plugins.filter.cloud_nginx import cloud_nginx
from ansible_collections.bootyard.netboot.plugins.module_utils._cloud_nginx import LOCATION, MAPS
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
    fleet = made(netboot_config_secret=SECRET).parse(now=1_000_000)
    assert "listen" not in cloud_nginx(fleet.to_dict(), "/srv/cloud", ["10.0.33.1:8080"], (), SECRET)["files"][MAPS]
    [node] = fleet.configured
    assert fleet.config_url(node).startswith("http://10.0.33.1/cloud/1080000/")


def test_a_link_stays_for_half_of_its_life(made):
    links = [made(netboot_config_secret=SECRET).parse(now=now).configured[0].link for now in (0, 12 * 3600 - 1, 12 * 3600)]
    assert links[0] == links[1] != links[2]


def test_a_guessable_secret_is_a_fault(made):
    assert made(netboot_config_secret="short; }").faults() == [("head", "netboot_config_secret", "(hidden)")]


def test_what_is_no_network_is_refused(made):
    with pytest.raises(AnsibleFilterError, match="somewhere"):
        cloud_nginx(made().parse().to_dict(), "/srv/cloud", [], ["somewhere"])


def test_the_roles_templates_are_those_of_the_kinds():
    assert {path.name for path in (ROOT / "roles/cloud_config/templates").glob("*.j2")} >= {
        f"{kind}.j2" for kind in ("nocloud", "ignition", "coreos", "rancher")
    }
