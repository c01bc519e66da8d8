"""Judgments, as `lce evaluate` reads them for a run that ranks p2 first and p1 second for q1."""

import bz2
import gzip

from tests.bad_input.case import QRELS, Case, evaluated
from tests.bad_input.run_files import HALF, RUN


def judged(given, data, **outcome):
    return Case("Judgments", given, evaluated, {"qrels.txt": data, "run.trec": RUN}, **outcome)


CASES = [
    judged("CRLF and a byte order mark", b"\xef\xbb\xbfq1 0 p1 1\r\n", handled="read like LF", value=HALF),
    judged("tabs, no final newline", b"q1\t0\tp1\t1", handled="read like spaces", value=HALF),
    judged("gzip without .gz in its name", gzip.compress(QRELS), handled="told by its first bytes", value=HALF),
    judged("bzip2", bz2.compress(QRELS), handled="told by its first bytes", value=HALF),
    judged("torn gzip", gzip.compress(QRELS * 9)[:-9], refused="qrels.txt: damaged or cut-off gzip data between …"),
    judged("an empty file", b"\n", refused="qrels.txt: has no judgments; their rows are: query 0 passage grade"),
    judged(
        "three columns",
        QRELS + b"q1 p2 1\n",
        refused="qrels.txt:2: 3 column(s), but judgments have 4 (query 0 passage grade); BEIR's three columns are read "
        "under their header row (query-id corpus-id score)",
    ),
    judged("a header row", b"qid\titeration\tdocid\trelevance\n" + QRELS, handled="skipped", value=HALF),
    judged(
        "BEIR's three columns under their header row",
        b"query-id\tcorpus-id\tscore\nq1\tp1\t1\n",
        handled="read as query, passage and grade",
        value=HALF,
    ),
    judged(
        "four columns under a header row of three",
        b"query-id\tcorpus-id\tscore\n" + QRELS,
        refused="qrels.txt:2: 4 column(s), but under this header row there are 3 (query passage grade)",
    ),
    judged("the grade 1.0", b"q1 0 p1 1.0\n", handled="read as 1", value=HALF),
    judged(
        "an id with a non-breaking space",
        QRELS + "q1 0 p\u00a02 1\n".encode(),
        refused="qrels.txt:2: passage id 'p\\xa02' holds white space; give it one word",
    ),
    judged(
        "an id with a control character",
        QRELS + b"q1 0 p\x072 1\n",
        refused="qrels.txt:2: passage id 'p\\x072' holds the character U+0007; give it one word",
    ),
    judged(
        "a run instead of judgments",
        RUN,
        refused="qrels.txt:1: 6 column(s), but judgments have 4 (query 0 passage grade); this looks like a run",
    ),
    *(
        judged(
            f"the grade {grade}",
            QRELS + f"q1 0 p2 {grade}\n".encode(),
            refused=f"qrels.txt:2: grade '{grade}' is not an integer of at most six digits; fix or delete the line",
        )
        for grade in ("high", "0.5", "1_0", "-", "٣", "1" * 10)
    ),
    judged(
        "two grades for one pair",
        QRELS + b"q1 0 p1 2\n",
        refused="qrels.txt:2: passage p1 has grade 2 for query q1, but 1 above; keep one of the lines",
    ),
    judged("the same row twice", QRELS + QRELS, handled="counts once", value=HALF),
    Case(
        "Judgments",
        "a query with grades below 0 alone",
        lambda: evaluated("--qrels", "qrels.txt", "run.trec", measure="Bpref"),
        {"qrels.txt": b"q1 0 p2 -1\nq2 0 p1 1\n", "run.trec": b"q1 Q0 p2 1 1 t\nq2 Q0 p1 1 1 t\n"},
        handled="scores 0 (pytrec_eval itself would crash)",
        value="Bpref = 0.5",
    ),
    judged("a grade below 0", b"q1 0 p2 -2\n" + QRELS, handled="not relevant", value=HALF),
    judged(
        "a query without a relevant passage",
        QRELS + b"q2 0 p1 0\n",
        handled="scores 0 and counts",
        value="MRR@10 = 0.25",
        told="note: run.trec: 1 of 2 judged queries not in the run, scored 0: q2",
    ),
    judged("a NUL byte", QRELS + b"q1 0 p\x002 1\n", refused="qrels.txt:2: holds a NUL byte; …"),
    judged("bytes that are not UTF-8", QRELS + b"q1 0 p\xe92 1\n", refused="qrels.txt:2: byte 0xe9 is not UTF-8; …"),
    judged(
        "judgments of other queries",
        b"q9 0 p1 1\n",
        refused="run.trec: holds none of the judged queries (the run has query q1, the judgments have q9); give the "
        "judgments that fit",
    ),
    judged(
        "passage and iteration exchanged",
        b"q1 p1 0 1\n",
        handled="the passage is called 0: scores 0",
        value="MRR@10 = 0",
        told="note: run.trec: ranks no judged passage; are ids spelt alike? The run has p2, the judgments 0",
    ),
    Case(
        "Judgments",
        "no such file",
        lambda: evaluated("--qrels", "absent.txt", "run.trec"),
        {"run.trec": RUN},
        refused="absent.txt: no such file; check the path",
    ),
    Case(
        "Judgments",
        "`--split` beside `--qrels`",
        lambda: evaluated("--qrels", "qrels.txt", "--split", "dev", "run.trec"),
        {"qrels.txt": QRELS, "run.trec": RUN},
        refused="--split dev: has no meaning with --qrels qrels.txt; leave it out",
    ),
]
