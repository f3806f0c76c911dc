# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pxe_hosts
short_description: The hosts of a pxe_hosts.json
version_added: 1.0.0
description:
  - Reads the C(pxe_hosts.json) of a C(pxe_coreos) container, which then drives the fleet as it is.
  - A host's key is its C(netboot_ip), C($hostname) its name, C(macaddr) its C(netboot_mac), C(channel) its C(netboot_profile), C(template) its
    C(netboot_template).
  - What begins with a dollar is in C(netboot_vars), without the dollar, and what is in C(common) in the group's
    C(netboot_vars_common). A host's own beats a common one.
  - Everything that is wrong with the file is reported at once, with the place. The master's variables belong into an inventory beside it.
extends_documentation_fragment:
  - bootyard.netboot.source
  - ansible.builtin.constructed
options:
  plugin:
    description: Selects this plugin.
    type: str
    required: true
    choices: [bootyard.netboot.pxe_hosts]
  channels:
    description:
      - The profile of a channel.
      - A channel that is not here is a profile of its own name.
    type: dict
    default: {}
  trailing_commas:
    description: Whether a comma may stand after the last entry of a list or an object, which JSON does not allow.
    type: bool
    default: false
"""

EXAMPLES = r"""
# inventory/site/netboot.pxe_hosts.yml, beside a hosts.yml with the master
plugin: bootyard.netboot.pxe_hosts
path: /home/core/pxe_coreos.data/pxe_hosts.json

# Channels become profiles of other names, and each is a group.
---
plugin: bootyard.netboot.pxe_hosts
path: /home/core/pxe_coreos.data/pxe_hosts.json
trailing_commas: true
channels:
  stable: flatcar
  beta: flatcar-beta
keyed_groups:
  - key: netboot_profile
    prefix: profile
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _pxe_hosts
from ansible_collections.bootyard.netboot.plugins.plugin_utils._source import SourcePlugin


class InventoryModule(SourcePlugin):
    """Documented above."""

    NAME = "bootyard.netboot.pxe_hosts"
    SUFFIX = "pxe_hosts"

    def source(self, text):
        return _pxe_hosts.parse(text, self.get_option("channels"), self.get_option("trailing_commas"))
