"""Any facts of one copy, with few tokens, readers and minutes so that they collide, against a small second opinion."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from sync.circulation import events as ev
from sync.circulation.copies import Custody, History
from sync.circulation.custody import extend, fold
from sync.circulation.events import Event
from sync.circulation.exceptions import Resolution, settled
from sync.circulation.facts import Fact
from sync.circulation.timeline import LEAST_SPREAD
from tests.sync.circulation.one_copy import DAY, ITEM, MIDNIGHT, hold_the_laws
from tests.sync.circulation.test_custody_orders import added

MINUTE = 60_000
TOKENS = (*(f"T{n}" for n in range(4)), "elsewhere")


@st.composite
def histories(draw: st.DrawFn, most: int = 9, *, carried: bool = True) -> list[Fact]:
    """Facts in the order of arrival; the tokens of checkouts are unique, all else collides."""
    told: list[Fact] = []
    numbers: dict[str, int] = {}
    in_time = draw(st.booleans())
    for n in range(draw(st.integers(0, most))):
        station = draw(st.sampled_from("ABC"))
        numbers[station] = seq = numbers.get(station, 0) + 1
        at = MIDNIGHT + (n * DAY if in_time else draw(st.integers(0, 12)) * draw(st.sampled_from([MINUTE, DAY])))
        event = draw(events(f"T{n}", station, at, seq, carried=carried))
        spread = draw(st.sampled_from([LEAST_SPREAD, LEAST_SPREAD, 0, None, 10 * MINUTE]))
        latest = None if spread is None else at + spread
        reader = draw(st.sampled_from([None, "p", "q"]))
        told.append(Fact(station, 1, seq, at, at - (spread or 0), latest, event, reader))
    return told


@st.composite
def events(draw: st.DrawFn, new: str, station: str, at: int, seq: int, *, carried: bool) -> Event:
    """One event of a station."""
    token = draw(st.sampled_from(TOKENS))
    due = at + draw(st.integers(0, 3)) * 7 * DAY
    kind = draw(st.sampled_from(["out", "out", "out", "in", "in", "in", "renew", "fee", "undo", "staff", "read"]))
    match kind:
        case "out":
            return ev.CheckedOut(ITEM, new, "sach", station, "take_home", due, "r1")
        case "in":
            aside = draw(st.sampled_from([None, None, "other_library"]))
            return ev.CheckedIn(
                ITEM, station, draw(st.sampled_from([None, token])), "r1", draw(st.integers(0, 3)), aside
            )
        case "renew":
            renewed = ev.Renewed(ITEM, token, due, at, draw(st.integers(0, 2)), "r1")
            if carried and draw(st.booleans()):
                return replace(renewed, item_type="sach", branch="W", mode="mobile", checked_out_at=at - DAY)
            return renewed
        case "fee":
            return ev.FeeCharged(f"f-{station}{seq}", token, draw(st.sampled_from(["overdue", "loss"])), 1000, "r1")
        case "undo":
            return ev.Undone(draw(st.integers(1, seq + 1)), "checkout", ITEM)
        case "staff":
            return ev.LoanClosed(ITEM, token)
        case _:
            return ev.UsedOnSite(ITEM, station)


# --- the second opinion -----------------------------------------------------------------------------------------------


@dataclass
class Spell:
    """A time that a copy was with one reader."""

    outs: list[Fact]
    way: str | None = None
    missed: tuple[Fact, str] | None = None
    due: int = 0
    renewals: int = 0

    @property
    def tokens(self) -> list[str]:
        return [o.event.loan for o in self.outs if isinstance(o.event, ev.CheckedOut)]


@dataclass
class Opinion:
    """What somebody with pencil and paper makes of the facts."""

    spells: list[Spell] = field(default_factory=list)
    exceptions: set[str] = field(default_factory=set)
    branch: str | None = None


def near(one: Fact, other: Fact) -> bool:
    """Whether two facts of different stations may have been in either order."""
    ends = [f.latest if f.latest is not None else 2**62 for f in (one, other)]
    return one.station != other.station and max(one.earliest, other.earliest) <= min(ends)


def lined_up(told: list[Fact]) -> list[Fact]:
    """The next is always the earliest of those that may be next."""
    left = [
        replace(
            f,
            at=min(g.at for g in told if g.station == f.station and g.seq >= f.seq),
            earliest=min(f.earliest, *(g.at for g in told if g.station == f.station and g.seq >= f.seq)),
        )
        for f in told
    ]
    line: list[Fact] = []
    while left:
        first = [f for f in left if not any(g.station == f.station and g.seq < f.seq for g in left)]
        lent = {f.event.loan: f.station for f in left if isinstance(f.event, ev.CheckedOut)}
        ready = []
        for f in first:
            loan = None if isinstance(f.event, ev.CheckedOut) else getattr(f.event, "loan", None)
            if loan is None or lent.get(loan, f.station) == f.station:
                ready.append(f)
        chosen = min(ready or first, key=lambda f: (f.at, f.station, f.seq))
        left.remove(chosen)
        line.append(chosen)
    return line


def second_opinion(told: list[Fact]) -> Opinion:
    """Who has the copy and what is odd, by going through the facts with a pencil."""
    gone = {(f.station, f.event.of) for f in told if isinstance(f.event, ev.Undone)}
    counted = (ev.CheckedOut, ev.CheckedIn, ev.Renewed, ev.LoanClosed, ev.FeeCharged)
    void = {f.event.loan for f in told if isinstance(f.event, ev.CheckedOut) and (f.station, f.seq) in gone}
    line = lined_up([f for f in told if isinstance(f.event, counted) and (f.station, f.seq) not in gone])
    said = Opinion()
    strays: list[Fact] = []
    aside = False
    for f in line:
        now = next((s for s in said.spells if s.way is None), None)
        match f.event:
            case ev.CheckedOut(loan=token, branch=branch, due_at=due):
                if now is not None and f.reader and now.outs[0].reader == f.reader:
                    now.outs.append(f)
                    now.due, now.renewals = max(now.due, due), now.renewals + 1
                else:
                    if now is not None:
                        doubt = any(near(o, f) for o in now.outs)
                        pair = sorted([now.tokens[0], token]) if doubt else [now.tokens[0], token]
                        name = ":".join(["ambiguous_custody" if doubt else "missed_return", *pair])
                        said.exceptions.add(name)
                        now.way, now.missed = "inferred", (f, name)
                    elif near_by := [s for s in strays if near(s, f)]:
                        said.exceptions.add(":".join(["ambiguous_custody", *sorted([token, near_by[-1].ref])]))
                    said.spells.append(Spell([f], due=due))
                    strays = []
                said.branch, aside = branch, False
            case ev.CheckedIn(loan=named, branch=branch, put_aside=put_aside):
                of = next((s for s in said.spells if named in s.tokens), None)
                if of is not None and of is not now and of.missed is not None and near(of.missed[0], f):
                    said.exceptions.discard(of.missed[1])
                    of.way, of.missed = "checkin", None
                    continue
                if now is not None:
                    if any(getattr(o.event, "loan", None) != named and near(o, f) for o in now.outs):
                        said.exceptions.add(":".join(["ambiguous_custody", *sorted([now.tokens[0], f.ref])]))
                    now.way = "checkin"
                elif not (aside and branch != said.branch):
                    said.exceptions.add(f"orphan_return:{f.ref}")
                    if named is None or of is not None or named in void:
                        strays.append(f)
                said.branch, aside = branch, put_aside is not None
            case ev.Renewed(loan=named, due_at=due):
                if now is not None and named in now.tokens:
                    now.due, now.renewals = max(now.due, due), now.renewals + 1
            case ev.LoanClosed(loan=named):
                if now is not None and named in now.tokens:
                    now.way = "staff"
            case _:
                pass
    return said


@given(histories(carried=False))
def test_a_second_opinion_comes_to_the_same(told: list[Fact]) -> None:
    made, said = fold(ITEM, told), second_opinion(told)
    assert {x.token: (x.closing, x.also, x.due_at, x.renewals) for x in made.loans if x.closing != "undone"} == {
        s.tokens[0]: (s.way, tuple(s.tokens[1:]), s.due, s.renewals) for s in said.spells
    }
    assert {x.id for x in made.exceptions if x.fee is None} == said.exceptions
    assert made.custody.branch == said.branch


# --- whatever is reported ---------------------------------------------------------------------------------------------


@given(histories(), st.randoms(use_true_random=False))
def test_only_the_set_of_facts_counts(told: list[Fact], rng: object) -> None:
    whole = fold(ITEM, told)
    hold_the_laws(whole, told)
    mixed = told * 2
    rng.shuffle(mixed)  # type: ignore[attr-defined]  # random.Random, as Hypothesis gives it
    assert fold(ITEM, mixed) == whole


@given(histories())
def test_a_fact_added_alone_comes_to_the_same_as_all_facts_together(told: list[Fact]) -> None:
    here: list[Fact] = []
    now = History(Custody())
    for fact in told:
        here.append(fact)
        step, whole = extend(ITEM, now.custody, fact), fold(ITEM, here)
        if step is not None:
            assert added(now, step) == whole
            assert Custody.from_values(step.custody.to_values()) == step.custody
        now = whole


@given(histories(), st.data())
def test_what_staff_decide_holds_and_what_does_not_fit_changes_nothing(told: list[Fact], data: st.DataObject) -> None:
    made = fold(ITEM, told)
    for n in range(3):
        if not made.exceptions:
            break
        question = data.draw(st.sampled_from(made.exceptions))
        loan = data.draw(st.sampled_from([None, *question.loans]))
        resolution = data.draw(st.sampled_from(sorted(Resolution)))
        event = ev.ExceptionResolved(question.id, resolution, ITEM, question.fee, loan)
        at = MIDNIGHT + 99 * DAY + n
        told = [*told, Fact("HQ", 1, n + 1, at, at, at, event)]
        decided = fold(ITEM, told)
        hold_the_laws(decided, told)
        assert fold(ITEM, told[::-1]) == decided
        again = next((x for x in decided.exceptions if x.id == question.id), None)
        if settled(question, (event,))[1] is event:
            assert again is None or again.resolution == resolution
        else:
            assert (decided.loans, decided.exceptions) == (made.loans, made.exceptions)
        made = decided
