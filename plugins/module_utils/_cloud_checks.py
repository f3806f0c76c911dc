# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What is wrong with a configuration that a machine would take without a word, kind by kind. Pure; the texts are parsed already.

Each check yields where in the configuration, and what would be right. What cloud-init's own schema says is L(_cloud_schema)'s.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from . import _ignition

Findings = Iterator[tuple[str, str]]

#: What a wiping entry is told; the confirmation is where people write what disks are for.
_CONFIRM = "wipes {device}; if that is meant, say confirm: true in the entry of netboot_disks that has device: {device}"

#: Keys that coreos-cloudinit knows (its Documentation/cloud-config.md); it leaves others out without a word.
_COREOS = frozenset(["coreos", "hostname", "manage_etc_hosts", "ssh_authorized_keys", "users", "write_files"])
_COREOS_KEYS = frozenset(["etcd", "etcd2", "fleet", "flannel", "locksmith", "oem", "units", "update"])
_COREOS_LOGIN = ("passwd", "ssh-authorized-keys", "coreos-ssh-import-github", "coreos-ssh-import-github-users", "coreos-ssh-import-url")

_NOCLOUD_LOGIN = ("ssh_authorized_keys", "ssh-authorized-keys", "ssh_import_id", "passwd", "hashed_passwd", "plain_text_passwd", "snapuser")

#: RancherOS reads a URL's configuration long after it has looked for its disk and set its console's password.
_RANCHER_EARLY = {
    "state": "is acted on before the network is up; write it into the kernel arguments, like {example}",
    "password": "is set before the configuration is there; write rancher.password=… into the kernel arguments",
}
_DOCKER = re.compile(r"(?:^|[\s;&|(/])docker(?:\s|$)")

#: debconf's types (debconf-devel(7)), and the forms that a preseed file's lines have (preseed(7) of the installer's guide).
_DEBCONF = r"(?:string|boolean|select|multiselect|note|text|password|title|error|seen)"
_PRESEED = re.compile(rf"\S+\s+\S+\s+{_DEBCONF}(?:\s.*)?")


def nocloud(config: Any, wipeable: Collection[str]) -> Findings:
    """Of cloud-init's user-data (docs.cloud-init.io, module reference)."""
    if not isinstance(config, Mapping):
        yield "", "is no mapping of keys"
        return
    # Passwords for accounts that are made elsewhere are given by name.
    chpasswd = config.get("chpasswd") if isinstance(config.get("chpasswd"), Mapping) else {}
    named = {user.get("name") for user in _list(chpasswd.get("users")) if isinstance(user, Mapping)}
    listed = chpasswd.get("list") or ""
    named |= {str(line).partition(":")[0] for line in (listed.splitlines() if isinstance(listed, str) else _list(listed))}
    for where, user in _each(config, "users"):
        if user.get("name") not in named:
            yield from _login(where, user, _NOCLOUD_LOGIN, "ssh_authorized_keys")
    for device, table in _mapping(config.get("disk_setup")).items():
        if isinstance(table, Mapping) and table.get("overwrite") and device not in wipeable:
            yield f"disk_setup.{device}", _CONFIRM.format(device=device)
    for where, system in _each(config, "fs_setup"):
        if system.get("overwrite") and system.get("device") not in wipeable:
            yield where, _CONFIRM.format(device=system.get("device"))


def coreos(config: Any, _wipeable: Collection[str]) -> Findings:
    """Of CoreOS' cloud-config, as coreos-cloudinit reads it."""
    if not isinstance(config, Mapping):
        yield "", "is no mapping of keys"
        return
    yield from _unknown("", config, _COREOS)
    yield from _unknown("coreos", _mapping(config.get("coreos")), _COREOS_KEYS)
    for where, unit in _each(_mapping(config.get("coreos")), "units", "coreos."):
        if not re.fullmatch(r"[\w:.@\\-]+\.\w+", str(unit.get("name"))):
            yield f"{where}.name", f"is {unit.get('name')!r}; give the unit's whole name, such as etcd2.service"
    for where, user in _each(config, "users"):
        yield from _login(where, user, _COREOS_LOGIN, "ssh-authorized-keys")
    yield from _files(config)


