# Copyright: (c) 2026, Bootyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the bootyard.netboot collection: it may change at any time.
"""Files that others publish, such as kernels: fetched, proven, and put before machines all at once.

An artefact is a few files of one version. A C(recipe) says where new versions are to be found, a C(pin) which bytes one of them
consists of. What is pinned needs no other proof than its SHA-256; what is to be pinned must bear upstream's signature where there is one.

This file and those that it uses need Python's standard library only: the timer that follows channels runs them without Ansible.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from . import _binaries, _statefile

#: The keys of a recipe. C(files) maps published names to upstream's. The version is C(version), or what C(pattern) finds in the text
#: at C(index), and C(url) is where its files are; or C(stream) has all of that (github.com/coreos/stream-metadata-go); or it is the
#: Debian C(package) that apt would install. C(signature) is added to a file's name to get its signature, or to that of C(sums), a list
#: of SHA-256 digests as sha256sum(1) writes it; C(keyring) names the keys. C(links) are names in the servers' roots for the files.
#: A file in a tar archive is written ARCHIVE#MEMBER.
RECIPE_KEYS = frozenset(["files", "version", "index", "pattern", "url", "stream", "package", "signature", "sums", "keyring", "links"])

#: A name that is one word in paths, URLs and the scripts of boot loaders.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_-]{0,127}")

TRIES, PAUSE, TIMEOUT = 4, 1.0, 30  # the last two in seconds
_APT = "apt:"
_CHUNK = 1 << 20
_MOST_TEXT = 16 << 20


class ArtefactError(RuntimeError):
    """What was fetched is not what it should be, or not to be had; everything that is served stays as it was."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its URL, and what proves it: its SHA-256, that of the archive around it, or the URL of a signature; each may be empty."""

    url: str
    sha256: str = ""
    archive: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """One version of an artefact, by published name."""

    version: str
    files: Mapping[str, Source]

    def pin(self) -> dict[str, Any]:
        """As the lock file has it."""
        return {"version": self.version, "files": {name: {"url": file.url, "sha256": file.sha256} for name, file in self.files.items()}}


@dataclass
class Result:
    """What L(settle) did: the pins of all artefacts, and of those that changed the versions before and after."""

    lock: dict[str, Any] = field(default_factory=dict)
    switched: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    mended: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


