"""Run files, as `lce evaluate` reads them against one judgment: passage p1 is relevant to q1."""

import bz2
import gzip
import lzma

import zstandard

from tests.bad_input.case import QRELS, Case, evaluated

RUN = b"q1 Q0 p2 1 2.0 t\nq1 Q0 p1 2 1.0 t\n"
HALF = "MRR@10 = 0.5"
PACK = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstandard.compress}


def run_file(given, data, **outcome):
    return Case("Run files", given, evaluated, {"qrels.txt": QRELS, "run.trec": data}, **outcome)


def formatted(given, data, name, **outcome):
    arguments = ("--qrels", "qrels.txt", "--format", name, "run.trec")
    return Case("Run files", given, lambda: evaluated(*arguments), {"qrels.txt": QRELS, "run.trec": data}, **outcome)


def called(given, arguments, **outcome):
    files = {"qrels.txt": QRELS, "run.trec": RUN, "folder/run.trec": RUN}
    return Case("Run files", given, lambda: evaluated(*arguments.split()), files, **outcome)


CASES = [
    run_file("CRLF line ends", RUN.replace(b"\n", b"\r\n"), handled="read like LF", value=HALF),
    run_file("a byte order mark", b"\xef\xbb\xbf" + RUN, handled="dropped", value=HALF),
    run_file("no final newline", RUN[:-1], handled="the last row counts", value=HALF),
    run_file("blank lines", RUN.replace(b"\n", b"\n\n \n"), handled="skipped", value=HALF),
    run_file("tabs and several spaces between columns", RUN.replace(b" ", b" \t "), handled="one gap", value=HALF),
    run_file("gzip without .gz in its name", gzip.compress(RUN), handled="told by its first bytes", value=HALF),
    run_file("bzip2", bz2.compress(RUN), handled="told by its first bytes", value=HALF),
    run_file("xz", lzma.compress(RUN), handled="told by its first bytes", value=HALF),
    run_file("zstd", zstandard.compress(RUN), handled="told by its first bytes", value=HALF),
    run_file(
        "two compressed parts one after the other",
        gzip.compress(RUN[:19]) + gzip.compress(RUN[19:]),
        handled="one text",
        value=HALF,
    ),
    *(
        run_file(
            f"torn {kind}",
            pack(RUN * 9)[:-9],
            refused=f"run.trec: damaged or cut-off {kind} data between byte 0 and byte … (cut off); copy or make the "
            "file again",
        )
        for kind, pack in PACK.items()
    ),
    run_file(
        "bytes after the end of gzip",
        gzip.compress(RUN) + b"rest",
        refused="run.trec: damaged or cut-off gzip data between byte … and byte … (other bytes follow the compressed "
        "ones); copy or make the file again",
    ),
    run_file(
        "a zip archive",
        b"PK\x03\x04rest",
        refused="run.trec: is a zip archive; unpack it and name the file",
    ),
    run_file("a Parquet file", b"PAR1\x15rest", refused="run.trec: is a Parquet file; write its rows as text"),
    run_file(
        "an empty file",
        b"",
        refused="run.trec: has no rows; a run has 6 (query Q0 passage rank score tag) or 3 (query passage rank)",
    ),
    run_file("white space alone", b"\n \t\n", refused="run.trec: has no rows; a run has …"),
    run_file("five columns", b"q1 Q0 p1 1 2.0\n", refused="run.trec:1: 5 column(s), but a run has 6 … or 3 …"),
    run_file(
        "judgments instead of a run",
        QRELS,
        refused="run.trec:1: 4 column(s), but a run has …; these look like judgments",
    ),
    run_file("a tag with a space", b"q1 Q0 p1 1 2.0 my tag\n", refused="run.trec:1: 7 column(s), but a run has …"),
    run_file("columns separated by commas", b"q1,Q0,p1,1,2.0,t\n", refused="run.trec:1: 1 column(s), but a run has …"),
    run_file(
        "JSON instead of rows",
        b'{"q1": {"p1": 2.0}}\n',
        refused="run.trec:1: rank '2.0}}' is not an integer; fix or delete the line",
    ),
    run_file(
        "line ends of old Macs (a lone CR)",
        RUN.replace(b"\n", b"\r"),
        refused="run.trec: its line ends are CR alone, as on old Macs; convert them to LF",
    ),
    run_file(
        "a last line torn between columns",
        RUN + b"q1 Q0 p3 3",
        refused="run.trec:3: 4 column(s), but the rows before have 6; fix the line, or make the file again if it is "
        "torn",
    ),
    run_file(
        "a last line torn within its tag",
        b"q1 Q0 p2 1 2.0 bm25\nq1 Q0 p1 2 1.0 bm",
        refused="run.trec:2: the file ends inside the tag ('bm' of 'bm25'); it is torn, make it again",
    ),
    run_file(
        "rows of six and of three columns",
        RUN + b"q1 p3 3\n",
        refused="run.trec:3: 3 column(s), but the rows before have 6; …",
    ),
    run_file(
        "a header row",
        b"query Q0 passage rank score tag\n" + RUN,
        refused="run.trec:1: rank 'rank' is not an integer; fix or delete the line",
    ),
    *(
        run_file(
            f"the score {score}",
            RUN + f"q1 Q0 p3 3 {score} t\n".encode(),
            refused=f"run.trec:3: score '{score}' is not a finite number; fix or delete the line",
        )
        for score in ("abc", "NaN", "inf", "-Infinity", "1e999", "1_0", "1,5", "0x1p3", "٣")
    ),
    run_file("a score of 65 digits", RUN + b"q1 Q0 p3 3 " + b"1" * 65 + b" t\n", refused="run.trec:3: score of 65 …"),
    run_file(
        "scores that differ in the tenth digit",
        b"q1 Q0 p2 1 1.0 t\nq1 Q0 p1 2 1.000000001 t\n",
        handled="told apart (pytrec_eval, in 32 bits, would see a tie)",
        value="MRR@10 = 1",
    ),
    run_file(
        "0 and -0", b"q1 Q0 p2 2 0.0 t\nq1 Q0 p1 1 -0.0 t\n", handled="a tie, so the rank decides", value="MRR@10 = 1"
    ),
    run_file("a score too small for 64 bits", b"q1 Q0 p2 1 1e-400 t\nq1 Q0 p1 2 -1 t\n", handled="0", value=HALF),
    run_file(
        "ranks that disagree with scores",
        b"q1 Q0 p2 1 1.0 t\nq1 Q0 p1 2 9.0 t\n",
        handled="scores decide",
        value="MRR@10 = 1",
    ),
    run_file(
        "equal scores",
        b"q1 Q0 p2 2 1.0 t\nq1 Q0 p1 1 1.0 t\n",
        handled="ranks decide; `--ties` shows what other orders give",
        value="MRR@10 = 1",
    ),
    run_file(
        "equal scores and equal ranks",
        b"q1 Q0 p2 0 1.0 t\nq1 Q0 p1 0 1.0 t\n",
        handled="the file's order decides",
        value=HALF,
    ),
    run_file(
        "the rank 1.5",
        b"q1 Q0 p1 1.5 2.0 t\n",
        refused="run.trec:1: rank '1.5' is not an integer; fix or delete the line",
    ),
    run_file(
        "a rank beyond 32 bits",
        b"q1 Q0 p1 99999999999 2.0 t\n",
        refused="run.trec:1: rank 99999999999 is not in the range of 32-bit integers",
    ),
    run_file("three columns out of order", b"q1\tp1\t2\nq1\tp2\t1\n", handled="ranks decide", value=HALF),
    run_file(
        "rank 0 in three columns",
        b"q1\tp1\t1\nq1\tp2\t0\n",
        refused="run.trec:2: rank 0 is not a positive integer; ranks begin at 1; for rows of query passage score, say "
        "--format scores",
    ),
    run_file(
        "a rank twice in three columns",
        b"q1\tp1\t1\nq1\tp2\t1\n",
        refused="run.trec:2: rank 1 is given twice for query q1; renumber the ranks, or say --format scores if "
        "these are scores",
    ),
    run_file(
        "three columns of scores",
        b"q1\tp2\t12\nq1\tp1\t11\n",
        refused="run.trec:2: query q1 has 11 where rank 1 is expected, so these are not ranks; say --format scores if "
        "the column holds scores, --format ranks if the list has gaps",
    ),
    run_file(
        "three columns of scores with fractions",
        b"q1\tp2\t12.5\nq1\tp1\t11\n",
        refused="run.trec:1: rank '12.5' is not an integer; for rows of query passage score, say --format scores",
    ),
    *(
        formatted(f"three columns, `--format {name}`", b"q1\tp2\t12\nq1\tp1\t11\n", name, handled=handled, value=value)
        for name, handled, value in (
            ("scores", "the highest number comes first", HALF),
            ("ranks", "the lowest number comes first", "MRR@10 = 1"),
        )
    ),
    run_file(
        "ColBERT's four columns",
        b"q1\tp2\t1\t12.5\nq1\tp1\t2\t11.0\n",
        handled="read as query, passage, rank and score",
        value=HALF,
    ),
    run_file(
        "four columns whose third is no rank",
        b"q1\tp2\t3\t12.5\nq1\tp1\t4\t11.0\n",
        refused="run.trec:1: query q1 has 3 where rank 1 is expected, so these are not ranks; these look like "
        "judgments; say --format colbert if the columns are query, passage, rank and score",
    ),
    run_file(
        "BEIR's judgments instead of a run",
        b"query-id\tcorpus-id\tscore\nq1\tp1\t1\n",
        refused="run.trec:1: rank 'score' is not an integer; this looks like a header row, as BEIR's judgments "
        "have one",
    ),
    run_file(
        "a passage twice for a query",
        RUN + b"q2 Q0 p1 1 1 t\nq1 Q0 p1 3 0.5 t\n",
        refused="run.trec:4: passage p1 is listed twice for query q1; drop one",
    ),
    run_file(
        "a query's rows in several places",
        b"q1 Q0 p2 1 2.0 t\nq2 Q0 p1 1 1 t\nq1 Q0 p1 2 3.0 t\n",
        handled="brought together, then ordered by score",
        value="MRR@10 = 1",
        told="note: run.trec: 1 of the run's queries without judgments, left out",
    ),
    run_file(
        "a NUL byte",
        RUN + b"q1 Q0 p\x003 3 0 t\n",
        refused="run.trec:3: holds a NUL byte; the file is damaged or not UTF-8 text, make it again",
    ),
    run_file(
        "another control byte",
        RUN + b"q1 Q0 p\x073 3 0 t\n",
        refused="run.trec:3: holds the control byte 0x07; the file is damaged, make it again",
    ),
    run_file(
        "bytes that are not UTF-8",
        RUN + b"q1 Q0 p\xe9 3 0 t\n",
        refused="run.trec:3: byte 0xe9 is not UTF-8; convert the file to UTF-8",
    ),
    run_file(
        "UTF-16",
        RUN.decode().encode("utf-16"),
        refused="run.trec: is UTF-16 or UTF-32 text; convert it to UTF-8",
    ),
    run_file("UTF-16 without its mark", RUN.decode().encode("utf-16-le"), refused="run.trec:1: holds a NUL byte; …"),
    run_file(
        "an id with a non-breaking space",
        RUN + "q1 Q0 p\u00a03 3 0 t\n".encode(),
        refused="run.trec:3: holds the character U+00A0, which other readers treat as a gap; fix or delete the line",
    ),
    run_file(
        "a byte order mark amid the file",
        RUN + b"\xef\xbb\xbfq1 Q0 p3 3 0 t\n",
        refused="run.trec:3: holds the character U+FEFF, which other readers treat as a gap; fix or delete the line",
    ),
    run_file(
        "CR inside a row",
        RUN + b"q1 Q0 p3\r3 0 t\n",
        refused="run.trec:3: holds CR inside a line, which other readers treat as a gap; fix or delete the line",
    ),
    run_file(
        "an id of 513 bytes",
        RUN + b"q1 Q0 " + b"p" * 513 + b" 3 0 t\n",
        refused="run.trec:3: passage id of 513 bytes; 512 is the longest allowed",
    ),
    Case(
        "Run files",
        "ids with `#`, `/`, accents or other scripts",
        evaluated,
        {"qrels.txt": "é#/:1 0 文書[SEP] 1\n".encode(), "run.trec": "é#/:1 Q0 文書[SEP] 1 1 t\n".encode()},
        handled="opaque",
        value="MRR@10 = 1",
    ),
    Case(
        "Run files",
        "query ids that have lost their leading zeros",
        evaluated,
        {"qrels.txt": b"007 0 p1 1\n", "run.trec": b"7 Q0 p1 1 1 t\n"},
        refused="run.trec: holds none of the judged queries (the run has query 7, the judgments have 007); give the "
        "judgments that fit",
    ),
    Case(
        "Run files",
        "passage ids spelt otherwise than in the judgments",
        evaluated,
        {"qrels.txt": b"q1 0 007 1\n", "run.trec": b"q1 Q0 7 1 1 t\n"},
        handled="other ids: scores 0",
        value="MRR@10 = 0",
        told="note: run.trec: ranks no judged passage; are ids spelt alike? The run has 7, the judgments 007",
    ),
    Case(
        "Run files",
        "a judged query that the run lacks",
        evaluated,
        {"qrels.txt": b"q1 0 p1 1\nq2 0 p1 1\n", "run.trec": RUN},
        handled="scores 0 and is named",
        value="MRR@10 = 0.25",
        told="note: run.trec: 1 of 2 judged queries not in the run, scored 0: q2",
    ),
    called(
        "no such file", "--qrels qrels.txt absent.trec", refused="absent.trec: no such file; give the runs to evaluate"
    ),
    called("a folder", "--qrels qrels.txt folder", refused="folder: is a folder; name a file in it"),
    called(
        "the same run twice",
        "--qrels qrels.txt run.trec run.trec",
        refused="run.trec: is given twice; name each run once",
    ),
]
