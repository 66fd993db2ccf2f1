"""What the bench of the demonstration says, in the language the kiosk speaks at the moment."""

from __future__ import annotations

from kiosk.demo.library import PIN
from kiosk.demo.workbench import HEADQUARTERS, BookOnBench, CardKind, Event, Fault, Logged, Note
from kiosk.i18n import words


def heading(language: str) -> tuple[str, str]:
    """The name of the bench, and what to know of it."""
    _ = words(language)
    return _("The bench"), _("Simulated devices on real wires")


def clear(language: str) -> str:
    """The button that puts everything back."""
    _ = words(language)
    return _("Clear the bench")


def panel(name: str, language: str) -> str:
    """The name of a part of the bench; a device's is that of its kind."""
    _ = words(language)
    return {
        "shelf": _("Shelf"),
        "pad": _("RFID pad"),
        "reader": _("Card reader"),
        "scanner": _("Barcode scanner"),
        "printer": _("Receipt printer"),
        HEADQUARTERS: _("Headquarters"),
        "log": _("Just now"),
    }[name]


def hint(name: str, language: str) -> str:
    """What to do in a part of the bench, what to know there, or what its emptiness means."""
    _ = words(language)
    return {
        "shelf": _("Click a book: onto the pad, and off again"),
        "reader": _("PIN of every card: {pin}").format(pin=PIN),
        "pad": _("No books on the pad"),
        "printer": _("No receipt yet"),
    }[name]


def on_pad(count: int, language: str) -> str:
    """How many books lie there."""
    _ = words(language)
    return _("On the pad: {n}").format(n=count)


def unsent(count: int, language: str) -> str:
    """How many events headquarters does not have yet; that it has them all only when it has said so."""
    _ = words(language)
    if not count:
        return _("All events are at headquarters")
    if count == 1:
        return _("Headquarters: 1 event to go")
    return _("Headquarters: {n} events to go").format(n=count)


def well(state: bool | None, language: str) -> tuple[str, str, str]:
    """How the kiosk finds a device: the word, its icon, its role."""
    _ = words(language)
    if state is None:
        return _("Not known"), "off", "text_soft"
    return (_("Well"), "tick", "ok") if state else (_("Trouble"), "cross", "refused")


def lock(book: BookOnBench, language: str) -> str:
    """Whether the tags of a book are secured."""
    _ = words(language)
    if 0 < book.released < len(book.parts):
        return _("Open {n}/{parts}").format(n=book.released, parts=len(book.parts))
    return _("Open") if book.released else _("Locked")


def note(book: BookOnBench, language: str) -> str:
    """What is special about a book."""
    _ = words(language)
    match book.note:
        case Note.SET:
            return _("Set of {n}").format(n=len(book.parts))
        case Note.FOR_READING_HERE:
            return _("Read here")
        case Note.ELSEWHERE:
            return _("Other library")
        case Note.PLAIN:
            return ""


def card(kind: CardKind, language: str) -> str:
    """What a card shows."""
    _ = words(language)
    return {
        CardKind.ADULT: _("Adult"),
        CardKind.CHILD: _("Child"),
        CardKind.READING: _("Reading card"),
        CardKind.SMALL_DEPOSIT: _("Small deposit"),
        CardKind.EXPIRED: _("Expired card"),
        CardKind.BLOCKED: _("Blocked card"),
        CardKind.OTHER_LIBRARY: _("Other library"),
        CardKind.UNKNOWN: _("Unknown card"),
    }[kind]


def on_reader(language: str) -> str:
    """Where the card lies."""
    _ = words(language)
    return _("on the reader")


def barcode(place: int, language: str) -> str:
    """What a barcode stands on: a book (0) or a card (1)."""
    _ = words(language)
    return _("Library card") if place else _("Book, no chip")


def fault(which: Fault, language: str) -> str:
    """A switch that breaks something."""
    _ = words(language)
    return {
        Fault.PAD_CABLE: _("Cable pulled"),
        Fault.ANSWER_LOST: _("Answer lost after write"),
        Fault.TAG_DAMAGED: _("Chip damaged"),
        Fault.READER_SILENT: _("No answer"),
        Fault.PAPER_OUT: _("Paper out"),
        Fault.COVER_OPEN: _("Cover lifted"),
        Fault.PRINTER_SILENT: _("No answer"),
        Fault.NETWORK: _("Network pulled"),
    }[which]


def logged(line: Logged, language: str) -> str:
    """A line of the log."""
    _ = words(language)
    match line.event:
        case Event.BROKEN | Event.MENDED:
            which = Fault(line.of)
            of = f"{panel(which.device, language)}: {fault(which, language)}"
        case Event.LOST | Event.BACK:
            of = panel(line.of, language)
        case _:
            of = line.of
    return {
        Event.PUT: _("Onto the pad: {what}"),
        Event.LIFTED: _("Off the pad: {what}"),
        Event.RELEASED: _("Chip opened: {what}"),
        Event.SECURED: _("Chip locked: {what}"),
        Event.CARD: _("A card came onto the reader"),
        Event.CARD_AWAY: _("The card was taken away"),
        Event.SCANNED: _("A barcode was scanned"),
        Event.BROKEN: _("Broken: {what}"),
        Event.MENDED: _("Mended: {what}"),
        Event.RECEIPT: _("A receipt came out"),
        Event.LOST: _("The kiosk misses: {what}"),
        Event.BACK: _("The kiosk has it back: {what}"),
        Event.CLEARED: _("The bench was cleared"),
    }[line.event].format(what=of)
