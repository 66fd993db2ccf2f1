"""Contact and reply: whole or refused, for this question alone, with the changes as they were put in."""

import random
from dataclasses import replace
from hashlib import sha256

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sync.exchange import batch as batches
from sync.exchange import envelope, messages
from sync.exchange.envelope import Packed, Road
from sync.exchange.keys import Domain, Keys, Pin, Pins
from sync.exchange.messages import (
    CONTACT_MAGIC,
    REPLY_BYTES,
    REPLY_CHANGES,
    REPLY_MAGIC,
    Answer,
    Change,
    Contact,
    MessageRefused,
    OpenedContact,
    OpenedReply,
    Reply,
    fitting_changes,
    open_contact,
    open_reply,
    read_contact,
    seal_contact,
    seal_reply,
)
from sync.exchange.reasons import Reason, Side
from tests.sync.exchange.parties import (
    CHANGES,
    EPOCH,
    HQ,
    HQ_KEYS,
    HQ_PINS,
    STATION,
    STATION_KEYS,
    STATION_PINS,
    STRANGER,
    contact,
    day,
    reply,
    sealed,
    turned,
)

NUMBERS = st.integers(0, 2**63 - 1)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NONCE = b"n" * 16
BATCH = sealed(day(3))
CALL, ANSWER = seal_contact(STATION_KEYS, contact(), BATCH), seal_reply(HQ_KEYS, reply(), CHANGES)


def headquarters_reads(raw: bytes, pins: Pins = STATION_PINS) -> OpenedContact | MessageRefused:
    """What headquarters makes of a contact."""
    return open_contact(raw, pins, hq=HQ)


def station_reads(raw: bytes, pins: Pins = HQ_PINS, nonce: bytes = NONCE) -> OpenedReply | MessageRefused:
    """What the station makes of a reply."""
    return open_reply(raw, pins, hq=HQ, station=STATION, epoch=EPOCH, nonce=nonce)


def refused(reason: Reason) -> MessageRefused:
    """A reply that was not taken."""
    return MessageRefused(reason, Side.HEADQUARTERS)


# --- what goes in comes out -------------------------------------------------------------------------------------------


@given(
    contact=st.builds(
        contact,
        nonce=st.binary(max_size=16),
        boot=WORDS,
        wall=st.integers(-(2**63), 2**63 - 1),
        up=NUMBERS,
        cursor=NUMBERS,
        seq=NUMBERS,
        head=st.binary(min_size=32, max_size=32),
        unsent=NUMBERS,
        version=WORDS,
        hint=WORDS,
        want_snapshot=st.booleans(),
    ),
    batch=st.binary(max_size=300),
)
def test_a_contact_opens_to_what_was_sealed(contact: Contact, batch: bytes) -> None:
    raw = seal_contact(STATION_KEYS, contact, batch)
    assert headquarters_reads(raw) == OpenedContact(1, contact, batch)
    assert read_contact(raw) == contact


@given(
    reply=st.builds(
        reply,
        now=NUMBERS,
        answer=st.sampled_from(Answer),
        reason=st.none() | st.sampled_from(Reason),
        want=st.none() | st.integers(1, 2**63 - 1),
        logged=NUMBERS,
        more=st.booleans(),
        resnapshot=st.booleans(),
        slow_down_s=st.none() | NUMBERS,
        batch_limit=st.integers(1, 500),
        upgrade=st.none() | WORDS,
    ),
    changes=st.lists(
        st.builds(
            Change,
            st.integers(1, 2**63 - 1),
            st.sampled_from(["item", "patron", "rule_set"]),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
            st.sampled_from(["*", "DK"]),
            st.none() | st.dictionaries(WORDS, WORDS | st.none() | st.integers(-(2**63), 2**63 - 1), max_size=4),
        ),
        max_size=6,
    ),
)
def test_a_reply_opens_to_what_was_sealed(reply: Reply, changes: list[Change]) -> None:
    assert station_reads(seal_reply(HQ_KEYS, reply, changes)) == OpenedReply(reply, tuple(changes))


def test_an_idle_round_trip_is_less_than_two_packets() -> None:
    assert len(seal_contact(STATION_KEYS, contact())) < 600
    assert len(seal_reply(HQ_KEYS, reply())) < 600


def test_what_a_change_says_of_a_reader_shows_in_no_representation() -> None:
    opened = station_reads(ANSWER)
    assert isinstance(opened, OpenedReply)
    assert "00012345" not in repr(opened)
    assert "Kho mượn" not in repr(opened)


