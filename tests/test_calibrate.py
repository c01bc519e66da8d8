"""The command for calibrating."""

from pathlib import Path

from lce_tf.calibrate import main
from lce_tf.reranking.calibration import read_calibration
from tests.reranking.conftest import checkpoints, config, data  # noqa: F401  (fixtures)
from tests.reranking.test_calibrate import job  # noqa: F401


def test_it_works_and_says_so(job, capsys):  # noqa: F811
    _, wanted = job
    options = ["--checkpoint", wanted.checkpoint, "--run", wanted.run, "--qrels", wanted.qrels]
    assert main([*options, "--method", "isotonic", "--held-out", "0.4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("fitted to: 3 queries, ") and lines[1].startswith("held out: 2 queries, ")
    assert lines[2].startswith("before, on the queries held out: expected calibration error 0.")
    assert lines[3].startswith("after, on the queries held out: expected calibration error 0.")
    assert read_calibration(Path(wanted.checkpoint)).method == "isotonic"


def test_what_is_wrong_is_one_line(job, capsys):  # noqa: F811
    _, wanted = job
    assert main(["--checkpoint", wanted.checkpoint, "--run", "absent.trec", "--qrels", wanted.qrels]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.startswith("error: absent.trec: has no manifest") and error.count("\n") == 1
