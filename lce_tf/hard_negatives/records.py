"""Writes and reads the two files of a list of negatives: the run, and the record of its inputs and removed passages."""

from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.data.runs import Run, write_trec
from lce_tf.errors import UserError
from lce_tf.foundation.disk import NEGATIVES
from lce_tf.foundation.files import read_json, sha256_of

# Distinguishes a record from other JSON files that may be beside a run.
MADE_BY = {"made_by": "lce negatives"}
# Number of examples printed for each filter, and of characters printed of each passage; the record may hold more.
EXAMPLES, LETTERS = 2, 300
# Filter -> what it removes, in the order in which the filters are applied.
FILTERS = {
    "judged": "judged passages",
    "unknown": "not in the collection",
    "near_duplicates": "near-duplicates of a positive",
    "teacher_margin": "false negatives by the teacher's margin",
    "teacher_share": "false negatives by the share of the positive's score",
}
_FIGURES = {"teacher_score": "teacher", "positive_score": "positive's", "similarity": "similarity"}


def record_file(output: str | Path) -> str:
    """The file name of the record of the run at `output`."""
    return f"{output}.json"


def write_negatives(run: Run, record: dict[str, Any], output: str | Path) -> None:
    """Writes the run, then the record, which holds the run's SHA-256."""
    write_trec(run, output)
    NEGATIVES.write(record_file(output), {**MADE_BY, **record, "output_sha256": sha256_of(output)})


def read_record(output: str | Path, sha256: str | None = None) -> dict[str, Any] | None:
    """The record of the run at `output`; None for a run that `lce negatives` has not written.

    Args:
        sha256: SHA-256 of the run as read, which must match the record; None: not checked.

    Raises:
        UserError: the record is of another version, or the run has changed since.
    """
    file = Path(record_file(output))
    if not file.is_file():
        return None
    record = read_json(file)
    if not isinstance(record, dict) or not MADE_BY.items() <= record.items():
        return None
    record = NEGATIVES.check(record, file)
    if sha256 is not None and sha256 != record.get("output_sha256"):
        raise UserError(f"{output}: has changed since {file} was written; write it again with lce negatives")
    return record


def summary(record: dict[str, Any]) -> str:
    """The counts of queries, candidates, removed passages and negatives, one per line."""
    rows = [
        ("queries", f"{record['queries']}"),
        ("  none of the runs ranks for them", f"{len(record['not_in_run'])}"),
        ("  without a positive in the collection", f"{len(record['no_positive'])}"),
        ("  left without negatives", f"{len(record['without_negatives'])}"),
        ("candidates", f"{record['candidates']}"),
    ]
    for key, found in record["removed"].items():
        share = found["passages"] / max(record["candidates"], 1)
        rows.append((f"  {FILTERS[key]}", f"{found['passages']} ({share:.1%}), of {found['queries']} queries"))
    if (unscored := record.get("unscored")) is not None:
        rows.append(("  kept without a teacher's score", f"{unscored}"))
    rows.append(("negatives", f"{record['negatives_kept']}"))
    if len(record["from_runs"]) > 1:
        rows += [(f"  of {name}", f"{count}") for name, count in record["from_runs"].items()]
    counts = record["negatives_a_query"]
    rows.append(("negatives a query", f"{counts['least']} to {counts['most']}, {counts['mean']:.1f} on average"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def examples_text(record: dict[str, Any], most: int) -> str:
    """Up to `most` examples of each filter as text: query, positive and removed passage."""
    parts = []
    for key, found in record["examples"].items():
        for example in found[:most]:
            figures = [
                f"{word} {example[name]:.4g}" for name, word in _FIGURES.items() if example.get(name) is not None
            ]
            where = f"rank {example['rank']} of {example['run']}, score {example['score']:.4g}"
            parts.append(
                f"{FILTERS[key]}: {', '.join([where, *figures])}\n"
                f"  query    {example['query_id']}: {example['query']}\n"
                f"  positive {example['positive_id']}: {_cut(example['positive'])}\n"
                f"  removed  {example['passage_id']}: {_cut(example['passage'])}"
            )
    return "\n\n".join(parts)


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def per_query(counts: np.ndarray) -> dict[str, float]:
    """Minimum, maximum and mean of the number of negatives per query, for the record."""
    if not len(counts):
        return {"least": 0, "most": 0, "mean": 0.0}
    return {"least": int(counts.min()), "most": int(counts.max()), "mean": float(counts.mean())}
