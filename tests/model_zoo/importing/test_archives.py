"""Archives: what people pack comes out whole; nothing else is written anywhere, whatever an archive says."""

import bz2
import gzip
import io
import os
import random
import stat
import struct
import tarfile
import time
import tracemalloc
import warnings
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_zoo.importing import archives
from model_zoo.importing.archives import UnpackBudget, is_archive, unpack
from model_zoo.importing.reading import read_source
from model_zoo.importing.source import SourceError
from tests.archived import tarred, zipped
from tests.real_data import real

KINDS = ("a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz")
FILES = {"cat/1.png": b"one", "cat/2.png": b"", "dog/deep/er/3.png": b"three" * 50_000}


def packed(path, files, **more):
    return (zipped if path.suffix == ".zip" else tarred)(path, files, **more)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(path, target, within=None):
    """The sentence; and nothing was left, inside or outside."""
    before = contents(target.parent)
    with pytest.raises(SourceError) as caught:
        unpack(path, target, within=within)
    assert not target.exists()
    assert contents(target.parent) == before
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", KINDS)
def test_what_was_packed_comes_out(tmp_path, name):
    told = []
    folder = unpack(packed(tmp_path / name, FILES), tmp_path / "out", lambda done, of: told.append((done, of)))
    assert folder == tmp_path / "out"
    assert contents(folder) == FILES
    assert told == sorted(told)
    assert all(0 < done <= of for done, of in told)
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o7111 == 0 for path in folder.rglob("*.png"))


@pytest.mark.parametrize("name", KINDS)
def test_the_kind_is_seen_in_the_bytes_and_not_in_the_name(tmp_path, name):
    path = packed(tmp_path / name, FILES).rename(tmp_path / "upload.bin")
    assert is_archive(path) is (name != "a.tar")  # a plain tar archive says so in its middle alone
    assert contents(unpack(path, tmp_path / "out")) == FILES


@pytest.mark.parametrize(
    ("inside", "where"),
    [
        (["pets/cat/1.png", "pets/dog/2.png"], "pets"),
        (["a/b/c/cat/1.png", "a/b/c/dog/2.png"], "a/b/c"),
        (["cat/1.png"], "."),  # the folder of one class is no wrapping
        (["pets/cat/1.png"], "pets"),
        (["train/cat/1.png", "train/dog/1.png"], "."),  # nor is that of one split
        (["db/t.csv", "db/1.png"], "db"),  # a table says what the images are
        (["pets/cat/1.png", "__MACOSX/pets/cat/._1.png", ".DS_Store"], "pets"),
        (["1.png"], "."),
    ],
)
def test_the_folder_is_the_one_in_which_images_lie(tmp_path, inside, where):
    archive = zipped(tmp_path / "a.zip", dict.fromkeys(inside, b"x"))
    assert unpack(archive, tmp_path / "out") == tmp_path / "out" / where
    assert not (tmp_path / "out" / "__MACOSX").exists()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("name", ["../x.png", "cat/../../x.png", "/etc/x.png", "C:\\x.png", "..\\x.png", "c:/x", "\\x"])
