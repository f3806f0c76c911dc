#!/usr/bin/python
# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: root_image
short_description: Build base images for node roots
version_added: 1.0.0
description:
  - Builds each image that does not exist yet, or whose recipe changed, as a new immutable generation, and makes it the current one.
  - A generation holds the root, C(vmlinuz), C(initrd.img) and a C(manifest.json); kernel and initrd of every generation are published
    for the servers that machines fetch them from.
  - Older generations stay, since roots are clones of them.
requirements:
  - mmdebstrap
  - mksquashfs, for images with C(form=squashfs)
extends_documentation_fragment: bootyard.netboot.master
options:
  images:
    description:
      - Images by name.
      - Each has C(suite) and may have C(arch), C(mirror), C(components), C(packages), C(extra_packages) and C(kernel_package) of its own.
      - One with C(form=squashfs) is a system for RAM. Its generations have a C(filesystem.squashfs) besides.
    type: dict
    required: true
  defaults:
    description: What an image has that does not say otherwise.
    type: dict
    required: true
    suboptions:
      arch:
        description: Debian architecture.
        type: str
        required: true
      mirror:
        description: URL of the Debian mirror. Another mirror makes no other image.
        type: str
        required: true
      components:
        description: Components of the archive.
        type: list
        elements: str
        required: true
      packages:
        description: Packages that every root needs.
        type: list
        elements: str
        required: true
      squashfs_packages:
        description: Packages that every system in RAM needs.
        type: list
        elements: str
        default: []
      extra_packages:
        description: Packages on top of these.
        type: list
        elements: str
        default: []
      kernel_package:
        description: Package that brings the kernel.
        type: str
        required: true
  directory:
    description: Where the generations are.
    type: path
    default: /srv/netboot/images
  publish:
    description: Where the TFTP and the HTTP server find kernels and initrds.
    type: list
    elements: path
    default: [/srv/tftp/images, /srv/http/images]
attributes:
  check_mode:
    description: Says which images would be built.
    support: full
  diff_mode:
    description: Shows the generation of each image before and after.
    support: full
"""

EXAMPLES = r"""
- name: Build the images
  bootyard.netboot.root_image:
    images:
      debian-12: {suite: bookworm}
    defaults:
      arch: amd64
      mirror: http://mirror.example/debian
      components: [main]
      packages: [systemd-sysv, initramfs-tools, nfs-common]
      kernel_package: linux-image-amd64
"""

RETURN = r"""
generations:
  description: The current generation of each image.
  returned: success
  type: dict
  sample: {debian-12: 0001-5e4f1c22}
built:
  description: Images that were built.
  returned: success
  type: list
  elements: str
"""

import functools
from collections import defaultdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootyard.netboot.plugins.module_utils import _archive, _image, _records, _run


def main():
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "dict", "required": True},
            "defaults": {
                "type": "dict",
                "required": True,
                "options": {
                    "arch": {"type": "str", "required": True},
                    "mirror": {"type": "str", "required": True},
                    "components": {"type": "list", "elements": "str", "required": True},
                    "packages": {"type": "list", "elements": "str", "required": True},
                    "squashfs_packages": {"type": "list", "elements": "str", "default": []},
                    "extra_packages": {"type": "list", "elements": "str", "default": []},
                    "kernel_package": {"type": "str", "required": True},
                },
            },
            "directory": {"type": "path", "default": "/srv/netboot/images"},
            "publish": {"type": "list", "elements": "path", "default": ["/srv/tftp/images", "/srv/http/images"]},
            "run": {"type": "int"},
            "state_dir": {"type": "path", "default": "/var/lib/bootyard"},
        },
        supports_check_mode=True,
    )
    options = module.params
    images = [_image.wanted(name, spec, options["defaults"]) for name, spec in sorted(options["images"].items())]
    store = _image.Store(options["directory"], options["publish"], _used())
    try:
        module.exit_json(**_run.carry_out(module.params, module.check_mode, functools.partial(reconcile, store, images)))
    except (_image.ImageError, _run.RunError, OSError) as error:
        module.fail_json(msg=str(error))


def _used():
    """The generations that roots, those in the archive too, are clones of, by image."""
    used, layout = defaultdict(set), _records.Layout()
    archived = (item.record for item in _archive.archives(layout) if item.record)
    for record in (*_records.load(layout)[0].values(), *archived):
        used[record.image].add(record.generation)
    return used


def reconcile(store, images, dry):
    """Build what is missing, unless C(dry); returns the module's result."""
    generations, before, built, relinked = {}, {}, [], []
    for image in images:
        manifest = store.manifest(image.name)
        before[image.name] = manifest["generation"] if manifest else None
        generations[image.name], there = store.wanted_generation(image)
        if not there:
            built.append(image.name)
            if not dry:
                store.build(image)
        elif store.unlinked(image.name):
            relinked.append(image.name)
            if not dry:
                store.switch(image.name, generations[image.name])
    unpublished = store.unpublished()
    for name, generation in () if dry else unpublished:
        store.publish_boot_files(name, generation)
    return {
        "changed": bool(built or relinked or unpublished),
        "built": built,
        "generations": generations,
        "diff": {"before": _lines(before), "after": _lines(generations)},
    }


def _lines(generations):
    return "".join(f"{name}: {generation or 'none'}\n" for name, generation in sorted(generations.items()))


if __name__ == "__main__":
    main()
