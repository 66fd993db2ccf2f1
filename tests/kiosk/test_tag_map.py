"""Chips on which nothing is written: known by a list of UIDs, and lent, returned and secured like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.library_tag import TagModel
from drivers.simulators.field import VirtualTag
from drivers.simulators.pad import SimulatedPad
from kiosk.flows.state import Phase, Stage
from kiosk.views import Action, RowState
from sync.store.changes import take_snapshot
from sync.store.files import REFERENCE
from sync.store.view import told_tags
from tests.kiosk.typed import Typed
from tests.kiosk.wires import RELEASED, SECURED, Kiosk, card, rows_of
from tests.sync.store.stations import AN, KIEU_1, LAO_HAC, Clock, look_at, new_station, told

BLANK, FOREIGN, WRITTEN = (bytes.fromhex(f"E0040100000000{n:02X}") for n in (1, 2, 3))


@pytest.fixture
def station(home: Path) -> Path:
    """A station that knows two of its items by the UIDs of their chips."""
    new_station(home)
    with told(home) as reference:
        reference.write_tags({BLANK.hex().upper(): KIEU_1, FOREIGN.hex().upper(): LAO_HAC})
    return home


def blank(uid: bytes = BLANK) -> VirtualTag:
    """A chip as it comes from the factory, or somebody else's."""
    tag = VirtualTag(uid)
    if uid == FOREIGN:
        tag.memory[:8] = bytes.fromhex("0123456789ABCDEF")
    return tag


@pytest.fixture
def pad() -> Iterator[SimulatedPad]:
    with SimulatedPad() as pad:
        yield pad


# --- at a kiosk -------------------------------------------------------------------------------------------------------


def test_chips_known_by_their_uids_are_lent_and_returned_as_others_are(station: Path, pad: SimulatedPad) -> None:
    tags = {KIEU_1: blank(BLANK), LAO_HAC: blank(FOREIGN)}
    with Kiosk(station, pad) as kiosk:
        pad.put(*tags.values())
        kiosk.do(card(AN))
        kiosk.settled(dict.fromkeys(tags, Stage.RELEASED))
        assert [tag.afi for tag in tags.values()] == [RELEASED, RELEASED]
        kiosk.touch(Action.END)
        pad.clear()
        kiosk.until(lambda state: state.phase is Phase.ATTRACT and not state.pad)
        pad.put(*tags.values())
        kiosk.settled(dict.fromkeys(tags, Stage.WAITING))
        kiosk.touch(Action.RETURN)
        kiosk.settled(dict.fromkeys(tags, Stage.SECURED))
        assert [tag.afi for tag in tags.values()] == [SECURED, SECURED]
        assert {tag.item.model for tag in kiosk.session.state.pad if tag.item} == {TagModel.UID}
    with look_at(station, Clock()) as view:
        assert view.pending_repairs() == ()


def test_a_chip_on_no_list_is_refused_as_what_it_is_and_never_written(station: Path, pad: SimulatedPad) -> None:
    stranger = blank(WRITTEN)
    with Kiosk(station, pad) as kiosk:
        pad.put(stranger, blank())
        kiosk.do(card(AN))
        kiosk.settled({KIEU_1: Stage.RELEASED})
        kiosk.until(lambda state: sum(tag.steady for tag in state.pad) == 2)
        shown = rows_of(kiosk.views[-1])
    assert shown == {f"tag:{WRITTEN.hex()}": RowState.REFUSED, KIEU_1: RowState.BORROWED}
    assert pad.afi_writes == 1


def test_what_is_written_on_a_chip_goes_before_the_list(station: Path, pad: SimulatedPad) -> None:
    with told(station) as reference:
        reference.write_tags({WRITTEN.hex().upper(): KIEU_1})
    with Kiosk(station, pad) as kiosk:
        pad.put(VirtualTag.of_item(WRITTEN, LAO_HAC))
        kiosk.do(card(AN))
        kiosk.settled({LAO_HAC: Stage.RELEASED})


