"""What the person in front of the lab sees."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from .follow import SHELL, Result
from .lab import BUILD, ROOT, environment

_TTY = sys.stdout.isatty()
_START = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - _START:4.0f} s] {text}", flush=True)


def run_stage(title: str, command: list[str]) -> None:
    """Run a command, show which Ansible task it is at, keep its output in a log, and leave when it fails."""
    log = BUILD / "log" / f"{title.replace(' ', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    say(title)
    with log.open("w+") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in process.stdout:
            output.write(line)
            if line.startswith("TASK ["):
                _show_task(line[6:].split("]")[0].removeprefix("bootyard.netboot."))
    _clear_line()
    if process.wait() != 0:
        _leave(title, log)


def _show_task(task: str) -> None:
    if _TTY:
        print(f"\r\x1b[K         {task[:70]}", end="", flush=True)
    else:
        say(f"  {task}")


def _clear_line() -> None:
    if _TTY:
        print("\r\x1b[K", end="", flush=True)


def _leave(title: str, log: Path) -> None:
    lines = log.read_text().splitlines()
    first = next((i for i, line in enumerate(lines) if line.startswith(("fatal:", "[ERROR]"))), len(lines) - 30)
    print("\n".join(lines[max(first, 0) :][:40]))
    sys.exit(f"{title}: failed. All of its output is in {log.relative_to(ROOT)}")


class Watch:
    """Show booting machines: a table that redraws itself on a terminal, a line per change elsewhere."""

    def __init__(self) -> None:
        self._shown: list[str] = []

    def __call__(self, results: list[Result]) -> None:
        if _TTY:
            width = shutil.get_terminal_size().columns - 1
            self._redraw([f"  {_state(result, True)}"[:width] for result in results])
        else:
            self._tell([_state(result, False) for result in results])

    def _redraw(self, lines: list[str]) -> None:
        if self._shown:
            print(f"\x1b[{len(self._shown)}A", end="")
        print("".join(f"\x1b[K{line}\n" for line in lines), end="", flush=True)
        self._shown = lines

    def _tell(self, lines: list[str]) -> None:
        for line in lines:
            if line not in self._shown:
                say(f"  {line}")
        self._shown = lines


def _state(result: Result, live: bool) -> str:
    if result.problem:
        now = f"stuck at {result.next_goal}: {result.problem}"
    elif result.is_up:
        now = "up"
    else:
        waited = f" {time.time() - result.powered_on:.0f} s" if live and result.powered_on else ""
        now = f"{result.next_goal} …{waited}"
    times = [goal if seconds is None else f"{goal} {seconds:.0f} s" for goal, seconds in result.reached.items()]
    history = f"({', '.join(times)})" if times else ""
    return f"{result.node.name:10} {now:18} {history}".rstrip()


def print_table(results: list[Result]) -> None:
    rows = [("node", "MAC", "IP", "path", "root", "kernel", "seconds")]
    rows += [(r.node.name, r.node.mac, r.node.ip, r.path, r.root, r.kernel, str(r.reached[SHELL] or "-")) for r in results if r.is_up]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_stuck(result: Result) -> None:
    print(f"\n{result.node.name} is stuck at {result.next_goal}: {result.problem}. The end of its console:\n")
    print(result.console)
