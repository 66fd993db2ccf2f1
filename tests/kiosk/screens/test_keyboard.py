"""The on-screen keyboard: keys large enough, no gap between them, each says what it means, and only what changed is
drawn again."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from config.phrase import Phrase
from kiosk import i18n
from kiosk.screens import words
from kiosk.screens.keycaps import Cap, rows
from kiosk.screens.samples import VIEWS
from kiosk.screens.surface import kivy_is_installed
from kiosk.screens.theme import PROFILES, contrast, millimetres, profile, theme
from kiosk.typing.composition import Method
from kiosk.typing.line import Line, Shift, Stroke, begin, place, press
from kiosk.typing.syllables import SAC, TONES
from kiosk.views import Action, TimeoutView, Touch, TypingView, View

if not kivy_is_installed():
    pytest.skip("The screens need Kivy: pip install 'tramsach[kiosk]'.", allow_module_level=True)

from kivy.clock import Clock

from tests.kiosk.screens.fingers import Finger, below, middle, on_glass

LETTERS = (Method.TELEX, Method.VNI, Method.PLAIN)
#: Sizes that fit the window of the tests, with the profile they are drawn in.
GLASSES = {"landscape": (1920, 1080), "small": (1024, 600), "portrait": (606, 1078)}
#: The lower edge of an upright screen above the floor, and the highest part to be reached over an obstruction (EN 301
#: 549, 8.3), in millimetres.
FOOT_MM, REACH_MM = 760, 1120


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    before = i18n.language()
    i18n.speak("vi")
    yield
    i18n.speak(before)


def asking(line: Line, **more: Any) -> View:
    """A view that asks for this line."""
    return View(TypingView(Phrase("Tên", "Name"), line, **more))


class Glass:
    """A keyboard on the glass, with a flow behind it that does nothing but type."""

    def __init__(self, shape: str, line: Line) -> None:
        from kiosk.screens.root import KioskRoot  # noqa: PLC0415 (Kivy is prepared by the fingers)

        self.told: list[Touch] = []
        self.kiosk = KioskRoot(self.take, size=GLASSES[shape], size_hint=(None, None), still=True, shape=shape)
        self.show(line)

    @property
    def ids(self) -> Any:
        """The parts of the page by their names."""
        assert self.kiosk.page is not None
        return self.kiosk.page.ids

    def show(self, line: Line) -> None:
        """Ask for this line from now on."""
        self.line = line
        self.kiosk.show(asking(line))

    def take(self, touch: Touch) -> None:
        """What a flow does with a touch."""
        self.told.append(touch)
        if touch.action is Action.TYPE:
            self.show(press(self.line, touch.argument))
        if touch.action is Action.CARET:
            self.show(place(self.line, int(touch.argument)))

    @property
    def keys(self) -> list[Any]:
        """The keys of the keyboard."""
        return list(self.ids.keyboard.children)

    def key(self, stroke: str) -> Any:
        """The key that means this."""
        return next(key for key in self.keys if key.touch == Touch(Action.TYPE, stroke))

    def type(self, strokes: str) -> None:
        """Touch the keys of these characters one after the other."""
        for stroke in strokes:
            Finger().tap(self.key(stroke))


@pytest.fixture(params=GLASSES)
def glass(request: pytest.FixtureRequest) -> Iterator[Glass]:
    made = Glass(request.param, begin())
    with on_glass(made.kiosk):
        yield made


@pytest.fixture
def wide() -> Iterator[Glass]:
    made = Glass("landscape", begin())
    with on_glass(made.kiosk):
        yield made


def laid(shape: str, line: Line, *, low: bool = False) -> Any:
    """The page at the true size of a profile."""
    from kiosk.screens.root import KioskRoot  # noqa: PLC0415 (Kivy is prepared by the fingers)

    told = profile(shape)
    kiosk = KioskRoot(size=(told.width, told.height), size_hint=(None, None), still=True)
    kiosk.show(dataclasses.replace(asking(line), reachable=low))
    return kiosk.page


def boards() -> Iterator[Line]:
    """Every keyboard there is."""
    for method, signs, shift in itertools.product(LETTERS, (False, True), (Shift.OFF, Shift.LOCKED)):
        yield Line(method, signs=signs, shift=shift)
    yield Line(Method.DIGITS)


# --- fingers ----------------------------------------------------------------------------------------------------------


def test_fingers_type_vietnamese_by_telex(glass: Glass) -> None:
    glass.type("dduwowngf xuwa")
    assert glass.line.text == "đường xưa"
    assert glass.ids.field.text.typing.text == "đường xưa"


def test_who_knows_no_telex_finds_every_mark_as_a_key(glass: Glass) -> None:
    if glass.kiosk.shape == "small":
        glass.type("ti")
        for stroke in ("ê", SAC):
            Finger().tap(glass.key(Stroke.SIGNS))
            glass.type(stroke)
        assert glass.line.text == "tiế"
    else:
        glass.type(f"tiêng{SAC}")
        assert glass.line.text == "tiếng"


def test_a_key_acts_when_the_finger_lets_go_and_is_dark_until_then(wide: Glass) -> None:
    finger = Finger()
    finger.down(*middle(wide.key("q")))
    assert wide.key("q").pressed
    assert wide.told == []
    finger.up()
    assert not wide.key("q").pressed
    assert wide.told == [Touch(Action.TYPE, "q")]


def test_sliding_to_another_key_presses_neither(wide: Glass) -> None:
    finger = Finger()
    finger.down(*middle(wide.key("q")))
    finger.move(*middle(wide.key("w")))
    finger.up()
    assert wide.told == []


def test_two_fingers_type_in_the_order_in_which_they_let_go(wide: Glass) -> None:
    first, second = Finger(), Finger()
    first.down(*middle(wide.key("a")))
    second.down(*middle(wide.key("n")))
    first.up()
    second.up()
    assert wide.line.text == "an"


def test_a_touch_beside_a_key_counts_for_the_nearest(wide: Glass) -> None:
    key = wide.key("q")
    for x, y in ((key.x - 20, key.center_y), (key.right + 5, key.center_y), (key.center_x, key.y - 5)):
        finger = Finger()
        finger.down(x, y)
        finger.up()
    assert [touch.argument for touch in wide.told] == ["q", "q", "q"]


def test_a_mouse_types_with_its_first_button_alone(wide: Glass) -> None:
    for button in ("left", "right", "scrollup"):
        Finger(button).tap(wide.key("q"))
    assert wide.told == [Touch(Action.TYPE, "q")]


def test_delete_repeats_while_it_is_held_and_not_once_more_at_the_end(wide: Glass) -> None:
    wide.show(begin(text="Thái Nguyên"))
    key, finger = wide.key(Stroke.ERASE), Finger()
    finger.down(*middle(key))
    for _ in range(3):
        pass_time(key)
    assert wide.line.text == "Thái Ngu"
    finger.up()
    assert wide.line.text == "Thái Ngu"
    assert repeating(key) == []
    finger.tap(key)
    assert wide.line.text == "Thái Ng"


def test_delete_does_not_repeat_under_a_finger_that_slid_off(wide: Glass) -> None:
    wide.show(begin(text="Thái Nguyên"))
    key, finger = wide.key(Stroke.ERASE), Finger()
    finger.down(*middle(key))
    finger.move(key.center_x, key.top + 300)
    pass_time(key)
    finger.up()
    assert wide.line.text == "Thái Nguyên"


def test_a_letter_that_is_held_is_typed_once(wide: Glass) -> None:
    finger = Finger()
    finger.down(*middle(wide.key("q")))
    assert repeating(wide.key("q")) == []
    finger.up()
    assert wide.told == [Touch(Action.TYPE, "q")]


def repeating(key: Any) -> list[Any]:
    """What a key still waits for."""
    return [event for event in Clock.get_events() if getattr(event.get_callback(), "__self__", None) is key
            and event.get_callback().__name__ == "_repeat"]  # fmt: skip


def pass_time(key: Any) -> None:
    """The next repetition of a held key is due; the clock itself stands still here."""
    (event,) = repeating(key)
    event.cancel()
    event.get_callback()(0.0)


def test_a_touch_on_the_text_places_the_caret(glass: Glass) -> None:
    glass.show(begin(text="Thái Nguyên"))
    field = glass.ids.field
    for x, at in ((field.x + 2, 0), (field.right - field.width / 4, 11)):
        finger = Finger()
        finger.down(x, field.center_y)
        finger.up()
        assert len(glass.line.before) == at


def test_the_cross_empties_the_field_and_is_there_only_when_it_has_something_to_empty(wide: Glass) -> None:
    def crosses() -> list[Any]:
        clear = Touch(Action.TYPE, Stroke.CLEAR)
        return [one for one in below(wide.kiosk) if getattr(one, "touch", None) == clear]

    assert crosses() == []
    wide.type("an")
    (cross,) = crosses()
    Finger().tap(cross)
    assert wide.line.text == ""
    assert crosses() == []


def test_the_main_key_and_the_way_back_are_there(wide: Glass) -> None:
    for action in (Action.FINISH, Action.BACK):
        Finger().tap(next(key for key in wide.keys if key.touch == Touch(action)))
    assert wide.told == [Touch(Action.FINISH), Touch(Action.BACK)]
    wide.kiosk.show(asking(begin(), leave=False))
    assert Touch(Action.BACK) not in [key.touch for key in wide.keys]


def test_a_long_line_shows_the_part_around_the_caret(glass: Glass) -> None:
    text = "Máy đang bảo trì đến 14 giờ chiều nay, mời bạn đọc sang quầy thủ thư. Xin cảm ơn quý bạn đọc."
    glass.show(begin(text=text, most=200))
    field = glass.ids.field
    finger = Finger()
    finger.down(field.right - 3 * field.height / 2, field.center_y)
    finger.up()
    assert len(glass.line.before) > len(text) - 8
    finger.down(field.x + 2, field.center_y)
    finger.up()
    assert 0 < len(glass.line.before) < len(text) - 20


# --- what is drawn again ----------------------------------------------------------------------------------------------


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that painted themselves since it was last cleared; a kiosk that is still paints all, so none is."""
    from kiosk.screens import keyboard  # noqa: PLC0415 (Kivy is prepared by the fingers)

    drawn: list[str] = []
    paint = keyboard.TypeKey.paint

    def note(key: Any, brush: Any) -> None:
        drawn.append(str(key.touch.argument) if key.touch else "")
        paint(key, brush)

    monkeypatch.setattr(keyboard.TypeKey, "paint", note)
    return drawn


