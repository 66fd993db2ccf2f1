"""The drivers that come with the product, in the order in which a stranger is asked.

The order is that of :func:`drivers.finding.probe` (it says why): who prints is asked before anybody is asked in a
pad's words. Each opener imports its driver when it is called, because with the driver comes the device library, which
a machine need not have.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from config.devices import DeviceSettings
from config.phrase import Phrase
from drivers.codes import CheckDigit, CodeRules
from drivers.devices import CannotOpen, Device, Identity, NoAnswer, SerialLine
from drivers.iso15693 import AfiPair, Marking, MarkPolicy
from drivers.registry import Driver, Kind, Question, Scheme, line_of, scheme
from drivers.tag_protocol import TagProtocol

_WIRED: Final = frozenset({Scheme.SERIAL, Scheme.SOCKET})
_LINE: Final = frozenset({"serial", "baud", "framing"})

#: How long a stranger may take to say who it is, in seconds: no tag is waited for, so the time limits of readers, which
#: are for tags, are not needed.
_HELLO_WITHIN: Final = 0.6

# --- pads ---------------------------------------------------------------------------------------------------------


def _feig() -> TagProtocol:
    from drivers.feig import Feig

    return Feig()


def _bibliotheca() -> TagProtocol:
    from drivers.bibliotheca import Bibliotheca

    return Bibliotheca()


def _rl866() -> TagProtocol:
    from drivers.rl866 import Rl866

    return Rl866()


def _open_pad(protocol: Callable[[], TagProtocol], name: str, device: DeviceSettings) -> Device:
    from drivers.pad import Pad

    spoken = protocol()
    marking = Marking(MarkPolicy(device.security), AfiPair(device.afi_secured, device.afi_released))
    return Pad.open(name, url=device.url, protocol=spoken, line=line_of(device, spoken.line), marking=marking)


def _ask_pad(protocol: Callable[[], TagProtocol], url: str, line: SerialLine | None) -> Identity:
    """Says hello as at each opening. That may start the reader, as 3M's need it; no tag is touched by it."""
    from drivers.port import Dialogue, Port

    spoken = protocol()
    with Port.open(url, line) as port:
        dialogue = Dialogue(port, spoken.decoder, answer_within=_HELLO_WITHIN, gap=spoken.gap)
        return dialogue.run(spoken.hello())


def _pad(name: str, drives: Phrase, protocol: Callable[[], TagProtocol], *lines: SerialLine) -> Driver:
    """``lines`` are how such a pad may be set, the first as it is delivered."""
    return Driver(
        name,
        Kind.PAD,
        drives,
        partial(_open_pad, protocol),
        schemes=_WIRED,
        line=lines[0],
        heeds=_LINE | {"security", "afi_secured", "afi_released"},
        question=Question(partial(_ask_pad, protocol), lines),
        libraries=("serial",),
    )


# --- printers -----------------------------------------------------------------------------------------------------

_PRINTER_LINE: Final = SerialLine()
#: Real-time questions (DLE EOT n), which print nothing: is it online, and has it paper.
_QUESTIONS: Final = (b"\x10\x04\x01", b"\x10\x04\x04")
_PRINTER_ANSWERS_WITHIN: Final = 0.3


def _open_printer(name: str, device: DeviceSettings) -> Device:
    from drivers.receipt_printer import EscPosPrinter

    return EscPosPrinter(
        name,
        url=device.url,
        line=line_of(device, _PRINTER_LINE),
        width=device.width,
        cutter=device.cutter,
        model=device.model,
    )


def _ask_printer(url: str, line: SerialLine | None) -> Identity:
    """Two questions, because one byte alone could be anybody's (facts/receipts.md, 5.1)."""
    from drivers.printer_wires import open_printer

    with open_printer(url, line) as port:
        for question in _QUESTIONS:
            port.write(question)
            reply = port.read(_PRINTER_ANSWERS_WITHIN)
            if len(reply) != 1 or reply[0] & 0x93 != 0x12:
                raise NoAnswer(f"{url}: not a printer's answer", sent=question, received=reply)
    return Identity("ESC/POS")


# --- scanners and card readers ------------------------------------------------------------------------------------

_SCANNER_LINE: Final = SerialLine()
_CODES: Final = frozenset({"patron_prefix", "item_prefix", "check_digit"})


