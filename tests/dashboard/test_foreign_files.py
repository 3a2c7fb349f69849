"""Every reader of foreign bytes, given every kind of broken file: it reads it, or says why in one of our sentences."""

import csv
import gzip
import io
import json
import pickle
import random
import tarfile
import warnings
import zipfile

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import save as safetensors

from dashboard.labels.label_files import read_label_file
from model_zoo.checkpoints.onnx_graphs import read_graph
from model_zoo.checkpoints.read import read_checkpoint
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.images.decoding import decode
from model_zoo.importing.archives import unpack
from model_zoo.importing.confusion_tables import read_confusion_table
from model_zoo.importing.dicom import extract_frames
from model_zoo.importing.json_tables import read_json
from model_zoo.importing.prediction_files import read_predictions
from model_zoo.importing.reading import read_rules, read_source
from model_zoo.importing.source import SourceError
from model_zoo.importing.tables import read_table
from model_zoo.untrusted import parquet_trial
from model_zoo.untrusted.killable import TrialError
from model_zoo.untrusted.parser_errors import RAISED_BY_PARSERS, first_line, parser_errors_as_ours
from model_zoo.workspace.taxonomy_files import parse_taxonomy, read_toml
from tests.foreign_dicom import RAMP, dicom
from tests.small_graph import graph

SPACE = LeafSpace((Part("animal", ("cat", "dog")),))
IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 20, 3), dtype=np.uint8))


def weights(path):
    checkpoint = read_checkpoint(path)
    return [checkpoint.weights(part) for part in checkpoint.parts]


READERS = {
    "image": lambda path: decode(path.read_bytes(), "scan"),
    "image file": decode,
    "weights": weights,
    "onnx": lambda path: read_graph(path.read_bytes(), "graph"),
    "predictions": lambda path: read_predictions(path, ("cat", "dog")).rows,
    "table": read_table,
    "json": lambda path: read_json(path, path.parent),
    "source": read_source,
    "confusion table": read_confusion_table,
    "rules": read_rules,
    "taxonomy": lambda path: parse_taxonomy(path.read_bytes(), "the file", SPACE),
    "toml": read_toml,
    "labels": lambda path: read_label_file(path.open("rb"), path.name),
    "archive": lambda path: unpack(path, path.parent / "out"),
    "dicom": lambda path: extract_frames(path, path.parent / "out"),
}


def written(write):
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def zipped(files, method=zipfile.ZIP_DEFLATED):
    def write(out):
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, raw in files.items():
                archive.writestr(name, raw)

    return written(write)


def tarred(files, mode="w"):
    def write(out):
        with tarfile.open(fileobj=out, mode=mode) as archive:
            for name, raw in files.items():
                about = tarfile.TarInfo(name)
                about.size = len(raw)
                archive.addfile(about, io.BytesIO(raw))

    return written(write)


