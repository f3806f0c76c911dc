# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: cloud_configs
author: Bootyard contributors (@bootyard)
short_description: The configurations that nodes fetch, rendered and checked
version_added: 1.0.0
description:
  - Renders the templates of every node whose profile has a C(config), in one call.
  - A node's variables are C(netboot_vars), C(netboot_vars_group) and C(netboot_vars_common), merged by key, the first one strongest.
  - All faults of all nodes are reported in one error, each with node, template, line or key, and what would be right.
positional: fleet, templates
options:
  _input:
    description: The C(hostvars) of the play.
    type: dict
    required: true
  fleet:
    description: The fleet, from P(bootyard.netboot.fleet#filter).
    type: dict
    required: true
  templates:
    description: Directories of templates; the first one that has a name has it.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
- name: Publish every node's configuration
  bootyard.netboot.cloud_files:
    configs: "{{ hostvars | bootyard.netboot.cloud_configs(netboot_fleet, [inventory_dir ~ '/templates']) }}"
    release: "{{ ansible_facts.distribution_release }}"
"""

RETURN = r"""
_value:
  description:
    - A JSON text, which Ansible passes on faster than data, for M(bootyard.netboot.cloud_files).
    - >-
      By node, it has the text of each of its C(files), and what cloud-init's schema is asked about: C(data), the C(suite) of the node's image if it has
      one, and the C(template), for its messages.
  type: str
"""

import dataclasses
import json

from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet
from ansible_collections.bootyard.netboot.plugins.plugin_utils import _cloud


def cloud_configs(hostvars, fleet, templates):
    """Documented above."""
    fleet = Fleet.from_dict(fleet)
    variables = {node.name: own_variables(hostvars[node.name]) for node in fleet.configured}
    try:
        made = _cloud.render(fleet, variables, map(str, templates))
    except _cloud.CloudError as error:
        raise AnsibleFilterError(str(error)) from error
    return json.dumps({node: dataclasses.asdict(config) for node, config in made.items()}, default=str)


def own_variables(host):
    """Of a host's variables, those that concern templates."""
    return {name: host[name] for name in _cloud.VARIABLES if name in host}


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"cloud_configs": cloud_configs}
