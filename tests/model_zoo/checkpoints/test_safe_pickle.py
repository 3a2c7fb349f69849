"""Published ways around scanners of pickles (picklescan, fickling): none runs code here, each is inert or one sentence.

The scanners list what is dangerous; what they did not list, or could not find, ran. Here nothing that a file names is
looked up, so that no name matters; what is left are ways to make two readers see different files.
"""

import io
import pickle
import struct
import zipfile
import zlib

import pytest
import torch
from torch import nn

from model_zoo.checkpoints.read import read_checkpoint
from model_zoo.checkpoints.safe_pickle import Inert, PickleError, read_pickle
from model_zoo.core.errors import CheckpointError

STATE = nn.Linear(2, 3).state_dict()
HARMLESS = set(STATE)

# Named in mmaitre314/picklescan (pull requests 29, 40, 48, 49, issue 66), trailofbits/fickling (pull request 210),
# protectai/modelscan (issue 89, pull request 339), or of their kind: each runs or imports code, or reaches files or
# the network, when it is called.
CALLABLES = {
    "pip": ("pip", "main", [["install", "x"]]),
    "pip internal": ("pip._internal", "main", [["install", "x"]]),
    "runpy module": ("runpy", "_run_code", ["TOUCH", {}]),
    "runpy path": ("runpy", "run_path", ["SCRIPT"]),
    "runstring": ("numpy.testing._private.utils", "runstring", ["TOUCH", {}]),
    "crackfortran": ("numpy.f2py.crackfortran", "param_eval", ["TOUCH_EXPR", {}, {}]),
    "getlincoef": ("numpy.f2py.crackfortran", "getlincoef", ["TOUCH_EXPR", {"x": 1}]),
    "load_config": ("torch.utils._config_module", "ConfigModule.load_config", [None, b"x"]),
    "bottleneck": ("torch.utils.bottleneck.__main__", "run_cprofile", ["TOUCH", {}]),
    "autograd": ("torch.utils.bottleneck.__main__", "run_autograd_prof", ["TOUCH", {}]),
    "io_binary": ("torch.serialization", "load", ["SCRIPT"]),
    "jit compile": ("torch.jit.unsupported_tensor_ops", "execWrapper", ["TOUCH", {}, {}]),
    "dynamo guards": ("torch._dynamo.guards", "GuardBuilder.get", [None, "TOUCH_EXPR"]),
    "inductor": ("torch._inductor.codecache", "compile_file", ["SCRIPT", "x", "touch"]),
    "idlelib pyshell": ("idlelib.pyshell", "ModifiedInterpreter.runcommand", [None, "TOUCH"]),
    "idlelib run": ("idlelib.run", "Executive.runcode", [None, "TOUCH"]),
    "idlelib autocomplete": ("idlelib.autocomplete", "AutoComplete.get_entity", [None, "TOUCH_EXPR"]),
    "idlelib calltip": ("idlelib.calltip", "get_entity", ["TOUCH_EXPR"]),
    "idlelib object": ("idlelib.debugobj", "ObjectTreeItem.SetText", [None, "TOUCH_EXPR"]),
    "cProfile": ("cProfile", "run", ["TOUCH"]),
    "cProfile ctx": ("cProfile", "runctx", ["TOUCH", {}, {}]),
    "profile": ("profile", "Profile.run", [None, "TOUCH"]),
    "asyncio": (
        "asyncio.unix_events",
        "_UnixSubprocessTransport._start",
        [None, "TOUCH_SH", True, None, None, None, 0],
    ),
    "pty": ("pty", "spawn", [["touch", "MARKER"]]),
    "ctypes": ("ctypes", "CDLL", ["SCRIPT"]),
    "code": ("code", "InteractiveInterpreter.runcode", [None, "TOUCH"]),
    "timeit": ("timeit", "timeit", ["TOUCH"]),
    "trace": ("trace", "Trace.run", [None, "TOUCH"]),
    "doctest": ("doctest", "debug_script", ["TOUCH"]),
    "bdb": ("bdb", "Bdb.run", [None, "TOUCH"]),
    "pdb": ("pdb", "run", ["TOUCH"]),
    "lib2to3": ("lib2to3.pgen2.grammar", "Grammar.loads", [None, b"NESTED"]),
    "lib2to3 pgen": ("lib2to3.pgen2.pgen", "ParserGenerator.make_label", [None, None, "TOUCH_EXPR"]),
    "logging": ("logging.config", "listen", [9030]),
    "logging resolve": ("logging.config", "_resolve", ["os.system"]),
    "pydoc": ("pydoc", "pipepager", ["x", "TOUCH_SH"]),
    "pydoc locate": ("pydoc", "locate", ["os.system"]),
    "pkgutil": ("pkgutil", "resolve_name", ["os:system"]),
    "importlib": ("importlib", "import_module", ["antigravity"]),
    "operator": ("operator", "methodcaller", ["system", "TOUCH_SH"]),
    "functools": ("functools", "partial", ["os.system", "TOUCH_SH"]),
    "uuid": ("uuid", "_get_command_stdout", ["touch", "MARKER"]),
    "shelve": ("shelve", "open", ["SCRIPT"]),
    "multiprocessing": ("multiprocessing.util", "spawnv_passfds", [b"/bin/touch", ["touch", "MARKER"], []]),
    "distutils": ("distutils.file_util", "write_file", ["MARKER", ["x"]]),
    "ensurepip": ("ensurepip", "_run_pip", [["install", "x"]]),
    "cgitb": ("cgitb", "lookup", ["x", None, {}]),
    "network": ("ssl", "get_server_certificate", [["127.0.0.1", 9]]),
    "dns": ("socket", "getaddrinfo", ["localhost", 80]),
    "smtp": ("smtplib", "SMTP", ["127.0.0.1", 9]),
    "file": ("_io", "FileIO", ["MARKER", "w"]),
    "delete": ("shutil", "rmtree", ["MARKER"]),
    "submodule": ("os.path", "os.system", ["TOUCH_SH"]),
    "attribute of a module": ("torch.serialization", "os.system", ["TOUCH_SH"]),
    "builtins": ("__builtin__", "exec", ["TOUCH"]),
    "dunder": ("builtins", "__import__", ["antigravity"]),
    "all builtins of a module": ("numpy", "__builtins__.get", ["exec"]),
    "modules of a module": ("numpy", "core._internal.sys.modules.get", ["os"]),
    "attrgetter": ("_operator", "attrgetter", ["system"]),
    "signal": ("signal", "raise_signal", [0]),
    "getattr": ("builtins", "getattr", ["os", "system"]),
    "nested": ("pickle", "loads", [b"NESTED"]),
    "nested in joblib": ("joblib", "load", ["SCRIPT"]),
    "nested in numpy": ("numpy", "load", ["SCRIPT"]),
    "nested in torch": ("torch.storage", "_load_from_bytes", [b"NESTED"]),
    "dill": ("dill._dill", "_create_code", ["TOUCH"]),
    "cloudpickle": ("cloudpickle.cloudpickle", "_make_function", ["TOUCH"]),
}


