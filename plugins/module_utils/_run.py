# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""One run at a time on a master, without a lock that a killed run could leave behind.

Every module call works under one C(flock), which the kernel drops with the process. A run takes the next number
when it starts, and each of its calls must still hold the newest number: a worker that outlived its killed
C(ansible-playbook), or a slower second operator, is refused before it touches a file (a fencing token).

Whether a run is still at work is told by the kernel's boot id and its clock since then, which nobody sets.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from . import _statefile

#: Seconds without a word after which an unfinished run is taken for dead.
QUIET = 15
#: Seconds that a call waits for its turn; an image takes minutes to build.
TURN = 600


class RunError(RuntimeError):
    """The run may not go on; the message says why and what to do."""


@dataclass
class State:
    """What a master remembers of its runs: the newest number, whether it still works, and the nodes it serves."""

    number: int = 0
    finished: bool = True
    nodes: tuple[str, ...] = ()


@dataclass
class Sign:
    """The last sign of life of an unfinished run: its number, and when in which life of the master."""

    run: int
    boot: str
    at: float


def load(directory: str, served: Iterable[str] = ()) -> tuple[State, str]:
    """The remembered state, and what is wrong with it.

    C(served) are the nodes that other files on the master are for, and count as remembered. A state that is lost is made
    anew from them and from the last sign of life; then the second value says so.
    """
    path, sign, lost = _state_file(directory), _sign(directory), ""
    try:
        state = _statefile.read_as(State, path)
    except _statefile.StateFileError as error:
        state, lost = None, str(error)
    served = sorted(served)
    if state is None:
        if not lost and (served or sign):
            lost = f"{path} is missing"
        state = State(sign.run, False) if sign else State()
        if lost:
            lost += f"; by what else is on this master it serves {len(served)} nodes: {brief(served) or 'none'}"
    state.nodes = tuple(sorted({*state.nodes, *served}))
    return state, lost


