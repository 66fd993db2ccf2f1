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

from sync.circulation.model import Item, Title
from sync.store import tables
from sync.store.current import as_item, as_title
from sync.text import fold, nfc, normal_isbn

#: The most titles one search ranks, and so the farthest hit a person can page to.
REACH = 300

#: How many titles each of the narrower draws brings.
_DRAW = 100

#: Words of a query after these are not looked at: nobody types more, but a scanner may send a page of text.
_MOST_WORDS = 12
_MOST_LETTERS = 400

#: SQLite takes this many values in one ``IN`` on every version in use.
_AT_ONCE = 500

# --- the index --------------------------------------------------------------------------------------------------------

CREATE_INDEX = """
CREATE VIRTUAL TABLE title_search USING fts5(
    title, author, subjects,
    title_folded, author_folded, subjects_folded,
    whole_titles, call_numbers, isbns,
    tokenize = 'ascii', prefix = '1 2 3 4'
)
"""

_index = sa.Table(
    "title_search",
    sa.MetaData(),  # its own: create_all must not make an ordinary table of it
    sa.Column("rowid", sa.Integer, primary_key=True),
    *(
        sa.Column(name, sa.Text)
        for name in (
            *("title", "author", "subjects", "title_folded", "author_folded", "subjects_folded"),
            *("whole_titles", "call_numbers", "isbns"),
        )
    ),
    sa.Column("title_search", sa.Text),  # FTS5's hidden column that a MATCH is asked of
)

#: What no word contains: holds the words of a whole title together, and stands at the beginning of a call number.
_EDGE = "\u00b7"


def create_index(connection: sa.Connection) -> None:
    """Make the empty index in a reference file that has its tables. The caller commits."""
    connection.execute(sa.text(CREATE_INDEX))


def rebuild_index(connection: sa.Connection) -> None:
    """Index every title anew, in the tightest form. The caller commits.

    For after a large import, after a change of what is indexed here, and for an index in doubt; 200,000 titles take
    about 15 s.
    """
    connection.execute(sa.text("DROP TABLE IF EXISTS title_search"))
    create_index(connection)
    last = 0
    while rows := connection.execute(_TITLES.where(tables.title.c.id > last).limit(_AT_ONCE)).mappings().all():
        _write(connection, rows)
        last = rows[-1]["id"]
    connection.execute(sa.text("INSERT INTO title_search(title_search) VALUES ('optimize')"))


def index_titles(connection: sa.Connection, ids: Iterable[int]) -> None:
    """Make the index agree with the tables for these ``title.id``: added, changed and removed titles alike.

    To be called after the rows of ``title`` and ``item`` have been written, in the same transaction; again does no
    harm. The caller commits.
    """
    wanted = list(ids)
    for start in range(0, len(wanted), _AT_ONCE):
        batch = wanted[start : start + _AT_ONCE]
        connection.execute(
            sa.delete(_index).where(_index.c.rowid == sa.bindparam("gone")), [{"gone": title} for title in batch]
        )
        rows = connection.execute(_TITLES.where(tables.title.c.id.in_(batch))).mappings().all()
        if rows:
            _write(connection, rows)


