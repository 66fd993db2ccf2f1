"""What is written on a patron card: pages and APDUs into messages, messages into identifiers."""

from collections.abc import Sequence

import ndef
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.card_memory import over_iso_dep, patron_identifier, read_type2, read_type4
from drivers.codec import Command
from drivers.simulators.cards import CardField, VirtualCard, type2_memory
from tests.drivers.conformance_cards import DESFIRE, NTAG

# --- the pages of a Type 2 tag ---


def read(memory: bytes) -> tuple[bytes | None, list[int]]:
    """Runs the command by hand over a memory that ends; returns its result and the first page of each read."""
    command, asked = read_type2(), []
    try:
        question = next(command)
        while True:
            assert question[0] == 0x30
            asked.append(question[1])
            pages = memory[question[1] * 4 :][:16]
            question = command.send(pages if len(pages) == 16 else b"\0")
    except StopIteration as done:
        message: bytes | None = done.value
        return message, asked


def tag(area: bytes) -> bytes:
    return type2_memory(NTAG, area)


MESSAGE = bytes.fromhex("D1010B5402766950303031323334")


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        (tag(b"\x03\x0e" + MESSAGE + b"\xfe"), MESSAGE),
        (tag(b"\0\0\0\x03\xff\x00\x0e" + MESSAGE + b"\xfe"), MESSAGE),
        (tag(b"\xfd\x03abc\x03\x0e" + MESSAGE), MESSAGE),
        (tag(b"\x03\x00\xfe"), b""),
        (tag(b"\xfe\x03\x0e" + MESSAGE), None),
        (tag(b""), None),
        (tag(b"\x03\xff\xff\xff" + MESSAGE), None),
        (tag(b"\x03\x0e" + MESSAGE)[:28], None),
        (bytes(64), None),
        (b"", None),
        (tag(b"\x03\x0e" + MESSAGE).replace(b"\xe1\x10", b"\xe1\x20"), None),
        (tag(b"\x03\x0e" + MESSAGE).replace(b"\xe1\x10\x12\x00", b"\xe1\x10\x12\xf0"), None),
    ],
)
def test_the_message_is_found_where_the_tag_says(memory: bytes, message: bytes | None) -> None:
    assert read(memory)[0] == message


def test_no_more_pages_are_read_than_the_message_has() -> None:
    assert read(tag(b"\x03\x0e" + MESSAGE + b"\xfe")) == (MESSAGE, [0, 4])
    assert read(tag(b"\x03\x0f" + MESSAGE + b"!\xfe")) == (MESSAGE + b"!", [0, 4, 8])


def test_bytes_that_are_no_data_in_the_middle_of_a_message_are_left_out() -> None:
    # Two lock bytes at page 7, byte 1 = byte 29, and three of the maker's at page 8, byte 0 = byte 32.
    controls = bytes.fromhex("0103711002" + "0203800302")
    whole = b"\x03\x0e" + MESSAGE
    first = controls + whole
    area = first[:13] + b"LL" + first[13:14] + b"RRR" + first[14:]
    assert area[29 - 16 : 31 - 16] == b"LL"
    assert area[32 - 16 : 35 - 16] == b"RRR"
    assert read(tag(area))[0] == MESSAGE


@given(st.binary(max_size=300))
@example(bytes.fromhex("E1101200").rjust(16, b"\0") + b"\x03\xff\xff")
def test_any_memory_comes_to_an_end(memory: bytes) -> None:
    _, asked = read(memory)
    assert len(asked) <= 1024 // 16


@given(st.lists(st.binary(max_size=20)))
def test_any_answers_come_to_an_end(answers: list[bytes]) -> None:
    header = bytes.fromhex("E110FF00").rjust(16, b"\0")
    command = read_type2()
    next(command)

    def tell() -> None:
        for answer in [header, *answers, *[bytes(16)] * 64]:
            command.send(answer)

    with pytest.raises(StopIteration):
        tell()


@given(st.binary(max_size=120))
def test_a_message_that_was_written_is_read(message: bytes) -> None:
    assert read(tag(b"\x03" + bytes((len(message),)) + message + b"\xfe"))[0] == message


# --- the identifier in a message ---


def message(*records: ndef.Record) -> bytes:
    return b"".join(ndef.message_encoder(records))


@pytest.mark.parametrize(
    ("records", "identifier"),
    [
        ([ndef.TextRecord("P0012345")], "P0012345"),
        ([ndef.TextRecord("P0012345", "vi", "UTF-16")], "P0012345"),
        ([ndef.TextRecord(" P0012345\r\n")], "P0012345"),
        ([ndef.TextRecord("patron:P0012345")], "P0012345"),
        ([ndef.TextRecord("BD-Thẻ-7")], "BD-Thẻ-7"),
        ([ndef.UriRecord("patron:P0012345")], "P0012345"),
        ([ndef.UriRecord("https://thuvien.example/the/P0012345")], "P0012345"),
        ([ndef.UriRecord("https://example.org/P0012345")], None),
        ([ndef.UriRecord("tel:+842083852345"), ndef.TextRecord("P0012345")], "P0012345"),
        ([ndef.TextRecord("Nguyễn Văn A")], None),
        ([ndef.TextRecord("Nguyễn Văn A"), ndef.TextRecord("P0012345")], "P0012345"),
        ([ndef.TextRecord("")], None),
        ([ndef.TextRecord("patron:")], None),
        ([ndef.TextRecord("P" * 64)], "P" * 64),
        ([ndef.TextRecord("P" * 65)], None),
        ([ndef.TextRecord("P001\x002345")], None),
        ([ndef.Record("application/vnd.example", "", b"P0012345")], None),
        ([], None),
    ],
)
def test_the_identifier_is_the_first_word_that_can_be_one(records: Sequence[ndef.Record], identifier: str) -> None:
    assert patron_identifier(message(*records), ("patron:", "https://thuvien.example/the/")) == identifier


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=10).map(lambda tail: MESSAGE[:-3] + tail)))
def test_any_message_is_an_identifier_or_none(octets: bytes) -> None:
    identifier = patron_identifier(octets, ("patron:",))
    assert identifier is None or (identifier.isprintable() and 0 < len(identifier) <= 64)


