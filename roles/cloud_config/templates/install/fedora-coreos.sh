#!/usr/bin/env bash
# Installs Fedora CoreOS onto a disk, from what runs here, with the node's final configuration in it.
{% include "install/common.sh" %}

umask 077
fetch --output /tmp/config.ign "$config"
kernel_args=()
for argument in $arguments; do
    kernel_args+=(--append-karg "$argument")
done
coreos-installer install "$disk" --offline --ignition-file /tmp/config.ign "${kernel_args[@]}"
finish
