"""A zip packed by a method that is not read: one sentence says what to do, and doing it works."""

import struct
import zipfile

import pytest

from model_zoo.importing.archives import unpack
from model_zoo.importing.source import SourceError


@pytest.mark.parametrize("method", [9, 93, 98], ids=["deflate64", "zstd", "ppmd"])
def test_a_method_that_is_not_read_is_named(tmp_path, method):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/a.txt", b"x")
    raw = bytearray(path.read_bytes())
    struct.pack_into("<H", raw, raw.index(b"PK\x03\x04") + 8, method)
    struct.pack_into("<H", raw, raw.index(b"PK\x01\x02") + 10, method)
    path.write_bytes(raw)
    with pytest.raises(SourceError, match=f"by method {method}.*pack it anew as zip with the method Deflate"):
        unpack(path, tmp_path / "out")