CSV = b"image,label,annotator\na.png,cat,Ann\nb.png,dog,Bo\n"
COUNTS = b",cat,dog\ncat,3,1\ndog,0,4\n"
PROBABILITIES = np.array([[0.5, 0.5], [0.25, 0.75]])
COCO = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1}],
}
STATE = torch.nn.Linear(2, 3).state_dict()
PNG = written(lambda out: IMAGE.save(out, "PNG"))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Good files of every kind by ending, and files that are broken by their nature."""
    images = {
        kind.lower(): written(lambda out, kind=kind: IMAGE.save(out, kind))
        for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
    }
    table = pa.table({"image": ["a.png", "b.png"], "label": ["cat", "dog"], "cat": [0.5, 0.25], "dog": [0.5, 0.75]})
    images["progressive.jpg"] = written(lambda out: IMAGE.save(out, "JPEG", progressive=True))
    listed = {"labels.csv": CSV, "cat/a.png": PNG}
    return images | {
        "t.csv": CSV,
        "counts.csv": COUNTS,
        "bom.csv": b"\xef\xbb\xbf" + CSV,
        "probabilities.csv": b"image,cat,dog\na,0.5,0.5\n",
        "coco.json": json.dumps(COCO).encode(),
        "lines.jsonl": b'{"image": "a.png", "label": "cat"}\n' * 3,
        "counts.json": b'[{"actual": "cat", "observed": "dog", "count": 3}]',
        "t.parquet": written(lambda out: pq.write_table(table, out)),
        "p.npy": written(lambda out: np.save(out, PROBABILITIES)),
        "p.npz": written(lambda out: np.savez_compressed(out, probabilities=PROBABILITIES, images=["a", "b"])),
        "a.zip": zipped(listed),
        "a.tar": tarred(listed),
        "a.tar.gz": tarred(listed, "w:gz"),
        "w.pth": written(lambda out: torch.save(STATE, out)),
        "legacy.pth": written(lambda out: torch.save(STATE, out, _use_new_zipfile_serialization=False)),
        "w.safetensors": safetensors(STATE),
        "g.onnx": graph().SerializeToString(),
        "t.toml": b'name = "t"\nversion = 1\n[classes]\n"cat" = "cat"\n"dog" = "dog"\n',
        "t.rules": b"marker=yes and side=left -> left\n",
        "d.dcm": dicom(tmp_path_factory.mktemp("dicom") / "d.dcm", RAMP).read_bytes(),
    }


def flagged(raw, method=None, bit=0):
    """Members of a zip said to be packed in another way, or encrypted, here and in the directory."""
    changed = bytearray(raw)
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = changed.find(magic)
        while place >= 0:
            changed[place + at] |= bit
            if method is not None:
                changed[place + at + 2] = method
            place = changed.find(magic, place + 1)
    return bytes(changed)


def broken_zip(raw):
    """The same directory, the packed bytes of each member spoilt."""
    changed = bytearray(raw)
    place = changed.find(b"PK\3\4")
    while place >= 0:
        start = place + 30 + int.from_bytes(changed[place + 26 : place + 28], "little")
        changed[start : start + 6] = b"\xff" * 6
        place = changed.find(b"PK\3\4", place + 4)
    return bytes(changed)


def npy(header):
    raw = header.encode()
    return b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw


HUGE = b"9" * 5_000
SCALAR = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), }") + bytes(8)
OF_NUMBERS = b'{"__metadata__":' + HUGE + b"}"
BY_NATURE = {
    "empty": b"",
    "one byte": b"P",
    "nothing but a BOM": b"\xef\xbb\xbf",
    "utf-16": CSV.decode().encode("utf-16"),
    "latin-1": "image,label\nä,cat\n".encode("latin-1"),
    "nul": bytes(5_000),
    "newlines": b"\n" * 5_000,
    "quote": b'image,label\n"a,cat\n' * 50,
    "surrogate": b'{"image": "\\ud800", "label": "\\udfff"}',
    "huge integer": b'{"image": %s, "label": "cat"}' % HUGE,
    "huge integer in a list": b'[{"actual": %s, "observed": "dog", "count": %s}]' % (HUGE, HUGE),
    "huge float": b'[{"actual": "cat", "observed": "dog", "count": 1e999}]',
    "not a number": b'[{"actual": "cat", "observed": "dog", "count": NaN}]',
    "huge count": b",cat,dog\ncat,%s,1\ndog,0,4\n" % HUGE,
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "deep rules": b"(" * 9_000 + b"a=b" + b")" * 9_000 + b" -> c",
    "deep toml": b"a = " + b"[" * 90_000,
    "long key": b".".join([b"a"] * 40_000) + b" = 1",
    "wrong types": b'{"images": 5, "categories": {}, "annotations": [[]]}',
    "wrong types inside": b'{"images": [{"id": []}], "categories": [{"id": {}}], "annotations": [{}]}',
    "toml of other types": b"name = 1\nversion = 'x'\nclasses = [1]\n",
    "toml date": b'name = "t"\nversion = 1979-05-27\n[classes]\na = 07:32:00\n',
    "encrypted": flagged(zipped({"labels.csv": CSV, "cat/a.png": PNG}), bit=1),
    "encrypted strongly": flagged(zipped({"labels.csv": CSV}), bit=0x41),
    "patched data": flagged(zipped({"labels.csv": CSV}), bit=0x20),
    **{
        f"method {k}": flagged(zipped({"labels.csv": CSV, "p.npy": npy("x")}), k)
        for k in (1, 6, 9, 12, 14, 97, 98, 99)
    },
    "broken stream": broken_zip(zipped({"labels.csv": CSV * 100, "cat/a.png": PNG})),
    "broken lzma": broken_zip(zipped({"labels.csv": CSV * 100}, zipfile.ZIP_LZMA)),
    "broken bzip2": broken_zip(zipped({"labels.csv": CSV * 100}, zipfile.ZIP_BZIP2)),
    "wrong checksum": zipped({"labels.csv": CSV}, zipfile.ZIP_STORED).replace(b"Ann", b"Bob", 1),
    "empty zip": zipped({}),
    "broken gzip": gzip.compress(CSV * 100)[:-20] + b"x" * 12,
    "npy header cut off": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,"),
    "npy header of code": npy("__import__('os').system('true')"),
    "npy quote": npy("{'descr': '''"),
    "npy deep": npy("(" * 5_000 + ")" * 5_000),
    "npy negative": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -8), }") + bytes(64),
    "npy huge": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999, 2), }") + bytes(64),
    "npy empty and endless": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 99999999999), }") + bytes(64),
    "npy no width": npy("{'descr': '|S0', 'fortran_order': False, 'shape': (999999999,), }") + bytes(64),
    "npy scalar": SCALAR,
    "npy structured": npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }") + bytes(16),
    "npz of text": zipped({"probabilities.npy": b"text"}),
    "npz of a scalar": zipped({"probabilities.npy": SCALAR}),
    "pickle": pickle.dumps({"a": 1}),
    "pickle of a huge integer": pickle.dumps({10**9_000: 10**9_000}),
    "safetensors deep": (100_000).to_bytes(8, "little") + b'{"a":' * 20_000,
    "safetensors huge": (2**62).to_bytes(8, "little") + b"{}",
    "safetensors of numbers": len(OF_NUMBERS).to_bytes(8, "little") + OF_NUMBERS,
    "onnx deep": b"\x3a\xff\x7f" * 5_000,
    "onnx alone": onnx.ModelProto(ir_version=8).SerializeToString(),
    "html": b"<!DOCTYPE html><html></html>",
    "parquet head": b"PAR1" + bytes(100) + b"PAR1",
    "dicom head": bytes(128) + b"DICM" + b"\xff" * 200,
    "tiff head": b"II*\0" + b"\xff" * 100,
    "formula": b'image,label,annotator\n"=1+1",@a,"+x"\n',
    "control characters": b"image,label\n\x1b[2J,\x07\n",
}  # fmt: skip


def mutations(raw, chance):
    """``raw`` cut off, flipped, filled, doubled and turned round."""
    yield raw
    for _ in range(2):
        yield raw[: chance.randrange(1, len(raw))]
    for flips in (1, 1, 8, 40):
        bad = bytearray(raw)
        for _ in range(flips):
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        yield bytes(bad)
    at = chance.randrange(len(raw))
    yield raw[:at] + bytes(30) + raw[at:]
    yield raw + raw
    yield b"\xef\xbb\xbf" + raw
    yield raw[::-1]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """A child for each of hundreds of tables takes minutes; `test_killable.py` and others see it run."""

    def here(task, raw, options):
        try:
            parquet_trial.try_table(raw if isinstance(raw, bytes) else str(raw), **options)
        except Exception as error:
            raise TrialError(first_line(error), False) from error

    monkeypatch.setattr(parquet_trial, "try_in_child", here)


def outcome(reader, path):
    """'' where the file is read, else the sentence; any other exception passes and fails the test."""
    csv.field_size_limit(131_072)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            READERS[reader](path)
        except TaxoScopeError as error:
            told = str(error)
            assert told.strip()
            return told
    return ""


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_answers_every_broken_file_with_one_of_our_sentences(tmp_path, corpus, reader):
    chance = random.Random(reader)
    files = list(BY_NATURE.items())
    files += [(name, bad) for name, raw in corpus.items() for bad in mutations(raw, chance)]
    n_read = 0
    for number, (name, raw) in enumerate(files):
        folder = tmp_path / str(number)
        folder.mkdir()
        ending = name.rpartition(".")[2] if "." in name else ("json", "csv", "toml", "bin")[number % 4]
        path = folder / f"file.{ending}"
        path.write_bytes(raw)
        told = outcome(reader, path)
        n_read += not told
        assert "\n" not in told.replace(str(path), ""), (name, told)
        assert len(told) < 800 + len(str(tmp_path)), (name, told)
        assert "Traceback" not in told
    assert n_read, "it reads none of its own kind"


@pytest.mark.parametrize("ending", ["json", "csv", "bin"])
@pytest.mark.parametrize(
    "name", ["encrypted", "method 9", "method 98", "broken stream", "broken lzma", "wrong checksum", "patched data"]
)
def test_labels_in_a_zip_that_cannot_be_unpacked_are_one_sentence(tmp_path, name, ending):
    path = tmp_path / f"labels.{ending}"
    path.write_bytes(BY_NATURE[name])
    told = outcome("labels", path)
    assert told.startswith(f"File 'labels.{ending}': it")
    assert told.endswith(".")
    assert ("encrypted" in told) is (name == "encrypted")


@pytest.mark.parametrize(
    "raised", [*RAISED_BY_PARSERS, pa.ArrowException, zipfile.BadZipFile, Image.DecompressionBombError]
)
def test_what_parsers_raise_becomes_ours(raised):
    error = raised("odd\nand more")
    with pytest.raises(SourceError) as told, parser_errors_as_ours("It", SourceError, "do this"):
        raise error
    assert str(told.value) == "It is damaged or of another kind (odd and more); do this."
    assert told.value.__cause__ is error


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_no_parser_raises_passes(raised):
    with pytest.raises(raised), parser_errors_as_ours("It", SourceError, "do this"):
        raise raised

    class CancelledError(Exception):
        pass

    with pytest.raises(CancelledError), parser_errors_as_ours("It", SourceError, "do this"):
        raise CancelledError
    with pytest.raises(TaxoScopeError, match="ours"), parser_errors_as_ours("It", SourceError, "do this"):
        raise TaxoScopeError("ours")


def test_errors_of_the_file_system_say_so():
    with pytest.raises(SourceError) as told, parser_errors_as_ours("It", SourceError, "do this"):
        raise OSError(28, "No space left")
    assert str(told.value) == "It cannot be read (No space left); check the path and its permissions."
    with (
        pytest.raises(OSError, match="No space left"),
        parser_errors_as_ours("It", SourceError, "do this", unreadable=""),
    ):
        raise OSError(28, "No space left")
