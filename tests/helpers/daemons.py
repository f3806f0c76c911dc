"""Debian's daemons as packaged, on a machine of their own: this host installs and starts nothing, and hears nothing of them.

The machine is a root directory and a network name space. Its interfaces are cables whose other ends, under the same
names, are in the name space of the process that asks.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from documents import ROOT
from isolation import NEW_MOUNTS, NEW_NETWORK, in_child, unshare

PACKAGES = (
    "cloud-init",
    "dnsmasq-base",
    "e2fsprogs",
    "isc-dhcp-server",
    "kea-admin",
    "kea-dhcp4-server",
    "libnginx-mod-http-js",
    "nfs-ganesha",
    "nfs-ganesha-vfs",
    "nftables",
    "nginx-light",
    "openssh-client",
    "qemu-system-x86",
    "rpcbind",
    "squashfs-tools",
    "tcc",
    "tftpd-hpa",
    "wrk",
)
#: Debians whose daemons are asked; CI may ask fewer or more.
SUITES = os.environ.get("BOOTYARD_SUITES", "bookworm").split()
#: The first 24 bits of each cable's network: the machine is .1, who asks is .250.
CABLES = {"eth1": "10.0.33", "eth2": "10.0.34", "eth3": "10.0.35"}


#: The network that this process began in.
_HOST = os.open("/proc/self/ns/net", os.O_RDONLY)


def unpacked(suite: str, name: str = "daemons", packages: tuple[str, ...] = PACKAGES, hooks: tuple[str, ...] = ()) -> Path:
    """A directory with that Debian and the packages, made once and never written to again."""
    tree, said = ROOT / f"build/{name}-{suite}", " ".join((*packages, *hooks))
    tree.parent.mkdir(exist_ok=True)
    with (tree.parent / f"{name}-{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = tree / ".packages"
        if not stamp.exists() or stamp.read_text() != said:
            shutil.rmtree(tree, ignore_errors=True)
            apt = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", "Origin: Debian", "Label: Debian"]
            mirror = subprocess.run(apt, check=True, capture_output=True, text=True).stdout.split()[0]
            options = ["--quiet", "--variant=minbase", "--mode=root", "--format=directory", f"--include={','.join(packages)}", *hooks]
            # A process that has left the host reaches no mirror from where it is.
            outside = ["nsenter", f"--net=/proc/self/fd/{_HOST}"]
            subprocess.run([*outside, "mmdebstrap", *options, suite, tree, mirror], check=True, pass_fds=[_HOST])
            stamp.write_text(said)
    return tree


class Daemon:
    """A daemon that runs on the machine, in the foreground; C(log) is all that it said."""

    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        self._process, self.log = process, log

    @property
    def pid(self) -> int:
        """The number of the daemon itself, as this host counts: the only child of the first process of its name space."""
        return _only_child(_only_child(self._process.pid))

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def stop(self) -> None:
        """End it and everything that it started, and wait until that is gone."""
        if self.alive:
            os.kill(_only_child(self._process.pid), signal.SIGKILL)
        self._process.wait()


class Machine:
    """Where the daemons of a Debian C(suite) run. C(root) is its file system as this process sees it."""

    def __init__(self, suite: str, root: Path, namespace: int) -> None:
        self.suite, self.root, self._enter, self._started = suite, root, f"/proc/{namespace}/ns/net", []

    def write(self, path: str, text: str) -> None:
        """Put a file on the machine; C(path) is absolute there."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def run(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command on the machine to its end."""
        return subprocess.run(self._command(command), input=stdin, capture_output=True, text=True, timeout=120, check=False)

    def start(self, *command: str) -> Daemon:
        """Start a command that stays in the foreground. It goes with this process at the latest."""
        log = self.root / f"{os.path.basename(command[0])}.{len(self._started)}.log"
        # A daemon that changes its user no longer dies with its parent; the first process of its name space takes it along.
        command = ("sh", "-c", '"$@" & wait', "sh", *command)
        with log.open("wb") as stream:
            process = subprocess.Popen(self._command(command), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        self._started.append(Daemon(process, log))
        return self._started[-1]

    def stop(self) -> None:
        """End every daemon."""
        while self._started:
            self._started.pop().stop()

    def inside(self, action: Callable[[], object]) -> int:
        """Run Python on the machine, in a forked child; its exit code. What it imports has to be imported before."""

        def child() -> None:
            with open(self._enter) as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), NEW_NETWORK):
                    raise OSError(ctypes.get_errno(), "cannot enter the machine's network")
            os.chroot(self.root)
            os.chdir("/")
            action()

        return in_child(child)

    def _command(self, command: tuple[str, ...]) -> list[str]:
        spaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", f"--root={self.root}", "--wd=/"]
        return ["nsenter", f"--net={self._enter}", "unshare", *spaces, "--", *command]


@contextlib.contextmanager
def machine(suite: str, directory: Path) -> Iterator[Machine]:
    """A machine with fresh files. From its first one on, the calling process has a network and mounts of its own."""
    tree = unpacked(suite)
    _leave_the_host()
    root, upper, work = (directory / name for name in ("root", "upper", "work"))
    for path in (root, upper, work):
        path.mkdir(parents=True)
    _must("mount", "-t", "overlay", "-o", f"lowerdir={tree},upperdir={upper},workdir={work}", "overlay", str(root))
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    made = Machine(suite, root, holder.pid)
    try:
        _plug(holder.pid)
        _must("mount", "-t", "tmpfs", "tmpfs", str(root / "run"))
        yield made
    finally:
        made.stop()
        holder.kill()
        holder.wait()
        for cable in CABLES:
            subprocess.run(["ip", "link", "delete", cable], capture_output=True, check=False)
        _must("umount", "--lazy", "--recursive", str(root))


def eventually(seconds: float, question: Callable[[], object]) -> object:
    """Ask until there is an answer; the last one after that many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def _leave_the_host() -> None:
    if not _leave_the_host.done:
        unshare(NEW_NETWORK | NEW_MOUNTS)
        _must("ip", "link", "set", "lo", "up")
        _leave_the_host.done = True


_leave_the_host.done = False


def _plug(holder: int) -> None:
    here = os.readlink("/proc/self/ns/net")
    eventually(5, lambda: os.readlink(f"/proc/{holder}/ns/net") != here)
    inside = ("nsenter", f"--net=/proc/{holder}/ns/net", "ip")
    _must(*inside, "link", "set", "lo", "up")
    for cable, network in CABLES.items():
        _must("ip", "link", "add", cable, "type", "veth", "peer", "name", cable, "netns", str(holder))
        for command, host in ((("ip",), 250), (inside, 1)):
            _must(*command, "address", "add", f"{network}.{host}/24", "broadcast", "+", "dev", cable)
            _must(*command, "link", "set", cable, "up")


def _only_child(pid: int) -> int:
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def _must(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
