"""MARCXML out of whole and broken documents."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.intake.iso2709 import Raw
from sync.intake.marcxml import looks_like_xml, records
from sync.intake.reasons import Reason
from tests.sync.intake.quirky import book, marcxml, xml_record

BOOKS = [book(f"Tập {n} & tiếp", barcode=f"TN000{n}", control=f"c{n}") for n in (1, 2, 3)]
ONE, TWO, THREE = map(xml_record, BOOKS)
HEAD, TAIL = '<collection xmlns="http://www.loc.gov/MARC21/slim">', "</collection>"


def read(document: str | bytes, size: int = 1 << 18) -> list[Raw | Reason]:
    content = document.encode() if isinstance(document, str) else document
    blocks: Iterator[bytes] = (content[at : at + size] for at in range(0, len(content), size))
    return list(records(blocks))


def seen(found: list[Raw | Reason]) -> list[str]:
    """The title of each record, or the reason that stands for it."""
    return [
        each.name
        if isinstance(each, Reason)
        else next(
            (content[0][1] for tag, _, content in each.fields if tag == "245" and not isinstance(content, str)), ""
        )
        for each in found
    ]


ALL = ["Tập 1 & tiếp", "Tập 2 & tiếp", "Tập 3 & tiếp"]


@pytest.mark.parametrize("prefix", ["", "marc", "m.21"])
@pytest.mark.parametrize("size", [1 << 18, 1000, 13])
def test_records_come_out_whatever_the_prefix_and_however_they_arrive(prefix: str, size: int) -> None:
    found = read(marcxml(BOOKS, prefix=prefix), size)
    assert seen(found) == ALL
    assert all(isinstance(each, Raw) and not each.reasons for each in found)


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig"])
def test_documents_with_a_byte_order_mark_are_read_by_it(codec: str) -> None:
    content = marcxml(BOOKS, declaration='<?xml version="1.0"?>').encode(codec)
    assert looks_like_xml(content)
    assert seen(read(content, 1001)) == ALL


def test_a_declared_encoding_is_believed() -> None:
    document = marcxml([book("Müller")], declaration='<?xml version="1.0" encoding="ISO-8859-1"?>')
    assert seen(read(document.replace("ễ", "e").replace("ă", "a").replace("ọ", "o").encode("latin-1"))) == ["Müller"]


def test_an_encoding_that_does_not_exist_is_not_believed() -> None:
    document = marcxml(BOOKS, declaration='<?xml version="1.0" encoding="x-klingon"?>')
    assert seen(read(document)) == ALL


def test_a_record_that_is_not_well_formed_stops_no_other() -> None:
    broken = TWO.replace("</datafield>", "", 1)
    assert seen(read(HEAD + ONE + broken + THREE + TAIL)) == [ALL[0], "BROKEN_XML", ALL[2]]


def test_usual_mistakes_in_the_xml_are_put_right() -> None:
    broken = TWO.replace("&amp;", "& &eacute; \x02 &#2;").replace("00000nam a2200000 a 4500", "nam")
    found = read(HEAD + ONE + broken + THREE + TAIL)
    assert seen(found) == [ALL[0], "Tập 2 & &eacute;   tiếp", ALL[2]]
    assert isinstance(found[1], Raw)
    assert found[1].reasons == {Reason.XML_MENDED}


def test_a_record_that_is_never_closed_ends_where_the_next_one_begins() -> None:
    for cut in range(len("<record><leader>"), len(TWO) - len("</record>\n") + 1, 7):
        assert seen(read(HEAD + ONE + TWO[:cut] + THREE + TAIL)) == [ALL[0], "CUT_SHORT", ALL[2]]
        assert seen(read(HEAD + ONE + TWO[:cut])) == [ALL[0], "CUT_SHORT"]


def test_records_inside_other_documents_are_found() -> None:
    harvested = "".join(
        f"<record><header><identifier>oai:{n}</identifier></header><metadata>{marc}</metadata></record>"
        for n, marc in enumerate((ONE, TWO, THREE))
    )
    assert seen(read(f"<OAI-PMH><ListRecords>{harvested}</ListRecords></OAI-PMH>")) == ALL


def test_entities_cannot_be_defined_and_files_cannot_be_named() -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE c [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">'
        '<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    )
    (found,) = seen(read(bomb + HEAD + ONE.replace("Tập 1", "&b;&f;") + TAIL))
    assert found == "&b;&f; & tiếp"


def test_a_document_without_records_gives_none() -> None:
    assert read("<html><body>Not found</body></html>") == []
    assert read("<records><recordSchema/></records>") == []
    assert read(HEAD + TAIL) == []


def test_damaged_letters_spoil_themselves_alone() -> None:
    content = (HEAD + ONE + TWO + TAIL).encode().replace("Tập 2".encode(), b"T\xe1\xba p 2")
    assert seen(read(content)) == [ALL[0], "T\ufffd p 2 & tiếp"]


@given(st.binary(max_size=2000))
def test_any_bytes_give_records_or_reasons(content: bytes) -> None:
    assert all(isinstance(found, Raw | Reason) for found in read(content))


@given(st.lists(st.one_of(st.sampled_from([ONE, TWO[:90], TWO[90:], "<record>", "</record>", "<", "&", "x:y"]))))
def test_any_pieces_of_documents_give_records_or_reasons(pieces: list[str]) -> None:
    assert all(isinstance(found, Raw | Reason) for found in read("".join(pieces)))


@given(st.data())
def test_every_record_that_was_not_damaged_comes_in(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TWO) - 1))
    damaged = data.draw(
        st.sampled_from(
            [TWO[:at], TWO[at:], TWO[:at] + "<" + TWO[at:], TWO[:at] + "&" + TWO[at + 1 :], TWO[:at] + "\0"]
        )
    )
    found = seen(read(HEAD + ONE + damaged + THREE + TAIL))
    assert found[0] == ALL[0]
    assert found[-1] == ALL[2]
