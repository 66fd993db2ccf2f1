"""The rules of the house that no linter knows: who imports what, and what a committed file may say."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import unicodedata
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOUSE = Path(__file__).parents[1]
ROOMS = ("kiosk", "drivers", "sync", "config")
MADE_BY_TOOLS = {".git", ".venv", "__pycache__", "build", "dist"}
CACHE = re.compile(r"\..*(_cache|hypothesis)")
BINARY = {".bin", ".mo", ".mrc", ".png", ".ttf", ".wav", ".xlsx"}

DEVICE_LIBRARIES = {"serial", "nfc", "escpos", "usb", "usb1"}
#: Where each library with a plug or a window may be imported, as beginnings of paths.
MAY_IMPORT = {
    "kivy": ("kiosk/screens/", "kiosk/app.py", "kiosk/lock_screen.py", "tests/"),
    **dict.fromkeys(DEVICE_LIBRARIES, ("drivers/", "tests/")),
}

#: Packages and modules that promise to be pure: same arguments, same answer, and nothing else happens. They may
#: import one another.
PURE = (
    "sync.circulation",
    "sync.text",
    "config.phrase",
    "drivers.codec",
    "drivers.devices",
    "drivers.iso15693",
    "drivers.library_tag",
    "drivers.tag_models",
    "drivers.iso28560_2",
    "drivers.iso28560_3",
    "drivers.iso15962",
    "drivers.isil",
    "drivers.rfid501",
    "drivers.escpos",
    "drivers.feig",
    "drivers.bibliotheca",
    "drivers.rl866",
    "drivers.presence",
    "drivers.codes",
    "drivers.citizen_card",
    "drivers.keyboard_wedge",
    "drivers.tag_protocol",
    "kiosk.typing",
    "kiosk.views",
    "kiosk.flows",
)
#: What of the standard library a pure module may use: no clock, no file, no environment, no chance.
PURE_LIBRARY = {
    "__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime",
    "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re",
    "string", "struct", "types", "typing", "unicodedata",
}  # fmt: skip
WITHIN_PURE = tuple(f"{name}." for name in PURE)
CLOCKS_AND_DOORS = {"now", "utcnow", "today", "open", "print", "input", "exec", "eval", "breakpoint"}

#: Package indexes and machines of developers have no place in the project: it must build anywhere.
UNWANTED = {
    "a package index": re.compile(
        "|".join(("index" + "-url", "find" + "-links", "trusted" + "-host", r"https?://\S+/simple\b"))
    ),
    "a developer's folder": re.compile(
        r"(?<![\w.~-])/(?:home|Users)/\w|(?<![\w.~-])/(?:root|work|workspace)/|\b[A-Za-z]:\\Users\\"
    ),
}

FROM_HERE_ALONE = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")


def _files() -> Iterator[Path]:
    for folder, below, names in os.walk(HOUSE):
        below[:] = [
            name
            for name in below
            if name not in MADE_BY_TOOLS and not CACHE.fullmatch(name) and not name.endswith(".egg-info")
        ]
        yield from (Path(folder, name) for name in names)


def _sources(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        yield from sorted((HOUSE / room).rglob("*.py"))


def _module(name: str) -> list[Path]:
    """The files of a module or of a package and all below it."""
    path = HOUSE.joinpath(*name.split("."))
    sources = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    assert sources
    return sources


def _place(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def _imports(source: Path) -> Iterator[tuple[int, str]]:
    """Every absolute import of a file, at whatever depth: its line and the full name of the module."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module
            case _:
                pass


