"""Borrowing, case by case: what lies on the pad, what is on record, what the tag is told, and what the reader is."""

from __future__ import annotations

import pytest

from drivers.devices import StackOverfull, TagArrived, TagRead
from kiosk.flows import messages as m
from kiosk.flows.state import Phase, Setup
from kiosk.views import Action, BorrowView, Notice, OfferView, RowState
from sync.circulation.blocks import Code
from tests.kiosk.flows.world import ANH, BINH, DUE, LATER, STRANGER, TAGS, World, uid_of


@pytest.fixture
def world() -> World:
    """A kiosk with Ánh's card just read."""
    world = World()
    world.card(ANH)
    return world


def checkouts(world: World) -> list[str]:
    """The items the ledger was asked to lend, in order."""
    return [e.item_id for e in world.asked if isinstance(e, m.Checkout)]


# --- the usual --------------------------------------------------------------------------------------------------------


def test_a_card_is_enough_to_borrow_and_greets_by_the_given_name(world: World) -> None:
    shown = world.view
    assert isinstance(shown.body, BorrowView)
    assert shown.patron is not None
    assert (shown.patron.given_name, shown.patron.masked_name) == ("Ánh", "Nguyễn V. Á.")
    assert (shown.patron.card_ending, shown.patron.child) == ("0101", False)
    assert world.sounds == ["card_read"]


def test_a_book_is_shown_as_borrowed_only_when_its_tag_has_been_verified(world: World) -> None:
    world.put("B1")
    assert world.shown == {"B1": RowState.READING}
    assert world.loans == {"B1": ANH}
    world.answer_tag("ok")
    row = world.rows["B1"]
    assert (row.state, row.title, row.author, row.day) == (RowState.BORROWED, "Nhan đề B1", "Tác giả", DUE.date())
    assert not world.secured("B1")
    assert world.sounds == ["card_read", "borrowed"]


def test_a_tag_is_shown_as_being_read_before_anything_is_known_of_it(world: World) -> None:
    world.send(TagArrived("pad", uid_of("B1")))
    (row,) = world.rows.values()
    assert (row.key, row.state, row.title) == (f"tag:{uid_of('B1').hex()}", RowState.READING, "")
    world.send(TagRead("pad", uid_of("B1"), TAGS["B1"]))
    assert [row.state for row in world.rows.values()] == [RowState.READING]
    assert not checkouts(world)  # the stack is not steady yet


def test_books_that_lie_there_before_the_card_ask_for_it_and_are_lent_to_it() -> None:
    world = World()
    world.put("B1", "B2")
    body = world.page(OfferView)
    assert (body.returnable, body.others, body.on_pad) == (0, 2, 2)
    assert [row.title for row in body.rows] == ["Nhan đề B1", "Nhan đề B2"]
    assert not world.asked_of("B1")
    world.card(ANH)
    world.settle()
    assert world.shown == {"B1": RowState.BORROWED, "B2": RowState.BORROWED}
    assert world.loans == {"B1": ANH, "B2": ANH}


def test_twenty_books_are_lent_and_counted(world: World) -> None:
    books = [f"B{number}" for number in range(1, 21)]
    world.lay(*books)
    body = world.page(BorrowView)
    assert (body.borrowed, body.attention, body.on_pad) == (20, 0, 20)
    assert set(world.loans) == set(books)
    assert len(world.sounds) == 21


def test_one_bad_item_never_holds_up_the_good_ones(world: World) -> None:
    world.lay("B1", "REF", "BLANK", "B2")
    states = world.shown
    assert states.pop(f"tag:{uid_of('BLANK').hex()}") is RowState.REFUSED
    assert states == {"B1": RowState.BORROWED, "REF": RowState.REFUSED, "B2": RowState.BORROWED}
    assert list(world.shown)[-2:] == ["B1", "B2"]  # what needs attention stands above
    body = world.page(BorrowView)
    assert (body.borrowed, body.attention, body.on_pad) == (2, 2, 4)


