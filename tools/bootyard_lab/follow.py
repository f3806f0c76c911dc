"""Follow machines from power-on to a shell."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from threading import Event

from .console import GOALS, Boot, last_boot
from .lab import Node, cpu_seconds, ssh, trust_published_keys

SHELL = "SSH"
ALL_GOALS = [*GOALS, SHELL]
# A boot that was found this many seconds old or more was not watched from its start.
WATCHED_FROM_START = 30
_ASK = "hostname && findmnt --noheadings --output SOURCE / && uname --kernel-release"

Earlier = dict[tuple[str, float], dict]


@dataclass
class Result:
    """How far a node came, and by which path. Times are seconds since it was switched on, None where nobody watched.

    C(cpu_seconds) is what its machine had computed until its shell answered.
    """

    node: Node
    powered_on: float | None = None
    watched: bool = False
    reached: dict[str, float | None] = field(default_factory=dict)
    cpu_seconds: float | None = None
    path: str = ""
    root: str = ""
    kernel: str = ""
    problem: str = ""
    console: str = ""

    @property
    def is_up(self) -> bool:
        return SHELL in self.reached

    @property
    def next_goal(self) -> str:
        """The goal it works on, or is stuck at."""
        if self.powered_on is None:
            return "power-on"
        return next((goal for goal in ALL_GOALS if goal not in self.reached), "")

    def to_dict(self) -> dict:
        told = ("cpu_seconds", "path", "root", "kernel", "powered_on", "reached", "problem")
        return {**asdict(self.node), "seconds": self.reached.get(SHELL), **{key: getattr(self, key) for key in told}}


def follow(
    nodes: Iterable[Node],
    timeout: float = 900,
    watch: Callable[[list[Result]], None] = lambda results: None,
    earlier: Iterable[dict] = (),
) -> list[Result]:
    """Wait until every node answers SSH or is stuck, calling watch about twice a second.

    A node that does not come up raises nothing: its result says where it is stuck. The times of nodes that were up
    before come from earlier, results of former calls as dictionaries.
    """
    results = [Result(node) for node in nodes]
    known = {(boot["name"], boot["powered_on"]): boot for boot in earlier}
    deadline = time.time() + timeout
    interrupted = Event()
    trust_published_keys()
    with ThreadPoolExecutor(max_workers=len(results) or 1) as pool:
        futures = [pool.submit(_follow_one, result, deadline, known, interrupted) for result in results]
        try:
            while not all(future.done() for future in futures):
                watch(results)
                time.sleep(0.5)
        except KeyboardInterrupt:
            interrupted.set()
            raise
    watch(results)
    return [future.result() for future in futures]


def _follow_one(result: Result, deadline: float, earlier: Earlier, interrupted: Event) -> Result:
    boot = None
    while not (result.is_up or result.problem or interrupted.wait(0.5)):
        boot = last_boot(result.node.console)
        if boot:
            _look(result, boot, earlier)
        if not result.is_up and time.time() > deadline:
            result.problem = result.problem or "out of time"
    if result.problem and boot:
        result.console = boot.tail()
    return result


def _look(result: Result, boot: Boot, earlier: Earlier) -> None:
    if boot.powered_on != result.powered_on:
        result.powered_on, result.reached = boot.powered_on, {}
        result.watched = time.time() - boot.powered_on < WATCHED_FROM_START
    result.path = boot.path
    known = earlier.get((result.node.name, boot.powered_on), {})
    times = known.get("reached", {})
    for goal in boot.goals:
        result.reached.setdefault(goal, times.get(goal) or _since(result))
    if "NFS root" in result.reached and _shell_answers(result):
        result.reached[SHELL] = times.get(SHELL) or _since(result)
        result.cpu_seconds = known.get("cpu_seconds") or (cpu_seconds(result.node) if result.watched else None)
    elif boot.dead_end:
        result.problem = boot.dead_end


def _shell_answers(result: Result) -> bool:
    try:
        answer = ssh(result.node, _ASK)
    except subprocess.TimeoutExpired:
        return False
    if answer.returncode != 0:
        return False
    hostname, result.root, result.kernel = answer.stdout.split()
    if hostname != result.node.name:
        result.problem = f"calls itself {hostname}"
    return not result.problem


def _since(result: Result) -> float | None:
    return round(time.time() - result.powered_on, 1) if result.watched else None
