"""Amounts and days as lists write them."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.intake.cells import Cell, Span, parse_day, parse_dong


@pytest.mark.parametrize(
    ("cell", "dong"),
    [
        ("50.000", 50_000), ("50,000 ₫", 50_000), ("50 000đ", 50_000), ("50000", 50_000), ("50000.00", 50_000),
        ("50.000,00 đồng", 50_000), ("1.234.567", 1_234_567), ("1,234,567.89 VNĐ", 1_234_567), ("VND 20.000", 20_000),
        (50_000, 50_000), (50_000.0, 50_000), ("0", 0), ("12,5", 12), (" 95000 ", 95_000),
    ],
)  # fmt: skip
def test_an_amount_is_read_however_its_thousands_are_set_apart(cell: Cell, dong: int) -> None:
    assert parse_dong(cell) == dong


@pytest.mark.parametrize(
    "cell", ["$12.50", "20 USD", "miễn phí", "-5000", "1.2.3", "50.00.000", "50,000.000", "", None, True, -1, 10**10]
)
def test_what_is_no_amount_of_dong_is_none(cell: Cell) -> None:
    assert parse_dong(cell) is None


MARCH = date(1990, 3, 5)


@pytest.mark.parametrize(
    "cell",
    [
        "05/03/1990", "5/3/1990", "05-03-1990", "05.03.1990", "5 / 3 / 1990", "1990-03-05", "1990/03/05",
        "1990-03-05 00:00:00", "1990-03-05T00:00:00Z", "05/03/1990 00:00", MARCH, datetime(1990, 3, 5, tzinfo=UTC),
        32937, 32937.5,
    ],
)  # fmt: skip
def test_a_day_is_read_day_before_month_or_as_iso_or_as_a_spreadsheet_counts(cell: Cell) -> None:
    assert parse_day(cell) == Span(MARCH, MARCH)


@pytest.mark.parametrize("cell", ["1990", 1990, 1990.0, "00/00/1990"])
def test_a_year_is_all_of_its_days(cell: Cell) -> None:
    assert parse_day(cell) == Span(date(1990, 1, 1), date(1990, 12, 31))


@pytest.mark.parametrize("cell", ["02/1992", "00/02/1992"])
def test_a_month_is_all_of_its_days(cell: Cell) -> None:
    assert parse_day(cell) == Span(date(1992, 2, 1), date(1992, 2, 29))


@pytest.mark.parametrize(
    "cell",
    ["05/03/90", "12/31/2026", "30/02/2026", "31/04/2026", "hôm qua", "5/0/1990", "", None, True, 5, -3.5, 10**9],
)
def test_what_is_no_day_or_more_than_one_is_none(cell: Cell) -> None:
    assert parse_day(cell) is None


@given(st.dates(date(1900, 3, 1), date(2200, 12, 31)))
def test_every_day_is_read_back(day: date) -> None:
    for written in (f"{day:%d/%m/}{day.year}", f"{day.day}/{day.month}/{day.year}", day.isoformat()):
        assert parse_day(written) == Span(day, day)


@given(st.one_of(st.text(max_size=30), st.floats(allow_nan=True), st.integers()))
def test_nothing_raises(cell: Cell) -> None:
    parse_day(cell)
    parse_dong(cell)
