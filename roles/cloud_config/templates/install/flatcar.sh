#!/usr/bin/env bash
# Installs Flatcar onto a disk, from the master's copy of its image, with the node's final configuration in it.
{% include "install/common.sh" %}

umask 077
fetch --output /tmp/config.ign "$config"
fetch --output /tmp/image.bin.bz2 {{ install.images | last }}flatcar_production_image.bin.bz2
flatcar-install -d "$disk" -f /tmp/image.bin.bz2 -i /tmp/config.ign
finish
