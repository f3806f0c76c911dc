"""What the attack's master has and knows: run there by its own Python, it prints JSON. Nothing but the standard library is at hand."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import struct
import subprocess
import sys

CANARY, DROPPED = "canary-7f3a", "dropped-7f3a"
#: Path, owner, group, mode. Each holds the canary.
SECRETS = [
    ("/srv/secrets/root", 0, 0, 0o600),
    ("/srv/secrets/shadow", 0, 42, 0o640),
    (f"/srv/{CANARY}/authorized_keys", 1000, 1000, 0o600),
    ("/srv/cloud/node2/user-data", 33, 33, 0o640),
    ("/srv/netboot/wipe", 0, 0, 0o644),
    (f"/srv/netboot/roots/{CANARY}", 0, 0, 0o600),
    (f"/srv/netboot/images/{CANARY}", 0, 0, 0o600),
]
#: Files that the roots themselves bring, where they are.
FOUND = ["/srv/netboot/roots/node2/root.json", "/srv/netboot/roots/node2/root.ext4", "/srv/netboot/roots/node2", "/srv/netboot", "/srv"]
OLD = "/srv/old"


def secrets() -> None:
    """Lay out what nobody on the network may have, as it was before whatever happened to it."""
    subprocess.run(["find", "/srv", "-depth", "-name", f"{DROPPED}*", "-exec", "rm", "-rf", "{}", "+"], check=False, capture_output=True)
    for path, owner, group, mode in SECRETS:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(path, f"{CANARY} {path}\n", mode)
        os.chown(path, owner, group)
    os.chmod("/srv/secrets", 0o700)


def old() -> list:
    """Roots and a shared directory as they were once laid out: on the file system that also holds the secrets."""
    lower = f"{OLD}/lower"
    for path in ("lower/etc", "common", "copy/etc", "upper", "work", "overlay"):
        os.makedirs(f"{OLD}/{path}")
    _write(f"{lower}/etc/motd", "hello\n", 0o644)
    _write(f"{OLD}/common/hosts", "127.0.0.1 localhost\n", 0o644)
    options = f"lowerdir={lower},upperdir={OLD}/upper,workdir={OLD}/work,index=on,nfs_export=on"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, f"{OLD}/overlay"], check=True)
    _write(f"{OLD}/overlay/etc/upper", "own\n", 0o644)
    return [f"{OLD}/{name}" for name in ("overlay", "copy", "common")]


def roots() -> dict:
    """Roots of two nodes as overlays and of one as a copy, what all nodes read, and a shared directory as an operator makes it."""
    from ansible_collections.bootyard.netboot.plugins.module_utils import _personal, _records, _roots, _volumes

    layout, records = _records.Layout(), {}
    _image(os.path.join(layout.images, "tiny/0001-x"))
    for strategy, nodes in (("overlay", ("node1", "node2")), ("copy", ("node3",))):
        wanted = {node: _wanted(_personal, _roots, node) for node in nodes}
        todo = _roots.plan(layout, records, {}, wanted, _personal.Settings(), prune=False)
        _roots.apply(layout, todo, records, wanted, _personal.Settings(), strategy)
        assert not todo.faults, todo.faults
    for node in ("node2", "node3"):
        _write(f"{layout.exports}/{node}/etc/{CANARY}", f"{CANARY} of {node}\n", 0o600)
    common = layout.base[-1].target
    _write(f"{common}/hosts", "127.0.0.1 localhost\n", 0o644)
    _volumes.make("/srv/shared.ext4", 32 << 20)
    _volumes.attach([_volumes.disk("/srv/shared.ext4", "/srv/shared")])
    _write("/srv/shared/hello", "hello\n", 0o644)
    os.chmod("/srv/shared", 0o1777)
    found = {name: {"path": record.path, "export_id": record.export_id} for name, record in records.items()}
    return {"roots": found, "common": common, "shared": "/srv/shared"}


def _image(generation: str) -> None:
    for path in ("etc/ssh", "usr/bin", "root"):
        os.makedirs(f"/tmp/tiny/{path}")
    for name in ("passwd", "group", "shadow"):
        _write(f"/tmp/tiny/etc/{name}", "root:x:0:0:root:/root:/bin/sh\n", 0o644)
    os.makedirs(generation)
    subprocess.run(["mksquashfs", "/tmp/tiny", f"{generation}/root.squashfs", "-quiet", "-no-progress"], check=True, stdout=sys.stderr)
    _write(f"{generation}/manifest.json", json.dumps({"bytes": 1 << 20, "generation": "0001-x", "digest": "x"}), 0o644)


def _wanted(_personal, _roots, node: str) -> object:
    identity = _personal.Identity(node, f"10.0.33.1{node[-1]}", (f"52:54:00:00:00:0{node[-1]}",), "10.0.33.1", "127.0.0.1 localhost\n")
    return _roots.Wanted(identity, "tiny", "0001-x", 128 << 20)


def _write(path: str, text: str, mode: int) -> None:
    with open(path, "w") as stream:
        stream.write(text)
    os.chmod(path, mode)


def facts() -> list:
    """Inodes, generations and file systems of all that nobody may have."""
    paths = [path for path, *_rest in SECRETS] + [path for path in FOUND if os.path.lexists(path)]
    return [fact for path in (*paths, *_of_node2()) if (fact := _fact(path))]


def _of_node2() -> list[str]:
    """Another node's secret, by all the paths under which it lies, in file systems of its own too."""
    found = subprocess.run(["find", "/srv", "-path", "*node2*", "-name", f"*{CANARY}*"], capture_output=True, text=True, check=False)
    return found.stdout.split()


