# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Boot loaders out of Debian's packages, which are not installed: shim's would run grub-install and iPXE's update-grub here,
and the master's own boot loader is none of our business.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping

#: Where the operator's own binaries are below a store's directory.
OWN = "own"


class BinaryError(RuntimeError):
    """A boot loader is not to be had, or is another one than was meant; nothing was published."""


class Store:
    """The binaries below C(directory): those of a package in a directory that is named like its file, the operator's in C(own)."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def sources(self, binaries: Mapping[str, Mapping[str, str]], debs: Mapping[str, str]) -> dict[str, str]:
        """Where each binary of L(Fleet) is, or will be; C(debs) are L(candidates) of all packages."""
        return {
            name: os.path.join(self.directory, debs[binary["package"]] if "package" in binary else OWN, name)
            for name, binary in binaries.items()
        }

    def fetch(self, package: str, deb: str, members: Mapping[str, str]) -> None:
        """Take files out of the newest version of a package, which apt fetches and authenticates: by name, their paths in it."""
        os.makedirs(self.directory, mode=0o755, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.directory) as staging:
            _apt("download", package, cwd=staging)
            try:
                [fetched] = [name for name in os.listdir(staging) if name.endswith(".deb")]
                _unpack(os.path.join(staging, fetched), members, os.path.join(staging, "files"))
            except (ValueError, KeyError, tarfile.TarError) as error:
                raise BinaryError(f"{deb} is no package with {', '.join(members.values())}: {error}") from error
            target = os.path.join(self.directory, deb)
            shutil.rmtree(target, ignore_errors=True)
            os.rename(os.path.join(staging, "files"), target)

    def forget_all_but(self, debs: Iterable[str]) -> None:
        """Remove what was taken out of other versions."""
        for name in set(os.listdir(self.directory)) - {*debs, OWN}:
            shutil.rmtree(os.path.join(self.directory, name))


def candidates(packages: Iterable[str]) -> dict[str, str]:
    """The file name of each package's version that apt would install now."""
    packages = sorted(set(packages))
    lines = _apt("download", "--print-uris", *packages).splitlines() if packages else []
    debs = [line.split()[1] for line in lines if line.startswith("'")]
    return {deb.partition("_")[0]: deb for deb in debs}


def verify(path: str, sha256: str) -> None:
    """Raise C(BinaryError) if a file is not the one with that SHA-256."""
    with open(path, "rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise BinaryError(f"{os.path.basename(path)} has the SHA-256 {found} instead of {sha256}")


def is_published(source: str, target: str) -> bool:
    """Whether the target is a copy of the source that everybody may read."""
    if not (os.path.isfile(source) and os.path.isfile(target)):
        return False
    return os.stat(target).st_mode & 0o777 == 0o644 and filecmp.cmp(source, target, shallow=False)


def publish(source: str, target: str) -> None:
    """Make the target a copy of the source; whoever reads it at that moment gets the old one or the new one."""
    directory, name = os.path.split(target)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    staging = os.path.join(directory, f".{name}.bootyard")
    shutil.copyfile(source, staging)
    os.chmod(staging, 0o644)
    os.rename(staging, target)


def _unpack(deb: str, members: Mapping[str, str], directory: str) -> None:
    os.mkdir(directory, 0o755)
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as unpacking,
        tempfile.TemporaryFile() as content,
    ):
        shutil.copyfileobj(unpacking.stdout, content)
        content.seek(0)
        with tarfile.open(fileobj=content) as archive:
            for name, path in members.items():
                with archive.extractfile(f".{path}") as source, open(os.path.join(directory, name), "wb") as target:
                    shutil.copyfileobj(source, target)


def _apt(*words: str, cwd: str | None = None) -> str:
    done = subprocess.run(["apt-get", *words], cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        raise BinaryError(f"apt-get {' '.join(words)}: {' | '.join(complaints)}")
    return done.stdout
