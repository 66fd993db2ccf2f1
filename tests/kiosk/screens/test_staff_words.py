"""What the staff corner says: every reason that anything here can give has a sentence, in both languages."""

from __future__ import annotations

import ast
import inspect
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from drivers import supervisor
from drivers.devices import DeviceError
from kiosk import i18n
from kiosk.flows import visit
from kiosk.flows.messages import TellStaff
from kiosk.flows.state import Phase
from kiosk.screens.words import PageText, fault, ledger_trouble, page, repair_reason
from kiosk.views import Action, DeviceView, RepairView, StaffView, View
from sync.circulation import projection
from sync.store.errors import StoreError
from tests.kiosk.flows.world import ANH, DUE, NOW, World

LANGUAGES = ["vi", "en"]


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    before = i18n.language()
    yield
    i18n.speak(before)


def kinds(kind: type[DeviceError] | type[StoreError]) -> Iterator[type]:
    """An error with all that inherit from it in the product."""
    yield kind
    for one in kind.__subclasses__():
        if not one.__module__.startswith("tests"):
            yield from kinds(one)


def written_in(source: object, call: str, place: int | str) -> set[str]:
    """The words that stand at a place of every call of a function in some source."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(source))):  # type: ignore[arg-type]
        name = node.func if isinstance(node, ast.Call) else None
        if (isinstance(name, ast.Name) and name.id == call) or (isinstance(name, ast.Attribute) and name.attr == call):
            assert isinstance(node, ast.Call)
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            word = named.get(place) if isinstance(place, str) else node.args[place]
            if isinstance(word, ast.Constant):
                found.add(str(word.value))
            elif isinstance(word, ast.IfExp):
                found |= {str(one.value) for one in (word.body, word.orelse) if isinstance(one, ast.Constant)}
    return found


DEVICE_CODES = (
    {kind.code for kind in kinds(DeviceError) if issubclass(kind, DeviceError)}
    | {"defect"}  # an error that is no DeviceError
    | written_in(visit, "_device", "code")
)
REPAIR_REASONS = written_in(projection, "_repair", 2) | {why.value for why in visit.OF_THE_TAG} | {"found_open"}
#: What can happen to a station's own files; headquarters' database has troubles of its own, which no kiosk meets.
LEDGER_CODES = {f"L-{kind.__name__}" for kind in kinds(StoreError) if not kind.__module__.startswith("sync.central")}

SAID: list[tuple[Callable[[str], str], str]] = [
    *((fault, code) for code in sorted(DEVICE_CODES)),
    *((repair_reason, code) for code in sorted(REPAIR_REASONS)),
    *((ledger_trouble, code) for code in sorted(LEDGER_CODES)),
]


def test_the_codes_are_found_where_they_come_from() -> None:
    assert {"wire", "no_answer", "cannot_open", "no_driver", "paper_out", "paper_low", "offline"} <= DEVICE_CODES
    assert {"checkin", "undo", "locked", "not_written"} <= REPAIR_REASONS
    assert {"L-DiskFull", "L-ReadOnlyDisk", "L-StoreError"} <= LEDGER_CODES
    assert "defect" in inspect.getsource(supervisor)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("say", "code"), SAID, ids=lambda part: part if isinstance(part, str) else part.__name__)
def test_every_code_has_a_sentence(say: Callable[[str], str], code: str, language: str) -> None:
    i18n.speak(language)
    said = say(code)
    assert said
    assert said != code
    assert "_" not in said
    assert said == unicodedata.normalize("NFC", said)
    assert said[0] == said[0].upper()


@pytest.mark.parametrize(("say", "code"), SAID, ids=lambda part: part if isinstance(part, str) else part.__name__)
def test_no_sentence_is_the_same_in_both_languages(say: Callable[[str], str], code: str) -> None:
    i18n.speak("vi")
    vietnamese = say(code)
    i18n.speak("en")
    assert vietnamese != say(code)


def staff_page(world: World) -> PageText:
    """The staff corner of a kiosk as it stands, with the reasons that its ledger has."""
    body = StaffView(repairs=tuple(RepairView(item, NOW, why.value) for item, why in world.reasons.items()))
    return page(View(body, "en", now=NOW, staff=True))


def test_the_staff_corner_says_why_a_chip_waits() -> None:
    i18n.speak("en")
    world = World()
    world.loans["B1"], world.due["B1"] = ANH, DUE
    world.tags["B1"].secured = False
    world.put("B1")
    world.touch(Action.RETURN)
    world.answer_tag("locked")
    assert [effect for effect in world.asked if isinstance(effect, TellStaff)]
    (repair,) = staff_page(world).repairs
    assert (repair.text, repair.detail) == ("B1 · 23/11", "Chip is locked")


@pytest.mark.parametrize(("code", "said"), [("L-DiskFull", ["The disk is full"]), ("STAFF", []), ("", [])])
def test_the_staff_corner_says_what_put_the_machine_out_of_service(code: str, said: list[str]) -> None:
    i18n.speak("en")
    world = World()
    world.state = replace(world.state, out_of_service=code, phase=Phase.STAFF)
    text = page(world.view)
    assert [line.state for line in text.devices if line.text == "Ledger"] == said


def test_a_printer_that_is_well_and_runs_out_of_paper_is_said_to_be_so() -> None:
    i18n.speak("en")
    body = StaffView((DeviceView("printer", "printer", True, "paper_low"), DeviceView("pad", "pad", True)))
    assert [line.state for line in page(View(body, staff=True)).devices] == ["Paper running out", "Well"]
