"""What comes in over a wire: frames of pads and card chips, answers to commands, codes, keys, status of printers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import ndef

from drivers import (
    barcodes,
    bibliotheca,
    card_memory,
    citizen_card,
    codec,
    codes,
    escpos,
    feig,
    keyboard_wedge,
    pn532,
    rl866,
)
from drivers.barcodes import CodeDecoder
from drivers.codec import NOT_YET, Command, Decoder
from drivers.codes import CheckDigit, Code, CodeForm, CodeRules, Ignored, LineEnd
from drivers.devices import DeviceError, NoAnswer, PrintOutcome, Raster, WireError
from drivers.iso15693 import UID_LENGTH, SystemInformation
from drivers.keyboard_wedge import PAUSE, Typed, WedgeCollector
from drivers.simulators import bibliotheca as bibliotheca_simulator
from drivers.simulators import cards
from drivers.simulators import feig as feig_simulator
from drivers.simulators import pn532 as pn532_simulator
from drivers.simulators import printer as printer_simulator
from drivers.simulators import rl866 as rl866_simulator
from drivers.simulators.bibliotheca import BibliothecaReader
from drivers.simulators.feig import FeigReader
from drivers.simulators.field import Field, VirtualTag
from drivers.simulators.pad import Reader
from drivers.simulators.printer import EscPosReader
from drivers.simulators.rl866 import Rl866Reader
from drivers.simulators.wire import Faults
from drivers.tag_protocol import Inventory, TagProtocol
from tests.fuzz.target import Draw, Target

_UID: Final = bytes.fromhex("E004010012345678")

# --- frames -----------------------------------------------------------------------------------------------------------


def _frames(decoder: Decoder, pieces: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """The frames in some pieces and where each begins and ends, silence behind the last piece."""
    known = 0
    for piece in pieces:
        decoder.receive(piece)
        while (frame := decoder.next_frame()) is not NOT_YET:
            known += len(frame)
            end = decoder.skipped + known
            yield end - len(frame), end, frame
    decoder.silence()
    while (frame := decoder.next_frame()) is not NOT_YET:
        known += len(frame)
        end = decoder.skipped + known
        yield end - len(frame), end, frame


def _stream(make: Callable[[], Decoder], good: bytes, *, at_once: bool = True) -> Callable[[bytes], None]:
    """A stream in any pieces is the same frames and rubbish, and costs none of the frames behind it.

    Behind a silence the next frame is found. ``at_once``: without one it is found too, unless it is part of a frame
    that is as sound as itself.
    """

    def feed(data: bytes) -> None:
        decoder, slow = make(), make()
        found = [*_frames(decoder, (data,))]
        assert found == [*_frames(slow, (bytes((byte,)) for byte in data))]
        assert decoder.skipped == slow.skipped == len(data) - sum(len(frame) for _, _, frame in found)
        assert [data[begin:end] for begin, end, _ in found] == [frame for _, _, frame in found]
        decoder.receive(good)
        assert decoder.next_frame() == good
        assert decoder.next_frame() is NOT_YET
        if at_once:
            behind = [*_frames(make(), (data, good))]
            covered = any(begin < len(data) < end for begin, end, _ in behind)
            assert covered or (len(data), len(data) + len(good), good) in behind

    return feed


def _feig_frames() -> Iterable[bytes]:
    for advanced in (False, True):
        yield feig.Frame(0, feig.ISO_HOST, b"\0\x01\x03\x00" + _UID, advanced).encode()
        yield feig.Frame(0xFF, feig.GET_SOFTWARE_VERSION, b"", advanced).encode()


def _bibliotheca_frames() -> Iterable[bytes]:
    yield bibliotheca.Frame(bibliotheca.INVENTORY, b"\0\0\x05\x01" + _UID).encode()
    yield bibliotheca.Frame(bibliotheca.INIT, b"\0" * 6, bibliotheca.START_OF_INIT).encode()


def _rl866_frames() -> Iterable[bytes]:
    yield rl866.Frame(rl866.FROM_READER, rl866.RESYNCED).encode()
    yield rl866.Frame(rl866.FROM_READER, rl866.FIRST, b"\x31\0\0\0\0\0\0").encode()


def _pn532_frames() -> Iterable[bytes]:
    yield bytes.fromhex("0000FF00FF00")
    yield pn532_simulator.frame_of(b"\xd5\x03\x32\x01\x06\x07")
    yield pn532_simulator.frame_of(b"\xd5\x41" + bytes(260))


# --- commands ---------------------------------------------------------------------------------------------------------

#: Answers to one command: more than any exchange has, and less than for ever.
_MOST_ANSWERS: Final = 5_000


def _carry_out(command: Command[Any], answer: Callable[[bytes], bytes | None]) -> Any:
    """What a command returns, or the refusal that it ends with; None for an answer is the silence of the device."""
    try:
        question = next(command)
        for _ in range(_MOST_ANSWERS):
            reply = answer(question)
            question = command.throw(NoAnswer("silence")) if reply is None else command.send(reply)
    except StopIteration as done:
        return done.value
    except DeviceError as refusal:
        return refusal
    raise AssertionError("it asks on and on")


def _pad(protocol: TagProtocol, reply: Callable[[bytes, Draw], bytes]) -> Callable[[bytes], None]:
    """The commands of a pad, one after the other, against answers that look like its reader's."""

    def feed(data: bytes) -> None:
        draw = Draw(data)
        last = b""

        def answer(question: bytes) -> bytes | None:
            nonlocal last
            last = question or last
            return reply(last, draw) if draw else None

        while draw:
            first, count = draw.byte(), draw.byte() % protocol.most_blocks + 1
            first = min(first, 0x100 - count)
            match draw.byte() % 11:
                case 0:
                    _carry_out(protocol.hello(), answer)
                case 1:
                    found = _carry_out(protocol.inventory(), answer)
                    assert isinstance(found, Inventory | DeviceError)
                    if isinstance(found, Inventory):
                        assert all(len(uid) == UID_LENGTH for uid in found.tags)
                        assert all(isinstance(card.uid_is_random, bool) for card in found.cards)
                case 2:
                    blocks = _carry_out(protocol.read_blocks(_UID, first, count), answer)
                    assert isinstance(blocks, DeviceError) or len(blocks) % count == 0
                case 3:
                    locked = _carry_out(protocol.locked_blocks(_UID, first, count), answer)
                    assert isinstance(locked, DeviceError) or locked <= set(range(first, first + count))
                case 4:
                    _carry_out(protocol.write_blocks(_UID, first, bytes(4 * count)), answer)
                case 5:
                    told = _carry_out(protocol.system_information(_UID), answer)
                    assert isinstance(told, SystemInformation | DeviceError)
                case 6:
                    afi = _carry_out(protocol.read_afi(_UID), answer)
                    assert isinstance(afi, DeviceError) or 0 <= afi <= 0xFF
                case 7:
                    _carry_out(protocol.write_afi(_UID, first), answer)
                case 8:
                    assert isinstance(_carry_out(protocol.read_eas(_UID), answer), bool | DeviceError)
                case 9:
                    _carry_out(protocol.write_eas(_UID, first % 2 == 1), answer)
                case _:
                    _carry_out(protocol.reset_field(), answer)

    return feed


