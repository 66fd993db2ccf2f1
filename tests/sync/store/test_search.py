"""The catalogue by words: what is found, in what order, and that nothing typed can break it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sync.circulation.model import Item, ItemStatus, Title
from sync.store import tables
from sync.store.search import REACH, Catalogue, SearchPage, create_index, index_titles, rebuild_index
from tests.bench.titles import barcode, isbn, plant_titles


@contextmanager
def reference(path: Path | None = None) -> Iterator[sa.Connection]:
    """An empty reference with its index, in memory or in a file."""
    engine = sa.create_engine(f"sqlite:///{path}" if path else "sqlite://")
    with engine.connect() as connection:
        tables.reference.create_all(connection)
        create_index(connection)
        yield connection
    engine.dispose()


def add(connection: sa.Connection, *titles: Title, items: Sequence[Item] = ()) -> list[int]:
    """Write titles and items, index them, and give the titles' row numbers."""
    ids = []
    for title in titles:
        row = asdict(title) | {"subjects": json.dumps(title.subjects), "isbns": json.dumps(title.isbns)}
        ids.append(connection.execute(sa.insert(tables.title).values(row)).lastrowid)
    for item in items:
        connection.execute(sa.insert(tables.item).values(asdict(item)))
    index_titles(connection, ids)
    return ids


def shelve(connection: sa.Connection, *names: str) -> None:
    """Titles of which only the title matters."""
    add(connection, *(Title(f"{place}:{name}", name) for place, name in enumerate(names)))


def found(connection: sa.Connection, words: str) -> list[str]:
    """The titles a search finds, none of them loosely."""
    page = Catalogue(connection).search(words)
    return [] if page.loose else [hit.title.title for hit in page.hits]


@pytest.fixture
def shelf() -> Iterator[sa.Connection]:
    with reference() as connection:
        yield connection


@pytest.fixture(scope="module")
def stacks() -> Iterator[sa.Connection]:
    """Far more titles than a search ranks. Nobody writes to it."""
    with reference() as connection:
        plant_titles(connection, 3_000, seed=5)
        add(
            connection,
            Title("year", "Chuyện năm Thìn bão lụt"),
            Title("course", "Giáo trình bão lụt học"),
        )
        yield connection


class TestMarks:
    NAMES = (
        *("Đất rừng phương Nam", "Dương Quý Phi", "Năm tháng vội vã", "Đường xưa mây trắng", "Truyện Kiều"),
        *("Nam Cao tuyển tập", "Đương đại", "Truyện ngắn chọn lọc"),
    )

    @pytest.fixture
    def shelf(self, shelf: sa.Connection) -> sa.Connection:
        shelve(shelf, *self.NAMES)
        return shelf

    @pytest.mark.parametrize(
        ("typed", "in_order"),
        [
            ("đường", ["Đường xưa mây trắng", "Đương đại", "Dương Quý Phi"]),
            ("duong", ["Đương đại", "Dương Quý Phi", "Đường xưa mây trắng"]),
            ("năm", ["Năm tháng vội vã", "Đất rừng phương Nam", "Nam Cao tuyển tập"]),
            ("truyen k", ["Truyện Kiều"]),
            ("dat rung", ["Đất rừng phương Nam"]),
            ("đương", ["Đương đại", "Đường xưa mây trắng", "Dương Quý Phi"]),
            ("ĐƯỜNG XƯA", ["Đường xưa mây trắng"]),
            ("đuong", ["Đương đại", "Đường xưa mây trắng", "Dương Quý Phi"]),  # some marks typed
            ("dướng", ["Đương đại", "Dương Quý Phi", "Đường xưa mây trắng"]),  # marks that no title has
            ("truyện kieu", ["Truyện Kiều"]),  # one word with marks, one without
            ("truyen kiều", ["Truyện Kiều"]),
            ("nam", ["Nam Cao tuyển tập", "Đất rừng phương Nam", "Năm tháng vội vã"]),
            ("đườ", ["Đường xưa mây trắng", "Đương đại", "Dương Quý Phi"]),  # unfinished, and yet marked
        ],
    )
    def test_marks_typed_are_honoured_and_marks_left_out_match_any(
        self, shelf: sa.Connection, typed: str, in_order: list[str]
    ) -> None:
        assert found(shelf, typed) == in_order

    def test_a_word_typed_without_marks_is_first_of_all_one_without(self, shelf: sa.Connection) -> None:
        shelve(shelf, "Năm")
        assert found(shelf, "nam")[-2:] == ["Năm", "Năm tháng vội vã"]

    def test_decomposed_text_and_look_alike_letters_find_and_are_found(self, shelf: sa.Connection) -> None:
        shelve(shelf, "Ðo\u031bi\u0300 thu\u031ba")  # eth, and marks apart
        assert found(shelf, "đời thừa") == found(shelf, "doi thua") == ["Ðo\u031bi\u0300 thu\u031ba"]
        assert found(shelf, "đu\u031bo\u031b\u0300ng xu\u031ba") == ["Đường xưa mây trắng"]

    def test_marks_that_no_letter_of_ours_has_do_not_cut_a_word(self, shelf: sa.Connection) -> None:
        shelve(shelf, "Lo\u0331ng Teng")
        assert found(shelf, "long teng") == found(shelf, "lo\u0331ng") == ["Lo\u0331ng Teng"]

    def test_both_places_of_a_tone_are_the_same_word(self, shelf: sa.Connection) -> None:
        shelve(shelf, "Bản giao hưởng hoà bình", "Hóa học vui", "Thành phố Hòa Bình")
        assert found(shelf, "hòa bình") == found(shelf, "hoà bình")
        assert len(found(shelf, "hoà bình")) == 2


