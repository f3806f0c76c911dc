# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What a node does with its disks, and which containers it runs: C(netboot_disks) and C(netboot_containers) read. Pure.

Every value that comes out of here can stand in a unit of systemd, a line of fstab and a shell's script: what could not is a fault.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: The file systems, and how many bytes the label of each holds (mkfs.*(8), mkswap(8)).
FILESYSTEMS = {"ext4": 16, "xfs": 12, "btrfs": 255, "vfat": 11, "swap": 15}
WIPES = ("never", "if_blank", "always")

_DISK_KEYS = ("device", "label", "filesystem", "mount", "wipe", "confirm", "options")
_CONTAINER_KEYS = ("name", "image", "archive", "ports", "volumes", "env", "command")

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
DEVICE = re.compile(r"/dev(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._:+@=-]+)+")
_PATH = re.compile(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._@+-]+)+")
_OPTIONS = re.compile(r"[A-Za-z0-9._=:/@+-]+(?:,[A-Za-z0-9._=:/@+-]+)*")
#: What the system mounts itself.
_TAKEN = re.compile(r"/(?:dev|proc|run|sys)(?:/|$)")
_IMAGE = re.compile(r"[a-z0-9](?:[A-Za-z0-9._/-]|:(?=[A-Za-z0-9]))*(?:@sha256:[0-9a-f]{64})?")
_ARCHIVE = re.compile(r"https?://[A-Za-z0-9._~:/@%+-]+")
_PORT = re.compile(r"(?:(?P<address>[0-9.]+):)?(?P<host>[0-9]{1,5}):(?P<inner>[0-9]{1,5})(?:/(?P<protocol>tcp|udp))?")
_VOLUME = re.compile(rf"(?P<source>{_PATH.pattern}|{_WORD.pattern}):{_PATH.pattern}(?::(?:r[ow]|[zZ])(?:,(?:r[ow]|[zZ]))*)?")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk or partition. Without C(filesystem) nothing is made of it by itself; C(confirm) is the word that it may be wiped."""

    device: str
    label: str = ""
    filesystem: str = ""
    mount: str = ""
    wipe: str = "if_blank"
    confirm: bool = False
    options: str = "defaults,nofail"

    @property
    def source(self) -> str:
        """How mount(8) finds it."""
        return f"LABEL={self.label}" if self.label else self.device


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs as long as the node does. C(archive) is a URL of what C(image) is loaded from."""

    name: str
    image: str
    archive: str = ""
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()


class _Entry:
    """One entry of a list: its keys, and where its faults go."""

    def __init__(self, faults: Any, host: str, variable: str, number: int, spec: Mapping[str, Any]) -> None:
        self._faults, self._host, self.where, self.spec = faults, host, f"{variable}[{number}]", spec

    def fault(self, key: str, right: str, value: Any = None) -> None:
        self._faults.add(self._host, f"{self.where}.{key}", self.spec.get(key) if value is None else value, right)

    def text(self, key: str, form: re.Pattern[str], right: str) -> str:
        """A value of a form; empty where nothing is said."""
        value = self.spec.get(key)
        if value in (None, ""):
            return ""
        if not isinstance(value, str) or not form.fullmatch(value):
            self.fault(key, right)
            return ""
        return str(value)

    def choice(self, key: str, choices: Iterable[str], default: str) -> str:
        value = self.spec.get(key)
        if value is None:
            return default
        if value not in list(choices):
            self.fault(key, f"choose {', '.join(choices)}")
            return default
        return str(value)

    def items(self, key: str) -> list[Any]:
        value = self.spec.get(key)
        return list(value) if isinstance(value, (list, tuple)) else [] if value in (None, "") else [value]


def _entries(faults: Any, host: str, variable: str, value: Any, keys: Iterable[str], example: str) -> Iterator[_Entry]:
    if value and not isinstance(value, (list, tuple)):
        faults.add(host, variable, value, f"is no list; write [{example}]")
        return
    for number, spec in enumerate(value or []):
        if not isinstance(spec, Mapping):
            faults.add(host, f"{variable}[{number}]", spec, f"is no mapping; write {example}")
            continue
        entry = _Entry(faults, host, variable, number, spec)
        for key in spec:
            if key not in keys:
                entry.fault(str(key), f"is not known here; there are {', '.join(sorted(keys))}")
        yield entry


def disks(faults: Any, host: str, value: Any) -> tuple[Disk, ...]:
    """The disks that C(netboot_disks) describes; C(faults.add) is told what is wrong: host, variable, value, what is right."""
    made, seen = [], {}
    for entry in _entries(faults, host, "netboot_disks", value, _DISK_KEYS, "{device: /dev/vdb, label: data, mount: /srv/data}"):
        disk = _disk(entry)
        made.append(disk)
        for key in ("device", "mount", "label"):
            _once(entry, seen, key, getattr(disk, key))
    return tuple(made)


