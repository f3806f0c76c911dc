#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: install_states
short_description: Keep how far nodes are installed, and have them installed anew
version_added: 1.0.0
description:
  - Makes the directory of each node that installs itself, in which nginx puts what the node reports, and says how far each node is.
  - >-
    A node is C(unknown) until it reports. Then it installs itself to a blank disk only, and is C(refused) where the disk is not blank. Once it writes to
    the disk it is C(installing), and goes on with that if it is interrupted. When it is C(installed) it boots its disk. C(wipe) is what
    O(reinstall) makes of it.
  - >-
    C(wipe) and C(installing) let a disk be overwritten. They name it (by its WWN, its serial number, or where it has neither by where it is connected, and
    by its size) and count for no other, for 72 hours, for one installation, and until the master restarts: they are in O(memory), which no backup has.
  - What is known is of a machine and not of a name. A node all of whose MACs are new is unknown.
  - What is known of a node moves with it to a new name where C(netboot_renamed_from) says so.
  - Directories of nodes that left are removed, if they were made here.
extends_documentation_fragment: bootyard.netboot.master
options:
  fleet:
    description: The fleet, from P(bootyard.netboot.fleet#filter).
    type: dict
    required: true
  reinstall:
    description:
      - Nodes that are to install themselves at their next boot, whatever is on their disks.
      - One that does not install itself, or has not told yet which disk it has, is refused, and then nothing is changed.
    type: list
    elements: str
    default: []
  directory:
    description: Where the directories are.
    type: path
    default: /srv/installs
  memory:
    description: Directory in memory for what lets a disk be overwritten.
    type: path
    default: /run/bootyard-install
  group:
    description: Group of the web server, which writes what nodes report.
    type: str
    default: www-data
attributes:
  check_mode:
    description: Predicts the states.
    support: full
  diff_mode:
    description: Shows the state of each node before and after.
    support: full
"""

EXAMPLES = r"""
- name: Have a node installed anew when it boots
  bootyard.netboot.install_states:
    fleet: "{{ netboot_fleet }}"
    reinstall: [node4]
"""

RETURN = r"""
states:
  description: The state of each node that installs itself, V(unknown), V(refused), V(installing), V(wipe) or V(installed).
  returned: success
  type: dict
  sample: {node4: installed}
told:
  description: What the nodes in O(reinstall) do at their next boot, and of the others those that wait for somebody.
  returned: success
  type: list
  elements: str
"""

import functools
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _installs, _run
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def main():
    module = AnsibleModule(
        argument_spec={
            "fleet": {"type": "dict", "required": True},
            "reinstall": {"type": "list", "elements": "str", "default": []},
            "directory": {"type": "path", "default": "/srv/installs"},
            "memory": {"type": "path", "default": _installs.MEMORY},
            "group": {"type": "str", "default": "www-data"},
            "run": {"type": "int"},
            "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
        },
        supports_check_mode=True,
        no_log=True,  # syslog would get the links to configurations
    )
    try:
        module.exit_json(**_run.carry_out(module.params, module.check_mode, functools.partial(reconcile, module.params)))
    except (_installs.InstallError, _run.RunError, OSError, LookupError) as error:
        module.fail_json(msg=str(error))


def reconcile(options, dry):
    """Plan, and unless C(dry) change the directories; returns the module's result."""
    fleet = Fleet.from_dict(options["fleet"])
    chosen = {node.name for node in _installs.to_reinstall(fleet, options["reinstall"])}
    known = _installs.States(options["directory"], options["memory"])
    renamed = known.rename(fleet.installs, dry)
    before = known.states(fleet.installs)
    changes = known.plan(fleet.installs, chosen)
    reports = {node.name: known.reports(node.name) for node in fleet.installs}
    for change in changes:
        if change.after is not None:
            kept = {marker: report for marker, report in reports[change.node].items() if marker in change.after}
            reports[change.node] = kept | ({"wipe": change.wish} if change.wish else {})
    after = {name: _installs.state_of(kept, time.time()) for name, kept in reports.items()}
    if changes and not dry:
        known.apply(changes, fleet.installs, options["group"])
    waiting = {name for name, kept in reports.items() if "refused" in kept}
    return {
        "changed": bool(changes or renamed),
        "states": after,
        "told": [_installs.tells(node, after[node.name], reports[node.name]) for node in fleet.installs if node.name in chosen | waiting],
        "diff": {"before": _installs.as_lines(before), "after": _installs.as_lines(after)},
    }


if __name__ == "__main__":
    main()
