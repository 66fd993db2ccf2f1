"""The wire of a seat: what stands on it as bytes, and that nothing else than what was said is ever heard."""

import hmac
import typing
import unicodedata
from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import seat_protocol as sp
from drivers.codec import NOT_YET
from drivers.seat_enrolment import CODE_ALPHABET, enrolment_code, fingerprint, seat_key, stretched
from drivers.seat_link import SeatEnd, StationEnd
from drivers.seat_protocol import Fault, Message, SeatFrames, seal, unseal

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
NOW = 1_804_000_000_000

#: Every message as its payload, for ever.
GOLDEN: list[tuple[Message, str]] = [
    (sp.Hello("05", "aa", "b1", "1"), '{"boot":"b1","n":7,"nonce":"aa","seat":"05","t":"hello","version":"1"}'),
    (sp.Greeting("bb", "aa", NOW), '{"answers":"aa","n":7,"nonce":"bb","now":1804000000000,"t":"greeting"}'),
    (
        sp.Grant("00ff", NOW),
        '{"ends_at":1804000000000,"hide_s":900,"n":7,"t":"grant","visit":"00ff","warn":[600,300,60]}',
    ),
    (sp.Extend("00ff", NOW), '{"ends_at":1804000000000,"n":7,"t":"extend","visit":"00ff"}'),
    (sp.Lock(), '{"n":7,"t":"lock","visit":""}'),
    (sp.Hide("00ff", "1234"), '{"code":"1234","n":7,"t":"hide","visit":"00ff"}'),
    (sp.Reveal("00ff"), '{"n":7,"t":"reveal","visit":"00ff"}'),
    (sp.Say("Phòng sắp đóng cửa."), '{"n":7,"t":"say","text":"Phòng sắp đóng cửa."}'),
    (sp.Beat(), '{"n":7,"t":"beat"}'),
    (
        sp.Report("open", "00ff", NOW, "00fe", 5, "left", 3),
        (
            '{"ends_at":1804000000000,"n":7,"over":"00fe","over_at":5,"over_why":"left","refused":3,"t":"report",'
            '"view":"open","visit":"00ff"}'
        ),
    ),
    (sp.More("00ff"), '{"n":7,"t":"more","visit":"00ff"}'),
    (sp.Enrol("aa"), '{"n":7,"nonce":"aa","t":"enrol"}'),
    (sp.Enrolled("05", "bb", "aa"), '{"answers":"aa","n":7,"nonce":"bb","seat":"05","t":"enrolled"}'),
]
MESSAGES = [message for message, _ in GOLDEN]


@pytest.mark.parametrize(("message", "payload"), GOLDEN, ids=lambda value: type(value).__name__)
def test_the_bytes_of_a_message_never_change(message: Message, payload: str) -> None:
    frame = seal(KEY, 7, message)
    assert frame[:3] == bytes.fromhex("F55453")
    assert int.from_bytes(frame[3:5], "big") == len(payload.encode())
    assert frame[5:-32].decode() == payload
    assert unseal(KEY, frame) == (7, message)


#: By OpenSSL: printf '\xf5TS\x00\x12{"n":7,"t":"beat"}' | openssl dgst -sha256 -mac HMAC -macopt key:key
PROOF_OF_A_BEAT = "2193e64d7cf29bd08e0db9cafd030060f24239f5c474337bc07460db2426b5f4"


def test_the_proof_is_hmac_sha256_over_all_before_it() -> None:
    assert seal(b"key", 7, sp.Beat())[-32:].hex() == PROOF_OF_A_BEAT


def test_every_message_has_its_golden_bytes() -> None:
    assert {type(message) for message in MESSAGES} == set(sp.KINDS.values()) == set(typing.get_args(Message))


def test_codes_and_what_staff_say_are_in_no_repr() -> None:
    assert "1234" not in repr(sp.Hide("00ff", "1234"))
    assert "Phòng" not in repr(sp.Say("Phòng"))


TEXT = st.text(max_size=40).map(lambda text: unicodedata.normalize("NFC", text)).filter(lambda text: len(text) <= 500)
VALUES: dict[object, st.SearchStrategy[object]] = {
    str: TEXT,
    int: st.integers(0, 2**53 - 1),
    tuple[int, ...]: st.lists(st.integers(0, 2**53 - 1), max_size=4).map(tuple),
}


def messages_of(cls: type) -> st.SearchStrategy[Message]:
    hints = typing.get_type_hints(cls)
    made: st.SearchStrategy[Message] = st.builds(cls, **{f.name: VALUES[hints[f.name]] for f in fields(cls)})
    return made


