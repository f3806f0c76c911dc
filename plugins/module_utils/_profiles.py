# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""What can be booted without being written down: profiles, the images and the artefacts that they need. Data, and nothing else.

An inventory adds to these tables or replaces entries by name. In their texts C({release}) is the master's Debian and C({channel})
the channel of the profile or of the node, such as stable or beta.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: C(memory) is the least RAM in MiB with which upstream's documentation, or our own trial, says that the system starts.
PROFILES: dict[str, dict[str, Any]] = {
    "debian-nfs": {"boot": "nfs", "image": "debian-12", "memory": 256},
    # live-boot(7) loads the squashfs and lays a tmpfs over it. The network is cloud-init's to set up, not live-boot's (nonetworking);
    # it takes the card that booted, and its address from DHCP (ip=dhcp).
    "debian-ram": {
        "boot": "http",
        "image": "debian-12-ram",
        "kernel": "images/debian-12-ram/current/vmlinuz",
        "initrd": "images/debian-12-ram/current/initrd.img",
        "kernel_args": [
            "boot=live",
            "fetch=http://{master}/images/debian-12-ram/current/filesystem.squashfs",
            "nonetworking",
            "ip=dhcp",
            "ds={datasource}",
        ],
        "config": "nocloud",
        "memory": 1024,
    },
    # The same system in RAM puts itself onto the node's netboot_install_disk.
    "debian-disk": {
        "boot": "http",
        "mode": "install",
        "image": "debian-12-ram",
        "kernel": "images/debian-12-ram/current/vmlinuz",
        "initrd": "images/debian-12-ram/current/initrd.img",
        "kernel_args": [
            "boot=live",
            "fetch=http://{master}/images/debian-12-ram/current/filesystem.squashfs",
            "nonetworking",
            "ip=dhcp",
            "ds={install_datasource}",
        ],
        "config": "nocloud",
        "install_template": "install/debian.j2",
        "memory": 1024,
    },
    # The channel is the release that is installed; its package must be known to the master's apt.
    "debian-installer": {
        "boot": "http",
        "channel": "{release}",
        "artefacts": ["debian-installer"],
        "kernel": "images/debian-installer-{channel}/current/linux",
        "initrd": "images/debian-installer-{channel}/current/initrd.gz",
        "kernel_args": ["auto=true", "priority=critical", "interface=auto", "url={config_url}"],
        "config": "preseed",
        "memory": 780,
    },
    "flatcar": {
        "boot": "http",
        "channel": "stable",
        "artefacts": ["flatcar"],
        "kernel": "images/flatcar-{channel}/current/flatcar_production_pxe.vmlinuz",
        "initrd": "images/flatcar-{channel}/current/flatcar_production_pxe_image.cpio.gz",
        "kernel_args": ["flatcar.first_boot=1", "ignition.config.url={config_url}"],
        "config": "ignition",
        "memory": 3072,
    },
    "flatcar-install": {
        "boot": "http",
        "mode": "install",
        "channel": "stable",
        "artefacts": ["flatcar", "flatcar-image"],
        "kernel": "images/flatcar-{channel}/current/flatcar_production_pxe.vmlinuz",
        "initrd": "images/flatcar-{channel}/current/flatcar_production_pxe_image.cpio.gz",
        "kernel_args": ["flatcar.first_boot=1", "ignition.config.url={install_url}"],
        "config": "ignition",
        "install_template": "install/flatcar.j2",
        "memory": 3072,
    },
    "fedora-coreos": {
        "boot": "http",
        "channel": "stable",
        "artefacts": ["fedora-coreos"],
        "kernel": "images/fedora-coreos-{channel}/current/kernel",
        "initrd": "images/fedora-coreos-{channel}/current/initramfs.img",
        "kernel_args": [
            "coreos.live.rootfs_url=http://{master}/images/fedora-coreos-{channel}/current/rootfs.img",
            "ignition.firstboot",
            "ignition.platform.id=metal",
            "ignition.config.url={config_url}",
        ],
        "config": "ignition",
        "memory": 2048,
    },
    # Its installer has the system for the disk in itself.
    "fedora-coreos-install": {
        "boot": "http",
        "mode": "install",
        "channel": "stable",
        "artefacts": ["fedora-coreos"],
        "kernel": "images/fedora-coreos-{channel}/current/kernel",
        "initrd": "images/fedora-coreos-{channel}/current/initramfs.img",
        "kernel_args": [
            "coreos.live.rootfs_url=http://{master}/images/fedora-coreos-{channel}/current/rootfs.img",
            "ignition.firstboot",
            "ignition.platform.id=metal",
            "ignition.config.url={install_url}",
        ],
        "config": "ignition",
        "install_template": "install/fedora-coreos.j2",
        "memory": 2048,
    },
    # What early init does to disks (rancher.state) must stand here and not in the configuration.
    "burmillaos": {
        "boot": "http",
        "artefacts": ["burmillaos"],
        "kernel": "images/burmillaos-{channel}/current/vmlinuz",
        "initrd": "images/burmillaos-{channel}/current/initrd",
        "kernel_args": ["rancher.cloud_init.datasources=[url:{config_url}]"],
        "config": "rancher",
        "memory": 2048,
    },
    "talos": {
        "boot": "http",
        "artefacts": ["talos"],
        "kernel": "images/talos-{channel}/current/vmlinuz",
        "initrd": "images/talos-{channel}/current/initramfs.xz",
        "kernel_args": [
            "talos.platform=metal",
            "talos.config={config_url}",
            "talos.halt_if_installed=1",
            "init_on_alloc=1",
            "slab_nomerge",
            "pti=on",
        ],
        "config": "talos",
        "memory": 2048,
    },
    # Without the word autoinstall, which comes when the node is to be installed, the installer asks before it wipes a disk.
    # Without the last argument cloud-init would take url= for its own and fetch the ISO once more.
    "ubuntu-autoinstall": {
        "boot": "http",
        "artefacts": ["ubuntu"],
        "kernel": "images/ubuntu-{channel}/current/linux",
        "initrd": "images/ubuntu-{channel}/current/initrd",
        "kernel_args": [
            "ip=dhcp",
            "url=http://{master}/images/ubuntu-{channel}/current/live-server.iso",
            "ds={datasource}",
            "cloud-config-url=/dev/null",
        ],
        "config": "nocloud",
        "memory": 4096,
    },
    # The file is UEFI's kind of program and a Linux kernel in one.
    "memtest": {"boot": "http", "artefacts": ["memtest"], "kernel": "images/memtest/current/memtest.efi"},
    "local": {"boot": "local"},
}

