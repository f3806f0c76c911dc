#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: netboot_image
short_description: Publish kernels and other files from upstream
version_added: 1.0.0
description:
  - Fetches the files of every artefact from upstream, from a mirror or out of a Debian package, proves them, and lets machines boot them.
  - What O(lock) pins is fetched in that version and must have that SHA-256. What it does not pin is taken in upstream's newest version,
    must bear a good signature where upstream signs, and is pinned from then on if the caller keeps RV(ignore:lock).
  - All artefacts are fetched and proven before the first is switched. When one fails, machines boot what they booted before.
  - An artefact that is there costs a look at its files and no request.
requirements:
  - gpgv, where upstream signs
extends_documentation_fragment: bootyard.netboot.master
options:
  artefacts:
    description:
      - Where each artefact is from, by name, as C(artefacts) of the fleet has them.
      - Each has C(files), published names and what upstream calls them.
      - With C(package), these are paths in that Debian package.
      - With C(stream), they are keys of the PXE artefacts in the stream metadata at that URL.
      - With C(url), they lie below it. The version is C(version), or what the regular expression C(pattern) captures in the text at the URL C(index);
        C({version}) stands for it. C(ARCHIVE#MEMBER) is a file in a tar archive.
      - C(signature) is the suffix of detached signatures; with C(sums), a list of SHA-256 digests, of the signature of that list.
      - C(keyring) is the name of a file in O(keyrings), without its suffix.
      - C(links) are further names in each of O(roots), and which file each stands for. Where such a name is an operator's own file, it stays.
    type: dict
    required: true
  lock:
    description: What is pinned, as an earlier call returned it.
    type: dict
    default: {}
  update:
    description: Artefacts to be pinned anew, in upstream's newest version.
    type: list
    elements: str
    default: []
  followed:
    description: Artefacts that a timer keeps up to date. They are fetched only when there is nothing of them yet, and never taken back to what is pinned.
    type: list
    elements: str
    default: []
  mirrors:
    description: Beginnings of URLs, and what to read in their place. A directory of the master is C(file:///srv/mirror/).
    type: dict
    default: {}
  keyrings:
    description: Directory of OpenPGP public keys, binary and not in ASCII.
    type: path
    default: /etc/bootyard/keyrings
  roots:
    description: Roots of the servers that give out the files.
    type: list
    elements: path
    default: [/srv/http, /srv/tftp]
  keep:
    description: How many versions of each artefact stay.
    type: int
    default: 3
attributes:
  check_mode:
    description: Asks upstream for versions that are not pinned, and fetches no artefact. Digests of new versions are not known then.
    support: full
  diff_mode:
    description: Shows the version of each artefact before and after.
    support: full
"""

EXAMPLES = r"""
- name: Publish what the profiles boot
  bootyard.netboot.netboot_image:
    artefacts: "{{ netboot_fleet.artefacts }}"
    lock: "{{ lookup('ansible.builtin.file', inventory_dir ~ '/netboot.lock') | from_json }}"

- name: Publish memtest86+
  bootyard.netboot.netboot_image:
    artefacts:
      memtest:
        package: memtest86+
        files:
          memtest.efi: /boot/memtest86+x64.efi
"""

RETURN = r"""
lock:
  description: What is pinned from now on, and of which bytes it consists. In check mode the digests of new versions are empty.
  returned: success
  type: dict
  sample: {memtest: {version: 6.10-4, files: {memtest.efi: {url: 'apt:memtest86+#/boot/memtest86+x64.efi', sha256: 5891b5b5}}}}
switched:
  description: Artefacts that machines boot in another version now.
  returned: success
  type: list
  elements: str
mended:
  description: Artefacts of which files or links were damaged or missing.
  returned: success
  type: list
  elements: str
kept:
  description: Names of C(links) where an operator's own file stands.
  returned: success
  type: list
  elements: str
"""

import functools

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _artefacts, _binaries, _run


def main():
    module = AnsibleModule(
        argument_spec={
            "artefacts": {"type": "dict", "required": True},
            "lock": {"type": "dict", "default": {}},
            "update": {"type": "list", "elements": "str", "default": []},
            "followed": {"type": "list", "elements": "str", "default": []},
            "mirrors": {"type": "dict", "default": {}},
            "keyrings": {"type": "path", "default": "/etc/bootyard/keyrings"},
            "roots": {"type": "list", "elements": "path", "default": ["/srv/http", "/srv/tftp"]},
            "keep": {"type": "int", "default": 3},
            "run": {"type": "int"},
            "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        module.exit_json(**_run.carry_out(module.params, module.check_mode, functools.partial(reconcile, options)))
    except (_artefacts.ArtefactError, _binaries.BinaryError, _run.RunError, OSError) as error:
        module.fail_json(msg=str(error))


def reconcile(options, dry):
    """Publish what is missing or another version, unless C(dry); returns the module's result."""
    store = _artefacts.Store(options["roots"], options["keep"])
    upstream = _artefacts.Upstream(options["mirrors"], options["keyrings"])
    told = (options["artefacts"], options["lock"], options["update"], options["followed"])
    result = _artefacts.settle(store, upstream, *told, dry=dry)
    return {
        "changed": bool(result.switched or result.mended),
        "lock": result.lock,
        "switched": sorted(result.switched),
        "mended": sorted(set(result.mended)),
        "kept": result.kept,
        "diff": {
            "before": "".join(_artefacts.lines({name: versions[0] for name, versions in result.switched.items()})),
            "after": "".join(_artefacts.lines({name: versions[1] for name, versions in result.switched.items()})),
        },
    }


if __name__ == "__main__":
    main()
