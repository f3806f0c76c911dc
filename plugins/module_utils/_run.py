# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""One run at a time on a master, without a lock that a killed run could leave behind.

Every module call works under one C(flock), which the kernel drops with the process. A run takes the next number
when it starts, and each of its calls must still hold the newest number: a worker that outlived its killed
C(ansible-playbook), or a slower second operator, is refused before it touches a file (a fencing token).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Seconds without a word after which an unfinished run is taken for dead.
QUIET = 15


class RunError(RuntimeError):
    """The run may not go on; the message says why and what to do."""


@dataclass
class State:
    """What a master remembers of its runs: the newest number, whether it still works, and the nodes it serves."""

    number: int = 0
    finished: bool = True
    nodes: tuple[str, ...] = ()


def load(directory: str) -> State:
    """The remembered state, or a new one where nothing is remembered."""
    try:
        with open(_state_file(directory), encoding="utf-8") as stream:
            return State(**json.load(stream))
    except FileNotFoundError:
        return State()


def vanished(state: State, wanted: Iterable[str], allowed: Iterable[str], most: int, partial: bool = False) -> list[str]:
    """The served nodes that the inventory no longer has.

    Raises C(RunError) when nodes vanish that are not C(allowed) by name and they are either all nodes or more than
    C(most) per cent of them (one may always go), and when any vanish from a C(partial) run.
    """
    gone = sorted(set(state.nodes) - set(wanted))
    if gone and partial:
        raise RunError(
            f"a run with netboot_select removes nothing, but these nodes left the inventory: {brief(gone)}. Run once without a selection"
        )
    surprising = sorted(set(gone) - set(allowed))
    share = max(1, len(state.nodes) * most // 100)
    if surprising and (len(surprising) > share or len(gone) == len(state.nodes)):
        raise RunError(
            f"{len(surprising)} of {len(state.nodes)} nodes are no longer in the inventory: {brief(surprising)}. "
            f"A run removes at most {share}, and never the last. Is the inventory whole? If they are really gone, name them: "
            f"-e '{json.dumps({'netboot_allow_removal': surprising[:3]})}', or raise netboot_max_removals ({most} %)."
        )
    return gone


def begin(
    directory: str, wanted: Iterable[str], allowed: Iterable[str], most: int, timeout: float, partial: bool = False
) -> tuple[int, list[str]]:
    """Start a run: its number, and the nodes that it shall remove.

    Waits up to C(timeout) seconds for a run that is still at work. Nodes are remembered from the start, so that a run
    that dies half way leaves nothing unaccounted for.
    """
    os.makedirs(directory, mode=0o755, exist_ok=True)
    wanted = set(wanted)
    deadline = time.monotonic() + timeout
    while True:
        with _locked(directory, max(0.0, deadline - time.monotonic())):
            state = load(directory)
            if state.finished or _silence(directory) > QUIET:
                gone = vanished(state, wanted, allowed, most, partial)
                _save(directory, State(state.number + 1, False, tuple(sorted(wanted | set(state.nodes)))))
                return state.number + 1, gone
        if time.monotonic() > deadline:
            raise RunError(
                f"run {state.number} is still at work on this master; wait for it, or raise netboot_lock_timeout ({timeout:g} s)"
            )
        time.sleep(0.5)


def finish(directory: str, number: int, wanted: Iterable[str]) -> None:
    """End a run: from now on exactly the nodes in C(wanted) are served."""
    with turn(directory, number):
        _save(directory, State(number, True, tuple(sorted(wanted))))


@contextlib.contextmanager
def turn(directory: str, number: int | None, timeout: float = 600) -> Iterator[None]:
    """Work alone on this master, as part of run C(number) (None: a call outside any run), with the umask that servers need.

    Raises C(RunError) when a later run has begun, or when the lock is not to be had in C(timeout) seconds.
    """
    os.makedirs(directory, mode=0o755, exist_ok=True)
    with _locked(directory, timeout):
        newest = load(directory).number
        if number is not None and number != newest:
            raise RunError(
                f"run {newest} has taken over from this one ({number}); nothing was changed here. Run again if your inventory is the newer one"
            )
        with contextlib.suppress(FileNotFoundError):
            os.utime(_state_file(directory))
        umask = os.umask(0o022)
        try:
            yield
        finally:
            os.umask(umask)
        with contextlib.suppress(FileNotFoundError):
            os.utime(_state_file(directory))


def carry_out(params: Mapping[str, Any], dry: bool, work: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """What C(work(dry=…)) returns: in this run's L(turn), which C(params) have, or at once where nothing is changed."""
    if dry:
        return work(dry=True)
    with turn(params["state_dir"], params["run"]):
        return work(dry=False)


def brief(names: Iterable[str], most: int = 10) -> str:
    """Names in one line, the tail counted only."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@contextlib.contextmanager
def _locked(directory: str, timeout: float) -> Iterator[None]:
    deadline = time.monotonic() + timeout
    with open(os.path.join(directory, "lock"), "w", encoding="utf-8") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RunError(
                        f"another run is at work on this master and holds {lock.name}; wait for it to end and run again"
                    ) from None
                time.sleep(0.1)
        yield


def _silence(directory: str) -> float:
    return time.time() - os.stat(_state_file(directory)).st_mtime


def _state_file(directory: str) -> str:
    return os.path.join(directory, "state.json")


def _save(directory: str, state: State) -> None:
    path = _state_file(directory)
    with open(path + ".new", "w", encoding="utf-8") as stream:
        json.dump(asdict(state), stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(path + ".new", path)