ANY = st.sampled_from(sorted(sp.KINDS.values(), key=lambda cls: cls.__name__)).flatmap(messages_of)


@given(ANY, st.integers(0, 2**53 - 1), st.binary(min_size=16, max_size=32))
def test_what_is_sealed_is_what_is_read_and_only_with_its_key(message: Message, number: int, key: bytes) -> None:
    frame = seal(key, number, message)
    assert unseal(key, frame) == (number, message)
    assert unseal(key + b"x", frame) is Fault.FORGED


def test_a_message_too_long_for_the_wire_is_not_sent() -> None:
    with pytest.raises(ValueError, match="too many"):
        seal(KEY, 1, sp.Say("ế" * 2000))
    assert unseal(KEY, seal(KEY, 1, sp.Say("ế" * 500))) == (1, sp.Say("ế" * 500))


def sealed(payload: bytes) -> bytes:
    """A payload that somebody with the key has proved, whatever it is."""
    frame = sp.MAGIC + len(payload).to_bytes(2, "big") + payload
    return frame + hmac.digest(KEY, frame, "sha256")


@pytest.mark.parametrize(
    "payload",
    [
        b"x",
        b"[]",
        b"null",
        b'{"n":7,"t":"beat"} ',
        b'{"t":"beat","n":7}',
        b'{"n":7, "t":"beat"}',
        b'{"n":-1,"t":"beat"}',
        b'{"n":true,"t":"beat"}',
        b'{"n":7.0,"t":"beat"}',
        b'{"n":9007199254740992,"t":"beat"}',
        b'{"n":7,"t":"flown"}',
        b'{"n":7,"t":["beat"]}',
        b'{"t":"beat"}',
        b'{"n":7,"t":"beat","z":1}',
        b'{"n":7,"t":"reveal"}',
        b'{"n":7,"t":"reveal","visit":5}',
        b'{"n":7,"t":"reveal","visit":null}',
        b'{"ends_at":-5,"n":7,"t":"extend","visit":"00ff"}',
        b'{"ends_at":"5","n":7,"t":"extend","visit":"00ff"}',
        b'{"ends_at":5,"hide_s":900,"n":7,"t":"grant","visit":"00ff","warn":600}',
        b'{"ends_at":5,"hide_s":900,"n":7,"t":"grant","visit":"00ff","warn":["600"]}',
        b'{"n":7,"t":"say","text":"\\ud800"}',
        '{"n":7,"t":"say","text":"e\u0302\u0301"}'.encode(),
        b'{"n":7,"t":"say","text":"' + b"x" * 501 + b'"}',
        b"[" * 4000,
        b'{"n":7,"n":8,"t":"beat"}',
    ],
    ids=lambda payload: payload[:40],
)  # fmt: skip
def test_what_is_proved_and_yet_no_message_is_malformed(payload: bytes) -> None:
    assert unseal(KEY, sealed(payload)) is Fault.MALFORMED


# --- frames ----------------------------------------------------------------------------------------------------------


def frames_in(*pieces: bytes) -> list[bytes]:
    decoder = SeatFrames()
    found = []
    for piece in pieces:
        decoder.receive(piece)
        while (frame := decoder.next_frame()) is not NOT_YET:
            found.append(frame)
    return found


@given(st.lists(st.sampled_from(MESSAGES), max_size=6), st.lists(st.integers(0, 2000), max_size=8))
def test_it_does_not_matter_how_the_stream_is_cut(messages: list[Message], cuts: list[int]) -> None:
    frames = [seal(KEY, n, message) for n, message in enumerate(messages)]
    stream = b"".join(frames)
    edges = [0, *sorted(cut for cut in cuts if cut <= len(stream)), len(stream)]
    assert frames_in(*(stream[a:b] for a, b in pairwise(edges))) == frames


def test_a_claim_of_more_than_the_longest_is_none() -> None:
    decoder = SeatFrames()
    decoder.receive(sp.MAGIC + (sp.LONGEST_PAYLOAD + 1).to_bytes(2, "big") + bytes(100))
    assert decoder.next_frame() is NOT_YET
    assert not decoder.pending
    assert frames_in(sp.MAGIC + bytes(2) + bytes(100)) == []


# --- two ends --------------------------------------------------------------------------------------------------------


def ends(nonce: str = "aa", answer: str = "bb", key: bytes = KEY) -> tuple[SeatEnd, StationEnd]:
    """Two ends that have not spoken yet."""
    seat = SeatEnd("05", key, boot="b1", version="1", nonce=nonce)
    return seat, StationEnd({"05": KEY, "06": OTHER}.get, nonce=answer)


