"""The DHCP servers, each with what Bootyard prints for it: its files, how they are checked, and how it is started."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import daemons
from ansible_collections.bootyard.netboot.plugins.module_utils import _dhcp_wire, _dnsmasq, _isc, _kea, _services
from ansible_collections.bootyard.netboot.plugins.module_utils._fleet import Fleet

#: What the units of the servers do before they start them.
PREPARE = """
rm -rf /run/kea
mkdir -p -m 750 /run/kea /var/lib/kea
touch /var/lib/dhcp/dhcpd.leases
chown -R nobody /var/lib/dhcp
"""
#: The rights that dhcpd has in its unit.
UNPRIVILEGED = (
    "setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=+net_raw,+net_bind_service --ambient-caps=+net_raw,+net_bind_service"
)


@dataclass(frozen=True)
class Server:
    """A DHCP server. C(checks) are commands by the file that they judge, with C(%s) for its path."""

    name: str
    files: Callable[[Fleet], dict[str, str]]
    checks: Mapping[str, tuple[str, ...]]
    start: tuple[str, ...]

    def configure(self, machine: daemons.Machine, fleet: Fleet, change: Callable[[str], str] = str) -> None:
        """Write its files, each after a C(change), which its own checker must accept."""
        for path, text in self.files(fleet).items():
            machine.write(path, change(text))
        for path, command in self.checks.items():
            done = machine.run(*(path if word == "%s" else word for word in command))
            assert done.returncode == 0, f"{path}: {done.stdout}{done.stderr}"

    def serve(self, machine: daemons.Machine, fleet: Fleet, change: Callable[[str], str] = str) -> daemons.Daemon:
        """Start it with a fleet's configuration, and wait until it answers a node."""
        self.configure(machine, fleet, change)
        machine.run("sh", "-euc", PREPARE)
        daemon = machine.start(*self.start)
        node = fleet.present[0]
        interface = fleet.networks[node.network].interface
        answered = daemons.eventually(20, lambda: _dhcp_wire.ask(interface, node.macs[0], options=_dhcp_wire.pxe_options(), timeout=0.5))
        assert answered, daemon.log.read_text()
        return daemon

    def renew(self, machine: daemons.Machine, daemon: daemons.Daemon) -> daemons.Daemon:
        """Let it take over changed files, as its role does: Kea reloads, the others restart."""
        if self.name == "kea":
            assert machine.inside(lambda: _services.RELOADERS["kea"]("")) == 0
            return daemon
        daemon.stop()
        return machine.start(*self.start)


SERVERS = {
    server.name: server
    for server in (
        Server(
            "kea",
            lambda fleet: {"/etc/kea/kea-dhcp4.conf": _kea.config(fleet)},
            {"/etc/kea/kea-dhcp4.conf": ("kea-dhcp4", "-t", "%s")},
            ("kea-dhcp4", "-c", "/etc/kea/kea-dhcp4.conf"),
        ),
        Server(
            "dnsmasq",
            lambda fleet: {"/etc/bootyard/dnsmasq.conf": _dnsmasq.config(fleet)},
            {"/etc/bootyard/dnsmasq.conf": ("dnsmasq", "--test", "-C", "%s")},
            tuple(shlex.split("dnsmasq --keep-in-foreground --log-facility=- --conf-file=/etc/bootyard/dnsmasq.conf")),
        ),
        Server(
            "isc",
            lambda fleet: {"/etc/dhcp/dhcpd.conf": _isc.config(fleet)},
            {"/etc/dhcp/dhcpd.conf": ("dhcpd", "-t", "-cf", "%s")},
            tuple(shlex.split(f"{UNPRIVILEGED} dhcpd -4 -f -d --no-pid -cf /etc/dhcp/dhcpd.conf eth1 eth2 eth3")),
        ),
    )
}
