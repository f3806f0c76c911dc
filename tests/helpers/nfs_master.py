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
    """Lay out what nobody on the network may have."""
    for path, owner, group, mode in SECRETS:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as stream:
            stream.write(f"{CANARY} {path}\n")
        os.chown(path, owner, group)
        os.chmod(path, mode)
    os.chmod("/srv/secrets", 0o700)


def old() -> list:
    """Roots and a shared directory as they were once laid out: on the file system that also holds the secrets."""
    lower = f"{OLD}/lower"
    for path in ("etc", "usr/bin"):
        os.makedirs(f"{lower}/{path}", exist_ok=True)
    with open(f"{lower}/etc/motd", "w") as stream:
        stream.write("hello\n")
    os.makedirs(f"{OLD}/common", exist_ok=True)
    with open(f"{OLD}/common/hosts", "w") as stream:
        stream.write("127.0.0.1 localhost\n")
    os.makedirs(f"{OLD}/copy/etc", exist_ok=True)
    for name in ("upper", "work", "overlay"):
        os.makedirs(f"{OLD}/{name}", exist_ok=True)
    options = f"lowerdir={lower},upperdir={OLD}/upper,workdir={OLD}/work,index=on,nfs_export=on"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, f"{OLD}/overlay"], check=True)
    with open(f"{OLD}/overlay/etc/upper", "w") as stream:
        stream.write("own\n")
    return [f"{OLD}/{name}" for name in ("overlay", "copy", "common")]


def roots() -> list:
    """TEMPORARY"""
    from ansible_collections.bootyard.netboot.plugins.module_utils import _volumes as v
    gen = "/srv/netboot/images/tiny/0001-x"
    os.makedirs("/tmp/tiny/etc"); os.makedirs("/tmp/tiny/usr/bin"); os.makedirs(gen)
    open("/tmp/tiny/etc/motd", "w").write("hello\n")
    subprocess.run(["mksquashfs", "/tmp/tiny", f"{gen}/root.squashfs", "-quiet", "-no-progress"], check=True)
    v.attach([v.pack(f"{gen}/root.squashfs", f"{gen}/root")])
    os.makedirs("/srv/nfs")
    v.make("/srv/netboot/nfs.ext4", 32 << 20)
    v.attach([v.disk("/srv/netboot/nfs.ext4", "/srv/nfs")])
    os.chmod("/srv/nfs", 0o700)
    for node in ("node1", "node2", "node3"):
        home = f"/srv/netboot/roots/{node}"
        os.makedirs(home)
        open(f"{home}/root.json", "w").write(f'{{"node": "{node}"}}')
        v.make(f"{home}/root.ext4", 32 << 20)
        if node == "node3":
            v.attach([v.disk(f"{home}/root.ext4", f"/srv/nfs/{node}")])
            os.makedirs(f"/srv/nfs/{node}/etc")
        else:
            v.attach([v.disk(f"{home}/root.ext4", f"{home}/disk")])
            for d in ("upper", "work"): os.mkdir(f"{home}/disk/{d}")
            v.attach([v.overlay(f"{gen}/root", f"{home}/disk", f"/srv/nfs/{node}")])
        open(f"/srv/nfs/{node}/etc/shadow", "w").write(f"{CANARY} {node}\n" if node != "node1" else "mine")
        os.chmod(f"/srv/nfs/{node}/etc/shadow", 0o600)
        open(f"/srv/nfs/{node}/etc/{CANARY if node != 'node1' else 'mine'}", "w").write(CANARY if node != "node1" else "mine")
    for name, path in (("common.ext4", "/srv/netboot/common"), ("shared.ext4", "/srv/shared")):
        v.make(f"/srv/netboot/{name}", 32 << 20)
        v.attach([v.disk(f"/srv/netboot/{name}", path)])
    open("/srv/netboot/common/hosts", "w").write("127.0.0.1 localhost\n")
    return [f"/srv/nfs/node{i}" for i in (1,2,3)] + ["/srv/netboot/common", "/srv/shared"]


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
