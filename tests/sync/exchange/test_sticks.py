"""Bundles on sticks: pulled at any byte, beside anything, swapped, turned, repeated, for somebody else."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.exchange import bundle, envelope, sticks
from sync.exchange.bundle import MOST_PARTS, BundleRefused, Manifest, Part
from sync.exchange.disk import LOCAL, DiskRefuses, ReadBackDiffers
from sync.exchange.envelope import Road
from sync.exchange.keys import Domain, Keys, Pin, Pins
from sync.exchange.messages import OpenedContact, OpenedReply, open_contact, open_reply, seal_contact, seal_reply
from sync.exchange.reasons import Reason, Side
from sync.exchange.sticks import FOLDER, BundleLost, FoundBundle, OpenedBundle, find_bundles, open_bundle, write_bundle
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
    opened,
    reply,
    sealed,
    turned,
)
from tests.sync.exchange.pulled import Stick, states

STICK = Path("/media/stick")
OURS = STICK / FOLDER
MESSAGES = (b"first" * 20, b"second" * 30, b"", b"third" * 40)
SMALL = 300


def manifest(number: int = 1, **other: object) -> Manifest:
    """A bundle of the station, before its parts are known."""
    said: dict[str, object] = {
        "hq": HQ,
        "station": STATION,
        "epoch": EPOCH,
        "number": number,
        "previous": bytes(32),
        "tag": number.to_bytes(8),
        "first": 1,
        "last": 5,
        "mark": 5,
    }
    return Manifest(**(said | other))  # type: ignore[arg-type]


def written(
    stick: Stick, number: int = 1, messages: tuple[bytes, ...] = MESSAGES, **other: object
) -> sticks.WrittenBundle:
    """The station's bundle, on this stick."""
    return write_bundle(
        STICK,
        manifest(number, **other),
        Side.STATION,
        STATION_KEYS,
        HQ_KEYS.public,
        messages,
        part_bytes=SMALL,
        disk=stick,
    )


def read(
    stick: Stick,
    found: FoundBundle,
    *,
    keys: tuple[Keys, ...] = (HQ_KEYS,),
    pins: Pins = STATION_PINS,
    hq: str = HQ,
    station: str = STATION,
    epoch: int = EPOCH,
    seen: tuple[bytes, ...] = (),
) -> OpenedBundle | BundleRefused:
    """What headquarters makes of a bundle it found."""
    return open_bundle(found, keys, pins, hq=hq, station=station, epoch=epoch, seen=seen, disk=stick)


def outcomes(stick: Stick) -> list[tuple[bytes, ...] | Reason]:
    """What a stick gives: each bundle's messages, or why there are none."""
    given = []
    for found in find_bundles(STICK, disk=stick):
        bundle_ = read(stick, found)
        given.append(tuple(bundle_.messages()) if isinstance(bundle_, OpenedBundle) else bundle_.reason)
    return given


@pytest.fixture
def stick() -> Stick:
    """An empty stick."""
    return Stick()


# --- there and back ---------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=120), min_size=1, max_size=12), st.integers(180, 500))
def test_a_bundle_gives_back_what_was_put_in_whatever_the_size_of_its_parts(messages: list[bytes], size: int) -> None:
    stick = Stick()
    done = write_bundle(
        STICK, manifest(), Side.STATION, STATION_KEYS, HQ_KEYS.public, messages, part_bytes=size, disk=stick
    )
    assert all(len(content) <= size for path, content in stick.files.items() if path.suffix != ".TSM")
    assert done.size == sum(map(len, stick.files.values()))
    (found,) = find_bundles(STICK, disk=stick)
    assert found.claims == done.manifest
    assert outcomes(stick) == [tuple(messages)]


def test_a_part_is_filled_to_its_last_byte_and_not_beyond() -> None:
    two = [bytes(50), bytes(70)]  # with two lengths and the encryption's own 48 bytes they make 176
    for size, sizes in ((176, [176]), (175, [102, 122])):
        parts = bundle.seal_parts(manifest(), Side.STATION, HQ_KEYS.public, two, part_bytes=size)
        assert [part.size for part, _ in parts] == sizes