def _feig_reply(question: bytes, draw: Draw) -> bytes:
    asked, style = feig.Frame.parse(question), draw.byte()
    payload = draw.piece()
    if style & 1:
        payload = payload[:2] + _UID + payload[2:]
    command = draw.byte() if style & 2 else asked.command
    return feig.Frame(draw.byte() if style & 4 else 0, command, payload, asked.advanced).encode()


def _bibliotheca_reply(question: bytes, draw: Draw) -> bytes:
    asked, style = bibliotheca.Frame.parse(question), draw.byte()
    payload = draw.piece()
    if style & 1:
        payload = payload[:1] + asked.payload[:10] + payload[1:]
    command = draw.byte() if style & 2 else asked.command
    return bibliotheca.Frame(command, payload, bibliotheca.START if style & 4 else asked.start).encode()


def _rl866_reply(question: bytes, draw: Draw) -> bytes:
    asked, style = rl866.Frame.parse(question), draw.byte()
    payload = draw.piece(200)
    if asked.control == rl866.RESYNC and not style & 2:
        return rl866.Frame(rl866.FROM_READER, rl866.RESYNCED).encode()
    if asked.information[:1] == bytes((rl866.ACCESS,)) and style & 1:
        payload = bytes((len(payload) + 3,)) + asked.information[3:5] + b"\x01" + payload
    status = draw.take(2).ljust(2, b"\0") if style & 4 else b"\0\0"
    command = draw.take(1) if style & 8 else asked.information[:1]
    control = draw.byte() if style & 16 else asked.control
    return rl866.Frame(rl866.FROM_READER, control, command + status + payload).encode()


