#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_files
short_description: Publish the configurations that nodes fetch
version_added: 1.0.0
description:
  - Checks cloud-init's configurations against its own schema, in the version that the node's Debian release has, and publishes all files, or none.
  - Only files whose content differs are touched. What is refused leaves in place what was served before.
  - The schema comes out of Debian's package, which apt fetches and authenticates once for each release. Nothing is installed.
extends_documentation_fragment: bootyard.netboot.master
options:
  configs:
    description: The configurations, from P(bootyard.netboot.cloud_configs#filter).
    type: str
    required: true
  release:
    description: The code name of the release whose cloud-init nodes without an image have, such as V(bookworm).
    type: str
    required: true
  directory:
    description: Where the files are put, in a directory for each node.
    type: path
    default: /srv/cloud
  schemas:
    description: Where the schemas are kept.
    type: path
    default: /var/lib/bootyard/schemas
  mirror:
    description: URL of the Debian mirror that has the package of cloud-init. By default the one of the master's apt.
    type: str
attributes:
  check_mode:
    description: Predicts what a run would publish. A schema that was not fetched yet is not asked.
    support: full
  diff_mode:
    description: Names the files and hides what is in them, as it may be secret.
    support: partial
requirements:
  - python3-jsonschema
"""

EXAMPLES = r"""
- name: Publish every node's configuration
  bootyard.netboot.cloud_files:
    configs: "{{ hostvars | bootyard.netboot.cloud_configs(netboot_fleet, [inventory_dir ~ '/templates']) }}"
    release: "{{ ansible_facts.distribution_release }}"
"""

RETURN = r"""
written:
  description: Files that were created or changed, the first fifty.
  returned: success
  type: list
  elements: str
removed:
  description: Files that were removed, the first fifty.
  returned: success
  type: list
  elements: str
checked:
  description: How many configurations were checked against a schema; those that passed it before are not checked again.
  returned: success
  type: int
"""

import functools
import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.warnings import warn
from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_schema, _reconcile, _run

MOST = 50


def main():
    module = AnsibleModule(
        argument_spec={
            # One text: of a mapping Ansible would look for every value in all that the module says.
            "configs": {"type": "str", "required": True, "no_log": True},
            "release": {"type": "str", "required": True},
            "directory": {"type": "path", "default": "/srv/cloud"},
            "schemas": {"type": "path", "default": "/var/lib/bootyard/schemas"},
            "mirror": {"type": "str"},
            "run": {"type": "int"},
            "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**_run.carry_out(module.params, module.check_mode, functools.partial(reconcile, module.params)))
    except (_cloud_schema.SchemaError, _reconcile.ReconcileError, _run.RunError, OSError) as error:
        module.fail_json(msg=str(error))


def reconcile(options, dry):
    """Plan, check what is new, and unless C(dry) publish; returns the module's result."""
    configs = json.loads(options["configs"])
    files = {
        os.path.join(options["directory"], node, name): text for node, config in configs.items() for name, text in config["files"].items()
    }
    file_set = _reconcile.FileSet(options["state_dir"], "cloud")
    changes = file_set.plan(files, 0o644, prune=True)
    if file_set.lost:
        warn(file_set.lost)
    checks = _cloud_schema.Checks(options["state_dir"], _cloud_schema.Store(options["schemas"], options["mirror"]))
    checked = checks.run(configs, options["release"], dry)
    if not dry:
        if changes or file_set.pending:
            file_set.apply(changes, 0o644, kept=files)
        checks.save()
    return {
        "changed": bool(changes),
        "written": [change.path for change in changes if change.after is not None][:MOST],
        "removed": [change.path for change in changes if change.after is None][:MOST],
        "checked": checked,
        "diff": [_reconcile.shown(change, secret=True) for change in changes[:20]],
    }


if __name__ == "__main__":
    main()
