"""What a seat does by itself, in tables and under any loss, repetition and reordering of what it is told."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.seat_link import SeatEnd, StationEnd
from drivers.seat_lock import (
    GREETING_WITHIN_MS,
    TRIES,
    Anchor,
    CodeTyped,
    Effect,
    Finish,
    Greeted,
    Happening,
    Heard,
    HideWished,
    Instant,
    Keep,
    LeaveWished,
    MoreWished,
    Read,
    Seat,
    Send,
    Show,
    Started,
    Ticked,
    Warn,
    WrongCode,
    decode_kept,
    encode_kept,
    report,
    step,
)
from drivers.seat_protocol import (
    Ending,
    Extend,
    Fault,
    Grant,
    Greeting,
    Hide,
    Lock,
    More,
    OfStation,
    Report,
    Reveal,
    Say,
    SeatView,
)

KEY = bytes(range(32))
MINUTE = 60_000
#: The station's clock at the beginning of these tests; the computer's says something else.
BEGIN = 1_804_000_000_000
WALL = 946_684_800_000


def at(minutes: float, boot: str = "b1", wall: int = WALL) -> Instant:
    """A moment so many minutes after the greeting."""
    passed = int(minutes * MINUTE)
    return Instant(boot, 5_000 + passed, wall + passed)


def ends(minutes: float) -> int:
    """The same by the station's clock."""
    return BEGIN + int(minutes * MINUTE)


def after(*happenings: tuple[Happening, Instant], seat: Seat | None = None) -> tuple[Seat, list[Effect]]:
    """The seat after all this, and what the last of it asked for."""
    now, effects = seat or Seat(), list[Effect]()
    for event, when in happenings:
        now, asked = step(now, event, when)
        effects = [*asked]
    return now, effects


GREETED = after((Started(None), at(0)), (Greeted(BEGIN, 5_000), at(0)))[0]
OPEN = after((Heard(Grant("v1", ends(60))), at(0)), seat=GREETED)[0]


# --- locked, open, locked --------------------------------------------------------------------------------------------


def test_a_seat_begins_locked_and_says_so() -> None:
    seat, effects = after((Started(None), at(0)))
    assert effects == [Show(SeatView.LOCKED)]
    assert report(seat, at(0)) == Report("locked")


def test_a_grant_opens_it_until_the_end_and_is_kept_first() -> None:
    seat, effects = after((Heard(Grant("v1", ends(60))), at(0)), seat=GREETED)
    assert effects == [Keep(), Show(SeatView.OPEN)]
    assert report(seat, at(1), refused=3) == Report("open", "v1", ends(60), refused=3)
    assert seat.view(at(59.999)) is SeatView.OPEN
    assert seat.view(at(60)) is SeatView.LOCKED, "even when nobody has ticked"


def test_at_the_end_it_locks_by_itself_and_runs_the_sites_command() -> None:
    seat, effects = after((Ticked(), at(61)), seat=OPEN)
    assert effects == [Keep(), Finish("v1"), Show(SeatView.LOCKED)]
    assert report(seat, at(61)) == Report("locked", over="v1", over_at=ends(60), over_why="time")
    assert after((Ticked(), at(62)), seat=seat)[1] == []


@pytest.mark.parametrize(
    ("minutes", "warned"),
    [((49, 50, 51), [600]), ((50, 55, 59, 59.5), [600, 300, 60]), ((53,), [420]), ((58, 58.5), [120]), ((10, 20), [])],
)
def test_warnings_come_once_each_and_a_late_one_says_how_late_it_is(
    minutes: tuple[float, ...], warned: list[int]
) -> None:
    seat, said = OPEN, []
    for minute in minutes:
        seat, effects = step(seat, Ticked(), at(minute))
        said += [effect.seconds for effect in effects if isinstance(effect, Warn)]
    assert said == warned


def test_more_time_is_asked_for_and_moves_the_end_and_the_warnings() -> None:
    assert after((MoreWished(), at(50)), seat=OPEN)[1] == [Keep(), Warn(600), Send(More("v1"))]
    seat, effects = after((Ticked(), at(55)), (Heard(Extend("v1", ends(75))), at(55.5)), seat=OPEN)
    assert effects == [Keep()]
    assert seat.view(at(74)) is SeatView.OPEN
    assert Warn(600) in after((Ticked(), at(65)), seat=seat)[1]


def test_time_prolonged_while_the_station_could_not_be_heard_goes_on_after_the_end() -> None:
    seat, effects = after((Ticked(), at(60)), (Heard(Grant("v1", ends(75))), at(61)), seat=OPEN)
    assert effects == [Keep(), Show(SeatView.OPEN)]
    assert seat.view(at(70)) is SeatView.OPEN