def filled(value, marker, script):
    """An argument with its place-holders filled in."""
    touch = f"open({str(marker)!r}, 'w')"
    nested = pickle.dumps(touch)
    texts = {"TOUCH": touch, "TOUCH_EXPR": touch, "TOUCH_SH": f"touch {marker}", "MARKER": str(marker)}
    if isinstance(value, list):
        return [filled(one, marker, script) for one in value]
    if not isinstance(value, str | bytes):
        return value
    return nested if value == b"NESTED" else texts.get(value, str(script) if value == "SCRIPT" else value)


def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def plain(value):
    """A value as instructions alone, without header and end."""
    return pickle.dumps(value, 2)[2:-1]


def calls(module, name, given):
    """A call written in each of the ways that pickles have; the attribute path of a name may hold dots."""
    old = f"{module}\n{name}\n".encode()
    args = b"(" + b"".join(map(plain, given)) + b"t"
    stacked = text(module) + text(name) + b"\x93"
    yield "global", b"\x80\x02c" + old + args + b"R"
    yield "stack global", b"\x80\x04" + stacked + args + b"R"
    yield "memo", b"\x80\x04" + text(module) + b"\x940" + text(name) + b"q\x070h\x00h\x07\x93" + args + b"R"
    yield (
        "memo written over",
        b"\x80\x04"
        + text("collections")
        + b"q\x000"
        + text(module)
        + b"q\x000h\x00"
        + text(name)
        + b"\x93"
        + args
        + b"R",
    )
    yield "newobj", b"\x80\x02c" + old + args + b"\x81"
    yield "newobj_ex", b"\x80\x04" + stacked + args + b"}\x92"
    yield "inst", b"(" + b"".join(map(plain, given)) + b"i" + old
    yield "obj", b"(c" + old + b"".join(map(plain, given)) + b"o"
    yield "build", b"\x80\x02c" + old + args + b"R}" + text("x") + plain("y") + b"sb"
    yield "persistent", b"\x80\x02c" + old + args + b"RQ"
    yield "dropped", b"\x80\x02c" + old + args + b"R0N"


