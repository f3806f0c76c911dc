# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""A kernel's arguments as one line, and what those who read it make of that. Pure.

Arguments that are right each by itself can be something else together: a quotation that begins in one and ends in another, or an
end of the line. So what counts is that a reader finds the same words in the line that were put into it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

#: Of the 2,047 bytes that PXELINUX passes on and Linux reads on x86, those that are left when root, initrds and card are named.
LONGEST = 1791

_IPXE_END = re.compile(r"\|\||&&|;|#.*")
#: Older builds look for settings in the whole line, newer ones in each word.
_IPXE_SETTING = re.compile(r"\$\{.*\}")
_LINUX_WORD = re.compile(r'(?:[^ "]|"[^"]*(?:"|$))+')


def _linux(line: str) -> list[str]:
    """Linux, lib/cmdline.c and init/main.c: double quotes keep spaces; what comes after -- is for init."""
    # Something of ours always follows.
    words = _LINUX_WORD.findall(f"{line[:LONGEST]} BOOTIF")[:-1]
    return words[: words.index("--")] if "--" in words else words


def _ipxe(line: str) -> list[str]:
    """iPXE, src/core/exec.c."""
    words = _IPXE_SETTING.sub("", line).split()
    end = next((number for number, word in enumerate(words) if _IPXE_END.fullmatch(word)), None)
    return words[:end]


def _grub(line: str) -> list[str]:
    """GRUB, grub-core/lib/cmdline.c: it has a backslash put before each quotation mark, and before each of its own."""
    return re.sub(r"[\\'\"]", r"\\\g<0>", line).split()


def _pxelinux(line: str) -> list[str]:
    """PXELINUX, core/readconfig: a dash alone stands for nothing."""
    return [] if line == "-" else line[:LONGEST].split()


#: Who reads the line on its way, and how.
READERS: dict[str, Callable[[str], list[str]]] = {"ipxe": _ipxe, "grub": _grub, "pxelinux": _pxelinux, "Linux": _linux}


def misread(readers: Iterable[str], words: Sequence[str]) -> tuple[str, str] | None:
    """The first reader that finds other words in the joined line, and the first word that it does not find; None if all find them."""
    for reader in readers:
        found = READERS[reader](" ".join(words))
        if found != list(words):
            same = next((number for number, (one, other) in enumerate(zip(found, words, strict=False)) if one != other), len(found))
            return reader, words[min(same, len(words) - 1)]
    return None