def test_headquarters_and_the_desk_start_without_kivy_or_a_device_library() -> None:
    program = """
import importlib, importlib.abc, pkgutil, sys
banned = set(sys.argv[1:])

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in banned:
            sys.exit(f"somebody imports {name}")

sys.meta_path.insert(0, Refuse())
for room in ("sync", "config"):
    for module in pkgutil.walk_packages(importlib.import_module(room).__path__, room + "."):
        if not module.name.endswith(".migrations.env"):  # Alembic alone can import that
            importlib.import_module(module.name)
importlib.import_module("kiosk.cli")
"""
    run = subprocess.run(
        [sys.executable, "-c", program, "kivy", *DEVICE_LIBRARIES],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_only_screens_import_kivy_and_only_drivers_import_device_libraries() -> None:
    astray = [
        f"{_place(source)}:{line} imports {module}"
        for source in _sources(*ROOMS)
        for line, module in _imports(source)
        if not _place(source).startswith(MAY_IMPORT.get(module.partition(".")[0], ("",)))
    ]
    assert not astray


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_use_nothing_but_the_pure_part_of_the_standard_library(name: str) -> None:
    astray = [
        f"{_place(source)}:{line} imports {module}"
        for source in _module(name)
        for line, module in _imports(source)
        if module.partition(".")[0] not in PURE_LIBRARY and not f"{module}.".startswith(WITHIN_PURE)
    ]
    assert not astray


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_read_no_clock_and_open_nothing(name: str) -> None:
    astray = []
    for source in _module(name):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=called)) | ast.Call(func=ast.Attribute(attr=called)):
                    if called in CLOCKS_AND_DOORS:
                        astray.append(f"{_place(source)}:{node.lineno} calls {called}()")
                case _:
                    pass
    assert not astray


def test_package_files_hold_a_docstring_and_no_code() -> None:
    packages = [source for source in _sources(*ROOMS, "tests") if source.name == "__init__.py"]
    assert {_place(package.parent) for package in packages} >= {*ROOMS, "tests"}
    for package in packages:
        module = ast.parse(package.read_text("utf-8"))
        assert ast.get_docstring(module), f"{_place(package)} does not say what its package is for"
        assert len(module.body) == 1, f"{_place(package)} holds code"


def test_every_text_file_is_utf8_in_composed_form_with_plain_line_ends() -> None:
    for path in _files():
        if path.suffix in BINARY:
            continue
        text = path.read_bytes().decode("utf-8")
        assert unicodedata.is_normalized("NFC", text), f"{_place(path)} is not NFC"
        assert "\r" not in text, f"{_place(path)} has line ends of another system"
        assert not text or text.endswith("\n"), f"{_place(path)} ends in the middle of a line"


@pytest.mark.parametrize("unwanted", UNWANTED)
def test_no_file_names_the_machine_it_was_written_on(unwanted: str) -> None:
    found = [
        f"{_place(path)}:{number} names {unwanted}: {line.strip()}"
        for path in _files()
        if path.suffix not in BINARY and path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if UNWANTED[unwanted].search(line)
    ]
    assert not found


def test_pins_name_every_requirement_at_a_version_the_project_allows() -> None:
    pins = dict[str, str]()
    for line in (HOUSE / "pins.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        pin = re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9a-z.!+]*)(?: ; .+)?", line)
        assert pin, f"{line!r} is not a name with a version"
        pins[pin[1]] = pin[2]
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]
    extras = chain.from_iterable(project["optional-dependencies"].values())
    for requirement in map(Requirement, chain(project["dependencies"], extras)):
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} has no pin; `make pins` writes them anew"
        assert requirement.specifier.contains(pins[name]), f"{name} is pinned to a version outside its range"


def test_a_wheel_holds_everything_that_stands_in_the_rooms(tmp_path: Path) -> None:
    # A copy, because a build leaves its traces in the folder it runs in.
    copy = tmp_path / "house"
    for path in _files():
        there = copy / path.relative_to(HOUSE)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-qq",
            *FROM_HERE_ALONE,
            "--wheel-dir",
            str(tmp_path),
            str(copy),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    standing = {_place(path) for path in _files() if _place(path).startswith(tuple(f"{r}/" for r in ROOMS))}
    assert standing <= packed, f"left out of the wheel: {sorted(standing - packed)}"
    outside = {name for name in packed if not name.startswith((*ROOMS, "tramsach-"))}
    assert not outside, f"does not belong into the wheel: {sorted(outside)}"