def test_a_visit_that_was_left_is_not_opened_again_by_a_late_grant() -> None:
    seat, effects = after((LeaveWished(), at(20)), seat=OPEN)
    assert effects == [Keep(), Finish("v1"), Show(SeatView.LOCKED)]
    assert report(seat, at(20)) == Report("locked", over="v1", over_at=ends(20), over_why="left")
    for late in (Grant("v1", ends(60)), Grant("v1", ends(90)), Extend("v1", ends(90))):
        assert after((Heard(late), at(21)), seat=seat) == (seat, [])
    assert after((Heard(Grant("v2", ends(60))), at(21)), seat=seat)[0].view(at(21)) is SeatView.OPEN


@pytest.mark.parametrize(
    ("message", "locks"),
    [
        (Lock("v1"), True),
        (Lock(), True),
        (Lock("v0"), False),
        (Extend("v0", ends(90)), False),
        (Extend("v1", ends(10)), True),
        (Grant("v1", ends(10)), True),
        (Grant("v0", ends(10)), False),
        (Reveal("v1"), False),
        (Hide("v0", "1234"), False),
    ],
)
def test_what_the_station_says_of_another_visit_changes_nothing(message: OfStation, locks: bool) -> None:
    seat, effects = after((Heard(message), at(20)), seat=OPEN)
    assert (seat.view(at(20)) is SeatView.LOCKED) is locks
    assert (Finish("v1") in effects) is locks


def test_a_grant_to_somebody_else_ends_the_visit_before() -> None:
    seat, effects = after((Heard(Grant("v2", ends(90))), at(20)), seat=OPEN)
    assert effects == [Keep(), Finish("v1"), Show(SeatView.OPEN)]
    assert report(seat, at(20)) == Report("open", "v2", ends(90), "v1", ends(20), "locked")


def test_the_same_grant_again_is_nothing_new() -> None:
    assert after((Heard(Grant("v1", ends(60))), at(0)), seat=OPEN) == (OPEN, [])


def test_what_staff_say_is_shown() -> None:
    assert after((Heard(Say("Phòng sắp đóng cửa.")), at(1)), seat=OPEN)[1] == [Keep(), Read("Phòng sắp đóng cửa.")]


@pytest.mark.parametrize("event", [LeaveWished(), MoreWished(), HideWished("1234"), CodeTyped("1234"), Heard(Lock())])
def test_at_a_locked_seat_nothing_can_be_wished(event: Happening) -> None:
    assert after((event, at(1)), seat=GREETED) == (GREETED, [])


# --- hidden ----------------------------------------------------------------------------------------------------------

HIDDEN = after((HideWished("4711"), at(10)), seat=OPEN)[0]


def test_a_screen_is_hidden_by_a_code_and_comes_back_by_it() -> None:
    seat, effects = after((HideWished("4711"), at(10)), seat=OPEN)
    assert effects == [Keep(), Show(SeatView.HIDDEN)]
    assert report(seat, at(11)).view == "hidden"
    assert after((CodeTyped("4711"), at(12)), seat=seat)[1] == [Keep(), Show(SeatView.OPEN)]
    assert after((Heard(Hide("v1", "4711")), at(10)), seat=OPEN)[0] == seat
    assert "4711" not in repr((seat, HideWished("4711"), CodeTyped("4711")))


@pytest.mark.parametrize("code", ["", "471", "47111", "abcd", "٤٧١١", " 471"])
def test_a_code_has_four_digits(code: str) -> None:
    assert after((HideWished(code), at(0.5)), seat=OPEN)[0].hidden is None


def test_a_site_may_do_without_hiding() -> None:
    seat, _ = after((Heard(Grant("v1", ends(60), hide_s=0)), at(0)), seat=GREETED)
    assert after((HideWished("4711"), at(0.5)), seat=seat) == (seat, [])


def test_after_a_quarter_of_an_hour_the_hidden_visit_is_over() -> None:
    assert after((Ticked(), at(24.9)), seat=HIDDEN)[0].view(at(24.9)) is SeatView.HIDDEN
    seat, effects = after((Ticked(), at(25)), seat=HIDDEN)
    assert effects == [Keep(), Finish("v1"), Show(SeatView.LOCKED)]
    assert report(seat, at(25)) == Report("locked", over="v1", over_at=ends(25), over_why="hidden")