# --- what is no item of ours ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("BLANK", Code.CHIP_BLANK),
        ("FOREIGN", Code.CHIP_FOREIGN),
        ("DAMAGED", Code.CHIP_DAMAGED),
        ("UNREADABLE", Code.CHIP_NOT_READ),
    ],
)
def test_a_tag_that_names_no_item_is_shown_with_what_to_do_and_never_written(
    world: World, tag: str, code: Code
) -> None:
    world.lay(tag, "B1")
    assert world.says(f"tag:{uid_of(tag).hex()}", code)
    assert world.shown["B1"] is RowState.BORROWED
    assert not world.asked_of(tag)


@pytest.mark.parametrize("tag", ["BLANK", "FOREIGN", "DAMAGED", "UNREADABLE"])
def test_such_a_tag_is_shown_too_when_it_lay_there_before_the_card(tag: str) -> None:
    world = World()
    world.put(tag)
    assert world.shows(OfferView)
    world.tick(61)
    assert world.at(Phase.ATTRACT)
    world.card(ANH)
    assert world.shown == {f"tag:{uid_of(tag).hex()}": RowState.REFUSED}


def test_a_tag_that_could_not_be_read_is_lent_when_it_can_be(world: World) -> None:
    world.put("UNREADABLE")
    world.send(TagRead("pad", uid_of("UNREADABLE"), TAGS["B3"]))
    assert world.shown == {"B3": RowState.READING}
    assert world.loans == {"B3": ANH}


def test_a_readers_tag_on_the_pad_is_a_card_and_never_an_item() -> None:
    world = World()
    world.lay("B1", "READER")
    assert world.state.reader is not None
    assert world.state.reader.card == ANH
    assert world.shown == {"B1": RowState.BORROWED}
    body = world.page(BorrowView)
    assert body.on_pad == 1
    assert checkouts(world) == ["B1"]
    assert not world.asked_of("READER")


def test_a_readers_tag_among_the_books_of_another_is_only_noticed() -> None:
    world = World()
    world.card(BINH)
    world.lay("B1", "READER")
    assert world.told(Notice.CARD_AGAIN)
    assert world.loans == {"B1": BINH}
    assert world.shown == {"B1": RowState.BORROWED}


def test_a_readers_tag_left_behind_begins_nothing() -> None:
    world = World()
    world.lay("READER")
    world.touch(Action.END)
    assert world.at(Phase.ATTRACT)
    world.put("B1")
    assert world.shows(OfferView)
    assert not world.loans


def test_not_even_when_the_pad_was_away_meanwhile() -> None:
    world = World()
    world.lay("READER", "B1")
    world.touch(Action.END)
    world.pad_lost()
    world.pad_back()
    assert world.at(Phase.ATTRACT)


@pytest.mark.parametrize(("tag", "code"), [("X.1", Code.UNKNOWN_ITEM), ("REF", Code.READING_ONLY)])
def test_what_may_not_be_lent_is_refused_with_its_reason(world: World, tag: str, code: Code) -> None:
    world.lay(tag)
    assert world.shown == {tag: RowState.REFUSED}
    assert world.says(tag, code)
    assert not world.asked_of(tag)
    assert world.sounds[-1] == "refused"


def test_an_item_of_another_library_is_named_as_such(world: World) -> None:
    world.lay("PY.1")
    assert world.says("PY.1", Code.OTHER_LIBRARY, library="PY")


def test_an_item_held_for_another_reader_is_refused(world: World) -> None:
    world.lay("HELD")
    assert world.says("HELD", Code.HELD_FOR_ANOTHER)


def test_an_item_on_loan_to_another_reader_is_refused_and_the_other_readers_day_is_not_shown() -> None:
    world = World()
    world.loans["B1"], world.due["B1"] = BINH, DUE
    world.tags["B1"].secured = False
    world.put("B1")
    world.card(ANH)
    assert world.shown == {"B1": RowState.REFUSED}
    assert world.says("B1", Code.ON_LOAN_TO_ANOTHER)
    assert world.rows["B1"].day is None
    assert world.loans == {"B1": BINH}
    assert not world.asked_of("B1")


def test_a_refused_book_is_asked_about_again_when_it_is_put_down_again(world: World) -> None:
    world.loans["B1"], world.due["B1"] = BINH, DUE
    world.lay("B1")
    assert world.shown == {"B1": RowState.REFUSED}
    del world.loans["B1"]
    world.lift("B1")
    assert world.shown == {"B1": RowState.REFUSED}
    world.lay("B1")
    assert world.shown == {"B1": RowState.BORROWED}


