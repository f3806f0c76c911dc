"""A DHCP server lives through more requests than it is meant for (fault 27). How many it answers is measured by tools/bench."""

from __future__ import annotations

import dhcp_load
import pytest
from dhcp_servers import SERVERS


@pytest.mark.parametrize("name", SERVERS)
def test_overload_is_forgotten_soon(machine, name):
    fleet = dhcp_load.fleet(1000)
    dhcp_load.plug(machine)
    daemon = SERVERS[name].serve(machine, fleet)
    assert dhcp_load.load(machine, 1000, 900, 3).done > 0
    assert daemon.alive
    assert dhcp_load.silence(fleet.nodes[-1].macs[0]) < 5