def rancher(config: Any, _wipeable: Collection[str]) -> Findings:
    """Of RancherOS' and BurmillaOS' cloud-config: all that is only heeded elsewhere or at another time."""
    if not isinstance(config, Mapping):
        yield "", "is no mapping of keys"
        return
    own = _mapping(config.get("rancher"))
    for key, reason in _RANCHER_EARLY.items():
        if key in own:
            example = " ".join(f"rancher.state.{name}={value}" for name, value in _mapping(own[key]).items())
            yield f"rancher.{key}", reason.format(example=example or "rancher.state.dev=LABEL=RANCHER_STATE")
    for number, command in enumerate(_list(config.get("runcmd"))):
        words = " ".join(map(str, command)) if isinstance(command, list) else str(command)
        if _DOCKER.search(words):
            yield (
                f"runcmd[{number}]",
                "runs before Docker is there; make it a service below rancher.services, or wait for it in /etc/rc.local",
            )
    for number, mount in enumerate(_list(config.get("mounts"))):
        count = len(mount) if isinstance(mount, list) else 1
        if count != 4:
            yield f"mounts[{number}]", f"has {count} fields and would be left out; give four: device, directory, file system, options"
    yield from _files(config)


def ignition(config: Any, wipeable: Collection[str]) -> Findings:
    """Of an Ignition configuration, in its own JSON form."""
    yield from _ignition.check(config)
    if not isinstance(config, Mapping):
        return
    for where, user in _each(_mapping(config.get("passwd")), "users", "passwd."):
        if user.get("shouldExist") is not False:
            yield from _login(where, user, ("sshAuthorizedKeys", "passwordHash"), "sshAuthorizedKeys")
    storage = _mapping(config.get("storage"))
    for where, disk in _each(storage, "disks", "storage."):
        partitions = [part for part in _list(disk.get("partitions")) if isinstance(part, Mapping)]
        wipes = disk.get("wipeTable") or any(part.get("wipePartitionEntry") for part in partitions)
        if wipes and disk.get("device") not in wipeable:
            yield where, _CONFIRM.format(device=disk.get("device"))
    for where, system in _each(storage, "filesystems", "storage."):
        if system.get("wipeFilesystem") and system.get("device") not in wipeable:
            yield where, _CONFIRM.format(device=system.get("device"))


def preseed(text: str, wipeable: Collection[str]) -> Findings:
    """Of an answer file of Debian's installer."""
    answers = {}
    for number, line in _logical_lines(text):
        if not _PRESEED.fullmatch(line):
            yield f"line {number}", "is no answer; write owner, question, type and value, such as d-i netcfg/get_hostname string node1"
            continue
        _owner, question, _type, *value = line.split(None, 3)
        answers[question] = value[0] if value else ""
    if "partman-auto/method" in answers:
        devices = answers.get("partman-auto/disk", "").split()
        if not devices:
            yield "partman-auto/method", "would take whatever disk comes first; name it as partman-auto/disk"
        for device in devices:
            if device not in wipeable:
                yield "partman-auto/disk", _CONFIRM.format(device=device)
    if answers.get("passwd/root-login") == "false" and answers.get("passwd/make-user") == "false":
        yield "passwd/make-user", "leaves nobody who could log in; let one of root-login and make-user be true"


def talos(documents: list[Any], _wipeable: Collection[str]) -> Findings:
    """Of a Talos machine configuration (docs.siderolabs.com, reference/configuration)."""
    whole = [document for document in documents if isinstance(document, Mapping) and "machine" in document]
    if len(whole) != 1 or whole[0].get("version") != "v1alpha1" or not isinstance(whole[0].get("machine"), Mapping):
        yield "machine", "has to be in one document, together with version: v1alpha1; talosctl gen config makes one"
    for number, document in enumerate(documents):
        if document not in whole and not (isinstance(document, Mapping) and document.get("apiVersion") and document.get("kind")):
            yield f"document {number + 1}", "has no apiVersion and kind"


# --- what kinds have in common ---------------------------------------------------------------------------------------


def _login(where: str, user: Mapping[str, Any], ways: Iterable[str], first: str) -> Findings:
    if not any(user.get(way) for way in ways) and not user.get("system"):
        yield where, f"{user.get('name')} has neither key nor password and nobody could log in as it; give {first}, or say system: true"


def _files(config: Mapping[str, Any]) -> Findings:
    for where, file in _each(config, "write_files"):
        if not str(file.get("path")).startswith("/"):
            yield f"{where}.path", f"is {file.get('path')!r}; give an absolute path"


def _unknown(where: str, config: Mapping[str, Any], known: Collection[str]) -> Findings:
    for key in config:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            yield (
                f"{where}.{key}".lstrip("."),
                f"is no key of this kind; {f'did you mean {close[0]}?' if close else f'there are {_names(known)}'}",
            )


def _each(config: Mapping[str, Any], key: str, prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The mappings in a list, each with its place."""
    for number, item in enumerate(_list(config.get(key))):
        if isinstance(item, Mapping):
            yield f"{prefix}{key}[{number}]", item


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, those that end in a backslash joined with the next one, with their numbers."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if whole else number
        whole += line.rstrip("\\") if line.endswith("\\") else line
        if line.endswith("\\"):
            continue
        if whole.strip() and not whole.lstrip().startswith("#"):
            yield first, whole.strip()
        whole = ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
