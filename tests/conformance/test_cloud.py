"""A real nginx answers each node with its own configuration and nobody with another's, and a real cloud-init makes something of it (faults 4, 19-21, 27)."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import subprocess
import time

import pytest
import yaml
from ansible_collections.bootyard.netboot.plugins.module_utils import _cloud_nginx, _fleet, _ipxe, _nginx, _reconcile
from ansible_collections.bootyard.netboot.plugins.plugin_utils import _cloud
from daemons import eventually
from documents import ROOT

MASTER, HERE = "10.0.33.1", "10.0.33.250"
NODES = {
    "node1": ("10.0.33.11", "ignition"),
    "node2": ("10.0.33.12", "coreos"),
    "node3": ("10.0.33.13", "ignition"),
    "here": (HERE, "nocloud"),
}
STRANGER = "10.0.33.66"
SECRET = "unguessable-unguessable"
#: What the server of ipxe_http has besides its own files.
SERVER = """\
server {
    listen 10.0.33.1:80;
    root /srv/http;
    types {
        text/plain ipxe;
    }
    include /etc/nginx/snippets/bootyard-*.conf;
}
"""
NGINX = "include /etc/nginx/modules-enabled/*.conf; user www-data; worker_processes 2; events {} http { include /etc/nginx/conf.d/*.conf; }"
NASTY = "{{ x }} {% if %} \\1 ${IFS} $(id) 'é' \"\\"
TEMPLATE = """\
#cloud-config
hostname: {{ hostname }}
users:
  - name: admin
    ssh_authorized_keys: [{{ key | tojson }}]
write_files:
  - path: /etc/nasty
    content: {{ nasty | tojson }}
"""


def make_fleet(**common):
    network = {"cidr": "10.0.33.0/24", "address": MASTER, "interface": "eth1"}
    kinds = {kind: {"boot": "local", "config": kind} for kind in ("nocloud", "ignition", "coreos")}
    hosts = {"head": {"netboot_networks": {"lab": network}, "netboot_profiles": kinds, **common}}
    for number, (name, (ip, kind)) in enumerate(NODES.items(), 1):
        variables = {"nasty": NASTY, "key": "ssh-ed25519 AAAA admin"}
        mac = f"52:54:00:00:00:{number:02x}"
        hosts[name] = {"netboot_ip": ip, "netboot_mac": mac, "netboot_profile": kind, "netboot_vars": variables}
    return hosts, _fleet.parse(hosts, list(NODES), "head", {"eth1": [f"{MASTER}/24"]})


class Endpoint:
    """nginx on the machine, with the configurations of the fleet; node3's are not there yet."""

    def __init__(self, machine, templates, secret="", life=2, **common):
        (templates / "nocloud.j2").write_text(TEMPLATE)
        hosts, self.fleet = make_fleet(**common)
        self.configs = _cloud.render(self.fleet, hosts, [str(templates), str(ROOT / "roles/cloud_config/templates")])
        for node, config in self.configs.items():
            for name, text in config.files.items() if node != "node3" else ():
                machine.write(f"/srv/cloud/{node}/{name}", text)
        home = machine.root / "srv/cloud"
        home.chmod(0o750)
        os.chown(home, 0, 33)  # www-data
        (home / "node2/leak").symlink_to("/etc/shadow")
        files = _cloud_nginx.files(self.fleet, "/srv/cloud", [f"{MASTER}:8080"], ["10.0.33.64/28"], secret, life=life)
        for path, text in files.items():
            machine.write(path, text)
        machine.write("/etc/nginx/conf.d/bootyard.conf", SERVER)
        machine.write("/etc/nginx/nginx.conf", NGINX)
        checked = machine.run("/usr/sbin/nginx", "-t", "-q")
        assert checked.returncode == 0, checked.stderr
        self.machine = machine
        machine.start("/usr/sbin/nginx", "-g", "daemon off;")
        probe = _cloud_nginx.probe(self.fleet, files)["http"]
        deadline = time.monotonic() + 10
        while True:
            try:
                assert self.ask(HERE, probe["url"].removeprefix(f"http://{MASTER}"))[1] == probe["body"].encode()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def ask(self, source, path, method="GET", port=80, **headers):
        """Status and body of a request from an address, whose path goes out as it is."""
        connection = http.client.HTTPConnection(MASTER, port, timeout=5, source_address=(source, 0))
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        self.headers = answer.headers
        connection.close()
        return answer.status, body

    def config(self, node, file="config"):
        return self.configs[node].files[file].encode()