def vanished(
    state: State, wanted: Iterable[str], allowed: Iterable[str], most: int, partial: bool = False, named: Iterable[str] = ()
) -> list[str]:
    """The served nodes that the inventory no longer has.

    Raises C(RunError) when nodes vanish that are not C(allowed) by name and they are either all nodes or more than
    C(most) per cent of them (one may always go), and when any vanish from a C(partial) run. C(named) are nodes that an
    operator wants removed, which are allowed; C(RunError) says of which that makes no sense.
    """
    wanted, allowed, named = set(wanted), set(names_in(list(allowed))), names_in(list(named))
    _check_named(named, set(state.nodes) | allowed, wanted)
    allowed.update(named)
    gone = sorted(set(state.nodes) - wanted)
    if gone and partial:
        raise RunError(
            f"a run with netboot_select removes nothing, but these nodes left the inventory: {brief(gone)}. Run once without a selection"
        )
    surprising = sorted(set(gone) - allowed)
    share = max(1, len(state.nodes) * most // 100)
    if surprising and (len(surprising) > share or len(gone) == len(state.nodes)):
        raise RunError(
            f"{len(surprising)} of {len(state.nodes)} nodes are no longer in the inventory: {brief(surprising)}. "
            f"A run removes at most {share}, and never the last. Is the inventory whole? If they are really gone, name them: "
            f"-e '{json.dumps({'netboot_allow_removal': surprising[:3]})}', or raise netboot_max_removals ({most} %)."
        )
    return gone


def _check_named(named: Iterable[str], known: set[str], wanted: set[str]) -> None:
    still, unknown = [name for name in named if name in wanted], [name for name in named if name not in known | wanted]
    if unknown:
        raise RunError(
            f"Nothing was removed: {'; '.join(near(name, known | wanted) for name in unknown)}. Expected nodes that this master serves"
        )
    if still:
        raise RunError(
            f"Nothing was removed: the inventory still wants {brief(still)} served, so the next run would make them anew, without their data. "
            f"Take them out of the inventory, or write netboot_state: absent for them, and run again"
        )


def begin(
    directory: str,
    wanted: Iterable[str],
    allowed: Iterable[str],
    most: int,
    timeout: float,
    partial: bool = False,
    served: Callable[[], Iterable[str]] = tuple,
    named: Iterable[str] = (),
    warn: Callable[[str], object] = lambda _lost: None,
) -> tuple[int, list[str]]:
    """Start a run: its number, and the nodes that it shall remove.

    C(served) is asked once no other run is at work, see L(load), C(named) see L(vanished). C(warn) is told if the state was lost.

    Waits up to C(timeout) seconds for a run that is still at work. Nodes are remembered from the start, so that a run
    that dies half way leaves nothing unaccounted for.
    """
    _statefile.private_directory(directory)
    wanted = set(wanted)
    deadline = time.monotonic() + timeout
    while True:
        with _locked(directory, max(0.0, deadline - time.monotonic())):
            state, lost = load(directory, served())
            if state.finished or _silence(directory, state.number) > QUIET:
                if lost:
                    warn(lost)
                gone = vanished(state, wanted, allowed, most, partial, named)
                if lost and os.path.lexists(_state_file(directory)):
                    _statefile.set_aside(_state_file(directory))
                _save(directory, State(state.number + 1, False, tuple(sorted(wanted | set(state.nodes)))))
                _show_life(directory, state.number + 1)
                return state.number + 1, gone
        if time.monotonic() > deadline:
            raise RunError(
                f"run {state.number} is still at work on this master; wait for it, or raise netboot_lock_timeout ({timeout:g} s)"
            )
        time.sleep(0.5)


def finish(directory: str, number: int, wanted: Iterable[str]) -> None:
    """End a run: from now on exactly the nodes in C(wanted) are served."""
    _statefile.private_directory(directory)
    with _locked(directory, TURN):
        _require_newest(directory, number)
        _save(directory, State(number, True, tuple(sorted(wanted))))
        os.unlink(_sign_file(directory))


@contextlib.contextmanager
def turn(directory: str, number: int | None, timeout: float = TURN) -> Iterator[None]:
    """Work alone on this master, as part of run C(number) (None: a call outside any run), with the umask that servers need.

    Raises C(RunError) when a later run has begun, or when the lock is not to be had in C(timeout) seconds.
    """
    _statefile.private_directory(directory)
    with _locked(directory, timeout):
        if number is not None:
            _require_newest(directory, number)
        umask = os.umask(0o022)
        try:
            yield
        finally:
            os.umask(umask)
        if number is not None:
            _show_life(directory, number)


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


def names_in(said: Any) -> list[str]:
    """The names in what an operator wrote: one name, names with commas between them, or a list of either."""
    parts = (part for item in said for part in names_in(item)) if isinstance(said, list | tuple) else str(said).split(",")
    return [name for name in dict.fromkeys(part.strip() for part in parts) if name]


def near(name: str, known: Iterable[str]) -> str:
    """An unknown name, and those that may be meant."""
    close = difflib.get_close_matches(name, sorted(known), 3)
    return f"{name} is unknown" + (f" (did you mean {' or '.join(close)}?)" if close else "")


def _require_newest(directory: str, number: int) -> None:
    state, lost = load(directory)
    if number == state.number:
        _show_life(directory, number)
    elif state.number:
        raise RunError(
            f"run {state.number} has taken over from this one ({number}); nothing was changed here. "
            f"Run again if your inventory is the newer one"
        )
    else:
        raise RunError(f"nothing is known of run {number} any more, and nothing was changed here. {lost or 'The state is new'}. Run again")


@contextlib.contextmanager
def _locked(directory: str, timeout: float) -> Iterator[None]:
    deadline = time.monotonic() + timeout
    # Not "lock": that one was readable for all, and whoever had opened it could still hold it.
    path = os.path.join(directory, "run.lock")
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8") as lock:
        os.fchmod(lock.fileno(), 0o600)
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RunError(f"another run is at work on this master and holds {path}; wait for it to end and run again") from None
                time.sleep(0.1)
        yield


def _silence(directory: str, number: int) -> float:
    """Seconds since run C(number) showed life; for ever, if that was before the master started."""
    sign = _sign(directory)
    if sign is None or sign.run != number or sign.boot != _boot_id():
        return float("inf")
    passed = _since_boot() - sign.at
    return passed if passed >= 0 else float("inf")  # no such time has been


def _sign(directory: str) -> Sign | None:
    """The last sign of life. One that cannot be read is none: a run that comes after it waits for nobody."""
    try:
        return _statefile.read_as(Sign, _sign_file(directory))
    except _statefile.StateFileError:
        return None


def _show_life(directory: str, number: int) -> None:
    # A power cut may lose it, and with it what it is about.
    _statefile.write_json(_sign_file(directory), asdict(Sign(number, _boot_id(), _since_boot())), durable=False)


def _boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _state_file(directory: str) -> str:
    return os.path.join(directory, "state.json")


def _sign_file(directory: str) -> str:
    return os.path.join(directory, "alive.json")


def _save(directory: str, state: State) -> None:
    _statefile.write_json(_state_file(directory), asdict(state))
