"""Kernel name spaces and processes of a test's own, so that it can mount, listen and be killed without a trace."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

NEW_MOUNTS, NEW_NETWORK = 0x00020000, 0x40000000


def unshare(spaces: int) -> None:
    """Move this process into name spaces of its own (unshare(2)); they vanish with it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(spaces):
        raise OSError(ctypes.get_errno(), "unshare needs root")
    if spaces & NEW_MOUNTS:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def in_child(action: Callable[[], object]) -> int:
    """Run C(action) in a forked child; its exit code, negative for a signal."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        code = 1
        try:
            action()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(step: int, module: ModuleType, action: Callable[[], object]) -> bool:
    """Run C(action) in a child that gets SIGKILL before the C(step)-th line of C(module) that it executes; whether it came to that."""
    left = step

    def trace(frame, event, _argument):
        nonlocal left
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def traced() -> None:
        sys.settrace(trace)
        action()

    code = in_child(traced)
    assert code in (0, -signal.SIGKILL), "it failed before it could be killed"
    return code != 0


def survivors(directory: str) -> list[bytes]:
    """The commands of processes that still work below a directory, shortly after their parent was killed."""
    time.sleep(0.1)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if directory.encode() in command:
                found.append(command)
    return found
