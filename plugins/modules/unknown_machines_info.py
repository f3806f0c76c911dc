#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: unknown_machines_info
short_description: Find machines on the networks that are in no inventory
version_added: 1.0.0
description:
  - Reads what is on the master anyway - the leases of Kea, dnsmasq and ISC's DHCP server, dnsmasq's messages in the journal, and what iPXE
    asked the HTTP server for - and returns the machines that are no nodes.
  - Files that do not exist are passed over. Nothing is changed, and no machine is adopted.
options:
  fleet:
    description: The fleet, from P(bootyard.netboot.fleet#filter).
    type: dict
    required: true
  group:
    description: The group of the nodes in RV(inventory).
    type: str
    default: slaves
  kea_leases:
    description: Files of Kea's C(memfile) back end.
    type: list
    elements: path
    default: [/var/lib/kea/kea-leases4.csv.2, /var/lib/kea/kea-leases4.csv.1, /var/lib/kea/kea-leases4.csv]
  dnsmasq_leases:
    description: dnsmasq's files of leases.
    type: list
    elements: path
    default: [/var/lib/misc/dnsmasq.leases]
  dnsmasq_units:
    description: Units of dnsmasq, whose messages name machines even where it keeps no leases or gives none.
    type: list
    elements: str
    default: [bootyard-dnsmasq, dnsmasq]
  isc_leases:
    description: Files of leases of ISC's DHCP server.
    type: list
    elements: path
    default: [/var/lib/dhcp/dhcpd.leases]
  access_logs:
    description: Logs of the HTTP server, as this collection has nginx write them.
    type: list
    elements: path
    default: [/var/log/nginx/bootyard.log.1, /var/log/nginx/bootyard.log]
author:
  - Bootyard contributors (@bootyard)
attributes:
  check_mode:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Look for machines that nobody knows
  bootyard.netboot.unknown_machines_info:
    fleet: "{{ netboot_fleet }}"
"""

RETURN = r"""
machines:
  description: The machines, sorted by network and MAC.
  returned: always
  type: list
  elements: dict
  contains:
    macs:
      description: Its cards as far as they are known, first the one that boots.
      type: list
      elements: str
    network:
      description: The network that it was seen on; empty if it is none of the fleet's.
      type: str
    ip:
      description: An address on this network that no inventory gives away; empty if there is none.
      type: str
    at:
      description: The address at which it was seen, if it had one.
      type: str
    interface:
      description: The master's interface behind which it was seen, if that is known.
      type: str
    seen:
      description: When it was last seen, in seconds since 1970.
      type: int
    by:
      description: Who saw it.
      type: list
      elements: str
    uuid:
      description: >-
        What it says of itself, as far as it does and as far as that is plausible - C(uuid), C(name), C(serial), C(manufacturer), C(product),
        C(arch) and C(platform).
      type: str
inventory:
  description: The machines as a YAML inventory, to be read by somebody who knows them; empty when there are none.
  returned: always
  type: str
"""

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _sightings, _strangers
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def main():
    files = {"type": "list", "elements": "path"}
    module = AnsibleModule(
        argument_spec={
            "fleet": {"type": "dict", "required": True},
            "group": {"type": "str", "default": "slaves"},
            "kea_leases": {**files, "default": [f"/var/lib/kea/kea-leases4.csv{suffix}" for suffix in (".2", ".1", "")]},
            "dnsmasq_leases": {**files, "default": ["/var/lib/misc/dnsmasq.leases"]},
            "dnsmasq_units": {"type": "list", "elements": "str", "default": ["bootyard-dnsmasq", "dnsmasq"]},
            "isc_leases": {**files, "default": ["/var/lib/dhcp/dhcpd.leases"]},
            "access_logs": {**files, "default": [f"/var/log/nginx/bootyard.log{suffix}" for suffix in (".1", "")]},
        },
        supports_check_mode=True,
    )
    fleet = Fleet.from_dict(module.params["fleet"])
    machines = _strangers.strangers(fleet, sightings(fleet, module.params))
    module.exit_json(machines=machines, inventory=_strangers.inventory(machines, module.params["group"]))


def sightings(fleet, sources):
    """Yield everybody who was seen, by source."""
    for text in texts(sources["kea_leases"]):
        yield from _sightings.kea(text)
    for text in texts(sources["dnsmasq_leases"]):
        yield from _sightings.dnsmasq(text, fleet)
    for text in texts(sources["isc_leases"]):
        yield from _sightings.isc(text)
    yield from _sightings.journal(messages(sources["dnsmasq_units"]))
    # The log of a request may be in one file, and that of the next one in the other.
    yield from _sightings.access_log(line for text in texts(sources["access_logs"]) for line in text.splitlines())


def texts(paths):
    """The texts of those files that exist."""
    for path in paths:
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as stream:
                yield stream.read()


def messages(units):
    """What the journal has of the units; nothing on a master without systemd."""
    chosen = [f"--unit={unit}" for unit in units]
    command = ["journalctl", "--quiet", "--no-pager", "--output=json", "--output-fields=MESSAGE", "--grep=DHCP|PXE", *chosen]
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout if units else ""
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main()