def files(body):
    """The same instructions as a bare pickle, behind torch's magic number, and in a zip of torch.save."""
    end = body + b"."
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    yield "bare.bin", end
    yield "legacy.pt", head + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + end + pickle.dumps([], 2)
    yield "in the middle.pt", head + end + pickle.dumps({}, 2) * 3
    yield "zip.pth", zipped(lambda raw: end)
    yield "beside the weights.pth", zipped(lambda raw: raw[:-1] + b"0" + body + b"0" + raw[2:])


def zipped(change, name="data.pkl", more=()):
    out, new = io.BytesIO(), io.BytesIO()
    torch.save(STATE, out)
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(new, "w") as made:
        for entry in old.infolist():
            raw = old.read(entry)
            made.writestr(entry.filename, change(raw) if entry.filename.endswith(name) else raw)
        for called, raw in more:
            made.writestr(called, raw)
    return new.getvalue()


def tried(path):
    """The names of the weights in a file; None where it is refused, in one sentence."""
    try:
        checkpoint = read_checkpoint(path)
        return {name for part in checkpoint.parts for name in checkpoint.weights(part).tensors}
    except CheckpointError as error:
        told = str(error)
    assert "\n" not in told
    assert len(told) < 500
    return None


@pytest.mark.parametrize("known", CALLABLES)
def test_a_name_of_a_published_bypass_is_neither_imported_nor_called(tmp_path, known, monkeypatch):
    marker, script = tmp_path / "was run", tmp_path / "script.py"
    script.write_text(f"open({str(marker)!r}, 'w')")
    module, name, given = CALLABLES[known]
    monkeypatch.setattr("builtins.__import__", _refusing(module, __import__))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it connected"))
    for way, body in calls(module, name, filled(given, marker, script)):
        for called, raw in files(body):
            path = tmp_path / called
            path.write_bytes(raw)
            found = tried(path)
            assert found is None or found == HARMLESS, (way, called)
            assert not marker.exists(), (way, called)


def _refusing(module, real):
    """An import that fails the test where ``module`` is new to the process; what is loaded already may be used."""
    import sys

    def wanted(name, *given, **more):
        if name == module and name not in sys.modules:
            pytest.fail(f"{name} was imported")
        return real(name, *given, **more)

    return wanted


@pytest.mark.parametrize(
    "body",
    [
        b"\x80\x02\x82\x01.",  # EXT1: a name by its number in copyreg's registry
        b"\x80\x02\x83\x01\x00.",
        b"\x80\x02\x84\x01\x00\x00\x00.",
        b"\x80\x05\x97.",  # buffers that somebody else must give
        b"\x80\x05\x98.",
        b"\x80\x04N\x93.",
        b"\x80\x04" + text("os") + b"N\x93.",
        b"\x80\xff" + text("x") + b"\xfe.",
        b"P../../etc/passwd\n.",
        b"(i__main__\n.",
        b"\x80\x02}(K\x01u.",
        b"\x80\x02NN\x81.",
        b"\x80\x02NNN\x92.",
        b"\x80\x02cnumpy\nprod\nNcnumpy\ncore._internal.sys.modules\n\x86b0cnumpy\nprod.os.system\n.",  # a state for it
        b"\x80\x02cnumpy\nprod\n" + text("x") + b"Ns.",
        b"\x80\x02cnumpy\nprod\nNa.",
    ],
)
def test_instructions_that_reach_outside_a_pickle_end_it(tmp_path, body):
    path = tmp_path / "w.pth"
    for raw in (zipped(lambda _: body), body):
        path.write_bytes(raw)
        assert tried(path) is None


def test_a_module_with_text_in_its_name_is_one_name_and_inert():
    for body in (b"cos\nsystem\n(Vx\ntR.", b"(Vx\nios\nsystem\n.", b"(cos\nsystem\nVx\no."):
        found = read_pickle(io.BytesIO(body))
        assert isinstance(found.value, Inert)
        assert (found.called, found.value.given) == (frozenset({"os.system"}), ("x",))
    with pytest.raises(PickleError):
        read_pickle(io.BytesIO(b"\x80\x02\x82\x01."))


