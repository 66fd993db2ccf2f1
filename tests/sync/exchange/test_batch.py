"""Batches: what goes in comes out, what was touched does not, and nobody's flood gets through."""

import json
import random
import struct
from dataclasses import replace
from hashlib import sha256

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sync.circulation.chain import genesis, link
from sync.exchange import batch as batches
from sync.exchange import envelope
from sync.exchange.batch import BATCH_BYTES, BATCH_EVENTS, MAGIC, Batch, BatchHeader, BatchRefused
from sync.exchange.envelope import PART_BYTES, Packed, Road
from sync.exchange.keys import Domain, Keys, Pin, Pins
from sync.exchange.reasons import Reason, Side
from tests.sync.exchange.parties import (
    EPOCH,
    HQ,
    HQ_KEYS,
    SALT,
    STATION,
    STATION_KEYS,
    STATION_PINS,
    STRANGER,
    chained,
    day,
    opened,
    sealed,
    turned,
)

# Whatever a ledger's line may hold; a record is one line, and text that UTF-8 can write.
LINES = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=60)
FIVE = day(5)
RAW = sealed(FIVE)
REFUSED = [BatchRefused(reason) for reason in Reason]


def taken(raw: bytes) -> Batch:
    """A batch that must be good."""
    batch = opened(raw)
    assert isinstance(batch, Batch), batch
    return batch


def lying(keys: Keys = STATION_KEYS, **wrong: object) -> bytes:
    """The five events under a header that says something else, signed all the same."""
    pieces = envelope.split(RAW, MAGIC, most=len(RAW))
    assert isinstance(pieces, envelope.Envelope)
    header = msgspec.json.decode(pieces.header, type=BatchHeader)
    body = wrong.pop("body", pieces.body)
    assert isinstance(body, bytes)
    return envelope.seal(MAGIC, keys, Domain.BATCH, msgspec.structs.replace(header, **wrong), body)


def bomb(frame: bytes, size: int) -> bytes:
    """A batch whose events' frame is this one, said to hold so many bytes."""
    packed = Packed(size, len(frame), sha256(frame).digest())
    return lying(body=frame, events=packed, identities=Packed(0, 0, sha256(b"").digest()))


# --- what goes in comes out -------------------------------------------------------------------------------------------


@given(
    records=st.lists(LINES, min_size=1, max_size=30).filter(any),
    identities=st.dictionaries(st.text("0123456789abcdef", min_size=16, max_size=16), LINES, max_size=5),
    first=st.integers(1, 2**60),
    prev=st.binary(min_size=32, max_size=32),
    salt=st.binary(min_size=16, max_size=16),
)
def test_a_batch_opens_to_what_was_sealed(
    records: list[str], identities: dict[str, str], first: int, prev: bytes, salt: bytes
) -> None:
    if first == 1:
        prev = genesis(STATION, EPOCH)
    batch = taken(
        batches.seal(
            STATION_KEYS,
            hq=HQ,
            station=STATION,
            epoch=EPOCH,
            first=first,
            prev=prev,
            records=records,
            identities=identities,
            salt=salt,
        )
    )
    assert batch.records == tuple(records)
    assert batch.identities == identities
    assert (batch.header.first, batch.header.last) == (first, first + len(records) - 1)
    assert batch.hashes[-1] == batch.header.head
    for record, before, after in zip(records, (prev, *batch.hashes), batch.hashes, strict=False):
        assert link(before, record) == after


def test_the_same_batch_is_the_same_bytes() -> None:
    assert sealed(FIVE) == RAW


