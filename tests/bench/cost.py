"""What a command costs, on both sides of the connection."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from master import Master

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cost:
    """Seconds: on the clock, of CPU on the controller with all its children, of CPU on the master."""

    wall: float
    controller: float
    master: float

    @property
    def cpu(self) -> float:
        return self.controller + self.master

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.controller - other.controller, self.master - other.master)

    def __truediv__(self, count: int) -> Cost:
        return Cost(self.wall / count, self.controller / count, self.master / count)


def measure(master: Master, log: Path, *command: str | Path) -> Cost:
    """Run a command and return what it cost; leave with the end of its output when it fails.

    The engine's own daemon, which carries the connection, is not counted.
    """
    on_master, begun = master.cpu(), time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen([str(word) for word in command], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        status, usage = os.wait4(process.pid, 0)[1:]
    process.returncode = os.waitstatus_to_exitcode(status)
    cost = Cost(time.monotonic() - begun, usage.ru_utime + usage.ru_stime, master.cpu() - on_master)
    if process.returncode != 0:
        raise SystemExit("\n".join([*log.read_text().splitlines()[-40:], f"failed; all of it is in {log}"]))
    return cost
