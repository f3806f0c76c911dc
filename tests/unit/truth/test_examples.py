"""The examples are inventories that the fleet takes, as Ansible reads them, and their templates give what is served."""

from __future__ import annotations

import json

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet
from documents import COLLECTION, ROOT, load, run

EXAMPLES = sorted(path.name for path in (ROOT / "inventory/examples").iterdir())
#: What the examples leave to a vault.
SECRETS = {"vault_bmc_password": "lab-one", "vault_rancher_token": "t0ken", "vault_rancher_ca_checksum": "0f0f"}
FLEET = f"hostvars | {COLLECTION}.fleet(groups.slaves, inventory_hostname, interface='eth1')"

CONFIGS = f"hostvars | {COLLECTION}.cloud_configs({FLEET}, [inventory_dir ~ '/templates'])"


def value(example: str, expression: str) -> object:
    """What a Jinja expression gives in an example's inventory."""
    print_it = ("ansible.builtin.debug", "-a", f"msg={{{{ {expression} }}}}", "-e", json.dumps(SECRETS))
    printed = run("ansible", "master", "-i", ROOT / "inventory/examples" / example, "-m", *print_it)
    return load(printed.partition("=>")[2] or printed.partition("\n")[2])["msg"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_fleet_takes_it(example):
    assert len(Fleet.from_dict(value(example, FLEET)).present) == 3


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (
            "pxe-hosts",
            {
                "docker-101": "Address=10.100.10.101/24\n        Gateway=10.100.10.5\n",
                "docker-102": "Address=192.168.90.102/24\n",
                "docker-103": "ETCD_INITIAL_CLUSTER=docker-103=http://192.168.90.103:2380\n",
            },
        ),
        (
            "rancher-lab",
            {
                "rancherserver": "--server https://192.168.25.5 --token t0ken --ca-checksum 0f0f --etcd --controlplane\n",
                "ranchernode1": "--server https://192.168.25.5 --token t0ken --ca-checksum 0f0f --worker\n",
                "ranchernode2": "hostname: ranchernode2\n",
            },
        ),
    ],
)
def test_its_templates_give_each_node_its_own(example, expected):
    configurations = value(example, CONFIGS)
    # Ansible's printer may read the JSON text as what it is.
    configurations = json.loads(configurations) if isinstance(configurations, str) else configurations
    texts = {node: made["files"]["config"] for node, made in configurations.items()}
    assert texts.keys() == expected.keys()
    assert [node for node, text in texts.items() if expected[node] not in text] == []