class TestWords:
    def test_all_words_must_be_there_in_title_author_and_subjects_in_any_mix(self, shelf: sa.Connection) -> None:
        add(
            shelf,
            Title("1", "Truyện Kiều", "Nguyễn Du", subjects=("Truyện thơ Nôm", "Văn học Việt Nam")),
            Title("2", "Truyện Kiều: Tranh truyện", "Kim Khánh"),
            Title("3", "Nguyễn Du: Niên phổ", "Nguyễn Thạch Giang"),
        )
        assert found(shelf, "nguyễn du kiều") == ["Truyện Kiều"]
        assert found(shelf, "viet nam kieu du") == ["Truyện Kiều"]
        assert found(shelf, "kieu khanh") == ["Truyện Kiều: Tranh truyện"]

    def test_only_the_last_word_may_be_unfinished(self, shelf: sa.Connection) -> None:
        shelve(shelf, "Dế Mèn phiêu lưu ký")
        assert found(shelf, "dế mèn phi") == ["Dế Mèn phiêu lưu ký"]
        assert found(shelf, "dế phi mèn") == []

    def test_a_title_outdoes_an_author_and_an_author_a_subject(self, shelf: sa.Connection) -> None:
        add(
            shelf,
            Title("1", "Thơ chọn lọc", subjects=("Xuân Diệu",)),
            Title("2", "Thơ thơ", "Xuân Diệu"),
            Title("3", "Thơ và đời Xuân Diệu"),
        )
        assert found(shelf, "xuan dieu") == ["Thơ và đời Xuân Diệu", "Thơ thơ", "Thơ chọn lọc"]

    def test_the_whole_title_comes_first_then_its_beginning_then_words_in_a_row(self, shelf: sa.Connection) -> None:
        shelve(
            shelf,
            "Học sinh với toán",
            "Phương pháp dạy toán học",
            "Toán học cho mọi người",
            "Toán học và đời sống hôm nay: Sách đọc thêm",
            "Toán học",
        )
        assert found(shelf, "toan hoc") == [
            "Toán học",
            "Toán học cho mọi người",
            "Toán học và đời sống hôm nay: Sách đọc thêm",
            "Phương pháp dạy toán học",
            "Học sinh với toán",
        ]

    def test_a_title_is_whole_without_its_subtitle(self, shelf: sa.Connection) -> None:
        shelve(shelf, "Tắt đèn mùa hạ", "Tắt đèn: Tiểu thuyết của nhà văn Ngô Tất Tố")
        assert found(shelf, "tắt đèn")[0] == "Tắt đèn: Tiểu thuyết của nhà văn Ngô Tất Tố"

    def test_punctuation_only_parts_words(self, shelf: sa.Connection) -> None:
        shelve(shelf, "Từ điển Anh-Việt, Việt-Anh (bỏ túi)", "Lập trình C++")
        assert found(shelf, '"anh việt" / túi!') == ["Từ điển Anh-Việt, Việt-Anh (bỏ túi)"]
        assert found(shelf, "lập-trình c++") == ["Lập trình C++"]

    @pytest.mark.parametrize("typed", ["", " ", "!?", "\0", "\ud800", "*", '"', "\u0301"])
    def test_nothing_typed_finds_nothing(self, stacks: sa.Connection, typed: str) -> None:
        assert Catalogue(stacks).search(typed) == SearchPage((), 0)

    def test_of_a_very_long_text_the_first_words_count(self, shelf: sa.Connection) -> None:
        name = "một hai ba bốn năm sáu bảy tám chín mười đầu cuối"
        shelve(shelf, name)
        assert found(shelf, name + " thêm" * 2_000) == [name]


