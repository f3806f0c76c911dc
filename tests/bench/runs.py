"""The main job without the roots, for fleets of several sizes, beside the same job for no node."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import fleet
import master
from cost import ROOT, Cost, measure

#: How often the job for no node is measured: what it varies by is the noise in all that is compared with it.
BASELINES = 3


def run(build: Path, count: int) -> Cost:
    """Run the main job for a fleet. Its roots are taken as made: directories to export, and what is known of each."""
    directory = build / str(count)
    fleet.write(directory, count, master.NAME)
    master.inside(f"mkdir -p /srv/nfs /var/lib/bootyard && cd /srv/nfs && seq -f node%.0f {count} | xargs -r mkdir -p")
    master.inside("touch /var/lib/bootyard/roots.fstab")
    playbook = ["ansible-playbook", "site.yml", "-i", directory / "inventory", "--skip-tags=roots", "-e", f"@{directory / 'roots.json'}"]
    return measure(directory / "log", *playbook)


def prepare(build: Path) -> None:
    """Make a master that has all it needs and serves no node, so that packages are no part of what is measured."""
    inventory = build / "0"
    fleet.write(inventory, 0, master.NAME)
    subprocess.run(["ansible-playbook", "tests/bench/image.yml", "-i", inventory / "inventory"], cwd=ROOT, check=True)
    master.start(master.BARE)
    run(build, 0)
    master.keep()


def settled(build: Path) -> None:
    """Start a master and run the job for no node once, so that its own start is no part of what is measured."""
    master.start(master.PREPARED)
    run(build, 0)


def baseline(build: Path) -> list[Cost]:
    """Return the costs of the job for no node."""
    settled(build)
    return [run(build, 0) for _ in range(BASELINES)]


def of_size(build: Path, count: int) -> Iterator[tuple[str, Cost]]:
    """Yield the cost of each kind of run for a fleet."""
    settled(build)
    yield "first run", run(build, count)
    yield "re-run", run(build, count)
    yield "one node more", run(build, count + 1)
