"""Reads pickles without importing or running anything they name.

A pickle is a program that can call anything it names. Here every name becomes an `Inert` record of
what the file wanted to create, except for the few that create tensors and tables, which are
implemented here. This is based on the standard library's unpickler in pure Python, whose opcodes
can be replaced one by one, and whose memo is a dict: the C version allocates by an index from the
file.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from training.checkpoint.checkpoint_errors import listed
from training.checkpoint.stored import (
    ITEM_SIZES,
    FilePart,
    OpenFile,
    Storage,
    StridedTensor,
    TensorSource,
    UnreadableTensor,
    strided_tensor,
)

_QUIET_PACKAGES = {"torch", "torch_utils", "training", "dnnlib", "numpy", "collections", "copyreg"}
_QUIET_BUILTINS = {
    *("set", "frozenset", "list", "dict", "tuple", "bytes", "bytearray", "str", "object"),
    *("int", "float", "complex", "bool", "slice", "range"),
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First object of files written by torch.save before version 1.6, and of single storages today."""
LEGACY_PROTOCOL = 1001

_STORAGE_TYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}


_SPARE = 2**20
"""Bytes that a file's repeated values may take in addition to its own size."""


class PickleError(ValueError):
    """An unreadable pickle; the message says why and is for the user."""


class Inert:
    """Inert placeholder for a class, function or object of the file."""

    __slots__ = ("args", "items", "name", "state")

    def __init__(self, name: str, args: tuple[Any, ...] = ()) -> None:
        self.name = name
        """Dotted name of the class or function."""
        self.args = args
        """The arguments that it was called with."""
        self.state: Any = None
        """The object's intended attributes, usually a dict."""
        self.items: dict[Any, Any] = {}
        """Items of an object that is a dict too."""

    def __call__(self, *args: Any) -> Inert:
        return Inert(self.name, args)


def mapping_of(value: object) -> Mapping[Any, Any] | None:
    """The items of `value` if it is a dict or an object with items; otherwise None."""
    if isinstance(value, Inert):
        return value.items or None
    return value if isinstance(value, dict) else None


def source_of(value: object) -> TensorSource | None:
    """The tensor in `value`, readable or not; None if it is not a tensor."""
    if isinstance(value, Inert):
        return UnreadableTensor(value.name)
    return value if isinstance(value, StridedTensor) else None


@dataclass
class Findings:
    """What was found while reading."""

    ignored: set[str] = field(default_factory=set)
    """Dotted names that neither networks nor training states need."""
    num_tensors: int = 0

    def notes(self) -> list[str]:
        if not self.ignored:
            return []
        verb = "was" if len(self.ignored) == 1 else "were"
        return [f"The file refers to {listed(sorted(self.ignored))}, which {verb} ignored."]


PersistentLoad = Callable[[object], Storage | Inert]
PickleFile = io.BytesIO | OpenFile
"""Files whose reads never allocate more than their size."""


def load(
    file: PickleFile,
    findings: Findings,
    persistent_load: PersistentLoad | None = None,
    *,
    inside: bool = False,
) -> Any:
    """The object of the pickle that starts at the file's position; the position moves past it.

    Args:
        file: where to read.
        findings: filled with what is found.
        persistent_load: returns the storage, or the class, for a persistent id.
        inside: whether the pickle is inside a tensor of another one; then it may contain no more.

    Raises:
        PickleError: if it is not a pickle, is truncated, or does something that no checkpoint does.
    """
    try:
        return _Unpickler(file, findings, persistent_load, inside).load()
    except (PickleError, OSError, MemoryError):
        raise
    except Exception as error:
        # A damaged pickle can make the unpickler raise nearly any error. As nothing from the file
        # runs, they all mean the same.
        if not file.read(1):
            raise PickleError("it ends too early, or its end is damaged") from error
        raise PickleError(f"its pickle is damaged ({type(error).__name__})") from error