class TestHan:
    NAMES = (
        "紅樓夢",
        "Hồng lâu mộng = 紅樓夢",
        "夢紅樓",
        "大南實錄 (Đại Nam thực lục)",
        "となりのトトロ",
        "𡨸喃 chữ Nôm",
    )

    @pytest.fixture
    def shelf(self, shelf: sa.Connection) -> sa.Connection:
        shelve(shelf, *self.NAMES)
        return shelf

    @pytest.mark.parametrize(
        ("typed", "names"),
        [
            ("紅樓夢", ["紅樓夢", "Hồng lâu mộng = 紅樓夢"]),
            ("樓夢", ["紅樓夢", "Hồng lâu mộng = 紅樓夢"]),
            ("實", ["大南實錄 (Đại Nam thực lục)"]),
            ("南實", ["大南實錄 (Đại Nam thực lục)"]),
            ("南錄", []),  # not beside each other
            ("りのトト", ["となりのトトロ"]),
            ("𡨸喃", ["𡨸喃 chữ Nôm"]),
            ("chu 喃", ["𡨸喃 chữ Nôm"]),
            ("紅樓 mộng", ["Hồng lâu mộng = 紅樓夢"]),
        ],
    )
    def test_any_run_inside_a_han_title_is_found(self, shelf: sa.Connection, typed: str, names: list[str]) -> None:
        assert found(shelf, typed) == names


class TestLoosely:
    @pytest.fixture
    def shelf(self, shelf: sa.Connection) -> sa.Connection:
        add(
            shelf,
            Title("1", "Truyện Kiều", "Nguyễn Du"),
            Title("2", "Truyện Tây Bắc", "Tô Hoài"),
            Title("3", "Số đỏ", "Vũ Trọng Phụng"),
        )
        return shelf

    @pytest.mark.parametrize(
        ("typed", "names"),
        [
            ("truyện kiềuu du", ["Truyện Kiều"]),  # a word that no title has is left out
            ("xyz kiều wvu", ["Truyện Kiều"]),
            ("truyện kiều tô du", ["Truyện Kiều"]),  # all words are known; one too many
            ("kiều đỏ", ["Số đỏ", "Truyện Kiều"]),  # nothing has both, so either
        ],
    )
    def test_where_no_title_has_all_words_those_with_some_are_offered_as_such(
        self, shelf: sa.Connection, typed: str, names: list[str]
    ) -> None:
        page = Catalogue(shelf).search(typed)
        assert page.loose
        assert sorted(hit.title.title for hit in page.hits) == names

    @pytest.mark.parametrize("typed", ["xyz", "xyz wvu", "98765"])
    def test_where_no_word_is_known_nothing_is_offered(self, shelf: sa.Connection, typed: str) -> None:
        assert Catalogue(shelf).search(typed) == SearchPage((), 0)

    def test_a_rare_word_is_not_drowned_by_a_common_one(self, stacks: sa.Connection) -> None:
        page = Catalogue(stacks).search("thìn việt")
        assert page.loose
        assert "Chuyện năm Thìn bão lụt" in [hit.title.title for hit in page.hits]


