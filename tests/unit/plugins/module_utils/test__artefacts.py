"""Artefacts from a real HTTP server, with real signatures: nothing is switched that is not proven, and nothing is fetched twice."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _artefacts
from ansible_collections.bootyard.netboot.plugins.module_utils._artefacts import ArtefactError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upstream import Mirror, Signer

BASE = "https://stable.example.com/"
FLATCAR = {
    "index": f"{BASE}current/version.txt",
    "pattern": r"^VERSION_ID=(\S+)$",
    "url": f"{BASE}{{version}}/",
    "files": {"vmlinuz": "pxe.vmlinuz", "image.cpio.gz": "pxe_image.cpio.gz"},
    "signature": ".sig",
    "keyring": "flatcar",
    "links": {"coreos_stable_pxe.vmlinuz": "vmlinuz", "coreos_stable_pxe_image.cpio.gz": "image.cpio.gz"},
}
UNSIGNED = {"version": "1", "url": f"{BASE}{{version}}/", "files": {"vmlinuz": "pxe.vmlinuz"}}


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    signer = Signer(tmp_path_factory.mktemp("signer") / "gpg")
    yield signer
    signer.close()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(_artefacts, "PAUSE", 0.0)


class World:
    """An upstream that releases versions, and a master that boots them."""

    def __init__(self, mirror: Mirror, signer: Signer, home: Path) -> None:
        self.mirror, self.signer, self.home = mirror, signer, home
        self.roots = [str(home / "http"), str(home / "tftp")]
        self.store = _artefacts.Store(self.roots, 2)
        signer.publish(home / "keys/flatcar.gpg")
        self.upstream = _artefacts.Upstream({BASE: mirror.url}, str(home / "keys"))

    def release(self, version: str, kernel: bytes = b"", signer: Signer | None = None) -> None:
        files = self.mirror.files
        files["current/version.txt"] = f"BUILD=1\nVERSION_ID={version}\n".encode()
        for name in ("pxe.vmlinuz", "pxe_image.cpio.gz"):
            content = kernel or f"{name} of {version}".encode() * 1000
            files[f"{version}/{name}"] = content
            files[f"{version}/{name}.sig"] = (signer or self.signer).sign(content)

    def settle(self, recipe=None, lock=(), **more) -> _artefacts.Result:
        self.mirror.requests.clear()
        return _artefacts.settle(self.store, self.upstream, {"flatcar": recipe or FLATCAR}, dict(lock), **more)

    def boots(self, file: str = "vmlinuz") -> bytes | None:
        """What a machine gets, which must be the same in both roots."""
        found = {path.read_bytes() if (path := Path(root, "images/flatcar/current", file)).exists() else None for root in self.roots}
        assert len(found) == 1
        return found.pop()


@pytest.fixture
def world(signer, tmp_path):
    mirror = Mirror()
    yield World(mirror, signer, tmp_path)
    mirror.close()


# --- the way it should go --------------------------------------------------------------------------------------------


def test_a_release_is_proven_pinned_and_booted_under_all_of_its_names(world):
    world.release("4459.2.1")
    result = world.settle()
    assert result.switched == {"flatcar": (None, "4459.2.1")}
    kernel = world.boots()
    assert kernel == world.mirror.files["4459.2.1/pxe.vmlinuz"]
    assert all(Path(root, "coreos_stable_pxe.vmlinuz").read_bytes() == kernel for root in world.roots)
    pin = result.lock["flatcar"]
    assert pin["version"] == "4459.2.1"
    assert pin["files"]["vmlinuz"]["url"] == f"{BASE}4459.2.1/pxe.vmlinuz"  # upstream's, whatever mirror it came from
    assert json.loads(json.dumps(pin)) == pin
    inodes = {os.stat(os.path.join(root, "images/flatcar/current/vmlinuz")).st_ino for root in world.roots}
    assert len(inodes) == 1
    assert oct(os.stat(os.path.join(world.roots[0], "images/flatcar/current/vmlinuz")).st_mode)[-3:] == "644"


def test_what_is_there_costs_no_request(world):
    world.release("1")
    lock = world.settle().lock
    before = sorted((path, path.lstat().st_ino, path.lstat().st_mtime_ns) for path in world.home.rglob("*"))
    again = world.settle(lock=lock)
    assert (again.switched, again.mended, again.lock, world.mirror.requests) == ({}, [], lock, [])
    assert sorted((path, path.lstat().st_ino, path.lstat().st_mtime_ns) for path in world.home.rglob("*")) == before


def test_a_pin_holds_until_it_is_renewed(world):
    world.release("1")
    lock = world.settle().lock
    world.release("2")
    assert world.settle(lock=lock).switched == {}
    renewed = world.settle(lock=lock, update=["flatcar"])
    assert renewed.switched == {"flatcar": ("1", "2")}
    assert world.settle(lock=lock).switched == {"flatcar": ("2", "1")}
    assert world.mirror.requests == []  # it was still there


def test_another_master_gets_the_same_bytes_from_the_pin_alone(world, signer, tmp_path):
    world.release("1")
    lock = world.settle().lock
    (tmp_path / "other").mkdir()
    other = World(world.mirror, signer, tmp_path / "other")
    (other.home / "keys/flatcar.gpg").unlink()
    del world.mirror.files["current/version.txt"]
    assert other.settle(lock=lock).lock == lock
    assert {path for path, _range in world.mirror.requests + other.mirror.requests if path.endswith(".sig")} == set()


def test_the_last_versions_stay(world):
    for version in ("1", "2", "3"):
        world.release(version)
        world.settle(update=["flatcar"])
    for root in world.roots:
        assert sorted(os.listdir(f"{root}/images/flatcar")) == ["2", "3", "current"]


def test_a_recipe_with_other_files_is_pinned_anew(world):
    world.release("1")
    lock = world.settle().lock
    fewer = {**FLATCAR, "files": {"vmlinuz": "pxe.vmlinuz"}, "links": {}}
    assert world.settle(fewer, lock).lock["flatcar"]["files"].keys() == {"vmlinuz"}


def test_check_mode_fetches_no_artefact(world):
    world.release("1")
    result = world.settle(dry=True)
    assert result.switched == {"flatcar": (None, "1")}
    assert [path for path, _range in world.mirror.requests] == ["current/version.txt"]
    assert not os.path.exists(world.roots[0])


def test_an_operators_own_file_stays(world):
    world.release("1")
    os.makedirs(world.roots[1])
    own = Path(world.roots[1], "coreos_stable_pxe.vmlinuz")
    own.write_text("mine")
    result = world.settle()
    assert (result.kept, own.read_text()) == ([str(own)], "mine")
    assert world.settle(lock=result.lock).switched == {}


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"scribbled over")])
def test_what_was_damaged_is_mended(world, damage):
    world.release("1")
    lock = world.settle().lock
    damage(Path(world.roots[0], "images/flatcar/1/vmlinuz"))
    assert world.settle(lock=lock).mended == ["flatcar"]
    assert world.boots() == world.mirror.files["1/pxe.vmlinuz"]


# --- other upstreams -------------------------------------------------------------------------------------------------


def test_names_and_proofs_of_a_stream(world):
    files = {"kernel": b"k" * 999, "initramfs": b"i" * 999, "rootfs": b"r" * 999}
    parts = {}
    for part, content in files.items():
        name = f"builds/fedora-coreos-42-live-{part}.x86_64"
        world.mirror.files |= {name: content, f"{name}.sig": world.signer.sign(content)}
        digest = _digest(content)
        parts[part] = {"location": BASE + name, "signature": f"{BASE}{name}.sig", "sha256": digest}
    metal = {"release": "42.20250901.3.0", "formats": {"pxe": parts}}
    stream = {"stream": "stable", "architectures": {"x86_64": {"artifacts": {"metal": metal}}}}
    world.mirror.files["streams/stable.json"] = json.dumps(stream).encode()
    recipe = {"stream": f"{BASE}streams/stable.json", "files": {"kernel": "kernel", "rootfs.img": "rootfs"}, "keyring": "flatcar"}
    assert world.settle(recipe).lock["flatcar"]["files"]["rootfs.img"]["sha256"] == _digest(files["rootfs"])
    parts["rootfs"]["location"] = "file:///etc/shadow"
    world.mirror.files["streams/stable.json"] = json.dumps(stream | {"x": metal.update(release="43")}).encode()
    with pytest.raises(ArtefactError, match=r"file:///etc/shadow is no URL with http"):
        world.settle(recipe, update=["flatcar"])
    world.mirror.files["streams/stable.json"] = b'{"stream": "stable"}'
    with pytest.raises(ArtefactError, match="is no stream metadata"):
        world.settle(recipe, update=["flatcar"])


def test_a_signed_list_of_digests_and_a_file_in_an_archive(world):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        entry = tarfile.TarInfo("amd64/linux")
        entry.size = 6
        tar.addfile(entry, io.BytesIO(b"kernel"))
    sums = f"{_digest(archive.getvalue())} *netboot-24.tar.gz\n{_digest(b'iso')}  live-24.iso\n".encode()
    world.mirror.files |= {"24/netboot-24.tar.gz": archive.getvalue(), "24/live-24.iso": b"iso"}
    world.mirror.files |= {"24/SHA256SUMS": sums, "24/SHA256SUMS.gpg": world.signer.sign(sums)}
    files = {"linux": "netboot-{version}.tar.gz#amd64/linux", "live.iso": "live-{version}.iso"}
    recipe = {
        "version": "24",
        "url": f"{BASE}{{version}}/",
        "sums": "SHA256SUMS",
        "signature": ".gpg",
        "keyring": "flatcar",
        "files": files,
    }
    lock = world.settle(recipe).lock
    assert (world.boots("linux"), world.boots("live.iso")) == (b"kernel", b"iso")
    assert lock["flatcar"]["files"]["linux"]["sha256"] == _digest(b"kernel")
    assert world.settle(recipe, lock).switched == {}
    world.mirror.files["24/SHA256SUMS"] = sums.replace(b"live", b"dead")
    with pytest.raises(ArtefactError, match="SHA256SUMS has no good signature"):
        world.settle(recipe, update=["flatcar"])
    world.mirror.files["24/SHA256SUMS.gpg"] = world.signer.sign(world.mirror.files["24/SHA256SUMS"])
    with pytest.raises(ArtefactError, match=r"does not list .*live-24\.iso"):
        world.settle(recipe, update=["flatcar"])
    with pytest.raises(ArtefactError, match="no file amd64/missing in the archive"):
        world.settle({**UNSIGNED, "version": "24", "files": {"linux": "netboot-24.tar.gz#amd64/missing"}})


def test_a_directory_is_a_mirror(world, tmp_path):
    (tmp_path / "mirror/1").mkdir(parents=True)
    (tmp_path / "mirror/1/pxe.vmlinuz").write_bytes(b"from a disk")
    world.upstream = _artefacts.Upstream({BASE: f"file://{tmp_path}/mirror/"}, "")
    world.settle(UNSIGNED)
    assert world.boots() == b"from a disk"


def test_files_come_out_of_debian_packages(world):
    recipe = {"package": "memtest86+", "files": {"memtest.efi": "/boot/memtest86+x64.efi", "memtest.bin": "/boot/memtest86+x64.bin"}}
    lock = world.settle(recipe).lock
    assert world.boots("memtest.efi")[:2] == b"MZ"
    version = lock["flatcar"]["version"]
    assert lock["flatcar"]["files"]["memtest.efi"]["url"] == f"apt:memtest86+={version}#/boot/memtest86+x64.efi"
    assert world.settle(recipe, lock).switched == {}
    older = json.loads(json.dumps(lock).replace(version, "1.0-1"))
    with pytest.raises(ArtefactError, match=r"memtest86\+ 1\.0-1 is pinned, and apt has .* now"):
        world.settle(recipe, older)
    assert world.boots("memtest.efi")[:2] == b"MZ"


# --- bad days --------------------------------------------------------------------------------------------------------


def _digest(content: bytes) -> str:
    return _artefacts.hashlib.sha256(content).hexdigest()


def _altered(world) -> None:
    content = bytearray(world.mirror.files["2/pxe.vmlinuz"])
    content[500] ^= 1
    world.mirror.files["2/pxe.vmlinuz"] = bytes(content)


def _truncated(world) -> None:
    world.mirror.files["2/pxe_image.cpio.gz"] = world.mirror.files["2/pxe_image.cpio.gz"][:-1]


def _unsigned(world) -> None:
    del world.mirror.files["2/pxe.vmlinuz.sig"]


def _signed_by_a_stranger(world) -> None:
    stranger = Signer(world.home / "stranger")
    world.release("2", signer=stranger)
    stranger.close()


def _signature_of_another_file(world) -> None:
    world.mirror.files["2/pxe.vmlinuz.sig"] = world.mirror.files["2/pxe_image.cpio.gz.sig"]


def _no_keyring(world) -> None:
    (world.home / "keys/flatcar.gpg").unlink()


def _no_version(world) -> None:
    world.mirror.files["current/version.txt"] = b"<html>503</html>"


def _path_for_a_version(world) -> None:
    world.mirror.files["current/version.txt"] = b"VERSION_ID=../../../etc\n"


def _gone(world) -> None:
    del world.mirror.files["2/pxe.vmlinuz"]


def _broken_for_good(world) -> None:
    world.mirror.fails["2/pxe.vmlinuz"] = [500] * _artefacts.TRIES


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (_altered, "pxe.vmlinuz has no good signature: .*BAD signature"),
        (_truncated, "pxe_image.cpio.gz has no good signature"),
        (_unsigned, "pxe.vmlinuz.sig is not to be had: 404"),
        (_signed_by_a_stranger, "no good signature: .*No public key"),
        (_signature_of_another_file, "pxe.vmlinuz has no good signature"),
        (_no_keyring, "flatcar.gpg is missing: give artefacts_keyrings"),
        (_no_version, "names no version"),
        (_path_for_a_version, r"version '\.\./\.\./\.\./etc' is no word"),
        (_gone, "pxe.vmlinuz is not to be had: 404"),
        (_broken_for_good, "pxe.vmlinuz is not to be had: 500"),
    ],
)
def test_nothing_is_switched_and_the_old_is_served(world, fault, message):
    world.release("1")
    lock = world.settle().lock
    old = world.boots(), world.boots("image.cpio.gz")
    world.release("2")
    fault(world)
    with pytest.raises(ArtefactError, match=f"flatcar: .*{message}.*What was served before is served still"):
        world.settle(lock=lock, update=["flatcar"])
    assert (world.boots(), world.boots("image.cpio.gz")) == old
    assert world.store.current("flatcar") == "1"
    assert world.settle(lock=lock).switched == {}


def test_an_expired_key_is_no_key(world):
    late = Signer(world.home / "late", at="20200101T000000", expires="20200201T000000")
    late.publish(world.home / "keys/flatcar.gpg")
    world.release("1", signer=late)
    late.close()
    with pytest.raises(ArtefactError, match="no good signature"):
        world.settle()


def test_one_that_fails_holds_all_back(world):
    world.release("1")
    with pytest.raises(ArtefactError, match=r"^bad: .*404"):
        _artefacts.settle(world.store, world.upstream, {"flatcar": FLATCAR, "bad": {**UNSIGNED, "version": "9"}}, {})
    assert world.boots() is None
    assert world.settle().switched == {"flatcar": (None, "1")}
    assert [path for path, _range in world.mirror.requests] == ["current/version.txt"]  # proven before, and kept


def test_upstream_that_changes_what_was_pinned_is_noticed(world):
    world.release("1")
    lock = world.settle().lock
    world.release("1", kernel=b"something else")
    Path(world.roots[0], "images/flatcar/1/vmlinuz").unlink()
    with pytest.raises(ArtefactError, match=f"pxe.vmlinuz has the SHA-256 {_digest(b'something else')} instead of"):
        world.settle(lock=lock)


def test_a_timer_goes_forward_only(world):
    world.release("4459.2.1")
    assert _artefacts.follow(world.store, world.upstream, {"flatcar": FLATCAR}).switched == {"flatcar": (None, "4459.2.1")}
    world.release("4459.10.0")
    assert _artefacts.follow(world.store, world.upstream, {"flatcar": FLATCAR}).switched == {"flatcar": ("4459.2.1", "4459.10.0")}
    world.release("4459.9.0")
    with pytest.raises(ArtefactError, match=r"went back from 4459\.10\.0 to 4459\.9\.0"):
        _artefacts.follow(world.store, world.upstream, {"flatcar": FLATCAR})
    lock = {"flatcar": {"version": "1", "files": {file: {"url": BASE, "sha256": "0" * 64} for file in FLATCAR["files"]}}}
    assert world.settle(lock=lock, followed=["flatcar"]).lock["flatcar"]["version"] == "4459.10.0"


# --- transfers -------------------------------------------------------------------------------------------------------


def test_a_broken_transfer_is_taken_up_where_it_broke(world, tmp_path):
    world.mirror.files["file"] = os.urandom(100_000)
    world.mirror.breaks["file"] = 60_000
    assert _artefacts.download(f"{world.mirror.url}file", str(tmp_path / "file")) is True
    assert (tmp_path / "file").read_bytes() == world.mirror.files["file"]
    assert world.mirror.requests == [("file", None), ("file", "bytes=60000-")]
    assert sorted(path.name for path in tmp_path.glob("file*")) == ["file"]


def test_a_server_without_etags_starts_anew(world, tmp_path):
    world.mirror.files["file"], world.mirror.etags = b"x" * 1000, False
    world.mirror.breaks["file"] = 10
    assert _artefacts.download(f"{world.mirror.url}file", str(tmp_path / "file")) is False
    assert world.mirror.requests == [("file", None), ("file", None)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 5000), broken=st.integers(0, 4999), changed=st.booleans(), status=st.sampled_from([None, 500, 503]))
def test_whatever_happens_on_the_way_the_file_is_whole(world, tmp_path_factory, size, broken, changed, status):
    target = tmp_path_factory.mktemp("file") / "file"
    first, second = os.urandom(size), os.urandom(size)
    world.mirror.files["file"] = first
    world.mirror.breaks["file"] = min(broken, size - 1)
    part, tag = f"{target}.part", f"{target}.etag"
    with pytest.raises(OSError, match="broke off"):
        _artefacts._transfer(f"{world.mirror.url}file", part, tag)
    world.mirror.files["file"] = second if changed else first
    world.mirror.fails["file"] = [status] if status else []
    _artefacts.download(f"{world.mirror.url}file", str(target))
    assert target.read_bytes() == (second if changed else first)


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=3, max_size=3), min_size=2, max_size=2))
def test_versions_are_compared_as_people_do(pair):
    one, other = (".".join(map(str, numbers)) for numbers in pair)
    assert (_artefacts._order(one) < _artefacts._order(other)) == (pair[0] < pair[1])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": "1", "files": {"vmlinuz": 1}}'])
def test_a_damaged_manifest_is_none_and_the_version_is_proven_again(world, content):
    world.release("4459.2.1")
    world.settle()
    kernel, manifest = world.boots(), Path(world.roots[0], "images/flatcar/4459.2.1/manifest.json")
    whole = json.loads(manifest.read_text())
    manifest.write_bytes(content)
    assert world.settle(followed=["flatcar"]).lock["flatcar"]["version"] == "4459.2.1"
    assert world.mirror.requests
    assert world.boots() == kernel
    assert json.loads(manifest.read_text())["files"].keys() == whole["files"].keys()


@pytest.mark.parametrize("pin", [[], {}, {"version": "1"}, {"version": "1", "files": {"vmlinuz": "x"}}])
def test_a_damaged_pin_is_named(world, pin):
    world.release("4459.2.1")
    with pytest.raises(ArtefactError, match="flatcar: its pin in the lock file is not valid"):
        world.settle(lock={"flatcar": pin})
