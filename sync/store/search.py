"""The catalogue by words, with or without marks; by call number, barcode and ISBN.

Vietnamese readers type ``truyen kieu`` as often as ``truyện kiều``, and a tone mark belongs to its word, so each title
is indexed twice: as written and folded (:func:`sync.text.fold`). Marks not typed match any marks; marks typed put the
titles that have them first (facts/vietnamese-and-screens.md, section 4.3).

How it works. Words are cut here and reach SQLite's FTS5 with spaces between them. Its ``ascii`` tokenizer adds nothing
of its own, so what a word is never depends on the Unicode tables of whichever SQLite opens the file. Every Han and
kana character is a word of its own, and a run of them in a query is a phrase: any run inside a title is found.

FTS5 finds, Python ranks. ``bm25`` reads every match of every word, tenths of a second for one typed letter; a MATCH
without an order stops after the first few hundred in a fraction of a millisecond. So one draw of at most ``REACH``
titles is taken, and where there are more, a few narrower draws (the whole title, its beginning, words in the title,
marks as typed) bring those that must not be missed. The drawn titles are then graded word by word. ``REACH`` is also
as far as a person can page, and ``SearchPage.more`` says that there were others.

The index is a plain FTS5 table, which keeps its words, and not a contentless one: for 40 % more room Python grades
without cutting and folding anything again, and :func:`index_titles` is right whatever stood in the index before
(SQLite 3.40 has no ``contentless_delete``: a contentless index forgets a title only when shown its exact old words).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import sqlalchemy as sa

from sync.circulation.model import Item, ItemStatus, Title
from sync.store import tables
from sync.text import fold, nfc, normal_isbn

#: The most titles one search ranks, and so the farthest hit a person can page to.
REACH = 400

#: How many titles each of the narrower draws brings.
_DRAW = 150

#: Words of a query after these are not looked at: nobody types more, but a scanner may send a page of text.
_MOST_WORDS = 12
_MOST_LETTERS = 400

_BATCH = 2_000

# --- the index --------------------------------------------------------------------------------------------------------

CREATE_INDEX = """
CREATE VIRTUAL TABLE title_search USING fts5(
    title, author, subjects,
    title_folded, author_folded, subjects_folded,
    call_numbers, isbns,
    tokenize = 'ascii', prefix = '1 2 3'
)
"""

_index = sa.Table(
    "title_search",
    sa.MetaData(),  # its own: create_all must not make an ordinary table of it
    sa.Column("rowid", sa.Integer, primary_key=True),
    *(
        sa.Column(name, sa.Text)
        for name in ("title", "author", "subjects", "title_folded", "author_folded", "subjects_folded")
    ),
    sa.Column("call_numbers", sa.Text),
    sa.Column("isbns", sa.Text),
    sa.Column("title_search", sa.Text),  # FTS5's hidden column that a MATCH is asked of
)

#: Glued before a call number's first word and put after a title's last: the place where a prefix or a title ends.
_EDGE = "\u00b7"


def create_index(connection: sa.Connection) -> None:
    """Make the empty index in a reference file that has its tables. The caller commits."""
    connection.execute(sa.text(CREATE_INDEX))


def rebuild_index(connection: sa.Connection) -> None:
    """Index every title anew, in the tightest form. The caller commits.

    For after a large import, after a change of this module, and for an index in doubt; about 50 s a million titles.
    """
    connection.execute(sa.text("DROP TABLE IF EXISTS title_search"))
    create_index(connection)
    last = 0
    while rows := connection.execute(_TITLES.where(tables.title.c.id > last).limit(_BATCH)).mappings().all():
        _write(connection, rows)
        last = rows[-1]["id"]
    connection.execute(sa.text("INSERT INTO title_search(title_search) VALUES ('optimize')"))


def index_titles(connection: sa.Connection, ids: Iterable[int]) -> None:
    """Make the index agree with the tables for these ``title.id``: added, changed and removed titles alike.

    To be called after the rows of ``title`` and ``item`` have been written, in the same transaction; again does no
    harm. The caller commits.
    """
    wanted = list(ids)
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        connection.execute(
            sa.delete(_index).where(_index.c.rowid == sa.bindparam("gone")), [{"gone": title} for title in batch]
        )
        rows = connection.execute(_TITLES.where(tables.title.c.id.in_(batch))).mappings().all()
        if rows:
            _write(connection, rows)


_TITLES = sa.select(
    tables.title.c["id", "title", "author", "subjects", "call_number", "isbns"],
    sa.select(sa.func.json_group_array(tables.item.c.call_number.distinct()))
    .where(tables.item.c.title_id == tables.title.c.title_id)
    .scalar_subquery()
    .label("item_call_numbers"),
).order_by(tables.title.c.id)


def _write(connection: sa.Connection, titles: Sequence[Mapping[Any, Any]]) -> None:
    connection.execute(sa.insert(_index), [_indexed(title) for title in titles])


def _indexed(row: Mapping[Any, Any]) -> dict[str, Any]:
    title, author = _words(row["title"]), _words(row["author"])
    subjects = _words(" ".join(json.loads(row["subjects"])))
    call_numbers = dict.fromkeys((row["call_number"], *json.loads(row["item_call_numbers"])))
    return {
        "rowid": row["id"],
        "title": " ".join(title),
        "author": " ".join(author),
        "subjects": " ".join(subjects),
        "title_folded": " ".join((*map(_folded, title), _EDGE)),
        "author_folded": " ".join(map(_folded, author)),
        "subjects_folded": " ".join(map(_folded, subjects)),
        "call_numbers": " ".join(filter(None, map(_call_number_words, call_numbers))),
        "isbns": " ".join(filter(None, map(_isbn_word, json.loads(row["isbns"])))),
    }


# --- words ------------------------------------------------------------------------------------------------------------

# Han with its radicals, iteration marks and numerals, kana, and the two planes that hold nothing but Han.
_HAN = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_RUN = re.compile(rf"([{_HAN}]+)|[^\W_{_HAN}]+")
# What NFC left uncomposed is no mark of Vietnamese; standing between letters it would cut the word.
_LOOSE_MARKS = re.compile("[\u0300-\u036f]+")

# hoà and hòa, khoẻ and khỏe, thuỷ and thủy are one word each in two spellings.
_OLD_STYLE = {
    unicodedata.normalize("NFC", pair + tone): unicodedata.normalize("NFC", pair[0] + tone + pair[1])
    for pair in ("oa", "oe", "uy")
    for tone in "\u0300\u0309\u0303\u0301\u0323"
}


def _words(text: str) -> list[str]:
    """The words of a text as they are compared: small letters, tones in their old places, Han runs spaced out."""
    words = []
    for run in _RUN.finditer(_LOOSE_MARKS.sub("", nfc(text).casefold())):
        word = run[0]
        words.append(" ".join(word) if run[1] else word[:-2] + _OLD_STYLE.get(word[-2:], word[-2:]))
    return words


# A catalogue's words are few (syllables) and come again and again.
_folded = lru_cache(1 << 16)(fold)


def _call_number_words(call_number: str) -> str:
    words = " ".join(map(_folded, _words(call_number)))
    return _EDGE + words if words else ""


def _isbn_word(text: str) -> str:
    """An ISBN as it is indexed: thirteen digits, or as printed where the printed number is wrong."""
    return normal_isbn(text) or "".join(_words(text))


@lru_cache(1 << 16)
def _marks(word: str) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    """A word's letters, each with the marks that make it another letter, and the tones of the whole word."""
    letters: list[set[str]] = []
    tones = set()
    for character in unicodedata.normalize("NFD", word.replace("đ", "d\u0335")):
        if character in _TONES:
            tones.add(character)
        elif letters and unicodedata.combining(character):
            letters[-1].add(character)
        else:
            letters.append({character})
    return tuple(map(frozenset, letters)), frozenset(tones)