class TestNumbers:
    @pytest.fixture
    def shelf(self, shelf: sa.Connection) -> sa.Connection:
        add(
            shelf,
            Title("1", "Số đỏ", call_number="895.92232 PH-S", isbns=("9780306406157",)),
            Title("2", "1984", "George Orwell", call_number="823 OR-M", isbns=("0804429579",)),  # wrongly printed
            Title("3", "Dấu chân 19841 năm", call_number="001.42", isbns=("2",)),
            items=[
                Item("DN.0012345", "1", "general", "DN", call_number="895.92232/PH-S"),
                Item("DN.0012346", "1", "general", "DN", call_number="VV 1207"),
                Item("19847", "3", "general", "DN"),
                Item("1207", "3", "general", "DN"),
                Item("tn-00a7", "3", "general", "DN"),
            ],
        )
        return shelf

    @pytest.mark.parametrize(
        ("typed", "names"),
        [
            ("DN.0012345", ["Số đỏ"]),
            (" dn.0012345 ", ["Số đỏ"]),
            ("DN.00123", ["Số đỏ"]),
            ("TN-00A7", ["Dấu chân 19841 năm"]),
            ("1207", ["Dấu chân 19841 năm"]),
            ("9780306406157", ["Số đỏ"]),
            ("978-0-306-40615-7", ["Số đỏ"]),
            ("0-306-40615-2", ["Số đỏ"]),
            ("ISBN 0306406152", ["Số đỏ"]),
            ("080442957-9", ["1984"]),
            ("895.92", ["Số đỏ"]),
            ("895.92232 ph", ["Số đỏ"]),
            ("895.92232/PH-S", ["Số đỏ"]),
            ("vv 12", ["Số đỏ"]),
            ("001.42", ["Dấu chân 19841 năm"]),
            ("2", []),
            ("92232", []),  # inside a call number
            ("1984", ["1984", "Dấu chân 19841 năm"]),  # words, then barcodes that begin so
        ],
    )
    def test_barcodes_isbns_and_call_numbers_find_their_title(
        self, shelf: sa.Connection, typed: str, names: list[str]
    ) -> None:
        assert found(shelf, typed) == names

    def test_a_barcode_comes_before_a_title_of_the_same_words(self, shelf: sa.Connection) -> None:
        add(shelf, Title("4", "Mật mã 19847"))
        assert found(shelf, "19847") == ["Dấu chân 19841 năm", "Mật mã 19847"]

    def test_every_barcode_and_isbn_of_a_large_catalogue_finds_its_title(self, stacks: sa.Connection) -> None:
        catalogue = Catalogue(stacks)
        for number in range(1, 3_000, 97):
            assert catalogue.search(barcode(number, 0)).hits[0].title.title_id == f"T{number:07d}"
            numbers = catalogue.search(isbn(number)).hits
            assert [hit.title.title_id for hit in numbers] in ([], [f"T{number:07d}"])
        assert any(catalogue.search(isbn(number)).hits for number in range(1, 20))


