"""Measure, print a table, and keep the figures in build/bench.json. Called by tools/bench with the sizes of the fleets."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import dhcp
import endpoint
import master
import roots
import runs
from cost import ROOT

BUILD = ROOT / "build/bench"
REPORT = ROOT / "build/bench.json"
SIZES = (10, 100, 1000, 5000)


def main(sizes: list[int]) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    report = {"cpus": os.cpu_count(), "load": os.getloadavg()[0], "runs": [], "roots": []}
    master.clear()
    try:
        runs.prepare(BUILD)
        measure_runs(sizes, report["runs"])
        measure_roots(report["roots"])
    finally:
        master.clear()
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\nwritten to {REPORT.relative_to(ROOT)}")
    # Last, as they leave the network of this machine.
    dhcp.main()
    endpoint.main()


def measure_runs(sizes: list[int], rows: list[dict]) -> None:
    """Measure and print the runs of the main job, roots left out."""
    print("\n                           the run              for no node     each node")
    print(" nodes  run              wall s   CPU s      wall s   CPU s        CPU ms")
    for size in sizes:
        for name, pairs in runs.of_size(BUILD, size):
            each = sorted((fleet - none).cpu / size * 1000 for fleet, none in pairs)
            fleet, none = sorted(pairs, key=lambda pair: (pair[0] - pair[1]).cpu)[len(pairs) // 2]
            rows.append({"nodes": size, "run": name, "cost": asdict(fleet), "no_node": asdict(none), "cpu_ms_per_node": each})
            shown = f"{each[len(each) // 2]:9.2f}" + (f" ({each[0]:.2f} to {each[-1]:.2f})" if len(each) > 1 else "")
            print(f"{size:6d}  {name:14s}{fleet.wall:9.1f}{fleet.cpu:8.1f}{none.wall:12.1f}{none.cpu:8.1f}     {shown}", flush=True)


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