def test_nothing_leads_out(tmp_path, kind, name):
    path = packed(tmp_path / f"a.{kind.split('.')[-1]}", {"ok.png": b"1", name: b"2"})
    assert "leads out of its folder" in refused(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_zip_holds_no_links_or_devices(tmp_path, kind):
    path = zipped(tmp_path / "a.zip", {"link.png": b"/etc/passwd"}, external_attr=(kind | 0o777) << 16)
    assert "a link or device" in refused(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_tar_holds_no_links_or_devices(tmp_path, kind):
    assert "a link or device" in refused(
        tarred(tmp_path / "a.tar", {"x.png": b""}, kind, "../../etc/passwd"), tmp_path / "out"
    )


def test_a_link_in_the_target_is_not_written_through(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "old").write_text("x")
    with pytest.raises(SourceError, match="is not empty"):
        unpack(zipped(tmp_path / "a.zip", FILES), tmp_path / "out")


def test_equal_names_are_all_kept(tmp_path):
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        warnings.simplefilter("ignore")  # of equal names
        for k in range(3):
            archive.writestr("cat/a.png", f"{k}")
        archive.writestr("cat/A.png", "other case")
        archive.writestr("cat/a.png/inside.png", "a folder where a file is")
        archive.writestr("dog/a.png", "")
    assert contents(unpack(tmp_path / "a.zip", tmp_path / "out")) == {
        "cat/a.png": b"0", "cat/a (2).png": b"1", "cat/a (3).png": b"2", "cat/A.png": b"other case",
        "cat/a (4).png/inside.png": b"a folder where a file is", "dog/a.png": b"",
    }  # fmt: skip


def test_names_that_are_one_to_the_file_system_are_both_kept(tmp_path, monkeypatch):
    """As on a disk that cannot tell Cat from cat: what it refuses gets another name, of files and of folders."""
    path = zipped(tmp_path / "a.zip", {"Cat/a.png": b"1", "cat/a.png": b"2", "Cat/A.png": b"3"})

    def folded(name):
        return (
            os.fspath(name).replace(os.fspath(tmp_path / "out"), "*").lower().replace("*", os.fspath(tmp_path / "out"))
        )

    mkdir, opened = os.mkdir, open
    monkeypatch.setattr(os, "mkdir", lambda name, *mode: mkdir(folded(name), *mode))
    monkeypatch.setattr(io, "open", lambda name, mode, *_: opened(folded(name), mode))
    folder = unpack(path, tmp_path / "out")
    monkeypatch.undo()
    assert contents(folder) == {"cat/a.png": b"1", "cat (2)/a.png": b"2", "cat/a (2).png": b"3"}


HOSTILE = [
    "<script>.png",
    "🐟.png",
    "\u202egnp.exe.png",
    "=1+1.png",
    'it\'s "so".png',
    "$(id).png",
    "a\nb.png",
    "-rf",
    "~",
]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_odd_names_are_names(tmp_path, kind):
    path = packed(tmp_path / f"a.{kind}", {f"cat/{name}": name.encode() for name in HOSTILE})
    assert contents(unpack(path, tmp_path / "out")) == {f"cat/{name}": name.encode() for name in HOSTILE}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_too_long_for_a_disk_are_cut_and_stay_apart(tmp_path, kind):
    names = ["x" * 300 + ".png", "x" * 301 + ".png", "é" * 200 + "/1.png", "d/" * 40 + "y" * 250 + ".png"]
    folder = unpack(packed(tmp_path / f"a.{kind}", {name: name.encode() for name in names}), tmp_path / "out")
    assert sorted(contents(folder).values()) == sorted(name.encode() for name in names)
    assert "51 folders in each other" in refused(
        packed(tmp_path / f"b.{kind}", {"d/" * 50 + "x": b""}), tmp_path / "again"
    )


def test_a_zip_of_windows_has_backslashes(tmp_path):
    path = zipped(tmp_path / "a.zip", {"pets\\cat\\1.png": b"1"})
    assert contents(unpack(path, tmp_path / "out")) == {"cat/1.png": b"1"}


def test_encrypted_is_said(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.png": b"1"})
    raw = bytearray(path.read_bytes())
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        raw[raw.index(magic) + at] |= 1
    path.write_bytes(raw)
    assert refused(path, tmp_path / "out").endswith("is encrypted; unpack it with its password and give the folder.")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "is no zip or tar archive"),
        (b"<html>404</html>" * 100, "is no zip or tar archive"),
        (gzip.compress(b"only a table"), "is no zip or tar archive"),
        (bz2.compress(bytes(10)), "is no zip or tar archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(99), "is of kind 7z"),
        (b"Rar!\x1a\x07\x01\0" + bytes(99), "is of kind rar"),
        (b"PK\3\4" + bytes(99), "is damaged or cut off"),
        (b"PK\5\6" + bytes(18), "holds no file"),
        (bytes(10_240), "holds no file"),
        (b"\x1f\x8b\x08" + bytes(99), "is no zip or tar archive"),
    ],
)
def test_what_is_no_archive_is_said(tmp_path, raw, sentence):
    (tmp_path / "a.zip").write_bytes(raw)
    assert is_archive(tmp_path / "a.zip")
    assert sentence in refused(tmp_path / "a.zip", tmp_path / "out")


def test_limits_hold_for_what_is_there_and_not_for_what_is_said(tmp_path):
    for kind in ("zip", "tar"):
        path = packed(tmp_path / f"a.{kind}", {f"{k}.png": bytes(1000) for k in range(12)})
        few, small, enough = (
            UnpackBudget(*some, ("BYTES", "FILES")) for some in ((12_000, 10), (11_999, 12), (12_000, 12))
        )
        told = refused(path, tmp_path / "out", few)
        assert "holds 11 files or more, at most 10 are unpacked; pack it by parts, or set FILES." in told
        assert "at most 0 MB are unpacked; pack it by parts, or set BYTES." in refused(path, tmp_path / "out", small)
        assert len(contents(unpack(path, tmp_path / kind, within=enough))) == 12


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_bomb_is_refused_before_it_goes_off(tmp_path, name):
    path = packed(tmp_path / name, {"bomb.png": bytes(101 * 2**20)})
    assert path.stat().st_size < 400_000
    started = time.perf_counter()
    assert "unpacks to more than 200 times" in refused(path, tmp_path / "out")
    assert time.perf_counter() - started < 10


def test_a_bomb_that_lies_about_its_size_is_found_as_it_goes_off(tmp_path):
    path = zipped(tmp_path / "a.zip", {"bomb.png": bytes(2 * 2**20)})
    raw = bytearray(path.read_bytes())
    for magic, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        struct.pack_into("<L", raw, raw.index(magic) + at, 1_000)
    path.write_bytes(raw)
    assert "is damaged or cut off" in refused(path, tmp_path / "out")


def test_many_entries_that_share_their_bytes_are_counted_as_many(tmp_path):
    """Fifield 2019, "A better zip bomb": entries that overlap."""
    path = zipped(tmp_path / "a.zip", {"0": bytes(8 * 2**20)})
    raw = path.read_bytes()
    start, end = raw.index(b"PK\1\2"), raw.index(b"PK\5\6")
    n = 200
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, n, n, (end - start) * n, start, 0)
    path.write_bytes(raw[:start] + raw[start:end] * n + tail)
    assert "unpacks to more than 200 times" in refused(path, tmp_path / "out")


