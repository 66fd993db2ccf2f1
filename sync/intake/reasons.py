"""Why something was refused, repaired or noted in an import: the codes, and the sentence of each in two languages.

A reason is of one of three kinds: *refused* (it did not come in), *repaired* (it came in, changed) or *noted* (it came
in as it is; good to know). What a library can act on record by record is listed; what concerns whole files (decomposed
Unicode, a wrong flag on every record) is only counted, or fifteen thousand lines would hide the three that matter.
"""

from __future__ import annotations

from enum import Enum, StrEnum

from config.phrase import Phrase


class Outcome(StrEnum):
    """What became of the thing a reason speaks of."""

    REFUSED = "refused"
    REPAIRED = "repaired"
    NOTED = "noted"


class Reason(Enum):
    """Why something was refused, repaired or noted. The code is the name in lower case."""

    # --- whole files ---
    FILE_UNREADABLE = (
        Outcome.REFUSED,
        Phrase("Không đọc được tệp đến hết.", "The file could not be read to its end."),
    )
    FILE_EMPTY = (Outcome.REFUSED, Phrase("Tệp rỗng.", "The file is empty."))
    NOT_MARC = (
        Outcome.REFUSED,
        Phrase(
            "Tệp không chứa biểu ghi MARC 21 hay MARCXML nào.",
            "There is no MARC 21 or MARCXML record in the file.",
        ),
    )
    NOT_A_TABLE = (
        Outcome.REFUSED,
        Phrase("Tệp không phải là CSV hay XLSX đọc được.", "The file is no CSV or XLSX that can be read."),
    )
    ENCODING_UNKNOWN = (
        Outcome.REFUSED,
        Phrase(
            "Không nhận ra bảng mã của tệp. Hãy lưu lại tệp với bảng mã UTF-8.",
            "The encoding of the file is not recognised. Please save the file as UTF-8.",
        ),
    )
    OLD_WORKBOOK = (
        Outcome.REFUSED,
        Phrase(
            "Tệp Excel kiểu cũ (.xls) hoặc có mật khẩu. Hãy lưu lại dưới dạng .xlsx không mật khẩu.",
            "The workbook is of the old kind (.xls) or has a password. Please save it as .xlsx without one.",
        ),
    )
    HEADER_MISSING = (
        Outcome.REFUSED,
        Phrase(
            "Không tìm thấy dòng tiêu đề có cột {detail}.",
            "There is no heading row with a column for {detail}.",
        ),
    )
    HEADER_TWICE = (
        Outcome.REFUSED,
        Phrase(
            "Có hai cột cùng có thể là {detail}. Hãy chỉ rõ trong tệp ánh xạ.",
            "Two columns may both be {detail}. Please say which in a mapping file.",
        ),
    )

    # --- records that cannot be read ---
    RUBBISH = (
        Outcome.REFUSED,
        Phrase("Giữa các biểu ghi có dữ liệu lạ.", "Between the records stands something that is no record."),
    )
    CUT_SHORT = (Outcome.REFUSED, Phrase("Biểu ghi bị cắt ngang.", "The record is cut short."))
    BEGINNING_LOST = (
        Outcome.REFUSED,
        Phrase("Biểu ghi mất phần đầu.", "The beginning of the record is lost."),
    )
    DIRECTORY_BROKEN = (
        Outcome.REFUSED,
        Phrase("Danh mục trường của biểu ghi bị hỏng.", "The record's directory and its fields do not fit together."),
    )
    TOO_LONG = (
        Outcome.REFUSED,
        Phrase(
            "Biểu ghi quá dài đối với ISO 2709 (99.999 byte). Hãy xuất dưới dạng MARCXML.",
            "The record is too long for ISO 2709 (99,999 bytes). Please export it as MARCXML.",
        ),
    )
    BROKEN_XML = (
        Outcome.REFUSED,
        Phrase("Biểu ghi không đúng cú pháp XML.", "The record is not well-formed XML."),
    )

    # --- records that were put right ---
    LENGTH_WRONG = (
        Outcome.REPAIRED,
        Phrase(
            "Độ dài hoặc danh mục trường ghi sai; đã tính lại.",
            "Lengths or the directory were wrong and have been worked out anew.",
        ),
    )
    TERMINATOR_MISSING = (
        Outcome.REPAIRED,
        Phrase("Thiếu dấu kết thúc biểu ghi.", "The record terminator was missing."),
    )
    STRAY_DELIMITER = (
        Outcome.REPAIRED,
        Phrase(
            "Có dấu phân cách trường con thừa; đã nối lại văn bản.",
            "A stray subfield delimiter was taken out and the text joined.",
        ),
    )
    FIELD_DROPPED = (
        Outcome.REPAIRED,
        Phrase("Đã bỏ một trường bị hỏng.", "A broken field was left out."),
    )
    XML_MENDED = (
        Outcome.REPAIRED,
        Phrase("Đã sửa lỗi cú pháp XML.", "Mistakes in the XML were put right."),
    )
    DAMAGED_TEXT = (
        Outcome.REPAIRED,
        Phrase(
            "Có ký tự hỏng, nay hiện là \ufffd.",
            "There are damaged characters; they now show as \ufffd.",
        ),
    )
    TRANSCRIBING_ERROR = (
        Outcome.REPAIRED,
        Phrase(
            "Hệ thống cũ không chuyển được một phần văn bản.",
            "The exporting system could not convert part of the text.",
        ),
    )
    TITLE_MISSING = (
        Outcome.REPAIRED,
        Phrase(
            "Không có nhan đề; đã đặt nhan đề tạm từ các trường khác.",
            "There is no title; other fields stand in for it.",
        ),
    )
    CONTROL_NUMBER_TWICE = (
        Outcome.REPAIRED,
        Phrase(
            "Số kiểm soát đã thuộc về {other}, là tài liệu khác; đã nhập thành nhan đề riêng.",
            "The control number already belongs to {other}, another work; it came in as a title of its own.",
        ),
    )
    ISBN_INVALID = (
        Outcome.REPAIRED,
        Phrase("ISBN sai; đã bỏ qua.", "The ISBN is wrong and was left out."),
    )
    PRICE_UNREADABLE = (
        Outcome.REPAIRED,
        Phrase("Không đọc được giá tiền; đã để trống.", "The price could not be read and was left empty."),
    )
    PARTS_UNREADABLE = (
        Outcome.REPAIRED,
        Phrase(
            "Không đọc được số phần kèm theo; đã tính là một.",
            "The number of parts could not be read; one was taken.",
        ),
    )
    ENCODING_FLAG_WRONG = (
        Outcome.REPAIRED,
        Phrase(
            "Bảng mã ghi trong đầu biểu sai; đã nhận lại theo nội dung.",
            "The leader names the wrong encoding; it was recognised from the text.",
        ),
        False,
    )
    DECOMPOSED = (
        Outcome.REPAIRED,
        Phrase("Unicode tổ hợp; đã chuyển về dựng sẵn (NFC).", "Decomposed Unicode was composed (NFC)."),
        False,
    )
    HTML_ENTITIES = (
        Outcome.REPAIRED,
        Phrase("Mã HTML trong văn bản; đã đổi thành chữ.", "HTML entities in the text became letters."),
        False,
    )
    BRANCH_UNKNOWN = (
        Outcome.REPAIRED,
        Phrase(
            "Mã đơn vị {detail} không có trong mạng lưới; đã nhập vào đơn vị mặc định.",
            "The branch code {detail} is not in the network; the items came in at the default branch.",
        ),
        False,
    )
    TYPE_UNKNOWN = (
        Outcome.REPAIRED,
        Phrase(
            "Kiểu tài liệu {detail} không có trong bảng chuyển; đã dùng kiểu mặc định.",
            "The item type {detail} is not in the mapping; the default type was taken.",
        ),
        False,
    )

    # --- items ---
    BARCODE_TAKEN = (
        Outcome.REFUSED,
        Phrase(
            "Mã vạch đã thuộc về một tài liệu khác ({other}).",
            "The barcode already belongs to another work ({other}).",
        ),
    )
    BARCODE_TAKEN_SAME_TITLE = (
        Outcome.REFUSED,
        Phrase(
            "Mã vạch đã thuộc về một bản khác của cùng nhan đề ({other}); có thể nhập trùng.",
            "The barcode already belongs to another copy of the same title ({other}); probably entered twice.",
        ),
    )
    BARCODE_MISSING = (
        Outcome.REFUSED,
        Phrase("Bản tài liệu không có mã vạch nên không mượn được.", "The copy has no barcode, so it cannot be lent."),
    )
    BARCODE_DAMAGED = (
        Outcome.REFUSED,
        Phrase("Mã vạch có ký tự hỏng.", "The barcode has damaged characters."),
    )

    # --- chips known by their UIDs ---
    UID_UNREADABLE = (
        Outcome.REFUSED,
        Phrase(
            "Đây không phải là UID của chip (16 chữ số thập lục phân, bắt đầu bằng E0).",
            "This is no chip's UID (16 hexadecimal digits that begin with E0).",
        ),
    )
    UID_TAKEN = (Outcome.REFUSED, Phrase("UID này đã có ở {other}.", "This UID already stands at {other}."))
    ITEM_TAGGED = (
        Outcome.REFUSED,
        Phrase("Tài liệu này đã có chip ở {other}.", "This item already has a chip at {other}."),
    )
    UID_REVERSED = (
        Outcome.REPAIRED,
        Phrase(
            "UID ghi ngược thứ tự byte; đã đảo lại.", "The UID had its bytes in reverse order and was turned round."
        ),
    )
    ITEM_UNKNOWN = (
        Outcome.NOTED,
        Phrase(
            "Danh mục chưa có tài liệu này; chip vẫn được ghi vào danh sách.",
            "The catalogue does not know this item yet; the chip is on the list all the same.",
        ),
    )

    # --- patrons ---
    CARD_NUMBER_MISSING = (Outcome.REFUSED, Phrase("Thiếu số thẻ.", "The card number is missing."))
    CARD_NUMBER_ROUNDED = (
        Outcome.REFUSED,
        Phrase(
            "Bảng tính đã làm tròn số thẻ. Hãy định dạng cột số thẻ là văn bản rồi nhập lại số đúng.",
            "The spreadsheet has rounded the card number. Please format the column as text and enter it again.",
        ),
    )
    CARD_NUMBER_TAKEN = (
        Outcome.REFUSED,
        Phrase("Số thẻ đã thuộc về bạn đọc khác ({other}).", "The card number belongs to another reader ({other})."),
    )
    PATRON_TWICE = (
        Outcome.REFUSED,
        Phrase("Bạn đọc này đã có ở {other}.", "This reader already stands at {other}."),
    )
    NAME_MISSING = (Outcome.REFUSED, Phrase("Thiếu họ và tên.", "The name is missing."))
    EXPIRY_UNREADABLE = (
        Outcome.REFUSED,
        Phrase(
            "Không đọc được ngày hết hạn (cần dạng ngày/tháng/năm).",
            "The expiry date cannot be read (day/month/year is wanted).",
        ),
    )
    TEXT_DAMAGED = (
        Outcome.REFUSED,
        Phrase("Dòng có ký tự hỏng.", "The row has damaged characters."),
    )
    ROW_TOO_LONG = (
        Outcome.REFUSED,
        Phrase(
            "Dòng có nhiều ô hơn dòng tiêu đề; có thể sai dấu phân cách.",
            "The row has more cells than the heading; a separator may be wrong.",
        ),
    )
    QUOTE_OPEN = (
        Outcome.REFUSED,
        Phrase("Dòng có dấu ngoặc kép không đóng.", "A quotation mark in the row is never closed."),
    )
    BIRTH_DATE_UNREADABLE = (
        Outcome.REPAIRED,
        Phrase("Không đọc được ngày sinh; đã để trống.", "The birth date could not be read and was left empty."),
    )
    DEPOSIT_UNREADABLE = (
        Outcome.REPAIRED,
        Phrase("Không đọc được tiền cược; đã ghi là 0.", "The deposit could not be read; none was recorded."),
    )
    BLOCK_UNCLEAR = (
        Outcome.REPAIRED,
        Phrase(
            "Không rõ lý do khóa thẻ; đã khóa thẻ và ghi nguyên văn.",
            "Why the card is stopped is unclear; it was stopped and the words kept as a note.",
        ),
    )
    CATEGORY_UNKNOWN = (
        Outcome.REPAIRED,
        Phrase(
            "Loại thẻ {detail} không có trong bảng chuyển; đã dùng loại mặc định.",
            "The card type {detail} is not in the mapping; the default category was taken.",
        ),
        False,
    )

    # --- good to know ---
    SEQUENCE_NUMBER = (
        Outcome.NOTED,
        Phrase("Trường 020 chứa số thứ tự chứ không phải ISBN.", "Field 020 holds a sequence number and no ISBN."),
        False,
    )
    NO_COPIES = (
        Outcome.NOTED,
        Phrase("Biểu ghi không có bản nào để mượn.", "The record has no copies to lend."),
        False,
    )
    ITEM_MOVED = (
        Outcome.NOTED,
        Phrase(
            "Bản tài liệu nay thuộc nhan đề khác với lần nhập trước.",
            "The copy now stands under another title than at the last import.",
        ),
        False,
    )
    YEAR_ONLY = (
        Outcome.NOTED,
        Phrase("Chỉ có năm sinh; đã lấy ngày 1 tháng 1.", "Only the year of birth is known; 1 January was taken."),
        False,
    )

    def __init__(self, outcome: Outcome, phrase: Phrase, listed: bool = True) -> None:
        self.outcome = outcome
        self.phrase = phrase
        #: Whether each case is listed; otherwise the cases are only counted.
        self.listed = listed

    @property
    def code(self) -> str:
        """The reason as a machine reads it."""
        return self.name.lower()