def test_a_reply_is_as_full_as_it_may_be() -> None:
    small = [Change(n, "loan", f"{n:016x}", "DK", None) for n in range(1, 8001)]
    assert fitting_changes([]) == 0
    assert fitting_changes(small) == REPLY_CHANGES
    assert fitting_changes(small, most=10) == 10
    one = len(msgspec.json.encode(small[0])) + 1
    assert [fitting_changes(small[:2], size=size) for size in (1, 2 * one - 1, 2 * one)] == [1, 1, 2]
    large = [Change(n, "rule_set", "r", "*", {"body": "x" * (REPLY_BYTES // 3)}) for n in range(1, 5)]
    assert fitting_changes(large) == 2
    assert fitting_changes([Change(1, "rule_set", "r", "*", {"body": "x" * REPLY_BYTES})]) == 1


def test_one_change_too_large_for_a_reply_still_travels() -> None:
    body = random.Random(7).randbytes(REPLY_BYTES).hex()
    change = Change(1, "rule_set", "r", "*", {"body": body})
    assert station_reads(seal_reply(HQ_KEYS, reply(), [change])) == OpenedReply(reply(), (change,))


def test_what_no_message_holds_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="batch"):
        seal_contact(STATION_KEYS, contact(), bytes(batches.MOST_BYTES + 1))
    with pytest.raises(ValueError, match="at most 5000"):
        seal_reply(HQ_KEYS, reply(), [CHANGES[2]] * (REPLY_CHANGES + 1))
    with pytest.raises(ValueError, match="too much"):
        seal_reply(HQ_KEYS, reply(), [Change(1, "rule_set", "r", "*", {"body": "x" * 17_000_000})])


# --- what was touched -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_a_message_with_any_byte_turned_is_refused(mask: int) -> None:
    end = len(CALL) - len(BATCH)  # the batch defends itself
    for at in range(end):
        assert isinstance(headquarters_reads(turned(CALL, at, mask)), MessageRefused), at
    for at in range(len(ANSWER)):
        assert isinstance(station_reads(turned(ANSWER, at, mask)), MessageRefused), at


def test_a_message_cut_off_anywhere_is_refused() -> None:
    for length in range(len(CALL)):
        assert isinstance(headquarters_reads(CALL[:length]), MessageRefused), length
    for length in range(len(ANSWER)):
        assert isinstance(station_reads(ANSWER[:length]), MessageRefused), length
    assert headquarters_reads(CALL + b"x") == MessageRefused(Reason.DAMAGED)
    assert station_reads(ANSWER + b"x") == refused(Reason.DAMAGED)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_make_a_message_or_an_error(raw: bytes) -> None:
    for magic in (b"", CONTACT_MAGIC, REPLY_MAGIC):
        for bytes_ in (magic + raw, magic + len(raw).to_bytes(4) + raw + bytes(64)):
            assert isinstance(headquarters_reads(bytes_), MessageRefused)
            assert isinstance(station_reads(bytes_), MessageRefused)
            assert isinstance(read_contact(bytes_), MessageRefused)


def test_a_captive_portals_page_is_no_reply() -> None:
    assert station_reads(b"<!DOCTYPE html><title>Welcome</title>") == refused(Reason.DAMAGED)
    assert station_reads(b"") == refused(Reason.DAMAGED)


# --- whose it is, and to what -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"hq": "KON"}, Reason.OTHER_HEADQUARTERS),
        ({"station": "TRI-K02"}, Reason.OTHER_STATION),
        ({"epoch": 3}, Reason.OTHER_STATION),
        ({"nonce": b"m" * 16}, Reason.OTHER_QUESTION),
        ({"nonce": b""}, Reason.OTHER_QUESTION),
    ],
)
def test_a_reply_for_somebody_else_or_to_another_question_is_refused(other: dict[str, object], reason: Reason) -> None:
    assert station_reads(seal_reply(HQ_KEYS, reply(**other))) == refused(reason)


def test_an_old_reply_is_no_answer_on_a_stick_and_one_from_a_stick_none_to_a_question() -> None:
    on_stick = seal_reply(HQ_KEYS, reply(nonce=b""))
    assert isinstance(station_reads(on_stick, nonce=b""), OpenedReply)
    assert station_reads(on_stick) == refused(Reason.OTHER_QUESTION)
    assert station_reads(ANSWER, nonce=b"") == refused(Reason.OTHER_QUESTION)


def test_a_contact_for_another_headquarters_is_refused() -> None:
    raw = seal_contact(STATION_KEYS, contact(hq="KON"))
    assert headquarters_reads(raw) == MessageRefused(Reason.OTHER_HEADQUARTERS)


@pytest.mark.parametrize("keys", [STRANGER, HQ_KEYS])
def test_strangers_sign_nothing(keys: Keys) -> None:
    assert headquarters_reads(seal_contact(keys, contact())) == MessageRefused(Reason.BAD_SIGNATURE)


def test_a_station_cannot_answer_itself() -> None:
    assert station_reads(seal_reply(STATION_KEYS, reply())) == refused(Reason.BAD_SIGNATURE)


@pytest.mark.parametrize("domain", list(Domain))
def test_a_signature_of_another_kind_of_message_is_none(domain: Domain) -> None:
    for raw, magic, keys in ((CALL, CONTACT_MAGIC, STATION_KEYS), (ANSWER, REPLY_MAGIC, HQ_KEYS)):
        pieces = envelope.split(raw, magic, most=len(raw))
        assert isinstance(pieces, envelope.Envelope)
        other = envelope.join(magic, replace(pieces, signature=keys.sign(domain, pieces.header)))
        read = headquarters_reads(other) if magic == CONTACT_MAGIC else station_reads(other)
        right = Domain.CONTACT if magic == CONTACT_MAGIC else Domain.REPLY
        assert isinstance(read, MessageRefused) == (domain is not right)


def test_retired_keys_are_good_up_to_their_marks() -> None:
    pins = STATION_PINS.rotate(STRANGER.public, until=700)
    assert isinstance(headquarters_reads(CALL, pins), OpenedContact)
    late = seal_contact(STATION_KEYS, contact(seq=701))
    assert headquarters_reads(late, pins) == MessageRefused(Reason.RETIRED_KEY)
    ours = HQ_PINS.rotate(STRANGER.public, until=reply().now)
    assert isinstance(station_reads(ANSWER, ours), OpenedReply)
    assert station_reads(seal_reply(HQ_KEYS, reply(now=reply().now + 1)), ours) == refused(Reason.RETIRED_KEY)
    assert station_reads(ANSWER, Pins((Pin(STRANGER.public),))) == refused(Reason.BAD_SIGNATURE)


# --- protocols --------------------------------------------------------------------------------------------------------


def test_a_newer_headquarters_tells_the_station_to_be_updated() -> None:
    newer = station_reads(seal_reply(HQ_KEYS, reply(), proto=2))
    assert newer == refused(Reason.NEWER_PROTOCOL)
    assert isinstance(newer, MessageRefused)
    assert newer.phrase.en.endswith("update the program of the station, then try again.")
    assert newer.phrase.vi.endswith("hãy cập nhật chương trình của trạm rồi thử lại.")


def test_a_station_is_answered_in_its_own_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "PROTOCOL", 2)
    opened = headquarters_reads(CALL)
    assert isinstance(opened, OpenedContact)
    answer = seal_reply(HQ_KEYS, reply(), proto=opened.proto)
    monkeypatch.undo()
    assert isinstance(station_reads(answer), OpenedReply)