def load_legacy(file: PickleFile, findings: Findings, *, inside: bool = False) -> Any:
    """The object in a file of torch.save's older format, also used for a single storage.

    The format is a sequence of pickles (magic number, version, system, object, keys of the
    storages), followed for each key by the number of values as int64 and the values.

    Args:
        file: positioned at the start.
        findings: filled with what is found.
        inside: see `load`.

    Raises:
        PickleError: see `load`.
    """
    storages: dict[str, Storage] = {}

    def persistent_load(pid: object) -> Storage | Inert:
        # Classes of modules are stored with their source, which is not needed here.
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":
            klass = pid[1]
            return klass if isinstance(klass, Inert) else Inert("")
        key, storage = describe_storage(pid)
        return storages.setdefault(key, storage)

    def read(persistent_load: PersistentLoad | None = None) -> Any:
        return load(file, findings, persistent_load, inside=inside)

    if read() != LEGACY_MAGIC or read() != LEGACY_PROTOCOL:
        raise PickleError("it is not a file of torch.save")
    read()
    root = read(persistent_load)
    keys = read()
    if not isinstance(keys, list):
        raise PickleError("its list of storages is damaged")
    position, end = file.tell(), _length(file)
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise PickleError("its list of storages is damaged")
        file.seek(position)
        count = int.from_bytes(file.read(8), "little", signed=True)
        size = count * ITEM_SIZES[storage.dtype]
        if count < 0 or position + 8 + size > end:
            raise PickleError("it ends too early")
        storage.data = FilePart(file, position + 8, size)
        position += 8 + size
    return root


def describe_storage(pid: object) -> tuple[str, Storage]:
    """Key and storage, still without data, for a persistent id in a file of torch.save.

    Raises:
        PickleError: if the id is not that of a storage.
    """
    if isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage":
        _, kind, key, _, count, *view = pid
        dtype = (
            _STORAGE_TYPES.get(kind.name.rpartition(".")[2]) if isinstance(kind, Inert) else None
        )
        plain = isinstance(key, str) and type(count) is int and count >= 0
        if dtype is not None and plain and (not view or view[0] is None):
            return key, Storage(dtype, count)
    raise PickleError("it holds a storage of a type that no checkpoint has")


def _numpy_scalar(dtype: object, data: object = None) -> object:
    """The Python number for a pickled numpy scalar, or None for anything else."""
    code = dtype.args[0] if isinstance(dtype, Inert) and dtype.args else None
    if isinstance(data, str):
        data = data.encode("latin1")
    plain = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
    if code not in plain or not isinstance(data, bytes) or len(data) != int(code[1]):
        return None
    return np.frombuffer(data, np.dtype(code).newbyteorder("<"))[0].item()


def _key(key: Any) -> Any:
    """The key, if it is of a type that checkpoints use.

    Nested tuples are rejected: hashing a few dozen that each contain the next one twice would take
    forever.
    """
    for part in key if isinstance(key, tuple) else (key,):
        if not (part is None or isinstance(part, str | int | float | bytes | Inert)):
            raise PickleError("it holds a table with keys that no checkpoint has")
    return key


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "numpy.core.multiarray.scalar": _numpy_scalar,
    "numpy._core.multiarray.scalar": _numpy_scalar,
}


def _length(file: PickleFile) -> int:
    """Length of an open file in bytes; its position does not change."""
    position = file.tell()
    file.seek(0, io.SEEK_END)
    length = file.tell()
    file.seek(position)
    return length


