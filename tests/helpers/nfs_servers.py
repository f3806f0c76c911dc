"""Masters that export with Ganesha and with the kernel's server, as the role configures them: their files and their programs.

Either is at 10.0.33.1 as seen from here, and has the collection's own code in place.
"""

from __future__ import annotations

import abc
import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import daemons
import jinja2
import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils import _nfs
from documents import ROOT
from nfs_client import Client, Refused

ADDRESS = "10.0.33.1"
#: Who asks: a stranger, and three nodes.
STRANGER, NODES = "10.0.33.99", {f"node{number}": f"10.0.33.1{number}" for number in (1, 2, 3)}
_ROLE = ROOT / "roles/nfs_root"
_CODE = "opt/ansible_collections/bootyard/netboot/plugins/module_utils"
_GUARD = "/usr/local/lib/bootyard/names.so"

KERNEL_PACKAGES = (
    *("busybox-static", "e2fsprogs", "iproute2", "linux-image-cloud-amd64", "nfs-kernel-server", "openssh-client"),
    *("python3", "squashfs-tools"),
)
_MODULES = "virtio_pci virtio_blk virtio_net squashfs overlay ext4 loop nfsd"
#: The machine's first process: its file system is packed, so what it writes goes to memory. Version 4 has to export even that.
_INIT = """#!/bin/busybox sh
mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work,index=on,nfs_export=on /mnt/root
mkdir -p /mnt/root/work && mount -o ro /dev/vdb /mnt/root/work
exec chroot /mnt/root sh /work/init
"""
_KERNEL_HOOKS = (
    '--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d"',
    '--essential-hook=printf "MODULES=list\\nCOMPRESS=zstd\\n" > "$1/etc/initramfs-tools/conf.d/machine"',
    f'--essential-hook=printf "%s\\n" {_MODULES} > "$1/etc/initramfs-tools/modules"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)


def rendered(template: str, **variables: Any) -> str:
    """A template of the role, as Ansible would fill it in here."""
    text = (_ROLE / "templates" / template).read_text()
    fleet = {"networks": {"nodes": {"address": ADDRESS}}}
    return jinja2.Environment(trim_blocks=True).from_string(text).render(netboot_fleet=fleet, **variables)


class Master(abc.ABC):
    """What both servers have in common. C(machine) is the Debian machine at the other end of the cable."""

    def __init__(self, machine: daemons.Machine) -> None:
        self.machine, self.log = machine, Path("/dev/null")

    @abc.abstractmethod
    def sh(self, command: str) -> str:
        """Run a shell's command on the master as root."""

    @abc.abstractmethod
    def write(self, path: str, text: str) -> None:
        """Put a file on the master."""

    @abc.abstractmethod
    def serve(self, items: Iterable[_nfs.Export], guarded: bool = True) -> None:
        """Export this and nothing else; what is not guarded goes as it went before it was known what clients do."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Export nothing, and have nothing open."""

    def tell(self, *words: str) -> dict[str, Any]:
        """What the master does and knows, by the words of nfs_master.py."""
        return json.loads(self.sh(f"PYTHONPATH=/opt python3 /opt/nfs_master.py {' '.join(words)}"))

    def wait(self, items: Iterable[_nfs.Export]) -> None:
        """Until the first export can be mounted."""
        first = next(iter(items))
        source = first.clients[0] if "/" not in first.clients[0] else STRANGER

        def mounted() -> bool:
            with contextlib.suppress(Refused):
                return bool(Client(ADDRESS, source).mount(first.path))
            return False

        assert daemons.eventually(60, mounted), f"the server does not start: {self.log.read_text(errors='replace')[-3000:]}"


class Ganesha(Master):
    """Ganesha on a machine in a network name space of this host; its file systems are loop devices."""

    name = "ganesha"

    def __init__(self, machine: daemons.Machine, directory: Path) -> None:
        super().__init__(machine)
        disk = directory / "srv.ext4"
        for command in (
            ["truncate", "--size=512M", disk],
            ["mkfs.ext4", "-q", disk],
            ["mount", "-o", "loop", disk, machine.root / "srv"],
            ["mount", "--rbind", "/dev", machine.root / "dev"],
            ["mount", "-t", "proc", "proc", machine.root / "proc"],
        ):
            subprocess.run(command, check=True, capture_output=True)
        # As systemd has it.
        (machine.root / "etc/mtab").symlink_to("../proc/self/mounts")
        _bring_code(machine.root)
        self.write(f"{_GUARD}.c", (_ROLE / "files/usr/local/lib/bootyard/nfs_names.c").read_text())
        [compile_it] = [task for task in yaml.safe_load((_ROLE / "tasks/ganesha.yml").read_text()) if "ansible.builtin.command" in task]
        *argv, _target, _source = compile_it["ansible.builtin.command"]["argv"]
        assert not machine.run(*argv, _GUARD, f"{_GUARD}.c").returncode
        self.write("/etc/ganesha/ganesha.conf", rendered("etc/ganesha/ganesha.conf.j2"))
        (machine.root / "run/ganesha").mkdir()

    def sh(self, command: str) -> str:
        # In this process's own mounts, so that those made here stay.
        done = subprocess.run(["chroot", self.machine.root, "sh", "-euc", command], capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr
        return done.stdout

    def write(self, path: str, text: str) -> None:
        self.machine.write(path, text)

    def serve(self, items: Iterable[_nfs.Export], guarded: bool = True) -> None:
        items = list(items)
        for path, text in _nfs.ganesha_files(items).items():
            self.write(path, text)
        self.stop()
        self.machine.start("rpcbind", "-f", "-w")
        assert daemons.eventually(20, lambda: not self.machine.run("rpcinfo").returncode)  # Ganesha gives up where nobody answers
        unit = rendered("etc/systemd/system/names.conf.j2", __nfs_root_names=_GUARD)
        [preload] = [line.removeprefix("Environment=") for line in unit.splitlines() if line.startswith("Environment=")]
        environment = ["env", preload] if guarded else []
        self.log = self.machine.start(*environment, "ganesha.nfsd", "-F", "-L", "STDERR", "-f", "/etc/ganesha/ganesha.conf").log
        self.wait(items)

    def stop(self) -> None:
        self.machine.stop()


class Kernel(Master):
    """The kernel's server in a virtual machine, which is plugged into the cable in the machine's stead."""

    name = "kernel"

    def __init__(self, machine: daemons.Machine, directory: Path) -> None:
        super().__init__(machine)
        tree = daemons.unpacked(machine.suite, "kernel", KERNEL_PACKAGES, _KERNEL_HOOKS)
        root = _packed(tree)
        work, srv = directory / "work.ext4", directory / "srv.ext4"
        _bring_code(directory / "code")
        for name, source in (("init", "nfs_machine.sh"), ("serve", "nfs_serve.sh")):
            (directory / "code" / name).write_text((ROOT / "tests/helpers" / source).read_text())
        for command in (
            ["mkfs.ext4", "-q", "-d", directory / "code", work, "64M"],
            ["mkfs.ext4", "-q", srv, "512M"],
            ["mount", "--rbind", "/dev", machine.root / "dev"],
        ):
            subprocess.run(command, check=True, capture_output=True)
        for name, path in {"root": root, "work": work, "srv": srv, **_boot(tree)}.items():
            _bind(path, machine.root / "run/vm" / name)
        plug = "ip address flush dev eth1; ip link add br0 type bridge; ip link set eth1 master br0; ip tuntap add tap0 mode tap"
        plugged = machine.run("sh", "-euc", f"{plug}; ip link set tap0 master br0; ip link set tap0 up; ip link set br0 up")
        assert not plugged.returncode, plugged.stderr
        drives = [
            f"-drive file=/run/vm/{name},if=virtio,format=raw{',readonly=on' if name != 'srv' else ''}" for name in ("root", "work", "srv")
        ]
        command = (
            "qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 768 -smp 2 -nographic -no-reboot -nodefaults -serial stdio"
            f" -kernel /run/vm/vmlinuz -initrd /run/vm/initrd.img {' '.join(drives)}"
            " -netdev tap,id=cable,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=cable,romfile="
        )
        kernel = "root=/dev/vda rootfstype=squashfs ro init=/init console=ttyS0 quiet net.ifnames=0 mitigations=off panic=-1"
        self.log = machine.start(*command.split(), "-append", kernel).log
        assert daemons.eventually(180, self._is_up), self.log.read_text(errors="replace")

    def _is_up(self) -> bool:
        with contextlib.suppress(OSError):
            return self.sh("echo up") == "up\n"
        return False

    def sh(self, command: str) -> str:
        with socket.create_connection((ADDRESS, 1), timeout=120) as connection:
            connection.sendall(command.encode())
            connection.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: connection.recv(65536), b""))
        out, _mark, code = said.decode().rpartition("exit ")
        assert code.strip() == "0", out
        return out

    def write(self, path: str, text: str) -> None:
        self.sh(f"mkdir -p {os.path.dirname(path)}; cat > {path} <<'END-OF-FILE'\n{text}END-OF-FILE\n")

    def serve(self, items: Iterable[_nfs.Export], guarded: bool = True) -> None:
        items = list(items)
        self.stop()
        self.write("/etc/nfs.conf.d/bootyard.conf", rendered("etc/nfs.conf.d/bootyard.conf.j2"))
        for path, text in _nfs.kernel_files(items).items():
            self.write(path, text if guarded else text.replace("mountpoint,", ""))
        self.sh("sh -eu /work/serve")
        self.wait(items)

    def stop(self) -> None:
        self.sh("rm -f /etc/exports.d/*; exportfs -ra; exportfs -f")