@pytest.mark.parametrize(
    ("strokes", "redrawn"),
    [
        ("a", set()),
        ((Stroke.SHIFT,), {*"qwertyuiopasdfghjklzxcvbnmăâêôơưđ", Stroke.SHIFT}),
        ((Stroke.METHOD,), {*"wrsfjx123456789", Stroke.METHOD}),
    ],
)
def test_only_what_changed_is_drawn_again(wide: Glass, painted: list[str], strokes: str, redrawn: set[str]) -> None:
    wide.type("n")  # the cross is there
    wide.kiosk.still = False
    Clock.tick()
    painted.clear()
    for stroke in strokes:
        wide.show(press(wide.line, stroke))
    Clock.tick()
    assert set(painted) == redrawn


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize("shape", PROFILES)
def test_every_key_measures_fifteen_millimetres_and_stands_three_from_the_next(shape: str, low: bool) -> None:
    told = profile(shape)

    def mm(px: float) -> float:
        return millimetres(px, told.width, told.height, told.sizes["diagonal_inch"])

    for line in boards():
        keys = list(laid(shape, line, low=low).ids.keyboard.children)
        assert len(keys) >= 13
        for key in keys:
            assert min(mm(key.width), mm(key.height)) >= 15, key.touch
            assert key.x >= 0 <= key.y
            assert key.right <= told.width
        for one, other in itertools.combinations(keys, 2):
            apart = max(one.x - other.right, other.x - one.right, one.y - other.top, other.y - one.top)
            # A pixel less where rows are rounded to whole ones.
            assert mm(apart + 1) >= 2.97, (one.touch, other.touch)


