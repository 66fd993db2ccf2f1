"""What is exchanged when a station is enrolled: a request and a response, over https or as files on a stick. Pure.

Neither side knows the other's keys yet. What they share is the one-time code that headquarters made and a person
carried to the station: 20 characters, the first five of which (the *handle*) only tell headquarters which code is
meant. The code itself never travels. Each paper ends in an HMAC-SHA256 keyed by it, so whoever reads or changes a
paper on its way can put neither their own keys in the station's place nor in headquarters'; with 75 secret bits the
code cannot be tried out from a paper either. So enrolment needs no trusted road, and brings the certificate that makes
the road a trusted one from then on.

A ledger that was put back from a backup lacks what it did since, and headquarters may have that. So the request tells
how the ledger goes on behind what headquarters had acknowledged by then (:class:`Before`), and the response where both
part: what is common stays, what only the station has is numbered behind what headquarters has.

Both are envelopes (:mod:`sync.exchange.envelope`).

    request   magic ``TSQ1``, header {proto, request: :class:`EnrolmentRequest`}, signed by the station's new key in the
              domain ``ENROLMENT_REQUEST``, which proves that it has the private half
    response  magic ``TSA1``, header {proto, response: :class:`EnrolmentResponse`}, signed by headquarters in the domain
              ``ENROLMENT_RESPONSE``
    body      of both: HMAC-SHA256 of the domain's name, the header and the signature, keyed by :func:`code_key`

Source: facts/sync.md, section 5.6.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from sync.exchange import envelope
from sync.exchange.envelope import PROTOCOL, Code, Count, Envelope, Hash, Number, Protocol, Road
from sync.exchange.keys import Domain, Keys, PublicKeys
from sync.exchange.reasons import Reason, Rejected, Side

REQUEST_MAGIC = b"TSQ1"
RESPONSE_MAGIC = b"TSA1"

#: Random bytes that :func:`make_code` wants.
CODE_BYTES = 13
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no letter that looks like a digit
_MISREAD = str.maketrans("ILO", "110")
_CODE_LENGTH = 20
_HANDLE_LENGTH = 5

#: Bytes of each hash in a request, and as many of them as it holds: years of a busy kiosk without a word from
#: headquarters. No request is larger than ``MOST_REQUEST`` bytes.
PREFIX_BYTES = 8
MOST_HASHES = 1 << 17

MOST_REQUEST = PREFIX_BYTES * MOST_HASHES * 4 // 3 + 8192
_MOST_RESPONSE = 16 * 1024
_Text = Annotated[str, Meta(max_length=200)]


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger of a station as it asks to be enrolled.

    ``station`` and ``epoch`` are what it goes by. ``hashes`` are the first 8 bytes of the chain's hash after each event
    behind ``after``, one behind the other, as many as go in (:data:`MOST_HASHES`); up to ``after`` headquarters has
    acknowledged them, or they are of an earlier epoch.
    """

    station: _Text
    epoch: Number
    after: Count
    hashes: Annotated[bytes, Meta(max_length=PREFIX_BYTES * MOST_HASHES)]

    def __repr__(self) -> str:
        return f"Before({self.station}, {self.epoch}, {self.after})"


class EnrolmentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a station asks: to be known by these keys. ``hint`` is that of ``keyring``, ``version`` the program's.

    ``before`` tells of the ledger that is there already.
    """

    handle: Annotated[str, Meta(min_length=_HANDLE_LENGTH, max_length=_HANDLE_LENGTH)]
    keys: PublicKeys
    version: _Text
    hint: _Text
    before: Before | None = None


class EnrolmentResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What headquarters grants: a place in the network, and its own keys to trust.

    ``request`` is the SHA-256 of the request's bytes; ``url`` is where headquarters is reached, empty where it is not.
    ``certificate`` (PEM) is what it shows there, empty where the public authorities vouch for it. New events take the
    numbers behind ``after``; of those that the station has, the ones up to ``common`` are known at headquarters
    (:meth:`sync.store.ledger.Ledger.begin_epoch`).
    """

    request: Hash
    hq: Code
    keys: PublicKeys
    station: Code
    epoch: Number
    branch: Code
    url: _Text = ""
    certificate: Annotated[str, Meta(max_length=8192)] = ""
    after: Count = 0
    common: Count = 0


@dataclass(frozen=True, slots=True)
class PaperRefused(Rejected):
    """A request or a response that was not taken, and why."""


class _RequestHeader(msgspec.Struct, kw_only=True):
    proto: Protocol = PROTOCOL
    request: EnrolmentRequest


class _ResponseHeader(msgspec.Struct, kw_only=True):
    proto: Protocol = PROTOCOL
    response: EnrolmentResponse


_REQUEST = msgspec.json.Decoder(_RequestHeader)
_RESPONSE = msgspec.json.Decoder(_ResponseHeader)


