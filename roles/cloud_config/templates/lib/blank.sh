# What is on a disk or partition, in some words; none if it is blank. Blank is what has no signature, no partitions and no other use, and is zeros in its
# first and last 16 MiB, in the middle of each of 64 parts, and where btrfs and ext4 keep copies. What cannot be read, or asked about, is not blank.
contents() (
    device=$(readlink -f "$1")
    block=/sys/class/block/${device##*/}
    read -r sectors < "$block/size" && [ "$sectors" -gt 0 ] || { echo "it cannot be read"; exit; }
    found=$(wipefs --noheadings --output TYPE "$device") || { echo "wipefs cannot read it"; exit; }
    [ -z "$found" ] || { echo $found; exit; }
    for use in "$block"/holders/* "$block"/*/partition; do
        [ ! -e "$use" ] || { echo "${use#"$block"/}"; exit; }
    done
    # Units of 64 KiB: the first one, how many, and how many bytes they have; what is not read is counted as something else.
    zeros() { [ "$(dd if="$device" bs=65536 skip="$1" count="$2" 2> /dev/null | LC_ALL=C tr -dc '\000' | wc -c)" -eq "$3" ]; }
    units=$((sectors / 128))
    if [ "$units" -le 512 ]; then
        zeros 0 513 $((sectors * 512)) || echo "data without a signature"
        exit
    fi
    zeros 0 256 16777216 || { echo "data without a signature in its first 16 MiB"; exit; }
    zeros $((units - 256)) 257 $((sectors * 512 - (units - 256) * 65536)) || { echo "data without a signature in its last 16 MiB"; exit; }
    for unit in $(part=1; while [ $part -lt 64 ]; do echo $((units / 64 * part - 8)); part=$((part + 1)); done) 1024 2048 4194304; do
        [ "$unit" -gt $((units - 16)) ] || zeros "$unit" 16 1048576 || { echo "data without a signature at MiB $((unit / 16))"; exit; }
    done
)
