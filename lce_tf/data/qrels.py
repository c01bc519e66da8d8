"""Judgments: which passages are relevant to a query, and their grades."""

import hashlib
import json
import re
from pathlib import Path

from lce_tf.data.formats import HEADER
from lce_tf.data.ids import unfit
from lce_tf.data.source import Source
from lce_tf.data.text import lines
from lce_tf.errors import UserError
from lce_tf.foundation.files import written

# query_id -> passage_id -> grade for every judged pair, including those of grade 0.
Qrels = dict[str, dict[str, int]]

# Up to six digits, because trec_eval allocates memory for all grades up to the highest.
_GRADE = re.compile(r"([+-]?0*[0-9]{1,6})(\.0*)?", re.ASCII)


def read_qrels(path: str | Path) -> Qrels:
    """The judgments in a file of four columns (query, ignored, passage, grade), separated by spaces or tabs, compressed
    or not.

    A header row is skipped. After one, rows may have three columns (query, passage, grade), as in BEIR. A grade may be
    written as 1.0. Queries and passages keep the order of their first row. A judgment given twice with the same grade
    counts once.

    Raises:
        UserError: with file, line and value: a wrong number of columns, a grade that is not an integer, two grades for
            a pair, an id that cannot stand in a run, NUL, bytes that are not UTF-8, a damaged or empty file.
    """
    qrels: Qrels = {}
    with Source(path) as source:
        width = None
        for number, line in lines(source):
            columns = [column for column in line.replace("\t", " ").split(" ") if column]
            if not columns:
                continue
            if width is None:
                header = columns[0].lower() in HEADER and len(columns) in (3, 4) and not _GRADE.fullmatch(columns[-1])
                width = 3 if header and len(columns) == 3 else 4
                if header:
                    continue
            if len(columns) != width:
                raise UserError(f"{path}:{number}: {_unlike(columns, width)}")
            query_id, passage_id, grade = columns[0], columns[-2], _grade(columns[-1], path, number)
            if not line.isascii() or not line.isprintable():
                _check_ids(columns, f"{path}:{number}")
            known = qrels.setdefault(query_id, {}).setdefault(passage_id, grade)
            if known != grade:
                raise UserError(
                    f"{path}:{number}: passage {passage_id} has grade {grade} for query {query_id}, but {known} above; "
                    "keep one of the lines"
                )
    if not qrels:
        raise UserError(f"{path}: has no judgments; their rows are: query 0 passage grade")
    return qrels


def write_qrels(qrels: Qrels, path: str | Path) -> None:
    """Writes judgments as tab-separated query, 0, passage and grade, in their order.

    Raises:
        UserError: an id that is empty or holds white space, or a path that cannot be written.
    """
    with written(path) as file:
        for query_id, grades in qrels.items():
            for passage_id, grade in grades.items():
                for name in (query_id, passage_id):
                    if fault := unfit(name):
                        raise UserError(f"{path}: id {name!r} {fault}; it cannot stand in a row")
                file.write(f"{query_id}\t0\t{passage_id}\t{int(grade)}\n")


def relevant(qrels: Qrels, min_grade: int = 1) -> dict[str, list[str]]:
    """The passages of grade `min_grade` or higher for every judged query; [] for a query without any."""
    return {
        query_id: [passage_id for passage_id, grade in grades.items() if grade >= min_grade]
        for query_id, grades in qrels.items()
    }


def judgments_key(qrels: Qrels) -> str:
    """The SHA-256 of the judgments in their order, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(qrels).encode()).hexdigest()


def _unlike(columns: list[str], width: int) -> str:
    """Error text for a row that does not have `width` columns, with a guess at what the file holds instead."""
    if width == 3:
        return f"{len(columns)} column(s), but under this header row there are 3 (query passage grade)"
    hints = {
        3: "; BEIR's three columns are read under their header row (query-id corpus-id score)",
        6: "; this looks like a run",
    }
    return f"{len(columns)} column(s), but judgments have 4 (query 0 passage grade){hints.get(len(columns), '')}"


def _check_ids(columns: list[str], where: str) -> None:
    for kind, name in (("query", columns[0]), ("passage", columns[-2])):
        if fault := unfit(name):
            raise UserError(f"{where}: {kind} id {name[:40]!r} {fault}; give it one word")


def _grade(token: str, path: str | Path, number: int) -> int:
    if not (found := _GRADE.fullmatch(token)):
        raise UserError(
            f"{path}:{number}: grade '{token}' is not an integer of at most six digits; fix or delete the line"
        )
    return int(found[1])
