"""Runs: accepted formats, order, errors with their line, and what every evaluator reads back."""

import functools
import gzip
import math
import re

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from lce_tf.data import text, trec
from lce_tf.data.runs import Run, read_run, write_msmarco, write_trec, written_scores
from lce_tf.errors import UserError

TREC = b"q2 Q0 d1 1 3.5 bm25\nq2 Q0 d2 2 3.25 bm25\nq1 Q0 007 1 -1e-3 bm25\n"


@pytest.fixture(params=[5, 16, 1 << 20])
def block_bytes(request, monkeypatch):
    """Reads in one block, and in blocks so small that rows, ids and queries are cut anywhere."""
    monkeypatch.setattr(trec, "blocks", functools.partial(text.blocks, size=request.param))


@pytest.fixture
def run_file(tmp_path):
    def write(data: bytes, name: str = "run.trec"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def rows_of(run: Run) -> list[tuple[str, str, float]]:
    return [(q, p, s) for q, passages in run.as_dict().items() for p, s in passages.items()]


def test_trec_columns_become_arrays(run_file, block_bytes):
    run = read_run(run_file(TREC))
    assert run.query_ids.tolist() == [b"q2", b"q1"] and run.query_ids.dtype == "S2"
    assert run.offsets.tolist() == [0, 2, 3] and run.offsets.dtype == np.int64
    assert run.passage_ids.tolist() == [b"d1", b"d2", b"007"] and run.passage_ids.dtype == "S3"
    assert run.scores.tolist() == [3.5, 3.25, -0.001] and run.scores.dtype == np.float64
    assert run.tag == "bm25" and len(run) == 3
    assert run.as_dict() == {"q2": {"d1": 3.5, "d2": 3.25}, "q1": {"007": -0.001}}


@pytest.mark.parametrize(
    "data",
    [
        TREC.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + TREC,
        TREC[:-1],
        b"\n \n" + TREC.replace(b"\n", b"\n\n\t\n"),
        TREC.replace(b" ", b"\t"),
        TREC.replace(b" ", b"  \t ").replace(b"q2", b" q2"),
        gzip.compress(TREC),
        gzip.compress(TREC[:30]) + gzip.compress(TREC[30:]),
    ],
    ids=["crlf", "bom", "no-final-newline", "blank-lines", "tabs", "many-spaces", "gzip", "two-gzip-members"],
)
def test_harmless_variants_read_the_same(run_file, block_bytes, data):
    assert rows_of(read_run(run_file(data))) == rows_of(read_run(run_file(TREC, "plain")))


def test_order_is_score_then_rank_then_file(run_file, block_bytes):
    rows = [("a", 3, 1.0), ("b", 9, 2.0), ("c", 2, 1.0), ("d", 2, 1.0), ("e", -1, 0.5), ("f", 1, 1.5)]
    data = "".join(f"q Q0 {p} {rank} {score} t\n" for p, rank, score in rows)
    assert [p for _, p, _ in rows_of(read_run(run_file(data.encode())))] == ["b", "f", "c", "d", "a", "e"]


def test_scattered_rows_are_brought_together(run_file, block_bytes):
    data = b"z Q0 a 1 1 t\ny Q0 b 1 1 t\nz Q0 c 2 2 t\nx Q0 d 1 1 t\ny Q0 e 1 3 t\nz Q0 f 1 0 t\n"
    run = read_run(run_file(data))
    assert run.query_ids.tolist() == [b"z", b"y", b"x"] and run.offsets.tolist() == [0, 3, 5, 6]
    assert run.passage_ids.tolist() == [b"c", b"a", b"f", b"e", b"b", b"d"]


def test_msmarco_columns_go_by_rank(run_file, block_bytes):
    run = read_run(run_file(b"1\t70\t2\n1\t9\t1\n01 70 1\n"))
    assert rows_of(run) == [("1", "9", -1.0), ("1", "70", -2.0), ("01", "70", -1.0)]


def test_ids_are_opaque_utf8(run_file, block_bytes):
    run = read_run(run_file("1 Q0 é#/:[SEP] 1 1 t\n01 Q0 文書 1 1 t\n1.0 Q0 1 1 1 t\n".encode()))
    assert list(run.as_dict()) == ["1", "01", "1.0"] and list(run.as_dict()["01"]) == ["文書"]


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"q Q0 d 1 1.0\n", 1, "5 column(s)"),
        (b"q Q0 d 1\n", 1, "look like judgments"),
        (b"q Q0 d 1 1.0 my tag\n", 1, "7 column(s)"),
        (TREC + b"q3 Q0 d 1", 4, "4 column(s), but the rows before have 6"),
        (TREC + b"q3 d 1\n", 4, "3 column(s), but the rows before have 6"),
        (b"q d 1\n\nq Q0 e 1 2 t\n", 3, "6 column(s), but the rows before have 3"),
        (TREC + b"q3 Q0 d 1 1.5 bm\n\n", None, None),
        (TREC + b"q3 Q0 d 1 1.5 bm", 4, "ends inside the tag ('bm' of 'bm25')"),
        (TREC + b"q3 Q0 d 1 abc bm25\n", 4, "score 'abc' is not a finite number"),
        (TREC + b"q3 Q0 d 1 NaN bm25\n", 4, "score 'NaN'"),
        (TREC + b"q3 Q0 d 1 -inf bm25\n", 4, "score '-inf'"),
        (TREC + b"q3 Q0 d 1 1e999 bm25\n", 4, "score '1e999'"),
        (TREC + b"q3 Q0 d 1 1_0 bm25\n", 4, "score '1_0'"),
        (TREC + b"q3 Q0 d 1 0x1p3 bm25\n", 4, "score '0x1p3'"),
        (TREC + "q3 Q0 d 1 ٣ bm25\n".encode(), 4, "score '٣'"),
        (TREC + b"q3 Q0 d 1.5 1 bm25\n", 4, "rank '1.5' is not an integer"),
        (TREC + b"q3 Q0 d 99999999999 1 bm25\n", 4, "rank 99999999999"),
        (b"q a 1\nq b 0\n", 2, "rank 0 is not a positive integer"),
        (b"q a 1\nq b -3\n", 2, "rank -3 is not a positive integer"),
        (b"q a 1\nq b x\n", 2, "rank 'x' is not an integer"),
        (b"q a 1\nr b 1\nq b 1\n", 3, "rank 1 is given twice for query q"),
        (TREC + b"\nq2 Q0 d1 9 0.5 bm25\n", 5, "passage d1 is listed twice for query q2"),
        (b"q a 1\nq b 2\nr a 1\nq a 3\n", 4, "passage a is listed twice for query q"),
        (TREC + b"q3 Q0 d\0 1 1 bm25\n", 4, "NUL byte"),
        (TREC + b"q3 Q0 d\x07 1 1 bm25\n", 4, "control byte 0x07"),
        (TREC + b"q3 Q0 d\xff 1 1 bm25\n", 4, "byte 0xff is not UTF-8"),
        (TREC + b"q3 Q0 " + b"d" * 513 + b" 1 1 bm25\n", 4, "passage id of 513 bytes"),
        (TREC + b"q3 Q0 d 1 " + b"1" * 65 + b" bm25\n", 4, "score of 65 bytes"),
    ],
)
def test_faults_are_told_by_line(run_file, block_bytes, data, line, words):
    path = run_file(data)
    if line is None:
        assert len(read_run(path)) == 4
        return
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{path}:{line}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_empty_files_are_refused(run_file, data):
    with pytest.raises(UserError, match="run.trec: has no rows"):
        read_run(run_file(data))