def _bibliotheca_commands(data: bytes) -> None:
    _pad(bibliotheca.Bibliotheca(), _bibliotheca_reply)(data)


def _rl866_commands(data: bytes) -> None:
    _pad(rl866.Rl866(), _rl866_reply)(data)


def _simulated(make: Callable[[], Reader], frame: Callable[[Draw], bytes]) -> Callable[[bytes], None]:
    """Whatever a host says to the simulated reader, its answer is a sound frame, or silence."""

    def feed(data: bytes) -> None:
        draw, reader = Draw(data), make()
        field = Field(Faults())
        field.tags[_UID] = VirtualTag.of_item(_UID, "TN0001")
        field.cards = [b"\x04\x11\x22\x33", None]
        while draw:
            asked = frame(draw)
            decoder = reader.decoder()
            field.begin()
            if reply := reader.answer(asked, field):
                decoder.receive(reply)
                assert decoder.next_frame() == reply

    return feed


def _feig_request(draw: Draw) -> bytes:
    return feig.Frame(draw.byte(), draw.byte(), _with_uid(draw, 2), advanced=bool(draw.byte() & 1)).encode()


def _bibliotheca_request(draw: Draw) -> bytes:
    start = draw.choice(bibliotheca.START, bibliotheca.START_OF_INIT)
    return bibliotheca.Frame(draw.byte(), _with_uid(draw, 0), start).encode()


def _rl866_request(draw: Draw) -> bytes:
    control = draw.choice(rl866.FIRST, rl866.SECOND, rl866.RESYNC, draw.byte())
    return rl866.Frame(rl866.FROM_HOST, control, _with_uid(draw, 6, most=200)).encode()


def _with_uid(draw: Draw, at: int, most: int = 255) -> bytes:
    put = draw.byte() & 1
    data = draw.piece(most)
    return data[:at] + (_UID[::-1] if most < 255 else _UID) + data[at:] if put else data


def _feig_hosts() -> Iterable[bytes]:
    for data in (b"\x01\0", b"\x23\x01\0\4", b"\x2b\x01", b"\x27\x01\x07", b"\x24\x01\0\1\4abcd"):
        yield bytes((0xFF, feig.ISO_HOST, 1, len(data))) + data + b"\0"
    yield bytes((0xFF, feig.GET_SOFTWARE_VERSION, 0, 0, 1))


def _bibliotheca_hosts() -> Iterable[bytes]:
    begin = bytes((1, bibliotheca.INIT, 0, 2, 0, 0x11))
    for command, data in (
        (bibliotheca.READ, b"\0\4\x0c"),
        (bibliotheca.WRITE, b"\0\1\0abcd"),
        (bibliotheca.GET_AFI, b""),
        (bibliotheca.TAG_INFORMATION, b"\x0f"),
    ):
        yield begin + bytes((0, command, 1, len(data))) + data
    yield begin + bytes((0, bibliotheca.INVENTORY, 0, 2, 0, 5))


