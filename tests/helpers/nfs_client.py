"""A raw NFS client: it says who it is as it likes and shows any file handle, as nobody's operating system would let it.

ONC RPC over TCP with AUTH_SYS (RFC 5531), MOUNT and NFS version 3 (RFC 1813), and as much of version 4.0 (RFC 7530) as
it takes to try handles there.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

PORTS = {"nfs": 2049, "mountd": 20048}
_NFS, _MOUNT = (100003, 3, "nfs"), (100005, 3, "mountd")
_NFS4 = (100003, 4, "nfs")
#: Kinds of files that MKNOD makes.
BLOCK, CHARACTER = 3, 4
DIRECTORY = 2


class Refused(Exception):
    """The server's answer is no; the status of NFS or MOUNT, or what RPC said."""

    def __init__(self, status: int | str) -> None:
        super().__init__(f"refused: {status}")
        self.status = status


@dataclass(frozen=True)
class Attributes:
    """What GETATTR says of a file."""

    kind: int
    mode: int
    uid: int
    gid: int
    size: int
    device: tuple[int, int]
    fsid: int
    number: int


def opaque(data: bytes) -> bytes:
    """Bytes of any length as XDR has them."""
    return struct.pack("!I", len(data)) + data + bytes(-len(data) % 4)


class Answer:
    """Reads XDR."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple:
        """Fields as struct has them."""
        found = struct.unpack_from(f"!{form}", self.data, self.at)
        self.at += struct.calcsize(f"!{form}")
        return found

    def number(self) -> int:
        """One unsigned integer."""
        return self.take("I")[0]

    def opaque(self) -> bytes:
        """Bytes of any length."""
        size = self.number()
        found = self.data[self.at : self.at + size]
        self.at += size + -size % 4
        return found

    def attributes(self) -> Attributes:
        """fattr3."""
        kind, mode, _links, uid, gid, size, _used, major, minor, fsid, number, *_times = self.take("5I2Q2I2Q6I")
        return Attributes(kind, mode, uid, gid, size, (major, minor), fsid, number)

    def maybe_attributes(self) -> None:
        """post_op_attr, which nobody asked for."""
        if self.number():
            self.attributes()

    def maybe_handle(self) -> bytes:
        """post_op_fh3."""
        return self.opaque() if self.number() else b""


class Client:
    """Somebody at C(source) who claims to be C(uid) and C(gid), from a port that only root has there, or from any.

    C(kind) is that of the socket: with datagrams a sender needs no answers, and hence not its own address.
    """

    def __init__(
        self, server: str, source: str, uid: int = 0, gid: int = 0, privileged: bool = True, kind: socket.SocketKind = socket.SOCK_STREAM
    ) -> None:
        self._kind = kind
        self._server, self._source, self.uid, self.gid = server, source, uid, gid
        self._ports = range(700, 1024) if privileged else range(20000, 21000)
        self._sockets: dict[str, socket.socket] = {}
        self._serial = itertools.count(1)

    def close(self) -> None:
        """Leave; the next call connects again."""
        while self._sockets:
            self._sockets.popitem()[1].close()

    # --- MOUNT ---

    def mount(self, path: str) -> bytes:
        """The handle of an export, or of what a server takes for a part of one."""
        return self._call(_MOUNT, 1, opaque(path.encode())).opaque()

    def exports(self) -> list[str]:
        """The list of exports that the server shows to everybody."""
        answer, found = self._call(_MOUNT, 5, b"", status=False), []
        while answer.number():
            found.append(answer.opaque().decode())
            while answer.number():
                answer.opaque()
        return found

    # --- NFS 3 ---

    def getattr(self, handle: bytes) -> Attributes:
        return self._call(_NFS, 1, opaque(handle)).attributes()

    def setattr(self, handle: bytes, mode: int | None = None, uid: int | None = None) -> None:
        self._call(_NFS, 2, opaque(handle) + _wished(mode, uid) + struct.pack("!I", 0))

    def lookup(self, handle: bytes, name: str) -> bytes:
        return self._call(_NFS, 3, opaque(handle) + opaque(name.encode())).opaque()

    def walk(self, handle: bytes, path: str) -> bytes:
        """The handle at the end of a path below a directory."""
        for name in filter(None, path.split("/")):
            handle = self.lookup(handle, name)
        return handle

    def readlink(self, handle: bytes) -> bytes:
        answer = self._call(_NFS, 5, opaque(handle))
        answer.maybe_attributes()
        return answer.opaque()

    def read(self, handle: bytes, size: int = 4096) -> bytes:
        answer = self._call(_NFS, 6, opaque(handle) + struct.pack("!QI", 0, size))
        answer.maybe_attributes()
        answer.take("II")
        return answer.opaque()

    def write(self, handle: bytes, data: bytes) -> None:
        """Write to the disk (FILE_SYNC)."""
        self._call(_NFS, 7, opaque(handle) + struct.pack("!QII", 0, len(data), 2) + opaque(data))

    def create(self, handle: bytes, name: str, mode: int = 0o644) -> bytes:
        return self._made(8, opaque(handle) + opaque(name.encode()) + struct.pack("!I", 0) + _wished(mode, self.uid))

    def mkdir(self, handle: bytes, name: str) -> bytes:
        return self._made(9, opaque(handle) + opaque(name.encode()) + _wished(0o755, self.uid))

    def symlink(self, handle: bytes, name: str, target: str) -> bytes:
        return self._made(10, opaque(handle) + opaque(name.encode()) + _wished(0o777, None) + opaque(target.encode()))

    def mknod(self, handle: bytes, name: str, kind: int, device: tuple[int, int], mode: int = 0o666) -> bytes:
        given = struct.pack("!I", kind) + _wished(mode, self.uid) + struct.pack("!II", *device)
        return self._made(11, opaque(handle) + opaque(name.encode()) + given)

    def remove(self, handle: bytes, name: str) -> None:
        self._call(_NFS, 12, opaque(handle) + opaque(name.encode()))

    def rename(self, source: bytes, name: str, directory: bytes, new: str) -> None:
        self._call(_NFS, 14, b"".join(map(opaque, (source, name.encode(), directory, new.encode()))))

    def link(self, handle: bytes, directory: bytes, name: str) -> None:
        self._call(_NFS, 15, opaque(handle) + opaque(directory) + opaque(name.encode()))

    def readdir(self, handle: bytes) -> list[str]:
        """The first names of a directory."""
        answer, found = self._call(_NFS, 16, opaque(handle) + struct.pack("!Q8sI", 0, b"", 8192)), []
        answer.maybe_attributes()
        answer.take("8s")
        while answer.number():
            answer.take("Q")
            found.append(answer.opaque().decode(errors="replace"))
            answer.take("Q")
        return found

    def readdirplus(self, handle: bytes) -> dict[str, bytes]:
        """The first names of a directory and their handles."""
        answer, found = self._call(_NFS, 17, opaque(handle) + struct.pack("!Q8sII", 0, b"", 8192, 32768)), {}
        answer.maybe_attributes()
        answer.take("8s")
        while answer.number():
            answer.take("Q")
            name = answer.opaque().decode(errors="replace")
            answer.take("Q")
            answer.maybe_attributes()
            found[name] = answer.maybe_handle()
        return found

    # --- NFS 4.0 ---

    def walk4(self, path: str) -> bytes:
        """The handle at the end of a path from the server's root."""
        names = [struct.pack("!I", 15) + opaque(name.encode()) for name in filter(None, path.split("/"))]
        return self._handle4([struct.pack("!I", 24), *names])

    def above4(self, handle: bytes) -> bytes:
        """The handle of a directory's parent (LOOKUPP)."""
        return self._handle4([_put(handle), struct.pack("!I", 16)])

    def opens4(self, handle: bytes) -> bool:
        """Whether there is anything behind a handle."""
        with contextlib.suppress(Refused):
            return bool(self._compound([_put(handle), struct.pack("!II", 9, 0)]))
        return False

    def read4(self, handle: bytes, size: int = 4096) -> bytes:
        """Read without having opened."""
        answer = self._compound([_put(handle), struct.pack("!I16sQI", 25, b"", 0, size)])
        answer.take("4I")  # PUTFH, READ
        answer.number()
        return answer.opaque()

    def write4(self, handle: bytes, data: bytes) -> None:
        """Write without having opened."""
        self._compound([_put(handle), struct.pack("!I16sQI", 38, b"", 0, 2) + opaque(data)])

    def readdir4(self, handle: bytes) -> list[str]:
        """The first names of a directory."""
        answer, found = self._compound([_put(handle), struct.pack("!IQ8sIII", 26, 0, b"", 8192, 8192, 0)]), []
        answer.take("4I8s")
        while answer.number():
            answer.take("Q")
            found.append(answer.opaque().decode(errors="replace"))
            for _word in range(answer.number()):
                answer.number()
            answer.opaque()
        return found

    def _handle4(self, operations: list[bytes]) -> bytes:
        answer = self._compound([*operations, struct.pack("!I", 10)])
        answer.take(f"{2 * len(operations) + 2}I")
        return answer.opaque()

    def _compound(self, operations: list[bytes]) -> Answer:
        answer = self._call(_NFS4, 1, opaque(b"") + struct.pack("!II", 0, len(operations)) + b"".join(operations))
        answer.opaque()
        answer.number()
        return answer

    # --- RPC ---

    def _made(self, procedure: int, arguments: bytes) -> bytes:
        return self._call(_NFS, procedure, arguments).maybe_handle()

    def _call(self, program: tuple[int, int, str], procedure: int, arguments: bytes, status: bool = True) -> Answer:
        number, version, port = program
        serial = next(self._serial)
        credentials = struct.pack("!I", 0) + opaque(b"attack") + struct.pack("!III", self.uid, self.gid, 0)
        head = struct.pack("!6II", serial, 0, 2, number, version, procedure, 1) + opaque(credentials) + struct.pack("!II", 0, 0)
        answer = Answer(self._exchange(port, head + arguments))
        if answer.number() != serial:
            raise Refused("an answer to another question")
        _reply, denied = answer.take("II")
        if denied:
            raise Refused(f"RPC denied {answer.take('II')}")
        answer.number()
        answer.opaque()
        if accepted := answer.number():
            raise Refused(f"RPC error {accepted}")
        if status and (code := answer.number()):
            raise Refused(code)
        return answer

    def _exchange(self, port: str, message: bytes) -> bytes:
        try:
            if port not in self._sockets:
                self._sockets[port] = self._connect(PORTS[port])
            if self._kind == socket.SOCK_DGRAM:
                self._sockets[port].send(message)
                return self._sockets[port].recv(65536)
            self._sockets[port].sendall(struct.pack("!I", 1 << 31 | len(message)) + message)
            return b"".join(self._fragments(self._sockets[port]))
        except OSError as error:
            self.close()
            raise Refused(f"no answer: {error}") from error

    def _connect(self, port: int) -> socket.socket:
        for source in self._ports:
            made = socket.socket(socket.AF_INET, self._kind)
            made.settimeout(30 if self._kind == socket.SOCK_STREAM else 5)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                made.bind((self._source, source))
                made.connect((self._server, port))
                return made
            except OSError:
                made.close()
                if source == self._ports[-1]:
                    raise
        raise AssertionError

    def _fragments(self, connection: socket.socket) -> Iterator[bytes]:
        last = 0
        while not last:
            header = struct.unpack("!I", self._exactly(connection, 4))[0]
            last = header >> 31
            yield self._exactly(connection, header & ~(1 << 31))

    def _exactly(self, connection: socket.socket, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            some = connection.recv(size - len(found))
            if not some:
                raise ConnectionError("the server hung up")
            found += some
        return bytes(found)


def _wished(mode: int | None, uid: int | None) -> bytes:
    """sattr3: a mode and an owner at most."""
    fields = [struct.pack("!II", 1, value) if value is not None else struct.pack("!I", 0) for value in (mode, uid)]
    return b"".join(fields) + struct.pack("!4I", 0, 0, 0, 0)


def _put(handle: bytes) -> bytes:
    """PUTFH; Ganesha fills up the handles of version 3 alone, and compares the length of those of version 4."""
    return struct.pack("!I", 22) + opaque(handle[: 5 + handle[4]] if handle[0] == 0x43 else handle)
