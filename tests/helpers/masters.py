"""The masters that the molecule scenarios share, and what can be read off them."""

from __future__ import annotations

import testinfra
from clients import is_served
from plays import ROOT, Play, play

BRIDGE, SERVER = "by-mol12", "10.77.12.1"
INVENTORY = ("--inventory=molecule/shared/inventory", "--limit=master12")
BYSTANDER = ("52:54:00:12:00:01", "10.77.12.11")
# A reload gives nginx new workers.
PIDS = "pgrep -x 'kea-dhcp4|in.tftpd|ganesha.nfsd'; cat /run/nginx.pid"


def host() -> testinfra.host.Host:
    """The master that scenarios change."""
    return testinfra.get_host("docker://bootyard-mol-master12")


def converge(*arguments: str, playbook: str = "site.yml") -> Play:
    """Run the main job, or another playbook, for that master."""
    return play(playbook, *INVENTORY, "--diff", *arguments)


def inventory(scenario: str, name: str = "more.yml") -> str:
    """The argument for an inventory that a scenario adds to the shared one."""
    return f"--inventory={ROOT}/molecule/{scenario}/{name}"


def listing(*paths: str) -> list[str]:
    """All files below the paths with what a rewrite would change: inode, time, permissions and size. Not image files, which are always written to."""
    return host().check_output(f"find {' '.join(paths)} -xdev ! -name '*.ext4' -printf '%p %i %T@ %m %s\\n' | sort").splitlines()


def everything() -> list[str]:
    """All files that the collection has to do with."""
    return listing("/etc", "/srv", "/var/lib/bootyard/files")


def bystander_is_served() -> bool:
    """Whether a node that nobody touched would boot now."""
    return is_served(BRIDGE, SERVER, *BYSTANDER)
