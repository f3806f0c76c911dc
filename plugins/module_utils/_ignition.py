# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Ignition's configuration, specs 3.0 to 3.6 (coreos.github.io/ignition/specs): checked, and made from Butane's easier form. Pure."""

from __future__ import annotations

import posixpath
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._secrets import kind

#: Butane's variants and versions, and the spec that each stands for (coreos.github.io/butane/specs).
VARIANTS = {
    "fcos": {"1.0.0": "3.0.0", "1.1.0": "3.1.0", "1.2.0": "3.2.0", "1.3.0": "3.2.0", "1.4.0": "3.3.0", "1.5.0": "3.4.0"}
    | {"1.6.0": "3.5.0", "1.7.0": "3.6.0"},
    "flatcar": {"1.0.0": "3.3.0", "1.1.0": "3.4.0"},
}
SCHEMES = ("data", "http", "https", "tftp", "s3", "gs", "arn")


class IgnitionError(ValueError):
    """Something that Butane's form allows and this cannot translate; the message says where and what to write instead."""


@dataclass(frozen=True, slots=True)
class _Field:
    """What a key may hold: a type, a mapping of keys, or a list of either. C(since) is the spec that brought it."""

    holds: Any
    required: bool = False
    since: str = "3.0.0"


_VERIFICATION = {"hash": _Field(str)}
_HEADERS = [{"name": _Field(str, True), "value": _Field(str)}]
_RESOURCE = {
    "source": _Field(str),
    "compression": _Field(str),
    "httpHeaders": _Field(_HEADERS, since="3.1.0"),
    "verification": _Field(_VERIFICATION),
}
_OWNER = {"id": _Field(int), "name": _Field(str)}
_NODE = {"path": _Field(str, True), "overwrite": _Field(bool), "user": _Field(_OWNER), "group": _Field(_OWNER)}
_UNIT = {"name": _Field(str, True), "contents": _Field(str)}
_PARTITION = {
    "number": _Field(int),
    "label": _Field(str),
    "sizeMiB": _Field(int),
    "startMiB": _Field(int),
    "typeGuid": _Field(str),
    "guid": _Field(str),
    "wipePartitionEntry": _Field(bool),
    "shouldExist": _Field(bool),
    "resize": _Field(bool, since="3.2.0"),
}
_CLEVIS = {
    "custom": _Field({"pin": _Field(str), "config": _Field(str), "needsNetwork": _Field(bool)}),
    "tang": _Field([{"url": _Field(str, True), "thumbprint": _Field(str), "advertisement": _Field(str, since="3.4.0")}]),
    "threshold": _Field(int),
    "tpm2": _Field(bool),
}

CONFIG = {
    "ignition": _Field(
        {
            "version": _Field(str, True),
            "config": _Field({"merge": _Field([_RESOURCE]), "replace": _Field(_RESOURCE)}),
            "timeouts": _Field({"httpResponseHeaders": _Field(int), "httpTotal": _Field(int)}),
            "security": _Field({"tls": _Field({"certificateAuthorities": _Field([_RESOURCE])})}),
            "proxy": _Field({"httpProxy": _Field(str), "httpsProxy": _Field(str), "noProxy": _Field([str])}, since="3.1.0"),
        },
        True,
    ),
    "kernelArguments": _Field({"shouldExist": _Field([str]), "shouldNotExist": _Field([str])}, since="3.3.0"),
    "passwd": _Field(
        {
            "users": _Field(
                [
                    {
                        "name": _Field(str, True),
                        "passwordHash": _Field(str),
                        "sshAuthorizedKeys": _Field([str]),
                        "uid": _Field(int),
                        "gecos": _Field(str),
                        "homeDir": _Field(str),
                        "noCreateHome": _Field(bool),
                        "primaryGroup": _Field(str),
                        "groups": _Field([str]),
                        "noUserGroup": _Field(bool),
                        "noLogInit": _Field(bool),
                        "shell": _Field(str),
                        "system": _Field(bool),
                        "shouldExist": _Field(bool, since="3.2.0"),
                    }
                ]
            ),
            "groups": _Field(
                [
                    {
                        "name": _Field(str, True),
                        "gid": _Field(int),
                        "passwordHash": _Field(str),
                        "system": _Field(bool),
                        "shouldExist": _Field(bool, since="3.2.0"),
                    }
                ]
            ),
        }
    ),
    "storage": _Field(
        {
            "disks": _Field([{"device": _Field(str, True), "wipeTable": _Field(bool), "partitions": _Field([_PARTITION])}]),
            "raid": _Field(
                [
                    {
                        "name": _Field(str, True),
                        "level": _Field(str),
                        "devices": _Field([str]),
                        "spares": _Field(int),
                        "options": _Field([str]),
                    }
                ]
            ),
            "filesystems": _Field(
                [
                    {
                        "device": _Field(str, True),
                        "format": _Field(str),
                        "path": _Field(str),
                        "wipeFilesystem": _Field(bool),
                        "label": _Field(str),
                        "uuid": _Field(str),
                        "options": _Field([str]),
                        "mountOptions": _Field([str], since="3.1.0"),
                    }
                ]
            ),
            "files": _Field([{**_NODE, "contents": _Field(_RESOURCE), "append": _Field([_RESOURCE]), "mode": _Field(int)}]),
            "directories": _Field([{**_NODE, "mode": _Field(int)}]),
            "links": _Field([{**_NODE, "target": _Field(str), "hard": _Field(bool)}]),
            "luks": _Field(
                [
                    {
                        "name": _Field(str, True),
                        "device": _Field(str),
                        "keyFile": _Field(_RESOURCE),
                        "label": _Field(str),
                        "uuid": _Field(str),
                        "options": _Field([str]),
                        "wipeVolume": _Field(bool),
                        "clevis": _Field(_CLEVIS),
                        "discard": _Field(bool, since="3.4.0"),
                        "openOptions": _Field([str], since="3.4.0"),
                    }
                ],
                since="3.2.0",
            ),
        }
    ),
    "systemd": _Field({"units": _Field([{**_UNIT, "enabled": _Field(bool), "mask": _Field(bool), "dropins": _Field([_UNIT])}])}),
}

