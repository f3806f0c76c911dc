# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What machines say of themselves in DHCP, and the boot loaders that there are for them. Data, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: What an inventory may ask for. A machine that cannot run the loader it is to have gets its first other one.
LOADERS = ("auto", "ipxe", "pxelinux", "grub")

#: The loaders that can boot a kind of profile. Debian's signed GRUB reads nothing over HTTP.
LOADERS_OF = {"nfs": ("ipxe", "pxelinux", "grub"), "http": ("ipxe", "pxelinux"), "local": ()}

#: Where the kernel comes over HTTP, the loader itself must be able to fetch it.
OVER_HTTP = {"pxelinux.0": "lpxelinux.0"}

#: What a running iPXE is given: the script that finds each machine's own.
SCRIPT = "boot.ipxe"

PXE, HTTP = "PXEClient", "HTTPClient"

#: RFC 4578 defines no architecture for the Raspberry Pi's boot ROM; it looks for this menu entry (PXE 2.1, option 43.9).
_RASPBERRY_PI_BOOT = b"\x06\x01\x03\x09\x14\x00\x00\x11Raspberry Pi Boot\xff"


@dataclass(frozen=True, slots=True)
class Client:
    """A kind of machine: how it is recognised, and what it can run.

    C(vendor) is how its option 60 begins, C(codes) are the values of option 93 that it sends (IANA, "Processor
    Architecture Types"), C(files) names the binary for each loader, the preferred one first. C(options) go with every answer.
    """

    name: str
    title: str
    vendor: str
    codes: tuple[int, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def is_ipxe(self) -> bool:
        """An iPXE that runs already, of whatever origin."""
        return self.files.get("ipxe") == SCRIPT

    @property
    def over_http(self) -> bool:
        """Whether it is told a URL and no path."""
        return self.vendor == HTTP


_ECHO = {60: HTTP.encode()}  # without it, UEFI firmware takes no URL

#: The order decides: an iPXE before its architecture, or it would be sent iPXE for ever; UEFI before BIOS where a machine
#: says both. Code 9 is what RFC 4578's text means by 7 (erratum 4624), and 17 is its HTTP form.
CLIENTS = (
    Client("ipxe-bios", "iPXE on a BIOS", "", (0,), {"ipxe": SCRIPT, "pxelinux": "pxelinux.0"}),
    Client("ipxe", "iPXE", "", (), {"ipxe": SCRIPT}),
    Client("uefi-http", "x64 UEFI over HTTP", HTTP, (16, 17), {"ipxe": "snponly.efi"}, _ECHO),
    Client("uefi-arm64-http", "arm64 UEFI over HTTP", HTTP, (19,), {"ipxe": "ipxe-arm64.efi"}, _ECHO),
    Client("uefi-riscv64-http", "riscv64 UEFI over HTTP", HTTP, (28,), {"ipxe": "ipxe-riscv64.efi"}, _ECHO),
    Client("uefi-loong64-http", "loong64 UEFI over HTTP", HTTP, (40,), {"ipxe": "ipxe-loong64.efi"}, _ECHO),
    Client("uefi-ia32-http", "ia32 UEFI over HTTP", HTTP, (15,)),
    Client("bios-http", "BIOS over HTTP", HTTP, (20,), {"ipxe": "undionly.kpxe"}, _ECHO),
    Client("uefi", "x64 UEFI", PXE, (7, 9), {"ipxe": "snponly.efi", "grub": "shimx64.efi"}),
    Client("uefi-arm64", "arm64 UEFI", PXE, (11,), {"ipxe": "ipxe-arm64.efi"}),
    Client("uefi-riscv64", "riscv64 UEFI", PXE, (27,), {"ipxe": "ipxe-riscv64.efi"}),
    Client("uefi-loong64", "loong64 UEFI", PXE, (39,), {"ipxe": "ipxe-loong64.efi"}),
    Client("uefi-ia32", "ia32 UEFI", PXE, (6,), {"grub": "grubia32.efi"}),
    Client("rpi", "Raspberry Pi", PXE, (41,), {}, {60: PXE.encode(), 43: _RASPBERRY_PI_BOOT}),
    Client("bios", "BIOS", PXE, (0,), {"ipxe": "undionly.kpxe", "pxelinux": "pxelinux.0"}),
)


@dataclass(frozen=True, slots=True)
class Binary:
    """Where Debian has a boot loader: its path, and its package by the first release that has it there."""

    path: str
    packages: Mapping[int, str]

    def package(self, release: int) -> str | None:
        """The package in a release; None where that has not got it."""
        return next((self.packages[first] for first in sorted(self.packages, reverse=True) if first <= release), None)


#: Every file that a loader consists of, by the name under which it is published.
BINARIES = {
    "pxelinux.0": Binary("/usr/lib/PXELINUX/pxelinux.0", {12: "pxelinux"}),
    "lpxelinux.0": Binary("/usr/lib/PXELINUX/lpxelinux.0", {12: "pxelinux"}),
    "ldlinux.c32": Binary("/usr/lib/syslinux/modules/bios/ldlinux.c32", {12: "syslinux-common"}),
    "undionly.kpxe": Binary("/usr/lib/ipxe/undionly.kpxe", {12: "ipxe"}),
    "snponly.efi": Binary("/usr/lib/ipxe/snponly.efi", {12: "ipxe"}),
    "ipxe-arm64.efi": Binary("/usr/lib/ipxe/ipxe-arm64.efi", {13: "ipxe"}),
    "ipxe-riscv64.efi": Binary("/usr/lib/ipxe/ipxe-riscv64.efi", {13: "ipxe"}),
    "ipxe-loong64.efi": Binary("/usr/lib/ipxe/ipxe-loong64.efi", {13: "ipxe"}),
    "shimx64.efi": Binary("/usr/lib/shim/shimx64.efi.signed", {12: "shim-signed"}),
    "grubx64.efi": Binary("/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed", {12: "grub-efi-amd64-signed"}),
    "grubia32.efi": Binary("/usr/lib/grub/i386-efi/monolithic/grubnetia32.efi", {12: "grub-efi-ia32-bin", 13: "grub-efi-ia32-unsigned"}),
}

#: What a loader fetches from beside itself.
COMPANIONS = {"pxelinux.0": "ldlinux.c32", "lpxelinux.0": "ldlinux.c32", "shimx64.efi": "grubx64.efi"}