# --- sets, and chips with the same number -----------------------------------------------------------------------------


def test_a_set_with_a_part_missing_waits_for_it_and_is_lent_as_one(world: World) -> None:
    world.lay("SET/1")
    assert world.shown == {"SET": RowState.REFUSED}
    assert world.says("SET", Code.PART_MISSING, parts=2, seen=1)
    assert not world.loans
    world.lay("SET/2")
    assert world.shown == {"SET": RowState.BORROWED}
    assert world.asked_of("SET/1") == world.asked_of("SET/2") == [m.ReleaseTag]


def test_a_set_laid_down_part_by_part_before_the_card_is_whole_when_the_card_comes() -> None:
    world = World()
    world.put("SET/2")
    world.put("SET/1")
    world.card(ANH)
    world.settle()
    assert world.shown == {"SET": RowState.BORROWED}
    assert [e.parts_seen for e in world.asked if isinstance(e, m.Checkout)] == [2]


def test_a_part_that_comes_while_another_is_taken_away_does_not_make_a_set_whole(world: World) -> None:
    world.lay("SET/1")
    world.lift("SET/1")
    world.lay("SET/2")
    assert world.shown == {"SET": RowState.REFUSED}
    assert not world.loans
    world.lay("SET/1")
    assert world.shown == {"SET": RowState.BORROWED}


def test_part_numbers_that_make_no_sense_do_not_make_a_set(world: World) -> None:
    world.lay("ODD")
    assert world.shown == {"B20": RowState.BORROWED}
    assert [e.parts_seen for e in world.asked if isinstance(e, m.Checkout)] == [None]


def test_of_two_chips_with_one_number_one_is_lent_and_the_other_goes_to_the_librarian(world: World) -> None:
    world.lay("TWIN/a", "TWIN/b")
    assert sorted(world.shown.values()) == [RowState.BORROWED, RowState.REFUSED]
    released = [tag for tag in ("TWIN/a", "TWIN/b") if not world.tags[tag].secured]
    (other,) = {"TWIN/a", "TWIN/b"} - set(released)
    assert world.says(f"tag:{uid_of(other).hex()}", Code.CHIP_DAMAGED)
    assert checkouts(world) == ["TWIN"]
    body = world.page(BorrowView)
    assert (body.borrowed, body.attention, body.on_pad) == (1, 1, 2)


def test_a_second_chip_with_the_number_of_a_borrowed_book_is_refused_whenever_it_comes(world: World) -> None:
    world.lay("TWIN/a")
    world.lift("TWIN/a")
    world.lay("TWIN/b")
    assert world.shown == {"TWIN": RowState.BORROWED, f"tag:{uid_of('TWIN/b').hex()}": RowState.REFUSED}
    assert world.secured("TWIN/b")


def test_two_chips_with_one_number_before_the_card_are_told_apart_when_it_comes() -> None:
    world = World()
    world.put("TWIN/a", "TWIN/b")
    world.card(ANH)
    world.settle()
    assert sorted(world.shown.values()) == [RowState.BORROWED, RowState.REFUSED]
    assert [world.tags[tag].secured for tag in ("TWIN/a", "TWIN/b")].count(True) == 1


def test_a_borrowed_book_lifted_and_put_down_again_is_not_lent_twice(world: World) -> None:
    world.lay("B1")
    world.lift("B1")
    assert world.shown == {"B1": RowState.BORROWED}
    world.lay("B1")
    assert world.shown == {"B1": RowState.BORROWED}
    assert checkouts(world) == ["B1"]
    assert world.asked_of("B1") == [m.ReleaseTag]


# --- lifted too soon --------------------------------------------------------------------------------------------------


def test_a_book_lifted_before_it_was_seen_to_lie_steadily_is_forgotten(world: World) -> None:
    world.send(TagArrived("pad", uid_of("B1")))
    world.send(TagRead("pad", uid_of("B1"), TAGS["B1"]))
    world.tags["B1"].noticed = True
    world.notice()
    assert not world.shown
    assert not world.loans


