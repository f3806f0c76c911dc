"""A master is lost: its /srv is put onto a fresh one, and every node boots with its data. On request only, as each way boots all anew."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from bootyard_lab.lab import BUILD, MASTER, trust_published_keys

VOLUME = "bootyard-lab-srv"
#: How an operator keeps /srv and brings it back; the words are the source, the target.
WAYS = {
    "cp": "cp --archive --one-file-system {}/. {}",
    "tar": "tar --create --sparse --one-file-system --xattrs --directory {} . | tar --extract --xattrs --directory {}",
}


def volume() -> Path:
    done = subprocess.run(
        ["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", VOLUME], capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


def copy(way: str, source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", WAYS[way].format(source, target)], check=True)


@pytest.mark.parametrize("way", WAYS)
def test_nodes_boot_with_their_data_from_a_master_that_was_restored(running, way):
    lab, backup = running.lab, BUILD / f"srv-{way}"
    for node in running.nodes:
        running.on(node, f"echo {way} of {node.name} > /root/kept && rm -f /etc/motd && sync")
    keys = {node.name: running.on(node, "cat /etc/ssh/ssh_host_ed25519_key.pub /etc/machine-id") for node in running.nodes}
    lab.run(lab.power("off", running.nodes))
    subprocess.run(["docker", "stop", MASTER], check=True, capture_output=True)
    copy(way, volume(), backup)
    for command in (["rm", MASTER], ["volume", "rm", VOLUME]):
        subprocess.run(["docker", *command], check=True, capture_output=True)

    lab.run(lab.playbook("playbooks/lab.yml"))
    copy(way, backup, volume())
    subprocess.run(["rm", "-r", backup], check=True)
    lab.run(lab.playbook("site.yml"))
    lab.run(lab.playbook("playbooks/roots.yml", "--extra-vars=action=repair"))
    lab.run(lab.playbook("site.yml"))
    trust_published_keys()
    lab.run(lab.power("on", running.nodes))

    running.comes_up(*running.nodes)
    for node in running.nodes:
        assert running.on(node, "cat /root/kept; ls /etc/motd 2> /dev/null || true") == f"{way} of {node.name}"
        assert running.on(node, "cat /etc/ssh/ssh_host_ed25519_key.pub /etc/machine-id") == keys[node.name]
        assert running.on(node, "systemctl is-system-running --wait || true") == "running"
