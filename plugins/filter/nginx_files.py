# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_files
author: Bootyard contributors (@bootyard)
short_description: The fleet as files of nginx
version_added: 1.0.0
description:
  - Returns a file in C(conf.d) that serves a directory to the networks of the fleet, and no other network.
  - With it comes nginx's main file, with room for the connections of the whole fleet.
positional: main, directory
extends_documentation_fragment: bootyard.netboot.fleet
options:
  main:
    description: The text of C(/etc/nginx/nginx.conf) as it is. Numbers in it only ever grow, and without a text there is no such file in the result.
    type: str
    required: true
  directory:
    description: The HTTP server's root.
    type: str
    default: /srv/http
"""

EXAMPLES = r"""
- name: Show the configuration
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.nginx_files('') }}"
"""

RETURN = r"""
_value:
  description: The text of each file by its path.
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.module_utils import _nginx
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def nginx_files(fleet, main, directory="/srv/http"):
    """Documented above."""
    fleet = Fleet.from_dict(fleet)
    try:
        return _nginx.files(fleet, main, directory)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"nginx_files": nginx_files}
