"""Keys in a folder, and whether this is still the machine they were made on.

A folder holds one file for each pair of key pairs ever made there, ``0001.key`` and on, the highest in use: what was
encrypted to an older one can still be read. A file is JSON, ``{"sign": ..., "seal": ...}``, the two 32-byte seeds in
base64; it is readable for its owner alone and never written twice. ``headquarters.pins`` holds the keys of headquarters
that a station trusts.

The *hint* tells headquarters that a station runs elsewhere than it did: a hash of the machine's own number and of a
number that stands in this folder, outside the database, so that a database carried off without it shows. It proves
nothing: who copies the whole disk onto a like machine copies both, and is found by the fork of the ledgers instead
(facts/sync.md, section 5.6).
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from hashlib import sha256
from pathlib import Path

import msgspec

from config.phrase import Phrase
from sync.exchange.disk import LOCAL, ExchangeError, translated, write_whole
from sync.exchange.keys import KeyBytes, Keys, Pins

_KEY_FILE = re.compile(r"([0-9]{4})\.key")
_PINS_FILE = "headquarters.pins"
_NUMBER_FILE = "machine.id"
_MOST = 64 * 1024

#: Where Linux keeps the machine's number, and boards without an installation's own show theirs.
_MACHINE = (
    Path("/etc/machine-id"),
    Path("/var/lib/dbus/machine-id"),
    Path("/sys/firmware/devicetree/base/serial-number"),
)


class _Seeds(msgspec.Struct):
    sign: KeyBytes
    seal: KeyBytes


class KeysDamaged(ExchangeError):
    """A file of keys or pins is not what was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Phrase(
                "Tệp khóa {file} trong {folder} bị hỏng. Hãy đặt lại tệp từ bản sao lưu, hoặc đăng ký lại.",
                "The file of keys {file} in {folder} is damaged. Put it back from a backup, or enrol again.",
            ).fill(file=path.name, folder=path.parent)
        )


class KeysExposed(ExchangeError):
    """Other accounts of this machine can read the private keys."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Phrase(
                "Tài khoản khác đọc được tệp khóa {file} trong {folder}. Hãy chạy “chmod 600” cho tệp này; nếu ngờ rằng"
                " khóa đã lộ, hãy đăng ký lại.",
                "Other accounts can read the file of keys {file} in {folder}. Run “chmod 600” on it; if the keys may"
                " be known to others, enrol again.",
            ).fill(file=path.name, folder=path.parent)
        )


def make_keys(folder: Path) -> Keys:
    """New keys, from now on the ones in use; they are on the disk when this returns. Raises :class:`ExchangeError`."""
    seeds = _Seeds(secrets.token_bytes(32), secrets.token_bytes(32))
    with translated(folder):
        LOCAL.make_folder(folder)
        number = max((number for number, _ in _key_files(folder)), default=0) + 1
    write_whole(LOCAL, folder / f"{number:04d}.key", msgspec.json.encode(seeds))
    return Keys(seeds.sign, seeds.seal)


def read_keys(folder: Path) -> tuple[Keys, ...]:
    """All keys ever made here, the ones in use first; none where none were made. Raises :class:`ExchangeError`."""
    with translated(folder):
        files = sorted(_key_files(folder), reverse=True)
    return tuple(_read(path) for _, path in files)


def adopt_keys(folder: Path, aside: Path) -> None:
    """Put the keys that were made in the folder ``aside`` to use here; nothing where none are left there.

    Raises :class:`ExchangeError`.
    """
    with translated(folder):
        LOCAL.make_folder(folder)
        files = sorted(_key_files(aside))
        number = max((number for number, _ in _key_files(folder)), default=0)
        for place, (_, path) in enumerate(files, start=number + 1):
            LOCAL.rename(path, folder / f"{place:04d}.key")
        LOCAL.flush(folder)


def write_pins(folder: Path, pins: Pins) -> None:
    """Trust these keys of headquarters and no others from now on. Raises :class:`ExchangeError`."""
    with translated(folder):
        LOCAL.make_folder(folder)
    write_whole(LOCAL, folder / _PINS_FILE, msgspec.json.encode(pins))


def read_pins(folder: Path) -> Pins:
    """The keys of headquarters that are trusted; none before enrolment. Raises :class:`ExchangeError`."""
    path = folder / _PINS_FILE
    with translated(folder):
        if _PINS_FILE not in LOCAL.names(folder):
            return Pins()
        content = LOCAL.read(path, _MOST)
    try:
        return msgspec.json.decode(content, type=Pins)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KeysDamaged(path) from error


def machine_hint(folder: Path) -> str:
    """16 hex digits that are the same as long as this folder stays on this machine. Raises :class:`ExchangeError`."""
    path = folder / _NUMBER_FILE
    with translated(folder):
        LOCAL.make_folder(folder)
        known = _NUMBER_FILE in LOCAL.names(folder)
    if not known:
        write_whole(LOCAL, path, secrets.token_hex(16).encode())
    with translated(folder):
        number = LOCAL.read(path, _MOST)
    return sha256(b"\0".join((b"tramsach machine", number, *_machine_numbers()))).hexdigest()[:16]


def _key_files(folder: Path) -> list[tuple[int, Path]]:
    found = (_KEY_FILE.fullmatch(name) for name in LOCAL.names(folder))
    return [(int(match[1]), folder / match[0]) for match in found if match]


def _read(path: Path) -> Keys:
    with translated(path.parent):
        content = LOCAL.read(path, _MOST)
        exposed = os.name == "posix" and path.exists() and path.stat().st_mode & 0o077
    if exposed:
        raise KeysExposed(path)
    try:
        seeds = msgspec.json.decode(content, type=_Seeds)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise KeysDamaged(path) from None  # the cause could quote the file
    return Keys(seeds.sign, seeds.seal)


def _machine_numbers() -> list[bytes]:
    """What the operating system calls this machine; nothing where it does not say."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415 - there is none elsewhere

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
            return [str(winreg.QueryValueEx(key, "MachineGuid")[0]).encode()]
    numbers = []
    for path in _MACHINE:
        try:
            numbers.append(path.read_bytes().strip())
        except OSError:  # not every system has every one of them
            continue
    return numbers