_TONES = frozenset("\u0300\u0309\u0303\u0301\u0323")


def _honours(typed: str, word: str) -> bool:
    """Whether a word that folds like (or begins like) the typed one has every mark that was typed."""
    (typed_letters, typed_tones), (letters, tones) = _marks(typed), _marks(word)
    return typed_tones <= tones and all(a <= b for a, b in zip(typed_letters, letters, strict=False))


# --- a query ----------------------------------------------------------------------------------------------------------

_AS_WRITTEN = "{title author subjects}"
_FOLDED = "{title_folded author_folded subjects_folded}"


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a query. ``open``: it is the last, and perhaps not typed to its end."""

    written: str
    folded: str
    open: bool

    def match(self, columns: str = _FOLDED, *, exact: bool = False) -> str:
        """An FTS5 expression for the word in some columns. Words hold letters and digits only, so quotes are safe."""
        if exact:
            return f'{columns}:"{self.written}"'
        return f'{columns}:"{self.folded}"{"*" if self.open else ""}'

    def match_honoured(self) -> str:
        """As typed where marks were typed, else with any marks."""
        if self.written == self.folded:
            return self.match()
        # An open word cannot be asked for by its marks: the tone may still move (`đươn`, `đường`).
        return f"({self.match(_AS_WRITTEN, exact=True)} OR {self.match()})" if self.open else self.match(_AS_WRITTEN, exact=True)


def _query(text: str) -> list[_Word]:
    words = list(dict.fromkeys(_words(text)))[:_MOST_WORDS]
    return [_Word(word, _folded(word), open=place == len(words)) for place, word in enumerate(words, start=1)]


def _all(expressions: Iterable[str]) -> str:
    return " AND ".join(expressions)


# --- grading ----------------------------------------------------------------------------------------------------------

# How well a word is matched, times where: a title's word outdoes a subject's, unless its marks are not those typed.
_AS_TYPED, _MARKS_LEFT_OUT, _BEGINS, _OTHER_MARKS, _BEGINS_WITH_OTHER_MARKS = 8, 7, 5, 3, 1
_IN_TITLE, _IN_AUTHOR, _IN_SUBJECTS = 4, 3, 2
# The query as a whole in the title; worth less than one word's step from author to title.
_WHOLE_TITLE, _TITLE_BEGINS, _IN_A_ROW = 7, 5, 3


def _grade(words: Sequence[_Word], row: sa.Row[Any]) -> int:
    """How well a title of the index answers a query; only comparisons mean anything."""
    title = f" {row.title_folded} "
    fields = (
        (_IN_TITLE, f" {row.title} ", title),
        (_IN_AUTHOR, f" {row.author} ", f" {row.author_folded} "),
        (_IN_SUBJECTS, f" {row.subjects} ", f" {row.subjects_folded} "),
    )
    total = sum(max(weight * _grade_word(word, written, folded) for weight, written, folded in fields) for word in words)
    row_of_words = " ".join(word.folded for word in words)
    if f" {row_of_words}" not in title or not all(_grade_word(word, *fields[0][1:]) >= _BEGINS for word in words):
        return total
    if title == f" {row_of_words} {_EDGE} ":
        return total + _WHOLE_TITLE
    return total + (_TITLE_BEGINS if title.startswith(f" {row_of_words}") else _IN_A_ROW)


def _grade_word(word: _Word, written: str, folded: str) -> int:
    """How well a word is matched by a field, given with a space at both ends."""
    if f" {word.written} " in written:
        return _AS_TYPED
    whole = f" {word.folded} " in folded
    if not whole and not (word.open and f" {word.folded}" in folded):
        return 0
    if word.written == word.folded:
        return _MARKS_LEFT_OUT if whole else _BEGINS
    honoured = any(
        _honours(word.written, as_written)
        for as_written, as_folded in zip(written.split(), folded.split(), strict=False)
        if (as_folded == word.folded if whole else as_folded.startswith(word.folded))
    )
    if whole:
        return _MARKS_LEFT_OUT if honoured else _OTHER_MARKS
    return _BEGINS if honoured else _BEGINS_WITH_OTHER_MARKS
