"""A made-up catalogue of any size, for measuring: Vietnamese in the main, some English, the same for the same seed.

Titles are put together from the words that library shelves are full of, so that common words are as common as in a
real catalogue (`Việt Nam`, `giáo trình`, `Nguyễn` stand on a large part of the records), which is what makes searching
hard. Names of authors are drawn from common family, middle and given names; none is meant to be anybody.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from sync.store import search, tables

_BATCH = 5_000


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split(", "))


#: Class number, topic in Vietnamese, topic in English.
_TOPICS: tuple[tuple[str, str, str], ...] = (
    ("001.42", "phương pháp nghiên cứu khoa học", "research methods"),
    ("004", "khoa học máy tính", "computer science"),
    ("004.6", "mạng máy tính", "computer networks"),
    ("005.1", "lập trình hướng đối tượng", "object oriented programming"),
    ("005.74", "cơ sở dữ liệu", "database systems"),
    ("006.3", "trí tuệ nhân tạo", "artificial intelligence"),
    ("020", "thư viện và thông tin học", "library science"),
    ("070.4", "nghiệp vụ báo chí", "journalism"),
    ("100", "triết học", "philosophy"),
    ("150", "tâm lý học", "psychology"),
    ("155.4", "tâm lý học trẻ em", "child psychology"),
    ("158", "kỹ năng sống", "personal success"),
    ("181", "triết học phương Đông", "eastern philosophy"),
    ("294.3", "Phật giáo", "buddhism"),
    ("299.5", "Đạo Mẫu và tín ngưỡng dân gian", "folk religion"),
    ("301", "xã hội học", "sociology"),
    ("320", "chính trị học", "political science"),
    ("324.2597", "lịch sử Đảng Cộng sản Việt Nam", "party history"),
    ("330", "kinh tế học", "economics"),
    ("332", "tài chính và tiền tệ", "money and banking"),
    ("335.434", "tư tưởng Hồ Chí Minh", "political thought"),
    ("338.1", "kinh tế nông nghiệp", "agricultural economics"),
    ("340", "pháp luật đại cương", "introduction to law"),
    ("345.597", "luật hình sự", "criminal law"),
    ("346.597", "luật dân sự", "civil law"),
    ("355", "giáo dục quốc phòng và an ninh", "defence studies"),
    ("363.7", "bảo vệ môi trường", "environmental protection"),
    ("370", "giáo dục học", "education"),
    ("371.3", "phương pháp dạy học", "teaching methods"),
    ("372.21", "giáo dục mầm non", "early childhood education"),
    ("390", "phong tục tập quán các dân tộc", "customs and folklore"),
    ("398.2", "truyện cổ tích dân gian", "folk tales"),
    ("398.9", "ca dao tục ngữ", "proverbs"),
    ("420", "tiếng Anh giao tiếp", "english conversation"),
    ("428.2", "ngữ pháp tiếng Anh", "english grammar"),
    ("495.1", "tiếng Trung Quốc", "chinese language"),
    ("495.922", "tiếng Việt thực hành", "vietnamese language"),
    ("510", "toán cao cấp", "advanced mathematics"),
    ("512", "đại số tuyến tính", "linear algebra"),
    ("515", "giải tích hàm một biến", "calculus"),
    ("519.2", "xác suất thống kê", "probability and statistics"),
    ("530", "vật lý đại cương", "general physics"),
    ("540", "hóa học vô cơ", "inorganic chemistry"),
    ("547", "hóa học hữu cơ", "organic chemistry"),
    ("551", "địa chất công trình", "engineering geology"),
    ("570", "sinh học phân tử", "molecular biology"),
    ("581", "thực vật học", "botany"),
    ("590", "động vật có xương sống", "vertebrate zoology"),
    ("610", "y học cổ truyền", "traditional medicine"),
    ("612", "giải phẫu và sinh lý người", "human physiology"),
    ("613.2", "dinh dưỡng và sức khỏe", "nutrition and health"),
    ("615.8", "cây thuốc nam", "medicinal plants"),
    ("618.92", "chăm sóc trẻ em", "child care"),
    ("620.1", "sức bền vật liệu", "strength of materials"),
    ("621.3", "kỹ thuật điện", "electrical engineering"),
    ("621.381", "điện tử công suất", "power electronics"),
    ("621.8", "chi tiết máy", "machine design"),
    ("624.1", "kết cấu bê tông cốt thép", "reinforced concrete"),
    ("628", "xử lý nước thải", "waste water treatment"),
    ("630", "nông nghiệp bền vững", "sustainable agriculture"),
    ("633.1", "kỹ thuật trồng lúa", "rice growing"),
    ("633.7", "kỹ thuật trồng và chế biến chè", "tea processing"),
    ("634.9", "lâm nghiệp xã hội", "social forestry"),
    ("636.2", "chăn nuôi trâu bò", "cattle farming"),
    ("636.5", "kỹ thuật nuôi gà thả vườn", "poultry farming"),
    ("639", "nuôi trồng thủy sản", "aquaculture"),
    ("641.5", "món ăn gia đình", "home cooking"),
    ("657", "kế toán tài chính", "financial accounting"),
    ("658", "quản trị kinh doanh", "business management"),
    ("658.3", "quản trị nhân lực", "human resources"),
    ("658.8", "marketing căn bản", "principles of marketing"),
    ("664", "công nghệ thực phẩm", "food technology"),
    ("669", "luyện kim và vật liệu", "metallurgy"),
    ("671.5", "công nghệ hàn", "welding technology"),
    ("690", "kỹ thuật xây dựng", "building construction"),
    ("720", "kiến trúc nhà ở", "domestic architecture"),
    ("745", "nghề thủ công mỹ nghệ", "handicrafts"),
    ("759", "hội họa", "painting"),
    ("781", "âm nhạc dân gian", "folk music"),
    ("793", "trò chơi tập thể", "group games"),
    ("796", "giáo dục thể chất", "physical education"),
    ("807", "dạy học ngữ văn", "teaching literature"),
    ("895.109", "văn học Trung Quốc", "chinese literature"),
    ("895.92209", "văn học Việt Nam hiện đại", "vietnamese literature"),
    ("910", "địa lý du lịch", "tourism geography"),
    ("915.97", "địa chí", "local gazetteers"),
    ("959.7", "lịch sử Việt Nam", "history of vietnam"),
    ("959.704", "kháng chiến chống thực dân Pháp", "the french war"),
)

#: `{t}` is the topic, `{T}` the topic with a capital, `{p}` a place.
_FORMS: tuple[str, ...] = (
    "Giáo trình {t}",
    "Giáo trình {t}",
    "Giáo trình {t}: Dùng cho sinh viên các trường đại học và cao đẳng",
    "{T}",
    "{T}: Lý thuyết và bài tập",
    "{T}: Những vấn đề lý luận và thực tiễn",
    "{T} ở Việt Nam",
    "{T} tỉnh {p}",
    "Bài giảng {t}",
    "Bài tập {t}",
    "Hướng dẫn giải bài tập {t}",
    "Cơ sở {t}",
    "Nhập môn {t}",
    "Sổ tay {t}",
    "Hỏi đáp về {t}",
    "Từ điển {t} Anh - Việt",
    "Tuyển tập {t}",
    "Những điều cần biết về {t}",
    "Đổi mới {t} trong thời kỳ hội nhập",
    "Nghiên cứu {t} tại {p}",
    "Thực trạng và giải pháp phát triển {t} ở {p}",
    "101 câu hỏi về {t}",
)

_ENGLISH_FORMS: tuple[str, ...] = (
    "Introduction to {t}",
    "{T}",
    "{T}: A practical guide",
    "Principles and practice of {t}",
    "Advances in {t}",
    "Handbook of {t}",
    "{T} for beginners",
    "Problems in {t}",
    "The Oxford companion to {t}",
)

_STORY_HEADS = _listed(
    "Mùa, Dòng sông, Ngọn lửa, Con đường, Ngôi nhà, Chuyện tình, Người đàn bà, Cánh đồng, Đêm, Ngày, Bến, Giấc mơ, "
    "Tiếng chim, Bức thư, Ký ức, Vầng trăng, Hoa, Cây, Rừng, Đất, Biển, Gió, Mưa, Nắng, Truyện, Thơ, Bóng, Lời ru, "
    "Chiếc lá, Ánh mắt, Thành phố, Làng, Người lính, Đứa trẻ, Cô gái, Bà mẹ, Năm tháng, Mây, Cánh buồm, Hạt giống"
)
_STORY_TAILS = _listed(
    "xanh, đỏ, trắng, cuối cùng, không tên, xa xôi, tuổi thơ, bên kia sông, trong sương, giữa rừng, mùa hạ, "
    "mùa thu, đông, bất tận, trở về, vội vã, phương Nam, phương Bắc, quê hương, hòa bình, chiến tranh, một thời, "
    "im lặng, dang dở, của mẹ, của cha, của biển, của rừng, trên núi, dưới trăng, đầu đời, năm ấy, ngày ấy, "
    "thầm lặng, và em, và tôi, không bao giờ tắt, lấp lánh, nở muộn, lưu lạc, hoang vắng, đi qua, nhỏ bé"
)

_PLACES = _listed(
    "Thái Nguyên, Bắc Kạn, Cao Bằng, Hà Giang, Tuyên Quang, Lạng Sơn, Bắc Giang, Bắc Ninh, Hà Nội, Hải Phòng, "
    "Quảng Ninh, Hải Dương, Hưng Yên, Thái Bình, Nam Định, Ninh Bình, Thanh Hóa, Nghệ An, Hà Tĩnh, Quảng Bình, "
    "Quảng Trị, Huế, Đà Nẵng, Quảng Nam, Quảng Ngãi, Bình Định, Phú Yên, Khánh Hòa, Ninh Thuận, Bình Thuận, "
    "Kon Tum, Gia Lai, Đắk Lắk, Lâm Đồng, Đồng Nai, Tây Ninh, Long An, Tiền Giang, Bến Tre, Vĩnh Long, Trà Vinh, "
    "Cần Thơ, Sóc Trăng, Bạc Liêu, Cà Mau, An Giang, Kiên Giang, Đồng Tháp, Lào Cai, Yên Bái, Phú Thọ, Vĩnh Phúc, "
    "Hòa Bình, Sơn La, Điện Biên, Lai Châu"
)

_FAMILIES = _listed("Nguyễn, Trần, Lê, Phạm, Hoàng, Huỳnh, Phan, Vũ, Võ, Đặng, Bùi, Đỗ, Hồ, Ngô, Dương, Lý, Đào, Đinh")
_FAMILY_WEIGHTS: tuple[int, ...] = (38, 11, 9, 7, 5, 5, 4, 4, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1)
_MIDDLES = _listed(
    "Văn, Thị, Đức, Minh, Hữu, Quang, Ngọc, Thanh, Xuân, Thu, Hồng, Kim, Đình, Công, Bá, Quốc, Anh, Hoài, Mạnh, Thùy"
)
_GIVENS = _listed(
    "An, Anh, Ánh, Ân, Bách, Bảo, Bình, Châu, Chi, Chung, Cường, Dung, Dũng, Duy, Dương, Đại, Đạt, Đăng, Đông, "
    "Đức, Giang, Hà, Hải, Hạnh, Hằng, Hậu, Hiền, Hiếu, Hiệp, Hoa, Hòa, Hoàng, Hồng, Huệ, Hùng, Huy, Huyền, Hương, "
    "Khánh, Khoa, Kiên, Lan, Lâm, Liên, Linh, Loan, Long, Lộc, Lợi, Mai, Minh, Mỹ, Nam, Nga, Ngân, Nghĩa, Ngọc, "
    "Nguyên, Nhàn, Nhung, Oanh, Phong, Phú, Phúc, Phương, Phượng, Quân, Quang, Quế, Quyên, Quỳnh, Sơn, Tâm, Tân, "
    "Thái, Thanh, Thành, Thảo, Thắng, Thịnh, Thu, Thúy, Thư, Tiến, Toàn, Trang, Trí, Trung, Tú, Tuấn, Tùng, Tuyết, "
    "Vân, Việt, Vinh, Vũ, Xuân, Yến"
)
_FOREIGN_FIRST = _listed(
    "Alan, Anna, Brian, Carol, David, Diane, Edward, Elena, Frank, Grace, Henry, Irene, James, Julia, Karl, Laura, "
    "Mark, Nina, Paul, Rita, Robert, Susan, Thomas, Victor, William"
)
_FOREIGN_ROOTS = _listed(
    "Ash, Black, Brad, Bur, Carl, Chad, Clay, Cole, Dal, Den, Ed, Els, Fair, Far, Gar, Gold, Hard, Haw, Hol, Kel, "
    "Lan, Mar, Mil, Nor, Oak, Pem, Pres, Rad, Rich, Ros, Shel, Stan, Thorn, Wal, Whit"
)
_FOREIGN_ENDS = _listed(
    "berg, bourne, bridge, burn, by, croft, dale, den, field, ford, ham, hurst, ington, land, ley, low, man, mere, "
    "more, ridge, son, stein, stone, ton, ville, wick, wood, worth"
)
_PUBLISHERS = _listed(
    "Giáo dục, Khoa học và Kỹ thuật, Văn học, Kim Đồng, Trẻ, Chính trị quốc gia, Lao động, Phụ nữ, Y học, "
    "Nông nghiệp, Xây dựng, Thống kê, Hội Nhà văn, Thanh niên, Đại học Thái Nguyên"
)
_BRANCHES: tuple[str, ...] = ("TN", "TN.DT", "TN.PY", "TN.SC", "BK", "VAN1")


def plant_titles(connection: sa.Connection, count: int, seed: int) -> None:
    """Write ``count`` titles with their items into an empty reference and index them.

    The file must have its tables and its index (:func:`sync.store.search.create_index`). Titles get the ids
    1 to ``count``; about one in three has more than one item. The caller commits.
    """
    rng = random.Random(seed)
    titles: list[dict[str, Any]] = []
    items: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        title = _title(rng, number)
        titles.append(title)
        items.extend(_items(rng, title))
        if len(titles) == _BATCH or number == count:
            connection.execute(sa.insert(tables.title), titles)
            connection.execute(sa.insert(tables.item), items)
            titles.clear()
            items.clear()
    search.rebuild_index(connection)


def _title(rng: random.Random, number: int) -> dict[str, Any]:
    kind = rng.choices(("study", "story", "life", "english"), (52, 24, 8, 16))[0]
    author = vietnamese_name(rng)
    if kind == "story":
        class_number, subjects = "895.9223", ["Văn học Việt Nam", rng.choice(("Tiểu thuyết", "Truyện ngắn", "Thơ"))]
        text = f"{rng.choice(_STORY_HEADS)} {rng.choice(_STORY_TAILS)}"
        if rng.random() < 0.4:
            text += rng.choice((": Tiểu thuyết", ": Tập truyện ngắn", ": Thơ", f" {rng.choice(_STORY_TAILS)}"))
    elif kind == "life":
        class_number, subjects = "959.70092", ["Nhân vật lịch sử", "Việt Nam"]
        text = f"{vietnamese_name(rng)}: {rng.choice(('Cuộc đời và sự nghiệp', 'Hồi ký', 'Con người và tác phẩm'))}"
    else:
        class_number, vietnamese, english = rng.choice(_TOPICS)
        subjects = [_capital(vietnamese)]
        if kind == "study":
            if rng.random() < 0.35:
                subjects.append(rng.choice(("Việt Nam", rng.choice(_PLACES), "Giáo trình")))
            text = _fill(rng.choice(_FORMS), vietnamese, rng)
        else:
            text = _fill(rng.choice(_ENGLISH_FORMS), english, rng)
            author = _foreign_name(rng)
    volume = f"T. {rng.randint(1, 6)}" if rng.random() < 0.12 else ""
    return {
        "id": number,
        "title_id": f"T{number:07d}",
        "title": text,
        "author": author if rng.random() > 0.04 else "",
        "publisher": rng.choice(_PUBLISHERS),
        "year": str(rng.randint(1975, 2026)),
        "volume": volume,
        "call_number": f"{class_number} {_shelf_mark(author, text)}",
        "subjects": json.dumps(subjects, ensure_ascii=False),
        "isbns": json.dumps([isbn(number)] if rng.random() < 0.6 else []),
        "language": "eng" if kind == "english" else "vie",
    }


def _items(rng: random.Random, title: dict[str, Any]) -> Iterator[dict[str, Any]]:
    copies = rng.choices((1, 2, 3, 5), (66, 20, 10, 4))[0]
    for copy in range(copies):
        yield {
            "item_id": barcode(title["id"], copy),
            "title_id": title["title_id"],
            "type": "children" if title["call_number"].startswith("398") else "general",
            "branch": rng.choice(_BRANCHES),
            "price": rng.randrange(15, 400) * 1_000,
            "call_number": title["call_number"],
            "location": rng.choice(("Kho đọc", "Kho mượn", "Phòng thiếu nhi")),
        }


def barcode(number: int, copy: int) -> str:
    """The barcode of a planted title's copy (copies count from 0)."""
    return f"TN{number:07d}{copy}"


def isbn(number: int) -> str:
    """The ISBN-13 a planted title has, if it has one (about three in five do)."""
    digits = f"978604{number % 1_000_000:06d}"
    check = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10
    return f"{digits}{check}"


def _fill(form: str, topic: str, rng: random.Random) -> str:
    return form.format(t=topic, T=_capital(topic), p=rng.choice(_PLACES))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def vietnamese_name(rng: random.Random) -> str:
    middles: Sequence[str] = rng.sample(_MIDDLES, rng.choice((0, 1, 1, 1, 2)))
    return " ".join((rng.choices(_FAMILIES, _FAMILY_WEIGHTS)[0], *middles, rng.choice(_GIVENS)))


def _foreign_name(rng: random.Random) -> str:
    return f"{rng.choice(_FOREIGN_FIRST)} {rng.choice(_FOREIGN_ROOTS)}{rng.choice(_FOREIGN_ENDS)}"


def _shelf_mark(author: str, title: str) -> str:
    return f"{author.rpartition(' ')[2][:2].upper()}-{title[:1].upper()}"