# --- Type 4 tags -------------------------------------------------------------------------------------------------

CAPABILITIES = bytes.fromhex("000F20003B00340406E10404000000")
DONE = bytes.fromhex("9000")


def converse(command: Command[bytes | None], *answers: bytes) -> tuple[bytes | None, list[str]]:
    """Runs a command by hand over answers; returns its result and the questions."""
    asked = []
    try:
        asked.append(next(command).hex())
        for answer in answers:
            asked.append(command.send(answer).hex())  # noqa: PERF401 - the end of a command would not get out
    except StopIteration as done:
        message: bytes | None = done.value
        return message, asked
    raise AssertionError(f"still asking: {asked}")


def test_a_type_4_tag_is_asked_what_the_standard_has_one_ask() -> None:
    length = len(MESSAGE).to_bytes(2)
    assert converse(read_type4(), DONE, DONE, CAPABILITIES + DONE, DONE, length + DONE, MESSAGE + DONE) == (
        MESSAGE,
        ["00a4040007d276000085010100", "00a4000c02e103", "00b000000f", "00a4000c02e104", "00b0000002", "00b000020e"],
    )


def test_a_long_message_is_read_in_the_pieces_the_tag_allows() -> None:
    long = bytes(range(100))
    pieces = (long[:0x3B] + DONE, long[0x3B:] + DONE)
    message, asked = converse(read_type4(), DONE, DONE, CAPABILITIES + DONE, DONE, b"\0\x64" + DONE, *pieces)
    assert message == long
    assert asked[-2:] == ["00b000023b", "00b0003d29"]


@pytest.mark.parametrize(
    "answers",
    [
        [b"\x6a\x82"],
        [DONE, b"\x6a\x82"],
        [DONE, DONE, b"\x6b\x00"],
        [DONE, DONE, CAPABILITIES[:-1] + DONE],
        [DONE, DONE, CAPABILITIES.replace(b"\x04\x06", b"\x05\x06") + DONE],
        [DONE, DONE, CAPABILITIES[:13] + b"\x80\0" + DONE],
        [DONE, DONE, CAPABILITIES + DONE, b"\x6a\x82"],
        [DONE, DONE, CAPABILITIES + DONE, DONE, b"\0" + DONE],
        [DONE, DONE, CAPABILITIES + DONE, DONE, b"\xff\xff" + DONE],
        [DONE, DONE, CAPABILITIES + DONE, DONE, b"\0\x10" + DONE, b"short" + DONE],
        [DONE, DONE, CAPABILITIES + DONE, DONE, b"\0\x10" + DONE, b"\x6b\x00"],
        [b""],
    ],
)
def test_a_type_4_tag_that_refuses_has_no_message(answers: list[bytes]) -> None:
    assert converse(read_type4(), *answers)[0] is None


def once(question: bytes) -> Command[bytes | None]:
    """One APDU there and back."""
    return (yield question)


@pytest.mark.parametrize(
    ("answers", "response"),
    [
        ([b"\x05\x78\x80\x70\x02", b"\x02abc"], b"abc"),
        ([b"\x05\x78\x80\x70\x02", b"\xf2\x41", b"\xf2\x01", b"\x02abc"], b"abc"),
        ([b"\x05\x78\x80\x70\x02", b"\x12ab", b"\x13cd", b"\x02e"], b"abcde"),
        ([b""], None),
        ([b"\x05\x78\x80\x70\x02", b""], None),
        ([b"\x05\x78\x80\x70\x02", b"\x03abc"], None),
        ([b"\x05\x78\x80\x70\x02", *[b"\xf2\x01"] * 9], None),
    ],
)
def test_an_apdu_goes_in_blocks(answers: list[bytes], response: bytes | None) -> None:
    assert converse(over_iso_dep(once(b"apdu")), *answers)[0] == response


def test_more_time_is_granted_and_chained_blocks_are_acknowledged() -> None:
    _, asked = converse(over_iso_dep(once(b"\xaa")), b"\x05\x78", b"\xf2\x41", b"\x12ab", b"\x03c")
    assert asked == ["e080", "02aa", "f201", "a3"]


@given(st.lists(st.binary(max_size=8)))
def test_any_answers_of_a_type_4_tag_come_to_an_end(answers: list[bytes]) -> None:
    command = over_iso_dep(read_type4())
    next(command)

    def tell() -> None:
        for answer in [*answers, *[b"\xf2\x01"] * 9, b"", b""]:
            command.send(answer)

    with pytest.raises(StopIteration):
        tell()


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=60))
def test_the_simulated_type_4_tag_holds_what_was_written_on_it(identifier: str) -> None:
    field, command = CardField(), read_type4()
    field.tap(VirtualCard.type4(DESFIRE, identifier))
    question, found = next(command), None
    try:
        while True:
            question = command.send(field.apdu(question))
    except StopIteration as done:
        found = done.value
    assert found is not None
    assert patron_identifier(found) == identifier