def greeted(nonce: str = "aa", answer: str = "bb") -> tuple[SeatEnd, StationEnd]:
    """Two ends that have greeted each other."""
    seat, station = ends(nonce, answer)
    assert station.receive(seat.hello()) == [sp.Hello("05", nonce, "b1", "1")]
    assert seat.receive(station.greet(NOW)) == [sp.Greeting(answer, nonce, NOW)]
    return seat, station


def test_after_the_greeting_each_hears_the_other() -> None:
    seat, station = greeted()
    assert station.seat == "05"
    for message in (sp.Beat(), sp.Grant("00ff", NOW), sp.Say("Chào bạn"), sp.Lock("00ff")):
        assert seat.receive(station.say(message)) == [message]
    assert [station.proven] == [False]
    for of_seat in (sp.Report("locked"), sp.More("00ff")):
        assert station.receive(seat.say(of_seat)) == [of_seat]
    assert seat.proven
    assert station.proven
    assert not seat.refused
    assert not station.refused


def test_nothing_is_said_before_the_greeting() -> None:
    seat, station = ends()
    with pytest.raises(ValueError, match="before the greeting"):
        seat.say(sp.More("00ff"))
    with pytest.raises(ValueError, match="before the greeting"):
        station.say(sp.Beat())
    with pytest.raises(ValueError, match="no hello"):
        station.greet(NOW)
    station.receive(seat.hello())
    station.greet(NOW)
    with pytest.raises(ValueError, match="no hello"):
        station.greet(NOW)


def spoken() -> list[bytes]:
    """A whole conversation down to a seat, frame by frame, after its greeting."""
    _, station = greeted()
    return [station.say(message) for message in (sp.Grant("00ff", NOW), sp.Extend("00ff", NOW + 5), sp.Say("Chào"))]


def test_every_byte_flipped_is_refused_and_counted() -> None:
    for frame in (*spoken(),):
        for at in range(len(frame)):
            for bit in (0x01, 0x80):
                seat, _ = greeted()
                damaged = frame[:at] + bytes((frame[at] ^ bit,)) + frame[at + 1 :]
                heard = [*seat.receive(damaged), *seat.closed()]
                assert heard
                assert all(isinstance(one, Fault) for one in heard)
                assert sum(seat.refused.values()) == len(heard)


def test_every_byte_flipped_of_a_greeting_or_hello_is_refused() -> None:
    for at in range(len(ends()[0].hello())):
        seat, station = ends()
        hello = seat.hello()
        heard = [*station.receive(hello[:at] + bytes((hello[at] ^ 0x10,)) + hello[at + 1 :]), *station.closed()]
        assert heard
        assert all(isinstance(one, Fault) for one in heard)
        assert station.seat is None
        station = ends()[1]
        station.receive(hello)
        greeting = station.greet(NOW)
        if at < len(greeting):
            heard = seat.receive(greeting[:at] + bytes((greeting[at] ^ 0x10,)) + greeting[at + 1 :])
            assert all(isinstance(one, Fault) for one in (*heard, *seat.closed()))
            assert not seat.connected


def test_every_truncation_is_refused_and_counted() -> None:
    for frame in spoken():
        for length in range(1, len(frame)):
            seat, _ = greeted()
            assert seat.receive(frame[:length]) == []
            assert seat.closed() == [Fault.TRUNCATED]
            assert seat.refused == {Fault.TRUNCATED: 1}
    seat, _ = greeted()
    assert seat.closed() == []


def test_a_message_is_heard_once_and_none_that_was_overtaken() -> None:
    seat, _ = greeted()
    first, second, third = spoken()
    assert seat.receive(first + first) == [sp.Grant("00ff", NOW), Fault.STALE]
    assert seat.receive(third) == [sp.Say("Chào")]
    assert seat.receive(second + first + third) == [Fault.STALE] * 3
    assert seat.refused == {Fault.STALE: 4}


def test_a_recording_of_another_connection_is_forged() -> None:
    recorded = spoken()
    for other in (greeted("cc", "bb"), greeted("aa", "cc"), greeted("cc", "dd")):
        assert [fault for frame in recorded for fault in other[0].receive(frame)] == [Fault.FORGED] * 3


def test_what_is_thrown_back_at_its_sender_is_forged() -> None:
    seat, station = greeted()
    assert station.receive(station.say(sp.Beat())) == [Fault.FORGED]
    assert seat.receive(seat.say(sp.More("00ff"))) == [Fault.FORGED]
    assert seat.receive(seat.hello()) == [Fault.FORGED]


def test_an_old_greeting_answers_no_new_hello() -> None:
    _, station = greeted("aa", "bb")
    seat, late = ends("aa")
    late.receive(seat.hello())
    greeting = late.greet(NOW)
    newer, _ = ends("cc")
    assert newer.receive(greeting) == [Fault.STALE]
    assert not newer.connected
    assert station.connected


