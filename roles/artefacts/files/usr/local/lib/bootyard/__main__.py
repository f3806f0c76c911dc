"""What the timer runs: follow the channels that a JSON file names. It lies beside private modules of bootyard.netboot, and is all that uses them there."""

import sys

from . import _artefacts, _binaries, _run, _statefile


def main(path):
    """The file has the arguments of L(_artefacts.Store), L(_artefacts.Upstream) and L(_artefacts.follow)."""
    try:
        told = _statefile.read_json(path)
        store, upstream = _artefacts.Store(told["roots"], told["keep"]), _artefacts.Upstream(told["mirrors"], told["keyrings"])
        with _run.turn(told["state_dir"], None):
            result = _artefacts.follow(store, upstream, told["artefacts"])
    except (_artefacts.ArtefactError, _binaries.BinaryError, _run.RunError, _statefile.StateFileError, OSError) as error:
        sys.exit(str(error))
    for name, (before, after) in result.switched.items():
        print(f"{name}: {before or 'nothing'} -> {after}")


if __name__ == "__main__":
    main(*sys.argv[1:])