def test_torn_and_damaged_gzip_are_refused(run_file):
    whole = gzip.compress(TREC * 50, mtime=0)
    for data in (whole[:-20], whole[:11], whole[:-6] + b"\0\1\2\3\4\5", whole + b"rest"):
        with pytest.raises(UserError, match="damaged or cut-off gzip"):
            read_run(run_file(data, "run.gz"))


def test_paths_that_are_no_files(tmp_path, run_file):
    with pytest.raises(UserError, match="no such file"):
        read_run(tmp_path / "none")
    with pytest.raises(UserError, match="no such file"):
        read_run(run_file(TREC) / "inside")
    with pytest.raises(UserError, match="is a folder"):
        read_run(tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["7", "07", "q", "é"]),
            st.text("abé1", min_size=1, max_size=3),
            st.integers(-3, 12),
            st.one_of(st.sampled_from([0.0, 1.5]), st.floats(-1e6, 1e6)),
        ),
        min_size=1,
        max_size=30,
        unique_by=lambda row: row[:2],
    ),
    gap=st.sampled_from([" ", "\t", "  "]),
    end=st.sampled_from(["\n", "\r\n", "\n\n", " \n"]),
    size=st.integers(1, 200),
)
def test_reads_as_a_plain_loop_would(tmp_path_factory, rows, gap, end, size):
    path = tmp_path_factory.mktemp("runs") / "run"
    path.write_bytes("".join(gap.join((q, "Q0", p, str(r), repr(s), "t")) + end for q, p, r, s in rows).encode())
    wanted = {q: [] for q, *_ in rows}
    for q, p, r, s in rows:
        wanted[q].append((-s, r, len(wanted[q]), p))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trec, "blocks", functools.partial(text.blocks, size=size))
        run = read_run(path)
    assert rows_of(run) == [(q, row[-1], -row[0]) for q, found in wanted.items() for row in sorted(found)]


def test_build_sorts_and_copies():
    scores = np.array([1, 3, 3, 5, 2], np.float32)
    run = Run.build(["b", "a"], [0, 3, 5], ["x", "y", "z", "ü", "y"], scores, "me")
    assert run.passage_ids.tolist() == [b"y", b"z", b"x", "ü".encode(), b"y"]
    assert run.scores.tolist() == [3, 3, 1, 5, 2] and run.scores.dtype == np.float64
    assert scores.tolist() == [1, 3, 3, 5, 2]


