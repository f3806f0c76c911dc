# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: cloud_nginx
author: Bootyard contributors (@bootyard)
short_description: Configure nginx to answer each node with its own configuration
version_added: 1.0.0
description:
  - >-
    Returns two files. One has the tables from addresses to nodes and the servers that answer on any path; the other is the location C(/cloud/) for
    the server of P(bootyard.netboot.ipxe_http#role).
  - Where no node has a configuration there are none.
  - >-
    Where nodes install themselves there are two more, by which they report, and boot their disks from then on, and one of C(/etc/tmpfiles.d) for their
    directories in memory.
  - With O(secret) there is one more, a script of njs that makes links for who asks.
positional: directory, listen, override_from, secret, installs, life
options:
  _input:
    description: The fleet, from P(bootyard.netboot.fleet#filter).
    type: dict
    required: true
  directory:
    description: Directory that has one for each node.
    type: path
    required: true
  listen:
    description: Addresses with ports on which any path is the node's configuration.
    type: list
    elements: str
    required: true
  override_from:
    description: Networks that may ask for other nodes. The master may in any case.
    type: list
    elements: str
    default: []
  secret:
    description: The C(netboot_config_secret), if links are used.
    type: str
    default: ''
  installs:
    description: Directory with the state of each node's installation, from M(bootyard.netboot.install_states).
    type: path
    default: /srv/installs
  life:
    description: Hours that a link lives.
    type: int
    default: 2
"""

EXAMPLES = r"""
- name: Look at the configuration
  ansible.builtin.debug:
    msg: "{{ netboot_fleet | bootyard.netboot.cloud_nginx('/srv/cloud', ['10.0.33.1:8080']) }}"
"""

RETURN = r"""
_value:
  description: C(files), the text of each file by its path, and C(probe), the question that only a server with these files answers rightly.
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_nginx
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet


def cloud_nginx(fleet, directory, listen, override_from=(), secret="", installs="/srv/installs", life=2):
    """Documented above."""
    fleet = Fleet.from_dict(fleet)
    try:
        files = _cloud_nginx.files(fleet, directory, listen, override_from, secret, installs, life)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error
    return {"files": files, "probe": _cloud_nginx.probe(fleet, files)}


class FilterModule:
    """Registers the filter."""

    def filters(self):
        return {"cloud_nginx": cloud_nginx}