def test_an_old_hello_is_greeted_and_proves_nothing() -> None:
    recorded = ends()[0].hello()
    _, station = ends(answer="cc")
    station.receive(recorded)
    station.greet(NOW)
    assert station.connected
    assert not station.proven
    old_seat, old_station = greeted()
    assert old_station.receive(report := old_seat.say(sp.Report("open"))) == [sp.Report("open")]
    assert station.receive(report) == [Fault.FORGED]
    assert not station.proven


def test_a_seat_is_who_it_says_or_nobody() -> None:
    stranger = SeatEnd("07", KEY, boot="b1", version="1", nonce="aa")
    _, station = ends()
    assert station.receive(stranger.hello()) == [Fault.STRANGER]
    impostor = SeatEnd("06", KEY, boot="b1", version="1", nonce="aa")
    assert station.receive(impostor.hello()) == [Fault.FORGED]
    assert station.seat is None


def test_a_message_is_taken_only_in_its_place() -> None:
    seat, station = ends()
    assert station.receive(seal(KEY, 1, sp.Report("open"))) == [Fault.MISPLACED]
    assert seat.receive(seal(KEY, 1, sp.Grant("00ff", NOW))) == [Fault.MISPLACED]
    assert station.receive(seat.hello() + seat.hello())[1:] == [Fault.MISPLACED]
    seat, station = greeted()
    assert seat.receive(station.say(sp.Greeting("x", "aa", NOW))) == [Fault.MISPLACED]


def test_what_follows_rubbish_is_heard() -> None:
    seat, station = greeted()
    assert seat.receive(b"GET / HTTP/1.1\r\n\r\n" + station.say(sp.Beat())) == [Fault.RUBBISH, sp.Beat()]


@given(st.lists(st.binary(max_size=60) | st.sampled_from(spoken()), max_size=8))
def test_whatever_comes_only_what_the_station_said_is_heard_and_in_its_order(pieces: list[bytes]) -> None:
    seat, _ = greeted()
    heard = [one for piece in pieces for one in seat.receive(piece)]
    said: list[Message] = [sp.Grant("00ff", NOW), sp.Extend("00ff", NOW + 5), sp.Say("Chào")]
    genuine = [one for one in heard if not isinstance(one, Fault)]
    assert genuine == sorted(genuine, key=said.index)
    assert len(set(map(said.index, genuine))) == len(genuine)
    assert sum(seat.refused.values()) == sum(isinstance(one, Fault) for one in heard)


# --- enrolment -------------------------------------------------------------------------------------------------------


def test_an_enrolment_code_is_twelve_letters_nobody_confuses() -> None:
    code = enrolment_code(bytes(range(16)))
    assert [len(part) for part in code.split("-")] == [4, 4, 4]
    assert set(code) <= {*CODE_ALPHABET, "-"}
    assert not set("ILO01") & set(CODE_ALPHABET)
    assert code != enrolment_code(bytes(range(1, 17)))
    with pytest.raises(ValueError, match="16 random bytes"):
        enrolment_code(bytes(15))


def test_both_ends_come_to_the_same_key_and_nobody_else_does() -> None:
    code = enrolment_code(bytes(range(16)))
    shown, typed = stretched(code), stretched(code.lower().replace("-", " "))
    assert shown == typed
    enrol, enrolled = sp.Enrol("aa"), sp.Enrolled("05", "bb", "aa")
    assert unseal(shown, seal(typed, 0, enrol)) == (0, enrol)
    assert unseal(typed, seal(shown, 0, enrolled)) == (0, enrolled)
    keys = {
        seat_key(shown, enrol, enrolled),
        seat_key(typed, enrol, enrolled),
        seat_key(stretched("AAAA-AAAA-AAAA"), enrol, enrolled),
        seat_key(shown, sp.Enrol("ab"), enrolled),
        seat_key(shown, enrol, replace(enrolled, nonce="bc")),
        seat_key(shown, enrol, replace(enrolled, seat="06")),
    }
    assert len(keys) == 5
    assert unseal(stretched("AAAA-AAAA-AAAA"), seal(typed, 0, enrol)) is Fault.FORGED


def test_a_fingerprint_is_eight_digits_for_two_people_to_compare() -> None:
    assert fingerprint(KEY) == fingerprint(bytes(range(32)))
    assert fingerprint(KEY) != fingerprint(OTHER)
    assert fingerprint(KEY).replace(" ", "").isdigit()
    assert len(fingerprint(KEY)) == 9
