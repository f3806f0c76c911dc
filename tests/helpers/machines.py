"""Machines whose systems make a host key of their own, so that nobody can know it, and what is asked of them."""

from __future__ import annotations

import re
import subprocess
import time

from bootyard_lab.console import DEAD_ENDS, Boot, last_boot
from bootyard_lab.lab import Node, ssh

#: Seconds that are enough even where each machine has a small part of a processor.
PATIENCE = 2400


class Machine:
    """A machine of the lab, asked over SSH as one of its users. C(stuck) is what its console shows when there is nothing to wait for."""

    stuck = DEAD_ENDS

    def __init__(self, node: Node, user: str = "root") -> None:
        self.node, self.user = node, user

    def ask(self, command: str) -> subprocess.CompletedProcess[str] | None:
        """How a command ends; None where nobody answers."""
        try:
            done = ssh(self.node, command, 60, self.user, StrictHostKeyChecking="no", UserKnownHostsFile="/dev/null", LogLevel="ERROR")
        except subprocess.TimeoutExpired:
            return None
        return None if done.returncode == 255 else done

    def on(self, command: str) -> str:
        """What a command prints."""
        done = self.ask(command)
        assert done, f"{self.node.name}: {command}: no answer"
        assert done.returncode == 0, f"{self.node.name}: {command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def boot(self) -> Boot:
        """What its console says since it was switched on, over all its restarts."""
        boot = last_boot(self.node.console)
        assert boot, f"{self.node.name} is off"
        assert not re.search(self.stuck, boot.text), boot.tail(60)
        return boot

    def until(self, command: str, answer: str | None = None, problem: str = "true") -> None:
        """Wait until a command succeeds and prints the answer; what C(problem) prints is the message if it never does."""
        deadline = time.time() + PATIENCE
        while not (done := self.ask(command)) or done.returncode or answer not in (None, done.stdout.strip()):
            assert time.time() < deadline, f"{self.node.name}: {command}: {done}\n{self.ask(problem)}\n{self.boot().tail(60)}"
            self.boot()
            time.sleep(2)

    def seconds_at(self, path: str) -> int:
        """When a file was written, in seconds since the machine was switched on."""
        return int(self.on(f"stat --format %Y {path}")) - round(self.boot().powered_on)
