"""Who stands there: cards that may not borrow, PINs, the account, time running out, and everything forgotten after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.devices import Card, CardPresented, CardRemoved, CardTechnology, CodeKind, SeveralCards
from kiosk.flows import messages as m
from kiosk.flows.state import Phase, PinMode, Setup
from kiosk.views import (
    AccountView,
    Action,
    AttractView,
    BorrowView,
    CardProblemView,
    CardTrouble,
    Notice,
    OfferView,
    PinView,
    RowState,
)
from sync.circulation.blocks import Code, block
from tests.kiosk.flows.world import (
    ANH,
    BINH,
    CARD_BLOCKS,
    CHILD,
    DUE,
    EXPIRED,
    LATER,
    PIN,
    STOPPED,
    STRANGER,
    World,
)


def with_pin(mode: PinMode) -> World:
    """A kiosk that asks for PINs, where Ánh has one and Bình has not."""
    return World(Setup(library="Thư viện", branch="TN", pin=mode), pins={ANH})


def pin_of(world: World) -> PinView:
    """The PIN page."""
    return world.page(PinView)


def account_of(world: World) -> AccountView:
    """The account's page."""
    return world.page(AccountView)


# --- cards that may not borrow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "heading"),
    [(STRANGER, CardTrouble.UNKNOWN), (EXPIRED, CardTrouble.EXPIRED), (STOPPED, CardTrouble.BLOCKED)],
)
def test_a_card_that_may_not_borrow_is_told_why_and_what_now(card: str, heading: CardTrouble) -> None:
    world = World()
    world.card(card)
    body = world.page(CardProblemView)
    assert body.heading is heading
    (said,) = CARD_BLOCKS.get(card, (block(Code.UNKNOWN_CARD),))
    assert [(slip.why, slip.now) for slip in body.reasons] == [(said.reason, said.next_step)]
    assert world.sounds == ["refused"]
    world.put("B1")
    assert not world.loans
    world.touch(Action.END)
    assert world.shows(AttractView)
    assert not any(isinstance(e, m.OpenVisit) for e in world.asked)


def test_a_card_that_invents_its_number_names_nobody() -> None:
    world = World()
    world.nameless_card()
    body = world.page(CardProblemView)
    assert (body.heading, body.reasons) == (CardTrouble.NO_NUMBER, ())
    assert world.view.patron is None
    assert world.sounds == ["refused"]
    assert not any(isinstance(e, m.FindCard) for e in world.asked)
    world.card(ANH)
    assert world.at(Phase.BORROW)


def test_a_card_without_a_written_number_is_known_by_its_uid() -> None:
    world = World()
    world.send(CardPresented("reader", Card(CardTechnology.TYPE_A, b"\x04\xa1\xb2\xc3\xd4\xe5\xf6")))
    assert [e.number for e in world.asked if isinstance(e, m.FindCard)] == ["04A1B2C3D4E5F6"]


def test_a_nameless_card_in_the_middle_of_a_visit_changes_nothing() -> None:
    world = World()
    world.card(ANH)
    before = world.view
    world.nameless_card()
    assert world.view == before


def test_after_a_refused_card_the_next_one_is_served_and_the_same_one_changes_nothing() -> None:
    world = World()
    world.card(EXPIRED)
    before = world.view
    world.card(EXPIRED)
    assert world.view == before
    world.card(ANH)
    assert world.at(Phase.BORROW)


def test_books_that_waited_for_a_card_that_may_not_borrow_wait_for_the_next() -> None:
    world = World()
    world.put("B1")
    world.card(EXPIRED)
    world.card(ANH)
    world.settle()
    assert world.shown == {"B1": RowState.BORROWED}


# --- other cards ------------------------------------------------------------------------------------------------------


def test_the_same_card_again_changes_nothing() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    before = world.view
    world.send(CardRemoved("reader"))
    world.card(ANH)
    assert world.view == before
    assert [type(e) for e in world.asked].count(m.OpenVisit) == 1


@pytest.mark.parametrize("where", [Action.BACK, Action.ACCOUNT])
def test_another_readers_card_in_the_middle_of_a_visit_is_noticed_for_a_moment_and_no_more(where: Action) -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    world.touch(where)
    before = world.view
    world.card(BINH)
    assert world.view == replace(before, notice=Notice.CARD_AGAIN)
    world.tick(5)
    assert world.told(None)
    assert world.loans == {"B1": ANH}


def test_a_childs_card_puts_the_screen_in_childrens_mode() -> None:
    world = World()
    world.card(CHILD)
    assert world.view.patron is not None
    assert world.view.patron.child
    assert world.view.patron.given_name == "An"


