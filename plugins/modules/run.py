#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: run
short_description: Begin or end a run of the main job on a master
version_added: 1.0.0
description:
  - Takes the next run number of the master, so that a run which was killed, or which a second operator overtook, can do no more harm.
  - Compares the nodes of the inventory with those served so far and refuses a run that would remove surprisingly many.
extends_documentation_fragment: bootyard.netboot.master
options:
  state:
    description:
      - V(started) begins a run and waits for one that is still at work.
      - V(finished) ends the run O(run) and remembers O(nodes) as the nodes that are served.
    type: str
    choices: [started, finished]
    default: started
  nodes:
    description: Names of all nodes that the inventory wants served.
    type: list
    elements: str
    required: true
  allow_removal:
    description: Nodes that may leave however many they are.
    type: list
    elements: str
    default: []
  max_removals:
    description: Per cent of the served nodes that may leave the inventory in one run. One always may, all never.
    type: int
    default: 10
  partial:
    description: Whether the run is about some nodes only. Such a run is refused when nodes left the inventory, since it removes nothing.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for another run.
    type: int
    default: 60
attributes:
  check_mode:
    description: Checks the removal of nodes but begins no run.
    support: full
"""

EXAMPLES = r"""
- name: Begin a run
  bootyard.netboot.run:
    nodes: [node1, node2]
  register: started

- name: End the run
  bootyard.netboot.run:
    state: finished
    run: "{{ started.run }}"
    nodes: [node1, node2]
"""

RETURN = r"""
run:
  description: The number of the run; not there in check mode.
  returned: success
  type: int
removed:
  description: Served nodes that the inventory no longer has and that this run removes.
  returned: when O(state=started)
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _run


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "finished"], "default": "started"},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "allow_removal": {"type": "list", "elements": "str", "default": []},
            "max_removals": {"type": "int", "default": 10},
            "partial": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
            "run": {"type": "int"},
            "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
        },
        required_if=[("state", "finished", ["run"])],
        supports_check_mode=True,
    )
    options = module.params
    directory, nodes, allowed, most = options["state_dir"], options["nodes"], options["allow_removal"], options["max_removals"]
    # The bookkeeping of runs is no change to the master: a second run still reports nothing changed.
    try:
        if options["state"] == "finished":
            _run.finish(directory, options["run"], nodes)
            module.exit_json(changed=False, run=options["run"])
        if module.check_mode:
            module.exit_json(changed=False, removed=_run.vanished(_run.load(directory), nodes, allowed, most, options["partial"]))
        number, removed = _run.begin(directory, nodes, allowed, most, options["timeout"], options["partial"])
        module.exit_json(changed=False, run=number, removed=removed)
    except _run.RunError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
