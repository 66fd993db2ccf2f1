"""Mappings as data: those that ship, a library's own, and the choice between them."""

from pathlib import Path

import pytest

import config
from config.loader import Problems
from sync.intake.mapping import Mappings, load_mapping
from tests.sync.intake.quirky import Fields, book
from tests.sync.intake.test_titles import record

SHIPPED = Path(config.__file__).with_name("mappings")


def own(path: Path, text: str) -> Mappings | Problems:
    path.write_text(text, encoding="utf-8")
    return load_mapping(str(path))


@pytest.mark.parametrize("name", [path.stem for path in SHIPPED.glob("*.toml") if path.stem != "patrons"])
def test_every_mapping_that_ships_can_be_chosen_by_its_name(name: str) -> None:
    found = load_mapping(name)
    assert isinstance(found, Mappings)
    assert len(found.choices) == 1
    assert found.choices[0] in _auto().choices


def _auto() -> Mappings:
    found = load_mapping()
    assert isinstance(found, Mappings)
    return found


COPIES: dict[str, Fields] = {
    "952": [("952", [("p", "X1")])],
    "949": [("949", [("i", "X1")])],
    "852": [("852", [("p", "X1")])],
}


@pytest.mark.parametrize("tag", COPIES)
def test_auto_takes_the_mapping_by_which_the_records_have_barcodes(tag: str) -> None:
    # A field that is there without barcodes (852 with nothing but a shelf) is no copy.
    shelf_alone: Fields = [("852", [("c", "Kho")]), ("949", [("a", "X")])] if tag == "952" else []
    sample = [record(book(barcode=(), more=[*shelf_alone, *COPIES[tag]])) for _ in range(3)]
    assert _auto().choose(sample).tag == tag


def test_auto_without_any_copies_is_koha() -> None:
    assert _auto().choose([record(book(barcode=()))]).tag == "952"


def test_a_library_writes_its_own(tmp_path: Path) -> None:
    found = own(
        tmp_path / "libol.toml",
        'tag = "852"\nbarcode = "j"\norigin = "TN"\nparts = "3"\n[branches]\n"Kho A" = "TN-A"\n',
    )
    assert isinstance(found, Mappings)
    assert found.choices[0].branches == {"Kho A": "TN-A"}


def test_all_mistakes_of_a_mapping_are_told_at_once(tmp_path: Path) -> None:
    found = own(tmp_path / "x.toml", 'tag = "95"\nbarcode = "P!"\nbarcod = "p"\ntitle_type = "942"\n')
    assert isinstance(found, Problems)
    assert {problem.key for problem in found} == {"tag", "barcode", "barcod", "title_type"}


@pytest.mark.parametrize("name", ["kohaa", "no/such/file.toml"])
def test_a_mapping_that_is_not_there_is_told_in_words(name: str) -> None:
    found = load_mapping(name)
    assert isinstance(found, Problems)
    assert found.say("vi")
