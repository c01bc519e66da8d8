"""Training data of other tools that cannot be imported, and runs whose queries cannot be held out."""

import importlib
import json

from lce_tf import holdout
from tests.bad_input.case import QRELS, Case, quietly
from tests.bad_input.run_files import RUN

program = importlib.import_module("lce_tf.import")
GOOD = json.dumps({"query": "a", "pos": ["p"], "neg": ["n"]}) + "\n"
DATA = {"collection.tsv": b"p1\tone\np2\ttwo\n", "queries.train.tsv": b"q1\tone\n", "qrels.train.txt": QRELS}


def rows(given, text, refused, *flags):
    call = lambda: quietly(program.main, "rows.jsonl", "--output", "mine", *flags)  # noqa: E731
    return Case("Training data of other tools", given, call, {"rows.jsonl": text.encode()}, refused=refused)


def command(module, arguments, refused, files):
    name = module.__name__.rpartition(".")[2]
    call = lambda: quietly(module.main, *arguments.split())  # noqa: E731
    return Case("Training data of other tools", f"`lce {name} {arguments}`", call, files, refused=refused)


CASES = [
    rows("an empty file", "", "rows.jsonl: has no rows; they are JSON objects, or columns with tabs between"),
    rows(
        "a row in no known format",
        GOOD + '{"text": "a", "summary": "b"}\n',
        "rows.jsonl:2: has the keys text, summary; accepted are query and pos (FlagEmbedding); …",
    ),
    rows(
        "a torn row",
        GOOD + '{"query": "a", "pos": ["p"',
        "rows.jsonl:2: is not JSON (…); fix or delete the line",
    ),
    rows("a row that is a list", GOOD + '["a", "p"]', "rows.jsonl:2: is not a JSON object; …"),
    rows(
        "a JSON array of rows",
        f"[{GOOD.strip()}]",
        "rows.jsonl:1: begins a JSON array; write one object a line, as jq -c '.[]' does",
    ),
    rows("four columns without a header row", "a\tp\tn\tm\n", "rows.jsonl:1: 4 column(s), but a triple is …"),
    rows(
        "a row shorter than the header row",
        "query\tpositive\tnegative\na\tp\n",
        "rows.jsonl:2: 2 column(s), but the header row names 3; fix the line",
    ),
    rows(
        "triples of ids",
        "1185869\t0\t16\n",
        "rows.jsonl:1: has three numbers, which look like ids; give the texts of query, positive, negative",
    ),
    rows(
        "token ids",
        '{"qry": {"qid": "1", "query": [101, 7]}, "pos": [], "neg": []}',
        'rows.jsonl:1: its "qry" holds token ids; import the texts that they were made from',
    ),
    rows(
        "more scores than texts",
        '{"query": "a", "pos": ["p"], "neg": ["n"], "neg_scores": [1, 2]}',
        'rows.jsonl:1: its "neg_scores" has 2 values for 1 texts; fix or drop the row',
    ),
    rows(
        "a label with a fraction",
        '{"sentence1": "a", "sentence2": "p", "label": 0.7}',
        'rows.jsonl:1: its "label" has 0.7, which is no grade; say from which value on a passage is relevant, such as '
        "--relevant 0.5",
    ),
    rows(
        "no positive in any row",
        '{"sentence1": "a", "sentence2": "p", "label": 0}',
        "no row has a positive passage; training needs some",
    ),
    rows(
        "an id with two texts",
        GOOD + '{"query": "b", "pos": [{"docid": "1", "text": "p"}], "neg": [{"docid": "1", "text": "n"}]}',
        "rows.jsonl:2: passage id 1 has another text above; give each text its own id",
    ),
    rows(
        "`lce import --split a/b`",
        GOOD,
        "--split 'a/b': becomes part of files' names; give letters, digits, dots and hyphens",
        "--split",
        "a/b",
    ),
    command(
        program,
        "rows.jsonl --output mine --split teacher",
        "--split teacher: teacher.trec is the run with a teacher's scores; give another name",
        {"rows.jsonl": GOOD.encode()},
    ),
    command(
        program,
        "rows.jsonl absent.jsonl --output mine",
        "absent.jsonl: no such file; check the path",
        {"rows.jsonl": GOOD.encode()},
    ),
    command(
        program,
        "rows.jsonl --output .",
        "--output .: exists already; choose another, or delete it first",
        {"rows.jsonl": GOOD.encode()},
    ),
    command(
        holdout,
        "run.trec --dataset . --held-out 1 --output bm25",
        "--held-out 1: run.trec has 1 judged queries; leave some to train on",
        DATA | {"run.trec": RUN},
    ),
    command(
        holdout,
        "bm25.rest.trec --dataset . --output bm25",
        "--output bm25.rest.trec: would overwrite bm25.rest.trec, which is read; name another file",
        DATA | {"bm25.rest.trec": RUN},
    ),
    command(
        holdout,
        "run.trec --dataset . --output new/",
        "--output 'new/': names no file; give how their names begin, such as runs/bm25",
        DATA | {"run.trec": RUN},
    ),
]