_TITLES = sa.select(
    *(tables.title.c[name] for name in ("id", "title", "author", "subjects", "call_number", "isbns")),
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
        "title_folded": " ".join(map(_folded, title)),
        "author_folded": " ".join(map(_folded, author)),
        "subjects_folded": " ".join(map(_folded, subjects)),
        "whole_titles": " ".join({_whole(title), _whole(_words(row["title"].partition(":")[0]))}),
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


def _whole(title: Sequence[str]) -> str:
    """A title as one word, so that the title that is just the words typed is found among thousands that have them."""
    return _EDGE + " ".join(map(_folded, title)).replace(" ", _EDGE)


def _call_number_words(call_number: str) -> str:
    words = " ".join(map(_folded, _words(call_number)))
    return _EDGE + words if words else ""


_SHORTEST_ISBN = 9


def _isbn_word(text: str) -> str:
    """An ISBN as it is indexed: thirteen digits, or as printed where the printed number is wrong; empty if too short.

    The ISBN field of real records holds all sorts of small numbers.
    """
    as_printed = "".join(_words(text))
    return normal_isbn(text) or (as_printed if len(as_printed) >= _SHORTEST_ISBN else "")


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

    def anywhere(self) -> str:
        """An FTS5 expression for the word with any marks."""
        return _match(_FOLDED, self.folded, open=self.open)

    def honoured(self) -> str:
        """The word as written if it was written with marks, else with any."""
        return _match(_AS_WRITTEN, self.written, open=self.open) if self.written != self.folded else self.anywhere()


def _match(columns: str, words: str, *, open: bool = False, first: bool = False) -> str:  # noqa: A002
    """An FTS5 expression for words in a row, ``first`` in their field, the last one ``open``.

    Words hold letters, digits and edges only, so nothing ends the quotes.
    """
    return f'{columns} : {"^ " if first else ""}"{words}"{" *" if open else ""}'


def _query(text: str) -> list[_Word]:
    words = _words(text)[:_MOST_WORDS]
    return [_Word(word, _folded(word), open=place == len(words)) for place, word in enumerate(words, start=1)]


def _everything(words: Sequence[_Word]) -> str:
    """The titles that have all words, in whatever field and with whatever marks."""
    return " AND ".join(word.anywhere() for word in words)


def _best_of(words: Sequence[_Word]) -> tuple[str, ...]:
    """Narrower expressions, for when more titles have all words than can be ranked."""
    written = " ".join(word.written for word in words)
    folded = " ".join(word.folded for word in words)
    return (
        _match("whole_titles", _whole([folded])),
        _match("title", written, open=True, first=True),
        _match("title_folded", folded, open=True, first=True),
        " AND ".join(_match("title", word.written) for word in words),
        " AND ".join(_match("title_folded", word.folded, open=word.open) for word in words),
        " AND ".join(word.honoured() for word in words),
    )


# --- grading ----------------------------------------------------------------------------------------------------------

# How well a word is matched, times where: a title's word outdoes a subject's, unless its marks are not those typed.
_AS_TYPED, _MARKS_LEFT_OUT, _BEGINS, _OTHER_MARKS, _BEGINS_WITH_OTHER_MARKS = 8, 7, 5, 3, 1
_IN_TITLE, _IN_AUTHOR, _IN_SUBJECTS = 4, 3, 2
# The query as a whole in the title: less than one word's step from author to title, and so spaced that even a title
# that is nothing but `Năm` comes after `Đất rừng phương Nam` where `nam` was typed.
_WHOLE_TITLE, _TITLE_BEGINS, _IN_A_ROW = 6, 5, 3


def _grade(words: Sequence[_Word], row: sa.Row[*tuple[Any, ...]]) -> int:
    """How well a title of the index answers a query; only comparisons mean anything."""
    _, title, author, subjects, title_folded, author_folded, subjects_folded, whole_titles, *_ = row
    total, in_title = 0, True
    for word in words:
        grade = _grade_word(word, title, title_folded)
        in_title = in_title and grade >= _BEGINS
        total += max(
            _IN_TITLE * grade,
            _IN_AUTHOR * _grade_word(word, author, author_folded) if grade < _AS_TYPED else 0,
            _IN_SUBJECTS * _grade_word(word, subjects, subjects_folded) if grade < _AS_TYPED else 0,
        )
    if not in_title:
        return total
    in_a_row = " ".join(word.folded for word in words)
    if _whole([in_a_row]) in whole_titles.split():
        return total + _WHOLE_TITLE
    if title_folded.startswith(in_a_row):
        return total + _TITLE_BEGINS
    return total + _IN_A_ROW if f" {in_a_row}" in title_folded else total


def _grade_word(word: _Word, written: str, folded: str) -> int:
    """How well a word is matched by a field."""
    spaced = f" {folded} "
    whole = f" {word.folded} " in spaced
    if not whole and not (word.open and f" {word.folded}" in spaced):
        return 0
    if whole and f" {word.written} " in f" {written} ":
        return _AS_TYPED
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


# --- searching --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """A title that was found, with all its items (by barcode)."""

    title: Title
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of what was found, best first.

    ``total`` counts the titles that can be paged through, at most :data:`REACH`; ``more`` says that there are others
    beyond them. ``loose``: no title has all the words, these have some ("did you mean").
    """

    hits: tuple[Hit, ...]
    total: int
    more: bool = False
    loose: bool = False


class Catalogue:
    """Reads the catalogue through a connection that stays the caller's.

    ``schema`` names the reference file on that connection: ``main`` where it is the file opened, or the name it was
    attached under.
    """

    def __init__(self, connection: sa.Connection, *, schema: str = "main") -> None:
        self._connection = connection
        self._options = {"schema_translate_map": {None: schema}}

    def search(self, words: str, *, limit: int = 20, offset: int = 0) -> SearchPage:
        """The titles that have all the words, best first; the last word may be unfinished.

        Words match titles, authors and subjects in any mix. A barcode or an ISBN (ten or thirteen digits, with or
        without hyphens) comes first of all, then what the beginning of a call number finds, then words, then the
        beginning of a barcode. Where nothing at all is found, the titles with some of the words come, marked
        ``loose``: without the words that no title has, else without any one word, else with any one word.

        Any text whatever may be asked for; of a long one the first twelve words count. ``limit`` and ``offset`` count
        titles.
        """
        if limit < 0 or offset < 0:
            raise ValueError(f"a page of {limit} titles from {offset}")
        text = nfc(words)[:_MOST_LETTERS]
        typed = _query(text)
        first, last = self._by_number(text), self._by_beginning_of_barcode(text)
        graded, more = self._draw(typed)
        loose = not (first or graded or last)
        if loose:
            graded, more = self._draw_loosely(typed)
        found = list(dict.fromkeys(chain(first, graded, last)))
        return SearchPage(
            hits=self._hits(found[:REACH][offset : offset + limit]),
            total=min(len(found), REACH),
            more=more or max(len(found), len(first), len(last)) > REACH,
            loose=loose and bool(found),
        )

    # Every draw gives ``title.id`` in the order they are to be shown.

    def _draw(self, words: Sequence[_Word]) -> tuple[list[int], bool]:
        if not words:
            return [], False
        everything = _everything(words)
        rows = self._matches(everything, REACH + 1)
        more = len(rows) > REACH
        if more:
            for expression in _best_of(words):
                if expression != everything:
                    rows += self._matches(expression, _DRAW)
        return _ranked(words, rows), more

    def _draw_loosely(self, words: Sequence[_Word]) -> tuple[list[int], bool]:
        known = [word for word in words if self._matches(word.anywhere(), 1)]
        if len(known) < len(words):
            drawn = self._draw(known)
            if drawn[0]:
                return drawn
        if len(known) < 2:
            return [], False
        share = REACH // len(known)
        without_one = [known[:place] + known[place + 1 :] for place in range(len(known))] if len(known) > 2 else []
        draws = [self._matches(_everything(rest), share) for rest in without_one]
        if not any(draws):
            # Each by itself: in one draw for all, the titles of a rare word would drown among those of a common one.
            draws = [self._matches(word.anywhere(), share) for word in known]
        return _ranked(words, chain.from_iterable(draws)), any(len(draw) == share for draw in draws)

    def _by_number(self, text: str) -> list[int]:
        found = self._with_barcode(tables.item.c.item_id.in_({text, text.upper(), text.lower()}))
        if _has_digit(text):
            if isbn := _isbn_word(text):
                found += (row.rowid for row in self._matches(_match("isbns", isbn), REACH))
            if call_number := _call_number_words(text):
                rows = self._matches(_match("call_numbers", call_number, open=True), REACH + 1)
                found += (row.rowid for row in sorted(rows, key=lambda row: (row.call_numbers, row.rowid)))
        return found

    def _by_beginning_of_barcode(self, text: str) -> list[int]:
        if len(text) < _SHORTEST_BARCODE_BEGINNING or " " in text or not _has_digit(text):
            return []
        barcode, found = tables.item.c.item_id, []
        for beginning in sorted({text, text.upper()}):  # one by one: an OR would sort all there are before the first
            found += self._with_barcode(sa.and_(barcode >= beginning, barcode < beginning + _LAST_CHARACTER))
        return found

    def _with_barcode(self, condition: sa.ColumnElement[bool]) -> list[int]:
        title, item = tables.title.c, tables.item.c
        statement = (
            sa.select(title.id)
            .join_from(tables.item, tables.title, item.title_id == title.title_id)
            .where(condition)
            .order_by(item.item_id)
            .limit(REACH + 1)
        )
        return list(self._execute(statement).scalars())

    def _matches(self, expression: str, most: int) -> list[sa.Row[*tuple[Any, ...]]]:
        return list(self._execute(_MATCHES, {"expression": expression, "most": most}))

    def _execute(
        self, statement: sa.Select[*tuple[Any, ...]], values: Mapping[str, Any] | None = None
    ) -> sa.CursorResult[*tuple[Any, ...]]:
        return self._connection.execute(statement, values, execution_options=self._options)

    def _hits(self, ids: Sequence[int]) -> tuple[Hit, ...]:
        title, item = tables.title, tables.item
        rows = self._execute(sa.select(title).where(title.c.id.in_(ids))).mappings()
        titles = {row["id"]: as_title(row) for row in rows}
        items: dict[str, list[Item]] = {one.title_id: [] for one in titles.values()}
        of_page = sa.select(item).where(item.c.title_id.in_(items)).order_by(item.c.item_id)
        for row in self._execute(of_page).mappings():
            items[row["title_id"]].append(as_item(row))
        # The file has another writer: without a transaction around, a title may go between the search and here.
        found = (titles[id_] for id_ in ids if id_ in titles)
        return tuple(Hit(one, tuple(items[one.title_id])) for one in found)


_MATCHES = (
    sa.select(*(column for column in _index.c if column.name != "title_search"))
    .where(_index.c.title_search.match(sa.bindparam("expression", type_=sa.Text)))
    .order_by(_index.c.rowid)
    .limit(sa.bindparam("most", type_=sa.Integer))
)

_SHORTEST_BARCODE_BEGINNING = 3
_LAST_CHARACTER = "\U0010ffff"


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _ranked(words: Sequence[_Word], rows: Iterable[sa.Row[*tuple[Any, ...]]]) -> list[int]:
    """Best first; of equals the shorter title, then the one that came into the catalogue first."""
    by_id = {row.rowid: row for row in rows}
    return sorted(by_id, key=lambda id_: (-_grade(words, by_id[id_]), by_id[id_].title.count(" "), id_))