def test_a_batch_is_laid_out_as_its_page_says() -> None:
    assert RAW[:4] == b"TSB1"
    (length,) = struct.unpack(">I", RAW[4:8])
    header = json.loads(RAW[8 : 8 + length])
    assert list(header) == ["proto", "hq", "station", "epoch", "first", "last", "prev", "head", "events", "identities"]
    assert (header["proto"], header["hq"], header["station"], header["epoch"]) == (1, "TRI", "TRI-K01", 2)
    signature = RAW[8 + length : 72 + length]
    assert STATION_KEYS.public.verify(Domain.BATCH, signature, RAW[8 : 8 + length])
    body = RAW[72 + length :]
    text = zstandard.ZstdDecompressor().decompress(body[: header["events"]["length"]])
    assert text.decode().split("\n") == FIVE.records
    prefix = zstandard.ZstdCompressionDict(text, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    owners = zstandard.ZstdDecompressor(dict_data=prefix).decompress(body[header["identities"]["length"] * -1 :])
    assert json.loads(owners) == {"salt": "AAECAwQFBgcICQoLDA0ODw==", "owners": FIVE.identities}


def test_batches_follow_one_another_by_their_hashes() -> None:
    days = day(40)
    first, second = taken(sealed(days, 1, 25)), taken(sealed(days, 26, 40))
    assert first.header.head == second.header.prev
    assert first.records + second.records == tuple(days.records)


def test_headquarters_proves_a_batch_again_without_its_identities() -> None:
    batch = taken(RAW)
    assert batch.identities
    again = batches.open_stored(batch.stored, STATION_PINS)
    assert again == replace(batch, identities={})
    owners = "".join(batch.identities.values()).encode()
    assert owners not in batch.stored.signed + batch.stored.events


def test_what_stays_after_forgetting_does_not_tell_who_it_was() -> None:
    # Two batches that differ in their salt alone: a hash of identities that could be tried out would be equal.
    salts = (SALT, SALT[::-1])
    kept = []
    for salt in salts:
        identities = {"00ff00ff00ff00ff": "00012345"}
        raw = batches.seal(
            STATION_KEYS,
            hq=HQ,
            station=STATION,
            epoch=EPOCH,
            first=1,
            prev=genesis(STATION, EPOCH),
            records=FIVE.records,
            identities=identities,
            salt=salt,
        )
        kept.append(taken(raw).header.identities.hash)
    assert kept[0] != kept[1]


def test_a_stored_batch_that_was_touched_is_found() -> None:
    stored = taken(RAW).stored
    for at in range(len(stored.events)):
        assert batches.open_stored(replace(stored, events=turned(stored.events, at, 1)), STATION_PINS) in REFUSED
    assert batches.open_stored(stored, Pins((Pin(STRANGER.public),))) == BatchRefused(Reason.BAD_SIGNATURE)
    assert batches.open_stored(replace(stored, signed=b"{}"), STATION_PINS) == BatchRefused(Reason.DAMAGED)


def test_neither_readers_nor_their_loans_show_in_a_representation() -> None:
    batch = taken(RAW)
    shown = repr(batch)
    for token, owner in batch.identities.items():
        assert token not in shown
        assert owner not in shown


def test_five_hundred_events_cost_less_than_the_line_allows() -> None:
    days = day(BATCH_EVENTS, seed=1)
    assert len(days.identities) > 100
    assert len(sealed(days)) / BATCH_EVENTS <= 48


# --- how much goes into one -------------------------------------------------------------------------------------------


def test_a_batch_takes_so_many_events_and_no_more() -> None:
    assert batches.fitting([]) == 0
    assert batches.fitting(["x"] * 800) == BATCH_EVENTS
    assert batches.fitting(["x"] * 800, events=900) == BATCH_EVENTS
    assert batches.fitting(["x"] * 800, events=100) == 100
    assert batches.fitting(["ộ" * 1000] * 800) == BATCH_BYTES // 3001  # three bytes each, and a line end
    assert batches.fitting(["x" * BATCH_BYTES, "y"]) == 1
    assert batches.fitting(["x" * (BATCH_BYTES + 1), "y"]) == 1


@given(st.lists(LINES, max_size=12), st.integers(1, 200))
def test_as_many_fit_as_fit(records: list[str], size: int) -> None:
    count = batches.fitting(records, size=size)
    assert count >= min(1, len(records))
    assert count <= 1 or len("\n".join(records[:count]).encode()) <= size
    assert count == len(records) or len("\n".join(records[: count + 1]).encode()) > size


def test_one_event_too_large_for_a_batch_still_travels() -> None:
    large = day(1)
    large.records[0] = json.dumps({"reason": random.Random(7).randbytes(BATCH_BYTES).hex()})
    assert taken(sealed(large)).records == (large.records[0],)


@pytest.mark.parametrize("records", [[], ["x"] * 501, ["two\nlines"], ["x" * (4 * PART_BYTES + 1)]])
def test_what_no_ledger_holds_is_not_sealed(records: list[str]) -> None:
    with pytest.raises(ValueError, match=r"batch|line"):
        batches.seal(
            STATION_KEYS,
            hq=HQ,
            station=STATION,
            epoch=EPOCH,
            first=1,
            prev=bytes(32),
            records=records,
            identities={},
            salt=SALT,
        )


# --- what was touched -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_a_batch_with_any_byte_turned_is_refused(mask: int) -> None:
    for at in range(len(RAW)):
        assert opened(turned(RAW, at, mask)) in REFUSED, at


def test_a_batch_cut_off_anywhere_is_refused() -> None:
    for length in range(len(RAW)):
        assert opened(RAW[:length]) == BatchRefused(Reason.DAMAGED), length


@given(st.binary(min_size=1, max_size=20))
def test_a_batch_with_something_behind_it_is_refused(more: bytes) -> None:
    assert opened(RAW + more) == BatchRefused(Reason.DAMAGED)


@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_a_batch_or_an_error(raw: bytes) -> None:
    assert opened(raw) in REFUSED
    assert opened(MAGIC + len(raw).to_bytes(4) + raw + bytes(64)) in REFUSED
    assert batches.read_header(MAGIC + raw) in REFUSED


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_a_header_of_another_shape_is_damaged(value: object) -> None:
    for name in BatchHeader.__struct_fields__:
        header = msgspec.json.decode(taken(RAW).stored.signed)
        if header[name] != value and not (name in {"hq", "station"} and isinstance(value, str)):
            header[name] = value
            signed = msgspec.json.encode(header)
            raw = MAGIC + len(signed).to_bytes(4) + signed + STATION_KEYS.sign(Domain.BATCH, signed)
            assert opened(raw) in REFUSED


def test_brackets_without_end_are_damage() -> None:
    signed = b'{"proto":1,"x":' + b"[" * 4000
    assert opened(MAGIC + len(signed).to_bytes(4) + signed + bytes(64)) == BatchRefused(Reason.DAMAGED)


def test_a_field_that_a_later_program_adds_is_no_reason_to_refuse() -> None:
    pieces = envelope.split(RAW, MAGIC, most=len(RAW))
    assert isinstance(pieces, envelope.Envelope)
    signed = pieces.header[:-1] + b',"weather":"mist"}'
    more = replace(pieces, header=signed, signature=STATION_KEYS.sign(Domain.BATCH, signed))
    assert taken(envelope.join(MAGIC, more)).records == tuple(FIVE.records)


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_another_stations_signature_is_none() -> None:
    assert opened(sealed(FIVE, keys=STRANGER)) == BatchRefused(Reason.BAD_SIGNATURE)
    assert opened(RAW, Pins()) == BatchRefused(Reason.BAD_SIGNATURE)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (sealed(FIVE, station="TRI-K02"), Reason.OTHER_STATION),
        (sealed(FIVE, epoch=3), Reason.OTHER_STATION),
        (sealed(FIVE, hq="KON"), Reason.OTHER_HEADQUARTERS),
    ],
)
def test_a_batch_of_another_house_is_refused(raw: bytes, reason: Reason) -> None:
    assert opened(raw) == BatchRefused(reason)