def test_a_visit_that_ends_while_it_is_hidden_ended_by_its_time() -> None:
    hidden = after((HideWished("4711"), at(50)), (Ticked(), at(60)), seat=OPEN)[0]
    assert hidden.over is not None
    assert hidden.over.why is Ending.TIME


def test_a_hidden_visit_that_is_extended_may_stay_hidden_for_the_whole_quarter() -> None:
    seat, _ = after((HideWished("4711"), at(50)), (Heard(Extend("v1", ends(75))), at(55)), seat=OPEN)
    assert seat.view(at(64.9)) is SeatView.HIDDEN
    assert after((Ticked(), at(65)), seat=seat)[1][-1] == Show(SeatView.LOCKED)


def test_after_five_wrong_codes_only_the_station_brings_it_back() -> None:
    seat = HIDDEN
    for left in (4, 3, 2, 1, 0):
        seat, effects = step(seat, CodeTyped("0000"), at(11))
        assert [effect for effect in effects if isinstance(effect, WrongCode)] == [WrongCode(left)]
    assert TRIES == 5
    seat, effects = step(seat, CodeTyped("4711"), at(11))
    assert effects == (WrongCode(0),)
    assert after((Heard(Reveal("v1")), at(12)), seat=seat)[0].view(at(12)) is SeatView.OPEN


# --- what time it is -------------------------------------------------------------------------------------------------


def test_without_a_greeting_the_time_is_unknown_and_a_grant_opens_nothing() -> None:
    assert after((Started(None), at(0)), (Heard(Grant("v1", ends(60))), at(1)))[0] == Seat()


def test_the_time_is_reckoned_from_when_it_was_asked_so_that_it_is_never_behind() -> None:
    asked = at(0)
    seat, _ = after((Started(None), asked), (Greeted(BEGIN, asked.mono_ms), at(0.05)))
    assert seat.now(at(0.05)) == BEGIN + 3_000
    assert seat.now(at(1)) == BEGIN + MINUTE


@pytest.mark.parametrize("asked", [5_000 - GREETING_WITHIN_MS - 1, 5_001])
def test_a_greeting_that_took_too_long_says_nothing_about_the_time(asked: int) -> None:
    assert after((Greeted(BEGIN, asked), at(0)))[0].anchor is None


def test_a_wall_clock_that_is_set_changes_nothing_and_is_noted() -> None:
    for wall in (WALL + 86_400_000, 0):
        seat, effects = after((Ticked(), at(30, wall=wall)), seat=OPEN)
        assert effects == [Keep()]
        assert seat.view(at(59, wall=wall)) is SeatView.OPEN
        assert seat.view(at(60, wall=wall)) is SeatView.LOCKED


def test_a_station_whose_clock_was_set_is_believed_at_the_next_greeting() -> None:
    seat, effects = after((Greeted(ends(61), at(20).mono_ms), at(20)), seat=OPEN)
    assert effects == [Keep(), Finish("v1"), Show(SeatView.LOCKED)]
    assert seat.over is not None


# --- power cuts ------------------------------------------------------------------------------------------------------


def restarted(seat: Seat, when: Instant) -> tuple[Seat, list[Effect]]:
    """The seat after the program was started again, from what is on disk."""
    kept = decode_kept(encode_kept(seat, KEY), KEY)
    assert kept == seat
    return after((Started(kept), when))


def test_a_visit_goes_on_after_the_program_or_the_computer_was_started_again() -> None:
    seat, effects = restarted(OPEN, at(20))
    assert effects == [Show(SeatView.OPEN)]
    assert seat.view(at(59)) is SeatView.OPEN
    rebooted = Instant("b2", 900, WALL + 20 * MINUTE)
    seat, effects = restarted(OPEN, rebooted)
    assert effects == [Show(SeatView.OPEN)]
    assert seat.now(replace(rebooted, mono_ms=900 + MINUTE)) == ends(21)


def test_a_visit_that_ran_out_during_a_power_cut_is_over_and_cleaned_up() -> None:
    seat, effects = restarted(OPEN, Instant("b2", 900, WALL + 61 * MINUTE))
    assert effects == [Keep(), Finish("v1"), Show(SeatView.LOCKED)]
    assert seat.over is not None
    assert seat.over.ended_at == ends(60)


def test_a_hidden_screen_is_hidden_after_a_power_cut_too() -> None:
    seat, effects = restarted(HIDDEN, Instant("b2", 900, WALL + 12 * MINUTE))
    assert effects[-1] == Show(SeatView.HIDDEN)
    assert after((CodeTyped("4711"), Instant("b2", 1_000, WALL)), seat=seat)[1][-1] == Show(SeatView.OPEN)