class Upstream:
    """The world as this master sees it: C(mirrors) maps beginnings of URLs to others, C(keyrings) is a directory of public keys."""

    def __init__(self, mirrors: Mapping[str, str], keyrings: str) -> None:
        self.mirrors, self.keyrings = mirrors, keyrings

    def locate(self, url: str) -> str:
        """Where a URL of upstream is read: the longest beginning with a mirror decides."""
        if not url.startswith(("http://", "https://")):
            raise ArtefactError(f"{url} is no URL with http or https")
        for beginning in sorted(self.mirrors, key=len, reverse=True):
            if url.startswith(beginning):
                return self.mirrors[beginning] + url.removeprefix(beginning)
        return url

    def text(self, url: str) -> str:
        """A small text."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "text")
            download(self.locate(url), path)
            if os.path.getsize(path) > _MOST_TEXT:
                raise ArtefactError(f"{url} is larger than {_MOST_TEXT} bytes")
            with open(path, encoding="utf-8", errors="replace") as stream:
                return stream.read()

    def newest(self, recipe: Mapping[str, Any]) -> Release:
        """The version that upstream offers now; nothing of it is proven yet."""
        if "package" in recipe:
            version = _candidate(recipe["package"])[1]
            return _release(
                version, {name: Source(f"{_APT}{recipe['package']}={version}#{path}") for name, path in recipe["files"].items()}
            )
        if "stream" in recipe:
            return self._of_stream(recipe)
        version = recipe.get("version") or self._indexed(recipe)
        base = recipe["url"].replace("{version}", version)
        urls = {name: urljoin(base, there.replace("{version}", version)) for name, there in recipe["files"].items()}
        suffix = recipe.get("signature", "")
        if "sums" not in recipe:
            return _release(version, {name: Source(url, signature=suffix and urldefrag(url)[0] + suffix) for name, url in urls.items()})
        sums = self._sums(urljoin(base, recipe["sums"]), suffix, recipe.get("keyring"))
        files = {}
        for name, url in urls.items():
            file, member = urldefrag(url)
            digest = sums.get(file.removeprefix(base))
            if not digest:
                raise ArtefactError(f"{urljoin(base, recipe['sums'])} does not list {file}")
            files[name] = Source(url, archive=digest) if member else Source(url, digest)
        return _release(version, files)

    def _indexed(self, recipe: Mapping[str, Any]) -> str:
        found = re.search(recipe["pattern"], self.text(recipe["index"]), re.MULTILINE)
        if not found:
            raise ArtefactError(f"{recipe['index']} names no version: nothing in it looks like {recipe['pattern']}")
        return found[1]

    def _of_stream(self, recipe: Mapping[str, Any]) -> Release:
        try:
            metal = json.loads(self.text(recipe["stream"]))["architectures"]["x86_64"]["artifacts"]["metal"]
            parts = {name: metal["formats"]["pxe"][part] for name, part in recipe["files"].items()}
            files = {name: Source(part["location"], part["sha256"], signature=part["signature"]) for name, part in parts.items()}
            return _release(metal["release"], files)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"{recipe['stream']} is no stream metadata with files for PXE: {error!r}") from error

    def _sums(self, url: str, suffix: str, keyring: str | None) -> dict[str, str]:
        text = self.text(url)
        if suffix:
            with tempfile.TemporaryDirectory() as directory:
                path = os.path.join(directory, "sums")
                with open(path, "w", encoding="utf-8") as stream:
                    stream.write(text)
                self.verify(path, url, url + suffix, keyring)
        return {name: digest for digest, name in re.findall(r"^([0-9a-f]{64}) [ *](.+)$", text, re.MULTILINE)}

    def verify(self, path: str, url: str, signature: str, keyring: str | None) -> None:
        """Raise C(ArtefactError) unless somebody in the keyring signed the file, with a key that is neither expired nor revoked."""
        keys = os.path.join(self.keyrings, f"{keyring}.gpg")
        if not keyring or not os.path.exists(keys):
            raise ArtefactError(f"{url} is signed, and {keys} is missing: give artefacts_keyrings upstream's public keys")
        with tempfile.TemporaryDirectory() as directory:
            detached = os.path.join(directory, "signature")
            download(self.locate(signature), detached)
            command = ["gpgv", "--status-fd", "1", "--keyring", keys, detached, path]
            done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
        # gpgv is content with a signature by an expired key, and then does not say GOODSIG.
        if done.returncode or "[GNUPG:] GOODSIG " not in done.stdout:
            said = " ".join(done.stderr.replace("gpgv: ", "").split())
            raise ArtefactError(f"{url} has no good signature: {said}")

    def fetch(self, release: Release, directory: str, keyring: str | None) -> dict[str, str]:
        """Fetch and prove the files of a release; returns their SHA-256. What was fetched before a break is taken up again."""
        packages: dict[str, dict[str, str]] = {}
        for name, file in release.files.items():
            if file.url.startswith(_APT):
                package, member = urldefrag(file.url.removeprefix(_APT))
                packages.setdefault(package, {})[name] = member
            else:
                self._fetch(file, os.path.join(directory, name), keyring)
        for package, members in packages.items():
            _unpack_package(package, members, directory)
        digests = {name: sha256(os.path.join(directory, name)) for name in release.files}
        for name, file in release.files.items():
            _same(file.url, digests[name], file.sha256)
        return digests

    def _fetch(self, file: Source, target: str, keyring: str | None) -> None:
        url, member = urldefrag(file.url)
        raw = os.path.join(os.path.dirname(target), f".{hashlib.sha256(url.encode()).hexdigest()}") if member else target
        while True:
            resumed = download(self.locate(url), raw)
            try:
                _same(url, sha256(raw), file.archive if member else file.sha256)
                if file.signature:
                    self.verify(raw, url, file.signature, keyring)
                if member:
                    _extract(raw, member, target)
                    _same(file.url, sha256(target), file.sha256)
                return
            except ArtefactError:
                for path in dict.fromkeys([raw, target]):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(path)
                if not resumed:  # else upstream may have changed between both parts
                    raise


class Store:
    """Artefacts as the servers see them, below C(images) in each of their C(roots); the last C(keep) versions of each stay.

    IMAGES/NAME/VERSION has the files and a manifest, IMAGES/NAME/current is the version that machines boot.
    """

    def __init__(self, roots: Iterable[str], keep: int) -> None:
        self.roots, self.keep = tuple(roots), keep

    def home(self, name: str, root: str | None = None) -> str:
        return os.path.join(root or self.roots[0], "images", name)

    def current(self, name: str, root: str | None = None) -> str | None:
        """The version that machines boot."""
        try:
            return os.readlink(os.path.join(self.home(name, root), "current"))
        except FileNotFoundError:
            return None

    def manifest(self, name: str, version: str) -> dict[str, Any] | None:
        """The pin of a version that is here, with size and time of each file."""
        with contextlib.suppress(_statefile.StateFileError):  # a damaged one is none: the version is fetched and proven again
            manifest = _statefile.read_json(os.path.join(self.home(name), version, "manifest.json"))
            return manifest if manifest and _is_pin(manifest, "stat") else None
        return None

    def holds(self, name: str, release: Release) -> bool:
        """Whether a version is here with the right bytes, as far as their sizes and times tell, and in all roots."""
        manifest = self.manifest(name, release.version)
        if not manifest or manifest["files"].keys() != release.files.keys():
            return False
        for root in self.roots:
            for file, source in release.files.items():
                known = manifest["files"][file]
                try:
                    stat = os.stat(os.path.join(self.home(name, root), release.version, file))
                except FileNotFoundError:
                    return False
                if [stat.st_size, stat.st_mtime_ns] != known["stat"] or source.url != known["url"]:
                    return False
                if source.sha256 not in ("", known["sha256"]):
                    return False
        return True

    def add(self, name: str, release: Release, upstream: Upstream, keyring: str | None) -> None:
        """Fetch a version and put it beside the others; machines do not boot it yet."""
        staging = os.path.join(self.home(name), f".{release.version}")
        os.makedirs(staging, mode=0o755, exist_ok=True)
        files = {}
        for file, digest in upstream.fetch(release, staging, keyring).items():
            path = os.path.join(staging, file)
            os.chmod(path, 0o644)
            stat = os.stat(path)
            files[file] = {"url": release.files[file].url, "sha256": digest, "stat": [stat.st_size, stat.st_mtime_ns]}
        for left in set(os.listdir(staging)) - files.keys():
            os.unlink(os.path.join(staging, left))
        with open(os.path.join(staging, "manifest.json"), "w", encoding="utf-8") as stream:
            json.dump({"version": release.version, "files": files}, stream, indent=2)
        subprocess.run(["sync", "--file-system", staging], check=True)
        for root in self.roots[1:]:
            copy = os.path.join(self.home(name, root), f".{release.version}")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(staging, copy, copy_function=_link_or_copy)
            _replace(copy, os.path.join(self.home(name, root), release.version))
        _replace(staging, os.path.join(self.home(name), release.version))

    def switch(self, name: str, version: str, links: Mapping[str, str]) -> list[str]:
        """Have machines boot a version; returns the paths of C(links) where an operator's own file stands, which stays."""
        kept = []
        for root in self.roots:
            home = self.home(name, root)
            _point(os.path.join(home, "current"), version)
            for link, file in links.items():
                path = os.path.join(root, link)
                if os.path.lexists(path) and not os.path.islink(path):
                    kept.append(path)
                else:
                    _point(path, os.path.join("images", name, "current", file))
            versions = [entry for entry in os.scandir(home) if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")]
            newest = sorted(versions, key=lambda entry: (entry.name == version, entry.stat().st_mtime_ns), reverse=True)
            for old in newest[self.keep :]:
                shutil.rmtree(old.path)
        return kept

    def is_switched(self, name: str, version: str, links: Mapping[str, str]) -> bool:
        """Whether machines boot that version, under all of its names."""
        for root in self.roots:
            if self.current(name, root) != version:
                return False
            for link, file in links.items():
                path = os.path.join(root, link)
                target = os.path.join("images", name, "current", file)
                if not os.path.lexists(path) or (os.path.islink(path) and os.readlink(path) != target):
                    return False
        return True


def settle(
    store: Store,
    upstream: Upstream,
    recipes: Mapping[str, Mapping[str, Any]],
    lock: Mapping[str, Any],
    update: Iterable[str] = (),
    followed: Iterable[str] = (),
    dry: bool = False,
) -> Result:
    """Have every artefact of C(recipes) in the version that the lock file pins; what it does not pin, in upstream's newest.

    Artefacts in C(update) are pinned anew; those in C(followed) are the timer's, and only fetched when there is nothing of them.
    All are fetched and proven before the first one is switched: if any fails, C(ArtefactError) names all faults and no machine boots
    anything else than before. C(dry) looks, and asks upstream for versions, but fetches no artefact.
    """
    result, wanted, faults = Result(), {}, []
    update, followed = set(update), set(followed)
    for name, recipe in recipes.items():
        try:
            wanted[name] = release = _wanted(store, upstream, name, recipe, lock, update, followed)
            if not store.holds(name, release):
                if store.current(name) == release.version:
                    result.mended.append(name)
                if not dry:
                    store.add(name, release, upstream, recipe.get("keyring"))
        except (ArtefactError, _binaries.BinaryError, OSError) as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise ArtefactError("; ".join(faults) + ". What was served before is served still")
    for name, release in wanted.items():
        links = recipes[name].get("links", {})
        if not store.is_switched(name, release.version, links):
            if store.current(name) != release.version:
                result.switched[name] = (store.current(name), release.version)
            else:
                result.mended.append(name)
            if not dry:
                result.kept += store.switch(name, release.version, links)
        manifest = store.manifest(name, release.version)
        result.lock[name] = _pinned(manifest).pin() if manifest else release.pin()
    return result


def _wanted(store, upstream, name, recipe, lock, update, followed) -> Release:
    """Which version of an artefact there shall be."""
    current = store.current(name)
    if name in followed and name not in update:
        manifest = store.manifest(name, current) if current else None
        if manifest:
            return _pinned(manifest)
    pin = lock.get(name)
    if pin is not None and not _is_pin(pin):
        raise ArtefactError(
            "its pin in the lock file is not valid; restore it from version control, or remove it to pin upstream's newest version"
        )
    # A recipe with other files, or with a version of its own that is not the pinned one, is another artefact than was pinned.
    if (
        pin
        and name not in update
        and pin["files"].keys() == recipe["files"].keys()
        and recipe.get("version", pin["version"]) == pin["version"]
    ):
        return _pinned(pin)
    return upstream.newest(recipe)


def follow(store: Store, upstream: Upstream, recipes: Mapping[str, Mapping[str, Any]]) -> Result:
    """Have every artefact in upstream's newest version, but never in an older one than is served: a mirror may be stale, or lie."""
    for name, recipe in recipes.items():
        current, newest = store.current(name), upstream.newest(recipe).version
        if current and _order(newest) < _order(current):
            raise ArtefactError(
                f"{name}: upstream went back from {current} to {newest}; run playbooks/images.yml -e update=true if that is right"
            )
    return settle(store, upstream, recipes, {}, update=recipes)


def download(url: str, target: str) -> bool:
    """Fetch a file, going on where an earlier attempt broke off; returns whether it did go on.

    A part is continued only if the server says by its ETag that the file is still the same (RFC 9110, If-Range). A file that is there
    is not fetched again. Raises C(ArtefactError) when it is not to be had after C(TRIES) attempts, or comes out short.
    """
    if os.path.exists(target):
        return True
    part, tag, resumed = f"{target}.part", f"{target}.etag", False
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE * attempt)
        try:
            resumed |= _transfer(url, part, tag)
            os.replace(part, target)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(tag)
            return resumed
        except urllib.error.HTTPError as error:
            reason = f"{error.code} {error.reason}"
            if error.code == 416:  # the part is longer than the file
                os.unlink(part)
            elif error.code < 500:
                break
        except (OSError, http.client.HTTPException) as error:
            reason = str(error)
    raise ArtefactError(f"{url} is not to be had: {reason}")


