"""``tramsach devices test`` and ``watch``: one device tried by a person's hand, and all of them looked at as they live.

A trial opens the device as the kiosk would, waits for what a person lays on it, and says what it is. What could name a
reader (a card, a code, a patron's tag) is masked, on screen as in JSON. Nothing is written but with ``--write``, and
then only on a tag that is blank, or that an earlier trial wrote.
"""

from __future__ import annotations

import json
import logging
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from config.devices import Devices, DeviceSettings
from config.phrase import Phrase
from drivers.devices import (
    BarcodeScanned,
    Card,
    CardPresented,
    CardRemoved,
    CodeKind,
    Connection,
    Cover,
    Device,
    DeviceBack,
    DeviceError,
    DeviceEvent,
    DeviceLost,
    Identity,
    Paper,
    PrinterStatus,
    PrintOutcome,
    ReceiptPrinter,
    RfidPad,
    SeveralCards,
    StackOverfull,
    StackSteady,
    TagArrived,
    TagContent,
    TagGone,
    TagLook,
    TagRead,
    UnreadableTag,
)
from drivers.health import read_health
from drivers.iso15693 import BLOCK_SIZE, MarkDoubt, Security, SecurityChanged, TagWritten, Uid
from drivers.iso28560_3 import encode
from drivers.library_tag import BlankTag, DamagedTag, ForeignTag, LibraryTag, Unfit, Usage
from drivers.registry import Kind, Registry, load_registry
from drivers.supervisor import Supervisor
from drivers.tag_models import known_by_uid
from kiosk.devices import known_devices, remedy
from kiosk.i18n import _, language
from kiosk.terminal import Answers, table
from sync.circulation.model import LOCAL_ZONE
from sync.store.view import told_tags

#: What a trial writes on a blank tag.
TEST_ITEM: Final = "TRAMSACH-TEST"

_GATE: Final = {
    Security.SECURED: Phrase("cổng sẽ báo động", "gate would alarm"),
    Security.RELEASED: Phrase("cổng im lặng", "gate stays silent"),
    MarkDoubt.FOREIGN: Phrase("trạng thái của thư viện khác", "another library's mark"),
    MarkDoubt.DISAGREE: Phrase("AFI và EAS nói khác nhau: cổng này báo, cổng kia không", "AFI and EAS disagree"),
    MarkDoubt.UNKNOWN: Phrase("không rõ cổng có báo động không", "nobody knows what a gate would do"),
}


def masked(text: str) -> str:
    """A number of which a person who knows it can tell that it was read, and nobody else what it is."""
    return "•" * max(0, len(text) - 2) + text[-2:] if len(text) > 4 else "•" * len(text)


# --- test ---------------------------------------------------------------------------------------------------------


def try_device(say: Answers, home: Path, name: str, *, write: bool, seconds: float) -> None:
    """Try the device of this name. Ends with 1 when it is not well, or nothing was laid on it in time."""
    registry = load_registry()
    devices = known_devices(say, home, registry)
    if devices is None or not _is_free(say, home):
        return
    device = next((one for one in devices.devices if one.name == name), None)
    if device is None:
        names = ", ".join(one.name for one in devices.devices) or "–"
        say.fail(_("There is no device '{name}'. There are: {names}.").format(name=name, names=names))
        return
    if registry.is_in_window(device):
        say.fail(_("{name} types like a keyboard: try it in the kiosk's window, tramsach kiosk").format(name=name))
        return
    try:
        with _logs_kept_down(), closing(registry.connector(device, devices)(name)) as opened:
            identity = opened.self_test()
            said = f"{identity.model} {identity.firmware} {identity.serial}".strip()
            say.show(_("{name} is there: {who}").format(name=name, who=said or _("it does not say what it is")))
            told = _try(say, home, registry, device, opened, write=write, seconds=seconds)
    except DeviceError as error:
        say.document({"device": name, "code": error.code})
        say.fail(remedy(error.code, device))
        say.fail(_("Details: {reason}").format(reason=error))
        return
    say.document({"device": name, **_identity(identity), **told})


