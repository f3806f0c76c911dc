# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Services of the master: start or reload them, then ask them what a client would ask."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from . import _dhcp_wire

#: Seconds that a service gets to answer after it was started or reloaded.
PATIENCE = 15.0

#: Nodes ask without a proxy, whatever the environment of this process names.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServiceError(RuntimeError):
    """A service is not running or does not answer as it should."""


class Refused(str):
    """A complaint about single nodes of a service that answers others as it should: a line for each."""

    __slots__ = ()


def is_enabled(unit: str) -> bool:
    """Whether the unit starts with the machine."""
    return _systemctl("is-enabled", unit).returncode == 0


def is_active(unit: str) -> bool:
    """Whether the unit runs now."""
    return _systemctl("is-active", unit).returncode == 0


def is_running(unit: str) -> bool:
    """Whether the unit runs now and whenever the machine does."""
    return is_enabled(unit) and is_active(unit)


def is_there(unit: str) -> bool:
    """Whether the unit runs now, or will when the machine starts."""
    return is_enabled(unit) or is_active(unit)


def activate(unit: str, how: str) -> None:
    """Let a running unit take over its new files, in the way C(how); enable and start one that does not run."""
    if is_running(unit):
        RELOADERS[how](unit)
    else:
        _must(_systemctl("daemon-reload"), "cannot reload systemd")
        _must(_systemctl("enable", unit), f"cannot enable {unit}")
        _restart(unit)
    if not is_active(unit):
        raise ServiceError(f"{unit} does not run: {_last_words(unit)}")


def stop(unit: str) -> None:
    """Stop the unit; it starts with the machine as before."""
    _must(_systemctl("stop", unit), f"cannot stop {unit}")


def disable(unit: str) -> None:
    """Stop the unit and keep it from starting with the machine."""
    _must(_systemctl("disable", "--now", unit), f"cannot disable {unit}")