def test_build_refuses_scores_that_are_not_finite_and_lengths_that_do_not_fit():
    with pytest.raises(UserError, match="query b, passage y: score nan"):
        Run.build(["a", "b"], [0, 1, 3], ["x", "x", "y"], [1, 2, math.nan])
    with pytest.raises(ValueError, match="offsets"):
        Run.build(["a", "b"], [0, 1], ["x"], [1])
    with pytest.raises(ValueError, match="2 scores"):
        Run.build(["a"], [0, 1], ["x"], [1, 2])


def test_cut_and_only():
    run = Run.build(["a", "b", "c"], [0, 3, 3, 5], list("xyzuv"), [3, 2, 1, 9, 8])
    assert rows_of(run.cut(1)) == [("a", "x", 3.0), ("c", "u", 9.0)]
    assert run.cut(2).offsets.tolist() == [0, 2, 2, 4] and run.cut(3) is run
    assert rows_of(run.only(["c", "missing", b"a"])) == [
        ("c", "u", 9.0),
        ("c", "v", 8.0),
        ("a", "x", 3.0),
        ("a", "y", 2.0),
        ("a", "z", 1.0),
    ]
    assert len(run.only([])) == 0 and run.only([]).offsets.tolist() == [0]
    with pytest.raises(UserError, match="depth 0"):
        run.cut(0)


def test_an_empty_run_can_be_built_and_written(tmp_path):
    run = Run.build([], [0], [], [])
    write_trec(run, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"" and run.as_dict() == {} and run.cut(5) is run


def test_written_trec_lines(tmp_path):
    write_trec(Run.build(["q", "r"], [0, 2, 3], ["a", "b", "c"], [0.5, 0.5, 11.92020034790039], "t"), tmp_path / "out")
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines == ["q Q0 a 1 0.5 t", "q Q0 b 2 0.49999997 t", "r Q0 c 1 11.9202003 t"]


def test_written_msmarco_lines(tmp_path):
    write_msmarco(Run.build(["q", "r"], [0, 2, 3], ["b", "a", "c"], [1, 2, 3]), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"q\ta\t1\nq\tb\t2\nr\tc\t1\n"


def test_gzipped_output_is_the_same_every_time(tmp_path):
    run = Run.build(["q"], [0, 1], ["a"], [1])
    for name in ("one.gz", "two.gz"):
        write_trec(run, tmp_path / name)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.gz").read_bytes()) == b"q Q0 a 1 1 lce_tf\n"


def test_evaluators_see_our_order_where_scores_tie(tmp_path):
    """pytrec_eval reads float32 and puts the larger id first among ties; the relevant passage is `a`, first with us."""
    run = Run.build(["q"], [0, 3], ["a", "b", "c"], [1.000000001, 1.0, 1.0])
    referee = pytrec_eval.RelevanceEvaluator({"q": {"a": 1}}, {"recip_rank"})
    assert referee.evaluate(run.as_dict())["q"]["recip_rank"] == pytest.approx(1 / 3)
    write_trec(run, tmp_path / "out")
    with open(tmp_path / "out") as file:
        assert referee.evaluate(pytrec_eval.parse_run(file))["q"]["recip_rank"] == 1
    assert read_run(tmp_path / "out").passage_ids.tolist() == [b"a", b"b", b"c"]


def test_what_is_written_reads_back_as_written(tmp_path):
    generator = np.random.default_rng(3)
    offsets = np.concatenate(([0], np.cumsum(generator.integers(0, 40, 3000))))
    scores = generator.normal(0, 8, offsets[-1]).astype(np.float16)
    passages = np.arange(offsets[-1]) % 997
    run = Run.build([f"q{n}" for n in range(3000)], offsets, passages.astype("S"), scores)
    write_trec(run, tmp_path / "out")
    again = read_run(tmp_path / "out")
    assert again.scores.tobytes() == np.array([float(f"{s:.9g}") for s in written_scores(run)]).tobytes()
    assert again.scores.astype(np.float32).tobytes() == written_scores(run).tobytes()
    kept = np.diff(run.offsets) > 0
    assert (again.query_ids == run.query_ids[kept]).all() and (again.passage_ids == run.passage_ids).all()


@pytest.mark.parametrize("write", [write_trec, write_msmarco])
@pytest.mark.parametrize("wrong", ["", "a b", "a\tb", "a\u00a0b", b"\xff", b"a\0b", b"\0a"])
def test_ids_that_would_break_a_row_are_refused(tmp_path, write, wrong):
    ids = np.array([b"fine", wrong if isinstance(wrong, bytes) else wrong.encode()])
    for run in (Run.build(ids, [0, 1, 2], ["a", "b"], [1, 2]), Run.build(["q"], [0, 2], ids, [1, 2])):
        with pytest.raises(UserError, match="cannot stand in a run"):
            write(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tags_and_repeats_are_refused(tmp_path):
    for tag in ("", "my tag", "t\n", "t\u2003u"):
        with pytest.raises(UserError, match="tag"):
            write_trec(Run.build(["q"], [0, 1], ["a"], [1], tag), tmp_path / "out")
    with pytest.raises(UserError, match="passage a is listed twice for query q"):
        write_trec(Run.build(["q"], [0, 3], ["a", "b", "a"], [1, 2, 3]), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