@pytest.fixture
def addresses(machine):
    """Other machines' addresses, at this end of the cable."""
    for address in [ip for ip, _kind in NODES.values() if ip != HERE] + [STRANGER]:
        subprocess.run(["ip", "address", "add", f"{address}/24", "dev", "eth1"], check=True)


@pytest.fixture
def endpoint(machine, addresses, tmp_path):
    return Endpoint(machine, tmp_path)


def test_each_gets_its_own_and_nobody_anothers(endpoint):
    own = {name: endpoint.config(name) for name in NODES if name != "node3"}
    assert len(set(own.values())) == 3
    for name, text in own.items():
        ip = NODES[name][0]
        for port, path in [(80, "/cloud/config"), (80, "/cloud/user-data"), (8080, "/"), (8080, "/any/thing?x=1"), (8080, "/config/")]:
            assert endpoint.ask(ip, path, port=port) == (200, text), (name, path)
        assert endpoint.headers["Content-Type"] == "text/plain; charset=utf-8"
    for file in ("meta-data", "vendor-data", "network-config"):
        assert endpoint.ask(HERE, f"/cloud/{file}") == (200, endpoint.config("here", file))
        assert endpoint.ask(HERE, f"/{file}", port=8080) == (200, endpoint.config("here", file))


def test_strangers_are_told_what_to_do_and_who_is_early_to_ask_again(endpoint):
    for port, path in ((80, "/cloud/config"), (8080, "/")):
        status, body = endpoint.ask(STRANGER, path, port=port)
        assert status == 404
        assert body.startswith(b"#cloud-config\n# There is no configuration for 10.0.33.66. ")
        assert endpoint.headers["Content-Type"].startswith("text/plain")
        status, body = endpoint.ask(NODES["node3"][0], path, port=port)
        assert (status, body) == (503, b"# The configuration of node3 is not ready.\n")
        assert endpoint.headers["Retry-After"] == "10"
    assert endpoint.ask(HERE, "/cloud/secrets")[0] == 404


def test_other_methods(endpoint):
    node1, text = NODES["node1"][0], endpoint.config("node1")
    assert endpoint.ask(node1, "/", "HEAD", port=8080) == (200, b"")
    assert endpoint.headers["Content-Length"] == str(len(text))
    assert endpoint.ask(STRANGER, "/", "HEAD", port=8080)[0] == 404
    assert endpoint.ask(NODES["node3"][0], "/cloud/config", "HEAD")[0] == 503
    for method in ("POST", "PUT", "DELETE", "PROPFIND", "OPTIONS"):
        assert endpoint.ask(node1, "/cloud/config", method)[0] in (403, 405)
    assert endpoint.ask(node1, "/cloud/config", Range="bytes=0-4") == (206, text[:5])
    assert endpoint.ask(node1, "/cloud/config", Range="bytes=90000-")[0] == 416


def test_an_override_is_for_those_who_may(endpoint):
    query = "?override_ipv4=10.0.33.12"
    for port, path in ((80, "/cloud/config"), (8080, "/")):
        for source in (HERE, NODES["node1"][0], NODES["node2"][0]):
            status, body = endpoint.ask(source, path + query, port=port)
            assert status == 403
            assert b"override_ipv4 is not for" in body
        # 10.0.33.66 is in a network that was allowed; the master asks itself.
        assert endpoint.ask(STRANGER, path + query, port=port) == (200, endpoint.config("node2"))
        curl = f"import urllib.request as u; print(u.urlopen('http://{MASTER}:{port}{path + query}').read().decode(), end='')"
        assert endpoint.machine.run("/usr/bin/python3", "-c", curl).stdout.encode() == endpoint.config("node2")
        assert endpoint.ask(STRANGER, path + "?override_ipv4=10.0.33.13", port=port)[0] == 503


MALFORMED = [
    "1a2b3c4",
    "999.999.999.999",
    "10.0.33",
    "10.0.33.12x",
    "x10.0.33.12",
    "10.0.33.012",
    "10.0.33.12%0a",
    "%31%30.0.33.12",
    "010.0.33.12",
]
MALFORMED += [
    "10.0.33.12/32",
    "10.0.33.12,10.0.33.11",
    "10.0.33.120",
    "node2",
    "../node2",
    "0x0a.0.33.12",
    "167780620",
    "::ffff:10.0.33.12",
]


