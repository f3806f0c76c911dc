"""An upstream to fetch from: a real HTTP server with files, ETags, ranges and bad days, and people who sign."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Mirror:
    """Serves C(files) by path. C(requests) are the paths asked for with their ranges; C(breaks) says after how many bytes an answer
    to a path breaks off, once; C(fails) lists statuses that a path answers with first. Without C(etags) nothing can be continued.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.breaks: dict[str, int] = {}
        self.fails: dict[str, list[int]] = {}
        self.etags = True
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                mirror.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.lstrip("/")
        wanted = request.headers.get("Range")
        self.requests.append((path, wanted))
        if self.fails.get(path):
            request.send_error(self.fails[path].pop(0))
            return
        if path not in self.files:
            request.send_error(404)
            return
        content = self.files[path]
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and request.headers.get("If-Range") == etag else 0
        request.send_response(206 if first else 200)
        request.send_header("Content-Length", str(len(content) - first))
        if first:
            request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if self.etags:
            request.send_header("ETag", etag)
        request.end_headers()
        request.wfile.write(content[first : first + self.breaks.pop(path, len(content))])
        request.close_connection = True

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Signer:
    """Somebody with an OpenPGP key who lives at the time C(at), as gpg(1) writes times, or now."""

    def __init__(self, home: Path, at: str = "", expires: str = "never") -> None:
        home.mkdir(mode=0o700)
        self.home, self.at = home, at
        self.gpg("--quick-generate-key", "upstream@example.com", "ed25519", "sign", expires)

    def gpg(self, *words: str, content: bytes = b"") -> bytes:
        frozen = ["--faked-system-time", f"{self.at}!"] if self.at else []
        command = ["gpg", "--homedir", self.home, "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback", *frozen, *words]
        return subprocess.run(command, input=content, check=True, capture_output=True, env=os.environ | {"LC_ALL": "C"}).stdout

    def sign(self, content: bytes) -> bytes:
        return self.gpg("--detach-sign", content=content)

    def publish(self, path: Path) -> None:
        """Write the public key where it is looked for."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.gpg("--export"))

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)