def test_a_list_of_millions_of_names_is_not_even_read(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\3\4" + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 2**31, 4, 0))
    assert "holds 7,158,278 files or more" in refused(tmp_path / "a.zip", tmp_path / "out")


def test_a_name_of_a_gigabyte_costs_nothing(tmp_path):
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 2**30
    with gzip.open(tmp_path / "a.tar.gz", "wb", 1) as out:
        out.write(header.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(64):
            out.write(bytes(2**20))
    tracemalloc.start()
    assert "spends more than 1,048,576 bytes on one name" in refused(tmp_path / "a.tar.gz", tmp_path / "out")
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()


def test_a_sparse_file_is_as_large_as_it_unpacks(tmp_path):
    entry = tarfile.TarInfo("a.png")
    entry.type, entry.size = tarfile.GNUTYPE_SPARSE, 512
    raw = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    raw[386:398], raw[398:410], raw[483:495] = b"00000000000\0", b"00000001000\0", b"77777777777\0"
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    (tmp_path / "a.tar").write_bytes(bytes(raw) + bytes(512 * 21))
    assert "unpacks to" in refused(tmp_path / "a.tar", tmp_path / "out")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("where", ["new", "there"])
def test_cancelling_leaves_the_folder_empty(tmp_path, name, where):
    path, target = packed(tmp_path / name, FILES), tmp_path / "out"
    if where == "there":
        target.mkdir()

    class CancelledError(Exception):
        pass

    def cancel(done, of):
        raise CancelledError

    with pytest.raises(CancelledError):
        unpack(path, target, cancel)
    assert target.is_dir() is (where == "there")
    assert where == "new" or not any(target.iterdir())
    assert contents(unpack(path, target)) == FILES


@pytest.mark.parametrize("name", KINDS)
def test_an_archive_that_is_cut_off_is_refused_wherever(tmp_path, name):
    raw = packed(tmp_path / name, {f"{k}.png": random.Random(k).randbytes(900) for k in range(4)}).read_bytes()
    # a tar archive may end after any file, and its end is zeros
    cuts = range(1, 4 * (512 + 1024), 97) if name == "a.tar" else range(1, len(raw) - 1, len(raw) // 60)
    for cut in cuts:
        (tmp_path / name).write_bytes(raw[:cut])
        refused(tmp_path / name, tmp_path / "out")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.xz"])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_flipped_bits_never_crash(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("fuzz")
    raw = bytearray(packed(folder / name, {"cat/1.png": b"one" * 300, "dog/2.png": bytes(range(256))}).read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (folder / name).write_bytes(raw)
    with suppress(SourceError):
        unpack(folder / name, folder / "out" / "deep")
    assert {path.name for path in folder.iterdir()} <= {name, "out"}
    assert {path.name for path in (folder / "out").iterdir()} <= {"deep"}


def test_what_the_standard_library_raises_is_a_number_of_things(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", FILES)
    for error in (zlib.error("x"), OSError(28, "No space left on device"), OSError("odd")):

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr(archives.zipfile, "ZipFile", fail)
        told = refused(path, tmp_path / "out")
        assert ("No space left" in told) is (getattr(error, "errno", None) == 28)


def test_real_characters_in_real_archives(tmp_path):
    folder = unpack(real("omniglot_small") / "images_background_small1.zip", tmp_path / "out")
    assert folder.name == "images_background_small1"
    assert len(read_source(folder, folders=("class", "class")).rows) == 2720  # 136 characters, 20 people
