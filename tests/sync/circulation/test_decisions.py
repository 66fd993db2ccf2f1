"""May it happen? As a librarian would ask: one fact at a time, then all of them together."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.circulation.blocks import Code, Refused, block
from sync.circulation.calendar import Closure, ExtraDay, Holiday
from sync.circulation.decisions import (
    Checkin,
    Checkout,
    Copy,
    PutAside,
    Renewal,
    Standing,
    decide_checkin,
    decide_checkout,
)
from sync.circulation.model import ItemStatus, Patron, PatronBlock, PatronBlockKind, ServiceMode
from sync.circulation.policy import PolicyRow
from sync.circulation.rules import Rules
from tests.sync.circulation.plain import (
    COMMUNE,
    ITEM,
    LENT,
    NEIGHBOUR,
    PATRON,
    PLAIN,
    PROVINCE,
    TODAY,
    Case,
    codes,
    due_day,
    hold,
    loan,
)
from tests.sync.circulation.worlds import end_of, local

YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
FOR_YEARS = (Closure(date(2027, 1, 1), date(2030, 1, 1), "sửa chữa"),)
Spoil = Callable[[Case], Case]


def patron(**changes: object) -> Spoil:
    """Change the reader."""

    def spoil(case: Case) -> Case:
        assert case.patron is not None
        return case.but(patron=replace(case.patron, **changes))  # type: ignore[arg-type]

    return spoil


def stopped(kind: PatronBlockKind) -> Spoil:
    """Put one more stop on the card."""

    def spoil(case: Case) -> Case:
        assert case.patron is not None
        return case.but(patron=replace(case.patron, blocks=(*case.patron.blocks, PatronBlock(kind))))

    return spoil


def item(**changes: object) -> Spoil:
    """Change the copy."""
    return lambda case: case.but(item=replace(ITEM, **changes))  # type: ignore[arg-type]


def overdue(case: Case) -> Case:
    """Give the reader a loan that was due yesterday."""
    return case.but(loans=(*case.loans, loan("TN.8", due=YESTERDAY)))


def full(case: Case) -> Case:
    """Give the reader three loans in good order, which is the limit."""
    return case.but(loans=(*case.loans, *(loan(f"TN.{n}") for n in range(20, 23))))


# --- what refuses a checkout ------------------------------------------------------------------------------------------

#: Each cause alone, and the one code it must give. Causes of one group exclude each other.
CHECKOUT: dict[str, tuple[str, Spoil, Code]] = {
    "card expired": ("expiry", patron(expires=YESTERDAY), Code.CARD_EXPIRED),
    "card reported lost": ("lost", stopped(PatronBlockKind.LOST_CARD), Code.CARD_REPORTED_LOST),
    "stopped for debt": ("debt", stopped(PatronBlockKind.DEBT), Code.CARD_STOPPED_DEBT),
    "stopped by discipline": ("discipline", stopped(PatronBlockKind.DISCIPLINE), Code.CARD_STOPPED_DISCIPLINE),
    "stopped otherwise": ("other", stopped(PatronBlockKind.OTHER), Code.CARD_STOPPED),
    "at the limit": ("limit", full, Code.TOO_MANY_LOANS),
    "something overdue": ("overdue", overdue, Code.TOO_MANY_OVERDUE),
    "fees owed": ("owed", lambda c: c.but(owed=1), Code.FEES_OWED),
    "too young": ("age", patron(birth_date=date(2012, 3, 3)), Code.TOO_YOUNG),
    "age unknown": ("age", patron(birth_date=None), Code.AGE_UNKNOWN),
    "deposit too low": ("deposit", patron(deposit=49_999), Code.DEPOSIT_TOO_LOW),
    "lost": ("item", item(status=ItemStatus.LOST), Code.ITEM_LOST),
    "damaged": ("item", item(status=ItemStatus.DAMAGED), Code.ITEM_DAMAGED),
    "withdrawn": ("item", item(status=ItemStatus.WITHDRAWN), Code.ITEM_WITHDRAWN),
    "part missing": ("parts", lambda c: c.but(parts_seen=1), Code.PART_MISSING),
    "lent to another": ("loan", lambda c: c.but(on_loan=loan("TN.100", "R2")), Code.ON_LOAN_TO_ANOTHER),
    "lent to nobody known": ("loan", lambda c: c.but(on_loan=loan("TN.100", None)), Code.ON_LOAN_TO_ANOTHER),
    "held by another": ("hold", lambda c: c.but(holds=(hold(),)), Code.HELD_FOR_ANOTHER),
    "no open day": ("calendar", lambda c: c.but(closures=FOR_YEARS), Code.NO_OPEN_DAY),
    "period ended": ("calendar", lambda c: c.ruled(due_on=YESTERDAY), Code.PERIOD_ENDED),
    "for the reading room": ("use", lambda c: c.ruled(modes=frozenset({ServiceMode.ON_SITE})), Code.READING_ONLY),
    "not offered at all": ("use", lambda c: c.ruled(modes=frozenset()), Code.MODE_NOT_OFFERED),
}


def test_on_a_plain_day_the_item_may_be_taken_until_the_end_of_its_period() -> None:
    decided = PLAIN.checkout()
    assert isinstance(decided, Checkout)
    assert decided.due_at == datetime(2027, 3, 17, 16, 59, 59, tzinfo=UTC)
    assert decided.hold_id is None
    assert decided.notices == ()
    assert decided.policy == PLAIN.rules.policy(PROVINCE, "muon", "sach")


@pytest.mark.parametrize("cause", CHECKOUT)
def test_each_cause_alone_refuses_a_checkout_by_its_own_code(cause: str) -> None:
    _, spoil, code = CHECKOUT[cause]
    assert codes(spoil(PLAIN).checkout()) == {code}


def one_of_each_group(causes: dict[str, tuple[str, Spoil, Code]]) -> st.SearchStrategy[list[str]]:
    """Any combination of causes that can be at once, in any order."""
    return st.lists(st.sampled_from(sorted(causes)), unique_by=lambda cause: causes[cause][0])


@given(one_of_each_group(CHECKOUT))
def test_a_refused_checkout_names_exactly_the_causes_there_are(chosen: list[str]) -> None:
    case = PLAIN
    for cause in chosen:
        case = CHECKOUT[cause][1](case)
    decided = case.checkout()
    assert codes(decided) == {CHECKOUT[cause][2] for cause in chosen}
    if isinstance(decided, Refused):
        assert len(decided.blocks) == len(chosen)


# --- the card ---------------------------------------------------------------------------------------------------------


def test_a_card_is_good_on_the_day_it_expires_and_not_on_the_next() -> None:
    case = patron(expires=TODAY)(PLAIN)
    assert isinstance(case.checkout(), Checkout)
    assert isinstance(case.but(now=local(TODAY, time(23, 59, 59))).checkout(), Checkout)
    assert case.at(TOMORROW, 0).checkout() == Refused((block(Code.CARD_EXPIRED, date=TODAY),))


def test_a_stop_holds_on_its_last_day_and_not_on_the_next() -> None:
    case = patron(blocks=(PatronBlock(PatronBlockKind.DISCIPLINE, until=TODAY),))(PLAIN)
    assert codes(case.checkout()) == {Code.CARD_STOPPED_DISCIPLINE}
    assert isinstance(case.at(TOMORROW).checkout(), Checkout)


def test_two_stops_of_one_kind_are_said_once() -> None:
    twice, said = (PatronBlock(PatronBlockKind.DEBT), PatronBlock(PatronBlockKind.DEBT, TODAY)), Code.CARD_STOPPED_DEBT
    for asked in (patron(blocks=twice)(PLAIN).checkout(), patron(blocks=twice)(LENT).renew()):
        assert asked == Refused((block(said),))
    assert patron(blocks=twice)(PLAIN).renew() == Refused((block(Code.NOT_ON_LOAN), block(said)))


@pytest.mark.parametrize(("days_left", "told"), [(0, True), (1, True), (29, True), (30, False), (400, False)], ids=str)
def test_a_card_that_soon_expires_is_worth_a_word(days_left: int, told: bool) -> None:
    expires = TODAY + timedelta(days=days_left)
    notices = (block(Code.CARD_EXPIRES_SOON, date=expires),) if told else ()
    for decided in (patron(expires=expires)(PLAIN).checkout(), patron(expires=expires)(LENT).renew()):
        assert isinstance(decided, Checkout | Renewal)
        assert decided.notices == notices


def test_a_card_without_end_never_expires() -> None:
    decided = patron(expires=None)(PLAIN).checkout()
    assert isinstance(decided, Checkout)
    assert decided.notices == ()


# --- age and deposit --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        (date(2012, 3, 2), date(2027, 3, 1), 14),
        (date(2012, 3, 2), date(2027, 3, 2), 15),
        (date(2012, 3, 2), date(2028, 3, 1), 15),
        (date(2012, 2, 29), date(2027, 2, 28), 14),
        (date(2012, 2, 29), date(2027, 3, 1), 15),
        (date(2012, 2, 29), date(2028, 2, 28), 15),
        (date(2012, 2, 29), date(2028, 2, 29), 16),
        (date(2012, 12, 31), date(2027, 1, 1), 14),
        (date(2027, 3, 2), date(2027, 3, 2), 0),
    ],
)
def test_age_is_counted_in_whole_years_on_the_day(born: date, today: date, age: int) -> None:
    assert replace(PATRON, birth_date=born).age_on(today) == age


def test_the_age_limit_is_reached_on_the_birthday_by_the_librarys_own_day() -> None:
    case = patron(birth_date=date(2012, 3, 3))(PLAIN)
    before_midnight, midnight = local(date(2027, 3, 2), time(23, 59, 59)), local(date(2027, 3, 3), time(0))
    assert midnight.date() == date(2027, 3, 2), "midnight in the library is still yesterday in UTC"
    assert codes(case.but(now=before_midnight).checkout()) == {Code.TOO_YOUNG}
    assert isinstance(case.but(now=midnight).checkout(), Checkout)


@pytest.mark.parametrize("born", [None, TOMORROW, date(2027, 3, 2)], ids=["unknown", "not yet born", "born today"])
def test_where_no_age_is_asked_for_none_is_needed(born: date | None) -> None:
    assert isinstance(patron(birth_date=born)(PLAIN.ruled(min_age=0)).checkout(), Checkout)


def test_a_deposit_of_exactly_what_is_asked_is_enough() -> None:
    assert isinstance(patron(deposit=50_000)(PLAIN).checkout(), Checkout)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_reader_may_fill_the_last_place_and_no_more() -> None:
    two, three = (tuple(loan(f"TN.{n}") for n in range(many)) for many in (2, 3))
    assert isinstance(PLAIN.but(loans=two).checkout(), Checkout)
    assert PLAIN.but(loans=three).checkout() == Refused((block(Code.TOO_MANY_LOANS, limit=3),))


def test_a_limit_for_one_type_counts_that_type_alone() -> None:
    comics = PLAIN.but(rows=(PolicyRow(PROVINCE, item_type="truyen", max_loans=1),))
    a_comic = comics.but(item=replace(ITEM, type="truyen"))
    has_comic, has_book = (loan("TN.1", kind="truyen"),), (loan("TN.2"),)
    assert isinstance(a_comic.but(loans=has_book).checkout(), Checkout)
    assert a_comic.but(loans=has_comic).checkout() == Refused((block(Code.TOO_MANY_LOANS, limit=1),))
    assert isinstance(comics.but(loans=has_comic).checkout(), Checkout), "a book beside the comic is not limited by it"


def test_the_limit_over_all_types_holds_beside_a_wider_one_for_a_type() -> None:
    case = PLAIN.but(rows=(PolicyRow(PROVINCE, item_type="sach", max_loans=10),))
    assert isinstance(case.but(loans=(loan("TN.1"), loan("TN.2", kind="bao"))).checkout(), Checkout)
    assert case.but(loans=tuple(loan(f"TN.{n}") for n in range(3))).checkout() == Refused(
        (block(Code.TOO_MANY_LOANS, limit=3),)
    )


def test_a_loan_due_today_is_not_overdue() -> None:
    due_today = (loan("TN.8", due=TODAY),)
    assert isinstance(PLAIN.but(loans=due_today).checkout(), Checkout)
    assert isinstance(PLAIN.but(loans=due_today, now=local(TODAY, time(23, 59, 59))).checkout(), Checkout)
    assert codes(PLAIN.but(loans=due_today).at(TOMORROW, 0).checkout()) == {Code.TOO_MANY_OVERDUE}


def test_as_many_overdue_items_and_as_much_debt_as_the_policy_bears_are_borne() -> None:
    patient = PLAIN.ruled(max_overdue=1, max_owed=5000)
    late = (loan("TN.8", due=YESTERDAY), loan("TN.9", due=YESTERDAY))
    assert isinstance(patient.but(loans=late[:1], owed=5000).checkout(), Checkout)
    assert patient.but(loans=late, owed=5001).checkout() == Refused(
        (block(Code.TOO_MANY_OVERDUE, count=2), block(Code.FEES_OWED, amount=5001))
    )


# --- the copy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [None, 2, 3])
def test_a_set_leaves_when_all_its_parts_are_seen_or_nobody_counted(seen: int | None) -> None:
    assert isinstance(PLAIN.but(parts_seen=seen).checkout(), Checkout)


def test_an_item_on_its_way_between_branches_may_be_lent() -> None:
    assert isinstance(item(status=ItemStatus.IN_TRANSIT)(PLAIN).checkout(), Checkout)


@pytest.mark.parametrize(
    ("number", "branch", "expected"),
    [
        ("BK0815", PROVINCE, block(Code.OTHER_LIBRARY, library="Thư viện tỉnh Bắc Kạn")),
        ("TN.PB1", PROVINCE, block(Code.OTHER_LIBRARY, library="Thư viện Phú Bình")),
        ("TN.PB1", COMMUNE, block(Code.UNKNOWN_ITEM)),
        ("TN.9", COMMUNE, block(Code.OTHER_LIBRARY, library="Thư viện tỉnh Thái Nguyên")),
        ("8934974000000", PROVINCE, block(Code.UNKNOWN_ITEM)),
    ],
)
def test_an_item_that_no_catalogue_knows_is_named_as_another_librarys_where_its_number_says_so(
    number: str, branch: str, expected: object
) -> None:
    decided = PLAIN.but(item=None, number=number, branch=branch).checkout()
    assert isinstance(decided, Refused)
    assert decided.blocks == (expected,)


def test_a_reader_who_puts_an_item_of_their_own_on_the_pad_is_told_so() -> None:
    assert LENT.checkout() == Refused((block(Code.ALREADY_YOURS, date=date(2027, 3, 8)),))


def test_an_item_of_their_own_does_not_count_against_a_reader_at_the_limit() -> None:
    two_more = (loan("TN.1"), loan("TN.2"))
    assert codes(LENT.but(loans=two_more).checkout()) == {Code.ALREADY_YOURS}
    of_a_type = LENT.but(rows=(PolicyRow(PROVINCE, item_type="sach", max_loans=1),))
    assert codes(of_a_type.checkout()) == {Code.ALREADY_YOURS}


def test_another_readers_due_date_is_nobodys_business() -> None:
    decided = PLAIN.but(on_loan=loan("TN.100", "R2")).checkout()
    assert isinstance(decided, Refused)
    assert decided.blocks[0].values == ()
    renewal = PLAIN.but(on_loan=loan("TN.100", "R2", due=YESTERDAY)).renew()
    assert isinstance(renewal, Refused)
    assert [b.values for b in renewal.blocks] == [()]


# --- holds ------------------------------------------------------------------------------------------------------------

ME, FIRST, LATER = hold("R1"), hold("R2", placed=date(2027, 1, 5)), hold("R3", placed=date(2027, 2, 20))
MY_COPY, FIRST_COPY, LATER_COPY = (replace(h, item_id="TN.100") for h in (ME, FIRST, LATER))
READY_FOR_ME, READY_FOR_FIRST, READY_FOR_LATER = (
    replace(h, ready_until=TODAY) for h in (MY_COPY, FIRST_COPY, LATER_COPY)
)
LAPSED = replace(FIRST_COPY, ready_until=YESTERDAY)

HOLDS = [
    # holds, oldest first; other copies on the shelf; may I have it?
    ((), 0, True),
    ((ME,), 0, True),
    ((MY_COPY,), 0, True),
    ((FIRST,), 0, False),
    ((FIRST,), 1, True),
    ((FIRST, LATER), 1, False),
    ((FIRST, LATER), 2, True),
    ((FIRST_COPY,), 0, False),
    ((FIRST_COPY,), 9, False),
    ((FIRST, ME), 0, False),
    ((FIRST, ME), 1, True),
    ((ME, LATER), 0, True),
    ((FIRST, ME, LATER), 1, True),
    ((FIRST_COPY, ME), 9, False),
    ((FIRST_COPY, MY_COPY), 9, False),
    ((MY_COPY, LATER_COPY), 0, True),
    ((ME, LATER_COPY), 0, True),
    ((READY_FOR_FIRST, ME), 9, False),
    ((ME, READY_FOR_LATER), 9, False),
    ((FIRST, READY_FOR_ME), 0, True),
    ((FIRST_COPY, READY_FOR_ME), 0, True),
    ((READY_FOR_ME, LATER_COPY), 0, True),
    ((replace(FIRST, ready_until=TODAY),), 1, True),  # ready, but of no copy in particular: one in the queue
    ((ME, replace(LATER, ready_until=TODAY)), 0, True),
    ((LAPSED,), 0, True),
    ((LAPSED, ME), 0, True),
    ((LAPSED, LATER), 0, False),
]


@pytest.mark.parametrize(("holds", "others", "mine"), HOLDS)
def test_whose_turn_it_is_follows_from_the_holds(holds: tuple[object, ...], others: int, mine: bool) -> None:
    assert codes(PLAIN.but(holds=holds, other_copies=others).checkout()) == (set() if mine else {Code.HELD_FOR_ANOTHER})
    assert codes(LENT.but(holds=holds, other_copies=others).renew()) == (set() if mine else {Code.HELD_FOR_ANOTHER})


def test_two_readers_who_wait_for_one_copy_do_not_lock_each_other_out() -> None:
    queue = (FIRST_COPY, replace(LATER_COPY, patron_id="R1"))
    first = PLAIN.but(card="R2", patron=replace(PATRON, patron_id="R2"), holds=queue)
    assert isinstance(first.checkout(), Checkout)
    assert codes(PLAIN.but(holds=queue).checkout()) == {Code.HELD_FOR_ANOTHER}


def test_a_checkout_fulfils_the_readers_own_hold() -> None:
    decided = PLAIN.but(holds=(ME, LATER)).checkout()
    assert isinstance(decided, Checkout)
    assert decided.hold_id == "h-R1"


# --- how it may be used -----------------------------------------------------------------------------------------------

ON_SITE_ONLY = frozenset({ServiceMode.ON_SITE})


@pytest.mark.parametrize(
    ("row", "mode", "code"),
    [
        (PolicyRow(PROVINCE, "muon", modes=ON_SITE_ONLY), ServiceMode.TAKE_HOME, Code.READING_CARD),
        (PolicyRow(PROVINCE, item_type="sach", modes=ON_SITE_ONLY), ServiceMode.TAKE_HOME, Code.READING_ONLY),
        (PolicyRow(PROVINCE, "muon", "sach", modes=ON_SITE_ONLY), ServiceMode.TAKE_HOME, Code.READING_ONLY),
        (PolicyRow(PROVINCE, "muon", modes=ON_SITE_ONLY), ServiceMode.MOBILE, Code.MODE_NOT_OFFERED),
        (
            PolicyRow(PROVINCE, "muon", modes=frozenset({ServiceMode.MOBILE})),
            ServiceMode.TAKE_HOME,
            Code.MODE_NOT_OFFERED,
        ),
        (PolicyRow(PROVINCE, "doc", modes=ON_SITE_ONLY), ServiceMode.TAKE_HOME, None),
    ],
)
def test_a_mode_that_is_not_offered_is_refused_in_words_that_fit(
    row: PolicyRow, mode: ServiceMode, code: Code | None
) -> None:
    assert codes(PLAIN.but(rows=(row,), mode=mode).checkout()) == ({code} if code else set())


def test_reading_on_site_is_no_loan_and_asking_for_one_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="reading on site"):
        PLAIN.but(mode=ServiceMode.ON_SITE).checkout()


# --- cards that nobody knows ------------------------------------------------------------------------------------------

STRANGER = PLAIN.but(patron=None, card="X1")
LENDS_TO_STRANGERS = PolicyRow(PROVINCE, "unknown", max_loans=2, min_age=0, min_deposit=0)


def test_a_card_that_nobody_knows_borrows_nothing_unless_the_branch_says_so() -> None:
    assert STRANGER.checkout() == Refused((block(Code.UNKNOWN_CARD),))
    welcome = STRANGER.but(rows=(LENDS_TO_STRANGERS,))
    assert isinstance(welcome.checkout(), Checkout)
    two = (loan("TN.1", "X1"), loan("TN.2", "X1"))
    assert welcome.but(loans=two).checkout() == Refused((block(Code.TOO_MANY_LOANS, limit=2),))


@pytest.mark.parametrize(
    "general",
    [
        PolicyRow(PROVINCE, item_type="sach", max_loans=5),
        PolicyRow(COMMUNE, max_loans=5),
        PolicyRow(COMMUNE, item_type="sach", max_loans=5),
    ],
)
def test_a_limit_set_for_readers_in_general_does_not_open_the_library_to_strangers(general: PolicyRow) -> None:
    assert codes(STRANGER.but(rows=(general,), branch=COMMUNE).checkout()) == {Code.UNKNOWN_CARD}


def test_a_limit_for_one_type_does_not_lend_to_strangers_without_a_limit_over_all() -> None:
    only_books = PolicyRow(PROVINCE, "unknown", "sach", max_loans=2, min_age=0, min_deposit=0)
    assert codes(STRANGER.but(rows=(only_books,)).checkout()) == {Code.UNKNOWN_CARD}


def test_a_strangers_limit_for_one_type_holds() -> None:
    case = STRANGER.but(rows=(LENDS_TO_STRANGERS, PolicyRow(PROVINCE, "unknown", "sach", max_loans=1)))
    assert isinstance(case.checkout(), Checkout)
    assert case.but(loans=(loan("TN.1", "X1"),)).checkout() == Refused((block(Code.TOO_MANY_LOANS, limit=1),))
    no_books = STRANGER.but(rows=(LENDS_TO_STRANGERS, PolicyRow(PROVINCE, "unknown", "sach", max_loans=0)))
    assert codes(no_books.checkout()) == {Code.TOO_MANY_LOANS}


def test_a_strangers_age_is_unknown_and_there_is_no_deposit() -> None:
    trusting = STRANGER.but(rows=(PolicyRow(PROVINCE, "unknown", max_loans=2),))
    assert trusting.checkout() == Refused((block(Code.AGE_UNKNOWN, age=15), block(Code.DEPOSIT_TOO_LOW, amount=50_000)))


def test_a_stranger_renews_by_the_same_rules() -> None:
    lent = STRANGER.but(on_loan=loan("TN.100", "X1"))
    assert codes(lent.renew()) == {Code.UNKNOWN_CARD}
    assert isinstance(lent.but(rows=(LENDS_TO_STRANGERS,)).renew(), Renewal)


# --- due days ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "due"),
    [
        (PLAIN, date(2027, 3, 17)),
        (PLAIN.ruled(period_days=1), TOMORROW),
        (PLAIN.ruled(period_days=4), date(2027, 3, 8)),  # Saturday to Monday
        (PLAIN.ruled(period_days=5), date(2027, 3, 8)),
        (PLAIN.ruled(period_days=4).but(extra_days=(ExtraDay(date(2027, 3, 6)),)), date(2027, 3, 6)),
        (PLAIN.but(holidays=(Holiday(date(2027, 3, 17), "nghỉ"),)), date(2027, 3, 18)),
        (PLAIN.but(closures=(Closure(date(2027, 3, 10), date(2027, 4, 2)),)), date(2027, 4, 5)),
        (PLAIN.ruled(due_on=date(2027, 3, 10)), date(2027, 3, 10)),
        (PLAIN.ruled(due_on=date(2027, 5, 31)), date(2027, 3, 17)),
        (PLAIN.ruled(due_on=TODAY), TODAY),
        (PLAIN.but(now=local(TODAY, time(0, 30))), date(2027, 3, 17)),  # still the day before in UTC
    ],
)
def test_an_item_is_due_on_the_first_open_day_that_its_period_allows(case: Case, due: date) -> None:
    decided = case.checkout()
    assert isinstance(decided, Checkout)
    assert decided.due_at == end_of(due)


def test_the_rules_of_the_branch_where_it_happens_apply_not_those_of_the_items_home() -> None:
    case = PLAIN.but(rows=(PolicyRow(COMMUNE, period_days=7),))
    assert due_day(case.checkout()) == date(2027, 3, 17)
    assert due_day(case.but(branch=COMMUNE).checkout()) == date(2027, 3, 9)


def test_a_branch_that_the_tree_does_not_know_lends_nothing_because_it_has_no_open_day() -> None:
    assert Code.NO_OPEN_DAY in codes(PLAIN.but(branch="??").checkout())


# --- renewing ---------------------------------------------------------------------------------------------------------

RENEW: dict[str, tuple[str, Spoil, Code]] = {
    **{
        cause: CHECKOUT[cause]
        for cause in (
            "card expired",
            "card reported lost",
            "stopped for debt",
            "stopped by discipline",
            "stopped otherwise",
            "something overdue",
            "fees owed",
            "held by another",
            "no open day",
            "period ended",
        )
    },
    "renewed often enough": (
        "renewals",
        lambda c: c.but(on_loan=replace(c.on_loan or loan("TN.100"), renewals=1)),
        Code.NO_RENEWALS_LEFT,
    ),
    "itself overdue": (
        "itself",
        lambda c: c.but(on_loan=replace(c.on_loan or loan("TN.100"), due_at=end_of(YESTERDAY))),
        Code.LOAN_OVERDUE,
    ),
    "nothing gained": ("calendar", lambda c: c.ruled(due_on=TODAY), Code.NOTHING_GAINED),
}


@pytest.mark.parametrize("cause", RENEW)
def test_each_cause_alone_refuses_a_renewal_by_its_own_code(cause: str) -> None:
    _, spoil, code = RENEW[cause]
    assert codes(spoil(LENT).renew()) == {code}


@given(one_of_each_group(RENEW))
def test_a_refused_renewal_names_exactly_the_causes_there_are(chosen: list[str]) -> None:
    case = LENT
    for cause in chosen:
        case = RENEW[cause][1](case)
    expected = {RENEW[cause][2] for cause in chosen}
    if {"itself overdue", "nothing gained"} <= set(chosen):
        expected.discard(Code.NOTHING_GAINED)  # until today is more than until yesterday
    assert codes(case.renew()) == expected


@pytest.mark.parametrize(
    ("case", "due"),
    [
        (LENT, date(2027, 3, 23)),  # fifteen days after Monday the 8th
        (LENT.ruled(renewal_days=7), date(2027, 3, 15)),
        (LENT.ruled(renewal_days=5), date(2027, 3, 15)),  # Saturday to Monday
        (LENT.ruled(renew_overdue=True).at(date(2027, 3, 10)), date(2027, 3, 25)),  # from today, not from the 8th
        (LENT.at(date(2027, 3, 8), 23), date(2027, 3, 23)),  # the due day is not too late
        (LENT.ruled(due_on=date(2027, 3, 10)), date(2027, 3, 10)),
    ],
)
def test_a_renewal_counts_from_the_old_due_day_or_from_today_when_that_has_passed(case: Case, due: date) -> None:
    assert due_day(case.renew()) == due


def test_a_loan_that_already_runs_to_the_last_day_gains_nothing_and_the_period_has_not_ended() -> None:
    # The fixed last day was a Saturday, so the loan is due on the Monday after it.
    case = LENT.ruled(due_on=date(2027, 3, 6))
    assert case.renew() == Refused((block(Code.NOTHING_GAINED, date=date(2027, 3, 8)),))


def test_renewals_are_counted_against_the_policy() -> None:
    twice = LENT.ruled(renewals=2)
    assert isinstance(twice.but(on_loan=loan("TN.100", renewals=1)).renew(), Renewal)
    spent = twice.but(on_loan=loan("TN.100", renewals=2)).renew()
    assert spent == Refused((block(Code.NO_RENEWALS_LEFT, limit=2, date=date(2027, 3, 8)),))
    assert codes(LENT.ruled(renewals=0).renew()) == {Code.NO_RENEWALS_LEFT}


def test_a_loan_overdue_itself_is_not_among_the_overdue_items_that_stop_its_renewal() -> None:
    case = LENT.but(on_loan=loan("TN.100", due=YESTERDAY))
    assert codes(case.renew()) == {Code.LOAN_OVERDUE}
    assert isinstance(case.ruled(renew_overdue=True).renew(), Renewal)


def test_the_limit_of_loans_does_not_hinder_a_renewal() -> None:
    assert isinstance(full(LENT).renew(), Renewal)


def test_what_is_not_on_loan_or_not_the_readers_cannot_be_renewed_and_the_card_is_spoken_of_too() -> None:
    assert PLAIN.renew() == Refused((block(Code.NOT_ON_LOAN),))
    for owner in ("R2", None):
        assert PLAIN.but(on_loan=loan("TN.100", owner)).renew() == Refused((block(Code.LOAN_OF_ANOTHER),))
    expired = patron(expires=YESTERDAY)
    assert codes(expired(PLAIN).renew()) == {Code.NOT_ON_LOAN, Code.CARD_EXPIRED}
    assert codes(expired(PLAIN.but(on_loan=loan("TN.100", "R2"))).renew()) == {Code.LOAN_OF_ANOTHER, Code.CARD_EXPIRED}


def test_an_item_that_the_catalogue_does_not_know_may_be_renewed_by_its_loan() -> None:
    case = LENT.but(item=None, rows=(PolicyRow(PROVINCE, item_type="bao", renewal_days=1),))
    assert due_day(case.renew()) == date(2027, 3, 23)
    assert due_day(case.but(on_loan=loan("TN.100", kind="bao")).renew()) == date(2027, 3, 9)


# --- taking back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "late", "fee"),
    [
        (date(2027, 3, 8), 0, 0),
        (date(2027, 3, 9), 1, 0),
        (date(2027, 3, 10), 2, 0),
        (date(2027, 3, 11), 3, 1000),
        (date(2027, 3, 12), 4, 2000),
        (date(2027, 3, 14), 4, 2000),  # Saturday and Sunday are free
        (date(2027, 3, 15), 5, 3000),
        (date(2027, 4, 5), 20, 18_000),
        (date(2027, 4, 7), 22, 20_000),
        (date(2027, 4, 8), 23, 20_000),  # no more than the cap
        (date(2027, 3, 1), 0, 0),
    ],
)
def test_a_late_return_costs_its_open_days_after_the_grace_up_to_the_cap(day: date, late: int, fee: int) -> None:
    decided = LENT.at(day, 16).checkin()
    assert decided.closes == LENT.on_loan
    assert (decided.late_days, decided.fee) == (late, fee)
    expected = [block(Code.RETURNED_LATE, days=late)] if late else []
    expected += [block(Code.FEE_CHARGED, amount=fee)] if fee else []
    assert list(decided.notices) == expected
    assert decided.put_aside is None


def test_days_on_which_the_library_was_shut_are_not_late_days() -> None:
    case = LENT.but(closures=(Closure(date(2027, 3, 9), date(2027, 3, 12)),)).ruled(grace_days=0)
    assert case.at(date(2027, 3, 15)).checkin().late_days == 1


def test_a_due_day_that_was_shut_afterwards_counts_as_the_next_open_day() -> None:
    # Closed from the due day to the 12th at short notice: nobody could have brought the item before Monday the 15th.
    case = LENT.but(closures=(Closure(date(2027, 3, 8), date(2027, 3, 12)),)).ruled(grace_days=0)
    assert case.at(date(2027, 3, 15)).checkin().late_days == 0
    assert case.at(date(2027, 3, 16)).checkin().late_days == 1


def test_a_loan_that_is_due_at_an_odd_hour_is_late_from_the_next_of_the_librarys_days() -> None:
    # Half past midnight in the library is still the day before in UTC.
    odd = LENT.but(on_loan=replace(loan("TN.100"), due_at=local(date(2027, 3, 9), time(0, 30))))
    assert odd.at(date(2027, 3, 9)).checkin().late_days == 0
    assert odd.at(date(2027, 3, 10)).checkin().late_days == 1


def test_late_days_and_fee_follow_the_branch_that_lent_and_the_borrowers_category() -> None:
    rows = (PolicyRow(COMMUNE, fee_per_day=5000), PolicyRow(PROVINCE, "thieu-nhi", fee_per_day=100))
    case = LENT.but(rows=rows).at(date(2027, 3, 11))
    assert case.checkin().fee == 1000
    assert case.but(branch=COMMUNE).checkin().fee == 1000, "taken back elsewhere"
    assert case.but(on_loan=replace(loan("TN.100"), branch=COMMUNE)).checkin().fee == 5000
    assert patron(category="thieu-nhi")(case).checkin().fee == 100
    by_type = case.but(rows=(PolicyRow(PROVINCE, item_type="bao", fee_per_day=7),))
    assert by_type.but(on_loan=loan("TN.100", kind="bao")).checkin().fee == 7


def test_a_loan_cut_from_its_reader_costs_nobody_anything() -> None:
    decided = LENT.but(on_loan=loan("TN.100", None), patron=None).at(date(2027, 3, 19)).checkin()
    assert (decided.late_days, decided.fee) == (9, 0)
    assert [n.code for n in decided.notices] == [Code.RETURNED_LATE]


def test_a_stranger_pays_by_the_policy_for_cards_that_nobody_knows() -> None:
    rows = (PolicyRow(PROVINCE, "unknown", max_loans=1, fee_per_day=200),)
    case = LENT.but(patron=None, card="X1", on_loan=loan("TN.100", "X1"), rows=rows)
    assert case.at(date(2027, 3, 12)).checkin().fee == 400


OTHERS = PLAIN.but(item=replace(ITEM, branch=NEIGHBOUR))
BELONGS = block(Code.PUT_ASIDE_OTHER_LIBRARY, library="Thư viện tỉnh Bắc Kạn")
NOT_LENT = block(Code.WAS_NOT_ON_LOAN)


@pytest.mark.parametrize(
    ("case", "put_aside", "notices"),
    [
        (PLAIN, None, [NOT_LENT]),
        (OTHERS, PutAside.OTHER_LIBRARY, [BELONGS, NOT_LENT]),
        (
            OTHERS.but(item=replace(ITEM, branch="??")),
            PutAside.OTHER_LIBRARY,
            [block(Code.PUT_ASIDE_OTHER_LIBRARY, library="??"), NOT_LENT],
        ),
        (PLAIN.but(item=None, number="TN.5"), PutAside.STAFF, [block(Code.PUT_ASIDE_UNKNOWN)]),
        (PLAIN.but(item=None, number="BK5"), PutAside.OTHER_LIBRARY, [BELONGS]),
        (PLAIN.but(item=None, number="BK5", branch=NEIGHBOUR), PutAside.STAFF, [block(Code.PUT_ASIDE_UNKNOWN)]),
        (LENT.but(holds=(FIRST,)), PutAside.HOLD, [block(Code.PUT_ASIDE_HOLD)]),
        (LENT.but(holds=(FIRST_COPY,)), PutAside.HOLD, [block(Code.PUT_ASIDE_HOLD)]),
        (LENT.but(holds=(replace(FIRST, item_id="TN.101"),)), None, []),
        (LENT.but(holds=(LAPSED,)), None, []),
        (OTHERS.but(holds=(FIRST,)), PutAside.HOLD, [block(Code.PUT_ASIDE_HOLD), BELONGS, NOT_LENT]),
        (LENT.but(parts_seen=1), PutAside.STAFF, [block(Code.PART_MISSING, parts=2, seen=1)]),
        (LENT.but(parts_seen=2), None, []),
        (item(status=ItemStatus.LOST)(LENT), PutAside.STAFF, [block(Code.WAS_MARKED_LOST)]),
        (item(status=ItemStatus.DAMAGED)(LENT), PutAside.STAFF, [block(Code.ITEM_DAMAGED)]),
        (item(status=ItemStatus.WITHDRAWN)(LENT), PutAside.STAFF, [block(Code.ITEM_WITHDRAWN)]),
        (item(status=ItemStatus.IN_TRANSIT)(LENT), None, []),
        (
            item(status=ItemStatus.LOST)(LENT).but(holds=(FIRST,)),
            PutAside.STAFF,
            [block(Code.WAS_MARKED_LOST), block(Code.PUT_ASIDE_HOLD)],
        ),
    ],
)
def test_what_does_not_go_back_on_the_shelf_is_put_aside_and_said(
    case: Case, put_aside: PutAside | None, notices: list[object]
) -> None:
    decided = case.checkin()
    assert decided.put_aside is put_aside
    assert list(decided.notices) == notices


# --- what does not matter ---------------------------------------------------------------------------------------------


def test_the_zone_in_which_now_is_written_changes_nothing() -> None:
    for hours in (-11, 0, 7, 13):
        elsewhere = PLAIN.now.astimezone(timezone(timedelta(hours=hours)))
        assert PLAIN.but(now=elsewhere).checkout() == PLAIN.checkout()
        late = date(2027, 3, 12)
        assert (
            LENT.but(now=local(late).astimezone(timezone(timedelta(hours=hours)))).checkin() == LENT.at(late).checkin()
        )


def test_without_any_rules_nothing_is_lent_and_everything_taken_back() -> None:
    standing, copy = Standing("R1", Patron("R1", "Trần Văn Đức", "muon", "TN")), Copy("TN.100", ITEM)
    assert codes(decide_checkout(standing, copy, "TN", ServiceMode.TAKE_HOME, Rules(), PLAIN.now)) == {Code.NO_OPEN_DAY}
    assert isinstance(decide_checkin(copy, None, "TN", Rules(), PLAIN.now), Checkin)