@pytest.mark.parametrize("shape", PROFILES)
def test_every_point_among_the_keys_belongs_to_exactly_one(shape: str) -> None:
    for line in boards():
        keyboard = laid(shape, line).ids.keyboard
        keys = list(keyboard.children)
        left, right = min(key.x for key in keys), max(key.right for key in keys)
        low, high = min(key.y for key in keys), max(key.top for key in keys)
        for x, y in itertools.product(range(int(left) + 60, int(right) - 60, 23), range(int(low), int(high), 17)):
            assert sum(key.collide_point(x, y) for key in keys) == 1, (x, y)


@pytest.mark.parametrize("shape", PROFILES)
def test_a_label_fits_its_key(shape: str) -> None:
    for line, language in itertools.product(boards(), i18n.LANGUAGES):
        page = laid(shape, line)
        i18n.speak(language)
        page.text = words.page(asking(line))
        for key in page.ids.keyboard.children:
            if key.cap.text:
                _icon, _px, width = key.fit()
                assert width <= key.width - 12, (key.cap.text, language)


def test_in_reachable_mode_all_of_it_can_be_reached_from_a_wheelchair() -> None:
    page, told = laid("portrait", begin(text="An"), low=True), profile("portrait")
    highest = max(widget.top for widget in below(page) if getattr(widget, "touch", None))
    assert FOOT_MM + millimetres(highest, told.width, told.height, told.sizes["diagonal_inch"]) <= REACH_MM
    assert page.ids.field.y > page.ids.keyboard.children[-1].top


