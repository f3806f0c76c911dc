"""A throw-away master: a container like the lab's, whose CPU time the engine counts."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time

from fleet import GATEWAY, MASTER, NETWORK

NAME = "bootyard-bench"
BARE = "bootyard-lab/master:bookworm"
PREPARED = "bootyard-bench/master"
CAPABILITIES = ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_CHROOT", "DAC_READ_SEARCH"]


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"docker {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def inside(script: str) -> str:
    """Run a shell script on the master."""
    return docker("exec", NAME, "sh", "-euc", script)


def start(image: str) -> None:
    """Start a fresh master and wait until it is up."""
    remove()
    docker("network", "create", "--internal", f"--subnet={NETWORK}", f"--gateway={GATEWAY}", NAME)
    docker(
        *("create", "--name", NAME, "--hostname", "bench", "--cgroupns=private", "--volume=/srv", "--stop-signal=SIGRTMIN+3"),
        *(f"--cap-add={capability}" for capability in CAPABILITIES),
        *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
        *("--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec", image),
    )
    docker("network", "connect", f"--ip={MASTER}", NAME, NAME)
    docker("start", NAME)
    deadline = time.monotonic() + 60
    while is_starting():
        if time.monotonic() > deadline:
            raise SystemExit(f"the container {NAME} did not start: see docker logs {NAME}")
        time.sleep(0.5)


def is_starting() -> bool:
    state = subprocess.run(["docker", "exec", NAME, "systemctl", "is-system-running"], capture_output=True, text=True, check=False)
    return state.stdout.strip() not in ("running", "degraded")


def keep() -> None:
    """Keep the master as it is now as the image that others start from."""
    docker("commit", NAME, PREPARED)


def remove() -> None:
    for words in (["rm", "--force", "--volumes", NAME], ["network", "rm", NAME]):
        subprocess.run(["docker", *words], capture_output=True, check=False)


def forget() -> None:
    """Remove the image that was kept."""
    subprocess.run(["docker", "rmi", PREPARED], capture_output=True, check=False)


def cpu() -> float:
    """Return the CPU seconds, user and system, that all processes of the master have used since it started."""
    connection = _Engine("localhost")
    connection.request("GET", f"/containers/{NAME}/stats?stream=false&one-shot=true")
    return json.load(connection.getresponse())["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9


class _Engine(http.client.HTTPConnection):
    """The engine's own interface: its command line tells percentages only."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/run/docker.sock")