class TestPages:
    @pytest.mark.parametrize("typed", ["n", "việt", "giao trinh", "895", "TN0000", "việt zzzz"])
    def test_pages_together_are_what_can_be_reached_each_title_once(self, stacks: sa.Connection, typed: str) -> None:
        catalogue = Catalogue(stacks)
        whole = catalogue.search(typed, limit=REACH)
        pages = [catalogue.search(typed, limit=37, offset=offset) for offset in range(0, REACH, 37)]
        assert [hit for page in pages for hit in page.hits] == list(whole.hits)
        assert len({hit.title.title_id for hit in whole.hits}) == len(whole.hits) == whole.total <= REACH
        assert whole.more

    def test_what_all_fits_says_so(self, stacks: sa.Connection) -> None:
        page = Catalogue(stacks).search("bão lụt", limit=1)
        assert (len(page.hits), page.total, page.more, page.loose) == (1, 2, False, False)

    @pytest.mark.parametrize(
        ("typed", "crowds", "best"),
        [
            ("toan hoc", [Title("", "Toán học nâng cao")], Title("best", "Toán học")),
            ("viet nam", [Title("", "Lịch sử Việt Nam")], Title("best", "Việt Nam tươi đẹp")),
            ("nam", [Title("", "Năm một")], Title("best", "Đất rừng phương Nam")),
            ("năm", [Title("", "Nam Cao"), Title("", "Mười năm")], Title("best", "Năm tháng vội vã")),
            ("năm", [Title("", "Nam Cao")], Title("best", "Thơ", "Trần Năm")),
            ("viet su", [Title("", "Thơ", subjects=("Việt sử",))], Title("best", "Đại Việt toàn sử")),
        ],
    )
    def test_the_best_title_comes_first_though_it_came_last_and_more_match_than_can_be_ranked(
        self, shelf: sa.Connection, typed: str, crowds: list[Title], best: Title
    ) -> None:
        for number, crowd in enumerate(crowds):
            add(shelf, *(replace(crowd, title_id=f"{number}:{copy}") for copy in range(REACH + 1)))
        add(shelf, best)
        page = Catalogue(shelf).search(typed)
        assert page.more
        assert page.hits[0].title == best

    @pytest.mark.parametrize(("limit", "offset"), [(-1, 0), (5, -1)])
    def test_a_page_before_the_first_is_a_mistake(self, shelf: sa.Connection, limit: int, offset: int) -> None:
        with pytest.raises(ValueError, match="page"):
            Catalogue(shelf).search("kiều", limit=limit, offset=offset)


class TestHits:
    TITLE = Title(
        *("T1", "Dế Mèn phiêu lưu ký", "Tô Hoài", "Kim Đồng", "1941", "T. 1", "895.9223 T450H"),
        *(("Truyện thiếu nhi",), ("9780306406157",), "vie"),
    )
    ITEMS = (
        Item("A1", "T1", "children", "TN", 2, 45_000, "895.9223 T450H", "Phòng thiếu nhi", ItemStatus.IN_STOCK),
        Item("A2", "T1", "general", "TN.PY", status=ItemStatus.LOST),
    )

    def test_a_hit_is_the_title_with_all_its_items(self, shelf: sa.Connection) -> None:
        add(shelf, self.TITLE, Title("T2", "Dế Mèn"), items=self.ITEMS[::-1])
        hits = Catalogue(shelf).search("de men").hits
        assert [(hit.title.title_id, hit.items) for hit in hits] == [("T2", ()), ("T1", self.ITEMS)]
        assert hits[1].title == self.TITLE

    def test_an_attached_reference_answers_the_same(self, tmp_path: Path) -> None:
        with reference(tmp_path / "reference.sqlite") as connection:
            add(connection, self.TITLE, items=self.ITEMS)
            connection.commit()
            expected = [Catalogue(connection).search(typed) for typed in ("dế mèn", "A2", "895.92", "0306406152")]
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
        with engine.connect() as ledger:
            tables.ledger.create_all(ledger)
            ledger.exec_driver_sql("ATTACH DATABASE ? AS ref", (f"{tmp_path / 'reference.sqlite'}",))
            catalogue = Catalogue(ledger, schema="ref")
            assert [catalogue.search(typed) for typed in ("dế mèn", "A2", "895.92", "0306406152")] == expected
            assert all(page.hits for page in expected)
        engine.dispose()


PIECES = st.sampled_from(
    [
        *(
            "viet",
            "nam",
            "Đường",
            "紅樓",
            "ー",
            " ",
            "\n",
            "0",
            "978",
            "½",
            "٣",
            "\u0301",
            "·",
            "\0",
            "\ud800",
            "\udfff",
        ),
        *(
            '"',
            "'",
            "*",
            "^",
            "(",
            ")",
            "NEAR(a b, 2)",
            "AND",
            "OR",
            "NOT",
            ":",
            "title:",
            "+",
            "-",
            "{",
            "}",
            "\\",
            "%",
            "--",
        ),
    ]
)
ANYTHING = st.characters(codec=None, exclude_categories=())


