#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: node_check
short_description: Refuse what would take a root from a running node, or data from a renamed one
version_added: 1.0.0
description:
  - Compares the fleet with the roots and the installation states that the master keeps. Changes nothing.
  - >-
    Fails when a node is up that would lose its root, because it left the inventory, because its address changes, because its profile boots no root of
    its own any more, or because it gets another name.
  - >-
    Fails when a name left the inventory and one of its MAC addresses is another node's. Either that is its new name, which C(netboot_renamed_from)
    says, or the old one is among O(retired).
author:
  - Bootyard contributors (@bootyard)
requirements:
  - arping
options:
  fleet:
    description: The fleet, from P(bootyard.netboot.fleet#filter).
    type: dict
    required: true
  retired:
    description: Names that may have left the inventory although their machines are there under other names.
    type: list
    elements: str
    default: []
  force:
    description: Whether nodes may lose their roots although they are up.
    type: bool
    default: false
  installs:
    description: Where the installation states are.
    type: path
    default: /srv/installs
  layout:
    description: Directories to use instead of the usual ones; see M(bootyard.netboot.node_roots).
    type: dict
    default: {}
attributes:
  check_mode:
    description: Does the same, as it changes nothing.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Ask before anything is changed
  bootyard.netboot.node_check:
    fleet: "{{ netboot_fleet }}"
    retired: [node9]
"""

RETURN = r"""
moving:
  description: Nodes that take over the root or the archives of their former names in this run.
  returned: success
  type: list
  elements: str
staying:
  description: The roots that are there and are served on, as M(bootyard.netboot.node_roots) returns them.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _changes, _installs, _moves, _records, _retire, _run
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def main():
    module = AnsibleModule(
        argument_spec={
            "fleet": {"type": "dict", "required": True},
            "retired": {"type": "list", "elements": "str", "default": []},
            "force": {"type": "bool", "default": False},
            "installs": {"type": "path", "default": "/srv/installs"},
            "layout": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        module.exit_json(changed=False, **check(options))
    except (_records.RootError, OSError) as error:
        module.fail_json(msg=str(error))


def check(options):
    """Raise C(RootError) for what is refused; returns the module's result."""
    fleet, layout = Fleet.from_dict(options["fleet"]), _records.Layout(**options["layout"])
    records, _unreadable = _records.load(layout)
    known = {name: set(record.macs) for name, record in records.items()}
    for name, macs in _installs.States(options["installs"]).cards().items():
        known[name] = known.get(name, set()) | macs
    said = _changes.renamed(known, fleet, options["retired"])
    if said:
        raise _records.RootError(" ".join([*said, "Nothing was changed."]))
    moving = _moves.due(layout, fleet.renamed)
    losses = _changes.losses(records, fleet)
    busy = [] if options["force"] else _retire.in_use(records[name] for name in losses)
    if busy:
        names = _run.brief(f"{record.node} ({record.ip} is up) {losses[record.node]}" for record in busy)
        raise _records.RootError(
            f"these nodes still run and would lose their roots: {names}. Nothing was changed; switch them off and run again, "
            "or insist: -e nfs_root_force=true"
        )
    rooted = {node.name for node in fleet.rooted}
    return {
        "moving": sorted(moving),
        "staying": {name: record.public() for name, record in records.items() if name in rooted and record.state == "ready"},
    }


if __name__ == "__main__":
    main()
