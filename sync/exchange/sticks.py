"""Bundles on USB sticks: written so that a stick may be pulled at any byte, read beside whatever else is on it.

Theory of operation. All files of ours stand in one folder, ``TRAMSACH``. Parts are written one after another, each
whole or not there (:mod:`sync.exchange.disk`), the manifest last; so a bundle is found when it is complete and not
before. Names hold a random tag, so nothing that is good is ever written over. What an earlier, interrupted writing left
(temporary files, parts that no manifest names) is swept away first; nothing else on a stick is touched.

Reading opens manifests only, and the files that a proven manifest names. Nothing is ever executed, and no link is
followed. A bundle is first read once through, part by part against its hashes, and only then handed out, so what is
incomplete is refused as a whole. One part is in memory at a time, however large the bundle.

FAT keeps no case: names are compared without it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from config.phrase import Phrase
from sync.exchange import bundle
from sync.exchange.bundle import MANIFEST_BYTES, MANIFEST_SUFFIX, PART_BYTES, BundleRefused, Manifest, Part
from sync.exchange.disk import LOCAL, Disk, ExchangeError, translated, write_whole
from sync.exchange.keys import Keys, Pins, PublicKeys
from sync.exchange.reasons import Reason, Side

#: The folder of ours on a stick.
FOLDER = "TRAMSACH"


class BundleLost(ExchangeError):
    """A bundle that was whole a moment ago cannot be read any more: the stick was pulled or is failing."""

    def __init__(self, manifest: Path) -> None:
        super().__init__(
            Phrase(
                "Gói {file} không đọc tiếp được: USB bị rút ra hoặc bị hỏng. Những gì đã nhập vẫn còn; hãy cắm lại và"
                " nhập lại gói này.",
                "The bundle {file} cannot be read any further: the stick was pulled or is failing. What was read is"
                " kept; put it back and read the bundle again.",
            ).fill(file=manifest.name)
        )


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """A bundle that is whole on the stick. ``digest`` is what the next one's ``previous`` is to be."""

    path: Path
    manifest: Manifest
    digest: bytes
    size: int


@dataclass(frozen=True, slots=True)
class FoundBundle:
    """A bundle on a stick: who seems to have written it and what it claims, or why it cannot be read.

    Nothing of it is proven; :func:`open_bundle` does that.
    """

    path: Path
    writer: Side
    claims: Manifest | BundleRefused
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedBundle:
    """A bundle that is proven and complete."""

    path: Path
    writer: Side
    manifest: Manifest
    digest: bytes
    _files: tuple[Path, ...] = field(repr=False)
    _keys: tuple[Keys, ...] = field(repr=False)
    _disk: Disk = field(repr=False)

    def messages(self) -> Iterator[bytes]:
        """Its messages in their order, a part at a time.

        Raises :class:`~sync.exchange.disk.ExchangeError` when the stick fails meanwhile.
        """
        for number, file in enumerate(self._files, start=1):
            sealed = _read_part(self._disk, file, self.manifest.parts[number - 1].size)
            opened = bundle.open_part(self.manifest, self.writer, number, self._keys, sealed)
            if isinstance(opened, BundleRefused):
                raise BundleLost(self.path)
            yield from opened


def write_bundle(
    stick: Path,
    manifest: Manifest,
    writer: Side,
    keys: Keys,
    reader: PublicKeys,
    messages: Iterable[bytes],
    *,
    part_bytes: int = PART_BYTES,
    disk: Disk = LOCAL,
) -> WrittenBundle:
    """Write a bundle onto a stick, or into any folder; it is there, whole and read back, when this returns.

    Raises :class:`~sync.exchange.disk.ExchangeError` when the medium will not have it: then the bundle is not there.
    """
    folder = stick / FOLDER
    with translated(folder):
        disk.make_folder(folder)
        _sweep(folder, disk)
    parts: list[Part] = []
    for part, sealed in bundle.seal_parts(manifest, writer, reader, messages, part_bytes=part_bytes):
        write_whole(disk, folder / bundle.part_name(manifest, writer, len(parts) + 1), sealed)
        parts.append(part)
    raw = bundle.seal_manifest(keys, manifest, writer, parts)
    path = folder / bundle.manifest_name(manifest, writer)
    write_whole(disk, path, raw)
    whole = msgspec.structs.replace(manifest, parts=tuple(parts))
    return WrittenBundle(path, whole, bundle.digest(raw), len(raw) + sum(part.size for part in parts))