def test_a_book_lifted_before_the_release_is_asked_back_and_released_when_it_comes(world: World) -> None:
    world.put("B1")
    world.slip("B1")
    world.settle()
    assert world.shown == {"B1": RowState.PUT_BACK}
    assert world.says("B1", Code.LIFTED_TOO_SOON)
    assert world.sounds[-1] == "put_back"
    assert world.loans == {"B1": ANH}
    assert len(world.asked_of("B1")) == 3  # it may have been a flicker, but nobody asks for ever
    world.notice()
    assert world.shown == {"B1": RowState.PUT_BACK}
    world.lay("B1")
    assert world.shown == {"B1": RowState.BORROWED}
    assert checkouts(world) == ["B1"]


def test_a_book_lifted_while_it_was_written_is_asked_back_too(world: World) -> None:
    world.put("B1")
    world.answer_tag("lost")
    world.slip("B1")
    world.settle()
    assert world.shown == {"B1": RowState.PUT_BACK}
    assert not world.secured("B1")
    assert world.loans == {"B1": ANH}
    world.notice()
    world.lay("B1")
    assert world.shown == {"B1": RowState.BORROWED}


def test_a_book_that_does_not_come_back_before_the_end_is_not_lent(world: World) -> None:
    world.put("B1")
    world.lift("B1")
    world.settle()
    world.touch(Action.FINISH)
    assert world.at(Phase.ATTRACT)
    assert not world.loans
    assert world.repairs == {"B1"}
    assert [(c.outcome, c.out) for c in world.closed] == [("done", 0)]


def test_a_book_that_was_released_and_taken_away_unverified_is_not_lent_and_waits_for_repair(world: World) -> None:
    world.put("B1")
    world.answer_tag("lost")
    world.slip("B1")
    world.settle()
    world.touch(Action.FINISH)
    assert not world.loans
    assert not world.secured("B1")
    assert world.repairs == {"B1"}
    world.notice()
    world.bring_back("B1")
    assert world.secured("B1")
    assert not world.repairs


def test_a_book_put_back_while_the_account_is_open_is_released_at_the_end(world: World) -> None:
    world.put("B1")
    world.lift("B1")
    world.settle()
    world.touch(Action.ACCOUNT)
    world.put("B1")
    world.touch(Action.FINISH)
    world.settle()
    assert world.at(Phase.DONE)
    assert world.loans == {"B1": ANH}
    assert not world.secured("B1")


def test_a_part_of_a_set_lifted_too_soon_holds_the_set_until_it_is_back(world: World) -> None:
    world.put("SET/1", "SET/2")
    world.slip("SET/2")
    world.settle()
    assert world.shown == {"SET": RowState.PUT_BACK}
    assert not world.secured("SET/1")
    world.notice()
    world.lay("SET/2")
    assert world.shown == {"SET": RowState.BORROWED}


# --- tags that will not ----------------------------------------------------------------------------------------------


def test_an_ambiguous_write_is_settled_by_writing_and_reading_again(world: World) -> None:
    world.put("B1")
    world.answer_tag("lost")
    assert world.shown == {"B1": RowState.READING}
    world.answer_tag("ok")
    assert world.shown == {"B1": RowState.BORROWED}
    assert world.asked_of("B1") == [m.ReleaseTag, m.ReleaseTag]


def test_a_locked_tag_is_not_tried_again_and_its_loan_is_undone(world: World) -> None:
    world.put("B1")
    world.answer_tag("locked")
    world.settle()
    assert world.shown == {"B1": RowState.REFUSED}
    assert world.says("B1", Code.CHIP_NOT_RELEASED)
    assert world.asked_of("B1") == [m.ReleaseTag, m.SecureTag]
    assert not world.loans
    assert not world.repairs  # read back: it is secured


def test_a_tag_that_will_not_be_released_is_tried_three_times_and_again_when_it_is_put_down_anew(world: World) -> None:
    world.put("B1")
    for _try in range(3):
        world.answer_tag("refused")
    world.settle()
    assert world.shown == {"B1": RowState.REFUSED}
    assert world.asked_of("B1") == [m.ReleaseTag] * 3 + [m.SecureTag]
    assert not world.loans
    world.lift("B1")
    world.lay("B1")
    assert world.shown == {"B1": RowState.BORROWED}