# --- PINs -------------------------------------------------------------------------------------------------------------


def test_where_no_pin_is_asked_the_account_opens_at_once() -> None:
    world = with_pin(PinMode.NONE)
    world.card(ANH)
    world.touch(Action.ACCOUNT)
    assert world.shows(AccountView)


def test_the_card_alone_borrows_and_the_account_asks_for_the_pin_once() -> None:
    world = with_pin(PinMode.ACCOUNT)
    world.card(ANH)
    world.lay("B1")
    assert world.shown == {"B1": RowState.BORROWED}
    world.touch(Action.ACCOUNT)
    assert (pin_of(world).entered, pin_of(world).length, pin_of(world).wrong) == (0, 4, False)
    world.type_pin("12")
    assert pin_of(world).entered == 2
    world.touch(Action.ERASE)
    assert pin_of(world).entered == 1
    world.type_pin("234")
    assert account_of(world).on_loan == 1
    world.touch(Action.BACK)
    assert world.shown == {"B1": RowState.BORROWED}
    world.touch(Action.ACCOUNT)
    assert world.shows(AccountView)


def test_back_from_the_pin_goes_on_borrowing() -> None:
    world = with_pin(PinMode.ACCOUNT)
    world.card(ANH)
    world.touch(Action.ACCOUNT)
    world.type_pin("12")
    world.touch(Action.BACK)
    assert world.shows(BorrowView)
    world.lay("B1")
    assert world.shown == {"B1": RowState.BORROWED}
    world.touch(Action.ACCOUNT)
    assert pin_of(world).entered == 0


def test_a_reader_without_a_pin_is_not_asked_for_one() -> None:
    for mode in (PinMode.ACCOUNT, PinMode.ALWAYS):
        world = with_pin(mode)
        world.card(BINH)
        assert world.shows(BorrowView)
        world.touch(Action.ACCOUNT)
        assert world.shows(AccountView)


def test_where_the_pin_is_always_asked_nothing_is_lent_before_it() -> None:
    world = with_pin(PinMode.ALWAYS)
    world.put("B1")
    world.card(ANH)
    assert pin_of(world).entered == 0
    assert not world.loans
    world.type_pin(PIN)
    world.settle()
    assert world.shown == {"B1": RowState.BORROWED}
    world.touch(Action.ACCOUNT)
    assert world.shows(AccountView)


def test_back_from_that_pin_leaves_and_nothing_was_lent() -> None:
    world = with_pin(PinMode.ALWAYS)
    world.put("B1")
    world.card(ANH)
    world.touch(Action.BACK)
    assert world.at(Phase.ATTRACT)
    assert not world.loans


def test_a_book_taken_away_while_the_pin_is_typed_is_not_lent() -> None:
    world = with_pin(PinMode.ALWAYS)
    world.put("B1")
    world.card(ANH)
    world.lift("B1")
    world.type_pin(PIN)
    assert not world.shown
    assert not world.loans


def test_a_wrong_pin_says_how_many_tries_are_left_and_then_how_long_to_wait() -> None:
    world = with_pin(PinMode.ACCOUNT)
    world.waits = [0, 0, 30]
    world.card(ANH)
    world.touch(Action.ACCOUNT)
    world.type_pin("0000")
    assert (pin_of(world).wrong, pin_of(world).tries_left, pin_of(world).entered) == (True, 2, 0)
    assert world.sounds[-1] == "refused"
    world.type_pin("0")
    assert not pin_of(world).wrong
    world.type_pin("000")
    world.type_pin("0000")
    assert (pin_of(world).wrong, pin_of(world).wait_s) == (True, 30)
    world.type_pin(PIN)
    assert pin_of(world).entered == 0
    world.tick(29)
    assert pin_of(world).wait_s == 1
    world.tick(1)
    assert pin_of(world).wait_s == 0
    world.type_pin(PIN)
    assert world.shows(AccountView)


def test_digits_beyond_the_last_and_keys_that_are_none_are_not_taken() -> None:
    world = with_pin(PinMode.ACCOUNT)
    world.card(ANH)
    world.touch(Action.ACCOUNT)
    for odd in ("", "12", "x", "²", "٣"):
        world.touch(Action.DIGIT, odd)
    assert pin_of(world).entered == 0
    world.state = replace(world.state, pin=replace(world.state.pin, digits=PIN, asked=True))
    world.touch(Action.DIGIT, "5")
    assert pin_of(world).entered == 4
    world.touch(Action.ERASE)
    assert pin_of(world).entered == 4
    assert not any(isinstance(e, m.CheckPin) for e in world.asked)


