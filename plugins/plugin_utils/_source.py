# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""The way from another tool's file into Ansible's inventory; each plugin only says how its file is read."""

from __future__ import annotations

import abc
import os

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible_collections.bootyard.netboot.plugins.module_utils._sources import SourceError


class SourcePlugin(BaseInventoryPlugin, Constructable):
    """Selected by a configuration whose file name ends with the plugin's C(SUFFIX), with C(.yml) or C(.yaml) after it."""

    SUFFIX = ""

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith((f"{self.SUFFIX}.yml", f"{self.SUFFIX}.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        file = os.path.join(os.path.dirname(path), os.path.expanduser(self.get_option("path")))
        try:
            with open(file, encoding="utf-8-sig", newline="") as stream:
                source = self.source(stream.read())
        # Without their causes, which Ansible would tell in the same words again.
        except OSError as error:
            raise AnsibleParserError(f"{file}: {error.strerror}; path in {path} names it") from None
        except UnicodeDecodeError as error:
            raise AnsibleParserError(f"{file}: is not UTF-8 at byte {error.start}; save it as UTF-8") from None
        except SourceError as error:
            raise AnsibleParserError("\n".join(f"{file}: {fault}" for fault in error.faults)) from None
        group = self.inventory.add_group(self.get_option("group"))
        for name, value in source.shared.items():
            self.inventory.set_variable(group, name, value)
        for host in source.hosts:
            self._add(host, group)

    @abc.abstractmethod
    def source(self, text):
        """Return what the file's text says. Raise C(SourceError) where there is anything wrong with it."""

    def _add(self, host, group):
        self.inventory.add_host(host.name, group)
        for name in host.groups:
            self.inventory.add_host(host.name, self.inventory.add_group(self._sanitize_group_name(name)))
        for name, value in host.variables.items():
            self.inventory.set_variable(host.name, name, value)
        variables, strict = self.inventory.get_host(host.name).get_vars(), self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host.name, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host.name, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host.name, strict)
