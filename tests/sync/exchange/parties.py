"""A headquarters, a station, a stranger, and what they write to each other."""

import random
import re
from collections.abc import Sequence
from hashlib import sha256

from sync.circulation.chain import genesis, link
from sync.exchange import batch as batches
from sync.exchange.batch import Batch, BatchRefused
from sync.exchange.keys import Keys, Pin, Pins
from sync.exchange.messages import Answer, Change, Contact, Reply
from tests.sync.exchange.days import Days


def keys_of(name: str) -> Keys:
    """The keys of somebody, always the same."""
    return Keys(sha256(b"sign " + name.encode()).digest(), sha256(b"seal " + name.encode()).digest())


HQ, STATION, EPOCH = "TRI", "TRI-K01", 2
STATION_KEYS, HQ_KEYS, STRANGER = keys_of("station"), keys_of("headquarters"), keys_of("stranger")
STATION_PINS, HQ_PINS = Pins((Pin(STATION_KEYS.public),)), Pins((Pin(HQ_KEYS.public),))
SALT = bytes(range(16))
_TOKEN = re.compile(r"[0-9a-f]{16}")


def day(events: int, seed: int = 7) -> Days:
    """The first events of a station."""
    return Days(random.Random(seed)).until(events)


def chained(records: Sequence[str], station: str = STATION, epoch: int = EPOCH) -> list[bytes]:
    """The chain's hashes: before the first record, then after each."""
    hashes = [genesis(station, epoch)]
    for record in records:
        hashes.append(link(hashes[-1], record))
    return hashes


def sealed(
    days: Days,
    first: int = 1,
    last: int | None = None,
    *,
    keys: Keys = STATION_KEYS,
    hq: str = HQ,
    station: str = STATION,
    epoch: int = EPOCH,
) -> bytes:
    """A batch of some of these events, with the identities of all their tokens."""
    records = days.records[first - 1 : last]
    tokens = {token for record in records for token in _TOKEN.findall(record)}
    return batches.seal(
        keys,
        hq=hq,
        station=station,
        epoch=epoch,
        first=first,
        prev=chained(days.records[: first - 1], station, epoch)[-1],
        records=records,
        identities={token: owner for token, owner in days.identities.items() if token in tokens},
        salt=SALT,
    )


def opened(raw: bytes, pins: Pins = STATION_PINS) -> Batch | BatchRefused:
    """What headquarters makes of a batch of the station."""
    return batches.open_batch(raw, pins, hq=HQ, station=STATION, epoch=EPOCH)


def contact(**other: object) -> Contact:
    """A station that calls, and has nothing special to say."""
    said: dict[str, object] = {
        "hq": HQ,
        "station": STATION,
        "epoch": EPOCH,
        "nonce": b"n" * 16,
        "boot": "3f0c9d52",
        "wall": 1_803_952_800_005,
        "up": 600_000,
        "cursor": 41,
        "seq": 700,
        "head": b"h" * 32,
        "unsent": 12,
        "version": "0.1.0",
        "hint": "00ff00ff00ff00ff",
    }
    return Contact(**(said | other))  # type: ignore[arg-type]


def reply(**other: object) -> Reply:
    """Headquarters, which has taken what it was sent."""
    said: dict[str, object] = {
        "hq": HQ,
        "station": STATION,
        "epoch": EPOCH,
        "nonce": b"n" * 16,
        "now": 1_803_952_800_105,
        "answer": Answer.ACCEPTED,
        "first": 689,
        "last": 700,
        "logged": 700,
        "head": b"h" * 32,
        "safe": 400,
        "applied": 650,
        "cursor": 44,
    }
    return Reply(**(said | other))  # type: ignore[arg-type]


CHANGES = (
    Change(42, "item", "DK.0012345", "DK", {"item_id": "DK.0012345", "parts": 1, "location": "Kho mượn tầng 2"}),
    Change(43, "patron", "00012345", "DK", {"patron_id": "00012345", "expires": None, "deposit": 100_000}),
    Change(44, "loan", "00ff00ff00ff00ff", "DK", None),
)


def turned(raw: bytes, at: int, mask: int) -> bytes:
    """The bytes with some bits of one of them turned over."""
    return raw[:at] + bytes((raw[at] ^ mask,)) + raw[at + 1 :]