#: Where a name may come once only, below storage for all three kinds of nodes together.
_UNIQUE = (
    ((("passwd", "users"),), "name"),
    ((("passwd", "groups"),), "name"),
    ((("systemd", "units"),), "name"),
    ((("storage", "disks"),), "device"),
    ((("storage", "filesystems"),), "device"),
    ((("storage", "files"), ("storage", "directories"), ("storage", "links")), "path"),
)


def check(config: Any) -> Iterator[tuple[str, str]]:
    """What Ignition would stop at, or take for something else than was meant: where, and what would be right."""
    version = (
        config.get("ignition", {}).get("version") if isinstance(config, Mapping) and isinstance(config.get("ignition"), Mapping) else ""
    )
    faults = list(_shape("", config, CONFIG, str(version)))
    yield from faults
    if not faults:
        yield from _names(config)
        yield from _paths(config)


def _shape(where: str, value: Any, holds: Any, version: str) -> Iterator[tuple[str, str]]:
    if isinstance(holds, list):
        if not isinstance(value, list):
            yield where, f"is {kind(value)}; write a list"
            return
        for number, item in enumerate(value):
            yield from _shape(f"{where}[{number}]", item, holds[0], version)
    elif isinstance(holds, Mapping):
        if not isinstance(value, Mapping):
            yield where, f"is {kind(value)}; write a mapping with {', '.join(sorted(holds))}"
            return
        for key, item in value.items():
            place = f"{where}.{key}".lstrip(".")
            if key not in holds:
                yield place, f"is no key here; there are {', '.join(sorted(holds))}"
            elif holds[key].since > version:
                yield place, f"came with spec {holds[key].since}; give the profile ignition: {holds[key].since} if its system reads that"
            elif item is not None:
                yield from _shape(place, item, holds[key].holds, version)
        for key, field in holds.items():
            if field.required and value.get(key) is None:
                yield f"{where}.{key}".lstrip("."), "is missing"
    elif not isinstance(value, holds) or (holds is int and isinstance(value, bool)):
        yield where, f"is {kind(value)}; write {_TYPES[holds]}"


_TYPES = {str: "a text", int: "a whole number", bool: "true or false"}