def _disk(entry: _Entry) -> Disk:
    if not entry.spec.get("device"):
        entry.fault("device", "name the disk or partition, like /dev/vdb or /dev/disk/by-id/virtio-data")
    device = entry.text("device", DEVICE, "is no device; write a path like /dev/vdb or /dev/disk/by-id/virtio-data")
    label = entry.text("label", _WORD, "label a file system with letters, digits, dots, dashes and underscores")
    mount = entry.text("mount", _PATH, "is no absolute path of letters, digits and -._@+ below /; write one like /srv/data")
    if _TAKEN.match(mount):
        entry.fault("mount", "is the system's own; choose a directory like /srv/data")
    filesystem = entry.choice("filesystem", FILESYSTEMS, "ext4" if label or mount else "")
    if filesystem and len(label) > FILESYSTEMS[filesystem]:
        entry.fault("label", f"is too long: {filesystem} has room for {FILESYSTEMS[filesystem]} letters")
    if filesystem == "swap" and mount:
        entry.fault("mount", "swap is mounted nowhere; leave mount out, or choose another filesystem")
    wipe = entry.choice("wipe", WIPES, "if_blank")
    confirm = entry.spec.get("confirm")
    if not isinstance(confirm, bool) and confirm is not None:
        entry.fault("confirm", "say true or false")
    if wipe == "always" and confirm is not True:
        entry.fault("wipe", "deletes the disk at every boot; if that is meant, say confirm: true beside it, else wipe: if_blank")
    words = entry.spec.get("options")
    options = ",".join(map(str, words)) if isinstance(words, (list, tuple)) else words
    if options and not _OPTIONS.fullmatch(str(options)):
        entry.fault("options", "are no options of mount; write them like noatime,nofail")
    return Disk(device, label, filesystem, mount, wipe, confirm is True, str(options or "defaults,nofail"))


def containers(faults: Any, host: str, value: Any) -> tuple[Container, ...]:
    """The containers that C(netboot_containers) describes, in the same way."""
    made, seen = [], {}
    for entry in _entries(faults, host, "netboot_containers", value, _CONTAINER_KEYS, "{name: web, image: registry.example.com/web:1}"):
        for key, example in (("name", "web"), ("image", "registry.example.com/web:1")):
            if not entry.spec.get(key):
                entry.fault(key, f"is missing; write one like {example}")
        container = Container(
            entry.text("name", _WORD, "name a container with letters, digits, dots, dashes and underscores"),
            entry.text("image", _IMAGE, "is no image's name; write one like registry.example.com/web:1"),
            entry.text(
                "archive", _ARCHIVE, "is no URL of what podman save or docker save wrote; write one like http://10.0.33.1/images/web.tar"
            ),
            tuple(_ports(entry, seen)),
            tuple(_volumes(entry)),
            tuple(_env(entry)),
            tuple(_command(entry)),
        )
        _once(entry, seen, "name", container.name)
        made.append(container)
    return tuple(made)


def _ports(entry: _Entry, seen: dict[tuple[str, str], str]) -> Iterator[str]:
    """Ports as ADDRESS:HOST:CONTAINER/PROTOCOL, the address only if there is one."""
    for item in entry.items("ports"):
        if not isinstance(item, str):
            entry.fault("ports", "YAML read it as a number; write it in quotes, like '8080:80'", item)
            continue
        match = _PORT.fullmatch(item)
        if not match or not all(0 < int(match[name]) < 65536 for name in ("host", "inner")) or not _is_address(match["address"]):
            entry.fault("ports", "write HOST:CONTAINER with ports from 1 to 65535, like '8080:80', '53:53/udp' or '10.0.33.11:80:80'", item)
            continue
        address = f"{match['address']}:" if match["address"] else ""
        protocol = match["protocol"] or "tcp"
        _once(entry, seen, "ports", f"{address}{int(match['host'])}/{protocol}")
        yield f"{address}{int(match['host'])}:{int(match['inner'])}/{protocol}"


def _is_address(value: str | None) -> bool:
    try:
        return value is None or bool(ipaddress.IPv4Address(value))
    except ValueError:
        return False


def _volumes(entry: _Entry) -> Iterator[str]:
    for item in entry.items("volumes"):
        if not isinstance(item, str) or not _VOLUME.fullmatch(item):
            entry.fault("volumes", "write HOST:CONTAINER or HOST:CONTAINER:ro with absolute paths, like '/srv/data:/data:ro'", item)
            continue
        yield str(item)


def _env(entry: _Entry) -> Iterator[tuple[str, str]]:
    env = entry.spec.get("env") or {}
    if not isinstance(env, Mapping):
        entry.fault("env", "is no mapping; write {NAME: value}")
        return
    for name, value in env.items():
        if not _ENV.fullmatch(str(name)):
            entry.fault(f"env.{name}", "is no name of a variable; take letters, digits and underscores")
        elif isinstance(value, bool) or not isinstance(value, (str, int, float)):
            entry.fault(f"env.{name}", "is no text; write it in quotes")
        elif _CONTROL.search(str(value)):
            entry.fault(f"env.{name}", "has a line break or another control character, which no file of variables can hold")
        else:
            yield str(name), str(value)


def _command(entry: _Entry) -> Iterator[str]:
    value = entry.spec.get("command")
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            entry.fault("command", f"is no command line ({error}); write a list of words")
            return
    for word in value if isinstance(value, (list, tuple)) else entry.items("command"):
        if isinstance(word, bool) or not isinstance(word, (str, int, float)) or _CONTROL.search(str(word)):
            entry.fault("command", "is no word of one line; write it in quotes", word)
            continue
        yield str(word)


def _once(entry: _Entry, seen: dict[tuple[str, str], str], key: str, value: str) -> None:
    """Notes that a value is taken; the second one that wants it is told."""
    if value and seen.setdefault((key, value), entry.where) != entry.where:
        entry.fault(key, f"is {seen[key, value]}'s too; every one needs its own", value)