def test_a_loan_undone_after_an_ambiguous_write_leaves_the_tag_secured(world: World) -> None:
    world.put("B1")
    for _try in range(3):
        world.answer_tag("lost")
    assert world.repairs == {"B1"}
    assert not world.secured("B1")
    world.settle()
    assert world.secured("B1")
    assert not world.repairs
    assert not world.loans


def test_securing_it_again_is_tried_three_times_too_and_its_repair_row_stays(world: World) -> None:
    world.put("B1")
    for _try in range(3):
        world.answer_tag("lost")
    for _try in range(5):
        world.answer_tag("refused")
    assert world.asked_of("B1") == [m.ReleaseTag] * 3 + [m.SecureTag] * 3
    assert world.repairs == {"B1"}
    assert world.shown == {"B1": RowState.REFUSED}


def test_a_set_that_is_not_whole_by_its_tags_keeps_its_repair_row_when_its_loan_is_undone(world: World) -> None:
    world.put("HALF")
    assert world.loans == {"B19": ANH}
    world.answer_tag("locked")
    world.settle()
    assert world.shown == {"B19": RowState.REFUSED}
    assert world.repairs == {"B19"}  # nobody knows of a second part


def test_a_tag_that_was_unsecured_before_the_loan_does_not_lose_its_repair_row_with_it(world: World) -> None:
    world.tags["B1"].secured = False
    world.repairs.add("B1")
    world.put("B1")
    assert world.loans == {"B1": ANH}
    world.pad_lost()  # nothing was sent
    world.settle()
    world.touch(Action.FINISH)
    assert not world.loans
    assert world.repairs == {"B1"}


# --- what the reader has already --------------------------------------------------------------------------------------


def test_a_book_on_loan_to_this_reader_is_offered_for_renewal_and_return(world: World) -> None:
    world.loans["B1"], world.due["B1"] = ANH, DUE
    world.lay("B1")
    row = world.rows["B1"]
    assert (row.state, row.day, row.slip) == (RowState.ON_LOAN, DUE.date(), None)
    assert row.actions == (Action.RENEW, Action.RETURN)
    assert "refused" not in world.sounds


def test_a_tag_that_was_never_released_because_the_kiosk_died_is_released_for_its_reader(world: World) -> None:
    world.put("B1")
    assert world.loans == {"B1": ANH}
    world.crash()
    assert world.secured("B1")
    world.card(ANH)
    world.settle()
    assert world.shown == {"B1": RowState.ON_LOAN}
    assert not world.secured("B1")
    assert world.loans == {"B1": ANH}


def test_nobody_elses_card_releases_it(world: World) -> None:
    world.put("B1")
    world.crash()
    world.card(BINH)
    world.settle()
    assert world.shown == {"B1": RowState.REFUSED}
    assert world.secured("B1")


def test_releasing_it_is_tried_three_times_and_the_loan_stands(world: World) -> None:
    world.loans["B1"], world.due["B1"] = ANH, DUE
    world.put("B1")
    for _try in range(5):
        world.answer_tag("refused")
    assert world.asked_of("B1") == [m.ReleaseTag] * 3
    assert world.shown == {"B1": RowState.ON_LOAN}
    assert world.loans == {"B1": ANH}


def test_while_it_is_being_released_it_cannot_be_returned(world: World) -> None:
    world.loans["B1"], world.due["B1"] = ANH, DUE
    world.put("B1")
    assert world.rows["B1"].actions == ()
    world.touch(Action.RETURN, "B1")
    assert world.loans == {"B1": ANH}
    world.settle()
    world.touch(Action.RETURN, "B1")
    world.settle()
    assert world.shown == {"B1": RowState.RETURNED}
    assert world.secured("B1")
    assert not world.repairs


def test_of_a_set_that_the_reader_has_already_every_part_is_released_once(world: World) -> None:
    world.loans["SET"], world.due["SET"] = ANH, DUE
    world.put("SET/1")
    assert world.rows["SET"].state is RowState.ON_LOAN
    assert world.rows["SET"].slip is None  # that a part is not here is no matter
    world.put("SET/2")
    world.settle()
    assert world.asked_of("SET/1") == world.asked_of("SET/2") == [m.ReleaseTag]
    assert world.shown == {"SET": RowState.ON_LOAN}


