{# What every installer does first: it asks the master, and looks at the disk. #}
set -Eeuo pipefail

disk={{ install.disk }}
state={{ install.state_url }}
config={{ config_url }}
arguments=$(base64 --decode <<< '{{ install.kernel_args | join(" ") | b64encode }}')
final={{ 'poweroff' if install_poweroff is defined and install_poweroff else 'reboot' }}

say() { printf '\n*** bootyard: %s\n' "$*"; }

# A master that starts anew is waited for.
ask() { curl --silent --retry 20 --retry-delay 3 --retry-connrefused "$@"; }
fetch() { ask --fail --show-error "$@"; }

# Tell the master how far this is: a word, and a text that goes with it.
tell() { fetch --request PUT --header 'Content-Type: text/plain' --data-raw "$2" --output /dev/null "$state$1"; }

# Whether the master knows the word of this node. Any answer but yes or no ends everything.
known() {
    local code
    code=$(ask --output /dev/null --write-out '%{http_code}' "$state$1") || true
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

trap 'say "IT BROKE OFF in line $LINENO. It goes on at the next power-on; log in to see why."' ERR

for _second in {1..30}; do
    [ -b "$disk" ] && break
    sleep 1
done
[ -b "$disk" ] || refuse "there is no disk $disk; there are $(lsblk --nodeps --noheadings --raw --paths --output NAME | paste --serial --delimiters ' ')"
disk=$(readlink --canonicalize "$disk")
[ ! -e "/sys/class/block/${disk##*/}/partition" ] || refuse "$disk is no whole disk"

if known installed; then
    stop 'the master has this machine as installed, and should have it boot its disk'
elif known wipe; then
    say "what is on $disk may be overwritten, as playbooks/reinstall.yml has asked for it"
elif known installing; then
    say "what is on $disk may be overwritten, as this goes on with an installation"
else
    contents=$(
        lsblk --noheadings --raw --output NAME "$disk" | tail --lines +2 && wipefs --no-act --noheadings --output TYPE "$disk"
    ) || refuse "what is on $disk cannot be read"
    [ -z "$contents" ] || refuse "the master does not know this machine, and $disk is not blank (${contents//$'\n'/, }); playbooks/reinstall.yml lets it be overwritten"
fi
[ -z "$(lsblk --noheadings --raw --output MOUNTPOINTS "$disk" | tr --delete '\n')" ] || refuse "$disk is mounted"

begun=$SECONDS
tell installing "begun $(date -u +%FT%TZ)"
say "installing onto $disk"

# The end of it: the disk is written, and from now on the master has it booted.
finish() {
    sync
    tell installed "done $(date -u +%FT%TZ)"
    say "INSTALLED onto $disk in $((SECONDS - begun)) s; now comes $final"
    systemctl --no-block "$final"
}
