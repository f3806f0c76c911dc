# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: nodes_csv
short_description: The nodes of a spreadsheet
version_added: 1.0.0
description:
  - Reads a spreadsheet that was saved as CSV, with headers in its first line and one node in each other line.
  - Headers are C(name), C(groups) with names of groups between blanks, and every C(netboot_*) variable of a node, with or without C(netboot_),
    in any case. C(bmc.address) is an entry of a variable that is a mapping. C(mac) may hold several, of which the first one boots.
  - The separator is the semicolon, comma or tab that the first line has. A cell with a separator stands in quotes. An empty cell says nothing.
  - Everything that is wrong with the file is reported at once, with line and column.
extends_documentation_fragment:
  - bootyard.netboot.source
  - ansible.builtin.constructed
options:
  plugin:
    description: Selects this plugin.
    type: str
    required: true
    choices: [bootyard.netboot.nodes_csv]
  columns:
    description:
      - What a header means, where the spreadsheet has headers of its own.
      - It is a header from above, the name of any other variable, or empty for a column that is to be left out.
    type: dict
    default: {}
"""

EXAMPLES = r"""
# inventory/site/netboot.nodes_csv.yml, beside a hosts.yml with the master
plugin: bootyard.netboot.nodes_csv
path: nodes.csv

# A spreadsheet with headers of its own
---
plugin: bootyard.netboot.nodes_csv
path: /srv/share/computers.csv
columns:
  Computer: name
  MAC address: mac
  Console: vars.console
  Rack: rack
  Bought: ''
keyed_groups:
  - key: rack
    prefix: rack
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _nodes_csv
from ansible_collections.bootyard.netboot.plugins.plugin_utils._source import SourcePlugin


class InventoryModule(SourcePlugin):
    """Documented above."""

    NAME = "bootyard.netboot.nodes_csv"
    SUFFIX = "nodes_csv"

    def source(self, text):
        return _nodes_csv.parse(text, self.get_option("columns"))
