"""Run the stages of the tests, show how they go, and count them in the last line. Called by tools/test.

What boots machines runs beside what looks at code: the one waits while the other computes.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build/logs"
START = time.monotonic()
BEAT = 30
TAIL = 60


@dataclass(frozen=True)
class Stage:
    name: str
    command: tuple[str, ...]
    on_request: bool = False

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"


def lanes() -> list[list[Stage]]:
    """Return the stages: lanes run beside each other, the stages of a lane one after the other."""
    code = [
        Stage("lint", ("tools/lint",)),
        Stage("docs", ("tools/docs", "--check")),
        pytest("unit"),
        Stage("sanity", ("tools/sanity",)),
    ]
    machines = [pytest(path.name) for path in sorted((ROOT / "tests").iterdir()) if path.name != "unit" and any(path.rglob("test_*.py"))]
    all_boots = Stage(
        "boot-all", ("pytest", "-ra", "tests/boot/test_paths.py", "tests/boot/test_restore.py", "--all-paths"), on_request=True
    )
    # The scenarios take as long as all the rest.
    return [[*code, *machines, all_boots], [Stage("molecule", ("tools/scenarios",))]]


def pytest(directory: str) -> Stage:
    return Stage(directory, ("pytest", "-ra", f"tests/{directory}"))


async def run(stage: Stage) -> bool:
    """Run a stage, with a word at its start, at its end and now and then between; tell whether it passed."""
    say(f"{stage.name} ...")
    begun = time.monotonic()
    with stage.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(*stage.command, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log)
        waiting = asyncio.ensure_future(process.wait())
        while not (await asyncio.wait([waiting], timeout=BEAT))[0]:
            say(f"{stage.name} {time.monotonic() - begun:.0f} s: {last_line(stage.log)}")
    passed = process.returncode == 0
    say(f"{stage.name} {'passed' if passed else 'FAILED'} after {time.monotonic() - begun:.0f} s")
    if not passed:
        print(*stage.log.read_text(errors="replace").splitlines()[-TAIL:], sep="\n")
        say(f"all of it is in {stage.log.relative_to(ROOT)}")
    return passed


async def run_lane(stages: list[Stage]) -> list[bool]:
    return [await run(stage) for stage in stages]


async def main(wanted: list[str]) -> int:
    known = [stage.name for lane in lanes() for stage in lane]
    if unknown := set(wanted) - set(known):
        print(f"no stage is called {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    LOGS.mkdir(parents=True, exist_ok=True)
    chosen = [[stage for stage in lane if stage.name in wanted or not (wanted or stage.on_request)] for lane in lanes()]
    passed = [result for lane in await asyncio.gather(*map(run_lane, chosen)) for result in lane]
    print(f"{passed.count(True)} passed, {passed.count(False)} failed")
    return 0 if all(passed) else 1


def last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").split("\n")
    return next((line.strip()[:100] for line in reversed(lines) if line.strip()), "no output yet")


def say(text: str) -> None:
    print(f"[{time.monotonic() - START:4.0f} s] {text}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(sys.argv[1:])))
    except KeyboardInterrupt:
        sys.exit("interrupted; what the stages said so far is in build/logs")