@pytest.mark.parametrize("domain", [domain for domain in Domain if domain is not Domain.BATCH])
def test_what_was_signed_as_something_else_is_no_batch(domain: Domain) -> None:
    pieces = envelope.split(RAW, MAGIC, most=len(RAW))
    assert isinstance(pieces, envelope.Envelope)
    other = replace(pieces, signature=STATION_KEYS.sign(domain, pieces.header))
    assert opened(envelope.join(MAGIC, other)) == BatchRefused(Reason.BAD_SIGNATURE)


def test_a_retired_key_is_good_for_what_was_written_before() -> None:
    days = day(40)
    pins = STATION_PINS.rotate(STRANGER.public, until=25)
    assert isinstance(opened(sealed(days, 1, 25), pins), Batch)
    for until in (25, 39):
        early = STATION_PINS.rotate(STRANGER.public, until)
        assert opened(sealed(days, 26, 40), early) == BatchRefused(Reason.RETIRED_KEY)
    assert isinstance(opened(sealed(days, 26, 40, keys=STRANGER), pins), Batch)


# --- what it says of itself -------------------------------------------------------------------------------------------


def test_a_batch_whose_numbers_are_wrong_is_refused() -> None:
    assert opened(lying(last=4)) == BatchRefused(Reason.WRONG_RANGE)
    assert opened(lying(last=6)) == BatchRefused(Reason.WRONG_RANGE)
    assert opened(lying(first=6)) == BatchRefused(Reason.WRONG_RANGE)
    assert opened(lying(last=501)) == BatchRefused(Reason.TOO_LARGE)
    assert opened(lying(first=0)) == BatchRefused(Reason.DAMAGED)
    assert opened(lying(last=2**70)) == BatchRefused(Reason.DAMAGED)