@contextmanager
def _logs_kept_down() -> Iterator[None]:
    """Where nobody has set logs up, Python would print what drivers warn of beside the sentences that say the same."""
    nobody = logging.NullHandler()
    logging.getLogger("drivers").addHandler(nobody)
    try:
        yield
    finally:
        logging.getLogger("drivers").removeHandler(nobody)


def _is_free(say: Answers, home: Path) -> bool:
    """Whether no kiosk has the devices; says so where one has."""
    health = read_health(home)
    if health is None or not health.is_running(datetime.now(UTC)):
        return True
    say.fail(_("The kiosk is running and uses its devices. Close it first, then try again."))
    return False


def _identity(identity: Identity) -> dict[str, object]:
    return {"model": identity.model, "firmware": identity.firmware, "serial": identity.serial}


def _try(
    say: Answers, home: Path, registry: Registry, device: DeviceSettings, opened: Device, *, write: bool, seconds: float
) -> dict[str, object]:
    kind = registry.kind(device)
    if write and kind is not Kind.PAD:
        say.fail(_("Only a tag on a pad can be written."))
        return {}
    match kind:
        case Kind.PAD:
            return _try_pad(say, home, cast("RfidPad", opened), write=write, seconds=seconds)
        case Kind.CARD_READER:
            return _try_reader(say, opened, seconds)
        case Kind.SCANNER:
            return _try_scanner(say, opened, seconds)
        case Kind.PRINTER:
            return _try_printer(say, device, cast("ReceiptPrinter", opened))
        case _:
            return {}


def _events(device: Device, seconds: float) -> Iterator[DeviceEvent]:
    """What a device reports within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield from device.poll()
        time.sleep(min(device.rest, 0.1))


def _try_pad(say: Answers, home: Path, pad: RfidPad, *, write: bool, seconds: float) -> dict[str, object]:
    say.show(_("Lay a book on the pad …"))
    uids: frozenset[Uid] = frozenset()
    for event in _events(pad, seconds):
        match event:
            case StackOverfull():
                say.show(_("There are more tags than the pad can tell apart. Take some off."))
            case CardPresented(card=card):
                say.show(_("A card lies on the pad: {card}").format(card=_card_in_words(card)))
            case StackSteady(uids=found) if found:
                uids = found
                break
    if not uids:
        say.fail(_("No tag was seen. Lay a book flat on the middle of the pad; is there a chip in it?"))
        return {"tags": []}
    listed = told_tags(home, uids)
    looks = [_named(pad.look(uid), listed) for uid in sorted(uids)]
    grid = table(_("On the pad"), _("UID"), _("Content"), "AFI", "EAS", _("At the gate"), _("Chip"))
    for look in looks:
        afi = "–" if look.mark.afi is None else f"{look.mark.afi:02X}"
        eas = {True: _("on"), False: _("off"), None: "–"}[look.mark.eas]
        gate = _GATE[look.security].say(language())
        grid.add_row(look.uid.hex().upper(), _content_in_words(look.content), afi, eas, gate, _chip(look))
    say.show(grid)
    told: dict[str, object] = {"tags": [_plain_look(look) for look in looks]}
    if write:
        told["written"] = _write(say, pad, looks)
    return told


def _named(look: TagLook, listed: Mapping[Uid, str]) -> TagLook:
    """A look at a tag which says nothing itself, with what the library's list of chips says of it."""
    if look.uid not in listed or not isinstance(look.content, BlankTag | ForeignTag | DamagedTag):
        return look
    return replace(look, content=known_by_uid(look.content, listed[look.uid]))


def _chip(look: TagLook) -> str:
    system = look.system
    size = system.block_count * (system.block_size or BLOCK_SIZE) if system and system.block_count else None
    told = look.manufacturer or _("unknown maker")
    return told if size is None else _("{maker}, {size} bytes").format(maker=told, size=size)


