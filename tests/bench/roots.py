"""What one root costs with each strategy. The image is a copy of the master's own file system, a small Debian."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import fleet
import master
from cost import Cost, measure
from master import BUSY

STRATEGIES = {"overlay": 50, "copy": 5}
IMAGE = f"/srv/netboot/images/{fleet.IMAGE}/{fleet.GENERATION}"


@dataclass(frozen=True)
class Root:
    """What one root costs, in seconds, bytes and inodes."""

    time: Cost
    bytes: int
    inodes: int


def prepare() -> None:
    BUSY.start(master.PREPARED)
    BUSY.inside(f"mkdir -p {IMAGE} && mksquashfs / {IMAGE}/root.squashfs -quiet -no-progress -one-file-system -e srv")
    size, inodes = used("/")
    BUSY.inside(f"echo '{json.dumps({'bytes': size, 'inodes': inodes})}' > {IMAGE}/manifest.json")


def used(*directories: str) -> tuple[int, int]:
    """Return the bytes and inodes below directories of the master; what is mounted there does not count."""
    words = f"du --summarize --total --one-file-system {' '.join(directories)}"
    size, inodes = (BUSY.inside(f"{words} {unit} | tail -n 1").split()[0] for unit in ("--block-size=1", "--inodes"))
    return int(size), int(inodes)


def of_strategy(build: Path, strategy: str, count: int) -> Root:
    """Return what one of many roots costs: the call that makes them less the same call when they are there."""
    directory = build / strategy
    fleet.write(directory, count, BUSY.name, BUSY.address)
    BUSY.inside("mkdir -p /srv/netboot/roots")
    before = used("/srv/netboot/roots")
    making = call(directory, strategy, count)
    after = used("/srv/netboot/roots")
    nothing = call(directory, strategy, count)
    return Root((making - nothing) / count, *((late - early) // count for early, late in zip(before, after, strict=True)))


def call(directory: Path, strategy: str, count: int) -> Cost:
    """Ask for roots, in the way that the role does it."""
    nodes = [
        {
            "name": f"{strategy}-{node.name}",
            "ip": node.ip,
            "macs": [node.mac],
            "image": fleet.IMAGE,
            "master": "bench",
            "server": BUSY.address,
            "quota": 16 << 30,
        }
        for node in fleet.nodes(count)
    ]
    arguments = {"nodes": nodes, "generations": {fleet.IMAGE: fleet.GENERATION}, "strategy": strategy, "prune": False}
    module = ["--module-name=bootyard.netboot.node_roots", f"--args={json.dumps(arguments)}"]
    return measure(BUSY, directory / "log", "ansible", "bench", "-i", directory / "inventory", *module)