def _rl866_hosts() -> Iterable[bytes]:
    begin = b"\0\2\0\0"
    connect = b"\0\0\1\6" + bytes((rl866.CONNECT, 0, rl866.ISO15693, 0, 1 + UID_LENGTH, rl866.ADDRESSED))
    for data in (b"\3\0\0\0\0\4\0", b"\4\0\0\0\1\0abcd", b"\6\0\7", b"\x0a\0", b"\x0f\0"):
        access = bytes((rl866.ACCESS, 1, len(data))) + data
        yield begin + connect + b"\0\1\0" + bytes((len(access),)) + access
    yield begin + b"\0\0\0\2" + bytes((rl866.INVENTORY, 0))


# --- codes ------------------------------------------------------------------------------------------------------------

_PREFIXES: Final = ("]C0", "]", "Ấ", "E\u0302")
_GOOD: Final = Code("TN0001")
_CITIZEN: Final = "079203001234|123456789|Nguyễn Văn An|01012003|Nam|Thành phố Hồ Chí Minh|02052021|".encode()


def _code_form(draw: Draw) -> tuple[CodeForm, CodeRules]:
    style = draw.byte()
    form = CodeForm(
        line_end=[*LineEnd][style % 4],
        longest=(8, 256)[style >> 2 & 1],
        prefixes=_PREFIXES if style & 8 else (),
        ascii_only=not style & 16,
    )
    rules = CodeRules(
        patron_prefix="TV" if style & 32 else "",
        item_prefix="T" if style & 32 else "",
        check_digit=draw.choice(*CheckDigit),
    )
    return form, rules


def _is_code(found: Code) -> None:
    assert found.text
    assert found.text.isprintable()
    assert found.text == found.text.strip()


def _scanner(data: bytes) -> None:
    """Lines in any pieces are the same codes, and the code behind rubbish is read as if nothing had been."""
    draw = Draw(data)
    form, rules = _code_form(draw)
    stream = draw.rest()
    whole, slow = CodeDecoder(form, rules), CodeDecoder(form, rules)
    whole.receive(stream)
    for byte in stream:
        slow.receive(bytes((byte,)))
    found = _codes_of(whole)
    assert found == _codes_of(slow)
    assert whole.ignored == slow.ignored == sum(isinstance(one, Ignored) for one in found)
    assert whole.is_within_code == slow.is_within_code
    for one in found:
        if isinstance(one, Code):
            _is_code(one)
    whole.silence()
    assert len(_codes_of(whole)) <= 1
    assert not whole.is_within_code
    fresh = CodeDecoder(form, rules)
    for decoder in (whole, fresh):
        decoder.receive(b"TN0001\r\n")
    assert _codes_of(whole) == _codes_of(fresh)


def _codes_of(decoder: CodeDecoder) -> list[Code | Ignored]:
    return [*iter(decoder.next_code, NOT_YET)]  # type: ignore[list-item] # NOT_YET is where it stops


def _line(data: bytes) -> None:
    """One line; of a citizen card nothing leaves but its number."""
    draw = Draw(data)
    form, rules = _code_form(draw)
    line = draw.rest()
    match codes.read_code(line, form, rules):
        case Code(text) as code:
            _is_code(code)
            assert b"|" not in line or (len(text) == 12 and text.isascii() and text.isdigit())
        case None:
            assert not line.strip()
        case Ignored():
            assert line.strip()


def _citizen(data: bytes) -> None:
    number = citizen_card.citizen_number(data.decode("latin-1"))
    assert number is None or (len(number) == 12 and number.isascii() and number.isdigit() and number.encode() in data)