def test_a_bundle_carries_the_very_messages_that_go_over_https(tmp_path: Path) -> None:
    days = day(1000)
    batches = [sealed(days, first, first + 499) for first in (1, 501)]
    call = seal_contact(STATION_KEYS, contact())
    up = manifest(first=1, last=1000, mark=1000)
    write_bundle(tmp_path, up, Side.STATION, STATION_KEYS, HQ_KEYS.public, [call, *batches])
    (found,) = find_bundles(tmp_path)
    bundle_ = open_bundle(found, [HQ_KEYS], STATION_PINS, hq=HQ, station=STATION, epoch=EPOCH)
    assert isinstance(bundle_, OpenedBundle)
    first, *others = bundle_.messages()
    assert isinstance(open_contact(first, STATION_PINS, hq=HQ, road=Road.USB), OpenedContact)
    assert others == batches
    assert [opened(raw) for raw in others] == [opened(raw) for raw in batches]

    answer = seal_reply(HQ_KEYS, reply(nonce=b""), CHANGES)
    down = manifest(first=0, last=0, mark=reply().now)
    write_bundle(tmp_path, down, Side.HEADQUARTERS, HQ_KEYS, STATION_KEYS.public, [answer])
    (found,) = (each for each in find_bundles(tmp_path) if each.writer is Side.HEADQUARTERS)
    bundle_ = open_bundle(found, [STATION_KEYS], HQ_PINS, hq=HQ, station=STATION, epoch=EPOCH)
    assert isinstance(bundle_, OpenedBundle)
    (raw,) = bundle_.messages()
    receipt = open_reply(raw, HQ_PINS, hq=HQ, station=STATION, epoch=EPOCH, nonce=b"", road=Road.USB)
    assert isinstance(receipt, OpenedReply)
    assert receipt.changes == CHANGES


def test_ten_thousand_events_fit_on_any_stick(tmp_path: Path) -> None:
    days = day(10_000)
    batches = (sealed(days, first, first + 499) for first in range(1, 10_000, 500))
    done = write_bundle(
        tmp_path, manifest(last=10_000, mark=10_000), Side.STATION, STATION_KEYS, HQ_KEYS.public, batches
    )
    assert done.size <= 48 * 10_000
    assert len(done.manifest.parts) == 1
    text = b"".join(path.read_bytes() for path in (tmp_path / FOLDER).iterdir())
    for secret in (*days.records[:50], *next(iter(days.identities.items()))):
        assert secret.encode() not in text


def test_names_are_safe_on_fat(stick: Stick) -> None:
    for number in range(1, 40):
        written(stick, number)
    names = [path.name for path in stick.files]
    for name in names:
        stem, dot, suffix = name.partition(".")
        assert name == name.upper()
        assert (len(stem), dot, len(suffix)) == (8, ".", 3)
        assert name.isascii()
        assert name.replace(".", "").isalnum()
    assert len({name.partition(".")[0] for name in names}) == 39
    assert len(outcomes(stick)) == 39


