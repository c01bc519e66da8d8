"""docs/your-own-data.md has the formats as they are; `python -m tests.docs.test_importing` writes its table anew."""

import re
from pathlib import Path

from lce_tf.importing.formats import FORMATS, table

PAGE = Path(__file__).parents[2] / "docs" / "your-own-data.md"
_TABLE = re.compile(r"^\| rows of \|.*?\n(?=\n)", re.M | re.S)


def test_the_table_has_every_format():
    (shown,) = _TABLE.findall(PAGE.read_text(encoding="utf-8"))
    assert shown == table() and shown.count("\n") == 2 + len(FORMATS)


if __name__ == "__main__":
    PAGE.write_text(_TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