def test_a_chain_that_does_not_hold_is_refused() -> None:
    assert opened(lying(head=bytes(32))) == BatchRefused(Reason.BROKEN_CHAIN)
    assert opened(lying(prev=bytes(32))) == BatchRefused(Reason.BROKEN_CHAIN)
    # Whole in itself, but not begun where this station's chain begins.
    elsewhere = chained(FIVE.records, station="TRI-K02")
    assert opened(lying(prev=elsewhere[0], head=elsewhere[-1])) == BatchRefused(Reason.BROKEN_CHAIN)
    assert isinstance(opened(lying(first=11, last=15, prev=elsewhere[0], head=elsewhere[-1])), Batch)


def test_an_empty_batch_is_refused() -> None:
    nothing = Packed(0, 0, sha256(b"").digest())
    assert opened(lying(body=b"", events=nothing, identities=nothing)) == BatchRefused(Reason.EMPTY)


def test_identities_are_no_part_of_the_events_and_yet_signed() -> None:
    other = taken(sealed(day(5, seed=8)))
    mixed = taken(RAW).stored
    body = mixed.events + sealed(day(5, seed=8))[-other.header.identities.length :]
    assert opened(lying(body=body, identities=other.header.identities)) == BatchRefused(Reason.DAMAGED)


@pytest.mark.parametrize(
    "text", [b"[]", b"{}", b'{"salt":"AAAA","owners":{}}', b'{"salt":"%s","owners":{"a":1}}', b"["]
)
def test_identities_of_another_shape_are_damage(text: bytes) -> None:
    events = "\n".join(FIVE.records).encode()
    packed, frame = envelope.pack(text.replace(b"%s", b"A" * 22 + b"=="), prefix=events)
    raw = lying(body=taken(RAW).stored.events + frame, identities=packed)
    assert opened(raw) == BatchRefused(Reason.DAMAGED)


def test_events_that_are_no_text_are_damage() -> None:
    packed, frame = envelope.pack(b"\xff\n\xfe")
    nothing = Packed(0, 0, sha256(b"").digest())
    assert opened(lying(last=2, body=frame, events=packed, identities=nothing)) == BatchRefused(Reason.DAMAGED)


# --- protocols --------------------------------------------------------------------------------------------------------


