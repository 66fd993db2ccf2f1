"""The words of the program: all of them in both languages, in one spelling, and the compiled file as the text says."""

from __future__ import annotations

import ast
import importlib.util
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

import kiosk.i18n

HOUSE = Path(__file__).parents[2]
ROOMS = ("kiosk", "drivers", "sync", "config")
PO = kiosk.i18n.LOCALE / "vi" / "LC_MESSAGES" / "tramsach.po"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """What `make words` runs."""
    spec = importlib.util.spec_from_file_location("words", HOUSE / ".ci" / "words.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def translated(catalog: Catalog) -> dict[str, str]:
    """Vietnamese by English source text, empty where nobody has translated it yet."""
    return {str(message.id): str(message.string) for message in catalog if message.id}


@pytest.fixture(scope="module")
def both(translated: dict[str, str]) -> dict[str, str]:
    """Vietnamese by English source text, without those that one test complains of already."""
    return {text: words for text, words in translated.items() if words}


def _calls(name: str, *rooms: str) -> Iterator[tuple[str, ast.Call]]:
    for room in rooms:
        for path in sorted((HOUSE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                    yield f"{path.relative_to(HOUSE)}:{node.lineno}", node


def _fields(text: str) -> list[str]:
    """The names of a text's placeholders; not every text with a brace is a template."""
    return sorted(re.findall(r"\{(\w*)\}", text))


def test_every_text_has_a_translation_and_no_translation_has_lost_its_text(
    tool: ModuleType, translated: dict[str, str]
) -> None:
    source = tool.source_texts()
    assert source - set(translated) == set(), "`make words` brings them in"
    assert set(translated) - source == set(), "`make words` drops them"
    assert [text for text, words in translated.items() if not words] == [], "to be translated by hand"


def test_every_text_that_is_asked_for_is_found_by_the_tool(tool: ModuleType) -> None:
    # Babel does not look into f-strings; a text asked for in one would stay English for ever.
    asked = {node.args[0].value for _, node in _calls("_", "kiosk") if isinstance(node.args[0], ast.Constant)}
    assert asked <= tool.source_texts()


def test_texts_are_asked_for_as_they_stand_in_the_source() -> None:
    places = [place for place, node in _calls("_", "kiosk") if not isinstance(node.args[0], ast.Constant)]
    assert places == []


def test_no_translation_is_in_doubt(catalog: Catalog) -> None:
    assert [message.id for message in catalog if message.fuzzy and message.id] == []


def test_the_compiled_words_are_those_of_the_text_file(tool: ModuleType, catalog: Catalog) -> None:
    assert PO.with_suffix(".mo").read_bytes() == tool.compiled(catalog), "`make words` compiles them"


def test_words_are_in_composed_form(translated: dict[str, str]) -> None:
    for text in (*translated, *translated.values()):
        assert unicodedata.is_normalized("NFC", text)


def test_placeholders_are_the_same_in_both_languages(both: dict[str, str]) -> None:
    for text, words in both.items():
        assert _fields(text) == _fields(words), text


def test_sentences_end_alike_in_both_languages(both: dict[str, str]) -> None:
    def ending(text: str) -> str:
        return match[0] if (match := re.search(r"[.?]\Z", text)) else ""

    for text, words in both.items():
        assert ending(text) == ending(words), text
        assert (text != text.strip()) == (words != words.strip()), text


def test_commands_and_options_keep_their_names_in_both_languages(both: dict[str, str]) -> None:
    for text, words in both.items():
        assert re.findall(r"(?<!\w)--[a-z-]+", text) == re.findall(r"(?<!\w)--[a-z-]+", words), text
        assert text.count("tramsach") == words.count("tramsach"), text


def test_sentences_of_rules_and_settings_have_the_same_placeholders_in_both_languages() -> None:
    """Those that are written out in the source; phrases built from parts are for their own tests."""
    seen = 0
    for place, node in _calls("Phrase", *ROOMS):
        said = [_text(argument) for argument in (*node.args, *(keyword.value for keyword in node.keywords))]
        if len(said) == 2 and None not in said:
            vi, en = said
            assert _fields(vi or "") == _fields(en or ""), place
            assert unicodedata.is_normalized("NFC", vi or ""), place
            seen += 1
    assert seen > 100


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Title", "nhan đề"),
        ("Author", "tác giả"),
        ("Due date", "hạn trả"),
        ("Checked out", "ghi mượn"),
        ("Take items back.", "ghi trả"),
        ("Renew", "gia hạn"),
        ("on the shelf", "có sẵn"),
        ("on loan", "đang được mượn"),
        ("in transit", "đang vận chuyển"),
        ("lost", "bị mất"),
        ("damaged", "bị hư hỏng"),
        ("withdrawn", "loại khỏi lưu thông"),
        ("Call number", "ký hiệu xếp giá"),
        ("The reader's card number.", "số thẻ"),
        ("{date} · overdue", "quá hạn"),
        ("Nothing found. Try fewer or shorter words; marks may be left out.", "không tìm thấy kết quả phù hợp"),
    ],
)
def test_terms_are_those_that_libraries_use(translated: dict[str, str], text: str, term: str) -> None:
    # Source: facts/glossary.csv.
    assert term in translated[text].lower()


def test_one_language_at_a_time_is_spoken_and_the_other_can_be_had() -> None:
    before = kiosk.i18n.language()
    try:
        kiosk.i18n.speak("vi")
        assert (kiosk.i18n.language(), kiosk.i18n._("Title")) == ("vi", "Nhan đề")
        kiosk.i18n.speak("en")
        assert (kiosk.i18n.language(), kiosk.i18n._("Title")) == ("en", "Title")
        with pytest.raises(OSError, match="tramsach"):
            kiosk.i18n.speak("fr")
        assert kiosk.i18n.language() == "en"
    finally:
        kiosk.i18n.speak(before)
