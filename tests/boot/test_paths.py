"""Machines boot by each path: what took part, who fetched what over HTTP, and how long it took. build/boot.json tells."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from math import inf

import pytest
from bootyard_lab import follow
from bootyard_lab.lab import BUILD

IPXE = ("iPXE boot.ipxe", "iPXE MAC.ipxe", "iPXE vmlinuz", "iPXE initrd.img")


@dataclass(frozen=True)
class Path:
    """A path: who takes part, what the console shows of it beside, and what the web server is asked for, and by whom."""

    node: str
    actors: str
    console: str
    web: tuple[str, ...] = ()


PATHS = [
    Path("node1", "BIOS, PXELINUX", r"Loading \S+/vmlinuz\.\.\. ok"),
    Path("node2", "BIOS, iPXE", r"by-mac/52-54-00-77-33-12.ipxe\.\.\. ok", IPXE),
    Path("node3", "UEFI HTTP, iPXE", r"URI: http://10.77.33.1/snponly.efi", ("UefiHttpBoot snponly.efi", *IPXE)),
]
MORE_PATHS = [
    Path("undionly", "BIOS, iPXE, undionly", r"net0: \S+ using undionly on", ("iPXE boot.ipxe", "iPXE undionly.kpxe", *IPXE)),
    Path("uefi", "UEFI PXE, iPXE", r"NBP filename is /?snponly.efi", IPXE),
    Path("secure", "UEFI PXE, GRUB, Secure Boot", r"secureboot: Secure boot enabled"),
]


def pytest_generate_tests(metafunc):
    paths = PATHS + MORE_PATHS if metafunc.config.getoption("all_paths") else PATHS
    metafunc.parametrize("path", paths, ids=lambda path: path.actors)


@pytest.fixture(scope="module")
def boots(running, pytestconfig):
    """How each machine came up, by its name."""
    if not pytestconfig.getoption("all_paths"):
        yield running.boots
        return
    lab, more = running.rack("paths.yml")
    lab.run(lab.playbook("site.yml"))
    lab.run(lab.power("on", more))
    yield running.boots | running.told(more, [result.to_dict() for result in follow(more)])
    lab.run(lab.power("off", more))
    gone = {"netboot_allow_removal": [node.name for node in more]}
    running.lab.run(running.lab.playbook("site.yml", f"--extra-vars={json.dumps(gone)}"))


@pytest.fixture(scope="module")
def report():
    """What is known of the paths that were proven; it becomes build/boot.json."""
    told = []
    yield told
    (BUILD / "boot.json").write_text(json.dumps(told, indent=2) + "\n")


def test_a_machine_boots_by_the_path(running, boots, report, path):
    boot = boots[path.node]
    assert not boot["problem"], boot["console"][-2000:]
    assert boot["path"] == path.actors
    proof = re.search(path.console, boot["console"])
    assert proof
    assert fetched(running, boot) == list(path.web)
    figures = {key: boot[key] for key in ("seconds", "cpu_seconds", "reached")}
    report.append({"path": path.actors, "node": path.node, **figures, "console": proof[0], "web": path.web})


def fetched(running, boot):
    """What a machine asked the master's web server for while it booted, and who did."""
    begin, end = boot["powered_on"], boot["powered_on"] + (boot["seconds"] or inf)
    found = []
    for request in map(json.loads, running.on_master("cat /var/log/nginx/bootyard.log").splitlines()):
        when = datetime.fromisoformat(request["time"]).timestamp()
        if request["node"] == boot["name"] and request["method"] == "GET" and begin <= when <= end:
            agent, file = request["agent"].split("/")[0], request["uri"].split("/")[-1]
            found.append(f"{agent} {file.replace(boot['mac'].replace(':', '-'), 'MAC')}")
    return found