def probe(wanted: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Ask the service until each probe in C(wanted) (see C(PROBES)) passes; raises C(ServiceError) if one goes on failing.

    Returns what it goes on refusing to single nodes while it serves others.
    """
    refused: list[str] = []
    for kind, options in wanted.items():
        deadline = time.monotonic() + PATIENCE + options.get("count", 0) / 100  # many exports take their time
        while complaint := PROBES[kind](**options):
            if time.monotonic() > deadline:
                if not isinstance(complaint, Refused):
                    raise ServiceError(f"the {kind} probe failed: {complaint}")
                refused += complaint.splitlines()
                break
            time.sleep(0.3)
    return refused


def is_lost(wanted: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a unit that ended well and counts as active no longer has in the kernel what it put there: somebody may have flushed it."""
    return any(kind in IN_KERNEL and bool(PROBES[kind](**options)) for kind, options in wanted.items())


# --- ways to reload --------------------------------------------------------------------------------------------------


def _kea(_unit: str) -> None:
    """Through the control socket, since a signal would not say whether the configuration was taken."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(60)
        control.connect("/run/kea/kea4-ctrl-socket")
        control.sendall(b'{"command": "config-reload"}')
        answer = b"".join(iter(lambda: control.recv(65536), b""))
    result = json.loads(answer)
    result = result[0] if isinstance(result, list) else result
    if result["result"] != 0:
        raise ServiceError(f"Kea refused the configuration: {result.get('text')}")


def _reload(unit: str) -> None:
    _must(_systemctl("reload", unit), f"cannot reload {unit}")


def _restart(unit: str) -> None:
    _must(_systemctl("daemon-reload"), "cannot reload systemd")
    _must(_systemctl("restart", unit), f"cannot restart {unit}: {_last_words(unit)}")


RELOADERS: dict[str, Callable[[str], None]] = {
    "reload": _reload,
    "restart": _restart,
    "kea": _kea,
    "none": lambda unit: None,
}


# --- probes: each returns what is wrong, or nothing ------------------------------------------------------------------


def _probe_dhcp(questions: list[Mapping[str, str]]) -> str | None:
    """A node that gets no answer, or another address, while others get theirs has lost its lease, and is no fault of the files."""
    refused = []
    for question in questions:
        mac, interface = question["mac"], question["interface"]
        answer = _dhcp_wire.ask(interface, mac, options=_dhcp_wire.pxe_options(), timeout=2, own=True)
        if not answer or answer.address != question["address"]:
            refused.append(
                f"{question['node']}: {mac} on {interface} is offered {answer.address if answer else 'nothing'} instead of "
                f"{question['address']}; find out from the DHCP server's log who holds that address, take it off the network, and run again"
            )
            continue
        got = {"next_server": answer.next_server, "file": answer.file}
        if wrong := {key: value for key, value in got.items() if value != question[key]}:
            return f"{mac} on {interface} is told {wrong} instead of { ({key: question[key] for key in wrong}) }"
    return Refused("\n".join(refused)) if len(refused) < len(questions) else "; ".join(refused)


def _probe_tftp(address: str, path: str) -> str | None:
    try:
        return None if tftp_size(address, path) else f"{path} is empty"
    except (OSError, ValueError) as error:
        return f"cannot read {path} from {address}: {error}"


def _probe_http(url: str, body: str = "") -> str | None:
    try:
        with _direct.open(url, timeout=5) as answer:
            return None if body in answer.read().decode(errors="replace") else f"{url} does not say {body!r}"
    except (OSError, http.client.HTTPException) as error:
        return f"cannot read {url}: {error}"


def _probe_nfs(address: str, count: int) -> str | None:
    done = subprocess.run(["showmount", "--no-headers", "--exports", address], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"{address} does not list its exports: {done.stderr.strip()}"
    listed = done.stdout.splitlines()
    return None if len(listed) == count else f"{address} exports {len(listed)} directories instead of {count}"


def _probe_ganesha(count: int) -> str | None:
    """Over D-Bus, since Ganesha lists to each client only what that client may mount."""
    call = ["org.ganesha.nfsd", "/org/ganesha/nfsd/ExportMgr", "org.ganesha.nfsd.exportmgr", "ShowExports"]
    done = subprocess.run(["busctl", "--json=short", "call", *call], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"Ganesha does not list its exports: {done.stderr.strip()}"
    _time, exports = json.loads(done.stdout)["data"]
    listed = [path for _number, path, *_rest in exports if path != "/"]
    return None if len(listed) == count else f"Ganesha exports {len(listed)} directories instead of {count}"


def _probe_nftables(table: str, text: str) -> str | None:
    """The table without the elements of its sets, of which there may be many."""
    done = subprocess.run(["nft", "--terse", "list", "table", *table.split()], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"table {table} is not loaded: {done.stderr.strip()}"
    return None if text in done.stdout else f"table {table} has other rules: expected {text!r} in them"


PROBES: dict[str, Callable[..., str | None]] = {
    "dhcp": _probe_dhcp,
    "tftp": _probe_tftp,
    "nfs": _probe_nfs,
    "ganesha": _probe_ganesha,
    "http": _probe_http,
    "nftables": _probe_nftables,
}

#: The probes that ask the kernel instead of a daemon.
IN_KERNEL = frozenset(["nftables"])


def tftp_size(address: str, path: str, timeout: float = 2.0) -> int:
    """The bytes of a file as a TFTP client reads it (RFC 1350). Raises C(OSError) or C(ValueError) with the server's word."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.sendto(struct.pack("!H", 1) + path.encode() + b"\0octet\0", (address, 69))
        total, expected = 0, 1
        while True:
            data, peer = sock.recvfrom(65535)
            code, number = struct.unpack_from("!HH", data.ljust(4, b"\0"))
            if code == 5:
                raise ValueError(data[4:].rstrip(b"\0").decode(errors="replace"))
            if code != 3:
                raise ValueError(f"answers with {data[:16]!r}, which is no data")
            sock.sendto(struct.pack("!HH", 4, number), peer)
            if number == expected & 0xFFFF:
                total, expected = total + len(data) - 4, expected + 1
                if len(data) < 516:
                    return total


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)


def _must(done: subprocess.CompletedProcess[str], complaint: str) -> None:
    if done.returncode:
        raise ServiceError(f"{complaint}: {(done.stderr or done.stdout).strip()}")


def _last_words(unit: str) -> str:
    log = subprocess.run(["journalctl", "--unit", unit, "--lines", "5", "--output", "cat"], capture_output=True, text=True, check=False)
    return " | ".join(log.stdout.split("\n")).strip(" |") or "it left no message"