@pytest.mark.parametrize("value", MALFORMED)
def test_an_override_is_a_nodes_whole_address(endpoint, value):
    assert endpoint.ask(STRANGER, f"/cloud/config?override_ipv4={value}")[0] == 404
    assert endpoint.ask(NODES["node1"][0], f"/cloud/config?override_ipv4={value}")[0] == 403


TRICKS = [
    ("/cloud/node2/config", {}),
    ("/cloud/../cloud/node2/config", {}),
    ("/cloud/..%2fnode2/config", {}),
    ("/cloud//srv/cloud/node2/config", {}),
    ("/cloud/config/../node2/config", {}),
    ("/cloud/", {}),
    ("/cloud", {}),
    ("/srv/cloud/node2/config", {}),
    ("/node2/config", {}),
    ("/cloud/config", {"Host": "node2"}),
    ("/cloud/config", {"Host": "10.0.33.12"}),
    ("/cloud/config", {"X-Forwarded-For": "10.0.33.12"}),
    ("/cloud/config", {"X-Real-IP": "10.0.33.12", "Forwarded": "for=10.0.33.12"}),
    ("http://10.0.33.12/cloud/config", {}),
    ("/cloud/config?override_ipv4=&override_ipv4=10.0.33.12", {}),
    ("/cloud/config?override_ipv4=10.0.33.11&override_ipv4=10.0.33.12", {}),
    ("/cloud/leak", {}),
    ("/cloud/../../../etc/shadow", {}),
]


@pytest.mark.parametrize(("path", "headers"), TRICKS)
@pytest.mark.parametrize("port", [80, 8080])
def test_no_trick_leads_to_anothers(endpoint, path, headers, port):
    status, body = endpoint.ask(NODES["node1"][0], path, port=port, **headers)
    assert (status, body) == (200, endpoint.config("node1")) or status in (301, 400, 403, 404)
    assert endpoint.config("node2") not in body
    assert b"root:" not in body


def test_a_rewritten_client_address_counts_for_nothing(machine, addresses, tmp_path):
    machine.write("/etc/nginx/conf.d/site.conf", "set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For;")
    endpoint = Endpoint(machine, tmp_path)
    forged = {"X-Forwarded-For": NODES["node2"][0]}
    assert endpoint.ask(NODES["node1"][0], "/cloud/config", **forged) == (200, endpoint.config("node1"))
    assert endpoint.ask(NODES["node1"][0], "/cloud/config?override_ipv4=10.0.33.12", **{"X-Forwarded-For": "127.0.0.1"})[0] == 403


