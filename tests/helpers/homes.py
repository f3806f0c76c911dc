"""Roots as they lie on a master's disk, each in a file system of its own, without the images and programs that make real ones."""

from __future__ import annotations

import os
import subprocess
from dataclasses import asdict
from pathlib import Path

from ansible_collections.bootyard.netboot.plugins.module_utils import _records
from ansible_collections.bootyard.netboot.plugins.module_utils._statefile import write_json

#: How the data of a root lies: an overlay over an image, a file system of its own that is exported, and the two kinds of the former layout.
KINDS = ("overlay", "copy", "former overlay", "former copy")
GENERATION = "0001-0"


class Homes:
    """A master's directories below C(data), and roots in them."""

    def __init__(self, data: Path, kind: str = "overlay") -> None:
        self.data, self.kind = data, kind
        self.lower = data / f"images/debian-12/{GENERATION}/root"
        (self.lower / "etc").mkdir(parents=True)
        (self.lower / "etc/hostname").write_text("image\n")
        self.layout = _records.Layout(
            images=f"{data}/images",
            roots=f"{data}/roots",
            archive=f"{data}/archive",
            exports=f"{data}/nfs",
            common=f"{data}/common.ext4",
            fstab=f"{data}/state/roots.fstab",
        )

    def make(self, name: str, number: int = 1, **fields) -> _records.Record:
        """A root that is mounted, with a file in it that the node wrote."""
        home, path = self.data / "roots" / name, self.data / "nfs" / name
        path.mkdir(parents=True)
        home.mkdir(parents=True)
        strategy = self.kind.rpartition(" ")[2]
        record = _records.Record(name, "10.99.0.1", "debian-12", GENERATION, strategy, str(path), number, "ready", **fields)
        self.write(home, record)
        self.mount(name)
        (path / "etc").mkdir(exist_ok=True)
        (path / "etc/hostname").write_text(f"{name}\n")
        return record

    def mount(self, name: str) -> None:
        """Mount a root; makes its file system if there is none."""
        home, path = self.data / "roots" / name, self.data / "nfs" / name
        own = {"overlay": home / "disk", "copy": path, "former overlay": home}.get(self.kind)
        path.mkdir(exist_ok=True)
        if self.kind in ("overlay", "copy"):
            image = home / "root.ext4"
            if not image.exists():
                with open(image, "wb") as file:
                    file.truncate(8 << 20)
                subprocess.run(["mkfs.ext4", "-q", image], check=True)
            own.mkdir(exist_ok=True)
            subprocess.run(["mount", "-o", "loop", image, own], check=True)
        if self.kind.endswith("overlay"):
            for part in ("upper", "work"):
                (own / part).mkdir(exist_ok=True)
            options = f"lowerdir={self.lower},upperdir={own}/upper,workdir={own}/work,index=on,nfs_export=on"
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, path], check=True)

    def archived(self, directory: str, **fields) -> Path:
        """A directory in the archive that a record of ours names, unless C(fields) say otherwise."""
        path = self.data / "archive" / directory
        path.mkdir(parents=True)
        node = directory.partition(".")[0]
        fields = {"archived_as": directory, **fields}
        self.write(
            path, _records.Record(node, "10.99.0.1", "debian-12", GENERATION, "overlay", f"{self.data}/nfs/{node}", 1, "ready", **fields)
        )
        (path / "root.ext4").write_text("data of the node")
        return path

    def write(self, directory: Path, record: _records.Record) -> None:
        write_json(str(directory / "root.json"), asdict(record))

    def records(self) -> dict[str, _records.Record]:
        return _records.load(self.layout)[0]

    def graves(self) -> list[str]:
        return sorted(os.listdir(self.data / "archive")) if (self.data / "archive").exists() else []

    def hostname(self, name: str) -> str:
        """What the node wrote, read where it is exported."""
        return (self.data / "nfs" / name / "etc/hostname").read_text()
