"""The one door to the screens: a view goes in, a touch comes out.

:class:`KioskRoot` holds one page, the frame around it and what lies over it. A view of the same kind changes the page
in place; another kind brings another page, with a movement that lasts a quarter of a second while the new page can
already be touched. Size, theme and profile come together in one :class:`kiosk.screens.theme.Look` and go down the
tree; the size is the widget's own. ``still`` means that nothing moves and everything is at its end: for pictures and
tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.animation import Animation
from kivy.clock import Clock
from kivy.lang import Builder
from kivy.properties import BooleanProperty, StringProperty
from kivy.uix.relativelayout import RelativeLayout

from kiosk import i18n
from kiosk.screens import words
from kiosk.screens.done import DonePage
from kiosk.screens.frame import STAFF_CORNER, Banner, Corner, Header, StepBar, Toast, ToolBar
from kiosk.screens.keyboard import TypingPage
from kiosk.screens.keys import KeysPage
from kiosk.screens.kit import Fill, Painted, animate
from kiosk.screens.message import MessagePage
from kiosk.screens.overlay import Dialog
from kiosk.screens.page import Page
from kiosk.screens.paint import forget_texts
from kiosk.screens.piles import AccountPage, BorrowPage, ReturnPage
from kiosk.screens.reachable import ReachablePage
from kiosk.screens.scene import BOOKS_S, CARD_S, LOOP_S, PAD_S, ScenePage
from kiosk.screens.staff import StaffPage
from kiosk.screens.surface import keep_in_step
from kiosk.screens.theme import Look, profile, profile_for, theme
from kiosk.views import (
    AccountView,
    Action,
    AttractView,
    Body,
    BorrowView,
    CardProblemView,
    ClosedView,
    DoneView,
    OfferView,
    OutOfServiceView,
    PinView,
    ReturnView,
    StaffView,
    Touch,
    TypingView,
    View,
)

#: Frames a second of the attract loop: enough to see what sinks, little enough for a small computer.
LOOP_FPS = 4
#: The actions that reachable mode keeps among its tools.
LOW_TOOLS = frozenset({Action.REACHABLE, Action.HELP})


def page_for(body: Body, *, low: bool) -> type[Page]:
    """Which page shows a body."""
    if isinstance(body, TypingView):
        return TypingPage
    if low:
        return ReachablePage
    match body:
        case AttractView() | ClosedView():
            return ScenePage
        case BorrowView() | OfferView():
            return BorrowPage
        case ReturnView():
            return ReturnPage
        case AccountView():
            return AccountPage
        case PinView():
            return KeysPage
        case CardProblemView() | OutOfServiceView():
            return MessagePage
        case DoneView():
            return DonePage
        case StaffView():
            return StaffPage


class KioskRoot(RelativeLayout):
    """The touchscreen. ``on_touch_action`` is called with each :class:`kiosk.views.Touch`."""

    still = BooleanProperty(False)
    reduced = BooleanProperty(False)
    shape = StringProperty("")  # a profile by name, where the size does not say it: a wide screen shown small

    def __init__(self, on_touch_action: Callable[[Touch], None] = lambda _touch: None, **kwargs: Any) -> None:
        # Not a property: Kivy takes arguments that begin with "on_" for bindings.
        self.on_touch_action = on_touch_action
        self._view: View | None = None
        self.page: Page | None = None
        self._dialog: Dialog | None = None
        self._ticks = 0
        self._loop: Any = None
        super().__init__(**kwargs)
        self._ground, self._header, self._steps = Fill(), Header(), StepBar()
        self._tools, self._banner, self._toast = ToolBar(), Banner(), Toast()
        self._corner = Corner(touch=STAFF_CORNER)
        for widget in (
            self._ground, self._header, self._steps, self._tools, self._banner, self._corner, self._toast,
        ):  # fmt: skip
            self.add_widget(widget)
        for name in ("size", "reduced", "shape"):
            self.fbind(name, self._again)

    # --- what is shown ---

    def show(self, view: View) -> None:
        """Show this from now on. Nothing happens for a view that is equal to the last one."""
        if view == self._view:
            return
        self._view = view
        self._again()

    def _again(self, *_args: object) -> None:
        view = self._view
        if view is None or self.width < 2 or self.height < 2:
            return
        i18n.speak(view.language)
        look = self._look(view)
        frame, text = words.frame(view), self._text(view)
        self._seat_page(view, look, text)
        self._seat_frame(view, look, frame)
        self._seat_dialog(view, look)
        self._seat_loop(view, look)
        if self.still:
            settle(self)
            # Kivy's own rules change their instructions only with the next frame.
            Builder.sync()

    def _look(self, view: View) -> Look:
        child = view.patron is not None and view.patron.child
        visit = isinstance(
            view.body, (BorrowView, OfferView, ReturnView, AccountView, DoneView, CardProblemView, PinView)
        )
        return Look(
            float(self.width),
            float(self.height),
            theme(view.high_contrast or view.reachable, child),
            profile(self.shape) if self.shape else profile_for(self.width, self.height),
            banner=view.offline and visit and not view.reachable and not view.staff,
            reduced=self.reduced,
            reachable=view.reachable,
        )

    def _text(self, view: View) -> words.PageText:
        text = words.reachable(view) if view.reachable else words.page(view)
        return words.without_titles(text) if view.timeout is not None else text

    def _seat_page(self, view: View, look: Look, text: words.PageText) -> None:
        wanted = page_for(view.body, low=view.reachable)
        fresh = type(self.page) is not wanted
        if fresh:
            if self.page is not None:
                self.remove_widget(self.page)
            if isinstance(view.body, (AttractView, ClosedView)):
                forget_texts()
            self.page = wanted(look=look, text=text, size=self.size)
            # Over the ground, under the frame.
            self.add_widget(self.page, index=len(self.children) - 1)
        page = self.page
        if page is None:
            return
        if isinstance(page, ScenePage):
            page.night = isinstance(view.body, ClosedView)
            page.also_icon = "offline" if view.offline else "return"
        if isinstance(page, MessagePage):
            page.what = "card" if isinstance(view.body, CardProblemView) else "machine"
        page.size, page.look, page.text = self.size, look, text
        if fresh:
            page.show(settled=self.still)
            if not self.still:
                self._bring(page, look)

    def _bring(self, page: Page, look: Look) -> None:
        told = look.motion("screen")
        page.opacity = 0.0
        page.slide = 0.0 if told.get("fade_only") else look.px(told["slide_px"])
        Animation(opacity=1.0, slide=0.0, duration=told["ms"] / 1000, t=told.get("ease", "linear")).start(page)

    def _seat_frame(self, view: View, look: Look, frame: words.Frame) -> None:
        page = self.page
        if page is None:
            return
        bare = page.bare_header
        # The scene brings its own ground.
        self._ground.look = look
        self._ground.box = (0.0, 0.0, 0.0, 0.0) if bare else (0.0, 0.0, look.width, look.height)
        high = look.size("header")
        header = self._header
        header.look, header.frame, header.bare = look, frame, bare
        header.staff = view.staff or isinstance(view.body, OutOfServiceView)
        header.box = (0.0, look.height - high, look.width, high)
        self._corner.look = look
        self._corner.box = (0.0, look.height - high, high * 1.1, high)
        steps = words.steps(view) if not view.reachable else None
        box, on_header, step, half = page.steps_at(look)
        if on_header and not frame.patron:
            # Without the chip of a reader the steps have its room up to the clock.
            box = (box[0], box[1], look.width * (0.77 if not look.small else 0.85) - box[0], box[3])
        header.shared = on_header and steps is not None
        bar = self._steps
        bar.look, bar.steps, bar.on_header, bar.step, bar.half, bar.box = look, steps, on_header, step, half, box
        self._tools.look, self._tools.frame = look, frame
        self._tools.only = LOW_TOOLS if view.reachable else None
        hide_tools = view.staff and isinstance(view.body, StaffView) and look.portrait and not view.reachable
        # The keyboard stands where it always does, and so do the tools below it.
        low = view.reachable and not isinstance(view.body, TypingView)
        tools = look.zone("reachable" if low else "scene" if bare else "frame", "tools")
        self._tools.box = tools if not hide_tools else (0.0, -2 * look.height, tools[2], tools[3])
        self._banner.look = look
        self._banner.text = frame.banner if look.banner else ""
        self._banner.box = self._banner_box(look) if look.banner else (0.0, 0.0, 0.0, 0.0)
        self._seat_toast(look, frame)

    def _banner_box(self, look: Look) -> tuple[float, float, float, float]:
        width, height = look.width, look.height
        left, top, thick = {
            "portrait": (0.0, 8.8, 5.0), "landscape": (33.4, 12.5, 6.4), "small": (0.0, 13.7, 8.8),
        }[look.profile.name]  # fmt: skip
        x = round(width * left / 100)
        return (float(x), round(height * (1 - (top + thick) / 100)), width - x, round(height * thick / 100))

    def _seat_toast(self, look: Look, frame: words.Frame) -> None:
        toast = self._toast
        new = bool(frame.toast) and not toast.text
        toast.look, toast.text, toast.icon = look, frame.toast, frame.toast_icon
        if not frame.toast:
            toast.box = (0.0, 0.0, 0.0, 0.0)
            return
        # Over the slab, whose count can wait while this is read.
        if look.portrait:
            toast.box = look.rect(2.2, 74.9, 97.8, 80.4)
        else:
            toast.box = look.rect(34.8, 82.5, 98.3, 91.4) if not look.small else look.rect(1.2, 77.5, 69.5, 89.2)
        if new and not self.still:
            toast.opacity = 0.0
            animate(toast, look, "toast_in", opacity=1.0)

    def _seat_dialog(self, view: View, look: Look) -> None:
        said = None
        if view.timeout is not None:
            said = words.timeout(view.timeout.seconds)
        elif view.help_open:
            said = words.help_dialog(view)
        if said is None:
            if self._dialog is not None:
                self.remove_widget(self._dialog)
                self._dialog = None
            return
        if self._dialog is None:
            self._dialog = Dialog(size_hint=(None, None))
            self.add_widget(self._dialog)
            if not self.still and not look.reduced:
                self._dialog.rise = look.px(look.motion("dialog")["rise_px"])
                animate(self._dialog, look, "dialog", rise=0.0)
        self._dialog.look, self._dialog.said, self._dialog.size = look, said, self.size

    # --- what moves by itself ---

    def _seat_loop(self, view: View, look: Look) -> None:
        attract = isinstance(self.page, ScenePage) and isinstance(view.body, AttractView)
        if self.still:
            return
        keep_in_step()
        rate = look.motion("reading_tick")["ms"] / 1000
        if attract:
            rate = look.motion("attract_loop")["step_every_ms"] / 1000 if look.reduced else 1 / LOOP_FPS
        if self._loop is not None and self._loop.timeout == rate:
            return
        if self._loop is not None:
            self._loop.cancel()
        self._loop = Clock.schedule_interval(self._tick, rate)

    def _tick(self, _passed: float) -> None:
        self._ticks += 1
        page = self.page
        if page is None or self._dialog is not None:
            return
        if isinstance(page, ScenePage) and not page.night:
            self._turn_loop(page)
        else:
            page.tick(self._ticks)

    def _turn_loop(self, page: ScenePage) -> None:
        """One frame of the attract loop; at rest nothing changes, so nothing is drawn."""
        if page.look.reduced:
            step = 1 + self._ticks % 3
        else:
            clock = (self._ticks / LOOP_FPS) % LOOP_S
            page.clock = clock if clock < PAD_S else 0.0
            step = 1 if clock < CARD_S else 2 if clock < BOOKS_S else 3 if clock < PAD_S else 1
        steps = self._steps.steps
        if isinstance(steps, words.Steps) and steps.current != step:
            self._steps.steps = words.Steps(steps.labels, step)


def settle(widget: Any) -> None:
    """Paint everything below a widget at once, at the end of its movements."""
    for child in widget.children:
        settle(child)
    if isinstance(widget, Painted):
        widget.repaint_now()
