"""`python -m tests.bad_input.page`, from the repository root: writes docs/bad-input.md from the table."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from lce_tf.foundation.files import written
from tests.bad_input import checkpoints, combining, judgments, run_files, settings, texts, training_data
from tests.bad_input.case import Case

CASES: Sequence[Case] = [
    case
    for module in (run_files, judgments, texts, training_data, checkpoints, settings, combining)
    for case in module.CASES
]
PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"
_HEAD = """# What bad input leads to

Written from the tests by `python -m tests.bad_input.page`; do not edit. `tests/bad_input` gives each of these {total}
inputs to its command: {handled} are handled as it says here; {refused} are refused in one line, `error: ` and the
message below, with exit status 2 and nothing written. In messages, "…" stands for what differs from case to case.
"""


def page(cases: Sequence[Case]) -> str:
    """The table as Markdown, under a heading for each kind."""
    refused = sum(case.refused is not None for case in cases)
    parts = [_HEAD.format(total=len(cases), handled=len(cases) - refused, refused=refused)]
    for kind, rows in groupby(cases, key=lambda case: case.kind):
        parts.append(f"## {kind}\n\n| Input | Outcome |\n| --- | --- |\n" + "".join(map(_row, rows)))
    return "\n".join(parts)


def _row(case: Case) -> str:
    if case.refused is not None:
        outcome = f"refused: {_code(case.refused)}"
    else:
        outcome = f"{case.handled}: {_code(case.value)}" + (f"; told: {_code(case.told)}" if case.told else "")
    return f"| {case.given.replace('|', chr(92) + '|')} | {outcome} |\n"


def _code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`"


if __name__ == "__main__":
    with written(PAGE) as file:
        file.write(page(CASES))
