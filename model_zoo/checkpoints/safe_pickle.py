"""Reads pickles as data: nothing that they name is imported or called.

A pickle is a program for a small stack machine; `pickletools` documents its instructions. Here they are carried out on
plain values alone. Where the program would call something, an `Inert` takes the place of the result: it knows the name
and what it would have been given, and does nothing.
"""

import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

MAX_INSTRUCTIONS = 1_000_000  # some seconds; checkpoints of a thousand tensors have some 50,000
Key = str | bytes | int | float | None
_KEYS = (str, bytes, int, float, bool, type(None))  # others could be tuples of tuples that take years to hash
_DICTS = ("collections.OrderedDict", "builtins.dict", "__builtin__.dict")
_LISTS = ("builtins.set", "builtins.frozenset", "builtins.list", "__builtin__.set", "__builtin__.frozenset")


class PickleError(ValueError):
    """Bytes that are no pickle, or one that breaks the rules of its own machine."""


@dataclass(frozen=True, slots=True)
class Name:
    """Something that the file names, as ``module.name``; it is not looked up."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Persistent:
    """A reference to what lies beside the pickle, such as a tensor's storage."""

    reference: Any


@dataclass(slots=True, eq=False)
class Inert:
    """What a call would have made, and did not: its name, what it was to be given, and what was put into it."""

    name: str
    given: tuple[Any, ...] = ()
    state: Any = None
    entries: dict[Key, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pickled:
    """A pickle's value, made of plain values, `Inert` and `Persistent`, and every name that it would have called.

    ``simple`` says that it only ever fills lists, and mappings under texts, numbers and None.
    """

    value: Any
    called: frozenset[str]
    simple: bool


def read_pickle(stream: BytesIO) -> Pickled:
    """The pickle that starts where ``stream`` stands, which is left behind its end; `PickleError` if there is none.

    Mappings of any kind become dicts, sets become lists. Entries whose key is no text, number or None are left out.
    """
    machine = _Machine()
    try:
        for count, (code, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= MAX_INSTRUCTIONS:
                raise PickleError(f"more than {MAX_INSTRUCTIONS:,} instructions")
            if code.name == "STOP":
                return Pickled(machine.stack.pop(), frozenset(machine.called), machine.simple)
            machine.carry_out(code.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, EOFError, struct.error, MemoryError) as error:
        if isinstance(error, PickleError):
            raise
        raise PickleError(f"{type(error).__name__}") from error
    raise PickleError("no end")


class _Machine:
    """Stack, marks and memo; every instruction is one that is spelt out here."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.called: set[str] = set()
        self.simple = True
        self.copied = 0

    def carry_out(self, code: str, argument: Any) -> None:
        if code in ("PROTO", "FRAME"):
            return
        if code in _CONSTANTS:
            self.stack.append(argument)
        elif code in _FRESH:
            self.stack.append(_FRESH[code]())
        elif code in _STEPS:
            _STEPS[code](self, argument)
        else:
            raise PickleError(f"instruction {code}")

    def put_down(self, value: Any) -> None:
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def call(self, callee: Any, given: Any, kind: str) -> None:
        """Puts down what stands for ``callee(*given)``: a dict or list for the plain containers, else an `Inert`."""
        if not isinstance(callee, Name) or not isinstance(given, tuple):
            raise PickleError(f"{kind} of something that cannot be called")
        name = callee.text
        if name == "copyreg._reconstructor" and given and isinstance(given[0], Name):
            name = given[0].text
        if name in _DICTS:
            made: Any = {}
            for pair in given[0] if given and isinstance(given[0], list) else []:
                self.copied += 1  # one list can be named again and again
                if not isinstance(pair, list | tuple) or len(pair) != 2 or self.copied > MAX_INSTRUCTIONS:
                    raise PickleError("a mapping of no pairs, or of too many")
                self.put(made, pair[0], pair[1])
        elif name in _LISTS:
            self.simple = False
            made = given[0] if given and isinstance(given[0], list) else []
        else:
            self.called.add(name)
            made = Inert(name, given)
        self.stack.append(made)

    def fill(self, entries: list[Any]) -> None:
        target = self.stack[-1]
        if len(entries) % 2:
            raise PickleError("a key without a value")
        for key, value in zip(entries[::2], entries[1::2], strict=True):
            self.put(target.entries if isinstance(target, Inert) else target, key, value)
            self.simple &= not isinstance(target, Inert)

    def put(self, target: Any, key: Any, value: Any) -> None:
        if not isinstance(target, dict):
            raise PickleError("entries for what is no mapping")
        if isinstance(key, _KEYS):
            target[key] = value
        else:
            self.simple = False

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        inside = target.items if isinstance(target, Inert) else target
        self.simple &= not isinstance(target, Inert)
        if not isinstance(inside, list):
            raise PickleError("items for what is no list")
        inside.extend(items)

    def build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Inert):
            self.stack[-1].state = state
            self.simple = False
        elif not isinstance(self.stack[-1], dict | list):  # attributes of a mapping are of no use here
            raise PickleError("a state for what cannot have one")
        else:
            self.simple &= isinstance(state, dict)

    def take(self, count: int) -> list[Any]:
        return [self.stack.pop() for _ in range(count)][::-1]

    def named(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise PickleError("a name that is no text")
        self.stack.append(Name(f"{module}.{name}"))


def _mark(machine: _Machine) -> None:
    machine.marked.append(machine.stack)
    machine.stack = []


def _pop(machine: _Machine) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.since_mark()


def _drop(machine: _Machine) -> None:
    machine.since_mark()


def _reduce(machine: _Machine) -> None:
    callee, given = machine.take(2)
    machine.call(callee, given, "a call")


def _new_with_names(machine: _Machine) -> None:
    callee, given, _ = machine.take(3)
    machine.call(callee, given, "a new object")


def _inst(machine: _Machine, module_and_name: str) -> None:
    given = tuple(machine.since_mark())
    machine.call(Name(module_and_name.replace(" ", ".", 1)), given, "a new object")


def _obj(machine: _Machine) -> None:
    callee, *given = machine.since_mark()
    machine.call(callee, tuple(given), "a new object")


def _dict_since_mark(machine: _Machine) -> None:
    entries = machine.since_mark()
    machine.stack.append({})
    machine.fill(entries)


def _remember(machine: _Machine, slot: int) -> None:
    machine.memo[slot] = machine.stack[-1]


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(tuple(machine.take(count)))


_CONSTANTS = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
_FRESH: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: _mark(machine),
    "POP": lambda machine, _: _pop(machine),
    "POP_MARK": lambda machine, _: _drop(machine),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.put_down(tuple(machine.since_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "LIST": lambda machine, _: machine.put_down(machine.since_mark()),
    "FROZENSET": lambda machine, _: machine.put_down(machine.since_mark()),
    "DICT": lambda machine, _: _dict_since_mark(machine),
    "APPEND": lambda machine, _: machine.extend(machine.take(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.fill(machine.take(2)),
    "SETITEMS": lambda machine, _: machine.fill(machine.since_mark()),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, slot: machine.stack.append(machine.memo[slot])),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _remember),
    "MEMOIZE": lambda machine, _: _remember(machine, len(machine.memo)),
    "GLOBAL": lambda machine, text: machine.named(*text.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.named(*machine.take(2)),
    "REDUCE": lambda machine, _: _reduce(machine),
    "NEWOBJ": lambda machine, _: _reduce(machine),
    "NEWOBJ_EX": lambda machine, _: _new_with_names(machine),
    "INST": _inst,
    "OBJ": lambda machine, _: _obj(machine),
    "BUILD": lambda machine, _: machine.build(),
    "PERSID": lambda machine, reference: machine.stack.append(Persistent(reference)),
    "BINPERSID": lambda machine, _: machine.stack.append(Persistent(machine.stack.pop())),
}