def test_it_is_renewed_by_a_touch_and_a_second_time_refused_with_the_reason(world: World) -> None:
    world.loans["B1"], world.due["B1"] = ANH, DUE
    world.lay("B1")
    world.touch(Action.RENEW, "B1")
    row = world.rows["B1"]
    assert (row.state, row.day) == (RowState.RENEWED, LATER.date())
    world.touch(Action.RENEW, "B1")
    assert world.says("B1", Code.NO_RENEWALS_LEFT, limit=1, date=LATER.date())
    row = world.rows["B1"]
    assert (row.state, row.day, row.actions) == (RowState.ON_LOAN, LATER.date(), (Action.RENEW, Action.RETURN))
    world.touch(Action.RETURN, "B1")
    world.settle()
    assert world.shown == {"B1": RowState.RETURNED}
    world.touch(Action.FINISH)
    assert [(c.out, c.back, c.renewed) for c in world.closed] == [(0, 1, 1)]


def test_what_was_only_just_borrowed_is_not_renewed_by_a_stray_touch(world: World) -> None:
    world.lay("B1")
    world.touch(Action.RENEW, "B1")
    assert not any(isinstance(e, m.Renew) for e in world.asked)


# --- barcodes ---------------------------------------------------------------------------------------------------------


def test_an_item_without_a_chip_is_lent_by_its_barcode(world: World) -> None:
    world.scan("B1")
    assert world.shown == {"B1": RowState.BORROWED}
    assert world.loans == {"B1": ANH}
    world.scan("B1")
    assert checkouts(world) == ["B1"]


def test_an_item_that_was_lent_by_barcode_and_has_a_chip_after_all_is_released(world: World) -> None:
    world.scan("B1")
    world.put("B1")
    assert world.shown == {"B1": RowState.READING}
    world.settle()
    assert world.shown == {"B1": RowState.BORROWED}
    assert not world.secured("B1")
    assert checkouts(world) == ["B1"]


def test_a_refused_item_is_asked_about_again_when_it_is_scanned_again(world: World) -> None:
    world.loans["B1"], world.due["B1"] = BINH, DUE
    world.scan("B1")
    assert world.shown == {"B1": RowState.REFUSED}
    del world.loans["B1"]
    world.scan("B1")
    assert world.shown == {"B1": RowState.BORROWED}


def test_a_scanned_code_that_nobody_knows_is_refused(world: World) -> None:
    world.scan("9786041234567")
    assert world.says("9786041234567", Code.UNKNOWN_ITEM)


@pytest.mark.parametrize(("card", "notice"), [(ANH, None), (BINH, Notice.CARD_AGAIN), (STRANGER, Notice.CARD_AGAIN)])
def test_a_scanned_code_that_is_a_card_is_never_taken_for_an_item(
    world: World, card: str, notice: Notice | None
) -> None:
    world.scan(card)
    assert not world.shown
    assert world.told(notice)
    assert not checkouts(world)


def test_where_items_are_not_taken_by_barcode_a_code_does_nothing() -> None:
    world = World(Setup(branch="TN", barcode_items=False))
    world.card(ANH)
    world.scan("B1")
    world.scan("9786041234567")
    assert not world.shown
    assert not world.loans
    world.scan(BINH)
    assert world.told(Notice.CARD_AGAIN)


def test_an_item_scanned_before_the_card_is_offered_and_lent_when_it_comes() -> None:
    world = World()
    world.scan("B1")
    body = world.page(OfferView)
    assert (body.others, body.on_pad) == (1, 0)
    world.card(ANH)
    assert world.shown == {"B1": RowState.BORROWED}


def test_where_items_are_not_taken_by_barcode_one_is_not_offered_either() -> None:
    world = World(Setup(branch="TN", barcode_items=False))
    world.scan("B1")
    assert world.at(Phase.PROBLEM)
    assert not any(isinstance(e, m.FindItem) for e in world.asked)


# --- more than the pad can tell apart ---------------------------------------------------------------------------------


def test_too_many_books_are_said_to_be_too_many_for_as_long_as_they_are(world: World) -> None:
    world.put("B1")
    world.send(StackOverfull("pad"))
    world.tick(30)
    assert world.told(Notice.TOO_MANY)
    world.put("B2")
    assert world.told(None)