def test_a_newer_protocol_is_refused_and_says_that_headquarters_must_be_updated() -> None:
    refused = opened(lying(proto=2))
    assert refused == BatchRefused(Reason.NEWER_PROTOCOL)
    assert isinstance(refused, BatchRefused)
    assert "update the program of headquarters" in refused.phrase.en
    assert "cập nhật chương trình của trụ sở" in refused.phrase.vi
    assert refused.sender is Side.STATION


def test_a_newer_protocol_is_told_from_damage_whatever_else_it_says() -> None:
    signed = b'{"proto":9,"everything":"is different"}'
    assert opened(MAGIC + len(signed).to_bytes(4) + signed + bytes(64)) == BatchRefused(Reason.NEWER_PROTOCOL)


@pytest.mark.parametrize(("road", "back"), [(Road.HTTPS, 1), (Road.USB, 3)])
def test_older_protocols_are_read_as_far_back_as_their_road_is_slow(
    monkeypatch: pytest.MonkeyPatch, road: Road, back: int
) -> None:
    def on(proto: int) -> Batch | BatchRefused:
        return batches.open_batch(lying(proto=proto), STATION_PINS, hq=HQ, station=STATION, epoch=EPOCH, road=road)

    monkeypatch.setattr(envelope, "PROTOCOL", 7)
    assert all(isinstance(on(proto), Batch) for proto in range(7 - back, 8))
    too_old = on(7 - back - 1)
    assert too_old == BatchRefused(Reason.OLDER_PROTOCOL)
    assert isinstance(too_old, BatchRefused)
    assert "update the program of the station" in too_old.phrase.en
    assert on(8) == BatchRefused(Reason.NEWER_PROTOCOL)


def test_what_headquarters_took_once_it_reads_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = taken(RAW).stored
    monkeypatch.setattr(envelope, "PROTOCOL", 40)
    assert isinstance(batches.open_stored(stored, STATION_PINS), Batch)


# --- floods -----------------------------------------------------------------------------------------------------------


def test_more_bytes_than_any_batch_has_are_not_looked_at() -> None:
    assert opened(MAGIC + bytes(batches.MOST_BYTES)) == BatchRefused(Reason.TOO_LARGE)
    assert opened(MAGIC + b"\xff\xff\xff\xff" + bytes(100)) == BatchRefused(Reason.TOO_LARGE)


def test_a_frame_that_would_unpack_to_a_flood_is_refused_by_what_the_header_says() -> None:
    flood = zstandard.ZstdCompressor().compress(bytes(64 * 1024 * 1024))
    assert opened(bomb(flood, 64 * 1024 * 1024)) == BatchRefused(Reason.TOO_LARGE)
    thin = zstandard.ZstdCompressor().compress(bytes(3 * PART_BYTES))
    assert opened(bomb(thin, 3 * PART_BYTES)) == BatchRefused(Reason.RATIO)


def test_a_frame_that_says_another_size_than_the_header_is_not_unpacked() -> None:
    flood = zstandard.ZstdCompressor().compress(bytes(64 * 1024 * 1024))
    assert opened(bomb(flood, 1000)) == BatchRefused(Reason.DAMAGED)
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(64 * 1024 * 1024))
    assert opened(bomb(silent, 1000)) == BatchRefused(Reason.DAMAGED)
    small = zstandard.ZstdCompressor().compress(b"x")
    assert opened(bomb(small, 0)) == BatchRefused(Reason.EMPTY)
    assert opened(bomb(small + small, 1)) == BatchRefused(Reason.DAMAGED)
    assert opened(bomb(b"", 1)) == BatchRefused(Reason.DAMAGED)
    # A frame may lie about itself too.
    assert opened(bomb(small[:4] + b"\x20\x50" + small[6:], 0x50)) == BatchRefused(Reason.DAMAGED)


def test_headquarters_keys_sign_no_batches() -> None:
    assert opened(sealed(FIVE, keys=HQ_KEYS)) == BatchRefused(Reason.BAD_SIGNATURE)
