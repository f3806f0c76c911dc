# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What makes a clone of an image one node's own: files of its root as pure data.

The lines that a node may change itself (accounts) are merged into what is there; all else is written whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ._names import line

#: Where a root finds the live names of the fleet: a mount of the master's, over a copy that serves until it is there.
HOSTS_DIR = "/etc/bootyard"


@dataclass(frozen=True)
class Entry:
    """A file, directory or link of a root. C(content) None makes a directory; C(link) makes a symbolic link."""

    content: str | None = None
    mode: int = 0o644
    owner: int = 0
    group: int = 0
    link: str | None = None


@dataclass(frozen=True)
class Settings:
    """What all nodes' roots have in common."""

    password_hash: str = "!"
    authorized_keys: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    shared: tuple[Mapping[str, Any], ...] = ()
    users: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Identity:
    """What a node's root has to know of its node."""

    name: str
    ip: str
    macs: tuple[str, ...]
    server: str
    hosts: str
    domain: str | None = None
    dns: tuple[str, ...] = ()
    ntp: tuple[str, ...] = ()


def hosts(names: Iterable[tuple[str, str]], domain: str | None = None) -> str:
    """hosts(5) for the fleet: each name on its real address and none on 127.0.1.1, so that services bind where peers look."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", "ff02::1 ip6-allnodes", "ff02::2 ip6-allrouters"]
    return _lines([*lines, *(line(ip, name, domain) for name, ip in names)])


def entries(node: Identity, settings: Settings) -> dict[str, Entry]:
    """The entries that are written whole, by path in the root. Their parents come before them."""
    found = {
        "/etc/hostname": Entry(f"{node.name}\n"),
        "/etc/machine-id": Entry(""),
        "/etc/fstab": Entry(fstab(node.server, settings)),
        HOSTS_DIR: Entry(mode=0o755),
        f"{HOSTS_DIR}/hosts": Entry(node.hosts),
        "/etc/hosts": Entry(link="bootyard/hosts"),
        "/etc/systemd/network/00-bootyard-root.network": Entry(_unmanaged(node)),
        "/etc/network": Entry(mode=0o755),
        "/etc/network/interfaces": Entry("auto lo\niface lo inet loopback\n"),
        "/root/.ssh": Entry(mode=0o700),
        "/root/.ssh/authorized_keys": Entry(_lines(settings.authorized_keys), mode=0o600),
    }
    if node.dns:
        found["/etc/resolv.conf"] = Entry(_lines([f"search {node.domain}"] * bool(node.domain) + [f"nameserver {ip}" for ip in node.dns]))
    if node.ntp:
        found["/etc/systemd/timesyncd.conf.d/bootyard.conf"] = Entry(f"[Time]\nNTP={' '.join(node.ntp)}\n")
    for user in settings.users:
        home, ids = f"/home/{user['name']}", {"owner": user["uid"], "group": user["uid"]}
        found[home] = Entry(mode=0o755, **ids)
        found[f"{home}/.ssh"] = Entry(mode=0o700, **ids)
        found[f"{home}/.ssh/authorized_keys"] = Entry(_lines(user.get("authorized_keys", ())), mode=0o600, **ids)
    for share in settings.shared:
        found.setdefault(share.get("mount", share["path"]), Entry(mode=0o755))
    return found


def fstab(server: str, settings: Settings) -> str:
    """fstab(5): the root as the initramfs mounted it, the seed's tmpfs mounts, the master's shared directories."""
    rows = ["# Written by bootyard.netboot when this root was made.", "/dev/nfs / nfs tcp,nolock 0 0", "proc /proc proc defaults 0 0"]
    rows += [f"none {path} tmpfs nosuid,nodev{',mode=1777' if path.endswith('tmp') else ''} 0 0" for path in settings.tmpfs]
    for share in settings.shared:
        access = "rw" if share.get("writable", True) else "ro"
        mount = share.get("mount", share["path"])
        rows.append(f"{server}:{share['path']} {mount} nfs {access},vers=4.2,nofail,_netdev,x-systemd.mount-timeout=300 0 0")
    return _lines(rows)


def accounts(current: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """passwd(5), group(5) and shadow(5) with root's password and the cluster users in them, all else as it was.

    C(current) and the result map the paths to their texts.
    """
    passwd, group, shadow = (current[path] for path in ACCOUNT_FILES)
    shadow = _upsert(shadow, "root", 1, settings.password_hash, f"root:{settings.password_hash}:19000:0:99999:7:::")
    for user in settings.users:
        name, uid = user["name"], user["uid"]
        group = _upsert(group, name, 2, str(uid), f"{name}:x:{uid}:")
        entry = f"{name}:x:{uid}:{uid}:{name}:/home/{name}:{user.get('shell', '/bin/bash')}"
        passwd = _upsert(passwd, name, None, entry, entry)
        shadow = _upsert(shadow, name, 1, "!", f"{name}:!:19000:0:99999:7:::")
    return dict(zip(ACCOUNT_FILES, (passwd, group, shadow), strict=True))


#: The files that L(accounts) merges, in its order.
ACCOUNT_FILES = ("/etc/passwd", "/etc/group", "/etc/shadow")


def _upsert(text: str, name: str, column: int | None, value: str, new: str) -> str:
    """The colon-separated table with C(value) in C(column) of C(name)'s row (None: as the whole row), or C(new) added."""
    rows = text.removesuffix("\n").split("\n") if text else []
    for i, row in enumerate(rows):
        cells = row.split(":")
        if cells[0] == name:
            if column is None or column >= len(cells):
                rows[i] = new
            else:
                cells[column] = value
                rows[i] = ":".join(cells)
            return _lines(rows)
    return _lines([*rows, new])


def _unmanaged(node: Identity) -> str:
    """Keeps systemd-networkd off the card that carries the root: the initramfs configured it, a second client would drop it."""
    return f"[Match]\nMACAddress={' '.join(node.macs)}\n\n[Link]\nUnmanaged=yes\n"


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)
