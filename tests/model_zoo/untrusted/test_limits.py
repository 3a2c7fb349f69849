"""Limits are settings: what the environment says holds, and what it says wrongly is one sentence."""

import io
import os
import subprocess
import sys
import zipfile

import pytest
from PIL import Image

from model_zoo.core.errors import ImageError
from model_zoo.images.decoding import decode
from model_zoo.importing.archives import unpack
from model_zoo.importing.source import SourceError
from model_zoo.untrusted.limits import LimitError, Limits, limits


def png(width, height):
    out = io.BytesIO()
    Image.new("L", (width, height)).save(out, "PNG")
    return out.getvalue()


def test_without_a_word_the_defaults_hold():
    assert limits() == Limits()
    assert (limits().image_megapixels, limits().unpacked_gb) == (50, 50)


@pytest.mark.parametrize("written", ["0", "-1", "1.5", "much", "1e3", "٣", "99999999999", "1" * 5000])
def test_what_is_no_number_is_one_sentence(monkeypatch, written):
    monkeypatch.setenv("TAXOSCOPE_MAX_IMAGE_MB", written)
    with pytest.raises(LimitError) as refused:
        limits()
    assert str(refused.value).startswith(f"TAXOSCOPE_MAX_IMAGE_MB is {written[:40]!r}; give a whole number from 1 to")
    assert str(refused.value).endswith("or leave it out for 64.")
    with pytest.raises(LimitError):
        decode(png(2, 2))


def test_an_image_may_be_larger_or_must_be_smaller(monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_MAX_IMAGE_SIDE", "30000")
    assert decode(png(25_000, 2)).size == (25_000, 2)
    monkeypatch.setenv("TAXOSCOPE_MAX_IMAGE_SIDE", "100")
    with pytest.raises(ImageError, match=r"at most 50 million pixels and 100 a side .* set .*TAXOSCOPE_MAX_IMAGE_SIDE"):
        decode(png(101, 2))
    monkeypatch.setenv("TAXOSCOPE_MAX_IMAGE_MEGAPIXELS", "200")
    monkeypatch.setenv("TAXOSCOPE_MAX_IMAGE_SIDE", "20000")
    assert decode(png(18_000, 10_000)).size == (18_000, 10_000)  # 180 million: beyond what Pillow takes by itself


def test_an_archive_may_hold_fewer_files(monkeypatch, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for k in range(3):
            archive.writestr(f"{k}.png", b"x")
    monkeypatch.setenv("TAXOSCOPE_MAX_UNPACKED_FILES", "2")
    with pytest.raises(SourceError, match=r"at most 2 are unpacked; .* set TAXOSCOPE_MAX_UNPACKED_FILES\."):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_every_command_says_what_is_wrong_before_it_begins(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from dashboard.cli.main import main; main()", "runs"],
        env=os.environ | {"TAXOSCOPE_MAX_UPLOAD_MB": "lots", "TAXOSCOPE_DEMO_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "TAXOSCOPE_MAX_UPLOAD_MB is 'lots'; give a whole number" in done.stdout
