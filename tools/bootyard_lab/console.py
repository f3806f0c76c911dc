"""What a machine's serial console says about how far it has come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# Who takes part in a boot, and what the console shows of it.
LOADERS = {
    "PXELINUX": r"PXELINUX \d",
    "iPXE": r"boot\.ipxe\.\.\. ok",
    "undionly": r"undionly\.kpxe\.\.\. ok",
    "GRUB": r"Welcome to GRUB",
}
ACTORS = {
    "BIOS": r"SeaBIOS",
    "UEFI PXE": r">>Start PXE over IPv4",
    "UEFI HTTP": r">>Start HTTP Boot over IPv4",
    **LOADERS,
    "Secure Boot": r"UEFI Secure Boot is enabled",
}

# Each goal with what the console shows once it is reached, in BIOS and UEFI words.
GOALS = {
    "DHCP": r"Configuring \(net0 [^)]*\)\.+ ok|Station IP address is",
    "loader": "|".join(LOADERS.values()),
    "kernel": r"Linux version \d",
    "NFS root": r"Welcome to \S*Debian|systemd\[1\]: .*running in system mode",
    "login": r" login: ",
}
DEAD_ENDS = "|".join(
    (
        r"No bootable [^\n]*|Boot failed:[^\n]*|UEFI Interactive Shell|No more network devices|grub>",
        r"Kernel panic[^\n]*|\(initramfs\)|You are in emergency mode",
    )
)

# The BMC of the lab's machines writes these lines.
_SWITCHED = re.compile(r"^--- power (on|off) (\d+) ---$", re.MULTILINE)
_CONTROL = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


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
    def path(self) -> str:
        """Who took part, in the order in which they spoke up."""
        spoke = {name: hit.start() for name, pattern in ACTORS.items() if (hit := re.search(pattern, self.text))}
        return ", ".join(sorted(spoke, key=spoke.get))

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