class _Unpickler(pickle._Unpickler):
    """An unpickler whose opcodes can call and modify only objects created by this module."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)
    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    if TYPE_CHECKING:  # the base has it; its type stubs do not say so

        def pop_mark(self) -> list[Any]: ...

    def __init__(
        self,
        file: PickleFile,
        findings: Findings,
        persistent_load: PersistentLoad | None,
        inside: bool,
    ) -> None:
        super().__init__(file, encoding="latin1")
        # Calls copy their arguments, and a few bytes can repeat a call, so copies are limited by
        # the size of the file.
        self._room = _SPARE + _length(file)
        self._findings = findings
        self._persistent_load = persistent_load
        self._inside = inside
        self._functions = _FUNCTIONS | {
            "collections.OrderedDict": self._table,
            "dnnlib.util.EasyDict": self._table,
            "torch.Size": self._size,
            "torch.storage._load_from_bytes": self._load_from_bytes,
            "_codecs.encode": self._encode,
            "torch._utils._rebuild_tensor": self._rebuild_tensor,
            "torch._utils._rebuild_tensor_v2": self._rebuild_tensor,
            "torch._utils._rebuild_parameter": self._rebuild_parameter,
            "torch._utils._rebuild_parameter_with_state": self._rebuild_parameter,
        }

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full in self._functions:
            return self._functions[full]
        quiet = (
            name in _QUIET_BUILTINS
            if module in ("builtins", "__builtin__")
            else (module.partition(".")[0] in _QUIET_PACKAGES)
        )
        if not quiet:
            self._findings.ignored.add(full)
        return Inert(full)

    def persistent_load(self, pid: object) -> Storage | Inert:
        if self._persistent_load is None:
            raise PickleError("it refers to data outside of itself")
        return self._persistent_load(pid)

    def get_extension(self, code: int) -> Any:
        raise PickleError("it uses an extension code, which no checkpoint does")

    def _take_room(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise PickleError("it repeats itself in a way that no checkpoint does")

    def _table(self, *args: Any) -> dict[Any, Any]:
        """A dict in place of an OrderedDict or EasyDict: empty, or from (key, value) pairs."""
        pairs = args[0] if args else []
        self._take_room(len(pairs))
        pairs = pairs.items() if isinstance(pairs, dict) else pairs
        return {_key(key): value for key, value in pairs}

    def _encode(self, text: object, encoding: object = "latin1") -> bytes:
        """Bytes, which protocols before 3 store as a call to this function."""
        if not isinstance(text, str) or encoding != "latin1":
            raise PickleError("it holds text in an encoding that no checkpoint has")
        self._take_room(len(text))
        return text.encode("latin1")

    def _size(self, *args: Any) -> tuple[Any, ...]:
        numbers = args[0] if args and isinstance(args[0], tuple | list) else ()
        self._take_room(len(numbers))
        return tuple(numbers)

    def _load_from_bytes(self, data: object) -> Storage:
        """The storage of a tensor in an ordinary pickle, itself a small file of torch.save."""
        if not isinstance(data, bytes | bytearray) or self._inside:
            raise PickleError("a tensor of it has no data")
        self._take_room(len(data))
        storage = load_legacy(io.BytesIO(data), Findings(), inside=True)
        if not isinstance(storage, Storage):
            raise PickleError("a tensor of it has no data")
        return storage

    def _rebuild_tensor(self, *args: Any) -> Any:
        self._findings.num_tensors += 1
        return strided_tensor(*args[:4])

    def _rebuild_parameter(self, data: Any = None, *_: Any) -> Any:
        return data

    def _call(self, function: Any, args: Any) -> Any:
        callable_ = isinstance(function, Inert | FunctionType | MethodType)
        if not callable_ or not isinstance(args, tuple):
            raise PickleError("it calls something that is not a function")
        return function(*args)

    def _instantiate(self, klass: Any, args: Any) -> None:
        self.append(self._call(klass, tuple(args)))

    def load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self._call(self.stack[-1], args)

    def load_newobj_ex(self) -> None:
        self.stack.pop()  # keyword arguments
        self.load_reduce()

    def load_build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Inert):
            self.stack[-1].state = state

    def _extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, Inert):
            raise PickleError("it appends to something that is not a list")

    def load_append(self) -> None:
        value = self.stack.pop()
        self._extend([value])

    def load_appends(self) -> None:
        self._extend(self.pop_mark())

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        table = target.items if isinstance(target, Inert) else target
        if not isinstance(table, dict):
            raise PickleError("it sets items of something that is not a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            table[_key(key)] = value

    def load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._update([key, value])

    def load_setitems(self) -> None:
        self._update(self.pop_mark())

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._update(items)

    def load_additems(self) -> None:
        items = self.pop_mark()
        if isinstance(self.stack[-1], set):
            self.stack[-1].update(map(_key, items))

    def load_bytearray8(self) -> None:
        # The base class allocates as many bytes as the file declares.
        size = int.from_bytes(self.read(8), "little")
        data = self.read(size)
        if len(data) < size:
            raise EOFError
        self.append(data)

    def load_frozenset(self) -> None:
        self.append(frozenset(map(_key, self.pop_mark())))


_Unpickler.dispatch |= {
    pickle.REDUCE[0]: _Unpickler.load_reduce,
    pickle.NEWOBJ[0]: _Unpickler.load_reduce,
    pickle.NEWOBJ_EX[0]: _Unpickler.load_newobj_ex,
    pickle.BUILD[0]: _Unpickler.load_build,
    pickle.APPEND[0]: _Unpickler.load_append,
    pickle.APPENDS[0]: _Unpickler.load_appends,
    pickle.SETITEM[0]: _Unpickler.load_setitem,
    pickle.SETITEMS[0]: _Unpickler.load_setitems,
    pickle.DICT[0]: _Unpickler.load_dict,
    pickle.ADDITEMS[0]: _Unpickler.load_additems,
    pickle.BYTEARRAY8[0]: _Unpickler.load_bytearray8,
    pickle.FROZENSET[0]: _Unpickler.load_frozenset,
}
