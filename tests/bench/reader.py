"""The design of the server in seed 002, written anew to compare with: it reads its table and its template for every request."""

from __future__ import annotations

import http.server
import json
import re
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers any path with the template of the host that asks."""

    directory = Path(".")

    def do_GET(self) -> None:
        override = parse_qs(urlsplit(self.path).query).get("override_ipv4", [""])[0]
        address = override if re.match(r"\d+\.\d+\.\d+\.\d+", override) else self.client_address[0]
        table = json.loads((self.directory / "pxe_hosts.json").read_text())
        host = table["hosts"].get(address)
        if host is None:
            self._say(404, f"#cloud-config\n# {address} is not in pxe_hosts.json\n")
            return
        text = (self.directory / host.get("template", "default.yaml")).read_text()
        for name, value in {"$private_ipv4": address, **table["common"], **host}.items():
            if name.startswith("$"):
                text = re.sub(re.escape(name), value, text)
        self._say(200, text)

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))  # without it, wrk takes the end for a failure
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.HTTPServer):
    """One request after the other, as there; only that connections may wait for their turn."""

    request_queue_size = 128


if __name__ == "__main__":
    Handler.directory = Path(sys.argv[3])
    Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
