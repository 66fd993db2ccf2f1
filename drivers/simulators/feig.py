"""The reader in a simulated pad of FEIG's: OBID frames to tags in the air and back (facts/rfid.md, 5.1).

It answers the commands a kiosk needs and those around them: software version, baud rate detection, RF reset and RF
on/off; inventory with its rest of the list, read and write multiple blocks, write AFI, get system information, and
NXP's EAS, each addressed. Like the real one it says nothing to a frame it does not understand, answers in the form it
was asked in, sends the bytes of each block in reverse, lists at most so many tags in one reply, and can be set to
report only tags that are new. It knows no command that cannot be undone.
"""

from __future__ import annotations

import random
from typing import Final

from drivers import feig
from drivers.feig import FeigDecoder, Frame
from drivers.iso15693 import BLOCK_SIZE, UID_LENGTH, Uid, reverse_blocks
from drivers.simulators import air
from drivers.simulators.air import Request, Response
from drivers.simulators.field import Field, NoResponse
from drivers.simulators.wire import Pace

_VERSION: Final = bytes.fromhex("03030044530008")  # 3.3, hardware 44, and of the kinds of tag ISO 15693 alone
_RESET_SECONDS: Final = 0.015
_KNOWN: Final = frozenset(
    {
        feig.GET_SOFTWARE_VERSION,
        feig.BAUD_RATE_DETECTION,
        feig.RF_RESET,
        feig.RF_ON_OFF,
        feig.ISO_HOST,
        feig.ISO_CUSTOM,
    }
)


class FeigReader:
    """See :class:`drivers.simulators.pad.Reader`."""

    pace = Pace(38400, bits=11)

    def __init__(self, *, tags_per_answer: int = 24, only_new: bool = False) -> None:
        """``tags_per_answer`` fit into one reply, the rest is asked for. ``only_new`` is the setting ONT of CFG5: an
        inventory leaves out what an earlier one has reported.
        """
        self._tags_per_answer = tags_per_answer
        self._only_new = only_new
        self._unlisted: list[bytes] = []

    def decoder(self) -> FeigDecoder:
        """For what comes from the host."""
        return FeigDecoder()

    def restart(self) -> None:
        """Forgets the rest of a list."""
        self._unlisted = []

    def answer(self, frame: bytes, field: Field) -> bytes:
        """The whole reply."""
        request = Frame.parse(frame)
        # The reader answers from its own address.
        return Frame(0x00, request.command, self._answer(request, field), request.advanced).encode()

    def _answer(self, request: Frame, field: Field) -> bytes:
        """Status and data."""
        match request.command, request.payload:
            case feig.GET_SOFTWARE_VERSION, b"":
                return bytes((feig.OK,)) + _VERSION
            case feig.BAUD_RATE_DETECTION, b"\0":
                return bytes((feig.OK,))
            case feig.RF_RESET, b"":
                field.quiet.clear()
                field.seconds += _RESET_SECONDS
                return bytes((feig.OK,))
            case feig.RF_ON_OFF, payload if len(payload) == 1:
                field.radio_on = payload[0] != 0
                field.quiet.clear()
                return bytes((feig.OK,))
            case feig.ISO_HOST, payload if payload[:1] == bytes((feig.INVENTORY,)):
                return self._inventory(payload[1:], field)
            case feig.ISO_HOST, payload if payload:
                return _tag_command(payload[0], payload[1:], field)
            case feig.ISO_CUSTOM, payload if len(payload) > 1 and payload[0] == feig.NXP:
                return _eas(payload[1], payload[2:], field)
            case feig.ISO_CUSTOM, payload if len(payload) > 1:
                return bytes((feig.PARAMETER_RANGE,))
            case command, _ if command in _KNOWN:
                return bytes((feig.LENGTH_ERROR,))
            case _:
                return bytes((feig.UNKNOWN_COMMAND,))

    def _inventory(self, rest: bytes, field: Field) -> bytes:
        if len(rest) != 1:
            return bytes((feig.LENGTH_ERROR,))
        if not rest[0] & feig.MORE:
            here = field.inventory()
            if here is None:
                return bytes((feig.BUFFER_OVERFLOW,))
            if self._only_new:
                here = [tag for tag in here if tag.uid not in field.quiet]
                field.quiet |= {tag.uid for tag in here}
            self._unlisted = [bytes((feig.TYPE_ISO15693, tag.dsfid)) + tag.uid for tag in here]
            if field.radio_on:
                self._unlisted += [_card_data_set(uid) for uid in field.cards]
        now, self._unlisted = self._unlisted[: self._tags_per_answer], self._unlisted[self._tags_per_answer :]
        if not now:
            return bytes((feig.NO_TRANSPONDER,))
        status = feig.MORE_DATA if self._unlisted else feig.OK
        if field.unfinished():
            now, self._unlisted, status = now[:-1], [], feig.RF_COMMUNICATION_ERROR
        return bytes((status, len(now))) + b"".join(now)


