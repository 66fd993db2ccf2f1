"""The laws of a visit hold under random histories: lost devices, ambiguous writes, a crash between any two effects."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.flows.state import Phase
from kiosk.views import Action, Receipt, Touch
from tests.kiosk.flows.world import ITEMS, READERS, World

UIDS = [uid for uids in ITEMS.values() for uid in uids]

Happening = tuple[object, ...]

outcomes = st.sampled_from(["ok", "ok", "ok", "refused", "locked", "lost"])
some_tags = st.lists(st.sampled_from(UIDS), min_size=1, max_size=5, unique=True)
cards = st.sampled_from([*READERS, "C0"])

#: Anything at all, at any time.
noise = st.one_of(
    st.tuples(st.just("card"), cards),
    st.tuples(st.just("put"), some_tags),
    st.tuples(st.just("lift"), some_tags),
    st.tuples(st.just("touch"), st.sampled_from(Action), st.sampled_from(["", "1", "4", *ITEMS])),
    st.tuples(st.just("tag"), outcomes),
    st.tuples(st.just("tick"), st.sampled_from([0.3, 5.0, 61.0, 85.0])),
    st.tuples(st.just("print"), st.sampled_from([Receipt.PRINTED, Receipt.FAILED, Receipt.UNKNOWN])),
    st.tuples(st.just("pad_lost")),
    st.tuples(st.just("pad_back")),
    st.tuples(st.just("crash")),
)


@st.composite
def chapters(draw: st.DrawFn) -> list[Happening]:
    """Something that people do: borrow, bring back, look at the account, with things coming between."""
    uids = draw(some_tags)
    answers = [("tag", draw(outcomes)) for _each in range(draw(st.integers(0, 8)))]
    end: list[Happening] = [("touch", Action.FINISH, "")] if draw(st.booleans()) else []
    receipt: list[Happening] = [("touch", Action.PRINT, ""), ("print", Receipt.PRINTED)] if draw(st.booleans()) else []
    told: list[Happening]
    match draw(st.sampled_from(["borrow", "borrow", "return", "return", "account", "noise"])):
        case "borrow":
            told = [("card", draw(st.sampled_from(["C1", "C2"]))), ("put", uids), *answers, *end, *receipt]
        case "return":
            told = [("lift", UIDS), ("tick", 200.0), ("put", uids), ("touch", Action.RETURN, ""), *answers, *end]
        case "account":
            touches = [("touch", draw(st.sampled_from(Action)), draw(st.sampled_from(["", *ITEMS])))]
            told = [("card", "C1"), ("put", uids), *answers, *touches, *touches, *answers, *end]
        case _:
            told = draw(st.lists(noise, max_size=8))
    for _each in range(draw(st.integers(0, 2))):
        told.insert(draw(st.integers(0, len(told))), draw(noise))
    return told


histories = st.lists(chapters(), min_size=1, max_size=5).map(lambda parts: [h for part in parts for h in part])


def live(world: World, history: list[Happening]) -> None:
    for happening in history:
        match happening:
            case ("card", str(number)):
                world.card(number)
            case ("put", list(uids)):
                world.put(*uids)
            case ("lift", list(uids)):
                world.lift(*uids)
            case ("touch", Action() as action, str(argument)):
                world.send(Touch(action, argument))
            case ("tag", str(outcome)):
                world.answer_tag(outcome)
            case ("tick", float(seconds)):
                world.tick(seconds)
            case ("print", Receipt() as receipt):
                world.answer_printer(receipt)
            case ("pad_lost",):
                world.pad_lost()
            case ("pad_back",):
                world.pad_back()
            case ("crash",):
                world.crash()


@settings(max_examples=600)
@given(histories)
def test_no_history_breaks_a_law(history: list[Happening]) -> None:
    live(World(), history)  # the world checks every law after every single change


@settings(max_examples=300)
@given(histories)
def test_every_history_ends_at_the_attract_screen_when_everybody_leaves(history: list[Happening]) -> None:
    world = World()
    live(world, history)
    world.pad_back()
    world.lift(*UIDS)
    for _wait in range(6):
        world.settle()
        world.tick(200)
    assert world.state.phase is Phase.ATTRACT


@settings(max_examples=200)
@given(histories)
def test_nothing_is_asked_twice_of_a_tag_that_is_being_written(history: list[Happening]) -> None:
    world = World()
    for happening in history:
        live(world, [happening])
        asked = [(e.item_id, e.uid) for e in world.pending if hasattr(e, "uid")]
        assert len(asked) == len(set(asked))
