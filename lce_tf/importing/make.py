"""Makes a data set of rows in any of the formats: from files, or from memory."""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lce_tf.data.runs import write_trec
from lce_tf.errors import UserError
from lce_tf.foundation.files import built_folder, vacant
from lce_tf.foundation.progress import Progress
from lce_tf.importing.formats import FORMATS
from lce_tf.importing.pairs import Gathered, Pairs
from lce_tf.importing.rows import example, file_rows
from lce_tf.importing.texts import Texts

SPLIT, TEACHER = "train", "teacher.trec"


@dataclass(frozen=True, eq=False)
class Imported:
    """What was written.

    Attributes:
        folder: the data set, as `--dataset` takes it.
        rows: name of a format -> number of rows that had it.
        queries, passages: numbers of distinct texts.
        positives: number of pairs judged relevant.
        negatives: [queries that have any] number of negatives of each.
        run: the run of the negatives; None if there are none.
        teacher: the run with the teacher's scores; None unless both positives and negatives have some.
    """

    folder: Path
    rows: Mapping[str, int]
    queries: int
    passages: int
    positives: int
    negatives: np.ndarray
    run: Path | None
    teacher: Path | None

    def text(self) -> str:
        """The counts that the command prints."""
        formats = "; ".join(f"{count} of {name}" for name, count in self.rows.items())
        found = [
            f"rows: {formats}",
            f"{self.queries} queries, {self.passages} passages, {self.positives} relevant pairs: {self.folder}",
        ]
        if self.run is not None:
            least, median, most = self.negatives.min(), np.median(self.negatives), self.negatives.max()
            found.append(
                f"negatives of {len(self.negatives)} queries, {least} to {most} each, median {median:g}: {self.run}"
            )
        if self.teacher is not None:
            found.append(f"a teacher's scores: {self.teacher}")
        return "\n".join(found)


def import_files(
    files: Sequence[str | Path], output: str | Path, split: str = SPLIT, relevant: float | None = None
) -> Imported:
    """Makes one data set of files with training data in any of `lce_tf.importing.formats.FORMATS`, compressed or not.

    Args:
        output: a new or empty folder. It gets `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`; `SPLIT.trec`, the
            run of each query's negatives; and `teacher.trec`, if positives and negatives have a teacher's scores.
        split: name of the split.
        relevant: for rows whose labels are not whole numbers: passages with a label from this value on are relevant,
            and the labels are a teacher's scores.

    Raises:
        UserError: a row that fits no format, with file, line and the keys found; other bad input, in one line; an
            output that exists. Nothing is written then.
    """
    names = [str(file) for file in files]
    if not names:
        raise UserError("give one or more files to import")
    if absent := next((name for name in names if not Path(name).exists()), None):
        raise UserError(f"{absent}: no such file; check the path")
    return _made((row for name in names for row in file_rows(name)), output, split, relevant)


def import_rows(
    rows: Iterable[Mapping[str, Any]], output: str | Path, split: str = SPLIT, relevant: float | None = None
) -> Imported:
    """As `import_files`, from rows in memory, such as a `datasets.Dataset`, or a data frame's `to_dict("records")`.

    Args:
        rows: are read once, one at a time, and their texts are not kept.

    Raises:
        UserError: as `import_files`; it names a row by its number, from 0.
    """
    return _made(_numbered(rows), output, split, relevant)


def _numbered(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise UserError(f"row {number}: is a {type(row).__name__}; give mappings with the keys of a format")
        yield f"row {number}", row


def _made(
    rows: Iterable[tuple[str, Mapping[str, Any]]], output: str | Path, split: str, relevant: float | None
) -> Imported:
    if not re.fullmatch(r"\w[\w.-]*", split):
        raise UserError(f"--split {split!r}: becomes part of files' names; give letters, digits, dots and hyphens")
    if f"{split}.trec" == TEACHER:
        raise UserError(f"--split {split}: {TEACHER} is the run with a teacher's scores; give another name")
    output, gathered = vacant(output), Gathered()
    formats, unread, empty = Counter[str](), Counter[str](), 0
    with built_folder(output) as folder:
        with (
            Texts(folder / "corpus.jsonl", "passage") as passages,
            Texts(folder / "queries.jsonl", "query") as queries,
            Progress("import", None, "rows") as progress,
        ):
            for where, row in rows:
                found = example(row, where, relevant)
                query = queries.index(found.query, where)
                for passage, grade, score in found.listed:
                    gathered.add(query, passages.index(passage, where), grade, score)
                formats[found.keys.format.name] += 1
                unread.update(found.unread)
                empty += found.empty
                progress.advance(1)
        pairs = gathered.distinct()
        if not pairs.relevant.any():
            raise UserError("no row has a positive passage; training needs some")
        names = queries.ids, passages.ids
        _write_qrels(pairs, *names, folder / "qrels" / f"{split}.tsv")
        runs = {f"{split}.trec": pairs.negative, TEACHER: pairs.scored}
        for name, listed in runs.items():
            if listed.any():
                write_trec(pairs.run(listed, *names), folder / name)
    run, teacher = (output / name if listed.any() else None for name, listed in runs.items())
    negatives = np.unique(pairs.query[pairs.negative], return_counts=True)[1]
    counts = len(queries.ids), len(passages.ids), int(pairs.relevant.sum())
    made = Imported(output, dict(formats), *counts, negatives, run, teacher)
    if relevant is not None and not any(one.labels and one.name in formats for one in FORMATS):
        print(f"note: --relevant {relevant:g}: no row has labels, so it changes nothing", file=sys.stderr)
    for note in _notes(made, pairs, split, unread, empty, queries.merged + passages.merged):
        print(f"note: {note}", file=sys.stderr)
    return made


def _write_qrels(pairs: Pairs, queries: Sequence[str], passages: Sequence[str], path: Path) -> None:
    path.parent.mkdir()
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("query-id\tcorpus-id\tscore\n")
        for query, grades in pairs.qrels(queries, passages).items():
            file.write("".join(f"{query}\t{passage}\t{grade}\n" for passage, grade in grades.items()))


def _notes(
    made: Imported, pairs: Pairs, split: str, unread: Mapping[str, int], empty: int, merged: int
) -> Iterator[str]:
    """What of the rows is not in the data set, or not as they have it, a line each."""
    if unread:
        yield "keys that are not read: " + ", ".join(f"{key} ({count} rows)" for key, count in sorted(unread.items()))
    if empty:
        yield f"{empty} passages without text, left out"
    if merged:
        yield f"{merged} ids whose text came under another id before; that one counts"
    if pairs.contrary:
        yield f"{pairs.contrary} pairs are labelled in two ways; the higher grade counts"
    if lacking := made.queries - len(np.unique(pairs.query[pairs.relevant])):
        yield f"{lacking} queries have no positive; training leaves them out"
    if lacking := len(np.unique(pairs.query[pairs.judged])) - len(made.negatives):
        yield (
            f"{lacking} queries have no negative; lce retrieve bm25 --dataset {made.folder} --split {split} finds some"
        )
    if np.isfinite(pairs.score).any() and made.teacher is None:
        yield f"a teacher scores positives and negatives, but only one kind has scores here, so no {TEACHER}"