SERVERS = {server.name: server for server in (Ganesha, Kernel)}


@contextlib.contextmanager
def addresses() -> Iterator[None]:
    """This end of the cable has the addresses of all who ask."""
    for address in (STRANGER, *NODES.values()):
        subprocess.run(["ip", "address", "add", f"{address}/24", "dev", "eth1"], check=True)
    yield


def _bring_code(root: Path) -> None:
    target = root / _CODE
    target.mkdir(parents=True)
    for source in (ROOT / "plugins/module_utils").glob("*.py"):
        (target / source.name).write_bytes(source.read_bytes())
    (root / "opt/nfs_master.py").write_bytes((ROOT / "tests/helpers/nfs_master.py").read_bytes())


def _packed(tree: Path) -> Path:
    """The machine's file system in one file, made once."""
    target = tree.with_suffix(".squashfs")
    init = tree / "init"
    if not target.exists() or init.read_text() != _INIT:
        init.write_text(_INIT)
        init.chmod(0o755)
        new = target.with_suffix(".new")
        command = ["mksquashfs", tree, new, "-noappend", "-quiet", "-no-progress", "-comp", "zstd", "-Xcompression-level", "3"]
        subprocess.run([*command, "-wildcards", "-e", "boot/*", "var/cache/*", "usr/share/man/*"], check=True)
        new.rename(target)
    return target


def _boot(tree: Path) -> dict[str, Path]:
    return {name: next(tree.glob(f"boot/{name}-*")) for name in ("vmlinuz", "initrd.img")}


def _bind(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch()
    subprocess.run(["mount", "--bind", source, target], check=True)
