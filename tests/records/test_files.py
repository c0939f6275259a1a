"""A file is written whole or not at all."""

import os
import resource

import pytest

from lrkit.errors import DataError
from lrkit.records import write_file


def test_written_whole_with_its_folder(tmp_path):
    path = write_file(tmp_path / "a" / "b.txt", "größer")
    assert path.read_text(encoding="utf-8") == "größer"
    assert write_file(path, b"\x00").read_bytes() == b"\x00"
    assert os.listdir(path.parent) == ["b.txt"]


def test_mode_follows_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        assert write_file(tmp_path / "a", "").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(old)


def test_full_disk_keeps_the_old_file(tmp_path):
    path = write_file(tmp_path / "a", "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(DataError, match=r"cannot write .*file too large"):
            write_file(path, "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_devices_and_links_stay_what_they_are(tmp_path):
    with pytest.raises(DataError, match="no space left on device; free some space"):
        write_file("/dev/full", "x")
    write_file("/dev/null", "x")
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_file(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_bad_paths_name_a_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(DataError, match="; "):
            write_file(path, "x")
