"""Settings between TOML (or JSON) and frozen dataclasses, both ways, with every mistake named at once.

Files are read and written in the first part, classes built in the second, dumped in the third. How building works: a
type hint becomes a *reader*, a function that takes what was found and gives the value, or notes a :class:`Problem` and
goes on, so that one run finds all that is wrong. A class is looked at once and its readers are kept, so that a rule-set
of thousands of rows is built in milliseconds.

Layers need no merging step. Every reader gets what each layer says at its key, weakest first: a table reads on with all
layers that have a table there, anything else takes what the strongest says. A list is a value like any other: the
strongest layer's list replaces the whole. What a stronger layer replaces is not judged.

Sentences never quote a text or a line of the file: it may be a secret in the wrong place.

Types that can be read: ``str`` (NFC, stripped), ``int`` (64 bits), ``bool``, ``float`` (finite), ``date``, ``time``
(of the library's own clock), ``datetime`` (with its offset; becomes UTC), ``Path`` and ``Secret`` (as written),
``StrEnum``, ``Literal``, ``X | None``, ``tuple[X, ...]``, ``frozenset[X]`` of plain values, ``Mapping[str, X]``, frozen
dataclasses, and ``Annotated`` with limits of :mod:`config.values`. Fields with ``init=False`` are the class's own.
A class that asks for anything else is a mistake of ours and raises ``TypeError`` the first time it is read.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import tomli_w

from config.checks import CHECKS, LIST, TABLE, Check, choice, suggest, text, wrong_kind
from config.phrase import Phrase, SettingError
from config.values import MASK, Limit, Secret

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

#: The layer below all others: what the classes themselves say.
PRODUCT_DEFAULTS = "product defaults"


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one place; ``name`` is what people call the place, such as ``station.toml``."""

    name: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: ``key`` is where (``policies[3].max_loans``, empty for the whole), ``source`` the file or layer."""

    key: str
    sentence: Phrase
    source: str = ""

    def say(self, lang: str) -> str:
        """``station.toml: language: …``, on one line."""
        return ": ".join(part for part in (self.source, self.key, self.sentence.say(lang)) if part)


@dataclass(frozen=True, slots=True)
class Problems:
    """Everything wrong with some settings, at least one :class:`Problem`, in the order of the file."""

    found: tuple[Problem, ...]

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def say(self, lang: str) -> str:
        """One line for each problem."""
        return "\n".join(problem.say(lang) for problem in self.found)


@dataclass(frozen=True, slots=True)
class Built(Generic[T]):
    """A value, and for each of its keys (``hours.opens``) the name of the layer that set it.

    A list has one origin for all that stands in it.
    """

    value: T
    origin: Mapping[str, str]


# --- files ------------------------------------------------------------------------------------------------------------

_REASONS = {
    errno.ENOENT: Phrase("không có tệp hoặc thư mục này", "there is no such file or folder"),
    errno.ENOTDIR: Phrase("không có tệp hoặc thư mục này", "there is no such file or folder"),
    errno.EISDIR: Phrase("đây là một thư mục", "it is a folder"),
    errno.EACCES: Phrase("không có quyền", "permission is missing"),
    errno.EPERM: Phrase("không có quyền", "permission is missing"),
    errno.EROFS: Phrase("ổ đĩa chỉ cho đọc", "the disk is read-only"),
    errno.ENOSPC: Phrase("ổ đĩa đã đầy", "the disk is full"),
    errno.EDQUOT: Phrase("đã hết phần ổ đĩa được cấp", "the share of the disk is used up"),
    errno.EIO: Phrase("ổ đĩa bị lỗi", "the disk is failing"),
}

_TWICE = Phrase("tên này đã được đặt ở trên", "this name is set already")
_OPEN_QUOTE = Phrase("thiếu dấu ngoặc kép đóng", "the closing quote is missing")
_BACKSLASH = Phrase(
    "dấu \\ trong ngoặc kép phải viết hai lần, hoặc dùng ngoặc đơn",
    "a \\ in double quotes must be doubled, or use single quotes",
)
#: The parser's most common complaints, known by their beginnings; its own words would name what stands in the file.
_SYNTAX = {
    "Invalid value": Phrase(
        "giá trị không hợp lệ (chữ phải đặt trong ngoặc kép)", "the value is not valid (text belongs in quotes)"
    ),
    "Invalid date or datetime": Phrase("ngày giờ này không có", "there is no such date or time"),
    "Cannot overwrite a value": _TWICE,
    "Duplicate inline table key": _TWICE,
    "Cannot declare": Phrase("bảng này đã có ở trên", "this table is there already"),
    "Expected '='": Phrase("sau tên phải có dấu =", "the name must be followed by ="),
    "Expected newline": Phrase("sau giá trị phải xuống dòng", "the value must be followed by a new line"),
    "Unterminated string": _OPEN_QUOTE,
    "Illegal character '\\n'": _OPEN_QUOTE,
    'Expected "\'"': _OPEN_QUOTE,
    "Unescaped '\\'": _BACKSLASH,
    "Invalid hex value": _BACKSLASH,
    "Unclosed array": Phrase("thiếu dấu ] đóng", "the closing ] is missing"),
    "Unclosed inline table": Phrase("thiếu dấu } đóng", "the closing } is missing"),
}
_NOT_TOML = Phrase("không đúng cú pháp TOML", "this is not valid TOML")
_TOO_DEEP = Phrase("Các bảng lồng nhau quá sâu.", "The tables are nested too deeply.")


def read_toml(path: Path) -> dict[str, object] | Problems:
    """The tables of a TOML file in UTF-8, a byte order mark accepted; one problem when it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return _file_problem(path, Phrase("Không đọc được {path}: {reason}.", "Cannot read {path}: {reason}."), error)
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        sentence = Phrase(
            f"Dòng {line} không phải là UTF-8; hãy lưu lại tệp với bảng mã UTF-8.",
            f"Line {line} is not UTF-8; please save the file as UTF-8.",
        )
    except tomllib.TOMLDecodeError as error:
        sentence = _syntax_sentence(str(error))
    except RecursionError:
        sentence = _TOO_DEEP
    except ValueError:
        # The parser leaves this one to int(), which takes no more than some thousand digits.
        sentence = Phrase("Có một số quá dài.", "A number is too long.")
    return Problems((Problem("", sentence, path.name),))


