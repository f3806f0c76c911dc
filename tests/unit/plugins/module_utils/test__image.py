"""Images: which generation, which kernel, and nothing left behind when a build fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from ansible_collections.bootyard.netboot.plugins.module_utils import _image
from hypothesis import given
from hypothesis import strategies as st
from isolation import survivors

DEFAULTS = {
    "arch": "amd64",
    "mirror": "http://127.0.0.1:9/",
    "components": ["main"],
    "packages": ["systemd-sysv", "nfs-common"],
    "squashfs_packages": ["live-boot", "cloud-init"],
    "extra_packages": [],
    "kernel_package": "linux-image-amd64",
}


def image(**spec):
    return _image.wanted("debian-12", {"suite": "bookworm", **spec}, DEFAULTS)


@pytest.fixture
def store(tmp_path):
    return _image.Store(str(tmp_path / "images"), [str(tmp_path / "tftp"), str(tmp_path / "http")])


def publish(store, made, generation):
    """A generation such as build() leaves, without the half hour."""
    home = f"{store.directory}/{made.name}"
    os.makedirs(f"{home}/{generation}/root")
    for file in ("vmlinuz", "initrd.img"):
        with open(f"{home}/{generation}/{file}", "w", encoding="utf-8") as stream:
            stream.write(f"{file} of {generation}")
    with open(f"{home}/{generation}/manifest.json", "w", encoding="utf-8") as stream:
        json.dump({"generation": generation, "digest": made.digest}, stream)
    if os.path.lexists(f"{home}/current"):
        os.unlink(f"{home}/current")
    os.symlink(generation, f"{home}/current")


# --- what an image is ------------------------------------------------------------------------------------------------


def test_defaults_and_extras_make_an_image():
    made = image(extra_packages=["vim", "nfs-common"], arch="arm64")
    assert made.packages == ("systemd-sysv", "nfs-common", "vim", "linux-image-amd64")
    assert (made.suite, made.arch, made.components) == ("bookworm", "arm64", ("main",))


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "trixie"},
        {"arch": "arm64"},
        {"components": ["main", "contrib"]},
        {"extra_packages": ["vim"]},
        {"kernel_package": "linux-image-rt-amd64"},
    ],
)
def test_what_makes_another_image(change):
    assert image(**change).digest != image().digest


@pytest.mark.parametrize(
    "change", [{"mirror": "http://mirror.example/debian"}, {"packages": ["nfs-common", "systemd-sysv"]}, {"extra_packages": ["nfs-common"]}]
)
def test_what_makes_no_other_image(change):
    assert image(**change).digest == image().digest


def test_a_system_in_ram_has_packages_of_its_own():
    made = image(form="squashfs", extra_packages=["podman"])
    assert made.packages == ("live-boot", "cloud-init", "podman", "linux-image-amd64")
    assert made.digest != image(packages=list(made.packages), kernel_package="linux-image-amd64").digest


def test_the_digests_of_images_that_exist_stay():
    """Another digest would make every master build all of its images again."""
    assert image().digest == "488b1673f908d285fe1fce83c76689f46aaf61125dfa08e0bc239ec7c308a8d8"


def test_what_is_written_for_each_form_reaches_the_shell_as_it_is(tmp_path):
    for form in _image.FORMS.values():
        for path, text in form.files.items():
            for command in _image._writing(path, text):
                subprocess.run(["sh", "-euc", command, "sh", tmp_path], check=True)
            assert (tmp_path / path.lstrip("/")).read_text() == text


def test_a_squashfs_is_packed_without_what_the_boot_loader_brings(tmp_path):
    for name in ("boot/vmlinuz-6.1.0-1-amd64", "boot/initrd.img-6.1.0-1-amd64", "etc/marker"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(name)
    found = _image._boot_files(image(form="squashfs"), str(tmp_path / "root"), str(tmp_path))
    assert found["sha256"].keys() == {"vmlinuz", "initrd.img", "filesystem.squashfs"}
    listed = subprocess.run(["unsquashfs", "-l", tmp_path / "filesystem.squashfs"], check=True, capture_output=True, text=True).stdout
    assert [line for line in listed.splitlines() if line.startswith("squashfs-root/")] == [
        "squashfs-root/boot",
        "squashfs-root/etc",
        "squashfs-root/etc/marker",
    ]


def test_what_is_current_is_published_as_current(store):
    for generation in ("0001-x", "0002-y"):
        publish(store, image(), generation)
    with open(f"{store.directory}/debian-12/0002-y/filesystem.squashfs", "w", encoding="utf-8") as stream:
        stream.write("a system")
    for generation in ("0002-y", "0001-x"):
        store.publish_boot_files("debian-12", generation)
    for directory in store.publish:
        assert os.readlink(f"{directory}/debian-12/current") == "0002-y"
        assert os.path.exists(f"{directory}/debian-12/current/filesystem.squashfs")


# --- which generation ------------------------------------------------------------------------------------------------


def test_generations_count_up_and_name_what_they_hold(store):
    first, there = store.wanted_generation(image())
    assert (first, there) == (f"0001-{image().digest[:8]}", False)
    publish(store, image(), first)
    assert store.wanted_generation(image()) == (first, True)
    other = image(suite="trixie")
    assert store.wanted_generation(other) == (f"0002-{other.digest[:8]}", False)
    publish(store, other, f"0009-{other.digest[:8]}")
    assert store.wanted_generation(image()) == (f"0010-{image().digest[:8]}", False)


def test_a_lost_link_is_no_new_image(store):
    """It took all roots with it: their generation was built anew below them."""
    publish(store, image(), first := f"0001-{image().digest[:8]}")
    publish(store, image(suite="trixie"), second := "0002-y")
    publish(store, image(), third := f"0003-{image().digest[:8]}")
    for generation in (first, second, third):
        store.publish_boot_files("debian-12", generation)
    assert store.unlinked("debian-12") is None
    os.unlink(f"{store.directory}/debian-12/current")
    assert store.wanted_generation(image()) == (third, True)
    assert store.unlinked("debian-12") == third
    store.switch("debian-12", third)
    assert store.unlinked("debian-12") is None
    os.unlink(f"{store.publish[1]}/debian-12/current")
    assert store.unlinked("debian-12") == third


def test_what_was_never_published_has_lost_no_link(store):
    """Images that were copied from another master: publishing makes the links."""
    publish(store, image(), generation := f"0001-{image().digest[:8]}")
    assert store.unlinked("debian-12") is None
    os.unlink(f"{store.directory}/debian-12/current")
    assert store.unlinked("debian-12") == generation
    store.switch("debian-12", generation)
    assert store.unlinked("debian-12") is None
    store.publish_boot_files("debian-12", generation)
    for directory in store.publish:
        assert os.readlink(f"{directory}/debian-12/current") == generation


def test_a_link_that_leads_nowhere_is_lost(store):
    publish(store, image(), generation := f"0001-{image().digest[:8]}")
    os.unlink(f"{store.directory}/debian-12/current")
    os.symlink("0009-gone", f"{store.directory}/debian-12/current")
    assert store.wanted_generation(image()) == (generation, True)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut off"])
@pytest.mark.parametrize("link", [True, False])
def test_a_damaged_manifest_is_named_and_nothing_built(store, damage, link):
    publish(store, image(), "0001-x")
    manifest = f"{store.directory}/debian-12/0001-x/manifest.json"
    if damage == "missing":
        os.unlink(manifest)
    else:
        with open(manifest, "w", encoding="utf-8") as stream:
            stream.write("" if damage == "empty" else '{"gen')
    if not link:
        os.unlink(f"{store.directory}/debian-12/current")
    for attempt in (store.wanted_generation, store.build):
        with pytest.raises(_image.ImageError, match=r"manifest\.json.*from a backup"):
            attempt(image())
    assert os.path.isdir(f"{store.directory}/debian-12/0001-x/root")


def test_a_number_is_never_used_twice(store):
    """Roots, or kernels that machines boot, may still be those of a generation that is gone."""
    used = _image.Store(store.directory, store.publish, {"debian-12": {"0004-a"}})
    assert used.wanted_generation(image())[0].startswith("0005-")
    os.makedirs(f"{store.publish[1]}/debian-12/0006-b")
    assert used.wanted_generation(image())[0].startswith("0007-")
    publish(store, image(suite="trixie"), "0009-c")
    assert used.wanted_generation(image())[0].startswith("0010-")


def test_boot_files_are_published_together(store):
    publish(store, image(), "0001-x")
    for directory in store.publish:
        os.makedirs(f"{directory}/debian-12/.0001-x")
        with open(f"{directory}/debian-12/.0001-x/litter", "w", encoding="utf-8"):
            assert store.unpublished() == [("debian-12", "0001-x")]
    store.publish_boot_files("debian-12", "0001-x")
    assert store.unpublished() == []
    for directory in store.publish:
        assert sorted(os.listdir(f"{directory}/debian-12")) == ["0001-x", "current"]
        assert sorted(os.listdir(f"{directory}/debian-12/0001-x")) == ["initrd.img", "vmlinuz"]
        assert os.path.samefile(f"{directory}/debian-12/0001-x/vmlinuz", f"{store.directory}/debian-12/0001-x/vmlinuz")


def test_every_generation_is_published_where_it_is_missing(store):
    for generation in ("0001-x", "0002-y"):
        publish(store, image(), generation)
        store.publish_boot_files("debian-12", generation)
    shutil.rmtree(store.publish[1])
    assert store.unpublished() == [("debian-12", "0001-x"), ("debian-12", "0002-y")]
    before = os.stat(f"{store.publish[0]}/debian-12/0001-x").st_ino
    store.publish_boot_files("debian-12", "0001-x")
    assert store.unpublished() == [("debian-12", "0002-y")]
    assert os.stat(f"{store.publish[0]}/debian-12/0001-x").st_ino == before


def test_boot_files_are_copied_to_another_file_system(disk, tmp_path):
    store = _image.Store(str(tmp_path / "images"), [str(disk("elsewhere"))])
    publish(store, image(), "0001-x")
    store.publish_boot_files("debian-12", "0001-x")
    with open(f"{tmp_path}/elsewhere/debian-12/0001-x/initrd.img", encoding="utf-8") as stream:
        assert stream.read() == "initrd.img of 0001-x"


# --- which kernel ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (["6.1.0-9-amd64", "6.1.0-10-amd64"], "6.1.0-10-amd64"),
        (["5.10.0-13-amd64", "5.10.0-9-amd64"], "5.10.0-13-amd64"),
        (["6.1.0-10-amd64", "6.12.3-amd64", "6.2.0-1-amd64"], "6.12.3-amd64"),
        (["6.1.0-10-amd64"], "6.1.0-10-amd64"),
    ],
)
def test_the_newest_kernel_counts_as_people_do(tmp_path, versions, newest):
    for version in versions:
        (tmp_path / f"vmlinuz-{version}").touch()
        (tmp_path / f"initrd.img-{version}").touch()
    (tmp_path / "config-9.9.9").touch()
    assert _image.newest_kernel(str(tmp_path)) == newest


@given(st.lists(st.integers(0, 99), min_size=1, max_size=8, unique=True))
def test_the_newest_of_any_builds(tmp_path_factory, builds):
    boot = tmp_path_factory.mktemp("boot")
    for build in builds:
        (boot / f"vmlinuz-6.1.0-{build}-amd64").touch()
    assert _image.newest_kernel(str(boot)) == f"6.1.0-{max(builds)}-amd64"


def test_no_kernel_is_an_error_with_a_hint(tmp_path):
    with pytest.raises(_image.ImageError, match="name a kernel package"):
        _image.newest_kernel(str(tmp_path))


# --- a build that fails ----------------------------------------------------------------------------------------------


def test_a_build_that_fails_leaves_nothing_but_the_current_generation(store):
    publish(store, image(), "0001-x")
    with pytest.raises(_image.ImageError, match=r"mmdebstrap could not build debian-12 \(trixie, amd64\): .*127\.0\.0\.1"):
        store.build(image(suite="trixie"))
    assert sorted(os.listdir(f"{store.directory}/debian-12")) == ["0001-x", "current"]
    assert store.wanted_generation(image()) == ("0001-x", True)
    assert not any(map(os.path.exists, store.publish))
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        assert store.directory not in mounts.read()


def test_a_build_that_was_killed_leaves_nobody_at_work(store):
    child = os.fork()
    if not child:
        store.build(image())
        os._exit(0)
    deadline = time.monotonic() + 20
    while not os.path.exists(f"{store.directory}/debian-12/.building/root/etc") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert survivors(store.directory)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert survivors(store.directory) == []
    assert store.wanted_generation(image())[1] is False


def test_what_went_wrong_is_said_in_few_lines():
    log = "I: unpacking\n" * 50 + "E: Unable to locate package foo\nI: cleaning up\n"
    assert _image._essence(log) == "E: Unable to locate package foo"
    assert _image._essence("\n".join(map(str, range(20)))) == "14 | 15 | 16 | 17 | 18 | 19"