def _tag_command(command: int, rest: bytes, field: Field) -> bytes:
    known = {feig.READ_MULTIPLE_BLOCKS, feig.WRITE_MULTIPLE_BLOCKS, feig.WRITE_AFI, feig.GET_SYSTEM_INFORMATION}
    if command not in known:
        return bytes((feig.UNKNOWN_COMMAND,))
    if not rest or (rest[0] & feig.ADDRESSED and len(rest) < 1 + UID_LENGTH):
        return bytes((feig.LENGTH_ERROR,))
    locks = rest[0] == feig.ADDRESSED | feig.LOCK_STATUS and command == feig.READ_MULTIPLE_BLOCKS
    if rest[0] != feig.ADDRESSED and not locks:
        return bytes((feig.PARAMETER_RANGE,))
    uid, arguments = rest[1 : 1 + UID_LENGTH], rest[1 + UID_LENGTH :]
    match command, arguments:
        case feig.READ_MULTIPLE_BLOCKS, arguments if len(arguments) == 2 and arguments[1]:
            return _read(uid, arguments[0], arguments[1], field, locks=locks)
        case feig.WRITE_MULTIPLE_BLOCKS, arguments if len(arguments) >= 3:
            return _write(uid, arguments[0], arguments[1], arguments[2], arguments[3:], field)
        case feig.WRITE_AFI, arguments if len(arguments) == 1:
            return _reply(field.say(Request.to(uid, air.WRITE_AFI, arguments)))
        case feig.GET_SYSTEM_INFORMATION, b"":
            told = field.say(Request.to(uid, air.GET_SYSTEM_INFORMATION))
            if not isinstance(told, Response) or told.error is not None:
                return _reply(told)
            dsfid, afi, count, size, chip = told.data[1 + UID_LENGTH :]
            return bytes((feig.OK, dsfid)) + uid + bytes((afi, size + 1, count + 1, chip))
        case _:
            return bytes((feig.LENGTH_ERROR,))


def _eas(command: int, rest: bytes, field: Field) -> bytes:
    if command not in {feig.SET_EAS, feig.RESET_EAS, feig.EAS_ALARM}:
        return bytes((feig.UNKNOWN_COMMAND,))
    if len(rest) != 1 + UID_LENGTH:
        return bytes((feig.LENGTH_ERROR,))
    if rest[0] != feig.ADDRESSED:
        return bytes((feig.PARAMETER_RANGE,))
    # The maker's commands have the same numbers in the air.
    return _reply(field.say(Request.to(rest[1:], command)))


def _read(uid: Uid, first: int, count: int, field: Field, *, locks: bool) -> bytes:
    told = field.say(Request.to(uid, air.READ_MULTIPLE_BLOCKS, bytes((first, count - 1)), option=locks))
    if not isinstance(told, Response) or told.error is not None:
        return _reply(told)
    length = BLOCK_SIZE + locks
    blocks = [told.data[at : at + length] for at in range(0, len(told.data), length)]
    sent = b"".join((block[:-BLOCK_SIZE] or b"\0") + block[-BLOCK_SIZE:][::-1] for block in blocks)
    return bytes((feig.OK, count, BLOCK_SIZE)) + sent


def _write(uid: Uid, first: int, count: int, size: int, data: bytes, field: Field) -> bytes:
    if size != BLOCK_SIZE or len(data) != count * size:
        return bytes((feig.LENGTH_ERROR,))
    for number in range(first, first + count):
        block = reverse_blocks(data[(number - first) * BLOCK_SIZE :][:BLOCK_SIZE])
        told = field.say(Request.to(uid, air.WRITE_SINGLE_BLOCK, bytes((number,)) + block))
        if told is NoResponse.SILENCE and number > first:
            return bytes((feig.WRITE_ERROR, number))
        if not isinstance(told, Response):
            return _reply(told)
        if told.error is not None:
            return bytes((feig.ISO15693_ERROR, told.error, number))
    return bytes((feig.OK,))


def _reply(told: Response | NoResponse) -> bytes:
    """The status for what a tag said, where there is nothing else to tell."""
    if told is NoResponse.SILENCE:
        return bytes((feig.NO_TRANSPONDER,))
    if not isinstance(told, Response):
        return bytes((feig.RF_COMMUNICATION_ERROR,))
    return bytes((feig.OK,)) if told.error is None else bytes((feig.ISO15693_ERROR, told.error))


def _card_data_set(uid: bytes | None) -> bytes:
    if uid is None:
        uid = b"\x08" + random.randbytes(3)
    return bytes((feig.TYPE_ISO14443A, 0x00, 0x00)) + uid.rjust(7, b"\0")