def _content_in_words(content: TagContent) -> str:
    match content:
        case LibraryTag(usage=Usage.PATRON_CARD, item_id=number):
            return _("a reader's card: {number}").format(number=masked(number))
        case LibraryTag() as tag:
            said = f"{tag.item_id} ({tag.model.value})"
            if tag.parts_in_item > 1:
                part = _("part {part} of {parts}").format(part=tag.part_number, parts=tag.parts_in_item)
                said += f", {part}"
            return ", ".join((said, *(tag.isil,) * bool(tag.isil), *(warning.value for warning in tag.warnings)))
        case BlankTag():
            return _("blank: it waits to be given an item")
        case ForeignTag():
            return _("in no layout that is known here")
        case DamagedTag(damage=damage):
            return _("damaged: {damage}").format(damage=damage.value)
        case UnreadableTag(fault=fault):
            return _("cannot be read: {fault}").format(fault=fault.value)


def _plain_look(look: TagLook) -> dict[str, object]:
    tag = look.content if isinstance(look.content, LibraryTag) else None
    is_card = tag is not None and tag.usage is Usage.PATRON_CARD
    alarms = look.security is Security.SECURED if isinstance(look.security, Security) else None
    return {
        "uid": look.uid.hex().upper(),
        "content": _CONTENTS[type(look.content)],
        "model": tag.model.value if tag else None,
        "item_id": (masked(tag.item_id) if is_card else tag.item_id) if tag else None,
        "is_card": is_card,
        "isil": tag.isil if tag else None,
        "warnings": [warning.value for warning in tag.warnings] if tag else [],
        "afi": f"{look.mark.afi:02X}" if look.mark.afi is not None else None,
        "eas": look.mark.eas,
        "security": look.security.value,
        "gate_alarms": alarms,
        "chip": look.manufacturer,
    }


_CONTENTS: Final = {
    LibraryTag: "library",
    BlankTag: "blank",
    ForeignTag: "foreign",
    DamagedTag: "damaged",
    UnreadableTag: "unreadable",
}


