"""The reader in a simulated pad of 3M's, today Bibliotheca's: frames to tags in the air and back (facts/rfid.md, 5.2).

Before its init it understands nothing else, and nothing again after it has lost its power. Reads are answered in the
form they are asked in; a reader with old firmware knows the old form alone, and calls options a wrong parameter. It
passes requests on to the air for whoever knows what to say there. What locks a tag it calls not implemented.
"""

from __future__ import annotations

from typing import Final

from drivers import bibliotheca as make
from drivers.bibliotheca import BibliothecaDecoder, Frame, ReadForm
from drivers.codec import crc_x25
from drivers.iso15693 import BLOCK_SIZE, UID_LENGTH, Uid
from drivers.simulators import air
from drivers.simulators.air import Request, Response
from drivers.simulators.field import Field, NoResponse
from drivers.simulators.wire import Pace

_STARTED: Final = bytes.fromhex("110A05021B")
_VERSION: Final = bytes.fromhex("0A030206")
_SET_UP: Final = bytes.fromhex("0201010302020300")
#: Length of the request, and two words of which only values seen on the wire are known.
_PASS_THROUGH_HEAD: Final = 6
_KNOWN: Final = frozenset(
    {make.READ, make.WRITE, make.WRITE_AFI, make.WRITE_EAS, make.GET_AFI, make.CHECK_EAS, make.TAG_INFORMATION}
)


class BibliothecaReader:
    """See :class:`drivers.simulators.pad.Reader`."""

    pace = Pace(19200, bits=10)

    def __init__(self, *, old_firmware: bool = False) -> None:
        self._old_firmware = old_firmware
        self._started = False

    def decoder(self) -> BibliothecaDecoder:
        """For what comes from the host."""
        return BibliothecaDecoder()

    def restart(self) -> None:
        """Waits for its init again."""
        self._started = False

    def answer(self, frame: bytes, field: Field) -> bytes | None:
        """The whole reply; nothing before the init."""
        request = Frame.parse(frame)
        if request.start == make.START_OF_INIT:
            if (request.command, request.payload) != (make.INIT, b"\x00\x11"):
                return None
            self._started = True
            return Frame(make.INIT, b"\0" + _STARTED, make.START_OF_INIT).encode()
        if not self._started:
            return None
        return Frame(request.command, self._answer(request.command, request.payload, field)).encode()

    def _answer(self, command: int, payload: bytes, field: Field) -> bytes:
        """Error code and what follows it."""
        match command, payload:
            case make.SET_UP, _:
                return b"\0" + _SET_UP
            case make.VERSION, b"":
                return b"\0" + _VERSION
            case make.INVENTORY, options if len(options) == 2:
                return _inventory(options, field)
            case make.PASS_THROUGH, _:
                return _pass_through(payload, field)
            case _:
                return self._tag_command(command, payload, field)

    def _tag_command(self, command: int, payload: bytes, field: Field) -> bytes:
        uid, rest = payload[:UID_LENGTH], payload[UID_LENGTH:]
        match command, rest:
            case make.READ, rest if len(rest) in {2, 3} and rest[1]:
                return self._read(uid, rest[0], rest[1], rest[2:], field)
            case make.WRITE, rest if len(rest) > 3 and len(rest) == 3 + rest[1] * BLOCK_SIZE:
                return _write(uid, rest[0], rest[3:], field)
            case make.WRITE_AFI, rest if len(rest) == 1:
                return _reply(uid, field.say(Request.to(uid, air.WRITE_AFI, rest)), make.NOT_PUT)
            case make.WRITE_EAS, rest if len(rest) == 1:
                told = field.say(Request.to(uid, air.SET_EAS if rest[0] else air.RESET_EAS))
                return _reply(uid, told, make.NOT_PUT)
            case make.GET_AFI, b"":
                told = field.say(Request.to(uid, air.GET_SYSTEM_INFORMATION))
                data = told.data[2 + UID_LENGTH : 3 + UID_LENGTH] if isinstance(told, Response) else b""
                return _reply(uid, told, make.NOT_READ) + data
            case make.CHECK_EAS, b"":
                told = field.say(Request.to(uid, air.EAS_ALARM))
                # A chip that is silent and one that is not there are the same to it.
                return _reply(uid, told, make.NOT_READ) + (b"\x01" if isinstance(told, Response) else b"\0")
            case make.TAG_INFORMATION, rest if len(rest) == 1:
                return _tag_information(uid, rest[0], field)
            case command, _ if command in _KNOWN:
                return bytes((make.PARAMETER,))
            case _:
                return bytes((make.NOT_IMPLEMENTED,))

    def _read(self, uid: Uid, first: int, count: int, options: bytes, field: Field) -> bytes:
        form = ReadForm(options[0]) if options and options[0] in set(ReadForm) else ReadForm.OLD
        if options and (self._old_firmware or form is ReadForm.OLD):
            return bytes((make.PARAMETER,)) + uid
        told = field.say(Request.to(uid, air.READ_MULTIPLE_BLOCKS, bytes((first, count - 1)), option=True))
        if not isinstance(told, Response) or told.error is not None:
            return _reply(uid, told, make.NOT_READ)
        length = 1 + BLOCK_SIZE
        blocks = [told.data[at : at + length] for at in range(0, len(told.data), length)]
        if form is ReadForm.OLD:
            body = b"".join(bytes((number,)) + block for number, block in enumerate(blocks, first))
            return b"\0" + uid + bytes((count,)) + body
        body = b"".join(block[1:] if form is ReadForm.PLAIN else block for block in blocks)
        return b"\0" + uid + bytes((first, count)) + body


