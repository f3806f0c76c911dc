# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""C(pxe_hosts.json), the file of the pxe_coreos container: hosts out of it, and back into it. Pure.

    {"common": {"$name": value}, "hosts": {ADDRESS: {"macaddr": …, "$hostname": …, "channel": …, "template": …, "$name": value}}}

What begins with a dollar is a variable of the host's configuration, and passes through here as it is.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ._fleet import bare
from ._sources import Host, Source, SourceError

#: The keys of a host, and the variables that they are.
KEYS = {"macaddr": "netboot_mac", "channel": "netboot_profile", "template": "netboot_template"}
NAME = "$hostname"
REQUIRED = ("macaddr", NAME, "channel")
#: The file's common variables are one variable of the inventory; those of one host are another, or a group's.
COMMON, OWN = "netboot_vars_common", ("netboot_vars_group", "netboot_vars")

#: A text in quotes, which is left alone, or a comma that nothing follows.
#: A string of JSON that may be left open, and what makes it a key.
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)("|$)(\s*:)?')
_COMMA = re.compile(r'"(?:[^"\\\n]|\\.)*"|(,)(?=\s*[}\]])')


class _Object(dict):
    """A JSON object that remembers which of its keys were there more than once. It stays in here: Ansible wants plain data."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        seen: set[str] = set()
        self.twice = sorted({key for key, _value in pairs if key in seen or seen.add(key)})


def parse(text: str, channels: Mapping[str, str] | None = None, trailing_commas: bool = False) -> Source:
    """What the file's text says.

    C(channels) names the profile of a channel; one that is not in it is a profile of its own name.
    Raises C(SourceError), for text that is no JSON with the place, the line and what is wrong with it.
    """
    faults: list[str] = []
    file = _object(faults, "the file", _load(text, trailing_commas), '"common": {…}, "hosts": {…}')
    _keys(faults, "the file", file, ("common", "hosts"), ("hosts",))
    common = _object(faults, "common", file.get("common", _Object([])), '"$name": …')
    _keys(faults, "common", common, _dollars(common))
    entries = _object(faults, "hosts", file.get("hosts", _Object([])), '"10.0.33.11": {…}')
    _keys(faults, "hosts", entries, entries)
    hosts: dict[str, Host] = {}
    for address, data in entries.items():
        where = f"hosts, {address}"
        entry = _object(faults, where, data, '"macaddr": …, "$hostname": …, "channel": …')
        _keys(faults, where, entry, (*KEYS, *_dollars(entry)), REQUIRED)
        host = _host(address, entry, channels or {})
        other = hosts.setdefault(host.name, host)
        if other is not host and NAME in entry:
            faults.append(f"{where}: $hostname = {host.name!r} is {other.variables['netboot_ip']}'s too; every host needs its own")
    if faults:
        raise SourceError(faults)
    return Source(tuple(hosts.values()), {COMMON: _values(common)} if common else {})


def dump(hosts: Iterable[Host], channels: Mapping[str, str] | None = None) -> str:
    """The text of the file for hosts with all their variables, those that they share among them; L(parse) gives them back.

    C(channels) is that of L(parse). C(netboot_*) variables for which the file has no place are left out.
    """
    channel_of = {profile: channel for channel, profile in (channels or {}).items()}
    hosts = list(hosts)
    common = _agreed([host.variables.get(COMMON) or {} for host in hosts])
    entries = {host.variables["netboot_ip"]: _entry(host, common, channel_of) for host in hosts}
    return json.dumps({"common": _named(common), "hosts": entries}, indent=2, ensure_ascii=False) + "\n"


def _host(address: str, entry: Mapping[str, Any], channels: Mapping[str, str]) -> Host:
    variables = {variable: entry[key] for key, variable in KEYS.items() if key in entry}
    channel, own = entry.get("channel"), _values(entry)
    variables |= {"netboot_ip": address, "netboot_profile": channels.get(str(channel), channel)}
    return Host(str(entry.get(NAME)), variables | ({OWN[-1]: own} if own else {}))


def _entry(host: Host, common: Mapping[str, Any], channel_of: Mapping[str, str]) -> dict[str, Any]:
    known = {key: host.variables[variable] for key, variable in KEYS.items() if host.variables.get(variable) is not None}
    known["channel"] = channel_of.get(known["channel"], known["channel"])
    own: dict[str, Any] = {}
    for variable in (COMMON, *OWN):
        own |= host.variables.get(variable) or {}
    own = {name: value for name, value in own.items() if name not in common or not _same(value, common[name])}
    return {"macaddr": known.pop("macaddr"), NAME: host.name, **known, **_named(own)}


def _dollars(part: Mapping[str, Any]) -> list[str]:
    return [key for key in part if key.startswith("$")]


def _values(part: Mapping[str, Any]) -> dict[str, Any]:
    """The variables in a part of the file, by names without the dollar."""
    return {key.removeprefix("$"): bare(part[key]) for key in _dollars(part) if key != NAME}


def _named(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {f"${name}": value for name, value in variables.items()}


def _agreed(each: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What all of them say alike."""
    first, *others = each or [{}]
    return {name: value for name, value in first.items() if all(name in other and _same(other[name], value) for other in others)}


def _same(one: Any, other: Any) -> bool:
    # As JSON has it: to Python, true is 1.
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _load(text: str, trailing_commas: bool) -> Any:
    # Blanks take the places of the commas, so that a later error is reported where it is.
    mended = _COMMA.sub(lambda match: " " if match[1] else match[0], text)
    try:
        return json.loads(mended if trailing_commas else text, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        comma = next((match.start() for match in _COMMA.finditer(text) if match[1]), None)
        if comma is not None and comma <= error.pos and not trailing_commas:
            wrong = "JSON allows no comma after the last entry; take it away, or set trailing_commas to true"
            raise SourceError([_at(text, comma, wrong)]) from None
        raise SourceError([_at(text, error.pos, f"is no JSON: {error.msg}")]) from None


def _at(text: str, position: int, message: str) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    shown = text.split("\n")[line - 1].rstrip("\r")
    if '"$' in shown or not any(f'"{key}"' in shown for key in KEYS):
        # The values of variables may be secrets; what is shown in their place keeps the columns.
        shown = _STRING.sub(lambda found: found[0] if found[3] else f'"{"…" * len(found[1])}{found[2]}', shown)
    # A mark below the very character needs the line's tabs in front of it.
    mark = re.sub(r"[^\t]", " ", shown[: column - 1]) + "^"
    return f"line {line}, column {column}: {message}\n{shown}\n{mark}"


def _object(faults: list[str], where: str, data: Any, form: str) -> _Object:
    if isinstance(data, _Object):
        return data
    faults.append(f"{where}: is no JSON object; write {{{form}}}")
    return _Object([])


def _keys(faults: list[str], where: str, part: _Object, known: Collection[str], required: Iterable[str] = ()) -> None:
    faults += [f"{where}: {key!r} is there more than once; leave one" for key in part.twice]
    faults += [f"{where}: {key} is missing" for key in required if key not in part]
    for key in part:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else "a variable of your own begins with $"
            faults.append(f"{where}: {key!r} is not known here; {hint}")
