"""Bytes of library tags and what they say, from standards and from what others have published (facts/rfid.md)."""

import pytest

from drivers.codec import crc_ccitt_false
from drivers.iso15962 import Compaction
from drivers.library_tag import ExtensionBlock, LibraryTag
from drivers.rfid501 import Rfid501

ANNEX_B1 = bytes.fromhex("1101013130303030303030353600000000000098A4444B373138353030000000")
ANNEX_B2 = bytes.fromhex(
    "110101313030303030303133360000000000003615444B3731383530300000000000"
    "0501000501"
    "22020071426F67766F676E656E00313233343536373839300000613738393635366300"
)
GERMAN = bytes.fromhex("11010131313232333334340000000000000000513E4445373035000000000000")

ANNEX_B2_EXTENSIONS = (
    ExtensionBlock(1, b"\x01"),
    ExtensionBlock(2, b"Bogvognen\0" b"1234567890\0\0" b"a789656c"),
)  # fmt: skip

ISO_28560_3 = [
    pytest.param(ANNEX_B1, LibraryTag("1000000056", "DK-718500"), id="ISO 28560-3 Annex B.1"),
    pytest.param(
        ANNEX_B2, LibraryTag("1000000136", "DK-718500", extensions=ANNEX_B2_EXTENSIONS), id="ISO 28560-3 Annex B.2"
    ),
    pytest.param(GERMAN, LibraryTag("11223344", "DE-705"), id="a German library"),
]

#: The all-zero tag with the CRC of a writer that does not pad: 0x2A45 instead of 0xF14C.
ZEROS_UNPADDED = bytes.fromhex("00000000000000000000000000000000000000452A0000000000000000000000")

#: The example of ISO 28560-2 and GB/T 35660.2.
STANDARD_2 = bytes.fromhex("9100051CBE991A140201D0140204B34607441CB6E2E335D6830207ACC09EBAA06F6B0000")

#: An example after Annex P of ISO/IEC 15962. Its source has the wrong precursor for the title (7F, the text is in
#: five-bit code), so that the title and what follows cannot be vouched for.
ANNEX_P = bytes.fromhex("910508002BDC545E14D64E8080808080C70005042C72619819040132915F7F0202541C6E03A2B380")

#: Text, how it is compacted, and the bytes.
COMPACTED = [
    ("256", Compaction.INTEGER, "0100"),
    ("123456789012", Compaction.INTEGER, "1CBE991A14"),
    ("091", Compaction.NUMERIC, "091F"),
    ("1203", Compaction.NUMERIC, "1203"),
    ("AHQZ", Compaction.FIVE_BIT, "0A23A0"),
    ("ZYXWV", Compaction.FIVE_BIT, "D6717B00"),
    ("ABC12345", Compaction.SIX_BIT, "0420F1CB3D35"),
    ("ABC123456", Compaction.SIX_BIT, "0420F1CB3D35DA"),
    ("J205.1/F933", Compaction.SIX_BIT, "2B2C35BB1BC6E73CE0"),
    ("QA268.L55", Compaction.SIX_BIT, "441CB6E2E335D6"),
    ("abcdefgh", Compaction.SEVEN_BIT, "C38B1E4CB9B3E8"),
    ("abcdefgh123", Compaction.SEVEN_BIT, "C38B1E4CB9B3E862C99F"),
]

ISILS = [
    ("US-InU-Mu", "ACC09EBAA06F6B"),
    ("CN-110108-1-NLC", "1B81E110108A1AC7307F"),
    ("CN-120104-C-YBL", "1B81E120104AC1832267"),
]

RFID_501 = bytes.fromhex("0411000032303039303130313031323300000000FFFFFFFF7FFFFFFF00000000")
RFID_501_SAYS = Rfid501("200901010123", 1, 1, media_type=0, branch=4095, library=1048575, custom=2147483647)


def with_crc(data: bytes, over: int = 34) -> bytes:
    """The same tag of ISO 28560-3 with the CRC that its other bytes ask for."""
    covered = (data[:19] + data[21:34]).ljust(over - 2, b"\0")[: over - 2]
    return data[:19] + crc_ccitt_false(covered).to_bytes(2, "little") + data[21:]
