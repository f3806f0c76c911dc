# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Base images as immutable generations: built by mmdebstrap(1), described by a manifest, published by rename."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ._fleet import natural
from ._statefile import StateFileError, read_json
from ._trees import remove_tree

#: Raised when the way of building changes, so that the next run builds new generations.
RECIPE = 2

#: The name of a generation: its number, and the first characters of the digest of its image.
_GENERATION = re.compile(r"(\d{4,})-\w+")

#: Units that have no work on a diskless node, or would do harm there: the initramfs owns the network card of the root.
MASKED = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "networking.service",
    "rpcbind.service",
    "rpcbind.socket",
]

#: initramfs-tools reads this while the kernel package is configured, so the initrd is built once and for its way of booting.
INITRAMFS = "MODULES=netboot\nBOOT=nfs\nBUSYBOX=y\nCOMPRESS=zstd\n"

#: A system in RAM is all cloud-init's: it has one source of data, no disk to grow into, and no locale to generate.
CLOUD = "datasource_list: [NoCloud, None]\nresize_rootfs: false\ngrowpart: {mode: 'off'}\nlocale: C.UTF-8\n"


#: The root of a system in RAM is an overlay, and no engine's containers can lay another one over that; what they keep is lost either way.
_CONTAINERS = {
    f"/etc/systemd/system/var-lib-{engine}.mount": f"""\
[Unit]
Description=Containers in memory
ConditionPathIsMountPoint=!/var/lib/{engine}

[Mount]
What=tmpfs
Where=/var/lib/{engine}
Type=tmpfs
Options=mode=0711

[Install]
WantedBy=local-fs.target
"""
    for engine in ("containers", "docker")
}


@dataclass(frozen=True, slots=True)
class Form:
    """How an image is made to boot: what its initramfs and more files say, and which units it runs and does not run."""

    files: Mapping[str, str]
    masked: tuple[str, ...]
    enabled: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)


_INITRAMFS = "/etc/initramfs-tools/conf.d/bootyard"

#: By the C(form) of an image. A squashfs lets networkd and resolved run the network that cloud-init writes down; they would take
#: the kernel's ip= for theirs too.
FORMS = {
    "directory": Form({_INITRAMFS: INITRAMFS}, tuple(MASKED)),
    "squashfs": Form(
        # Installed to a disk it boots by the same initrd, which then needs the disk's driver.
        {
            _INITRAMFS: INITRAMFS.replace("BOOT=nfs", "BOOT=live").replace("=netboot", "=most"),
            "/etc/cloud/cloud.cfg.d/90_bootyard.cfg": CLOUD,
            **_CONTAINERS,
        },
        (*(unit for unit in MASKED if unit != "networking.service"), "systemd-network-generator.service"),
        ("systemd-networkd.service", "systemd-resolved.service", *map(os.path.basename, _CONTAINERS)),
        {"/etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf"},
    ),
}

#: The files that a machine boots, by the form of the image.
BOOT_FILES = {"directory": ("vmlinuz", "initrd.img"), "squashfs": ("vmlinuz", "initrd.img", "filesystem.squashfs")}


class ImageError(RuntimeError):
    """An image could not be built; nothing of it is in place."""