def _names(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for lists, key in _UNIQUE:
        seen: dict[str, str] = {}
        for section, name in lists:
            for number, item in enumerate((config.get(section) or {}).get(name) or []):
                where = f"{section}.{name}[{number}].{key}"
                if item[key] in seen:
                    yield where, f"is {item[key]} once more; {seen[item[key]]} has it already"
                seen.setdefault(item[key], where)


def _paths(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    storage = config.get("storage") or {}
    for name in ("files", "directories", "links"):
        for number, node in enumerate(storage.get(name) or []):
            where = f"storage.{name}[{number}]"
            if not node["path"].startswith("/") or posixpath.normpath(node["path"]) != node["path"]:
                yield f"{where}.path", f"is {node['path']!r}; give an absolute path without dots and doubled slashes"
            mode = node.get("mode")
            if mode is not None and not 0 <= mode <= 0o7777:
                yield f"{where}.mode", f"is {mode}; give 0 to 4095, which is 07777"
            elif mode is not None and re.fullmatch(r"[5-7][0-7][0-7]", str(mode)):
                octal = int(str(mode), 8)
                yield f"{where}.mode", f"is {mode}, and JSON has no octal numbers: that is {mode:#o}; write {octal} for {octal:#o}"
            contents = node.get("contents") or {}
            yield from _source(f"{where}.contents", contents)
            if name == "links" and not node.get("target"):
                yield f"{where}.target", "is missing"
    for number, system in enumerate(storage.get("filesystems") or []):
        if not system["device"].startswith("/"):
            yield f"storage.filesystems[{number}].device", f"is {system['device']!r}; give an absolute path"
    ignition = config["ignition"].get("config") or {}
    for number, resource in enumerate([*(ignition.get("merge") or []), ignition.get("replace") or {}]):
        yield from _source(f"ignition.config[{number}]", resource)
    for number, unit in enumerate((config.get("systemd") or {}).get("units") or []):
        if not re.fullmatch(r"[\w:.@\\-]+\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)", unit["name"]):
            yield f"systemd.units[{number}].name", f"is {unit['name']!r}; give the unit's whole name, such as web.service"


def _source(where: str, resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    source = resource.get("source")
    if source and urllib.parse.urlsplit(source).scheme not in SCHEMES:
        yield f"{where}.source", f"is {source!r}; give a URL that begins with one of {', '.join(SCHEMES)}"


# --- Butane's form ---------------------------------------------------------------------------------------------------


def from_butane(config: Any, spec: str) -> Any:
    """Ignition's own form out of Butane's: camel case, data URLs for inline contents, units for mounts, and the version.

    What is in Ignition's form already stays. Raises C(IgnitionError).
    """
    if not isinstance(config, Mapping):
        return config
    version = VARIANTS.get(str(config.get("variant")), {}).get(str(config.get("version")), spec)
    if version != spec:
        raise IgnitionError(f"version: {config['version']} of {config['variant']} is spec {version}; the profile has ignition: {spec}")
    made = {key: value for key, value in _camel("", config).items() if key not in ("variant", "version")}
    about, storage, systemd = (made.get(section) or {} for section in ("ignition", "storage", "systemd"))
    if isinstance(about, Mapping):
        made["ignition"] = {"version": spec, **about}
        if made["ignition"]["version"] != spec:
            raise IgnitionError(f"ignition.version is {about['version']}; the profile has ignition: {spec}")
    systems = storage.get("filesystems") if isinstance(storage, Mapping) else None
    systems = [system for system in systems if isinstance(system, dict)] if isinstance(systems, list) else []
    mounts = [_mount_unit(system) for system in systems if system.pop("withMountUnit", False)]
    units = systemd.get("units") or [] if isinstance(systemd, Mapping) else None
    if mounts and isinstance(units, list):
        made["systemd"] = {**systemd, "units": [*mounts, *units]}
    return made


#: Names in which an abbreviation is not written like a word.
_SPELLED = {"size_mib": "sizeMiB", "start_mib": "startMiB"}


def _camel(where: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(f"{where}[{number}]", item) for number, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    for foreign in ("local", "trees", "contents_local"):
        if foreign in value:
            raise IgnitionError(
                f"{where}.{foreign}".lstrip(".") + " reads files where Butane runs; write inline, and {% include %} the file there"
            )
    made = {}
    for key, item in value.items():
        name = _SPELLED.get(key) or re.sub(r"_([a-z0-9])", lambda letter: letter[1].upper(), str(key))
        made[name] = _camel(f"{where}.{key}".lstrip("."), item)
    if "inline" in made:
        # As Butane writes it, and so that text remains text for whatever else looks for a word in it.
        made["source"] = "data:," + urllib.parse.quote(str(made.pop("inline")))
    return made


def _mount_unit(system: Mapping[str, Any]) -> dict[str, Any]:
    """A unit that mounts the file system before local-fs.target, named as systemd wants it (systemd.mount(5))."""
    path, device = system.get("path"), system.get("device")
    if not path or not device:
        raise IgnitionError("storage.filesystems: with_mount_unit needs a path and a device")
    options = [str(option) for option in system.get("mountOptions") or []]
    check = f"systemd-fsck@{escape(str(device))}.service"
    lines = ["[Unit]", f"Requires={check}", f"After={check}", "", "[Mount]", f"What={device}", f"Where={path}"]
    lines += [f"Type={system['format']}"] if system.get("format") else []
    lines += [f"Options={','.join(options)}"] if options else []
    lines += ["", "[Install]", "RequiredBy=local-fs.target", ""]
    return {"name": f"{escape(str(path))}.mount", "enabled": True, "contents": "\n".join(lines)}


def escape(path: str) -> str:
    """A path as a part of a unit's name (systemd.unit(5), string escaping)."""
    inner = posixpath.normpath(path).strip("/")
    if not inner:
        return "-"
    escaped = "".join(
        char if re.match(r"[A-Za-z0-9:_.]", char) else "-" if char == "/" else "".join(f"\\x{byte:02x}" for byte in char.encode())
        for char in inner
    )
    return f"\\x2e{escaped[1:]}" if escaped.startswith(".") else escaped