@pytest.fixture
def liar():
    """Another machine on the cable that takes node1's address and hears no question whose it is: a command that runs there."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    try:
        assert eventually(5, lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        subprocess.run(f"ip link add link eth1 name lie netns {holder.pid} type macvlan mode bridge".split(), check=True)
        subprocess.run([*inside, "ip", "address", "add", f"{NODES['node1'][0]}/24", "dev", "lie"], check=True)
        subprocess.run([*inside, "ip", "link", "set", "lie", "arp", "off", "up"], check=True)
        yield inside
    finally:
        holder.kill()
        holder.wait()


def test_an_address_alone_gets_nothing(endpoint, liar):
    """What is sent to node1 goes to node1, who has not asked (fault 19)."""
    known = subprocess.run(["ip", "neighbour", "show", MASTER, "dev", "eth1"], check=True, capture_output=True, text=True).stdout
    card = re.search("lladdr (\\S+)", known)[1]
    subprocess.run([*liar, "ip", "neighbour", "replace", MASTER, "lladdr", card, "dev", "lie"], check=True)
    for path in ("/cloud/config", "/cloud/user-data"):
        asked = subprocess.run([*liar, "curl", "-s", "-m", "3", f"http://{MASTER}{path}"], capture_output=True, check=False)
        assert (asked.returncode, asked.stdout) == (28, b""), "it would have timed out"
    assert endpoint.ask(NODES["node1"][0], "/cloud/config") == (200, endpoint.config("node1"))
    assert endpoint.ask(NODES["node2"][0], "/cloud/config") == (200, endpoint.config("node2"))


def test_five_hundred_at_once(endpoint):
    """Fault 27: half are node1, half are node2, and each gets its own."""
    open_ones = []
    for number in range(500):
        name = ("node1", "node2")[number % 2]
        connection = http.client.HTTPConnection(MASTER, 8080, timeout=30, source_address=(NODES[name][0], 0))
        connection.request("GET", "/")
        open_ones.append((name, connection))
    for name, connection in open_ones:
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, endpoint.config(name))
        connection.close()
    assert endpoint.ask(HERE, "/", port=8080) == (200, endpoint.config("here"))


def test_links_are_made_for_who_asks_and_expire(machine, addresses, tmp_path):
    profile = {"boot": "http", "kernel": "k", "kernel_args": ["url={config_url}"]}
    kinds = {kind: {**profile, "config": kind} for kind in ("nocloud", "ignition", "coreos")}
    endpoint = Endpoint(machine, tmp_path, secret=SECRET, life=1, netboot_config_secret=SECRET, netboot_profiles=kinds)
    published = _ipxe.files(endpoint.fleet, {}, "/srv/http", menu=False, replace_rom=False)
    for path, text in published.items():
        machine.write(path, text)
    macs = {node.name: node.macs[0].replace(":", "-") for node in endpoint.fleet.nodes}

    def link(source, name, query=""):
        """The URL's path in the boot script of a node, as an address gets it."""
        status, script = endpoint.ask(source, f"/by-mac/{macs[name]}.ipxe{query}")
        assert status == 200
        return re.search(f"url=http://{MASTER}(\\S+)", script.decode())[1]

    def from_the_master(path):
        ask = f"import urllib.request as u; print(u.urlopen('http://{MASTER}{path}').read().decode())"
        return endpoint.machine.run("/usr/bin/python3", "-c", ask).stdout

    node1, node2 = NODES["node1"][0], NODES["node2"][0]
    paths = {name: link(ip, name) for name, (ip, _kind) in NODES.items()}
    assert endpoint.ask(node1, paths["node1"]) == (200, endpoint.config("node1"))
    assert endpoint.ask(HERE, f"{paths['here']}user-data") == (200, endpoint.config("here"))
    assert endpoint.ask(HERE, f"{paths['here']}meta-data") == (200, endpoint.config("here", "meta-data"))
    assert endpoint.ask(node1, "/cloud/config")[0] == 403, "no link"
    assert endpoint.ask(node1, paths["node2"])[0] == 403, "another node's link"
    assert endpoint.ask(STRANGER, paths["node2"])[0] == 404, "from elsewhere"
    # Whoever has no link of his own gets none, whatever he asks for and whatever he may see else.
    assert not any(re.search(_nginx.SEAL, text) for text in published.values())
    made = f"/cloud/{_fleet.LINK}/config"
    assert link(STRANGER, "node1") == link(STRANGER, "node1", f"?override_ipv4={node1}") == made
    assert f"url=http://{MASTER}{made}" in from_the_master(f"/by-mac/{macs['node1']}.ipxe?override_ipv4={node1}")
    assert endpoint.ask(node1, made)[0] == 403
    # What another node's script gives is the asking node's own.
    assert endpoint.ask(node2, link(node2, "node1")) == (200, endpoint.config("node2"))
    assert endpoint.ask(node1, link(node2, "node1"))[0] == 403
    *_prefix, expires, proof, _file = paths["node1"].split("/")
    assert 3500 <= int(expires) - time.time() <= 3600
    assert endpoint.ask(node1, f"/cloud/{int(expires) + 60}/{proof}/config")[0] == 403, "a longer life"
    past = int(time.time()) - 1
    proof = base64.urlsafe_b64encode(hashlib.md5(f"{past} node1 {SECRET}".encode()).digest()).decode().rstrip("=")
    assert endpoint.ask(node1, f"/cloud/{past}/{proof}/config")[0] == 403, "expired"
    with pytest.raises(ConnectionRefusedError):
        endpoint.ask(node1, "/", port=8080)
    log = endpoint.machine.root / "var/log/nginx/bootyard-cloud.log"
    refused = {("node1", paths["node2"], 403), ("", paths["node2"], 404), ("node1", f"/cloud/{past}/{proof}/config", 403)}

    def told():
        return {(entry["node"], entry["uri"], entry["status"]) for entry in map(json.loads, log.read_text().splitlines())}

    # Each of nginx's workers writes when its second is over.
    assert eventually(10, lambda: refused <= told()), told()


