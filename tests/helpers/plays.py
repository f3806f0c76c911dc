"""Runs of playbooks, and what they did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Play:
    """The end of a run. C(changed) names the tasks that changed something, C(diff) holds all diffs as JSON text."""

    code: int
    output: str
    changed: tuple[str, ...]
    failed: tuple[str, ...]
    diff: str

    @property
    def messages(self) -> str:
        """What the failed tasks said."""
        return "\n".join(self.failed)


def command(playbook: str, *arguments: str) -> list[str]:
    """The command line of a playbook of this repository."""
    return [str(Path(sys.executable).parent / "ansible-playbook"), str(ROOT / playbook), *arguments]


def environment(**more: str) -> dict[str, str]:
    """The environment in which Ansible takes this checkout's configuration and no other."""
    return {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", **more}


def play(playbook: str, *arguments: str) -> Play:
    """Run a playbook to its end."""
    env = environment(ANSIBLE_STDOUT_CALLBACK="ansible.posix.json")
    done = subprocess.run(command(playbook, *arguments), capture_output=True, text=True, env=env, cwd=ROOT, timeout=900, check=False)
    start = done.stdout.find("{\n")
    report = json.loads(done.stdout[start:]) if start >= 0 else {"plays": []}
    changed, failed, diffs = [], [], []
    for task in (task for played in report["plays"] for task in played["tasks"]):
        for result in task["hosts"].values():
            if result.get("changed"):
                changed.append(task["task"]["name"].rpartition(" : ")[2])
            if result.get("failed"):
                failed.append(str(result.get("msg")))
            diffs.append(result.get("diff"))
    return Play(done.returncode, done.stdout + done.stderr, tuple(changed), tuple(failed), json.dumps(diffs))
