"""The main job without the roots, for fleets of several sizes, each beside the same job for no node."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import fleet
import master
from cost import ROOT, Cost, measure
from master import BUSY, IDLE, Master

#: How often a re-run is measured.
REPEATS = 3

#: What a run costs for a fleet and, right after it, for no node: what else the machine does weighs on both alike.
Pair = tuple[Cost, Cost]


def run(build: Path, on: Master, count: int) -> Cost:
    """Run the main job for a fleet. Its roots are taken as made: directories to export, and what is known of each."""
    directory = build / str(count)
    fleet.write(directory, count, on.name, on.address)
    on.inside(f"mkdir -p /srv/nfs /var/lib/bootyard && cd /srv/nfs && seq -f node%.0f {count} | xargs -r mkdir -p")
    on.inside("touch /var/lib/bootyard/roots.fstab")
    playbook = ["ansible-playbook", "site.yml", "-i", directory / "inventory", "--skip-tags=roots", "-e", f"@{directory / 'roots.json'}"]
    return measure(on, directory / "log", *playbook)


def prepare(build: Path) -> None:
    """Make a master that has all it needs and serves no node, so that packages are no part of what is measured."""
    fleet.write(build / "0", 0, IDLE.name, IDLE.address)
    subprocess.run(["ansible-playbook", "tests/bench/image.yml", "-i", build / "0/inventory"], cwd=ROOT, check=True)
    master.connect()
    IDLE.start(master.BARE)
    run(build, IDLE, 0)
    IDLE.keep()
    settle(build, IDLE)


def settle(build: Path, on: Master) -> None:
    """Start a master and run the job for no node once, so that its own start is no part of what is measured."""
    on.start(master.PREPARED)
    run(build, on, 0)


def pair(build: Path, count: int) -> Pair:
    return run(build, BUSY, count), run(build, IDLE, 0)


def of_size(build: Path, count: int) -> Iterator[tuple[str, list[Pair]]]:
    """Yield what each kind of run for a fleet costs, as often as it was measured."""
    settle(build, BUSY)
    yield "first run", [pair(build, count)]
    yield "re-run", [pair(build, count) for repeat in range(REPEATS)]
    yield "one node more", [pair(build, count + 1)]