@pytest.mark.parametrize("damage", ["", "}", "js_set $x bootyard_link.nothing"])
def test_the_role_lets_nginx_judge_what_waits(machine, tmp_path, damage):
    """The tables import what makes links, which waits beside its place as they do."""
    fleet = make_fleet(netboot_config_secret=SECRET)[1]
    check = yaml.safe_load((ROOT / "roles/cloud_config/vars/main.yml").read_text())["__cloud_config_check"]
    files = _cloud_nginx.files(fleet, "/srv/cloud", [], secret=SECRET)
    for path in (_cloud_nginx.MAPS, _cloud_nginx.MAKER):
        machine.write(_reconcile.staging(path), files[path] + (damage if path == _cloud_nginx.MAPS else ""))
    staged = _reconcile.staging(_cloud_nginx.MAPS)
    done = machine.run(*(staged if word == "%s" else word for word in check))
    assert (done.returncode == 0) is (not damage), done.stderr
    machine.write(_reconcile.staging(_cloud_nginx.MAKER), "function (" + files[_cloud_nginx.MAKER])
    assert machine.run(*(staged if word == "%s" else word for word in check)).returncode != 0


def test_each_request_is_told_with_its_node(endpoint):
    endpoint.ask(NODES["node1"][0], "/cloud/config")
    endpoint.ask(STRANGER, "/?override_ipv4=10.0.33.12", port=8080)
    log = endpoint.machine.root / "var/log/nginx/bootyard-cloud.log"
    assert eventually(10, lambda: STRANGER in log.read_text())
    told = [
        {key: entry[key] for key in ("address", "node", "override", "status")} for entry in map(json.loads, log.read_text().splitlines())
    ]
    assert {"address": "10.0.33.11", "node": "node1", "override": "", "status": 200} in told
    assert {"address": STRANGER, "node": "node2", "override": "10.0.33.12", "status": 200} in told


# --- a real cloud-init -----------------------------------------------------------------------------------------------


def cloud_init(endpoint, *words, line):
    """Run Debian's cloud-init at this end of the cable, as if it had been booted with that line."""
    spaces = ["unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child", f"--root={endpoint.machine.root}"]
    environment = {"PATH": os.environ["PATH"], "DEBUG_PROC_CMDLINE": line}
    return subprocess.run([*spaces, *words], env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_cloud_init_takes_its_seed(endpoint):
    root = endpoint.machine.root
    node = next(node for node in endpoint.fleet.nodes if node.name == "here")
    line = f"ds=nocloud-net;s={endpoint.fleet.config_url(node)}"
    # The others need a machine's devices.
    endpoint.machine.write("/etc/cloud/cloud.cfg.d/99_test.cfg", "cloud_init_modules: [write-files, set_hostname, users-groups]\n")
    begun = time.monotonic()
    done = cloud_init(endpoint, "/usr/bin/cloud-init", "init", line=line)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - begun < 20, "it waited for a file"
    instance = root / "var/lib/cloud/instances" / next(iter(os.listdir(root / "var/lib/cloud/instances")))
    assert instance.name.startswith("here-")
    assert (instance / "user-data.txt").read_bytes() == endpoint.config("here")
    assert (root / "etc/hostname").read_text() == "here\n"
    assert (root / "etc/nasty").read_text() == NASTY
    assert "ssh-ed25519 AAAA admin" in (root / "home/admin/.ssh/authorized_keys").read_text()


def test_cloud_inits_own_check_agrees(endpoint):
    endpoint.machine.write("/tmp/config", endpoint.configs["here"].files["config"])
    done = cloud_init(endpoint, "/usr/bin/cloud-init", "schema", "--config-file", "/tmp/config", "--annotate", line="")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_legacy_url_serves_cloud_init(endpoint):
    """Seed 002's cloud-config-url=, from any path on port 8080."""
    done = cloud_init(endpoint, "/usr/bin/cloud-init", "init", "--local", line=f"cloud-config-url=http://{MASTER}:8080")
    kept = endpoint.machine.root / "etc/cloud/cloud.cfg.d/91_kernel_cmdline_url.cfg"
    assert kept.exists(), done.stdout + done.stderr
    assert kept.read_bytes().endswith(endpoint.config("here"))