def test_the_pin_is_never_in_the_view_and_forgotten_once_it_has_been_asked_about() -> None:
    world = with_pin(PinMode.ACCOUNT)
    world.card(ANH)
    world.touch(Action.ACCOUNT)
    world.type_pin("123")
    assert "123" not in repr(world.view)
    assert "123" not in repr(world.state)
    world.type_pin("4")
    assert world.state.pin.digits == ""


# --- the account ------------------------------------------------------------------------------------------------------


def owing(*items: str) -> World:
    """Ánh's account, with items on loan to her."""
    world = World()
    for item in items:
        world.loans[item], world.due[item] = ANH, DUE
    world.card(ANH)
    world.touch(Action.ACCOUNT)
    return world


def test_the_account_shows_loans_and_holds_and_what_can_be_done() -> None:
    body = account_of(owing("B1", "B2"))
    assert (body.on_loan, body.overdue, body.holds, body.owed, body.can_renew) == (2, 0, 1, 0, True)
    states = {row.key: (row.state, row.day, row.actions) for row in body.rows}
    assert states["B1"] == (RowState.ON_LOAN, DUE.date(), (Action.RENEW,))
    assert states["hold:H1"][0] is RowState.HOLD_READY
    assert body.renewed is None


def test_one_is_renewed_with_its_own_result() -> None:
    world = owing("B1", "B2")
    world.touch(Action.RENEW, "B1")
    body = account_of(world)
    assert (body.renewed, body.not_renewed) == (1, 0)
    days = {row.key: (row.state, row.day) for row in body.rows}
    assert days["B1"] == (RowState.RENEWED, LATER.date())
    assert days["B2"] == (RowState.ON_LOAN, DUE.date())


def test_all_are_renewed_with_a_result_for_each() -> None:
    world = owing("B1", "B2", "SET")
    world.due["B2"] = LATER
    world.touch(Action.RENEW_ALL)
    body = account_of(world)
    assert (body.renewed, body.not_renewed) == (2, 1)
    rows = {row.key: row for row in body.rows}
    assert {key: row.state for key, row in rows.items() if not key.startswith("hold")} == {
        "B1": RowState.RENEWED,
        "B2": RowState.REFUSED,
        "SET": RowState.RENEWED,
    }
    said = block(Code.NO_RENEWALS_LEFT, limit=1, date=LATER.date())
    assert rows["B2"].slip is not None
    assert (rows["B2"].slip.why, rows["B2"].slip.now) == (said.reason, said.next_step)
    world.touch(Action.FINISH)
    assert [(c.outcome, c.renewed) for c in world.closed] == [("done", 2)]


def test_what_was_renewed_counts_as_renewed_even_if_it_is_tried_once_more() -> None:
    world = owing("B1")
    world.touch(Action.RENEW_ALL)
    world.touch(Action.RENEW_ALL)
    body = account_of(world)
    assert (body.renewed, body.not_renewed) == (0, 1)
    world.touch(Action.END)
    assert [c.renewed for c in world.closed] == [1]


def test_books_that_come_while_the_account_is_open_are_lent_when_it_is_closed() -> None:
    world = owing("B1")
    world.put("B2")
    assert world.loans == {"B1": ANH}
    world.touch(Action.BACK)
    world.settle()
    assert world.shown == {"B2": RowState.BORROWED}


# --- time -------------------------------------------------------------------------------------------------------------


def test_after_a_minute_the_reader_is_asked_and_has_twenty_seconds_to_answer() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    world.tick(59.9)
    assert world.seconds_left() is None
    world.tick(0.1)
    assert world.seconds_left() == 20
    world.tick(19.5)
    assert world.seconds_left() == 1
    assert world.at(Phase.BORROW)
    world.tick(0.5)
    assert world.shows(AttractView)
    assert [(c.outcome, c.out) for c in world.closed] == [("left", 1)]
    assert not world.printed
    assert world.loans == {"B1": ANH}


def test_one_touch_gives_more_time_as_often_as_it_is_wanted() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    for _extension in range(12):
        world.tick(75)
        assert world.seconds_left() is not None
        world.touch(Action.MORE_TIME)
        assert world.seconds_left() is None
    assert world.shown == {"B1": RowState.BORROWED}


def test_a_touch_beside_the_question_only_gives_more_time() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    world.tick(70)
    world.touch(Action.FINISH)
    assert world.seconds_left() is None
    assert world.shown == {"B1": RowState.BORROWED}
    world.tick(70)
    world.touch(Action.END)
    assert world.at(Phase.ATTRACT)


