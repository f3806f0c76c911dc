"""What the tests of daemons share: a machine that has them."""

from __future__ import annotations

import daemons
import pytest


@pytest.fixture(params=["bookworm"])
def machine(request, tmp_path):
    """A machine with fresh files on which Debian's daemons can be started, at the other end of cables from here."""
    with daemons.machine(request.param, tmp_path) as made:
        yield made
