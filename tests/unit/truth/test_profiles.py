"""The page about profiles has all of them, and its inventories are ones that the fleet and the templates take."""

from __future__ import annotations

import re

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _fleet
from ansible_collections.bootyard.netboot.plugins.module_utils._profiles import PROFILES
from ansible_collections.bootyard.netboot.plugins.plugin_utils import _cloud
from documents import ROOT, load

PAGE = (ROOT / "docs/profiles.md").read_text()
PARTS = dict(re.findall(r"^## (.+)\n(?:(?!^## )[\s\S])*?```yaml\n([\s\S]+?)```", PAGE, re.MULTILINE))
NETWORKS = {"lab": {"cidr": "10.0.33.0/24", "address": "10.0.33.1", "interface": "eth1"}}
#: What the page leaves to the reader.
TEMPLATES = {
    "worker.yaml.j2": "version: v1alpha1\nmachine: {type: worker}\n",
    "autoinstall.yaml.j2": "#cloud-config\nautoinstall: {version: 1}\n",
}


def test_every_profile_has_a_part():
    assert sorted(PARTS) == sorted([*PROFILES, "Your own"])


def test_the_table_tells_what_the_profiles_are():
    rows = re.findall(r"^\| `(\S+)` \| [^|]+ \| (?:`(\w+)`|\w*) ?\| (\d*) ?\|", PAGE, re.MULTILINE)
    told = {name: (config, memory) for name, config, memory in rows}
    assert told == {name: (profile.get("config", ""), str(profile.get("memory", ""))) for name, profile in PROFILES.items()}


@pytest.mark.parametrize("name", PARTS)
def test_its_inventory_works(name, tmp_path):
    inventory = load(PARTS[name])
    master = {"netboot_networks": NETWORKS, **inventory.get("master", {}).get("vars", {})}
    group = inventory["slaves"].get("vars", {})
    nodes = {host: {**group, **variables} for host, variables in inventory["slaves"]["hosts"].items()}
    fleet = _fleet.parse({"head": master, **nodes}, nodes, "head")
    assert name in {node.profile.split("@")[0] for node in fleet.present} | {"Your own"}
    for template, text in TEMPLATES.items():
        (tmp_path / template).write_text(text)
    made = _cloud.render(fleet, nodes, [str(tmp_path), str(ROOT / "roles/cloud_config/templates")])
    assert {name.partition("/")[0] for name in made} == {node.name for node in fleet.configured}
    assert {name for name in made if "/" in name} == {f"{node.name}/install" for node in fleet.installs}
