"""The reader in a simulated RL866 pad: frames to tags in the air and back (facts/rfid.md, 5.3).

It keeps count of the frames, asks for a resync when it has lost count, and keeps connections by their handles. A list
that is too long for one reply goes on in the next, when it is asked to.
"""

from __future__ import annotations

from typing import Final, TypeGuard

from drivers import rl866 as make
from drivers.iso15693 import BLOCK_SIZE, UID_LENGTH, Uid
from drivers.rl866 import Frame, Rl866Decoder
from drivers.simulators import air
from drivers.simulators.air import Request, Response
from drivers.simulators.field import Field, NoResponse, VirtualTag
from drivers.simulators.wire import Pace

_CONFIGURATION: Final = bytes.fromhex("0102020003016400000000000000")
#: What a report of an inventory holds: antenna, protocol, type of chip, serial number.
_REPORT: Final = 0x0F
_ICODE_SLIX: Final = 7
_MOST_HANDLES: Final = 8
#: What it says to a request it cannot make sense of.
_WRONG: Final = 0x0102


class Rl866Reader:
    """See :class:`drivers.simulators.pad.Reader`."""

    pace = Pace(38400, bits=11)

    def __init__(self, *, tags_per_answer: int = 16) -> None:
        self._tags_per_answer = tags_per_answer
        self.restart()

    def decoder(self) -> Rl866Decoder:
        """For what comes from the host."""
        return Rl866Decoder()

    def restart(self) -> None:
        """Forgets count and connections, and wants a resync first."""
        self._expected: int | None = None
        self._handles: dict[int, Uid] = {}
        self._unlisted: list[bytes] = []
        self._unfinished = False

    def answer(self, frame: bytes, field: Field) -> bytes | None:
        """The whole reply."""
        request = Frame.parse(frame)
        if request.control == make.RESYNC:
            self._expected = make.FIRST
            return Frame(make.FROM_READER, make.RESYNCED).encode()
        if not request.information:
            return None
        command, parameters = request.information[0], request.information[1:]
        if request.control != self._expected:
            status, data = make.WRONG_SEQUENCE, b""
        else:
            self._expected ^= make.SECOND
            status, data = self._answer(command, parameters, field)
        information = bytes((command,)) + status.to_bytes(2, "little") + data
        return Frame(make.FROM_READER, request.control, information).encode()

    def _answer(self, command: int, parameters: bytes, field: Field) -> tuple[int, bytes]:
        """Status and parameters."""
        match command, parameters:
            case make.READ_CONFIGURATION, b"\x01\x01":
                return make.OK, b"\x01" + _CONFIGURATION
            case make.INVENTORY, flags if len(flags) == 1:
                return self._inventory(flags[0], field)
            case make.CONNECT, where if len(where) == 5 + UID_LENGTH and where[4] == make.ADDRESSED:
                # It notes whom it is to speak to; that there is somebody shows at the first access.
                free = next((one for one in range(1, _MOST_HANDLES + 1) if one not in self._handles), None)
                if free is None:
                    return make.WRONG_HANDLE, b""
                self._handles[free] = where[5:][::-1]
                return make.OK, bytes((free,))
            case make.DISCONNECT, handle if len(handle) == 1:
                if handle[0] == make.ALL_HANDLES:
                    self._handles.clear()
                elif self._handles.pop(handle[0], None) is None:
                    return make.WRONG_HANDLE, b""
                return make.OK, b""
            case make.ACCESS, access if len(access) >= 4 and access[1] == len(access) - 2:
                uid = self._handles.get(access[0])
                if uid is None:
                    return make.WRONG_HANDLE, b""
                told = _access(uid, int.from_bytes(access[2:4], "little"), access[4:], field)
                body = access[2:4] + (b"\x01" + told if isinstance(told, bytes) else b"\0" + _word(told))
                return make.OK, bytes((len(body),)) + body
            case _:
                return _WRONG, b""

    def _inventory(self, flags: int, field: Field) -> tuple[int, bytes]:
        if not flags & make.CONTINUE:
            here = field.inventory()
            if here is None:
                return make.COLLISION, b""
            self._unlisted = [_report(tag) for tag in here]
            self._unfinished = bool(here) and field.unfinished()
            if self._unfinished:
                self._unlisted.pop()
        elif self._unfinished and not self._unlisted:
            return make.COLLISION, b""
        now, self._unlisted = self._unlisted[: self._tags_per_answer], self._unlisted[self._tags_per_answer :]
        stopped = make.NOT_ALL if self._unlisted or self._unfinished else 0
        head = bytes((stopped,)) + _word(len(now) + len(self._unlisted)) + bytes((len(now),))
        return make.OK, head + b"".join(now)


def _report(tag: VirtualTag) -> bytes:
    return bytes((_REPORT, 1, make.ISO15693, _ICODE_SLIX, UID_LENGTH + 1)) + tag.uid[::-1] + b"\0"


def _access(uid: Uid, code: int, parameters: bytes, field: Field) -> bytes | int:
    """What an access returns, or why it failed."""
    match code, parameters:
        case make.READ_BLOCKS, parameters if (
            len(parameters) == 5 and 0 < int.from_bytes(parameters[3:], "little") <= 0x100
        ):
            locks, first, count = parameters[0], parameters[1:3], int.from_bytes(parameters[3:], "little")
            what = bytes((first[0], count - 1))
            told = field.say(Request.to(uid, air.READ_MULTIPLE_BLOCKS, what, option=bool(locks)))
            return parameters[3:] + told.data if _is_fine(told) else _error(told)
        case make.WRITE_BLOCKS, parameters if 4 <= len(parameters) == 4 + parameters[2] * BLOCK_SIZE:
            for at in range(4, len(parameters), BLOCK_SIZE):
                block = bytes((parameters[0] + (at - 4) // BLOCK_SIZE,)) + parameters[at : at + BLOCK_SIZE]
                told = field.say(Request.to(uid, air.WRITE_SINGLE_BLOCK, block))
                if not _is_fine(told):
                    return _error(told)
            return b""
        case make.WRITE_AFI, parameters if len(parameters) == 1:
            return _done(field.say(Request.to(uid, air.WRITE_AFI, parameters)))
        case make.SYSTEM_INFORMATION, b"":
            told = field.say(Request.to(uid, air.GET_SYSTEM_INFORMATION))
            return told.data if _is_fine(told) else _error(told)
        case make.SET_EAS, b"":
            return _done(field.say(Request.to(uid, air.SET_EAS)))
        case make.RESET_EAS, b"":
            return _done(field.say(Request.to(uid, air.RESET_EAS)))
        case make.EAS_ALARM, b"":
            return _done(field.say(Request.to(uid, air.EAS_ALARM)))
        case _:
            return _WRONG


def _is_fine(told: Response | NoResponse) -> TypeGuard[Response]:
    return isinstance(told, Response) and told.error is None


def _done(told: Response | NoResponse) -> bytes | int:
    return b"" if _is_fine(told) else _error(told)


def _error(told: Response | NoResponse) -> int:
    if told is NoResponse.SILENCE:
        return make.NO_TAG
    if not isinstance(told, Response):
        return make.TAG_CRC
    return {air.LOCKED: make.LOCKED, air.NO_SUCH_BLOCK: make.INVALID_BLOCK}.get(told.error or 0, _WRONG)


def _word(number: int) -> bytes:
    return number.to_bytes(2, "little")