def _transfer(url: str, part: str, tag: str) -> bool:
    """One attempt; returns whether it went on with a part."""
    request = urllib.request.Request(url, headers={"User-Agent": "bootyard"})
    etag = _read(tag)
    have = os.path.getsize(part) if etag and os.path.exists(part) else 0
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", etag)
    # Not by ansible.module_utils.urls: the timer has nothing of Ansible.
    with urllib.request.build_opener().open(request, timeout=TIMEOUT) as answer:
        resumed = bool(have) and answer.status == 206
        length = answer.headers.get("Content-Length")
        found = answer.headers.get("ETag", "")
        with open(tag, "w", encoding="utf-8") as stream:
            stream.write(found if found.startswith('"') else "")  # a weak one does not vouch for bytes
        with open(part, "ab" if resumed else "wb") as stream:
            before = stream.tell()
            shutil.copyfileobj(answer, stream, _CHUNK)
            got = stream.tell() - before
    if length is not None and got != int(length):
        raise OSError(f"it broke off after {got} of {length} bytes")
    return resumed


def sha256(path: str) -> str:
    """A file's SHA-256 in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _release(version: str, files: Mapping[str, Source]) -> Release:
    if not WORD.fullmatch(version):
        raise ArtefactError(f"upstream's version {version!r} is no word of letters, digits, dots and dashes")
    return Release(version, files)


def _pinned(pin: Mapping[str, Any]) -> Release:
    return _release(pin["version"], {name: Source(file["url"], file["sha256"]) for name, file in pin["files"].items()})


def _order(version: str) -> list[tuple[int, Any]]:
    return [(1, int(part)) if part.isdecimal() else (0, part) for part in re.split(r"[.+~_-]", version)]


def _same(url: str, digest: str, wanted: str) -> None:
    if wanted not in ("", digest):
        raise ArtefactError(f"{url} has the SHA-256 {digest} instead of {wanted}")


def _extract(archive: str, member: str, target: str) -> None:
    try:
        with tarfile.open(archive) as tar, tar.extractfile(member) as source, open(target, "wb") as stream:
            shutil.copyfileobj(source, stream)
    except (KeyError, AttributeError, tarfile.TarError) as error:
        raise ArtefactError(f"there is no file {member} in the archive: {error}") from error


def _candidate(package: str) -> tuple[str, str]:
    """The file name and the version of the package that apt would install now."""
    deb = _binaries.candidates([package])[package]
    return deb, unquote(deb.split("_")[1])


def _unpack_package(pinned: str, members: Mapping[str, str], directory: str) -> None:
    package, wanted = pinned.split("=", 1)
    deb, version = _candidate(package)
    if version != wanted:
        raise ArtefactError(f"{package} {wanted} is pinned, and apt has {version} now; pin that: playbooks/images.yml -e update=true")
    store = _binaries.Store(os.path.join(directory, ".packages"))
    store.fetch(package, deb, members)
    for name in members:
        os.replace(os.path.join(store.directory, deb, name), os.path.join(directory, name))
    shutil.rmtree(store.directory)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _is_pin(found: Any, *more: str) -> bool:
    """Whether what a file had is a pin, each file with C(more) keys."""
    files = found.get("files") if isinstance(found, Mapping) and isinstance(found.get("version"), str) else None
    return isinstance(files, Mapping) and all(
        isinstance(entry, Mapping) and entry.keys() >= {"url", "sha256", *more} for entry in files.values()
    )


def _replace(source: str, target: str) -> None:
    """Put a directory in the place of another, which nobody is meant to read: it is damaged, or of a run that was killed."""
    aside = f"{source}.old"
    shutil.rmtree(aside, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.rename(target, aside)
    os.rename(source, target)
    shutil.rmtree(aside, ignore_errors=True)


def _point(link: str, target: str) -> None:
    new = os.path.join(os.path.dirname(link), f".{os.path.basename(link)}.new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    os.symlink(target, new)
    os.rename(new, link)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def lines(versions: Mapping[str, str | None]) -> Iterator[str]:
    """Versions for people, a line each."""
    return (f"{name}: {version or 'none'}\n" for name, version in sorted(versions.items()))