@dataclass(frozen=True)
class Image:
    """An image as it is wanted. C(mirror) is where packages come from today and no part of what the image is."""

    name: str
    suite: str
    arch: str
    mirror: str
    components: tuple[str, ...]
    packages: tuple[str, ...]
    form: str = "directory"

    @property
    def digest(self) -> str:
        """Tells two different images apart."""
        parts = [RECIPE, self.suite, self.arch, sorted(self.components), sorted(self.packages)]
        parts += [self.form] if self.form != "directory" else []
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Store:
    """The generations below C(directory), whose boot files machines find in every directory of C(publish).

    C(used) are the generations of each image that roots are clones of, whether they are here or not.
    """

    def __init__(self, directory: str, publish: Iterable[str], used: Mapping[str, Collection[str]] | None = None) -> None:
        self.directory, self.publish, self.used = directory, tuple(publish), used or {}

    def manifest(self, name: str) -> dict[str, Any] | None:
        """The manifest of an image's current generation, None where the image has none yet.

        A lost link means the newest generation. Raises L(ImageError) where generations are there and none can be read, or
        the current one cannot: another one would take its place and its number.
        """
        current = _linked(self.directory, name)
        if current is None:
            manifests = self._manifests(name)
            if not manifests and self._generations(name):
                raise ImageError(
                    f"{os.path.join(self.directory, name)} has generations ({', '.join(self._generations(name))}), and none has a "
                    "manifest.json that can be read. Restore the directory from a backup, or move it away if no root needs it"
                )
            return manifests[max(manifests, key=_number)] if manifests else None
        try:
            return _read_manifest(os.path.join(self.directory, name, current))
        except StateFileError as error:
            raise ImageError(
                f"{error}. Restore it from a backup; to go back to an older generation of {name}, point its link current there"
            ) from error

    def wanted_generation(self, image: Image) -> tuple[str, bool]:
        """The generation that C(image) shall have, and whether it is there already. A number is never used twice."""
        manifest = self.manifest(image.name)
        if manifest and manifest["digest"] == image.digest:
            return manifest["generation"], True
        published = [entry for directory in self.publish for entry in _listed(os.path.join(directory, image.name))]
        taken = [*self._generations(image.name), *published, *self.used.get(image.name, ())]
        return f"{max(map(_number, taken), default=0) + 1:04d}-{image.digest[:8]}", False

    def unlinked(self, name: str) -> str | None:
        """The generation that lost a link current, here or where it is published."""
        manifest = self.manifest(name)
        if manifest and any(_linked(directory, name) is None for directory in self._places(name, manifest["generation"])):
            return manifest["generation"]
        return None

    def unpublished(self) -> list[tuple[str, str]]:
        """Image and generation of the boot files that a publish directory lacks, older generations being some node's still."""
        found = [(name, generation) for name in _listed(self.directory) for generation in self._manifests(name)]
        return [(name, generation) for name, generation in found if any(self._lacking(name, generation))]

    def build(self, image: Image) -> dict[str, Any]:
        """Build and publish a generation and make it the current one; returns its manifest.

        Everything grows in a staging directory that the next build removes, should this one be killed.
        """
        generation, _there = self.wanted_generation(image)
        home = os.path.join(self.directory, image.name)
        staging = os.path.join(home, ".building")
        os.makedirs(home, mode=0o755, exist_ok=True)
        remove_tree(staging)
        os.mkdir(staging, 0o755)
        try:
            root = os.path.join(staging, "root")
            bootstrap(image, root)
            size = _size(root)
            manifest = {
                "image": image.name,
                "generation": generation,
                "digest": image.digest,
                "suite": image.suite,
                "arch": image.arch,
                "packages": sorted(image.packages),
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                **_boot_files(image, root, staging),
                **size,
            }
            if image.form == "directory":
                pack_root(root, os.path.join(staging, "root.squashfs"))
            remove_tree(root)
            with open(os.path.join(staging, "manifest.json"), "w", encoding="utf-8") as stream:
                json.dump(manifest, stream, indent=2)
            subprocess.run(["sync", "--file-system", staging], check=True)
            os.rename(staging, os.path.join(home, generation))
        except Exception:
            remove_tree(staging)
            raise
        self.publish_boot_files(image.name, generation)
        self.switch(image.name, generation)
        return manifest

    def publish_boot_files(self, name: str, generation: str) -> None:
        """Put the files of a generation that machines boot where the servers see them, all or none."""
        for home in self._lacking(name, generation):
            staging = os.path.join(home, f".{generation}")
            os.makedirs(home, mode=0o755, exist_ok=True)
            remove_tree(staging)
            os.mkdir(staging, 0o755)
            source = os.path.join(self.directory, name, generation)
            for file in {file for files in BOOT_FILES.values() for file in files} & set(os.listdir(source)):
                _link_or_copy(os.path.join(source, file), os.path.join(staging, file))
            os.rename(staging, os.path.join(home, generation))
        manifest = self.manifest(name)
        if manifest and manifest["generation"] == generation:
            self.switch(name, generation)

    def switch(self, name: str, generation: str) -> None:
        """Make a generation the current one, for new roots and for machines that boot whatever is current."""
        for directory in self._places(name, generation):
            _point(os.path.join(directory, name, "current"), generation)

    def _places(self, name: str, generation: str) -> list[str]:
        """Where the generation is: published ones first, and last here."""
        return [directory for directory in (*self.publish, self.directory) if os.path.isdir(os.path.join(directory, name, generation))]

    def _lacking(self, name: str, generation: str) -> Iterator[str]:
        """Where the image's generations are published, and this one is not."""
        for directory in self.publish:
            if not os.path.isdir(os.path.join(directory, name, generation)):
                yield os.path.join(directory, name)

    def _generations(self, name: str) -> list[str]:
        """Every generation of an image, complete or not."""
        return [entry for entry in _listed(os.path.join(self.directory, name)) if _GENERATION.fullmatch(entry)]

    def _manifests(self, name: str) -> dict[str, dict[str, Any]]:
        """The manifests that can be read, by generation."""
        found = {}
        for generation in self._generations(name):
            with contextlib.suppress(StateFileError):
                found[generation] = _read_manifest(os.path.join(self.directory, name, generation))
        return found


def _linked(directory: str, name: str) -> str | None:
    """The generation that the link current names, None where it is missing or leads nowhere."""
    link = os.path.join(directory, name, "current")
    return os.path.basename(os.readlink(link)) if os.path.islink(link) and os.path.isdir(link) else None


def _read_manifest(generation: str) -> dict[str, Any]:
    path = os.path.join(generation, "manifest.json")
    manifest = read_json(path)
    if manifest is None:
        raise StateFileError(path, "is missing")
    if missing := {"generation", "digest"} - manifest.keys():
        raise StateFileError(path, f"is not valid: {sorted(missing)[0]} is missing")
    return manifest


