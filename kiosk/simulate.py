"""``tramsach simulate``: one simulated device on a port, moved by lines on standard input.

It prints its address and the lines for ``devices.toml``, and then does what each line says (``lay 1``, ``take``,
``fault no_answer 2``) until Ctrl-C or the end of input. A line it does not understand gets a sentence and changes
nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import typer

from drivers.iso15693 import AfiPair, Security
from drivers.simulators.bibliotheca import BibliothecaReader
from drivers.simulators.card_reader import SimulatedCardReader
from drivers.simulators.cards import CardFault, VirtualCard
from drivers.simulators.feig import FeigReader
from drivers.simulators.field import PadFault, VirtualTag
from drivers.simulators.pad import Reader, SimulatedPad
from drivers.simulators.printer import PrinterFault, SimulatedPrinter
from drivers.simulators.rl866 import Rl866Reader
from drivers.simulators.scanner import ScannerFault, SimulatedScanner
from drivers.simulators.wire import Link
from kiosk.i18n import _
from kiosk.terminal import Answers

#: Does what a line asks, given the words behind the verb; answers what a person is told.
Act = Callable[[Sequence[str]], str]


class _Device(Protocol):
    @property
    def url(self) -> str: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Toy:
    """A simulated device and what can be done with it: verbs with the words that may follow, and faults."""

    device: _Device
    driver: str
    acts: Mapping[str, tuple[str, Act]]
    faults: type[StrEnum]
    cause: Callable[[str, int | None], None]
    mend: Callable[[str | None], None]


def run(say: Answers, kind: str, *, port: int, pty: bool, timing: bool, faults: Sequence[str], model: str = "") -> None:
    """Simulate one device until the end of input. Raises OSError when the port is taken."""
    if pty and port:
        raise typer.BadParameter(_("a pseudo-terminal has no port number."), param_hint="--port")
    if pty and os.name == "nt":
        raise typer.BadParameter(_("Windows has no pseudo-terminals; use --port."), param_hint="--pty")
    if kind == "pad" and model not in _PADS:
        raise typer.BadParameter(_("choose one of: {choices}.").format(choices=", ".join(_PADS)), param_hint="--model")
    toy = _MAKERS[kind](Link.PTY if pty else Link.TCP, port, timing, model)
    with closing(toy.device):
        for name in faults:
            if _fault(toy, name) is None:
                known = ", ".join(toy.faults)
                raise typer.BadParameter(_("choose one of: {choices}.").format(choices=known), param_hint="--fault")
            _cause(toy, [name])
        say.show("[[devices]]", f'name = "{kind}"', f'driver = "{toy.driver}"', f'url = "{toy.device.url}"')
        if pty:
            say.show('framing = "8N1"')  # a pseudo-terminal has no parity
        say.show(_help(toy), "")
        try:
            for line in sys.stdin:
                if words := line.split():
                    say.show(_obey(toy, words))
        except KeyboardInterrupt:
            pass  # this is how it ends


def _obey(toy: _Toy, words: Sequence[str]) -> str:
    """Does what one line says; answers what a person is told."""
    verb, rest = words[0].casefold(), words[1:]
    if verb in toy.acts:
        return toy.acts[verb][1](rest)
    match verb:
        case "fault":
            return _cause(toy, rest)
        case "mend":
            return _mend(toy, rest)
        case "help":
            return _help(toy)
        case _:
            pass
    near = get_close_matches(verb, [*toy.acts, "fault", "mend", "help"], n=1)
    said = _("Not understood: {word}.").format(word=verb)
    return f"{said} {_help(toy)}" if not near else said + " " + _("Did you mean {name}?").format(name=near[0])


def _help(toy: _Toy) -> str:
    verbs = [f"{verb} {words}".strip() for verb, (words, _act) in toy.acts.items()]
    told = _("Lines: {verbs}; Ctrl-C ends it.").format(verbs="; ".join([*verbs, "fault NAME [N]", "mend [NAME]"]))
    return told + "\n" + _("Faults: {faults}").format(faults=", ".join(toy.faults))


def _fault(toy: _Toy, name: str) -> str | None:
    """The fault of this name, written with hyphens or underscores."""
    wanted = name.casefold().replace("-", "_")
    return next((fault.value for fault in toy.faults if fault.value == wanted), None)


def _cause(toy: _Toy, words: Sequence[str]) -> str:
    fault = _fault(toy, words[0]) if words else None
    times = words[1] if len(words) > 1 else ""
    if fault is None or len(words) > 2 or not (not times or times.isdecimal()):
        return _("Faults: {faults}").format(faults=", ".join(toy.faults))
    toy.cause(fault, int(times) if times else None)
    return _("Broken: {fault}").format(fault=fault)


def _mend(toy: _Toy, words: Sequence[str]) -> str:
    fault = _fault(toy, words[0]) if words else None
    if words and fault is None:
        return _("Faults: {faults}").format(faults=", ".join(toy.faults))
    toy.mend(fault)
    return _("Mended: {fault}").format(fault=fault or _("everything"))


# --- the pad ------------------------------------------------------------------------------------------------------

#: Makes of pad, by the driver that speaks to them.
_PADS: Final[Mapping[str, Callable[[], Reader]]] = {
    "feig": FeigReader,
    "rl866": Rl866Reader,
    "bibliotheca": BibliothecaReader,
}


def _item_id(word: str) -> str:
    return f"SIM-{int(word):04}" if word.isdecimal() else word


def _uid(item_id: str) -> bytes:
    return b"\xe0\x04\x01" + sha256(item_id.encode()).digest()[:5]


def _pad(link: Link, port: int, timing: bool, model: str) -> _Toy:
    pad = SimulatedPad(_PADS[model](), link=link, port=port, real_time=timing)
    # Kept with what was written on them, so that a book that is laid on again is as it was.
    tags: dict[str, VirtualTag] = {}

    def tag(word: str) -> VirtualTag:
        item_id = _item_id(word)
        if item_id not in tags:
            uid = _uid(item_id)
            tags[item_id] = VirtualTag(uid) if word == "blank" else VirtualTag.of_item(uid, item_id, isil="VN-SIM")
        return tags[item_id]

    def lay(words: Sequence[str]) -> str:
        try:
            pad.put(*(tag(word) for word in words or ("1",)))
        except ValueError as error:
            return _("That goes on no tag: {reason}").format(reason=error)
        return show(())

    def take(words: Sequence[str]) -> str:
        if words:
            pad.lift(*(_uid(_item_id(word)) for word in words))
        else:
            pad.clear()
        return show(())

    def show(_words: Sequence[str]) -> str:
        names = {tag.uid: item_id for item_id, tag in tags.items()}
        afis = AfiPair()
        lines = []
        for lying in pad.tags():
            alarms = afis.security(lying.afi) is Security.SECURED
            gate = _("gate would alarm") if alarms else _("gate stays silent")
            lines.append(f"{lying.uid.hex().upper()}  {names.get(lying.uid, '–')}  AFI {lying.afi:02X}  {gate}")
        return "\n".join(lines) or _("Nothing lies on the pad.")

    acts = {"lay": ("[1 2 …|ITEM|blank]", lay), "take": ("[1 2 …|ITEM|blank]", take), "show": ("", show)}
    return _Toy(
        pad,
        model,
        acts,
        PadFault,
        lambda fault, times: pad.cause(PadFault(fault), times),
        lambda fault: pad.mend(None if fault is None else PadFault(fault)),
    )


# --- the others ---------------------------------------------------------------------------------------------------


def _card(_link: Link, port: int, timing: bool, _model: str) -> _Toy:
    reader = SimulatedCardReader(port=port, real_time=timing)

    def tap(words: Sequence[str]) -> str:
        number = words[0] if words else "SIM0001"
        uid = b"\x04" + sha256(number.encode()).digest()[:6]
        try:
            cards = {"plain": VirtualCard.plain(uid[:4]), "phone": VirtualCard.inventive()}
            reader.tap(cards.get(number) or VirtualCard.with_text(uid, number))
        except ValueError as error:
            return _("That goes on no card: {reason}").format(reason=error)
        return _("A card is on the reader.")

    def take(_words: Sequence[str]) -> str:
        reader.take_away()
        return _("No card is on the reader.")

    return _Toy(
        reader,
        "nfc",
        {"tap": ("[NUMBER|plain|phone]", tap), "take": ("", take)},
        CardFault,
        lambda fault, times: reader.cause(CardFault(fault), times),
        lambda fault: reader.mend(None if fault is None else CardFault(fault)),
    )


def _scanner(link: Link, port: int, timing: bool, _model: str) -> _Toy:
    scanner = SimulatedScanner(link=link, port=port, real_time=timing)

    def scan(words: Sequence[str]) -> str:
        if not words:
            return _("Which code? For example: scan SIM-0001")
        scanner.scan(*words)
        return _("Scanned.")

    return _Toy(
        scanner,
        "scanner",
        {"scan": ("CODE …", scan)},
        ScannerFault,
        lambda fault, times: scanner.cause(ScannerFault(fault), times),
        lambda fault: scanner.mend(None if fault is None else ScannerFault(fault)),
    )


def _printer(_link: Link, port: int, timing: bool, _model: str) -> _Toy:
    printer = SimulatedPrinter(port=port, real_time=timing)

    def show(_words: Sequence[str]) -> str:
        return _("Receipts that came out: {count}").format(count=len(printer.receipts()))

    def save(words: Sequence[str]) -> str:
        from kiosk.receipts import to_png  # noqa: PLC0415 - needs a library that only those who draw receipts have

        receipts = printer.receipts()
        if not receipts:
            return _("Nothing has come out yet.")
        file = Path(words[0] if words else "receipt.png")
        try:
            file.write_bytes(to_png(receipts[-1]))
        except OSError as error:
            return _("{file} cannot be written: {reason}").format(file=file, reason=error.strerror)
        return _("The latest receipt is in {file}.").format(file=file)

    return _Toy(
        printer,
        "escpos",
        {"show": ("", show), "save": ("[FILE.png]", save)},
        PrinterFault,
        lambda fault, _times: printer.cause(PrinterFault(fault)),
        lambda fault: printer.mend(None if fault is None else PrinterFault(fault)),
    )


_MAKERS: Final[Mapping[str, Callable[[Link, int, bool, str], _Toy]]] = {
    "pad": _pad,
    "card": _card,
    "scanner": _scanner,
    "printer": _printer,
}