def flipped(raw, magic, at, value):
    """``raw`` with the byte ``at`` behind each ``magic`` changed."""
    changed = bytearray(raw)
    place = raw.find(magic)
    while place >= 0:
        changed[place + at] = value
        place = raw.find(magic, place + 1)
    return bytes(changed)


LOCAL, CENTRAL = b"PK\3\4", b"PK\1\2"


def evil(marker):
    return b"\x80\x02cos\nsystem\n" + text(f"touch {marker}") + b"\x85R."


def ways_to_hide(marker):
    """Zips that a scanner gave up on, or read otherwise, and torch loaded."""
    bad, body = zipped(lambda _: evil(marker)), evil(marker)
    crc = struct.pack("<I", zlib.crc32(body))
    yield "checksum", bad.replace(crc, b"\0\0\0\0")
    yield "checksum here", bad.replace(crc, b"\0\0\0\0", 1)
    for bit in (0x01, 0x20, 0x40, 0x08):
        yield f"flag {bit} here", flipped(bad, LOCAL, 6, bit)
        yield f"flag {bit} there", flipped(bad, CENTRAL, 8, bit)
    yield "name here", bad.replace(b"data.pkl", b"data.txt", 1)
    yield "name there", bad[: bad.rfind(b"data.pkl")] + b"data.txt" + bad[bad.rfind(b"data.pkl") + 8 :]
    for method in (1, 8, 9, 12, 14, 93, 95, 98, 99):
        yield f"method {method}", flipped(flipped(bad, LOCAL, 8, method), CENTRAL, 10, method)
    yield "twice", zipped(lambda raw: raw, more=[("archive/data.pkl", body)])
    yield "other ending", zipped(lambda raw: raw, more=[("archive/data.pt", body), ("archive/x.pkl", body)])
    yield "before the zip", b"x" * 100 + bad
    yield "after the zip", bad + body
    yield "pickle and zip", body + bad
    yield "two zips", bad + zipped(lambda raw: raw)
    yield "cut off", bad[:-30]
    yield "7z", b"7z\xbc\xaf\x27\x1c" + bytes(20) + body
    yield "gzip", b"\x1f\x8b\x08" + body
    yield "tar", body.ljust(257, b"\0") + b"ustar" + bytes(512)


HIDDEN = [name for name, _ in ways_to_hide("x")]


@pytest.mark.parametrize("way", HIDDEN)
@pytest.mark.parametrize("ending", ["pth", "bin", "pt", "safetensors"])
def test_a_zip_that_two_readers_see_differently_runs_nothing(tmp_path, way, ending):
    marker = tmp_path / "was run"
    path = tmp_path / f"w.{ending}"
    path.write_bytes(dict(ways_to_hide(marker))[way])
    found = tried(path)
    assert found is None or found == HARMLESS
    assert not marker.exists()


def test_integers_that_cannot_be_written_are_no_way_out(tmp_path):
    """Python refuses to write an integer of more than 4,300 digits: in a sentence that names it, too."""
    huge = b"\x8b" + struct.pack("<i", 4_000) + b"\x7f" * 4_000
    torch.save({"w": torch.zeros(2, 3), 7: 1}, tmp_path / "v.pth")
    raw = (tmp_path / "v.pth").read_bytes()

    def with_key(body):
        assert body.count(b"K\x07K\x01") == 1
        return body.replace(b"K\x07K\x01", huge + b"K\x01")

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            body = old.read(entry)
            new.writestr(entry.filename, with_key(body) if entry.filename.endswith("data.pkl") else body)
    (tmp_path / "w.pth").write_bytes(out.getvalue())
    weights = read_checkpoint(tmp_path / "w.pth").weights()
    assert set(weights.tensors) == {"w"}
    assert "a very long number" in weights.notes[0]


@pytest.mark.parametrize(
    "body",
    [
        b"\x80\x04" + b"N\x94" * 600_000 + b".",  # a memo that grows
        b"\x80\x04]" + b"2" * 1_100_000 + b".",  # the top of the stack again and again
        b"\x80\x02]q\x00(" + b"K\x01K\x02\x86" * 1_000 + b"e0" + b"c__builtin__\ndict\nh\x00\x85R0" * 1_100 + b"N.",
    ],
)
def test_instructions_are_counted_and_so_is_what_one_of_them_copies(body):
    with pytest.raises(PickleError, match=r"more than 1,000,000 instructions|of no pairs, or of too many"):
        read_pickle(io.BytesIO(body))