def test_a_book_or_a_card_is_an_answer_too() -> None:
    world = World()
    world.card(ANH)
    world.tick(70)
    world.lay("B1")
    assert world.seconds_left() is None
    world.tick(70)
    world.card(ANH)
    assert world.seconds_left() is None


@pytest.mark.parametrize("phase", [Phase.PROBLEM, Phase.PIN, Phase.ACCOUNT, Phase.BORROW])
def test_wherever_a_reader_stands_she_is_asked_and_then_forgotten(phase: Phase) -> None:
    world = with_pin(PinMode.ACCOUNT if phase is Phase.PIN else PinMode.NONE)
    world.card(EXPIRED if phase is Phase.PROBLEM else ANH)
    if phase in (Phase.PIN, Phase.ACCOUNT):
        world.touch(Action.ACCOUNT)
    assert world.at(phase)
    world.tick(60)
    assert world.seconds_left() is not None
    world.tick(20)
    assert world.shows(AttractView)


def test_in_reachable_mode_twice_the_time_is_given() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    world.touch(Action.REACHABLE)
    world.tick(119)
    assert world.seconds_left() is None
    world.tick(1)
    assert world.seconds_left() == 20
    world.touch(Action.FINISH)
    world.touch(Action.FINISH)
    world.tick(39)
    assert world.at(Phase.DONE)
    world.tick(1)
    assert world.at(Phase.ATTRACT)


def test_a_book_being_released_when_time_is_up_is_finished_first() -> None:
    world = World()
    world.card(ANH)
    world.put("B1")
    world.tick(80)
    assert world.at(Phase.ENDING)
    assert not world.closed
    world.settle()
    assert world.at(Phase.ATTRACT)
    assert [(c.outcome, c.out) for c in world.closed] == [("left", 1)]
    assert not world.secured("B1")


# --- choices for oneself ----------------------------------------------------------------------------------------------


def test_language_contrast_reach_and_help_are_the_readers_own_and_end_with_the_visit() -> None:
    world = World()
    for action in (Action.LANGUAGE, Action.HIGH_CONTRAST, Action.REACHABLE, Action.HELP):
        world.touch(action)
    world.card(ANH)
    shown = world.view
    assert (shown.language, shown.high_contrast, shown.reachable, shown.help_open) == ("en", True, True, True)
    for action in (Action.LANGUAGE, Action.HELP):
        world.touch(action)
    assert (world.view.language, world.view.help_open) == ("vi", False)
    world.touch(Action.LANGUAGE)
    world.touch(Action.END)
    shown = world.view
    assert (shown.language, shown.high_contrast, shown.reachable, shown.help_open) == ("vi", False, False, False)


def test_choices_made_at_the_attract_screen_and_left_there_go_too() -> None:
    world = World()
    for action in (Action.LANGUAGE, Action.HIGH_CONTRAST, Action.REACHABLE, Action.HELP):
        world.touch(action)
    world.tick(119)
    assert world.view.language == "en"
    world.tick(1)
    shown = world.view
    assert (shown.language, shown.high_contrast, shown.reachable, shown.help_open) == ("vi", False, False, False)


def test_books_first_and_the_offer_keep_the_language_that_was_chosen() -> None:
    world = World()
    world.touch(Action.LANGUAGE)
    world.put("B1")
    assert world.shows(OfferView)
    assert world.view.language == "en"
    world.card(ANH)
    assert world.view.language == "en"


# --- cards that stay, and several at once -----------------------------------------------------------------------------


def test_a_card_that_stays_is_one_visit_and_begins_no_other() -> None:
    world = World()
    world.lay_card(ANH)
    world.lay("B1")
    world.touch(Action.FINISH)
    assert world.told(Notice.TAKE_CARD)
    world.touch(Action.FINISH)
    assert world.at(Phase.ATTRACT)
    assert world.told(Notice.TAKE_CARD)
    world.tick(600)
    assert world.at(Phase.ATTRACT)
    assert world.told(Notice.TAKE_CARD)
    world.take_card()
    assert world.told(None)
    world.lay_card(ANH)
    assert world.at(Phase.BORROW)


def test_a_card_left_on_a_reader_that_was_lost_and_comes_back_begins_nothing() -> None:
    world = World()
    world.lay_card(ANH)
    world.touch(Action.END)
    world.lost("reader")
    assert world.told(Notice.READER_AWAY)
    world.back("reader")
    world.lay_card(ANH)  # told anew, as a reader does that knows nothing of before
    assert world.at(Phase.ATTRACT)
    assert world.told(Notice.TAKE_CARD)
    world.take_card()
    world.card(BINH)
    assert world.at(Phase.BORROW)


