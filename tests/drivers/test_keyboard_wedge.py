"""Scanners that play a keyboard: keys and times into codes and typing, and nothing of either into the other."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.codes import CheckDigit, Code, CodeForm, CodeRules, Ignored, Noise
from drivers.devices import BarcodeScanned, CodeKind
from drivers.keyboard_wedge import PAUSE, Found, Typed, WedgeCollector
from drivers.simulators.scanner import keystrokes
from tests.drivers.conformance_scanners import CodesConformance, Scans

Key = tuple[str, float]


def found_in(keys: Iterable[Key], collector: WedgeCollector | None = None) -> list[Found]:
    """What comes out for keys at their times, and for the silence after them."""
    collector = collector or WedgeCollector()
    found, at = [], 0.0
    for key, at in keys:
        found += collector.press(key, at)
    return found + collector.settle(at + 2 * PAUSE)


def typed(text: str, at: float = 0.0, each: float = 0.12) -> list[Key]:
    """Keys as a person presses them."""
    return [(key, at + number * each) for number, key in enumerate(text)]


def text_of(found: list[Found]) -> str:
    return "".join(one.text for one in found if isinstance(one, Typed))


class Keyboard:
    """A wedge at a keyboard of its own, and what is told of its codes."""

    def __init__(self) -> None:
        self._collector = WedgeCollector()
        self._clock = 0.0
        self._told: list[BarcodeScanned] = []

    def scan(self, *codes: str) -> None:
        for code in codes:
            self._press(keystrokes(code, at=self._clock + 0.004))

    def break_off(self, code: str) -> None:
        self._press(keystrokes(code, at=self._clock + 0.004, line_end="")[: len(code) // 2])
        self._clock += 2 * PAUSE
        self._keep(self._collector.settle(self._clock))

    def disturb(self) -> None:
        self._press(keystrokes("éèàùñß", at=self._clock + 0.004))

    def last(self, code: str) -> list[BarcodeScanned]:
        assert self._told[-1].text == code
        return self._told

    def _press(self, keys: list[Key]) -> None:
        for key, at in keys:
            self._keep(self._collector.press(key, at))
            self._clock = at

    def _keep(self, found: list[Found]) -> None:
        assert text_of(found) == ""
        self._told += [BarcodeScanned("device", one.text, one.kind) for one in found if isinstance(one, Code)]


class TestWedge(CodesConformance):
    @pytest.fixture
    def scans(self) -> Scans:
        return Keyboard()


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n", "\t"])
def test_enter_goes_with_the_code(line_end: str) -> None:
    assert found_in(keystrokes("TN-000123", line_end=line_end)) == [Code("TN-000123")]


@pytest.mark.parametrize("each", [0.0, 0.001, 0.03])
def test_a_quick_and_a_slow_scanner_are_both_scanners(each: float) -> None:
    assert found_in(keystrokes("TN-000123", each=each)) == [Code("TN-000123")]


def test_keys_that_come_in_batches_a_frame_of_the_screen_at_a_time_are_one_scan() -> None:
    keys = [(key, 0.1 * (number // 6)) for number, (key, _) in enumerate(keystrokes("8935235212345"))]
    assert found_in(keys) == [Code("8935235212345")]


@pytest.mark.parametrize("each", [0.06, 0.1, 0.2, 1.0])
def test_slow_typing_is_no_scan_and_comes_out_whole_with_its_enter(each: float) -> None:
    found = found_in(typed("29876543210983\r", each=each))
    assert {type(one) for one in found} == {Typed}
    assert text_of(found) == "29876543210983\r"


def test_a_few_quick_keys_are_no_code() -> None:
    assert found_in(keystrokes("123")) == [Typed("123\r")]
    assert found_in(keystrokes("")) == [Typed("\r")]


def test_enter_alone_is_a_persons_but_for_the_one_right_after_a_scan() -> None:
    scan = keystrokes("TN-000123")
    assert found_in([*scan, ("\n", scan[-1][1] + 0.004)]) == [Code("TN-000123")]
    assert found_in([*scan, ("\r", scan[-1][1] + 1)]) == [Code("TN-000123"), Typed("\r")]


def test_a_scan_without_enter_broke_off_and_is_typed_nowhere() -> None:
    assert found_in(keystrokes("TN-000123", line_end="")) == [Ignored(Noise.BROKEN_OFF)]


def test_what_never_ends_is_given_up_and_the_next_code_is_whole() -> None:
    endless = keystrokes("1" * 3000)
    after = keystrokes("TN-000123", at=endless[-1][1] + 1)
    assert found_in([*endless, *after]) == [Ignored(Noise.TOO_LONG), Code("TN-000123")]


def test_a_person_who_types_into_a_scan_is_found_out_by_the_check_digit() -> None:
    collector = WedgeCollector(rules=CodeRules("2", "3", CheckDigit.MOD10))
    keys = keystrokes("29876543210983")
    assert found_in(keys, collector) == [Code("29876543210983", CodeKind.PATRON)]
    moved = [*keystrokes("29876543210983", at=1)]
    moved.insert(5, ("7", moved[5][1]))
    assert found_in(moved, collector) == [Ignored(Noise.CHECK_DIGIT)]


def test_a_prefix_of_the_scanner_is_removed() -> None:
    collector = WedgeCollector(CodeForm(prefixes=("]C1",)))
    assert found_in(keystrokes("TN-000123", prefix="]C1"), collector) == [Code("TN-000123")]


def test_held_keys_have_a_time_to_be_decided_by_and_none_when_nothing_is_held() -> None:
    collector = WedgeCollector()
    due = [collector.due]
    collector.press("7", 10.0)
    due.append(collector.due)
    assert collector.settle(10.0 + PAUSE) == []
    assert collector.settle(10.01 + PAUSE) == [Typed("7")]
    assert [*due, collector.due] == [None, 10.0 + PAUSE, None]


CODES = st.text("0123456789ABCDEF-", min_size=4, max_size=20)
#: Somebody types slowly, or something scans.
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.text("0123456789abc \r", min_size=1, max_size=12), st.floats(0.05, 1.0)),
        st.tuples(st.just("scan"), CODES, st.floats(0.0, 0.03)),
    ),
    max_size=8,
)


@given(ACTS, st.floats(1.01 * PAUSE, 5.0))
def test_typing_and_scans_in_any_order_are_told_apart_and_nothing_is_lost(
    acts: list[tuple[str, str, float]], pause: float
) -> None:
    keys: list[Key] = []
    for act, text, each in acts:
        at = keys[-1][1] + pause if keys else 0.0
        keys += typed(text, at, each) if act == "type" else keystrokes(text, at=at, each=each)
    found = found_in(keys)
    assert [one.text for one in found if isinstance(one, Code)] == [text for act, text, _ in acts if act == "scan"]
    assert text_of(found) == "".join(text for act, text, _ in acts if act == "type")
    assert not any(isinstance(one, Ignored) for one in found)


@given(st.lists(st.tuples(st.characters(), st.floats(0, 0.5)), max_size=60))
def test_any_keys_at_any_times_come_to_an_end_and_no_typed_key_is_changed(steps: list[Key]) -> None:
    keys, at = [], 0.0
    for key, wait in steps:
        at += wait
        keys.append((key, at))
    found = found_in(keys)
    pressed = iter(key for key, _ in keys)
    assert all(key in pressed for key in text_of(found))  # in order, with what was scanned left out
    if not any(isinstance(one, Code | Ignored) for one in found):
        assert text_of(found) == "".join(key for key, _ in keys)
