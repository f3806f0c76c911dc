"""Throw-away masters: containers like the lab's, whose CPU time the engine counts."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from dataclasses import dataclass

from fleet import GATEWAY, NETWORK

NETWORK_NAME = "bootyard-bench"
BARE = "bootyard-lab/master:bookworm"
PREPARED = "bootyard-bench/master"
CAPABILITIES = ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_CHROOT", "DAC_READ_SEARCH", "MKNOD"]
#: The loop devices that hold roots.
DEVICES = ["b 7:* rwm", "c 10:237 rwm"]


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"docker {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


@dataclass(frozen=True)
class Master:
    name: str
    address: str

    def start(self, image: str) -> None:
        """Start it afresh, and wait until it is up."""
        self.remove()
        docker(
            *("create", "--name", self.name, "--hostname", "bench", "--cgroupns=private", "--volume=/srv", "--stop-signal=SIGRTMIN+3"),
            *(f"--cap-add={capability}" for capability in CAPABILITIES),
            *(f"--device-cgroup-rule={rule}" for rule in DEVICES),
            *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
            *("--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec", image),
        )
        docker("network", "connect", f"--ip={self.address}", NETWORK_NAME, self.name)
        docker("start", self.name)
        deadline = time.monotonic() + 60
        while self._is_starting():
            if time.monotonic() > deadline:
                raise SystemExit(f"the container {self.name} did not start: see docker logs {self.name}")
            time.sleep(0.5)

    def _is_starting(self) -> bool:
        question = ["docker", "exec", self.name, "systemctl", "is-system-running"]
        return subprocess.run(question, capture_output=True, text=True, check=False).stdout.strip() not in ("running", "degraded")

    def inside(self, script: str) -> str:
        """Run a shell script on it."""
        return docker("exec", self.name, "sh", "-euc", script)

    def cpu(self) -> float:
        """Return the CPU seconds, user and system, that all its processes have used since it started."""
        connection = _Engine("localhost")
        connection.request("GET", f"/containers/{self.name}/stats?stream=false&one-shot=true")
        return json.load(connection.getresponse())["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9

    def keep(self) -> None:
        """Keep it as it is now, as the image that others start from."""
        docker("commit", self.name, PREPARED)

    def remove(self) -> None:
        subprocess.run(["docker", "rm", "--force", "--volumes", self.name], capture_output=True, check=False)


IDLE = Master("bootyard-bench-idle", str(NETWORK[1]))
BUSY = Master("bootyard-bench-busy", str(NETWORK[2]))


def connect() -> None:
    """Make the network of the fleet."""
    docker("network", "create", "--internal", f"--subnet={NETWORK}", f"--gateway={GATEWAY}", NETWORK_NAME)


def clear() -> None:
    """Remove all that was made here."""
    for master in (IDLE, BUSY):
        master.remove()
    for words in (["network", "rm", NETWORK_NAME], ["rmi", PREPARED]):
        subprocess.run(["docker", *words], capture_output=True, check=False)


class _Engine(http.client.HTTPConnection):
    """The engine's own interface: its command line tells percentages only."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/run/docker.sock")