def _write(say: Answers, pad: RfidPad, looks: list[TagLook]) -> bool:
    """Makes the one tag a test tag, arms and releases it, and puts its mark back. Answers whether all of it held."""
    content = looks[0].content
    is_test = isinstance(content, LibraryTag) and content.item_id == TEST_ITEM
    if len(looks) != 1 or not (is_test or isinstance(content, BlankTag)):
        say.fail(_("Only one blank tag alone is written, so that no book loses its content. Lay one on the pad."))
        return False
    uid, before = looks[0].uid, looks[0].mark
    size = len(looks[0].raw) // BLOCK_SIZE * BLOCK_SIZE
    encoded = encode(LibraryTag(TEST_ITEM), size)
    if isinstance(encoded, Unfit):
        say.fail(_("The tag is too small."))
        return False
    whole = encoded.ljust(-(-len(encoded) // BLOCK_SIZE) * BLOCK_SIZE, b"\0")
    steps: tuple[tuple[str, Callable[[], bool]], ...] = (
        (_("content"), lambda: isinstance(pad.write(uid, whole), TagWritten)),
        (_("gate alarms"), lambda: isinstance(pad.secure(uid), SecurityChanged)),
        (_("gate silent"), lambda: isinstance(pad.release(uid), SecurityChanged)),
        (_("as before"), lambda: not before.is_known or isinstance(pad.restore(uid, before), SecurityChanged)),
    )
    for step, done in steps:
        if not done():
            say.fail(_("Writing failed at: {step}. Leave the tag lying still, or try another one.").format(step=step))
            return False
        say.show(_("Written and read back: {step}").format(step=step))
    return True


def _try_reader(say: Answers, reader: Device, seconds: float) -> dict[str, object]:
    say.show(_("Hold a card to the reader …"))
    for event in _events(reader, seconds):
        match event:
            case SeveralCards():
                say.show(_("Several cards are on the reader. Hold one alone."))
            case CardPresented(card=card):
                say.show(_card_in_words(card))
                if card.uid_is_random:
                    say.fail(_("This card invents a new number each time (a telephone, or a bank's): it names nobody."))
                return {"card": _plain_card(card)}
            case _:
                pass
    say.fail(_("No card was seen. Hold it flat and still; is it a contactless one?"))
    return {"card": None}


def _card_in_words(card: Card) -> str:
    number = card.patron_identifier
    if number is None:
        return _("{technology}, its own number {uid}").format(
            technology=card.technology.value, uid=masked(card.uid.hex().upper())
        )
    return _("{technology}, with the patron's number {number}").format(
        technology=card.technology.value, number=masked(number)
    )


def _plain_card(card: Card) -> dict[str, object]:
    return {
        "technology": card.technology.value,
        "uid": masked(card.uid.hex().upper()),
        "uid_is_random": card.uid_is_random,
        "patron_identifier": masked(card.patron_identifier) if card.patron_identifier is not None else None,
    }


def _try_scanner(say: Answers, scanner: Device, seconds: float) -> dict[str, object]:
    say.show(_("Scan a code …"))
    for event in _events(scanner, seconds):
        if isinstance(event, BarcodeScanned):
            say.show(_code_in_words(event))
            return {"code": _plain_code(event)}
    say.fail(_("No code came. Is the scanner set to a serial port (USB-COM), and to send Enter behind each code?"))
    return {"code": None}


def _code_in_words(event: BarcodeScanned) -> str:
    kinds = {
        CodeKind.PATRON: _("a reader's number"),
        CodeKind.ITEM: _("an item's number"),
        CodeKind.UNKNOWN: _("by its beginning it may be either"),
    }
    code, kind = masked(event.text), kinds[event.kind]
    return _("read: {code}, {length} characters, {kind}").format(code=code, length=len(event.text), kind=kind)


def _plain_code(event: BarcodeScanned) -> dict[str, object]:
    return {"code": masked(event.text), "length": len(event.text), "kind": event.kind.value}


def _try_printer(say: Answers, device: DeviceSettings, printer: ReceiptPrinter) -> dict[str, object]:
    from kiosk.receipts import test_page  # noqa: PLC0415 - draws with a library that a station without a printer lacks

    status = next((event for event in printer.poll() if isinstance(event, PrinterStatus)), PrinterStatus(device.name))
    say.show(_status_in_words(status))
    if status.paper is Paper.OUT:
        say.fail(_("There is no paper. Put in a new roll, then try again."))
        return {"status": _plain_status(status), "outcome": None}
    page = test_page(language(), printer.width, device=device.name, at=datetime.now(UTC))
    outcome = printer.print(page)
    match outcome:
        case PrintOutcome.PRINTED:
            say.show(_("The test page is out. Check that every letter is whole and the ruler reaches both edges."))
        case PrintOutcome.UNKNOWN:
            say.fail(_("Everything was sent, and the printer does not say whether it came out. Look at the paper."))
        case PrintOutcome.FAILED:
            say.fail(_("The page did not come out whole. Check paper, cover and cable, then try again."))
    return {"status": _plain_status(status), "outcome": outcome.value}


def _status_in_words(status: PrinterStatus) -> str:
    connections = {
        Connection.ONLINE: _("ready"),
        Connection.OFFLINE: _("not ready"),
        Connection.UNKNOWN: _("it does not say whether it is ready"),
    }
    covers = {
        Cover.CLOSED: _("cover closed"),
        Cover.OPEN: _("cover open"),
        Cover.UNKNOWN: _("cover unknown"),
    }
    papers = {
        Paper.PRESENT: _("paper is in"),
        Paper.LOW: _("paper near its end"),
        Paper.OUT: _("no paper"),
        Paper.UNKNOWN: _("paper unknown"),
    }
    return ", ".join((connections[status.connection], covers[status.cover], papers[status.paper]))


def _plain_status(status: PrinterStatus) -> dict[str, object]:
    return {"connection": status.connection.value, "cover": status.cover.value, "paper": status.paper.value}


# --- watch --------------------------------------------------------------------------------------------------------


def watch(say: Answers, home: Path, seconds: float | None) -> None:
    """Show what all devices report, as it happens, until the time is over or somebody presses Ctrl-C."""
    registry = load_registry()
    devices = known_devices(say, home, registry)
    if devices is None or not _is_free(say, home):
        return
    if not devices.devices:
        say.fail(_("There are no devices to watch. Find them: tramsach devices probe"))
        return
    until = None if seconds is None else time.monotonic() + seconds
    say.show(_("Ctrl-C ends it."))
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    try:
        with _logs_kept_down(), Supervisor(events.put) as supervisor:
            for device in (one for one in devices.devices if not registry.is_in_window(one)):
                supervisor.add(device.name, registry.connector(device, devices))
            while until is None or time.monotonic() < until:
                try:
                    event = events.get(timeout=0.5 if until is None else max(0.0, min(0.5, until - time.monotonic())))
                except queue.Empty:
                    continue
                _show_event(say, event, devices)
    except KeyboardInterrupt:
        pass  # this is how it ends


def _show_event(say: Answers, event: DeviceEvent, devices: Devices) -> None:
    now = datetime.now(UTC)
    if say.as_json:
        line = {"at": now.isoformat(), "device": event.device, **plain_event(event)}
        say.line(json.dumps(line, ensure_ascii=False))
        return
    say.show(f"{now.astimezone(LOCAL_ZONE):%H:%M:%S}  {event.device}  {event_in_words(event, devices)}")


def plain_event(event: DeviceEvent) -> dict[str, object]:
    """An event for a machine to read; what could name a reader is masked."""
    match event:
        case DeviceBack(identity=identity):
            return {"event": "back", **_identity(identity)}
        case DeviceLost(code=code):
            return {"event": "lost", "code": code}
        case TagArrived(uid=uid):
            return {"event": "tag_arrived", "uid": uid.hex().upper()}
        case TagRead(uid=uid, content=content):
            return {"event": "tag_read", "uid": uid.hex().upper(), "content": _CONTENTS[type(content)]}
        case TagGone(uid=uid):
            return {"event": "tag_gone", "uid": uid.hex().upper()}
        case StackSteady(uids=uids):
            return {"event": "steady", "tags": len(uids)}
        case StackOverfull():
            return {"event": "overfull"}
        case CardPresented(card=card):
            return {"event": "card", **_plain_card(card)}
        case SeveralCards():
            return {"event": "several_cards"}
        case CardRemoved():
            return {"event": "card_removed"}
        case BarcodeScanned():
            return {"event": "code", **_plain_code(event)}
        case PrinterStatus():
            return {"event": "printer", **_plain_status(event)}


def event_in_words(event: DeviceEvent, devices: Devices) -> str:
    """An event for a person; what could name a reader is masked."""
    match event:
        case DeviceBack():
            return _("is there")
        case DeviceLost(code=code, device=name):
            device = next(one for one in devices.devices if one.name == name)
            return _("is lost. {advice}").format(advice=remedy(code, device).say(language()))
        case TagArrived(uid=uid):
            return _("tag {uid} is on the pad").format(uid=uid.hex().upper())
        case TagRead(uid=uid, content=content):
            return _("tag {uid}: {content}").format(uid=uid.hex().upper(), content=_content_in_words(content))
        case TagGone(uid=uid):
            return _("tag {uid} is gone").format(uid=uid.hex().upper())
        case StackSteady(uids=uids):
            return _("tags lying still: {count}").format(count=len(uids))
        case StackOverfull():
            return _("There are more tags than the pad can tell apart. Take some off.")
        case CardPresented(card=card):
            return _card_in_words(card)
        case SeveralCards():
            return _("Several cards are on the reader. Hold one alone.")
        case CardRemoved():
            return _("the card was taken away")
        case BarcodeScanned():
            return _code_in_words(event)
        case PrinterStatus():
            return _status_in_words(event)