class TestNothingBreaksIt:
    @given(st.one_of(st.text(ANYTHING), st.lists(PIECES).map("".join)))
    def test_whatever_is_typed_there_is_a_page(self, stacks: sa.Connection, typed: str) -> None:
        page = Catalogue(stacks).search(typed)
        assert len(page.hits) == min(page.total, 20)

    @given(st.one_of(PIECES, ANYTHING))
    def test_ten_thousand_of_anything_are_bounded(self, stacks: sa.Connection, piece: str) -> None:
        page = Catalogue(stacks).search(piece * 10_000)
        assert page.total <= REACH

    @given(st.text(min_size=1, max_size=60))
    def test_every_title_is_found_by_its_own_words(self, name: str) -> None:
        with reference() as connection:
            add(connection, Title("1", name))
            page = Catalogue(connection).search(name)
            row = connection.execute(sa.text("SELECT title, title_folded FROM title_search")).one()
            assert len(row.title.split()) == len(row.title_folded.split())
            assert [hit.title.title for hit in page.hits if not page.loose] == ([name] if row.title else [])


words = st.lists(st.sampled_from(["Đường", "duong", "năm", "nam", "紅樓", "kieu", "Kiều"]), max_size=3).map(" ".join)
acts = st.lists(st.tuples(st.sampled_from(["write", "remove", "relabel"]), st.integers(1, 4), words), max_size=12)


class TestIndexing:
    @given(acts)
    def test_the_index_is_at_every_moment_what_a_rebuild_would_make(self, history: list[tuple[str, int, str]]) -> None:
        title, item = tables.title, tables.item
        with reference() as connection:
            for act, number, text in history:
                connection.execute(sa.delete(title).where(title.c.id == number))
                if act == "write":
                    row = {"id": number, "title_id": f"T{number}", "title": text, "author": text[::-1]}
                    connection.execute(sa.insert(title).values(row))
                if act == "relabel":
                    connection.execute(sa.delete(item).where(item.c.item_id == f"I{number}"))
                    copy = Item(f"I{number}", f"T{number % 2 + 1}", "general", "TN", call_number=f"895 {text}")
                    connection.execute(sa.insert(item).values(asdict(copy)))
                index_titles(connection, [number, number % 2 + 1])
            kept = _indexed(connection)
            connection.execute(sa.text("INSERT INTO title_search(title_search) VALUES ('integrity-check')"))
            rebuild_index(connection)
            assert _indexed(connection) == kept

    def test_a_title_is_found_by_its_new_words_only(self, shelf: sa.Connection) -> None:
        (id_,) = add(shelf, Title("1", "Truyện Kiều"))
        shelf.execute(sa.update(tables.title).values(title="Chinh phụ ngâm"))
        index_titles(shelf, [id_])
        assert (found(shelf, "kiều"), found(shelf, "chinh phu")) == ([], ["Chinh phụ ngâm"])

    def test_a_new_copy_brings_its_call_number(self, shelf: sa.Connection) -> None:
        (id_,) = add(shelf, Title("1", "Truyện Kiều", call_number="895.9221"))
        shelf.execute(sa.insert(tables.item).values(asdict(Item("A", "1", "general", "TN", call_number="VN 77"))))
        assert found(shelf, "vn 77") == []
        index_titles(shelf, [id_])
        assert found(shelf, "vn 77") == found(shelf, "895.92") == ["Truyện Kiều"]

    def test_a_title_removed_meanwhile_is_left_out_of_the_page(self, shelf: sa.Connection) -> None:
        shelve(shelf, "Truyện Kiều", "Kiều Hán Hán Kiều")
        shelf.execute(sa.delete(tables.title).where(tables.title.c.title == "Truyện Kiều"))
        assert found(shelf, "kieu") == ["Kiều Hán Hán Kiều"]

    def test_the_same_seed_plants_the_same_catalogue(self) -> None:
        def planted(seed: int) -> list[object]:
            with reference() as connection:
                plant_titles(connection, 50, seed)
                return [list(connection.execute(sa.select(table))) for table in (tables.title, tables.item)]

        assert planted(1) == planted(1)
        assert planted(1) != planted(2)


def _indexed(connection: sa.Connection) -> list[sa.Row[tuple[object, ...]]]:
    return list(connection.execute(sa.text("SELECT rowid, * FROM title_search ORDER BY rowid")))
