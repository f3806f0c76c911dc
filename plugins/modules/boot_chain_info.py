#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: boot_chain_info
short_description: Say what a machine would boot, and why, before it is switched on
version_added: 1.0.0
description:
  - Follows each machine hop by hop - what it sends, what it is told and by which rule, every file that it fetches - to its kernel and its root.
  - Files are looked up on the master, where they are published, with their size and SHA-256.
  - A machine that cannot come to its kernel, because a file or a root is missing, is a broken chain. It is told in RV(broken), the module does not fail.
options:
  fleet:
    description: The fleet, from P(bootyard.netboot.fleet#filter).
    type: dict
    required: true
  nodes:
    description: Names of the nodes to follow; all served nodes when it is empty.
    type: list
    elements: str
    default: []
  mac:
    description: MAC address of a machine to follow instead, in any notation. It need not be in the inventory.
    type: str
  network:
    description: Network that this machine is plugged into; needed when there are several and it is in no inventory.
    type: str
  firmware:
    description: Kinds of machines to follow each node as; all of them when it is empty.
    type: list
    elements: str
    choices: [ipxe-bios, ipxe, uefi-http, uefi-arm64-http, uefi-riscv64-http, uefi-loong64-http, uefi-ia32-http, bios-http, uefi, uefi-arm64,
      uefi-riscv64, uefi-loong64, uefi-ia32, rpi, bios]
    default: []
  details:
    description: Whether to return every hop of every chain. For thousands of nodes that is a lot.
    type: bool
    default: true
  tftp_directory:
    description: Directory that is served by TFTP.
    type: path
    default: /srv/tftp
  http_directory:
    description: Directory that is served by HTTP.
    type: path
    default: /srv/http
  installs_directory:
    description: Directory that says how far nodes are installed, from M(bootyard.netboot.install_states).
    type: path
    default: /srv/installs
author:
  - Bootyard contributors (@bootyard)
attributes:
  check_mode:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: See that every node would boot
  bootyard.netboot.boot_chain_info:
    fleet: "{{ netboot_fleet }}"
    details: false
  register: explained
  failed_when: explained.broken != []

- name: Ask what a machine would do that is in no inventory
  bootyard.netboot.boot_chain_info:
    fleet: "{{ netboot_fleet }}"
    mac: '52:54:00:12:34:56'
    firmware: [bios, uefi]
"""

RETURN = r"""
chains:
  description:
    - One entry for each machine and firmware, with C(node), C(mac), C(firmware), C(status) (C(boots), C(nothing) or C(broken)), C(outcome) and C(hops).
    - A hop is a C(dhcp) exchange, a C(fetch) or the C(kernel) that is started.
  returned: when O(details=true)
  type: list
  elements: dict
text:
  description: The same for people.
  returned: when O(details=true)
  type: list
  elements: str
counts:
  description: Number of chains by their status.
  returned: always
  type: dict
broken:
  description: Every broken chain in one line; after fifty, how many more there are.
  returned: always
  type: list
  elements: str
"""

import collections
import functools
import hashlib
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _explain, _installs
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet, canonical_mac
from ansible_collections.bootyard.netboot.plugins.module_utils._loaders import CLIENTS

MOST = 50
FIRMWARE = [client.name for client in CLIENTS]
#: Scripts and configurations are small; nothing larger is read as text.
SCRIPT_BYTES = 1 << 16


def main():
    module = AnsibleModule(
        argument_spec={
            "fleet": {"type": "dict", "required": True},
            "nodes": {"type": "list", "elements": "str", "default": []},
            "mac": {"type": "str"},
            "network": {"type": "str"},
            "firmware": {"type": "list", "elements": "str", "choices": FIRMWARE, "default": []},
            "details": {"type": "bool", "default": True},
            "tftp_directory": {"type": "path", "default": "/srv/tftp"},
            "http_directory": {"type": "path", "default": "/srv/http"},
            "installs_directory": {"type": "path", "default": "/srv/installs"},
        },
        supports_check_mode=True,
        no_log=True,  # syslog would get the links to configurations
    )
    options = module.params
    fleet = Fleet.from_dict(options["fleet"])
    try:
        chosen = machines(fleet, options["nodes"], options["mac"], options["network"])
    except ValueError as error:
        module.fail_json(msg=str(error))
    directories = {"tftp": options["tftp_directory"], "http": options["http_directory"]}
    counts, broken, chains = collections.Counter(), [], []
    states = _installs.States(options["installs_directory"]).states(fleet.installs)
    for chain in _explain.explain(fleet, chosen, options["firmware"] or FIRMWARE, reader(fleet, directories), has_root, states):
        counts[chain.status] += 1
        broken += [chain.line()] if chain.status == _explain.BROKEN else []
        chains += [chain] if options["details"] else []
    more = [f"and {len(broken) - MOST} more"] if len(broken) > MOST else []
    result = {"counts": counts, "broken": broken[:MOST] + more}
    if options["details"]:
        result |= {"chains": [chain.to_dict() for chain in chains], "text": [line for chain in chains for line in chain.lines()]}
    module.exit_json(**result)


def machines(fleet, nodes, mac, network):
    """The machines to follow: name, MAC and network. Raises C(ValueError) for one that cannot be told."""
    if mac:
        mac = canonical_mac(mac)
        node = fleet.node_of(mac)
        network = network or (node.network if node else next(iter(fleet.networks)) if len(fleet.networks) == 1 else "")
        if network not in fleet.networks:
            raise ValueError(f"network = {network!r}: say which network {mac} is plugged into; there are {', '.join(fleet.networks)}")
        return [(node.name if node else "a stranger", mac, network)]
    if missing := set(nodes) - {node.name for node in fleet.present}:
        raise ValueError(
            f"nodes: {', '.join(sorted(missing))}: no such node is served; there are {', '.join(n.name for n in fleet.present)}"
        )
    return [(node.name, node.macs[0], node.network) for node in fleet.present if not nodes or node.name in nodes]


def reader(fleet, directories):
    """A function that finds the file behind a URL; what another server has is taken on trust."""
    addresses = {network.address for network in fleet.networks.values()}

    @functools.cache
    def read(url):
        path = _explain.path_of(url, directories, addresses)
        if not path:
            return _explain.File()
        try:
            with open(path, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                size = stream.seek(0, os.SEEK_END)
                stream.seek(0)
                text = stream.read().decode(errors="replace") if size < SCRIPT_BYTES else ""
        except OSError:
            return None
        return _explain.File(size, digest, text)

    return read


def has_root(path):
    """Whether a directory is a system's root."""
    return os.path.lexists(os.path.join(path, "sbin/init"))


if __name__ == "__main__":
    main()