def make_code(chance: bytes) -> str:
    """A one-time code out of 13 random bytes: ``7QF3M-2XK9P-TB4HD-W8ZC5``."""
    number = int.from_bytes(chance[:CODE_BYTES])
    letters = "".join(_DIGITS[number >> 5 * place & 31] for place in range(_CODE_LENGTH))
    return "-".join(letters[at : at + 5] for at in range(0, _CODE_LENGTH, 5))


def normal_code(text: str) -> str | None:
    """A code as a person typed it, in one spelling without hyphens; ``None`` for what cannot be one."""
    letters = "".join(text.split()).replace("-", "").upper().translate(_MISREAD)
    return letters if len(letters) == _CODE_LENGTH and set(letters) <= set(_DIGITS) else None


def code_handle(code: str) -> str:
    """The part of a code (of :func:`normal_code`) that may be shown: it tells which code is meant, and nothing else."""
    return code[:_HANDLE_LENGTH]


def code_key(code: str) -> bytes:
    """What headquarters keeps of a code (of :func:`normal_code`): the key of both papers' HMAC (32 bytes)."""
    return sha256(b"tramsach code\0" + code.encode()).digest()


def seal_request(keys: Keys, key: bytes, request: EnrolmentRequest) -> bytes:
    """A request as it is sent; ``keys`` are the station's new ones, ``key`` is :func:`code_key`."""
    return _seal(REQUEST_MAGIC, keys, Domain.ENROLMENT_REQUEST, _RequestHeader(request=request), key)


def read_request(raw: bytes) -> EnrolmentRequest | PaperRefused:
    """What a request claims, to look up the code that it means. Nothing of it is proven."""
    parsed = _parse_request(raw)
    return PaperRefused(parsed) if isinstance(parsed, Reason) else parsed[1]


def open_request(raw: bytes, key: bytes) -> EnrolmentRequest | PaperRefused:
    """The request that these bytes are, if whoever wrote it knows the code and holds the private keys."""
    parsed = _parse_request(raw)
    if isinstance(parsed, Reason):
        return PaperRefused(parsed)
    pieces, request = parsed
    if not _knows_code(pieces, Domain.ENROLMENT_REQUEST, key):
        return PaperRefused(Reason.WRONG_CODE)
    signed = request.keys.verify(Domain.ENROLMENT_REQUEST, pieces.signature, pieces.header)
    if not (signed and request.keys.usable):
        return PaperRefused(Reason.BAD_SIGNATURE)
    return request


def seal_response(keys: Keys, key: bytes, response: EnrolmentResponse) -> bytes:
    """A response as it is sent; ``keys`` are headquarters' own."""
    return _seal(RESPONSE_MAGIC, keys, Domain.ENROLMENT_RESPONSE, _ResponseHeader(response=response), key)


def open_response(raw: bytes, key: bytes, request: bytes) -> EnrolmentResponse | PaperRefused:
    """The response that these bytes are, if it answers these bytes of a request and whoever wrote it knows the code."""
    opened = _open_response(raw, key, request)
    return PaperRefused(opened, Side.HEADQUARTERS) if isinstance(opened, Reason) else opened


def request_digest(raw: bytes) -> bytes:
    """What a response says of the request that it answers (32 bytes)."""
    return sha256(raw).digest()


def _seal(magic: bytes, keys: Keys, domain: Domain, header: msgspec.Struct, key: bytes) -> bytes:
    signed = msgspec.json.encode(header)
    unproven = Envelope(signed, keys.sign(domain, signed), b"")
    return envelope.join(magic, replace(unproven, body=_proof(unproven, domain, key)))


def _proof(pieces: Envelope, domain: Domain, key: bytes) -> bytes:
    return hmac.digest(key, domain.value + pieces.header + pieces.signature, "sha256")


def _knows_code(pieces: Envelope, domain: Domain, key: bytes) -> bool:
    return hmac.compare_digest(pieces.body, _proof(pieces, domain, key))


def _parse_request(raw: bytes) -> tuple[Envelope, EnrolmentRequest] | Reason:
    pieces = envelope.split(raw, REQUEST_MAGIC, most=MOST_REQUEST, most_header=MOST_REQUEST)
    if isinstance(pieces, Reason):
        return pieces
    header = envelope.read_header(pieces.header, _REQUEST, Road.USB)
    return header if isinstance(header, Reason) else (pieces, header.request)


def _open_response(raw: bytes, key: bytes, request: bytes) -> EnrolmentResponse | Reason:
    pieces = envelope.split(raw, RESPONSE_MAGIC, most=_MOST_RESPONSE, most_header=_MOST_RESPONSE)
    if isinstance(pieces, Reason):
        return pieces
    header = envelope.read_header(pieces.header, _RESPONSE, Road.USB)
    if isinstance(header, Reason):
        return header
    response = header.response
    if not _knows_code(pieces, Domain.ENROLMENT_RESPONSE, key):
        return Reason.WRONG_CODE
    if response.request != request_digest(request):
        return Reason.OTHER_QUESTION
    if not response.keys.verify(Domain.ENROLMENT_RESPONSE, pieces.signature, pieces.header):
        return Reason.BAD_SIGNATURE
    return response if response.keys.usable else Reason.BAD_SIGNATURE