def test_a_stick_may_have_lain_in_a_drawer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "PROTOCOL", 4)
    assert headquarters_reads(CALL) == MessageRefused(Reason.OLDER_PROTOCOL)
    assert isinstance(open_contact(CALL, STATION_PINS, hq=HQ, road=Road.USB), OpenedContact)


# --- floods -----------------------------------------------------------------------------------------------------------


def flooding(frame: bytes, size: int) -> bytes:
    """A reply with this frame for its changes."""
    header = messages._ReplyHeader(reply=reply(), changes=Packed(size, len(frame), sha256(frame).digest()))  # noqa: SLF001
    return envelope.seal(REPLY_MAGIC, HQ_KEYS, Domain.REPLY, header, frame)


def test_changes_that_would_unpack_to_a_flood_are_not_unpacked() -> None:
    flood = zstandard.ZstdCompressor().compress(bytes(64 * 1024 * 1024))
    assert station_reads(flooding(flood, 64 * 1024 * 1024)) == refused(Reason.TOO_LARGE)
    assert station_reads(flooding(flood, 1000)) == refused(Reason.DAMAGED)
    thin = zstandard.ZstdCompressor().compress(bytes(4 * 1024 * 1024))
    assert station_reads(flooding(thin, 4 * 1024 * 1024)) == refused(Reason.RATIO)
    assert station_reads(REPLY_MAGIC + bytes(40_000_000)) == refused(Reason.TOO_LARGE)
    assert headquarters_reads(CONTACT_MAGIC + bytes(4_000_000)) == MessageRefused(Reason.TOO_LARGE)


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b"[[0,'item','x','*',null]]".replace(b"'", b'"'),
        b"[[1,'','x','*',null]]".replace(b"'", b'"'),
        b"[[1,'item','x','*',{'parts':1.5}]]".replace(b"'", b'"'),
        b"[[1,'item','x','*',{'parts':true}]]".replace(b"'", b'"'),
        b"[[1,'item','x','*',{'parts':[1]}]]".replace(b"'", b'"'),
        b"[[1,'item','x','*',{'parts':9223372036854775808}]]".replace(b"'", b'"'),
        b"[[1,'item','x','*']]".replace(b"'", b'"'),
        msgspec.json.encode([CHANGES[2]] * (REPLY_CHANGES + 1)),
    ],
)
def test_changes_of_another_shape_are_damage(text: bytes) -> None:
    packed, frame = envelope.pack(text)
    assert station_reads(flooding(frame, packed.size)) == refused(Reason.DAMAGED)
