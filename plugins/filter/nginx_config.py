# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_config
author: Bootyard contributors (@bootyard)
short_description: The fleet as a configuration of nginx
version_added: 1.0.0
description: Returns the text of a file in C(conf.d) that serves a directory to the networks of the fleet, and no other network.
positional: directory
extends_documentation_fragment: bootyard.netboot.fleet
options:
  directory:
    description: The HTTP server's root.
    type: str
    default: /srv/http
"""

EXAMPLES = r"""
- name: Show the configuration
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.nginx_config }}"
"""

RETURN = r"""
_value:
  description: The text of the file.
  type: str
"""

from ansible_collections.bootyard.netboot.plugins.module_utils import _nginx
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def nginx_config(fleet, directory="/srv/http"):
    """Documented above."""
    return _nginx.config(Fleet.from_dict(fleet), directory)


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"nginx_config": nginx_config}
