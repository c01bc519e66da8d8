"""Which ids are allowed in a column of a run or of judgments: one word, no control characters."""

import re

from lce_tf.errors import UserError

LONGEST_ID = 512  # bytes; ids are kept in fixed-width arrays, so one very long id would widen every row

# White space of any script, control characters, surrogates, and U+FEFF, which occurs only where a file with a byte
# order mark was appended to another.
_UNFIT = re.compile("[\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff\ud800-\udfff]")
# The same as UTF-8, except the ASCII characters other than DEL.
_UNFIT_UTF8 = re.compile(
    rb"\x7f|\xc2[\x80-\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80|\xef\xbb\xbf"
)


def unfit(name: str) -> str | None:
    """Why an id cannot stand in a column, as the end of a sentence ("is empty"); None if it can."""
    if not name:
        return "is empty"
    if found := _UNFIT.search(name):
        character = found[0]
        return "holds white space" if character.isspace() else f"holds the character U+{ord(character):04X}"
    if len(name) > LONGEST_ID // 4 and (size := len(name.encode())) > LONGEST_ID:
        return f"has {size} bytes; {LONGEST_ID} is the longest allowed"
    return None


def refuse_unfit(data: bytes, number: int, path: str) -> None:
    """Refuses characters that other programs may take for the end of a line or column.

    Args:
        data: whole lines; the first is line `number` of the file.

    Raises:
        UserError: with file and line: a CR inside a line, DEL, or white space or a control character beyond ASCII.
    """
    found, what = None, "CR inside a line"
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        found = re.search(rb"\r+(?![\r\n])", data)
    if not found and (not data.isascii() or b"\x7f" in data) and (found := _UNFIT_UTF8.search(data)):
        what = f"the character U+{ord(found[0].decode()):04X}"
    if found:
        line = number + data.count(b"\n", 0, found.start())
        raise UserError(f"{path}:{line}: holds {what}, which other readers treat as a gap; fix or delete the line")