def find_bundles(stick: Path, *, disk: Disk = LOCAL) -> tuple[FoundBundle, ...]:
    """The bundles on a stick, in its folder of ours or beside it, in the order of their numbers.

    What an interrupted writing left in our folder is found too, as incomplete. Raises
    :class:`~sync.exchange.disk.ExchangeError` when the stick cannot be read.
    """
    found = []
    for folder in (stick / FOLDER, stick):
        with translated(folder):
            names = {name.upper(): name for name in disk.names(folder)}
            for upper, name in names.items():
                writer = bundle.writer_of(upper)
                if writer is None:
                    continue
                manifest = Path(upper).stem + MANIFEST_SUFFIX
                if upper == manifest:
                    raw = disk.read(folder / name, MANIFEST_BYTES + 1)
                    found.append(FoundBundle(folder / name, writer, bundle.read_manifest(raw, writer), raw))
                elif manifest not in names and folder.name == FOLDER:
                    lacking = BundleRefused(Reason.INCOMPLETE, writer)
                    found.append(FoundBundle(folder / manifest, writer, lacking, b""))
    # Several parts may lack the same manifest.
    return tuple(sorted({each.path: each for each in found}.values(), key=_order))


def open_bundle(
    found: FoundBundle,
    keys: Sequence[Keys],
    pins: Pins,
    *,
    hq: str,
    station: str,
    epoch: int,
    seen: Collection[bytes] = (),
    disk: Disk = LOCAL,
) -> OpenedBundle | BundleRefused:
    """A bundle that was found, if it is the writer's own, meant for us, and complete.

    ``keys`` are the reader's, the newest first; ``pins`` the writer's; ``seen`` the digests of manifests that were read
    before. Raises :class:`~sync.exchange.disk.ExchangeError` when the stick cannot be read.
    """
    if isinstance(found.claims, BundleRefused):
        return found.claims
    manifest = bundle.open_manifest(found.raw, found.writer, pins, hq=hq, station=station, epoch=epoch)
    if isinstance(manifest, BundleRefused):
        return manifest
    digest = bundle.digest(found.raw)
    if digest in seen:
        return BundleRefused(Reason.REPEATED, found.writer)
    folder = found.path.parent
    with translated(folder):
        there = {name.upper(): folder / name for name in disk.names(folder)}
    numbers = range(1, len(manifest.parts) + 1)
    files = [there.get(bundle.part_name(manifest, found.writer, number)) for number in numbers]
    paths = tuple(path for path in files if path is not None)
    if len(paths) != len(files):
        return BundleRefused(Reason.INCOMPLETE, found.writer)
    for number, path in zip(numbers, paths, strict=True):
        opened = bundle.open_part(
            manifest, found.writer, number, keys, _read_part(disk, path, manifest.parts[number - 1].size)
        )
        if isinstance(opened, BundleRefused):
            return opened
    return OpenedBundle(found.path, found.writer, manifest, digest, paths, tuple(keys), disk)


def _read_part(disk: Disk, path: Path, size: int) -> bytes:
    with translated(path.parent):
        return disk.read(path, size + 1)


def _order(found: FoundBundle) -> tuple[str, int, int, str]:
    match found.claims:
        case Manifest() as claims:
            return claims.station, claims.epoch, claims.number, found.path.name
        case _:
            return "", 0, 0, found.path.name


def _sweep(folder: Path, disk: Disk) -> None:
    """Take away what an interrupted writing left; bundles that are whole stay."""
    names = {name.upper(): name for name in disk.names(folder)}
    for upper, name in names.items():
        if bundle.writer_of(upper) is None:
            continue
        if upper.endswith(".TMP") or Path(upper).stem + MANIFEST_SUFFIX not in names:
            disk.remove(folder / name)