def test_bundles_are_found_in_the_order_of_their_numbers_and_in_any_spelling(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        write_bundle(tmp_path, manifest(number), Side.STATION, STATION_KEYS, HQ_KEYS.public, MESSAGES, part_bytes=SMALL)
    for path in (tmp_path / FOLDER).iterdir():
        path.rename(tmp_path / path.name.lower())  # as some systems show them, and copied out of their folder
    bundles = find_bundles(tmp_path)
    assert [found.claims.number for found in bundles if isinstance(found.claims, Manifest)] == [1, 2, 3]
    for found in bundles:
        bundle_ = open_bundle(found, [HQ_KEYS], STATION_PINS, hq=HQ, station=STATION, epoch=EPOCH)
        assert isinstance(bundle_, OpenedBundle)
        assert tuple(bundle_.messages()) == MESSAGES


def test_the_next_bundle_names_the_one_before(stick: Stick) -> None:
    first = written(stick)
    second = written(stick, 2, previous=first.digest)
    assert first.digest != second.digest
    _, found = find_bundles(STICK, disk=stick)
    assert isinstance(found.claims, Manifest)
    assert found.claims.previous == first.digest


@pytest.mark.parametrize(("messages", "complaint"), [((), "at least one"), ((bytes(SMALL),), "larger than a part")])
def test_what_no_bundle_holds_is_not_written(stick: Stick, messages: tuple[bytes, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        written(stick, messages=messages)
    assert outcomes(stick) == []


def test_there_are_no_more_parts_than_names() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(10)

    parts = bundle.seal_parts(manifest(), Side.STATION, HQ_KEYS.public, endless(), part_bytes=70)
    with pytest.raises(ValueError, match=str(MOST_PARTS)):
        for _ in parts:
            pass


# --- pulled -----------------------------------------------------------------------------------------------------------


def test_a_stick_pulled_at_any_byte_holds_a_whole_bundle_or_none(stick: Stick) -> None:
    written(stick)
    before, steps = dict(stick.files), len(stick.steps)
    written(stick, 2, (b"fourth" * 30, b"fifth" * 30))
    whole = [MESSAGES, (b"fourth" * 30, b"fifth" * 30)]
    seen = set()
    for count, files in enumerate(states(before, stick.steps[steps:])):
        given = outcomes(Stick(files))
        assert MESSAGES in given  # what was good stays good
        given.remove(MESSAGES)
        assert given in ([], [Reason.INCOMPLETE], [whole[1]]), count
        seen.add(str(given))
    assert len(seen) == 3
    assert outcomes(stick) == whole


def test_a_bundle_is_written_after_any_interruption_and_the_remains_are_gone(stick: Stick) -> None:
    written(stick)
    remains = list(states({}, stick.steps))[:: len(stick.steps) * 7]
    for left in remains:
        files = {**left, OURS / "README.TXT": b"keep", OURS / "SCANNED1.001": b"keep", STICK / "SAAAAAAA.001": b"keep"}
        again = Stick(files)
        written(again, 2)
        assert MESSAGES in outcomes(again)
        assert not [path for path in again.files if path.suffix == ".TMP"]
        assert Reason.INCOMPLETE not in outcomes(again)
        assert list(again.files.values()).count(b"keep") == 3


def test_a_full_stick_is_said_in_words_and_holds_no_half_bundle(stick: Stick) -> None:
    size = written(stick).size
    for room in range(0, size, 17):
        full = Stick(room=room)
        with pytest.raises(DiskRefuses) as told:
            written(full)
        assert "ổ đĩa đã đầy" in told.value.phrase.vi
        assert outcomes(full) in ([], [Reason.INCOMPLETE])
    written(Stick(room=size))


def test_a_stick_smaller_than_it_says_is_found_when_read_back(stick: Stick, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(path: Path, most: int) -> bytes:
        return bytes(len(stick.files[path][:most]))

    monkeypatch.setattr(stick, "read", forgetful)
    with pytest.raises(ReadBackDiffers) as told:
        written(stick)
    assert "stick" in told.value.phrase.en


def test_a_stick_pulled_while_it_is_read_is_no_bundle_and_no_riddle(stick: Stick) -> None:
    written(stick)
    (found,) = find_bundles(STICK, disk=stick)
    bundle_ = read(stick, found)
    assert isinstance(bundle_, OpenedBundle)
    messages = bundle_.messages()
    assert next(messages) == MESSAGES[0]
    part = OURS / bundle.part_name(bundle_.manifest, Side.STATION, 2)
    stick.files[part] = turned(stick.files[part], 0, 1)
    with pytest.raises(BundleLost, match=r"\.TSM"):
        list(messages)
    stick.files.clear()
    with pytest.raises(DiskRefuses):
        list(bundle_.messages())


# --- tampered with ----------------------------------------------------------------------------------------------------


def test_a_bundle_with_any_byte_turned_is_refused(stick: Stick) -> None:
    written(stick)
    for path, content in stick.files.items():
        for at in range(len(content)):
            given = outcomes(Stick({**stick.files, path: turned(content, at, 1 << at % 8)}))
            assert len(given) == 1
            assert isinstance(given[0], Reason), (path.name, at)


def test_a_bundle_cut_off_or_with_something_behind_it_is_refused(stick: Stick) -> None:
    written(stick)
    for path, content in stick.files.items():
        for other in (*(content[:length] for length in range(0, len(content), 7)), content + b"x", content * 2):
            given = outcomes(Stick({**stick.files, path: other}))
            assert isinstance(given[0], Reason), path.name


def test_swapped_parts_are_refused(stick: Stick) -> None:
    done = written(stick)
    one, two = (OURS / bundle.part_name(done.manifest, Side.STATION, number) for number in (1, 2))
    stick.files[one], stick.files[two] = stick.files[two], stick.files[one]
    assert outcomes(stick) == [Reason.PART_CHANGED]


def test_a_missing_part_is_said_to_be_missing(stick: Stick) -> None:
    done = written(stick)
    del stick.files[OURS / bundle.part_name(done.manifest, Side.STATION, 2)]
    (found,) = find_bundles(STICK, disk=stick)
    refused = read(stick, found)
    assert refused == BundleRefused(Reason.INCOMPLETE)
    assert isinstance(refused, BundleRefused)
    assert "Export it again at the station" in refused.phrase.en
    assert "Hãy xuất lại ở trạm" in refused.phrase.vi


def test_parts_whose_manifest_is_missing_are_an_unfinished_bundle(stick: Stick) -> None:
    done = written(stick)
    del stick.files[done.path]
    assert outcomes(stick) == [Reason.INCOMPLETE]


def test_parts_of_another_bundle_do_not_fit(stick: Stick) -> None:
    one, two = written(stick), written(stick, 2)
    for number in (1, 2):
        theirs = stick.files[OURS / bundle.part_name(two.manifest, Side.STATION, number)]
        stick.files[OURS / bundle.part_name(one.manifest, Side.STATION, number)] = theirs
    assert outcomes(stick) == [Reason.PART_CHANGED, MESSAGES]


def test_a_part_opens_in_its_own_place_alone() -> None:
    place = manifest()
    ((part, sealed_),) = bundle.seal_parts(place, Side.STATION, HQ_KEYS.public, [b"events"])
    whole = msgspec.structs.replace(place, parts=(part, part))
    assert bundle.open_part(whole, Side.STATION, 1, [HQ_KEYS], sealed_) == (b"events",)
    assert bundle.open_part(whole, Side.STATION, 2, [HQ_KEYS], sealed_) == BundleRefused(Reason.OTHER_LOCK)
    for other in ({"hq": "KON"}, {"station": "TRI-K02"}, {"epoch": 3}, {"tag": b"another1"}):
        elsewhere = msgspec.structs.replace(whole, **other)
        assert bundle.open_part(elsewhere, Side.STATION, 1, [HQ_KEYS], sealed_) == BundleRefused(Reason.OTHER_LOCK)
    returned = bundle.open_part(whole, Side.HEADQUARTERS, 1, [HQ_KEYS], sealed_)
    assert returned == BundleRefused(Reason.OTHER_LOCK, Side.HEADQUARTERS)


@given(st.binary(max_size=60))
def test_whatever_is_inside_a_part_is_messages_or_damage(content: bytes) -> None:
    place = manifest()
    sealed_ = HQ_KEYS.public.encrypt(Domain.BUNDLE, bundle._context(place, 1), content)  # noqa: SLF001
    whole = msgspec.structs.replace(place, parts=(Part(len(sealed_), bundle.digest(sealed_)),))
    given_ = bundle.open_part(whole, Side.STATION, 1, [HQ_KEYS], sealed_)
    if isinstance(given_, tuple):
        assert b"".join(len(message).to_bytes(4) + message for message in given_) == content
    else:
        assert given_ == BundleRefused(Reason.DAMAGED)


# --- for somebody else, or once more ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"hq": "KON"}, Reason.OTHER_HEADQUARTERS),
        ({"station": "TRI-K02"}, Reason.OTHER_STATION),
        ({"epoch": 3}, Reason.OTHER_STATION),
        ({"pins": HQ_PINS}, Reason.BAD_SIGNATURE),
        ({"pins": Pins((Pin(STATION_KEYS.public, until=4),))}, Reason.RETIRED_KEY),
        ({"keys": (STRANGER,)}, Reason.OTHER_LOCK),
        ({"keys": ()}, Reason.OTHER_LOCK),
    ],
)
def test_a_bundle_for_or_by_somebody_else_is_refused(stick: Stick, other: dict[str, object], reason: Reason) -> None:
    written(stick)
    (found,) = find_bundles(STICK, disk=stick)
    assert read(stick, found, **other) == BundleRefused(reason)  # type: ignore[arg-type]


def test_a_bundle_that_was_locked_for_an_older_key_is_read_with_it(stick: Stick) -> None:
    written(stick)
    (found,) = find_bundles(STICK, disk=stick)
    bundle_ = read(stick, found, keys=(STRANGER, HQ_KEYS))
    assert isinstance(bundle_, OpenedBundle)
    assert tuple(bundle_.messages()) == MESSAGES


def test_the_same_bundle_twice_is_said_to_be_read(stick: Stick) -> None:
    done = written(stick)
    (found,) = find_bundles(STICK, disk=stick)
    refused = read(stick, found, seen=(done.digest,))
    assert refused == BundleRefused(Reason.REPEATED)
    assert isinstance(refused, BundleRefused)
    assert refused.phrase.en == "This bundle has been read before; there is nothing left to do."


def test_a_stations_bundle_is_no_return_bundle(stick: Stick) -> None:
    done = written(stick)
    raw = stick.files[done.path]
    as_return = {path.with_name("R" + path.name[1:]): content for path, content in stick.files.items()}
    (found,) = find_bundles(STICK, disk=Stick(as_return))
    assert found.writer is Side.HEADQUARTERS
    assert found.claims == BundleRefused(Reason.DAMAGED, Side.HEADQUARTERS)
    forged = b"TSN1" + raw[4:]
    opened_ = bundle.open_manifest(forged, Side.HEADQUARTERS, STATION_PINS, hq=HQ, station=STATION, epoch=EPOCH)
    assert opened_ == BundleRefused(Reason.BAD_SIGNATURE, Side.HEADQUARTERS)


def test_a_newer_bundle_says_who_must_be_updated(stick: Stick) -> None:
    written(stick, proto=2)
    (found,) = find_bundles(STICK, disk=stick)
    assert found.claims == BundleRefused(Reason.NEWER_PROTOCOL)
    assert read(stick, found) == found.claims
    assert isinstance(found.claims, BundleRefused)
    assert "update the program of headquarters" in found.claims.phrase.en


@given(st.binary(max_size=200))
def test_no_bytes_whatever_make_a_manifest_or_an_error(raw: bytes) -> None:
    for magic in (b"", b"TSM1", b"TSN1"):
        for side in Side:
            assert isinstance(bundle.read_manifest(magic + len(raw).to_bytes(4) + raw + bytes(64), side), BundleRefused)


def test_a_manifest_that_promises_too_much_is_refused(stick: Stick) -> None:
    def claimed(*parts: Part) -> Manifest | BundleRefused:
        header = msgspec.structs.replace(manifest(), parts=parts)
        return bundle.read_manifest(envelope.seal(b"TSM1", STATION_KEYS, Domain.BUNDLE, header), Side.STATION)

    assert claimed() == BundleRefused(Reason.EMPTY)
    assert claimed(Part(bundle.PART_BYTES + 1, bytes(32))) == BundleRefused(Reason.TOO_LARGE)
    assert isinstance(claimed(*[Part(1, bytes(32))] * MOST_PARTS), Manifest)
    assert claimed(*[Part(1, bytes(32))] * (MOST_PARTS + 1)) == BundleRefused(Reason.DAMAGED)
    stick.files[OURS / "SAAAAAAA.TSM"] = b"TSM1" + bytes(1 << 20)
    (found,) = find_bundles(STICK, disk=stick)
    assert found.claims == BundleRefused(Reason.TOO_LARGE)


# --- whatever else is on a stick --------------------------------------------------------------------------------------


def test_foreign_files_beside_a_bundle_are_neither_opened_nor_touched(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    chance = random.Random(7)
    foreign = {
        folder / name: chance.randbytes(200)
        for folder in (tmp_path, tmp_path / FOLDER)
        for name in ("AUTORUN.INF", "TRAMSACH.EXE", "SETUP.TSM", "S.TSM", "SAAAAAAA.TSM.EXE", "Tài liệu.docx", "X.001")
    }
    for path, content in foreign.items():
        path.write_bytes(content)
    write_bundle(tmp_path, manifest(), Side.STATION, STATION_KEYS, HQ_KEYS.public, MESSAGES, part_bytes=SMALL)
    (found,) = find_bundles(tmp_path)
    bundle_ = open_bundle(found, [HQ_KEYS], STATION_PINS, hq=HQ, station=STATION, epoch=EPOCH)
    assert isinstance(bundle_, OpenedBundle)
    assert tuple(bundle_.messages()) == MESSAGES
    assert all(path.read_bytes() == content for path, content in foreign.items())


@pytest.mark.skipif(os.name != "posix", reason="pipes and links of this kind are of POSIX")
def test_links_and_pipes_on_a_stick_lead_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "stick" / FOLDER
    write_bundle(tmp_path / "stick", manifest(), Side.STATION, STATION_KEYS, HQ_KEYS.public, MESSAGES, part_bytes=SMALL)
    (found,) = find_bundles(tmp_path / "stick")
    part = next(folder.glob("*.001"))
    part.rename(tmp_path / "elsewhere")
    part.symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "SAAAAAAA.TSM")  # whoever opens it to read waits for ever
    (folder / "SBBBBBBB.TSM").symlink_to("/dev/zero")
    assert find_bundles(tmp_path / "stick") == (found,)
    refused = open_bundle(found, [HQ_KEYS], STATION_PINS, hq=HQ, station=STATION, epoch=EPOCH)
    assert refused == BundleRefused(Reason.INCOMPLETE)
    for path in (part, folder / "SAAAAAAA.TSM", folder / "SBBBBBBB.TSM"):
        with pytest.raises(OSError, match=r"directory|link"):
            LOCAL.read(path, 10)


def test_an_empty_or_absent_stick_holds_nothing(tmp_path: Path) -> None:
    assert find_bundles(tmp_path) == ()
    assert find_bundles(tmp_path / "missing") == ()