def test_a_card_taken_while_its_reader_was_lost_is_not_waited_for() -> None:
    world = World()
    world.lay_card(ANH)
    world.touch(Action.END)
    world.lost("reader")
    world.back("reader")
    world.take_card()  # the reader has come back and finds itself empty
    assert world.told(None)
    world.lay_card(BINH)
    assert world.at(Phase.BORROW)


def test_a_reader_that_is_lost_in_a_visit_and_comes_back_with_the_card_begins_no_other_when_it_is_done() -> None:
    world = World()
    world.lay_card(ANH)
    world.lay("B1")
    world.touch(Action.FINISH)
    world.lost("reader")
    world.back("reader")
    world.lay_card(ANH)
    assert world.at(Phase.DONE)
    world.touch(Action.FINISH)
    assert world.at(Phase.ATTRACT)


def test_another_readers_card_in_place_of_one_that_was_left_begins_a_visit() -> None:
    world = World()
    world.lay_card(ANH)
    world.touch(Action.END)
    world.take_card()
    world.lay_card(BINH)
    assert world.at(Phase.BORROW)
    assert world.state.reader is not None
    assert world.state.reader.card == BINH


def test_nobody_is_named_by_a_card_that_was_left() -> None:
    world = World()
    world.lay_card(ANH)
    world.touch(Action.END)
    assert world.view.patron is None
    assert ANH not in repr(world.state)
    assert world.state.cards_left == {"reader"}


def test_cards_of_two_technologies_at_once_are_asked_to_be_one() -> None:
    world = World()
    world.send(SeveralCards("reader"))
    assert world.at(Phase.ATTRACT)
    assert world.told(Notice.TWO_CARDS)
    assert world.sounds == ["refused"]
    world.card(ANH)
    assert world.at(Phase.BORROW)
    world.tick(5)
    before = world.view
    world.send(SeveralCards("reader"))
    assert world.view == replace(before, notice=Notice.TWO_CARDS)


def test_a_card_on_the_reader_and_another_on_the_pad_are_two_and_one_visit() -> None:
    world = World()
    world.lay_card(BINH)
    world.put("READER")
    assert world.told(Notice.CARD_AGAIN)
    assert world.state.reader is not None
    assert world.state.reader.card == BINH


@pytest.mark.parametrize("mode", [PinMode.ALWAYS, PinMode.ACCOUNT])
def test_a_card_taken_away_while_the_pin_is_typed_changes_nothing(mode: PinMode) -> None:
    world = with_pin(mode)
    world.lay_card(ANH)
    if mode is PinMode.ACCOUNT:
        world.touch(Action.ACCOUNT)
    world.type_pin(PIN[:2])
    before = world.view
    world.take_card()
    assert world.view == before
    world.type_pin(PIN[2:])
    assert world.shows(AccountView if mode is PinMode.ACCOUNT else BorrowView)


# --- codes whose prefix says what they are ----------------------------------------------------------------------------


def test_a_readers_code_is_never_taken_for_an_item() -> None:
    world = World()
    world.scan(ANH, CodeKind.PATRON)
    assert world.at(Phase.BORROW)
    world.scan("B1", CodeKind.PATRON)
    assert world.told(Notice.CARD_AGAIN)
    assert not world.loans


def test_an_items_code_is_never_taken_for_a_card() -> None:
    world = World()
    world.scan("B1", CodeKind.ITEM)
    assert world.shows(OfferView)
    assert not any(isinstance(e, m.FindCard) for e in world.asked)
    world.card(ANH)
    world.scan("B2", CodeKind.ITEM)
    assert set(world.shown) == {"B1", "B2"}
    assert world.loans == {"B1": ANH, "B2": ANH}


def test_an_items_code_after_a_visit_begins_the_next() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    world.touch(Action.FINISH)
    world.lift("B1")
    world.scan("B2", CodeKind.ITEM)
    assert world.shows(OfferView)
    assert set(world.shown) == {"B2"}


@pytest.mark.parametrize("card", [None, ANH])
def test_where_items_are_taken_by_their_chips_a_barcode_is_answered_with_where_to_put_the_book(
    card: str | None,
) -> None:
    world = World(Setup(branch="TN", barcode_items=False))
    if card:
        world.card(card)
    before = world.view
    world.scan("B1", CodeKind.ITEM)
    assert world.view == replace(before, notice=Notice.USE_PAD)
    assert not world.loans


def test_an_items_code_on_a_page_about_a_reader_changes_nothing() -> None:
    world = with_pin(PinMode.ACCOUNT)
    world.card(ANH)
    world.touch(Action.ACCOUNT)
    before = world.view
    world.scan("B1", CodeKind.ITEM)
    assert world.view == before
