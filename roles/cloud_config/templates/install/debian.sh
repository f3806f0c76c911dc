#!/usr/bin/env bash
# Installs the Debian that runs here in RAM onto a disk. What is on the disk is only overwritten if the master says so.
{% include "install/common.sh" %}

kernel_url={{ install.kernel }}
initrd_url={{ install.initrd | first }}
target=/run/bootyard/target

part() {
    case $disk in
        *[0-9]) echo "${disk}p$1" ;;
        *) echo "$disk$1" ;;
    esac
}

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
find "$target/etc/systemd/system" \( -lname /dev/null -or -name 'var-lib-*.mount' \) -delete
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
# The first initrd is that of a system in RAM.
GRUB_CMDLINE_LINUX=$(printf %q "boot=local $arguments")
SETTINGS
for directory in dev proc sys; do
    mount --rbind --make-rslave "/$directory" "$target/$directory"
done
chroot "$target" grub-install --target=i386-pc "$disk"
chroot "$target" grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram
chroot "$target" update-grub
say "installed the boot loader ($((SECONDS - begun)) s)"

umount --recursive "$target"
finish