class _FileHandle(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_ubyte * 128))


def _fact(path: str) -> dict | None:
    handle, mount = _FileHandle(size=128), ctypes.c_int()
    if ctypes.CDLL(None, use_errno=True).name_to_handle_at(-100, path.encode(), ctypes.byref(handle), ctypes.byref(mount), 0):
        return None
    status, top = os.stat(path), path
    while not os.path.ismount(top):
        top = os.path.dirname(top)
    fid = bytes(handle.data[: handle.size])
    return {
        "path": path,
        "inode": status.st_ino & 0xFFFFFFFF,
        "generation": struct.unpack("=I", fid[4:8])[0],
        "kind": handle.type,
        "fid": fid.hex(),
        "parent": os.stat(os.path.dirname(path)).st_ino & 0xFFFFFFFF,
        "uuid": _uuid(status.st_dev),
        "device": [os.major(status.st_dev), os.minor(status.st_dev)],
        "top": os.stat(top).st_ino & 0xFFFFFFFF,
        "digest": _digest(path),
        "directory": os.path.isdir(path),
    }


def _uuid(device: int) -> str:
    """The identity of the file system on a block device; udev, which would name it, is not needed."""
    blocks = [entry.path for entry in os.scandir("/dev") if entry.stat(follow_symlinks=False).st_rdev == device]
    found = subprocess.run(["blkid", "-p", "-s", "UUID", "-o", "value", *blocks[:1]], capture_output=True, text=True, check=False)
    return found.stdout.strip().replace("-", "")[:32].ljust(32, "0")


def _digest(path: str) -> str:
    if os.path.isdir(path):
        return ""
    with open(path, "rb") as stream:
        start = stream.read(4096)
    return hashlib.sha256(start).hexdigest() if any(start) else ""


def state() -> dict:
    """Content and permissions of every secret, and whatever an attack dropped somewhere."""
    dropped = subprocess.run(["find", "/srv", "-name", f"{DROPPED}*"], capture_output=True, text=True, check=False)
    paths = [path for path, *_rest in SECRETS] + ["/srv", "/srv/secrets", "/srv/netboot"]
    return {"kept": {path: _looks(path) for path in paths}, "dropped": sorted(dropped.stdout.split())}


def _looks(path: str) -> list:
    if not os.path.lexists(path):
        return ["gone"]
    status = os.stat(path)
    return [_digest(path), oct(status.st_mode), status.st_uid]


if __name__ == "__main__":
    print(json.dumps({word: globals()[word]() for word in sys.argv[1:]}))
