{# What every installer does first: it asks the master, and looks at the disk. #}
set -Eeuo pipefail
shopt -s inherit_errexit

disk={{ install.disk }}
state={{ install.state_url }}
config={{ config_url }}
arguments=$(base64 --decode <<< '{{ install.kernel_args | join(" ") | b64encode }}')
final={{ 'poweroff' if install_poweroff is defined and install_poweroff else 'reboot' }}

# For how many seconds a word of the master allows to overwrite a disk.
life={{ install.life }}

say() { printf '\n*** bootyard: %s\n' "$*"; }

# A master that starts anew is waited for.
ask() { curl --silent --retry 20 --retry-delay 3 --retry-connrefused "$@"; }
fetch() { ask --fail --show-error "$@"; }

# A report comes from a port that only root can take.
report() { fetch --local-port 600-1023 --output /dev/null "$@"; }

# Tell the master how far this is, on which disk: a word, and a text that goes with it.
tell() { report --request PUT --header 'Content-Type: text/plain' --data-raw "disk $identity"$'\n'"time $now"$'\n'"note $2" "$state$1"; }

# Take a word back, if it is there.
drop() {
    local code
    code=$(ask --local-port 600-1023 --request DELETE --output /dev/null --write-out '%{http_code}' "$state$1") || true
    [[ $code == 204 || $code == 404 ]]
}

# Ask what the master has under a word of this node: what it says of a line, and whether it has any. No clear answer ends everything. The time is the master's.
declare -A told=()
known() {
    local answer code
    answer=$(ask --write-out '\n%{http_code} %header{date}' "$state$1") || true
    answer=${answer##*$'\n'}$'\n'${answer%$'\n'*}
    code=${answer%% *}
    if ! [[ $code == 404 || $code == 200 ]]; then
        stop "the master does not say whether this machine is $1: its answer is $code"
    fi
    now=$(date --date "$(sed --quiet '1 s/^[0-9]* //p' <<< "$answer")" +%s) || stop "the master does not say what time it is"
    answer=$(tr --delete --complement '[:print:]\n' <<< "$answer")
    told=([disk]=$(sed --quiet '2,$ s/^disk //p' <<< "$answer" | head --lines 1) [time]=$(sed --quiet '2,$ s/^time //p' <<< "$answer" | head --lines 1))
    [ "$code" = 200 ]
}

# Whether the master has a word that allows to overwrite this disk. One about another disk, or of another time, does not count.
words=
allowed() {
    known "$1" || return 1
    if [ "${told[disk]}" = "$identity" ] && [[ ${told[time]} =~ ^[1-9][0-9]{0,11}$ ]] && ((told[time] <= now && now <= told[time] + life)); then
        return 0
    fi
    say "\"$1\" does not count: it is about ${told[disk]:-no disk} at ${told[time]:-no time}, and this is $identity at $now"
    words="$words $1"
    return 1
}

# Without a word that allows something, who is installed boots its disk again.
stop() {
    local word
    for word in $words; do
        drop "$word" || say "the master was not told to forget \"$word\""
    done
    say "NOTHING IS WRITTEN to $disk: $1. This machine stays up; log in to see to it."
    exit "${2-1}"
}

refuse() {
    tell refused "$1" || say "the master was not told"
    stop "$1" 0
}

trap 'say "IT BROKE OFF in line $LINENO. It goes on at the next power-on; log in to see why."' ERR

# What identifies the disk itself: its name is another one at another boot.
identify() {
    local kind id
    for kind in wwn serial; do
        id=$(lsblk --nodeps --noheadings --raw --output "$kind" "$disk" | tr --squeeze-repeats --complement 'A-Za-z0-9._:+\n-' _)
        [ -z "$id" ] || break
    done
    [ -n "$id" ] || { kind=path; id=$(readlink --canonicalize "/sys/class/block/${disk##*/}"); }
    echo "$kind-${id#/sys/devices/} $(blockdev --getsize64 "$disk")"
}

{% include "lib/blank.sh" %}

identity=none
now=$(date +%s)
for _second in {1..30}; do
    [ -b "$disk" ] && break
    sleep 1
done
[ -b "$disk" ] || refuse "there is no disk $disk; there are $(lsblk --nodeps --noheadings --raw --paths --output NAME | paste --serial --delimiters ' ')"
named=$disk
disk=$(readlink --canonicalize "$disk")
[ ! -e "/sys/class/block/${disk##*/}/partition" ] || refuse "$disk is no whole disk"
identity=$(identify)
lasting=$(find -L /dev/disk/by-id -samefile "$disk" 2> /dev/null | sort | head --lines 1) || true
if [[ $named != /dev/*/* && -n $lasting ]]; then
    say "$named may be another disk at another boot; netboot_install_disk: $lasting is always this one"
    others=$(lsblk --nodeps --noheadings --raw --paths --output NAME,TYPE | sed --quiet 's/ disk$//p' | grep --invert-match --line-regexp --fixed-strings "$disk") || true
    [ -z "$others" ] || refuse "$named is only a name, and there is ${others//$'\n'/, }, too; write netboot_install_disk: $lasting if that is the one"
fi

if allowed wipe; then
    say "what is on $disk may be overwritten, as playbooks/reinstall.yml has asked for it"
elif allowed installing; then
    say "what is on $disk may be overwritten, as this goes on with an installation"
elif known installed && [[ -z $words || ${told[disk]} == "$identity" || ! ${told[disk]} =~ ^[a-z]+-[^\ ]+\ [0-9]+$ ]]; then
    stop "the master has this machine as installed, on ${told[disk]:-a disk}, and should have it boot its disk"
else
    contents=$(trap - ERR; contents "$disk")
    [ -z "$contents" ] || refuse "the master knows of no installation on $disk ($identity), and it is not blank ($contents); playbooks/reinstall.yml lets it be overwritten"
fi
[ -z "$(lsblk --noheadings --raw --output MOUNTPOINTS "$disk" | tr --delete '\n')" ] || refuse "$disk is mounted"

begun=$SECONDS
tell installing "begun $(date -u +%FT%TZ)"
drop wipe
say "installing onto $disk"

# The end of it: the disk is written, and from now on the master has it booted.
finish() {
    sync
    tell installed "done $(date -u +%FT%TZ)"
    drop installing
    say "INSTALLED onto $disk in $((SECONDS - begun)) s; now comes $final"
    systemctl --no-block "$final"
}