def test_a_computer_that_does_not_know_the_time_is_locked_until_the_station_is_heard() -> None:
    lost = Instant("b2", 900, 0)
    seat, effects = restarted(OPEN, lost)
    assert effects == [Show(SeatView.LOCKED)]
    assert report(seat, lost) == Report("locked", "v1", ends(60))
    seat, effects = after((Greeted(ends(30), 900), lost), seat=seat)
    assert effects == [Keep(), Show(SeatView.OPEN)]
    assert seat.view(replace(lost, mono_ms=900 + 29 * MINUTE)) is SeatView.OPEN


def test_an_open_seat_is_written_down_every_minute() -> None:
    seat, writes = OPEN, 0
    for second in range(600):
        seat, effects = step(seat, Ticked(), at(second / 60))
        writes += Keep() in effects
    assert writes == 9


# --- what is kept ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seat", [Seat(), GREETED, OPEN, HIDDEN, after((LeaveWished(), at(9)), seat=OPEN)[0]])
def test_what_is_kept_is_read_again_and_nothing_else_is(seat: Seat) -> None:
    kept = encode_kept(seat, KEY)
    assert decode_kept(kept, KEY) == seat
    assert decode_kept(kept, bytes(32)) is None
    assert all(decode_kept(kept[:length], KEY) is None for length in range(len(kept)))
    for place in range(len(kept)):
        assert decode_kept(kept[:place] + bytes((kept[place] ^ 1,)) + kept[place + 1 :], KEY) is None
    assert decode_kept(kept + b" ", KEY) is None


# --- under any loss --------------------------------------------------------------------------------------------------


@dataclass
class World:
    """A station and a seat, the wire between them, and the two clocks of the computer. ``now`` is the true time."""

    now: int = BEGIN
    boot: int = 0
    booted_at: int = BEGIN - 5_000
    wall_is_ahead: int = 0
    kept: bytes = b""
    seat: Seat = field(default_factory=Seat)
    ends: tuple[SeatEnd, StationEnd] | None = None
    wire: list[bytes] = field(default_factory=list)
    connections: int = 0
    granted: dict[str, int] = field(default_factory=dict)
    heard: int = 0

    def at(self) -> Instant:
        return Instant(f"b{self.boot}", self.now - self.booted_at, self.now + self.wall_is_ahead)

    def do(self, event: Happening) -> None:
        self.seat, effects = step(self.seat, event, self.at())
        if Keep() in effects:
            self.kept = encode_kept(self.seat, KEY)
        self.check()

    def check(self) -> None:
        """An open seat is open for a visit that the station has granted, and not beyond its end."""
        if self.seat.view(self.at()) is not SeatView.LOCKED:
            grant = self.seat.grant
            assert grant is not None
            assert self.now < self.granted[grant.visit]

    def connects(self, delay: int) -> None:
        self.connections += 1
        seat = SeatEnd("05", KEY, boot=f"b{self.boot}", version="1", nonce=f"s{self.connections}")
        station = StationEnd({"05": KEY}.get, nonce=f"t{self.connections}")
        asked = self.at().mono_ms
        station.receive(seat.hello())
        greeting = station.greet(self.now)
        self.now += delay
        (heard,) = seat.receive(greeting)
        assert isinstance(heard, Greeting)
        self.ends = seat, station
        self.do(Greeted(heard.now, asked))

    def says(self, message: OfStation) -> None:
        """The station says something; it is on the wire, and may or may not come."""
        if isinstance(message, Grant | Extend):
            self.granted[message.visit] = max(message.ends_at, self.granted.get(message.visit, 0))
        if self.ends is not None:
            self.wire.append(self.ends[1].say(message))

    def comes(self, which: int, *, again: bool) -> None:
        """Something that is on the wire, or was on it long ago, reaches the seat as it is connected now."""
        if self.ends is None or not self.wire:
            return
        frame = self.wire[which % len(self.wire)]
        if not again:
            self.wire.remove(frame)
        for message in self.ends[0].receive(frame):
            if not isinstance(message, Fault):
                self.heard += 1
                self.do(Heard(message))

    def starts_again(self, *, off_for: int, reboot: bool) -> None:
        self.now += off_for
        self.ends = None
        if reboot:
            self.boot += 1
            self.booted_at = self.now - 900
        self.seat = Seat()
        self.do(Started(decode_kept(self.kept, KEY)))


OFTEN = ("grant", "grant", "extend", "lock", "comes", "comes", "comes", "again", "passes", "passes", "connects")
SELDOM = ("cut", "dies", "reboots", "wall", "hide", "code", "leave", "hide_from_station", "reveal")
ACTS = st.tuples(
    st.sampled_from((*OFTEN, *SELDOM)),
    st.integers(0, 40),
    st.integers(0, 25 * MINUTE) | st.integers(0, 3_000),
)