def _rules(device: DeviceSettings) -> CodeRules:
    return CodeRules(device.patron_prefix, device.item_prefix, CheckDigit(device.check_digit))


def _open_scanner(name: str, device: DeviceSettings) -> Device:
    from drivers.barcodes import LineScanner

    return LineScanner.open(name, url=device.url, line=line_of(device, _SCANNER_LINE), rules=_rules(device))


def _open_wedge(name: str, device: DeviceSettings) -> Device:
    from drivers.wedge_scanner import WedgeScanner

    return WedgeScanner.open(name, rules=_rules(device))


def _open_nfc(name: str, device: DeviceSettings) -> Device:
    from drivers.nfc_cards import NfcReader

    return NfcReader.open(name, url=device.url)


def _ask_nfc(url: str, line: SerialLine | None) -> Identity:
    del line  # nfcpy finds it out by itself
    from drivers.nfc_cards import NfcReader

    try:
        reader = NfcReader.open("stranger", url=url)
    except CannotOpen as error:
        if scheme(url) in _WIRED:
            # The port is there, since it was listened to: it is the chip that is not.
            raise NoAnswer(str(error)) from error
        raise
    try:
        return reader.self_test()
    finally:
        reader.close()


def _open_pcsc(name: str, device: DeviceSettings) -> Device:
    from drivers.pcsc import PcscReader

    return PcscReader.open(name, url=device.url)


def _ask_pcsc(url: str, line: SerialLine | None) -> Identity:
    del line  # the system's own affair
    from drivers.pcsc import PcscReader

    reader = PcscReader.open("stranger", url=url)
    try:
        return reader.self_test()
    finally:
        reader.close()


DRIVERS: Final = (
    Driver(
        "escpos",
        Kind.PRINTER,
        Phrase("Máy in biên lai ESC/POS", "ESC/POS receipt printer"),
        _open_printer,
        schemes=_WIRED | {Scheme.USB, Scheme.FILE},
        line=_PRINTER_LINE,
        heeds=_LINE | {"width", "cutter", "model"},
        question=Question(_ask_printer, tuple(SerialLine(baud) for baud in (9600, 19200, 38400, 115_200))),
        libraries=("serial",),
    ),
    _pad(
        "feig",
        Phrase("Mặt đọc FEIG OBID", "FEIG OBID pad"),
        _feig,
        SerialLine(38400, "8E1"),
        SerialLine(38400, "8N1"),
        SerialLine(115_200, "8E1"),
    ),
    _pad(
        "rl866",
        Phrase("Mặt đọc RL866", "RL866 pad"),
        _rl866,
        SerialLine(38400, "8E1"),
        SerialLine(38400, "8N1"),
    ),
    _pad(
        "bibliotheca",
        Phrase("Mặt đọc 3M 210/810 (Bibliotheca)", "3M 210/810 (Bibliotheca) pad"),
        _bibliotheca,
        SerialLine(19200, "8N1"),
    ),
    Driver(
        "scanner",
        Kind.SCANNER,
        Phrase("Máy quét mã vạch trên cổng nối tiếp", "Barcode scanner on a serial line"),
        _open_scanner,
        schemes=_WIRED,
        line=_SCANNER_LINE,
        heeds=_LINE | _CODES,
        libraries=("serial",),
    ),
    Driver(
        "wedge",
        Kind.SCANNER,
        Phrase("Máy quét mã vạch gõ như bàn phím", "Barcode scanner that plays a keyboard"),
        _open_wedge,
        heeds=_CODES,
        in_window=True,
    ),
    Driver(
        "nfc",
        Kind.CARD_READER,
        Phrase("Đầu đọc thẻ NFC (nfcpy)", "NFC card reader (nfcpy)"),
        _open_nfc,
        schemes=_WIRED | {Scheme.USB, Scheme.TTY, Scheme.UDP},
        heeds=frozenset({"serial"}),
        question=Question(_ask_nfc),
        libraries=("nfc", "ndef"),
    ),
    Driver(
        "pcsc",
        Kind.CARD_READER,
        Phrase("Đầu đọc thẻ của hệ điều hành (PC/SC)", "Card reader of the system's (PC/SC)"),
        _open_pcsc,
        schemes=frozenset({Scheme.PCSC}),
        question=Question(_ask_pcsc),
        libraries=("smartcard",),
        install="tramsach[pcsc]",
    ),
)
