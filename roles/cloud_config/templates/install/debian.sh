#!/bin/bash
# Installs the Debian that runs here in RAM onto a disk. What is on the disk is only overwritten if the master says so.
set -euo pipefail

disk={{ install.disk }}
state={{ install.state_url }}
config={{ config_url }}
kernel_url={{ install.kernel }}
initrd_url={{ install.initrd | first }}
arguments=$(base64 --decode <<< '{{ node.kernel_args | join(" ") | b64encode }}')
final={{ 'poweroff' if install_poweroff is defined and install_poweroff else 'reboot' }}
target=/run/bootyard/target

say() { printf '\n*** bootyard: %s\n' "$*"; }

fetch() { curl --fail --silent --show-error --retry 10 --retry-connrefused "$@"; }

# Tell the master how far this is: a word, and a text that goes with it.
tell() { fetch --request PUT --header 'Content-Type: text/plain' --data-raw "$2" --output /dev/null "$state$1"; }

# Whether the master knows the word of this node. Any answer but yes or no ends everything.
known() {
    local code
    code=$(curl --silent --retry 10 --retry-connrefused --output /dev/null --write-out '%{http_code}' "$state$1") || true
    case $code in
        200) return 0 ;;
        404) return 1 ;;
    esac
    stop "the master does not say whether this machine is $1: its answer is $code"
}

stop() {
    say "NOTHING IS WRITTEN to $disk: $1. This machine stays up; log in to see to it."
    exit "${2-1}"
}

refuse() {
    tell refused "$1" || true
    stop "$1" 0
}

part() {
    case $disk in
        *[0-9]) echo "${disk}p$1" ;;
        *) echo "$disk$1" ;;
    esac
}

trap 'say "IT BROKE OFF in line $LINENO. It goes on at the next power-on; log in to see why."' ERR

udevadm settle --timeout 60
[ -b "$disk" ] || refuse "there is no disk $disk; there are $(lsblk --nodeps --noheadings --raw --paths --output NAME | paste --serial --delimiters ' ')"
disk=$(readlink --canonicalize "$disk")
[ "$(lsblk --nodeps --noheadings --raw --output TYPE "$disk")" = disk ] || refuse "$disk is no whole disk"

if known installed; then
    stop 'the master has this machine as installed, and should have it boot its disk'
elif known wipe; then
    say "what is on $disk may be overwritten, as playbooks/reinstall.yml has asked for it"
elif known installing; then
    say "what is on $disk may be overwritten, as this goes on with an installation"
else
    contents=$(
        lsblk --noheadings --raw --output NAME,FSTYPE,PTTYPE "$disk" | tail --lines +2
        wipefs --no-act --noheadings --output TYPE "$disk"
    ) || refuse "what is on $disk cannot be read"
    [ -z "$contents" ] || refuse "the master does not know this machine, and $disk is not blank (${contents//$'\n'/, }); playbooks/reinstall.yml lets it be overwritten"
fi
[ -z "$(lsblk --noheadings --raw --output MOUNTPOINTS "$disk" | tr --delete '\n')" ] || refuse "$disk is mounted"

begun=$SECONDS
tell installing "begun $(date --utc --iso-8601=seconds)"
say "installing Debian onto $disk"

wipefs --all --quiet "$disk"
# A gap for GRUB on a BIOS, a partition for a UEFI, and the system: either firmware can start it.
sfdisk --quiet --wipe always --wipe-partitions always "$disk" << 'TABLE'
label: gpt
size=1MiB, type=21686148-6449-6E6F-744E-656564454649, name=bios
size=128MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp
type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root
TABLE
udevadm settle --timeout 60
mkfs.vfat -F 32 -n ESP "$(part 2)" > /dev/null
mkfs.ext4 -q -F -L root "$(part 3)"

mkdir --parents "$target"
mount "$(part 3)" "$target"
# What the machine booted, without what it has made of it since.
cp --archive "$(findmnt --noheadings --raw --output TARGET --types squashfs | head --lines 1)/." "$target"
mkdir --parents "$target/boot/efi"
mount "$(part 2)" "$target/boot/efi"
say "copied the system ($((SECONDS - begun)) s)"

kernel=$(uname --kernel-release)
fetch --output "$target/boot/vmlinuz-$kernel" "$kernel_url"
fetch --output "$target/boot/initrd.img-$kernel" "$initrd_url"
[ -d "$target/lib/modules/$kernel" ] && grep --quiet --text --fixed-strings "$kernel" "$target/boot/vmlinuz-$kernel" || {
    say "the master has another kernel now than $kernel, which runs here; switch the machine off and on"
    false
}

uuid() { blkid --output value --match-tag UUID "$1"; }
cat > "$target/etc/fstab" << TABLE
UUID=$(uuid "$(part 3)") / ext4 errors=remount-ro 0 1
UUID=$(uuid "$(part 2)") /boot/efi vfat umask=0077 0 2
TABLE
echo {{ node.name }} > "$target/etc/hostname"
# These were for a system without a disk.
find "$target/etc/systemd/system" -lname /dev/null -delete
printf 'MODULES=most\nCOMPRESS=zstd\n' > "$target/etc/initramfs-tools/conf.d/bootyard"

# Its configuration, which it starts with whether the master is there or not.
seed=$target/var/lib/cloud/seed/nocloud
(umask 077 && mkdir --parents "$seed")
for file in user-data meta-data vendor-data network-config; do
    fetch --output "$seed/$file" "$config$file"
    [ -s "$seed/$file" ] || rm "$seed/$file"
done

cat > "$target/etc/default/grub" << SETTINGS
GRUB_DEFAULT=0
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR=Debian
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX_DEFAULT=
GRUB_CMDLINE_LINUX=$(printf %q "$arguments")
SETTINGS
for directory in dev proc sys; do
    mount --rbind --make-rslave "/$directory" "$target/$directory"
done
chroot "$target" grub-install --target=i386-pc "$disk"
chroot "$target" grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram
chroot "$target" update-grub
say "installed the boot loader ($((SECONDS - begun)) s)"

umount --recursive "$target"
sync
tell installed "done $(date --utc --iso-8601=seconds), $(sfdisk --disk-id "$disk")"
say "INSTALLED Debian onto $disk in $((SECONDS - begun)) s; now comes $final"
systemctl --no-block "$final"