@given(st.lists(ACTS, min_size=10, max_size=60))
def test_a_visit_ends_by_its_end_time_under_any_loss_repetition_and_reordering(
    acts: list[tuple[str, int, int]],
) -> None:
    world = World()
    world.do(Started(None))
    world.connects(0)
    for what, which, passes in acts:
        visit = f"v{which % 3}"
        match what:
            case "grant":
                world.says(Grant(visit, world.now + passes))
            case "extend":
                world.says(Extend(visit, world.now + passes))
            case "lock":
                world.says(Lock("" if which % 2 else visit))
            case "comes" | "again":
                world.comes(which, again=what == "again")
            case "passes":
                world.now += passes
                world.check()
                world.do(Ticked())
            case "connects":
                world.connects(passes % 12_000)
            case "cut":
                world.ends = None
            case "dies":
                world.starts_again(off_for=passes, reboot=False)
            case "reboots":
                world.starts_again(off_for=passes, reboot=True)
            case "wall":
                # Set by any amount; the program ticks every second, so it has seen it before any power cut.
                world.wall_is_ahead += (which - 20) * passes * 50
                world.do(Ticked())
            case "hide":
                world.do(HideWished("4711"))
            case "code":
                world.do(CodeTyped("4711" if which % 2 else "0000"))
            case "leave":
                world.do(LeaveWished())
            case "hide_from_station":
                world.says(Hide(visit, "1234"))
            case "reveal":
                world.says(Reveal(visit))
            case _:
                raise AssertionError(what)
    world.now = max(world.granted.values(), default=world.now)
    world.check()
    assert world.seat.view(world.at()) is SeatView.LOCKED


@given(
    st.integers(-(86_400_000), 86_400_000),
    st.lists(st.tuples(st.sampled_from(("passes", "cut", "dies", "reboots", "wall")), st.integers(0, 15 * MINUTE))),
)
def test_nothing_but_its_end_time_cuts_a_visit(wall_is_ahead: int, acts: list[tuple[str, int]]) -> None:
    """The cable, the station, the program, the computer and its clock: the visit goes on through all of them."""
    world = World(wall_is_ahead=wall_is_ahead)
    world.do(Started(None))
    world.connects(0)
    end = BEGIN + 90 * MINUTE
    world.says(Grant("v1", end))
    world.comes(0, again=False)
    assert world.heard == 1
    for what, passes in acts:
        match what:
            case "passes":
                world.now += passes
                world.do(Ticked())
            case "cut":
                world.ends = None
            case "dies" | "reboots":
                world.starts_again(off_for=passes, reboot=what == "reboots")
            case "wall":
                world.wall_is_ahead += passes - 8 * MINUTE
                world.do(Ticked())
            case _:
                raise AssertionError(what)
        assert (world.seat.view(world.at()) is SeatView.OPEN) is (world.now < end)


def test_the_world_finds_a_seat_that_stays_open() -> None:
    world = World()
    world.do(Started(None))
    world.connects(0)
    world.says(Grant("v1", BEGIN + MINUTE))
    world.comes(0, again=False)
    anchor = world.seat.anchor
    assert anchor is not None
    world.seat = replace(world.seat, anchor=Anchor(anchor.at, anchor.station_ms - MINUTE))
    world.now += MINUTE
    with pytest.raises(AssertionError):
        world.check()


def test_a_day_of_forty_seats_ends_every_visit_in_time() -> None:
    """Forty seats through a day with a cable that is pulled now and then (facts/internet-room.md, 7)."""
    rng = random.Random(7)
    for _ in range(40):
        world = World(wall_is_ahead=rng.randrange(-86_400_000, 86_400_000))
        world.do(Started(None))
        for n in range(30):
            if world.ends is None or rng.random() < 0.2:
                world.connects(rng.randrange(200))
            world.says(Grant(f"v{n}", world.now + rng.randrange(5, 30) * MINUTE))
            if rng.random() < 0.9:
                world.comes(-1, again=False)
            for _ in range(rng.randrange(8)):
                world.now += rng.randrange(5 * MINUTE)
                world.do(rng.choice((Ticked(), Ticked(), HideWished("1234"), CodeTyped("1234"))))
            if rng.random() < 0.2:
                world.starts_again(off_for=rng.randrange(10 * MINUTE), reboot=rng.random() < 0.5)
        assert world.heard > 10