def _number(generation: str) -> int:
    found = _GENERATION.fullmatch(generation)
    return int(found[1]) if found else 0


def _listed(directory: str) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def bootstrap(image: Image, root: str) -> None:
    """Fill C(root) with the image's system.

    mmdebstrap keeps services from starting; the namespaces around it take every mount and every process away with this
    one, however it ends.
    """
    form = FORMS[image.form]
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    source = f"deb [signed-by={keyring}] {image.mirror} {image.suite} {' '.join(image.components)}"
    command = [
        *("setpriv", "--pdeathsig", "KILL"),
        *("unshare", "--mount", "--propagation", "private", "--pid", "--mount-proc", "--kill-child", "--fork"),
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", f"--architectures={image.arch}"),
        "--aptopt=APT::Install-Recommends false",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f"--include={','.join(image.packages)}",
        *(f"--essential-hook={command}" for path, text in form.files.items() for command in _writing(path, text)),
        f'--customize-hook=systemctl --root="$1" --quiet mask {" ".join(form.masked)}',
        *(f'--customize-hook=systemctl --root="$1" --quiet enable {unit}' for unit in form.enabled),
        *(f'--customize-hook=ln -sf {target} "$1{path}"' for path, target in form.links.items()),
        '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_*_key "$1"/etc/ssh/ssh_host_*_key.pub',
        *(image.suite, root, source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise ImageError(f"mmdebstrap could not build {image.name} ({image.suite}, {image.arch}): {_essence(done.stderr)}")


def _writing(path: str, text: str) -> Iterator[str]:
    """Shell commands that write a file below $1."""
    yield f'mkdir -p "$1{os.path.dirname(path)}"'
    yield f'printf "%s" {shlex.quote(text)} > "$1{path}"'


def pack_root(root: str, target: str) -> None:
    """Pack the root that node roots are clones of: packed, it is a file system of its own, and nobody writes to it."""
    _squash(root, f"{target}.new", 3)
    os.rename(f"{target}.new", target)


def _squash(root: str, target: str, level: int, *without: str) -> None:
    """Pack a root, but what the patterns C(without) name. Levels above 9 take ten times as long and save a sixteenth."""
    command = ["setpriv", "--pdeathsig", "KILL", "mksquashfs", root, target]
    command += ["-noappend", "-quiet", "-no-progress", "-comp", "zstd", "-Xcompression-level", str(level)]
    command += ["-wildcards", "-e", *without] if without else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"mksquashfs could not pack {root}: {_essence(done.stderr)}")


def newest_kernel(boot: str) -> str:
    """The version of the newest kernel in a boot directory, as 6.1.0-10 before 6.1.0-9."""
    versions = [name.removeprefix("vmlinuz-") for name in os.listdir(boot) if name.startswith("vmlinuz-")]
    if not versions:
        raise ImageError(f"{boot} has no kernel; name a kernel package such as linux-image-amd64")
    return max(versions, key=natural)


def _boot_files(image: Image, root: str, target: str) -> dict[str, Any]:
    boot = os.path.join(root, "boot")
    kernel = newest_kernel(boot)
    for file, source in (("vmlinuz", f"vmlinuz-{kernel}"), ("initrd.img", f"initrd.img-{kernel}")):
        shutil.copyfile(os.path.join(boot, source), os.path.join(target, file))
    if image.form == "squashfs":
        # Kernel and initrd are outside of it, so they cost no memory twice.
        _squash(root, os.path.join(target, "filesystem.squashfs"), 9, "boot/*")
    return {"kernel": kernel, "sha256": {file: _sha256(os.path.join(target, file)) for file in BOOT_FILES[image.form]}}


def _sha256(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _size(root: str) -> dict[str, int]:
    inodes, blocks = 0, 0
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            stat = os.lstat(os.path.join(directory, name))
            inodes, blocks = inodes + 1, blocks + stat.st_blocks
    return {"bytes": blocks * 512, "inodes": inodes}


def _link_or_copy(source: str, target: str) -> None:
    """The same file once more, or a copy of it on another file system; nobody writes to either."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _point(link: str, target: str) -> None:
    new = f"{link}.new"
    if os.path.lexists(new):
        os.unlink(new)
    os.symlink(target, new)
    os.rename(new, link)


def _essence(log: str) -> str:
    """The lines of a build log that say what went wrong."""
    lines = [line for line in log.splitlines() if line.startswith(("E:", "Err:", "error")) or "No space left" in line]
    return " | ".join((lines or log.splitlines())[-6:])


def wanted(name: str, spec: Mapping[str, Any], defaults: Mapping[str, Any]) -> Image:
    """An image from its entry in C(netboot_images), with the role's defaults for what it leaves out."""
    merged = {**defaults, **spec}
    form = merged.get("form", "directory")
    packages = spec.get("packages") or merged["packages" if form == "directory" else "squashfs_packages"]
    names = tuple(dict.fromkeys([*packages, *merged["extra_packages"], merged["kernel_package"]]))
    return Image(name, merged["suite"], merged["arch"], merged["mirror"], tuple(merged["components"]), names, form)