def test_a_list_that_comes_in_while_the_kiosk_runs_is_heeded_at_the_next_reading(
    station: Path, pad: SimulatedPad
) -> None:
    with Kiosk(station, pad) as kiosk:
        pad.put(blank(WRITTEN))
        kiosk.until(lambda state: any(tag.steady for tag in state.pad))
        pad.clear()
        kiosk.until(lambda state: not state.pad)
        with told(station) as reference:
            reference.write_tags({WRITTEN.hex().upper(): KIEU_1})
        pad.put(blank(WRITTEN))
        kiosk.settled({KIEU_1: Stage.WAITING})


def test_a_snapshot_from_headquarters_leaves_the_list_as_it_is(station: Path) -> None:
    other = station.parent / f"{station.name}-snapshot"
    other.mkdir()
    new_station(other)
    with told(other) as reference:
        reference.write_tags({FOREIGN.hex().upper(): KIEU_1})
    take_snapshot(station, REFERENCE.path(other), command="tests")
    assert told_tags(station, [BLANK, FOREIGN, WRITTEN]) == {BLANK: KIEU_1, FOREIGN: KIEU_1}


# --- commands ---------------------------------------------------------------------------------------------------------


def test_a_list_is_brought_in_and_reported_on(library: Path, typed: Typed, tmp_path: Path) -> None:
    listed = tmp_path / "uids.csv"
    listed.write_text(f"UID,Số đăng ký cá biệt\n{BLANK.hex()},TN.00011\nrubbish,TN.00012\n", "utf-8")
    ended = typed("tag", "map", str(listed), "--json")
    assert ended.code == 1
    assert (ended.document["read"], ended.document["tags"]) == (2, 1)
    assert [entry["reason"] for entry in ended.document["refused"]] == ["uid_unreadable"]
    assert told_tags(library, [BLANK]) == {BLANK: "TN.00011"}
    assert "1 chips" in typed("tag", "map", str(listed), "--dry-run").out


def test_a_file_that_is_not_there_is_said(library: Path, typed: Typed) -> None:
    ended = typed("tag", "map", str(library / "none.csv"))
    assert ended.code == 1
    assert "none.csv" in ended.err


def test_bytes_are_an_item_by_the_list_only_where_it_has_the_chip(station: Path, typed: Typed) -> None:
    assert station.is_dir()
    zeros = "00" * 32
    document = typed("tag", "decode", zeros, "--uid", BLANK.hex(), "--json").document
    assert (document["model"], document["item_id"], document["warnings"]) == ("uid", KIEU_1, [])
    for more in ((), ("--uid", WRITTEN.hex())):
        document = typed("tag", "decode", zeros, *more, "--json").document
        assert (document["model"], document["item_id"], document["warnings"]) == (None, None, ["blank"])


@pytest.mark.parametrize("words", [("00", "--uid", "E0"), ("00", "00", "--uid", BLANK.hex())])
def test_a_uid_that_is_none_or_of_several_chips_is_refused(station: Path, typed: Typed, words: tuple[str, ...]) -> None:
    assert station.is_dir()
    ended = typed("tag", "decode", *words)
    assert (ended.code, ended.out) == (1, "")


def test_a_pad_on_trial_says_which_item_the_list_has_for_a_chip(station: Path, typed: Typed, pad: SimulatedPad) -> None:
    devices = f'[[devices]]\nname = "pad"\ndriver = "feig"\nurl = "{pad.url}"\n'
    (station / "devices.toml").write_text(devices, "utf-8")
    pad.put(blank(BLANK), blank(WRITTEN))
    tags = typed("devices", "test", "pad", "--json").document["tags"]
    assert [(tag["uid"], tag["model"], tag["item_id"], tag["content"]) for tag in tags] == [
        (BLANK.hex().upper(), "uid", KIEU_1, "library"),
        (WRITTEN.hex().upper(), None, None, "blank"),
    ]