def _lines() -> Iterable[bytes]:
    yield b"\0\0TN0001\r\nTN0002\r\n"
    yield b"\3\0" + _CITIZEN + b"\r\n"
    yield b"\x18\0" + "Ấ012345".encode() + b"\r"
    yield b"\0\x0129000012345676\n"
    yield b"\0\x02CODE39W\n"
    yield b"\0\x039786041096157\n"


def _wedge(data: bytes) -> None:
    """Every key that was typed is handed on, in order; none is held for ever, and no Enter is in a code."""
    draw = Draw(data)
    collector = WedgeCollector(*_code_form(draw))
    clock, pressed, typed = 0.0, list[str](), list[str]()
    while draw:
        step, key = draw.byte(), chr(draw.byte() | draw.byte() % 2 << 8)
        clock += step / (2000 if step < 0xF0 else 100)
        pressed.append(key)
        typed += _typed(collector.press(key, clock))
    if collector.due is not None:
        typed += _typed(collector.settle(clock + 2 * PAUSE))
    assert collector.due is None
    behind = iter(pressed)
    assert all(key in behind for key in typed)


def _typed(found: Iterable[keyboard_wedge.Found]) -> Iterator[str]:
    for one in found:
        if isinstance(one, Code):
            _is_code(one)
        elif isinstance(one, Typed):
            yield from one.text


def _keys() -> Iterable[bytes]:
    for pace in (10, 0xEF, 0xF8):
        yield b"\0\0" + b"".join(bytes((pace, byte, 0)) for byte in b"TN0001\r\nab")


# --- cards ------------------------------------------------------------------------------------------------------------