def _inventory(options: bytes, field: Field) -> bytes:
    here = field.inventory()
    if here is None:
        return bytes((make.NO_MEMORY,))
    if options[0]:
        here = [tag for tag in here if tag.afi == options[0]]
    if here and field.unfinished():
        here = here[:-1]  # it does not say so
    return b"\0" + options + bytes((len(here),)) + b"".join(tag.uid for tag in here)


def _write(uid: Uid, first: int, data: bytes, field: Field) -> bytes:
    for at in range(0, len(data), BLOCK_SIZE):
        number = first + at // BLOCK_SIZE
        told = field.say(Request.to(uid, air.WRITE_SINGLE_BLOCK, bytes((number,)) + data[at : at + BLOCK_SIZE]))
        if not isinstance(told, Response) or told.error is not None:
            return _reply(uid, told, make.NOT_PUT) + bytes((number,))
    return b"\0" + uid + bytes((first + len(data) // BLOCK_SIZE,))


def _tag_information(uid: Uid, options: int, field: Field) -> bytes:
    told = field.say(Request.to(uid, air.GET_SYSTEM_INFORMATION))
    if not isinstance(told, Response) or told.error is not None:
        return _reply(uid, told, make.NOT_READ)
    dsfid, afi, count, size, chip = told.data[1 + UID_LENGTH :]
    fields = {0x01: (dsfid,), 0x02: (afi,), 0x04: (size, count), 0x08: (chip,)}
    has = options & told.data[0]
    return b"\0" + uid + bytes((has,)) + b"".join(bytes(value) for bit, value in fields.items() if has & bit)


def _pass_through(payload: bytes, field: Field) -> bytes:
    """A head, then a request without its CRC; the answer comes without its own."""
    body = payload[_PASS_THROUGH_HEAD:]
    if payload[:2] != len(body).to_bytes(2, "big"):
        return bytes((make.PARAMETER,))
    request = Request.parse(body + crc_x25(body).to_bytes(2, "little"))
    told = NoResponse.SILENCE if request is None else field.say(request)
    if not isinstance(told, Response):
        return bytes((make.NO_TRANSPONDER,))
    answer = told.encode()[:-2]
    return b"\0\0" + len(answer).to_bytes(2, "big") + answer


def _reply(uid: Uid, told: Response | NoResponse, refused: int) -> bytes:
    """Error code and UID for what a tag said; ``refused`` is for what has no code of its own."""
    if told is NoResponse.SILENCE:
        error = make.NO_TRANSPONDER
    elif not isinstance(told, Response):
        error = make.NOT_READ
    elif told.error is None:
        error = make.OK
    else:
        error = {air.LOCKED: make.LOCKED, air.NOT_SUPPORTED: make.ISO_NOT_SUPPORTED}.get(told.error, refused)
    return bytes((error,)) + uid