#: C(form) is squashfs for a system in RAM; without it an image is a directory that roots are cloned from.
IMAGES: dict[str, dict[str, Any]] = {
    "debian-12": {"suite": "bookworm"},
    "debian-13": {"suite": "trixie"},
    "debian-12-ram": {"suite": "bookworm", "form": "squashfs"},
    "debian-13-ram": {"suite": "trixie", "form": "squashfs"},
}

#: Where files come from that are not built here; L(_artefacts.Recipe) says what each key means.
ARTEFACTS: dict[str, dict[str, Any]] = {
    "debian-installer": {
        "package": "debian-installer-{channel}-netboot-amd64",
        "files": {
            "linux": "/usr/lib/debian-installer/images/{channel}/amd64/text/debian-installer/amd64/linux",
            "initrd.gz": "/usr/lib/debian-installer/images/{channel}/amd64/text/debian-installer/amd64/initrd.gz",
        },
    },
    "memtest": {"package": "memtest86+", "files": {"memtest.efi": "/boot/memtest86+x64.efi"}},
    "flatcar": {
        "index": "https://{channel}.release.flatcar-linux.net/amd64-usr/current/version.txt",
        "pattern": r"^FLATCAR_VERSION_ID=(\S+)$",
        "url": "https://{channel}.release.flatcar-linux.net/amd64-usr/{version}/",
        "files": {
            "flatcar_production_pxe.vmlinuz": "flatcar_production_pxe.vmlinuz",
            "flatcar_production_pxe_image.cpio.gz": "flatcar_production_pxe_image.cpio.gz",
        },
        "signature": ".sig",
        "keyring": "flatcar",
    },
    "flatcar-image": {
        "index": "https://{channel}.release.flatcar-linux.net/amd64-usr/current/version.txt",
        "pattern": r"^FLATCAR_VERSION_ID=(\S+)$",
        "url": "https://{channel}.release.flatcar-linux.net/amd64-usr/{version}/",
        "files": {"flatcar_production_image.bin.bz2": "flatcar_production_image.bin.bz2"},
        "signature": ".sig",
        "keyring": "flatcar",
    },
    # Its metadata has the name, the SHA-256 and the signature of every file; names changed between releases.
    "fedora-coreos": {
        "stream": "https://builds.coreos.fedoraproject.org/streams/{channel}.json",
        "files": {"kernel": "kernel", "initramfs.img": "initramfs", "rootfs.img": "rootfs"},
        "keyring": "fedora-coreos",
    },
    # The channel of these three is a version, such as v1.13.0. Nothing of the first two is signed: the lock file holds what came first.
    "burmillaos": {
        "version": "{channel}",
        "url": "https://github.com/burmilla/os/releases/download/{version}/",
        "files": {"vmlinuz": "vmlinuz", "initrd": "initrd"},
    },
    "talos": {
        "version": "{channel}",
        "url": "https://github.com/siderolabs/talos/releases/download/{version}/",
        "files": {"vmlinuz": "vmlinuz-amd64", "initramfs.xz": "initramfs-amd64.xz"},
    },
    "ubuntu": {
        "version": "{channel}",
        "url": "https://releases.ubuntu.com/{version}/",
        "files": {
            "linux": "ubuntu-{version}-netboot-amd64.tar.gz#amd64/linux",
            "initrd": "ubuntu-{version}-netboot-amd64.tar.gz#amd64/initrd",
            "live-server.iso": "ubuntu-{version}-live-server-amd64.iso",
        },
        "sums": "SHA256SUMS",
        "signature": ".gpg",
        "keyring": "ubuntu",
    },
}


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """A copy of an entry with every C({word}) of C(words) replaced; others stay."""
    if isinstance(value, str):
        for word, text in words.items():
            value = value.replace(f"{{{word}}}", text)
        return value
    if isinstance(value, Mapping):
        return {filled(key, words): filled(item, words) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(item, words) for item in value]
    return value


def has(value: Any, word: str) -> bool:
    """Whether an entry has C({word}) in it."""
    return filled(value, {word: ""}) != value
