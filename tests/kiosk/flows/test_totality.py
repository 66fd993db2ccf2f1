"""Every message is taken in every state, and every state can be shown: whatever it is, and whenever it comes."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.devices import (
    BarcodeScanned,
    Card,
    CardPresented,
    CardRemoved,
    CardTechnology,
    CodeKind,
    DeviceBack,
    DeviceLost,
    Identity,
    PrinterStatus,
    SeveralCards,
    StackOverfull,
    StackSteady,
    TagArrived,
    TagGone,
    TagRead,
)
from drivers.iso15693 import Mark, Security, SecurityChanged, SecurityUnchanged, SecurityUnknown, TagFault
from kiosk.flows import messages as m
from kiosk.flows.show import view
from kiosk.flows.state import PinMode, Setup, State, start
from kiosk.flows.visit import step
from kiosk.views import Action, Receipt, RepairView, Touch
from sync.circulation.acts import Account, Extended, Lent, TakenBack
from sync.circulation.blocks import Code, Refused, block
from sync.circulation.decisions import PutAside
from sync.circulation.model import Loan, ServiceMode, Title
from tests.kiosk.flows.test_laws import Happening, histories, live
from tests.kiosk.flows.world import ANH, BINH, DUE, ITEMS, NOW, READERS, STRANGER, TAGS, World, hold_view, uid_of

devices = st.sampled_from(["pad", "reader", "scanner", "printer", "another"])
tags = st.sampled_from(["B1", "B2", "SET/1", "SET/2", "TWIN/a", "TWIN/b", "READER", "BLANK", "UNREADABLE"])
uids = tags.map(uid_of)
items = st.sampled_from(["B1", "B2", "SET", "TWIN", "X.1", ""])
cards = st.sampled_from([*READERS, STRANGER])
reasons = st.lists(
    st.sampled_from([block(Code.ALREADY_YOURS, date=DUE), block(Code.READING_ONLY), block(Code.WAS_NOT_ON_LOAN)]),
    min_size=1,
    max_size=2,
).map(tuple)
visits = st.integers(0, 12)
loans = st.sampled_from(["B1", "B2", "SET"]).map(
    lambda item: Loan("0" * 16, item, "book", "P1", "TN", ServiceMode.TAKE_HOME, NOW, DUE)
)
titles = st.none() | st.just(Title("T", "Nhan đề"))
faults = st.sampled_from(TagFault)
wanted = st.sampled_from(Security)
results = st.one_of(
    st.builds(SecurityChanged, uids, wanted),
    st.builds(SecurityUnchanged, uids, wanted, st.builds(Mark, st.sampled_from([0x07, 0xC2, 0x00])), faults),
    st.builds(SecurityUnknown, uids, wanted, faults),
    st.none(),
)
lent = st.builds(Lent, st.integers(1, 9), loans, st.just(ITEMS["B1"]), titles, st.just(()))
taken_back = st.builds(
    TakenBack, st.integers(1, 9), items, st.none(), titles, st.none(), st.just(0), st.none(),
    st.none() | st.sampled_from(PutAside), reasons,
)  # fmt: skip

#: Any message of any kind; ``None`` in the place of a visit's number stands for the one that is open.
messages: st.SearchStrategy[m.Message] = st.one_of(
    st.builds(Touch, st.sampled_from(Action), st.sampled_from(["", "1", "B1", "SET", "x"])),
    st.builds(
        m.Tick,
        st.floats(0, 500),
        st.integers(0, 500).map(lambda seconds: NOW + timedelta(seconds=seconds)),
        st.booleans(),
        st.none() | st.just(NOW),
        st.booleans(),
        st.none() | st.booleans(),
    ),
    st.builds(DeviceBack, devices, st.just(Identity())),
    st.builds(DeviceLost, devices, st.just("wire")),
    st.builds(TagArrived, devices, uids),
    st.builds(lambda device, tag: TagRead(device, uid_of(tag), TAGS[tag]), devices, tags),
    st.builds(TagGone, devices, uids),
    st.builds(StackSteady, devices, st.frozensets(uids)),
    st.builds(StackOverfull, devices),
    st.builds(
        lambda device, number: CardPresented(device, Card(CardTechnology.TYPE_A, b"\x08\x01\x02\x03", number)),
        devices,
        st.none() | cards,
    ),
    st.builds(CardRemoved, devices),
    st.builds(SeveralCards, devices),
    st.builds(BarcodeScanned, devices, cards | items, st.sampled_from(CodeKind)),
    st.builds(PrinterStatus, devices),
    st.builds(
        m.CardFound, visits, cards, st.none() | st.sampled_from(list(READERS.values())), st.just(()) | reasons,
        st.booleans(), st.booleans(),
    ),
    st.builds(m.ItemFound, visits, items, st.none() | st.just(ITEMS["B1"]), titles, st.none() | loans, st.booleans()),
    st.builds(m.CheckedOut, visits, items, lent | reasons.map(Refused), titles, st.none() | loans),
    st.builds(m.CheckedIn, visits, items, taken_back),
    st.builds(
        m.Renewed, visits, items,
        reasons.map(Refused) | st.builds(Extended, st.integers(1, 9), loans, st.none(), titles, st.just(())),
    ),
    st.builds(m.Undone, visits, items),
    st.builds(m.TagAnswered, visits, items, uids, results),
    st.builds(m.AccountFound, visits, st.just(Account(ANH, READERS[ANH], (), (), (), NOW))),
    st.builds(m.PinAnswered, visits, st.booleans(), st.integers(0, 3), st.sampled_from([0, 30])),
    st.builds(m.Printed, visits, st.sampled_from(Receipt)),
    st.builds(m.StaffFound, st.integers(0, 3), st.none(), st.just((RepairView("B1", NOW, "undo"),))),
    st.builds(m.LedgerFailed, visits, st.just("L-DiskFull"), items),
)  # fmt: skip

setups = st.builds(
    Setup,
    library=st.just("Thư viện"),
    branch=st.just("TN"),
    pin=st.sampled_from(PinMode),
    barcode_items=st.booleans(),
    printer=st.sampled_from(["printer", ""]),
)


def taken(state: State, message: m.Message) -> State:
    """The state after a message, which can be shown."""
    state, _effects = step(state, message)
    view(state)
    return state


@settings(max_examples=300)
@given(setups, st.lists(messages, max_size=60))
def test_every_message_is_taken_in_every_state_that_messages_lead_to(setup: Setup, told: list[m.Message]) -> None:
    state = taken(start(setup), m.Tick(0, NOW))
    for message in told:
        state = taken(state, message)


@settings(max_examples=200)
@given(histories, st.lists(messages, max_size=30))
def test_every_message_is_taken_in_the_midst_of_every_history(history: list[Happening], told: list[m.Message]) -> None:
    state = live(World(), history).state
    for message in told:
        state = taken(state, message)


@settings(max_examples=60)
@given(histories, st.lists(messages, max_size=8))
def test_a_step_and_a_view_are_the_same_for_the_same(history: list[Happening], told: list[m.Message]) -> None:
    state = live(World(), history).state
    assert view(state) == view(state)
    for message in told:
        assert step(state, message) == step(state, message)


@settings(max_examples=200)
@given(setups, histories)
def test_what_is_shown_holds_whatever_the_settings(setup: Setup, history: list[Happening]) -> None:
    world = live(World(setup, pins={ANH, BINH}), history)  # the world holds every view against the laws
    hold_view(world.view)