@pytest.mark.parametrize("dark", [False, True])
def test_what_stands_on_a_key_can_be_read_pressed_or_not(dark: bool) -> None:
    colours = theme(dark)
    needed = 7.0 if dark else 4.5
    for text, ground in (
        ("key_text", "key_face"), ("function_edge", "key_face"), ("function_text", "function_face"),
        ("on_tool_active", "tool_active"), ("primary_text", "primary_face"), ("text_soft", "surface"),
    ):  # fmt: skip
        assert contrast(colours[text], colours[ground]) >= needed, (text, ground)
    for mark, ground in (("key_edge", "well"), ("function_edge", "well"), ("pin_border", "ground"),
                         ("tool_active", "well")):  # fmt: skip
        assert contrast(colours[mark], colours[ground]) >= 3.0, (mark, ground)


# --- what the keys say ------------------------------------------------------------------------------------------------


def caps(line: Line, count: int) -> list[Cap]:
    """The keys of a keyboard with so many rows."""
    text = words.page(asking(line))
    assert text.typing is not None
    return [cap for row in rows(text.typing, count, text.primary, text.secondary) for cap in row.caps]


@pytest.mark.parametrize("count", [4, 5, 6])
@pytest.mark.parametrize("method", LETTERS)
def test_every_letter_mark_tone_and_digit_has_a_key(method: Method, count: int) -> None:
    found = {cap.touch.argument for signs in (False, True) for cap in caps(Line(method, signs=signs), count)}
    assert {*"abcdefghijklmnopqrstuvwxyzăâêôơưđ0123456789.,?- ", *TONES} <= found
    assert {Stroke.ERASE, Stroke.SHIFT, Stroke.SIGNS, Stroke.METHOD} <= found


@pytest.mark.parametrize("count", [4, 5, 6])
def test_no_keyboard_has_more_rows_than_there_is_room_for_nor_a_key_twice(count: int) -> None:
    for line in boards():
        text = words.page(asking(line))
        assert text.typing is not None
        shown = rows(text.typing, count, text.primary, text.secondary)
        assert len(shown) <= count
        touches = [cap.touch for row in shown for cap in row.caps]
        assert len(touches) == len(set(touches))
        for row in shown:
            assert sum(cap.wide for cap in row.caps) <= row.units + 0.01


def test_a_hint_is_what_the_key_does_to_an_a() -> None:
    for method in (Method.TELEX, Method.VNI):
        hinted = [cap for cap in caps(Line(method), 6) if cap.hint]
        assert len(hinted) == (6 if method is Method.TELEX else 9)
        for cap in hinted:
            letter = {"ư": "u", "ơ": "o", "đ": "d"}.get(cap.hint, "a")
            line = press(press(begin(method), letter), cap.touch.argument)
            assert line.text == cap.hint
    assert not any(cap.hint for cap in caps(Line(Method.PLAIN), 6))


def test_capitals_stand_on_the_keys_while_shift_is_on() -> None:
    small = {cap.text for cap in caps(Line(), 6)}
    large = {cap.text for cap in caps(Line(shift=Shift.ONCE), 6)}
    assert {"a", "đ"} <= small
    assert {"A", "Đ"} <= large
    assert [cap.on for cap in caps(Line(shift=Shift.LOCKED), 6)].count(True) == 1


def test_a_masked_text_shows_its_length_and_nothing_else() -> None:
    view = asking(begin(text="Đặng Thùy Trâm"), masked=True)
    told = words.page(view).typing
    assert told is not None
    assert (told.text, told.caret) == ("•" * 14, 14)
    assert "Trâm" not in repr(words.page(view))
    assert "Trâm" not in repr(view)


def test_under_the_veil_of_the_time_out_nothing_of_the_text_is_left() -> None:
    text = words.without_titles(words.page(dataclasses.replace(asking(begin(text="Trâm")), timeout=TimeoutView(9))))
    assert text.typing is not None
    assert "Trâm" not in repr(text)


@pytest.mark.parametrize("name", [name for name in VIEWS if name.startswith("typing")])
def test_the_keys_speak_the_language_that_is_on(name: str) -> None:
    view = VIEWS[name]
    assert isinstance(view.body, TypingView)
    i18n.speak("vi")
    vietnamese = words.page(view)
    i18n.speak("en")
    english = words.page(view)
    assert vietnamese.headline != english.headline
    assert vietnamese.typing is not None
    assert english.typing is not None
    assert vietnamese.typing.space == "dấu cách"
    assert english.typing.space == "space"
