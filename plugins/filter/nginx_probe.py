# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_probe
author: Bootyard contributors (@bootyard)
short_description: A question to nginx and its right answer
version_added: 1.0.0
description: Returns the C(probe) of M(bootyard.netboot.service_files) that only a server with the printed configuration satisfies.
positional: directory
extends_documentation_fragment: bootyard.netboot.fleet
options:
  directory:
    description: The HTTP server's root.
    type: str
    default: /srv/http
"""

EXAMPLES = r"""
- name: Show the question
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.nginx_probe }}"
"""

RETURN = r"""
_value:
  description: The probe.
  type: dict
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _nginx
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def nginx_probe(fleet, directory="/srv/http"):
    """Documented above."""
    return _nginx.probe(Fleet.from_dict(fleet), directory)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"nginx_probe": nginx_probe}
