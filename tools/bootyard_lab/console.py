"""What a machine's serial console says about how far it has come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# Each goal with what the console shows once it is reached, in BIOS and UEFI words.
GOALS = {
    "DHCP": r"Configuring \(net0 [^)]*\)\.+ ok|Station IP address is",
    "TFTP": r"Loading \S*vmlinuz\S*\.\.\. ?ok|NBP file downloaded successfully",
    "kernel": r"Linux version \d",
    "NFS root": r"Welcome to \S*Debian|systemd\[1\]: .*running in system mode",
    "login": r" login: ",
}
DEAD_ENDS = r"No bootable device|Kernel panic[^\n]*|\(initramfs\)|No more network devices|Boot failed:[^\n]*|You are in emergency mode"

# The BMC of the lab's machines writes these lines.
_SWITCHED = re.compile(r"^--- power (on|off) (\d+) ---$", re.MULTILINE)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Boot:
    """One boot of a machine, from power-on to now."""

    powered_on: float
    text: str

    @property
    def goals(self) -> list[str]:
        """The goals reached. A later one implies those before it."""
        found = [bool(re.search(pattern, self.text)) for pattern in GOALS.values()]
        reached = max((i for i, hit in enumerate(found, 1) if hit), default=0)
        return list(GOALS)[:reached]

    @property
    def dead_end(self) -> str | None:
        """What the machine said when it gave up, if it did."""
        hit = re.search(DEAD_ENDS, self.text)
        return hit[0] if hit else None

    def tail(self, lines: int = 25) -> str:
        return "\n".join([line for line in self.text.splitlines() if line.strip()][-lines:])


def last_boot(log: Path) -> Boot | None:
    """Read the last boot from a console log; None when the machine is off."""
    try:
        text = log.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None
    switched = list(_SWITCHED.finditer(text))
    if not switched or switched[-1][1] == "off":
        return None
    return Boot(float(switched[-1][2]), _CONTROL.sub("", text[switched[-1].end() :]))