def write_toml(path: Path, values: Mapping[str, object]) -> Problems | None:
    """Write plain values (of :func:`dump`) so that a power cut leaves the old file or the new one, never half.

    Returns ``None`` when the new file is safely on disk, else the problem; then, too, the file is the old or the new.
    A file that was there keeps its permissions, a new one is for its owner alone, as it may hold secrets. TOML knows no
    null, so a ``None`` that dump could not leave out raises ``TypeError``.
    """
    content = tomli_w.dumps(values).encode()
    try:
        # A link stays a link: what it points at is replaced.
        replace_file(Path(os.path.realpath(path)), content)
    except OSError as error:
        return _file_problem(path, Phrase("Không ghi được {path}: {reason}.", "Cannot write {path}: {reason}."), error)
    return None


def replace_file(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Write a whole file so that a power cut leaves the old one or the new one. Raises OSError.

    A file that was there keeps its permissions, a new one is for its owner alone. With ``lasting=False`` nothing waits
    for the disk: readers still see one or the other, but a power cut may leave neither.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            if path.exists():
                new.chmod(path.stat().st_mode & 0o777)
            file.write(content)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    if lasting and os.name != "nt":  # Windows opens no folder, and orders such changes by its own journal.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def reason_of(error: OSError) -> Phrase:
    """Why the operating system refused, in words; its own where we have none."""
    known = _REASONS.get(error.errno) if error.errno is not None else None
    return known or Phrase(error.strerror or type(error).__name__, error.strerror or type(error).__name__)


def _file_problem(path: Path, sentence: Phrase, error: OSError) -> Problems:
    reason = reason_of(error)
    return Problems((Problem("", sentence.fill(path=path, reason=reason), path.name),))


def _syntax_sentence(complaint: str) -> Phrase:
    what = next((phrase for start, phrase in _SYNTAX.items() if complaint.startswith(start)), _NOT_TOML)
    place = re.search(r"\(at line (\d+), column (\d+)\)$", complaint)
    if place is None:
        where = Phrase("Cuối tệp", "End of the file")
    else:
        where = Phrase("Dòng {}, cột {}".format(*place.groups()), "Line {}, column {}".format(*place.groups()))
    return Phrase("{where}: {what}.", "{where}: {what}.").fill(where=where, what=what)


# --- building ---------------------------------------------------------------------------------------------------------

_REQUIRED = Phrase("Thiếu thiết lập bắt buộc này.", "This setting is required and is missing.")
_SAME_NAME = Phrase("Tên này có hai lần.", "This name is there twice.")

#: What layers say at one key: (layer name, found), weakest layer first, never empty.
_Found = Sequence[tuple[str, object]]
_Reader = Callable[["_Walk", str, _Found], object]


@dataclass(frozen=True, slots=True)
class _Walk:
    """What one run has noted so far. A reader that notes a problem returns nothing of use."""

    problems: list[Problem]
    origin: dict[str, str]

    def refuse(self, key: str, sentence: Phrase, source: str) -> None:
        self.problems.append(Problem(key, sentence, source))

    def default(self, key: str, value: object) -> None:
        """Note that a value, with all its keys, comes from the classes themselves."""
        if is_dataclass(value) and not isinstance(value, type):
            for name in _schema(type(value)).readers:
                self.default(f"{key}.{name}", getattr(value, name))
        elif isinstance(value, Mapping) and value:
            for name, inner in value.items():
                self.default(f"{key}.{_bare(name)}", inner)
        else:
            self.origin[key] = PRODUCT_DEFAULTS


def build(cls: type[T], settings: Mapping[str, object] | Sequence[Layer], source: str = "") -> Built[T] | Problems:
    """A frozen dataclass out of plain values: one mapping that came from ``source``, or layers, weakest first.

    Returns all problems together. ``SettingError`` and ``ValueError`` of a ``__post_init__`` are among them, under the
    key of their object; they are judged once the object's own fields are good. Raises ``TypeError`` when a class has a
    field of a type that cannot be read.
    """
    layers = [Layer(source, settings)] if isinstance(settings, Mapping) else settings
    walk = _Walk([], {})
    try:
        value: T = _read_object(
            cls, walk, "", [(PRODUCT_DEFAULTS, {}), *((layer.name, layer.values) for layer in layers)]
        )
    except RecursionError:
        return Problems((Problem("", _TOO_DEEP, layers[-1].name if layers else ""),))
    if walk.problems:
        return Problems(tuple(walk.problems))
    return Built(value, MappingProxyType(walk.origin))


@dataclass(frozen=True, slots=True)
class _Schema:
    """What is kept of a class: the readers of its fields, and what its defaults mean for reading and dumping."""

    readers: Mapping[str, _Reader]
    required: tuple[str, ...]
    #: Defaults that are tables themselves: layers merge into them key by key.
    default_tables: Mapping[str, object]
    #: Fields that dump leaves out when they are ``None``, because that is their default anyway.
    none_by_default: frozenset[str]


_SCHEMAS: dict[type[Any], _Schema] = {}


def _schema(cls: type[Any]) -> _Schema:
    known = _SCHEMAS.get(cls)
    if known is None:
        known = _SCHEMAS[cls] = _look_at(cls)
    return known


def _look_at(cls: type[Any]) -> _Schema:
    hints = get_type_hints(cls, include_extras=True)
    settable = [field for field in fields(cls) if field.init]
    defaults = {
        field.name: field.default if field.default_factory is MISSING else field.default_factory() for field in settable
    }
    return _Schema(
        readers={field.name: _reader(hints[field.name]) for field in settable},
        required=tuple(name for name, default in defaults.items() if default is MISSING),
        default_tables={
            name: _plain(default, reveal=True)
            for name, default in defaults.items()
            if default is not MISSING and (is_dataclass(default) or isinstance(default, Mapping))
        },
        none_by_default=frozenset(name for name, default in defaults.items() if default is None),
    )


def _reader(hint: Any) -> _Reader:
    form, arguments = get_origin(hint), get_args(hint)
    if form is Annotated:
        return _limited(_reader(arguments[0]), tuple(mark for mark in arguments[1:] if _is_limit(mark)))
    if form in (Union, UnionType) and len(arguments) == 2 and type(None) in arguments:
        return partial(_read_optional, _reader(next(kind for kind in arguments if kind is not type(None))))
    if form is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return partial(_read_list, tuple, _reader(arguments[0]))
    if form is frozenset and not is_dataclass(arguments[0]):
        return partial(_read_list, frozenset, _reader(arguments[0]))
    if form is Mapping and arguments[0] is str:
        return partial(_read_mapping, _reader(arguments[1]))
    if form is Literal:
        return partial(_read_plain, partial(choice, {value: value for value in arguments}))
    if hint in CHECKS:
        return partial(_read_plain, CHECKS[hint])
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(_read_object, hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return partial(_read_plain, partial(choice, {member.value: member for member in hint}))
    raise TypeError(f"settings of type {hint} cannot be read")


def _is_limit(mark: object) -> bool:
    if isinstance(mark, type):
        raise TypeError(f"{mark} stands in Annotated as a class; a limit is an instance")
    return hasattr(mark, "refuse")


def _read_object(cls: type[Any], walk: _Walk, key: str, found: _Found) -> Any:
    before = len(walk.problems)
    tables = _tables(walk, key, found)
    if not tables:
        return None
    given: dict[str, list[tuple[str, object]]] = {}
    for source, table in tables:
        for name, inner in table.items():
            given.setdefault(name, []).append((source, inner))

    schema = _schema(cls)
    values = {}
    for name, says in given.items():
        reader = schema.readers.get(name)
        if reader is None:
            for source, _ in says:
                walk.refuse(_below(key, name[:60]), _unknown(name, schema.readers), source)
            continue
        if name in schema.default_tables:
            says.insert(0, (PRODUCT_DEFAULTS, schema.default_tables[name]))
        values[name] = reader(walk, f"{key}.{name}" if key else name, says)
    for name in schema.required:
        if name not in given:
            walk.refuse(f"{key}.{name}" if key else name, _REQUIRED, tables[-1][0])
    if len(walk.problems) > before:
        return None

    try:
        value = cls(**values)
    except ValueError as error:
        walk.refuse(key, _own_words(error), tables[-1][0])
        return None
    for name in schema.readers:
        if name not in given:
            walk.default(f"{key}.{name}" if key else name, getattr(value, name))
    return value


def _read_mapping(reader: _Reader, walk: _Walk, key: str, found: _Found) -> object:
    given: dict[str, list[tuple[str, object]]] = {}
    tables = _tables(walk, key, found)
    for source, table in tables:
        seen = set()
        for name, inner in table.items():
            clean = text(name)
            if isinstance(clean, Phrase):
                walk.refuse(_below(key, name), clean, source)
            elif clean in seen:
                walk.refuse(_below(key, clean), _SAME_NAME, source)
            else:
                seen.add(clean)
                given.setdefault(clean, []).append((source, inner))
    if tables and not given:
        walk.origin[key] = tables[-1][0]
    return MappingProxyType({name: reader(walk, _below(key, name), says) for name, says in given.items()})


def _read_list(
    gather: Callable[[list[object]], object], reader: _Reader, walk: _Walk, key: str, found: _Found
) -> object:
    source, items = found[-1]
    if not isinstance(items, (list, tuple)):
        walk.refuse(key, wrong_kind(LIST, items), source)
        return None
    walk.origin[key] = source
    inside = _Walk(walk.problems, {})
    before = len(walk.problems)
    values = [reader(inside, f"{key}[{at}]", ((source, item),)) for at, item in enumerate(items)]
    return gather(values) if len(walk.problems) == before else None


def _read_optional(reader: _Reader, walk: _Walk, key: str, found: _Found) -> object:
    source, value = found[-1]
    if value is None:
        walk.origin[key] = source
        return None
    return reader(walk, key, found)


def _read_plain(check: Check, walk: _Walk, key: str, found: _Found) -> object:
    source, value = found[-1]
    good = check(value)
    if isinstance(good, Phrase):
        walk.refuse(key, good, source)
    else:
        walk.origin[key] = source
    return good


def _limited(reader: _Reader, limits: Sequence[Limit]) -> _Reader:
    def read(walk: _Walk, key: str, found: _Found) -> object:
        before = len(walk.problems)
        value = reader(walk, key, found)
        if len(walk.problems) == before and value is not None:
            plain = value.reveal() if isinstance(value, Secret) else value
            for limit in limits:
                sentence = limit.refuse(plain)
                if sentence is not None:
                    walk.refuse(key, sentence, found[-1][0])
        return value

    return read


def _tables(walk: _Walk, key: str, found: _Found) -> list[tuple[str, Mapping[str, object]]]:
    """What the strongest layers say with a table, weakest first; empty, and a problem, when the strongest has none."""
    tables: list[tuple[str, Mapping[str, object]]] = []
    for source, value in reversed(found):
        if not isinstance(value, Mapping):
            break
        tables.append((source, value))
    if not tables:
        walk.refuse(key, wrong_kind(TABLE, found[-1][1]), found[-1][0])
    return tables[::-1]


def _bare(name: str) -> str:
    """A key as TOML writes it: bare, or in quotes with what does not print escaped."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    shown = (
        letter if letter.isprintable() and letter != "\\" else letter.encode("unicode_escape").decode()
        for letter in name
    )
    return '"{}"'.format("".join(shown).replace('"', '\\"'))


def _below(key: str, name: str) -> str:
    return f"{key}.{_bare(name)}" if key else _bare(name)


def _unknown(name: str, known: Mapping[str, object]) -> Phrase:
    near = get_close_matches(name, known, n=1)
    if near:
        return suggest(Phrase("Không có thiết lập này.", "There is no such setting."), near[0])
    names = ", ".join(known)
    return Phrase(f"Không có thiết lập này; ở đây có: {names}.", f"There is no such setting; there are: {names}.")


def _own_words(error: ValueError) -> Phrase:
    """The sentence of a ``__post_init__``: its phrase, or its English words made a sentence for both languages."""
    if isinstance(error, SettingError):
        return error.phrase
    words = str(error).strip() or "the values do not fit together"
    sentence = words[0].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
    return Phrase(f"Không dùng được: {sentence}", sentence)


# --- dumping ----------------------------------------------------------------------------------------------------------


def dump(value: DataclassInstance, *, reveal: bool = False) -> dict[str, object]:
    """The plain mapping (text, numbers, truths, lists, mappings, ``None``) that builds this value again.

    Fits JSON, and TOML unless a ``None`` stands where that is not the default. Dates and times are ISO text, sets are
    sorted. Secrets are masked, and then do not build again, unless ``reveal`` is asked for.
    """
    schema = _schema(type(value))
    plain: dict[str, object] = {}
    for name in schema.readers:
        inner = getattr(value, name)
        if inner is not None or name not in schema.none_by_default:
            plain[name] = _plain(inner, reveal)
    return plain


def _plain(value: Any, reveal: bool) -> object:
    kind = type(value)
    if value is None or kind in (str, int, bool, float):
        return value
    if isinstance(value, StrEnum):
        return value.value
    if kind is date or (kind is time and value.tzinfo is None):
        return value.isoformat()
    if kind is datetime and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    if kind is Secret:
        return value.reveal() if reveal else MASK
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return dump(value, reveal=reveal)
    if kind is tuple:
        return [_plain(item, reveal) for item in value]
    if kind is frozenset:
        return sorted((_plain(item, reveal) for item in value), key=lambda item: (type(item).__name__, item))
    if isinstance(value, Mapping):
        return {name: _plain(item, reveal) for name, item in value.items()}
    raise TypeError(f"a setting of {kind} cannot be written, or it has a time zone too much or too little")
