"""What the tests of daemons share: a machine that has them."""

from __future__ import annotations

import json

import daemons
import pytest
from documents import ROOT

REPORT = ROOT / "build/conformance.json"


@pytest.fixture(params=daemons.SUITES)
def machine(request, tmp_path):
    """A machine with fresh files on which Debian's daemons can be started, at the other end of cables from here."""
    with daemons.machine(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def count():
    """Keeps how many questions were asked and answered otherwise than they should: count(name, asked, wrong)."""

    def keep(name: str, asked: int, wrong: list) -> None:
        counts = json.loads(REPORT.read_text()) if REPORT.exists() else {}
        counts[name] = {"asked": asked, "disagreements": len(wrong)}
        REPORT.write_text(json.dumps(counts, indent=2, sort_keys=True) + "\n")
        print(f"{name}: {asked} questions, {len(wrong)} disagreements")
        assert not wrong, "\n".join([f"{len(wrong)} of {asked}", *map(str, wrong[:10])])

    return keep
