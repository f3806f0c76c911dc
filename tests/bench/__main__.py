"""Measure, print a table, and keep the figures in build/bench.json. Called by tools/bench with the sizes of the fleets."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import master
import roots
import runs
from cost import ROOT, Cost

BUILD = ROOT / "build/bench"
REPORT = ROOT / "build/bench.json"
SIZES = (10, 100, 1000, 5000)


def main(sizes: list[int]) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    try:
        report = {"cpus": os.cpu_count(), "load": os.getloadavg()[0], "runs": [], "roots": []}
        runs.prepare(BUILD)
        measure_runs(sizes, report["runs"])
        measure_roots(report["roots"])
    finally:
        master.remove()
        master.forget()
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\nwritten to {REPORT.relative_to(ROOT)}")


def measure_runs(sizes: list[int], rows: list[dict]) -> None:
    """Measure and print the runs of the main job, roots left out."""
    nothing = sorted(runs.baseline(BUILD), key=lambda cost: cost.cpu)
    middle, noise = nothing[len(nothing) // 2], nothing[-1].cpu - nothing[0].cpu
    print("\n nodes  run             wall s  CPU s: controller  master     all   CPU ms per node")
    show_run(rows, 0, "no node", middle, "")
    for size in sizes:
        for name, cost in runs.of_size(BUILD, size):
            each, doubt = (seconds / size * 1000 for seconds in ((cost - middle).cpu, noise))
            show_run(rows, size, name, cost, f"{each:10.2f} ± {doubt:.2f}")
            rows[-1]["cpu_ms_per_node"], rows[-1]["noise_ms_per_node"] = each, doubt


def show_run(rows: list[dict], size: int, name: str, cost: Cost, each: str) -> None:
    rows.append({"nodes": size, "run": name, **asdict(cost), "cpu": cost.cpu})
    print(f"{size:6d}  {name:14s}{cost.wall:8.1f}{cost.controller:19.1f}{cost.master:8.1f}{cost.cpu:8.1f}{each}", flush=True)


def measure_roots(rows: list[dict]) -> None:
    """Measure and print what one root costs with each strategy."""
    roots.prepare()
    print("\n root     made together  wall ms  CPU ms       KiB  inodes")
    for strategy, count in roots.STRATEGIES.items():
        root = roots.of_strategy(BUILD, strategy, count)
        rows.append({"strategy": strategy, "count": count, **asdict(root)})
        times = f"{root.time.wall * 1000:9.0f}{root.time.cpu * 1000:8.0f}"
        print(f" {strategy:8s}{count:14d}{times}{root.bytes / 1024:10.0f}{root.inodes:8d}", flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(SIZES))
