"""Judgments: which passages are relevant to a query, and how much."""

import hashlib
import json
from pathlib import Path

from lce_tf.data.text import lines
from lce_tf.errors import UserError
from lce_tf.files import written

# query_id -> passage_id -> grade, for every judged pair, those of grade 0 included.
Qrels = dict[str, dict[str, int]]


def read_qrels(path: str | Path) -> Qrels:
    """The judgments in a file of four columns (query, ignored, passage, grade), by spaces or tabs, gzipped or not.

    Queries and passages keep the order of their first row. A judgment given twice with the same grade counts once.

    Raises:
        UserError: names file, line and value: other columns, a grade that is no integer, two grades for a pair, NUL,
            bytes that are not UTF-8, a damaged or empty file.
    """
    qrels: Qrels = {}
    for number, line in lines(path):
        columns = [column for column in line.replace("\t", " ").split(" ") if column]
        if len(columns) == 4:
            query_id, _, passage_id, token = columns
            grade = _grade(token, path, number)
            known = qrels.setdefault(query_id, {}).setdefault(passage_id, grade)
            if known != grade:
                raise UserError(
                    f"{path}:{number}: passage {passage_id} has grade {grade} for query {query_id}, but {known} above; "
                    "keep one of the lines"
                )
        elif columns:
            hint = "; this looks like a run" if len(columns) == 6 else ""
            raise UserError(
                f"{path}:{number}: {len(columns)} column(s), but judgments have 4 (query 0 passage grade){hint}"
            )
    if not qrels:
        raise UserError(f"{path}: has no judgments; their rows are: query 0 passage grade")
    return qrels


def write_qrels(qrels: Qrels, path: str | Path) -> None:
    """Writes judgments as tab-separated query, 0, passage and grade, in the order they have.

    Raises:
        UserError: an id that is empty or holds white space, or a path that cannot be written.
    """
    with written(path) as file:
        for query_id, grades in qrels.items():
            for passage_id, grade in grades.items():
                for name in (query_id, passage_id):
                    if name.split() != [name]:
                        raise UserError(f"{path}: id '{name}' is empty or holds white space; it cannot stand in a row")
                file.write(f"{query_id}\t0\t{passage_id}\t{int(grade)}\n")


def relevant(qrels: Qrels, min_grade: int = 1) -> dict[str, list[str]]:
    """The passages of at least `min_grade` for every judged query; a query without any has an empty list."""
    return {
        query_id: [passage_id for passage_id, grade in grades.items() if grade >= min_grade]
        for query_id, grades in qrels.items()
    }


def judgments_key(qrels: Qrels) -> str:
    """The SHA-256 of the judgments in the order they have, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(qrels).encode()).hexdigest()


def _grade(token: str, path: str | Path, number: int) -> int:
    digits = token[1:] if token[0] in "+-" else token
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise UserError(f"{path}:{number}: grade '{token}' is not an integer; mend or drop the line")
    return int(token)
