"""What a stranger and root on a node try against an NFS server, whichever that is: one table, and what came of it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from nfs_client import DIRECTORY, Client, Refused
from nfs_handles import Target, forged

#: In every secret, and in the names of directories that nobody may see.
CANARY = "canary-7f3a"
#: What the attack leaves where it can.
DROPPED = "dropped-7f3a"
#: Root, and somebody who owns the files of others but is not root: the server makes nobody of an untrusted root.
IDENTITIES = ((0, 0), (1000, 42))
#: What a mount is tried with, beside the exports.
PATHS = (
    *("/", "/srv", "/srv/", "/srv/nfs", "/srv/netboot", "/srv/netboot/roots", "/srv/netboot/images", "/srv/netboot/common/.."),
    *("/srv/nfs/node1/..", "/srv/nfs/node1/../node2", "/srv/nfs/node1/etc/../../node2"),
    *("/srv/netboot/roots/node2", "/srv/netboot/roots/node2/disk", "/srv/netboot/common/../roots", "/srv/secrets", "/etc", "/var/lib"),
)
#: Links that a node lays in its root, should a server follow them.
LINKS = {"up": "../..", "away": "/"}
#: Where a name with slashes would lead, from the directory above an export, the next, and the master's root.
WAYS = (
    *("", "/node2", "/node2/etc", f"/node2/{CANARY}", "/nfs/node2", "/srv", "/srv/secrets", "/srv/secrets/root", "/secrets/root"),
    *("/secrets/shadow", "/srv/secrets/shadow", "/etc/shadow", "/srv/nfs/node2", "/netboot", "/netboot/roots/node2", "/netboot/images"),
    *(f"/{CANARY}", f"/{CANARY}/authorized_keys", f"/srv/{CANARY}/authorized_keys", "/netboot/roots/node2/root.json"),
    *(f"/netboot/roots/node2/disk{below}" for below in ("", "/upper", "/upper/etc")),
    *("/roots/node2/root.json", "/roots/node2/disk/upper/etc", "/proc", "/proc/self/fd", "/dev", "/run"),
)


@dataclass
class Attack:
    """Somebody at an address with the exports that are theirs. C(loot) is what they got that they should not have."""

    server: str
    source: str
    exports: tuple[str, ...]
    targets: list[Target]
    tried: int = 0
    opened: int = 0
    loot: list[str] = field(default_factory=list)

    def run(self, others: Iterable[bytes], foreign: Iterable[str]) -> list[str]:
        """Try everything; C(others) are the handles of others' exports, C(foreign) the paths of these."""
        self._faces = [Client(self.server, self.source, *identity) for identity in IDENTITIES]
        self._names = {aim.path.rsplit("/", 1)[1] for aim in self.targets if CANARY in aim.path}
        own = [handle for path in self.exports for handle in handles(self._faces[0], path)]
        for path in ("/", "/srv", "/srv/nfs"):  # of version 4's tree that leads to the exports
            with contextlib.suppress(Refused):
                own.append(self._faces[0].walk4(path))
        for path in self.exports:
            self._leave(path)
        up = [f"{path}/{way}{aim}" for path in self.exports for way in ("..", *LINKS) for aim in ("", "/srv", "/srv/nfs/node2", "/node2")]
        for path in (*PATHS, *foreign, *up):
            for ask in (self._faces[0].mount, self._faces[0].walk4):
                with contextlib.suppress(Refused):
                    self._probe(f"{path} mounted", ask(path))
        for words, handle in forged(own, others, self.targets):
            self._probe(words, handle)
        for face in self._faces:
            face.close()
        return self.loot

    def _leave(self, export: str) -> None:
        """Up and out of an export by every way that a client has."""
        face = self._faces[0]
        root = face.mount(export)
        for name, target in LINKS.items():
            with contextlib.suppress(Refused):
                face.symlink(root, name, target)
        for name in ("..", "/", *(f"{start}{path}" for start in ("..", "../..", "../../..", *LINKS, "") for path in WAYS)):
            with contextlib.suppress(Refused):
                self._probe(f"{export}: looked up {name!r}", face.lookup(root, name))
        for name in ("../node2", "../../netboot/roots", "../../secrets", *(f"{link}/srv/secrets" for link in LINKS)):
            for way, *arguments in _into(face):
                with contextlib.suppress(Refused):
                    way(root, f"{name}/{arguments[0]}", *arguments[1:])
        with contextlib.suppress(Refused):
            face.rename(root, f"../../{CANARY}/authorized_keys", root, DROPPED)
        with contextlib.suppress(Refused):
            face.remove(root, "../../netboot/wipe")
        with contextlib.suppress(Refused):
            self._probe(f"{export}: parent of the root", face.above4(root))
        with contextlib.suppress(Refused):
            for name, handle in face.readdirplus(root).items():
                if name == ".." and handle:
                    self._probe(f"{export}: '..' as listed", handle)

    def _probe(self, words: str, handle: bytes) -> None:
        """Look at what is behind a handle and change it."""
        self.tried += 1
        face = self._faces[0]
        kind = 0
        with contextlib.suppress(Refused):
            kind = face.getattr(handle).kind
        if face.opens4(handle):
            self._read(words, handle, (face.read4, face.readdir4))
        elif not kind:
            return
        self.opened += 1
        for face in self._faces:
            self._read(words, handle, (face.read, face.readdir, face.readdirplus))
            self._change(face, handle, kind)

    def _read(self, words: str, handle: bytes, ways: Iterable[Callable[[bytes], object]]) -> None:
        for way in ways:
            with contextlib.suppress(Refused):
                self._judge(f"{words}: {way.__name__}", way(handle))

    def _judge(self, words: str, got: object) -> None:
        digests = {aim.digest: aim.path for aim in self.targets if aim.digest}
        if isinstance(got, bytes):
            whole = hashlib.sha256(got).hexdigest()
            if CANARY.encode() in got or whole in digests:
                self.loot.append(f"{words} gave the content of {digests.get(whole, 'a secret')}")
        elif names := [name for name in got if CANARY in name]:
            self.loot.append(f"{words} listed {names}")

    def _change(self, face: Client, handle: bytes, kind: int) -> None:
        """Whether any of this was done to others is seen on the master."""
        over = [(face.write, DROPPED.encode()), (face.write4, DROPPED.encode())]
        ways = [*(_into(face) if kind == DIRECTORY else over), (face.setattr, 0o777)]
        for way, *arguments in ways:
            with contextlib.suppress(Refused):
                way(handle, *arguments)


def _into(face: Client) -> list[tuple]:
    """Ways to put something into a directory, with the name that it gets."""
    return [(face.create, DROPPED), (face.mkdir, f"{DROPPED}-directory"), (face.symlink, f"{DROPPED}-link", "/")]


def handles(client: Client, export: str) -> list[bytes]:
    """Handles that a client gets honestly: of an export's root and of what is in it, from both versions."""
    root = client.mount(export)
    found = [root, client.walk4(export)]
    for _name, handle in sorted(client.readdirplus(root).items()):
        if handle:
            found.append(handle)
            with contextlib.suppress(Refused):
                found += [below for _name, below in sorted(client.readdirplus(handle).items())[:6] if below]
    return list(dict.fromkeys(found))


def target(fact: dict) -> Target:
    """A target as the master tells it."""
    given = {name: bytes.fromhex(fact[name]) for name in ("fid", "uuid")} | {"device": tuple(fact["device"])}
    return Target(**(fact | given))
