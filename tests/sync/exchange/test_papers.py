"""Enrolment on paper: the code never travels, and without it nobody takes the place of either side."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.exchange import envelope
from sync.exchange.envelope import Envelope
from sync.exchange.keys import Domain, Keys, PublicKeys
from sync.exchange.papers import (
    REQUEST_MAGIC,
    RESPONSE_MAGIC,
    EnrolmentRequest,
    EnrolmentResponse,
    PaperRefused,
    code_handle,
    code_key,
    make_code,
    normal_code,
    open_request,
    open_response,
    read_request,
    request_digest,
    seal_request,
    seal_response,
)
from sync.exchange.reasons import Reason, Side
from tests.sync.exchange.parties import EPOCH, HQ, HQ_KEYS, STATION, STATION_KEYS, STRANGER, turned

CODE = normal_code(make_code(bytes(range(40, 53)))) or ""
KEY = code_key(CODE)
OTHER_KEY = code_key("0" * 20)


def request(keys: Keys = STATION_KEYS, public: PublicKeys = STATION_KEYS.public, key: bytes = KEY) -> bytes:
    """A station that asks to be enrolled."""
    asked = EnrolmentRequest(handle=code_handle(CODE), keys=public, version="0.1.0", hint="00ff00ff00ff00ff")
    return seal_request(keys, key, asked)


def response(
    keys: Keys = HQ_KEYS, public: PublicKeys = HQ_KEYS.public, key: bytes = KEY, to: bytes | None = None
) -> bytes:
    """Headquarters, which grants it."""
    granted = EnrolmentResponse(
        request=request_digest(to or REQUEST),
        hq=HQ,
        keys=public,
        station=STATION,
        epoch=EPOCH,
        branch="TRI",
        url="https://hq.example",
    )
    return seal_response(keys, key, granted)


REQUEST = request()
RESPONSE = response()


def told(reason: Reason) -> PaperRefused:
    """A response that was not taken."""
    return PaperRefused(reason, Side.HEADQUARTERS)


# --- the code ---------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=13, max_size=13))
def test_a_code_is_read_however_it_is_typed(chance: bytes) -> None:
    code = make_code(chance)
    plain = code.replace("-", "")
    assert len(code) == 23
    for typed in (code, plain, code.lower(), code.replace("-", " "), plain.replace("0", "o").replace("1", "l")):
        assert normal_code(f" {typed}\n") == plain


def test_codes_differ_in_every_bit_they_are_made_of() -> None:
    chance = bytes(range(13))
    # 13 bytes are 104 bits, and a code has 100.
    turned_over = {make_code(turned(chance, at // 8, 1 << at % 8)) for at in range(4 * 8, 104)}
    assert len(turned_over | {make_code(chance)}) == 73


@pytest.mark.parametrize("text", ["", "7QF3M", "7QF3M-2XK9P-TB4HD-W8ZC5-", "7QF3M-2XK9P-TB4HD-W8ZCU", "ộ" * 20])
def test_what_cannot_be_a_code_is_none(text: str) -> None:
    assert (normal_code(text) is None) == (text != "7QF3M-2XK9P-TB4HD-W8ZC5-")


def test_the_code_travels_in_no_paper() -> None:
    for paper in (REQUEST, RESPONSE):
        assert CODE.encode() not in paper
        assert CODE[5:].encode() not in paper
        assert KEY not in paper


# --- request and response ---------------------------------------------------------------------------------------------


def test_a_request_opens_to_what_was_asked() -> None:
    opened = open_request(REQUEST, KEY)
    assert isinstance(opened, EnrolmentRequest)
    assert opened == read_request(REQUEST)
    assert opened.keys == STATION_KEYS.public
    assert opened.handle == CODE[:5]


def test_a_response_opens_to_what_was_granted() -> None:
    opened = open_response(RESPONSE, KEY, REQUEST)
    assert isinstance(opened, EnrolmentResponse)
    assert (opened.hq, opened.station, opened.epoch, opened.keys) == (HQ, STATION, EPOCH, HQ_KEYS.public)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_a_paper_with_any_byte_turned_or_cut_off_is_refused(mask: int) -> None:
    for at in range(len(REQUEST)):
        assert isinstance(open_request(turned(REQUEST, at, mask), KEY), PaperRefused), at
        assert isinstance(open_request(REQUEST[:at], KEY), PaperRefused), at
    for at in range(len(RESPONSE)):
        assert isinstance(open_response(turned(RESPONSE, at, mask), KEY, REQUEST), PaperRefused), at
        assert isinstance(open_response(RESPONSE[:at], KEY, REQUEST), PaperRefused), at


@given(st.binary(max_size=200))
def test_no_bytes_whatever_make_a_paper_or_an_error(raw: bytes) -> None:
    for magic in (REQUEST_MAGIC, RESPONSE_MAGIC):
        paper = magic + len(raw).to_bytes(4) + raw + bytes(96)
        assert isinstance(read_request(paper), PaperRefused)
        assert isinstance(open_request(paper, KEY), PaperRefused)
        assert isinstance(open_response(paper, KEY, REQUEST), PaperRefused)


def test_without_the_code_nobody_enrols_keys_of_their_own() -> None:
    assert open_request(request(key=OTHER_KEY), KEY) == PaperRefused(Reason.WRONG_CODE)
    # The proof of a real request under keys of another.
    asked = open_request(REQUEST, KEY)
    assert isinstance(asked, EnrolmentRequest)
    asked = msgspec.structs.replace(asked, keys=STRANGER.public)
    ours, theirs = (
        envelope.split(raw, REQUEST_MAGIC, most=8192) for raw in (REQUEST, seal_request(STRANGER, b"", asked))
    )
    assert isinstance(ours, Envelope)
    assert isinstance(theirs, Envelope)
    mixed = envelope.join(REQUEST_MAGIC, replace(theirs, body=ours.body))
    assert open_request(mixed, KEY) == PaperRefused(Reason.WRONG_CODE)


def test_without_the_code_nobody_passes_for_headquarters() -> None:
    forged = response(keys=STRANGER, public=STRANGER.public, key=OTHER_KEY)
    assert open_response(forged, KEY, REQUEST) == told(Reason.WRONG_CODE)


def test_keys_that_somebody_does_not_hold_are_not_enrolled() -> None:
    assert open_request(request(keys=STRANGER), KEY) == PaperRefused(Reason.BAD_SIGNATURE)
    assert open_response(response(keys=STRANGER), KEY, REQUEST) == told(Reason.BAD_SIGNATURE)


def test_keys_that_nothing_can_be_encrypted_to_are_not_enrolled() -> None:
    weak = PublicKeys(STATION_KEYS.public.sign, bytes(32))
    assert open_request(request(public=weak), KEY) == PaperRefused(Reason.BAD_SIGNATURE)
    weak = PublicKeys(HQ_KEYS.public.sign, bytes(32))
    assert open_response(response(public=weak), KEY, REQUEST) == told(Reason.BAD_SIGNATURE)


def test_a_response_to_another_request_is_refused() -> None:
    other = request(keys=STRANGER, public=STRANGER.public)
    assert open_response(RESPONSE, KEY, other) == told(Reason.OTHER_QUESTION)


def test_a_request_is_no_response() -> None:
    assert open_response(REQUEST, KEY, REQUEST) == told(Reason.DAMAGED)
    pieces = envelope.split(REQUEST, REQUEST_MAGIC, most=8192)
    assert isinstance(pieces, Envelope)
    other = replace(pieces, signature=STATION_KEYS.sign(Domain.BATCH, pieces.header))
    assert open_request(envelope.join(REQUEST_MAGIC, other), KEY) == PaperRefused(Reason.WRONG_CODE)