def _type2(data: bytes) -> None:
    """A tag that answers each READ out of its memory, and now and then with something else."""
    draw = Draw(data)
    odd = draw.byte()
    memory = draw.rest()

    def answer(question: bytes) -> bytes | None:
        at = 4 * question[1]
        page = memory[at : at + 16]
        return (page if at // 16 == odd else page.ljust(16, b"\0")) if at // 16 != odd - 1 else b""

    message = _carry_out(card_memory.read_type2(), answer)
    assert message is None or len(message) <= 1024
    if message is not None:
        _identifier(message)


def _type4(data: bytes) -> None:
    """A card that says what the input says, to command APDUs and to the blocks around them."""
    draw = Draw(data)
    in_blocks, number = draw.byte() & 1, 0

    def answer(question: bytes) -> bytes | None:
        nonlocal number
        style, said = draw.byte(), draw.piece()
        if not style & 1:
            said += b"\x90\0"
        if in_blocks and question[:1] in {b"\x02", b"\x03", b"\xa2", b"\xa3"}:
            number = question[0] & 1
            said = bytes((0x02 | number | (style & 2) << 3,)) + said if not style & 4 else said
        return said

    command = card_memory.read_type4()
    message = _carry_out(card_memory.over_iso_dep(command) if in_blocks else command, answer)
    assert message is None or len(message) <= 1024


def _identifier(message: bytes) -> None:
    for prefixes in ((), ("https://thuvien.vn/the/", "tv:", "T")):
        found = card_memory.patron_identifier(message, prefixes)
        assert found is None or (0 < len(found) <= 64 and found.isprintable() and not set(found) & {" ", "\u3000"})


def _messages() -> Iterable[bytes]:
    for card in (
        cards.VirtualCard.with_text(b"\x04\x01\x02\x03\x04\x05\x06", "TV-00012345"),
        cards.VirtualCard.with_uri(b"\x04\x01\x02\x03\x04\x05\x06", "https://thuvien.vn/the/00012345"),
    ):
        at = card.memory.index(b"\xd1")
        yield card.memory[at : at + 60].rstrip(b"\0\xfe")


def _memories() -> Iterable[bytes]:
    for message in _messages():
        yield b"\0" + cards.VirtualCard.with_message(b"\x04\x01\x02\x03\x04\x05\x06", message).memory


def _apdus() -> Iterable[bytes]:
    container = bytes.fromhex("000F20007F007F0406E104010000FF")[:15]
    for message in _messages():
        answers = [b"", b"", container, b"", len(message).to_bytes(2), message]
        yield b"\0" + b"".join(bytes((0, len(one))) + one for one in answers)
        yield b"\1" + b"".join(bytes((0, len(one))) + one for one in [b"\x05\x78", *answers])


def _chip(data: bytes) -> None:
    """The simulated chip and the cards in its field: whatever a host says, it answers or is silent."""
    draw = Draw(data)
    field = cards.CardField()
    message = next(iter(_messages()))
    field.tap(
        draw.choice(
            cards.VirtualCard.with_message(b"\x04\x01\x02\x03\x04\x05\x06", message),
            cards.VirtualCard.type4(None, "TV-00012345"),
        ),
        cards.VirtualCard.felica(bytes(range(1, 9))),
    )
    chip = pn532_simulator.Pn53xChip(field, status=draw.byte() & 1 == 1)
    while draw:
        chip.command(draw.byte(), draw.piece())


# --- printers ---------------------------------------------------------------------------------------------------------


def _receipt(draw: Draw) -> Raster:
    width, height = draw.byte() % 70 + 1, draw.byte()
    stride = (width + 7) // 8
    pattern = draw.piece(40) or b"\0"
    return Raster(width, height, (pattern * (stride * height // len(pattern) + 1))[: stride * height])


def _raster(data: bytes) -> None:
    """A picture comes out of the commands as it went in."""
    receipt = _receipt(Draw(data))
    stride = (receipt.width + 7) // 8
    bands = escpos.encode(receipt)
    rows = b""
    for band in bands:
        height, at = 0, 0
        while at < len(band.commands):
            assert band.commands[at : at + 4] == b"\x1dv0\0"
            wide, high = (int.from_bytes(band.commands[at + n : at + n + 2], "little") for n in (4, 6))
            assert 0 < wide <= stride
            assert high % 48
            at += 8
            for _ in range(high):
                rows += band.commands[at : at + wide].ljust(stride, b"\0")
                at += wide
            height += high
        assert height == band.rows <= 100
    assert rows == receipt.rows


def _printing(data: bytes) -> None:
    """Whatever a printer says, the job ends with a report, and no row is sent twice."""
    draw = Draw(data)
    cutter, receipt = draw.byte() & 1 == 1, _receipt(draw)
    sent = b""
    command = escpos.print_receipt(receipt, cutter=cutter)
    report = None
    try:
        question = next(command)
        for _ in range(_MOST_ANSWERS):
            sent += question
            said = draw.byte() if draw else 0
            if said < 0xF0 and draw:
                question = command.send(bytes((said,)))
            else:
                question = command.throw(WireError("gone") if said == 0xFF else NoAnswer("silence"))
        raise AssertionError("the job does not end")
    except StopIteration as done:
        report = done.value
    assert 0 <= report.rows <= receipt.height
    assert report.rows < receipt.height or report.outcome is not PrintOutcome.FAILED or report.fault
    whole = b"".join(band.commands for band in escpos.encode(receipt))
    assert sent.count(b"\x1dv0\0") <= whole.count(b"\x1dv0\0")


def _condition(data: bytes) -> None:
    """Status of either kind is a condition, and one that says it is well has no fault."""
    draw = Draw(data)
    real_time = escpos.Condition.decode({draw.byte() % 6: draw.byte() for _ in range(4)})
    for condition in (real_time, escpos.Condition.of_push(draw.take(4).ljust(4, b"\0"))):
        assert not (condition.is_well and condition.fault)
    said = iter(draw.rest())

    def answer(_question: bytes) -> bytes | None:
        byte = next(said, None)
        return None if byte is None else bytes((byte,))

    for query in (escpos.query_condition, escpos.query_pushed_condition):
        assert isinstance(_carry_out(query(), answer), escpos.Condition)
    assert isinstance(_carry_out(escpos.forget(), answer), bool)


def _host_to_printer(data: bytes) -> None:
    """Commands come out of a stream the same in any pieces."""
    whole, slow = EscPosReader(), EscPosReader()
    whole.receive(data)
    named = [*iter(whole.next_command, NOT_YET)]
    cut: list[object] = []
    for byte in data:
        slow.receive(bytes((byte,)))
        cut += iter(slow.next_command, NOT_YET)
    assert [one for one in named if getattr(one, "name", b"")] == [one for one in cut if getattr(one, "name", b"")]
    assert (whole.unknown, whole.held) == (slow.unknown, slow.held)


def _jobs() -> Iterable[bytes]:
    yield escpos.encode(Raster(16, 3, b"\xff\0\0\0\x0f\xf0"))[0].commands + b"\x1dr\x01"
    yield b"\x1b@\x1da\0Tr\xe1\xba\xa1m\n\x1dVB\0\x10\x04\x01\x1b*\x21\x02\0abcdef"


def _answers() -> Iterable[bytes]:
    well = bytes((0x12, 0x12, 0x12))
    yield b"\1\x10\x20\x02\xff\x0f" + well + bytes(12)
    yield b"\0\x10\xc8\x02\xff\x0f" + well + b"\xf0" * 20
    yield b"\0\x10\x20\x02\xff\x0f" + b"\xf0" * 30


TARGETS: Final = (
    Target("feig-frames", _stream(feig.FeigDecoder, next(iter(_feig_frames()))), (feig, codec), _feig_frames, 20),
    Target(
        "bibliotheca-frames",
        _stream(bibliotheca.BibliothecaDecoder, next(iter(_bibliotheca_frames()))),
        (bibliotheca, codec),
        _bibliotheca_frames,
        20,
    ),
    Target("rl866-frames", _stream(rl866.Rl866Decoder, next(iter(_rl866_frames()))), (rl866, codec), _rl866_frames, 20),
    Target(
        "pn532-frames",
        _stream(pn532.Pn53xDecoder, next(iter(_pn532_frames())), at_once=False),
        (pn532,),
        _pn532_frames,
        20,
        longest=400,
    ),
    Target("feig-commands", _pad(feig.Feig(), _feig_reply), (feig,), share=40),
    Target("bibliotheca-commands", _bibliotheca_commands, (bibliotheca,), share=40),
    Target("rl866-commands", _rl866_commands, (rl866,), share=40),
    Target("feig-simulator", _simulated(FeigReader, _feig_request), (feig, feig_simulator), _feig_hosts),
    Target(
        "bibliotheca-simulator",
        _simulated(BibliothecaReader, _bibliotheca_request),
        (bibliotheca, bibliotheca_simulator),
        _bibliotheca_hosts,
    ),
    Target("rl866-simulator", _simulated(Rl866Reader, _rl866_request), (rl866, rl866_simulator), _rl866_hosts),
    Target("scanner", _scanner, (barcodes, codes, citizen_card), _lines, 40),
    Target("line", _line, (codes, citizen_card), _lines, 40),
    Target("citizen-card", _citizen, (citizen_card,), lambda: (_CITIZEN,), 20),
    Target("keyboard-wedge", _wedge, (keyboard_wedge, codes), _keys, 20, longest=400),
    Target("type-2-card", _type2, (card_memory,), _memories, 20),
    Target("type-4-card", _type4, (card_memory,), _apdus, 30),
    Target("patron-identifier", _identifier, (card_memory, ndef.message, ndef.record, ndef.uri), _messages, 30),
    Target("card-simulator", _chip, (pn532_simulator, cards), share=10),
    Target("receipt-picture", _raster, (escpos,), lambda: (b"\x20\x64\x03\xff\0\x0f",), 5),
    Target("printing", _printing, (escpos,), _answers, 10),
    Target("printer-status", _condition, (escpos,), _answers, 30),
    Target("printer-simulator", _host_to_printer, (printer_simulator,), _jobs, 20),
)
