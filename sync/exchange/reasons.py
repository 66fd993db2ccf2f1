"""Why something that arrived was not taken: a closed set of reasons, and the sentence of each in two languages.

A sentence names who sent and who received it, because the same reason sends one or the other to do something: a message
of a newer program is mended by an update of whoever could not read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from config.phrase import Phrase


class Side(Enum):
    """One of the two that talk."""

    STATION = Phrase("trạm", "the station")
    HEADQUARTERS = Phrase("trụ sở", "headquarters")

    @property
    def other(self) -> Side:
        """Whom this one talks to."""
        return Side.HEADQUARTERS if self is Side.STATION else Side.STATION


class Reason(StrEnum):
    """What is wrong with something that arrived. The value is the word on the wire and in lists."""

    DAMAGED = "damaged"
    TOO_LARGE = "too_large"
    RATIO = "ratio"
    EMPTY = "empty"
    BAD_SIGNATURE = "bad_signature"
    RETIRED_KEY = "retired_key"
    OTHER_STATION = "other_station"
    OTHER_HEADQUARTERS = "other_headquarters"
    OTHER_QUESTION = "other_question"
    WRONG_RANGE = "wrong_range"
    BROKEN_CHAIN = "broken_chain"
    NEWER_PROTOCOL = "newer_protocol"
    OLDER_PROTOCOL = "older_protocol"
    INCOMPLETE = "incomplete"
    PART_CHANGED = "part_changed"
    OTHER_LOCK = "other_lock"
    REPEATED = "repeated"
    EARLIER_MISSING = "earlier_missing"
    WRONG_CODE = "wrong_code"


_SENTENCES = {
    Reason.DAMAGED: Phrase(
        "Dữ liệu từ {sender} bị hỏng trên đường đi và không được nhận; hãy gửi lại.",
        "What came from {sender} was damaged on its way and was not taken; send it again.",
    ),
    Reason.TOO_LARGE: Phrase(
        "Dữ liệu từ {sender} lớn hơn mức cho phép và không được nhận.",
        "What came from {sender} is larger than allowed and was not taken.",
    ),
    Reason.RATIO: Phrase(
        "Dữ liệu từ {sender} được nén một cách bất thường và không được mở.",
        "What came from {sender} is compressed beyond all measure and was not opened.",
    ),
    Reason.EMPTY: Phrase(
        "Dữ liệu từ {sender} không chứa gì.",
        "What came from {sender} holds nothing.",
    ),
    Reason.BAD_SIGNATURE: Phrase(
        "Chữ ký không phải của {sender} đã biết, hoặc nội dung đã bị sửa; không có gì được nhận.",
        "The signature is not that of {sender} as known here, or the content was changed; nothing was taken.",
    ),
    Reason.RETIRED_KEY: Phrase(
        "Dữ liệu được ký bằng khóa cũ của {sender}, sau khi khóa đó đã bị thu hồi; không có gì được nhận.",
        "It is signed with an old key of {sender}, after that key was withdrawn; nothing was taken.",
    ),
    Reason.OTHER_STATION: Phrase(
        "Dữ liệu này thuộc về một trạm khác, hoặc về lần đăng ký trước của trạm này.",
        "This belongs to another station, or to an earlier enrolment of this one.",
    ),
    Reason.OTHER_HEADQUARTERS: Phrase(
        "Dữ liệu này thuộc về một trụ sở khác.",
        "This belongs to another headquarters.",
    ),
    Reason.OTHER_QUESTION: Phrase(
        "Câu trả lời này không phải cho câu hỏi vừa gửi; trạm sẽ hỏi lại.",
        "This reply answers another question than the one just asked; the station will ask again.",
    ),
    Reason.WRONG_RANGE: Phrase(
        "Số sự kiện trong lô không khớp với số thứ tự ghi trên lô.",
        "The number of events in the batch is not what its first and last number say.",
    ),
    Reason.BROKEN_CHAIN: Phrase(
        "Chuỗi sự kiện trong lô không khớp; hãy chạy “tramsach doctor” trên trạm.",
        "The chain of events in the batch does not hold; run “tramsach doctor” at the station.",
    ),
    Reason.NEWER_PROTOCOL: Phrase(
        "Dữ liệu do một bản Trạm Sách mới hơn ghi; hãy cập nhật chương trình của {receiver} rồi thử lại.",
        "This was written by a newer Trạm Sách; update the program of {receiver}, then try again.",
    ),
    Reason.OLDER_PROTOCOL: Phrase(
        "Dữ liệu do một bản Trạm Sách quá cũ ghi; hãy cập nhật chương trình của {sender} rồi thử lại.",
        "This was written by a Trạm Sách that is too old; update the program of {sender}, then try again.",
    ),
    Reason.INCOMPLETE: Phrase(
        "Gói trên USB chưa đủ các phần: có thể USB bị rút quá sớm. Hãy xuất lại ở {sender}.",
        "The bundle on the stick lacks parts: the stick may have been pulled too soon. Export it again at {sender}.",
    ),
    Reason.PART_CHANGED: Phrase(
        "Một phần của gói trên USB bị hỏng hoặc bị thay bằng tệp khác. Hãy xuất lại ở {sender}, nên dùng USB khác.",
        "A part of the bundle on the stick is damaged or was replaced. Export it again at {sender}, best on another"
        " stick.",
    ),
    Reason.OTHER_LOCK: Phrase(
        "Gói này được khóa cho một khóa mà {receiver} không còn giữ. Hãy xuất lại ở {sender}.",
        "This bundle is locked for a key that {receiver} does not hold. Export it again at {sender}.",
    ),
    Reason.REPEATED: Phrase(
        "Gói này đã được nhập rồi; không cần làm gì thêm.",
        "This bundle has been read before; there is nothing left to do.",
    ),
    Reason.EARLIER_MISSING: Phrase(
        "Gói này nối tiếp một gói trước của {sender} mà {receiver} chưa nhập. Hãy nhập gói trước đó, hoặc xuất lại ở"
        " {sender}.",
        "This continues an earlier bundle of {sender} that {receiver} has not read. Import that one first, or export"
        " again at {sender}.",
    ),
    Reason.WRONG_CODE: Phrase(
        "Mã đăng ký không đúng, đã dùng rồi hoặc đã hết hạn. Hãy xin trụ sở một mã mới.",
        "The enrolment code is wrong, used or too old. Ask headquarters for a new one.",
    ),
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something that arrived and was not taken. ``sender`` is whose it claimed, or would have had, to be."""

    reason: Reason
    sender: Side = Side.STATION

    @property
    def phrase(self) -> Phrase:
        """The sentence for whoever has to do something about it."""
        return _SENTENCES[self.reason].fill(sender=self.sender.value, receiver=self.sender.other.value)
