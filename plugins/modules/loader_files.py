#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: loader_files
short_description: Publish boot loaders
version_added: 1.0.0
description:
  - Takes boot loaders out of Debian's packages, in the newest version that apt knows, and puts them where machines fetch them.
  - No package is installed, since those of boot loaders would change how the master itself boots.
  - Only files whose content differs are touched.
extends_documentation_fragment: bootyard.netboot.master
options:
  binaries:
    description:
      - The boot loaders by name, as C(binaries) of the fleet has them.
      - Each has C(package) and its C(path) in there, or C(sha256) for a file of that name that is in the directory C(own) below O(store).
    type: dict
    required: true
  directory:
    description: Where machines fetch them.
    type: path
    required: true
  store:
    description: Where they are kept.
    type: path
    default: /var/lib/bootyard/loaders
attributes:
  check_mode:
    description: Predicts what a run would publish. Of a package that was not fetched yet, that is all of it.
    support: full
  diff_mode:
    description: Shows no difference, as the files are binary.
    support: none
"""

EXAMPLES = r"""
- name: Publish boot loaders
  bootyard.netboot.loader_files:
    binaries: "{{ netboot_fleet.binaries }}"
    directory: /srv/tftp
"""

RETURN = r"""
published:
  description: The boot loaders that were published or replaced.
  returned: success
  type: list
  elements: str
"""

import functools
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _binaries, _run


def main():
    module = AnsibleModule(
        argument_spec={
            "binaries": {"type": "dict", "required": True},
            "directory": {"type": "path", "required": True},
            "store": {"type": "path", "default": "/var/lib/bootyard/loaders"},
            "run": {"type": "int"},
            "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        module.exit_json(**_run.carry_out(module.params, module.check_mode, functools.partial(reconcile, options)))
    except (_binaries.BinaryError, _run.RunError, OSError) as error:
        module.fail_json(msg=str(error))


def reconcile(options, dry):
    """Publish what is missing or differs, unless C(dry); returns the module's result."""
    binaries, store = options["binaries"], _binaries.Store(options["store"])
    packages = {}
    for name, binary in binaries.items():
        if "package" in binary:
            packages.setdefault(binary["package"], {})[name] = binary["path"]
    debs = _binaries.candidates(packages)
    sources = store.sources(binaries, debs)
    if not dry:
        for package, members in packages.items():
            if not all(os.path.exists(sources[name]) for name in members):
                store.fetch(package, debs[package], members)
        for name, binary in binaries.items():
            if "sha256" in binary:
                _binaries.verify(sources[name], binary["sha256"])
    targets = {name: os.path.join(options["directory"], name) for name in binaries}
    differing = [name for name in sorted(binaries) if not _binaries.is_published(sources[name], targets[name])]
    if not dry:
        for name in differing:
            _binaries.publish(sources[name], targets[name])
        store.forget_all_but(debs.values())
    return {"changed": bool(differing), "published": differing}


if __name__ == "__main__":
    main()
