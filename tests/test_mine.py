"""The mine command: what each round trains on, going on after a stop, and what it refuses."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lce_tf import mine
from lce_tf.data.runs import read_run
from lce_tf.multistage import mine as room
from tests.training.conftest import Files

ROOT = Path(__file__).parents[1]
SHORT = "--steps 3 --batch 4 --group 3 --learning-rate 1e-3 --precision float32 --log-every 1 --query-length 8"
SHORT += " --sequence-length 32 --engine tensorflow --scoring-precision float32"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("mine"))


def mined(files, output, *flags):
    given = ["--dataset", str(files.data), "--run", str(files.run), "--backbone", str(files.backbone), *SHORT.split()]
    return mine.main([*given, "--output", str(output), *map(str, flags)])


FLAGS = ("--rounds", "2", "--per-query", "5", "--last-rank", "15", "--teacher-margin", "0.1")


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    """Two rounds, compared on the dev run."""
    output = tmp_path_factory.mktemp("rounds") / "mined"
    assert mined(files, output, *FLAGS, "--dev-run", files.dev_run, "--depth", "10") == 0
    return output


def lists(path):
    return {query: list(row) for query, row in read_run(path).as_dict().items()}


def judged(files):
    rows = [line.split() for line in (files.data / "qrels.train.txt").read_text().splitlines()]
    return {query: passage for query, _, passage, _ in rows}


@pytest.mark.slow
def test_the_first_round_has_the_top_of_the_run(files, made):
    first, positives = lists(files.run), judged(files)
    candidates = {query: [i for i in row[:15] if i != positives[query]] for query, row in first.items()}
    assert lists(made / "candidates.trec") == candidates
    assert lists(made / "round-1" / "negatives.trec") == {query: row[:5] for query, row in candidates.items()}


@pytest.mark.slow
def test_the_second_round_has_what_the_first_model_ranks_highest_below_its_positive(files, made):
    scored, positives = read_run(made / "round-1" / "scored.trec").as_dict(), judged(files)
    expected = {}
    for query, row in scored.items():
        limit = row[positives[query]] - 0.1
        below = sorted((i for i in row if i != positives[query] and row[i] <= limit), key=lambda i: -row[i])
        expected |= {query: below[:5]} if below else {}
    found = lists(made / "round-2" / "negatives.trec")
    assert found == expected and found != lists(made / "round-1" / "negatives.trec")
    record = json.loads((made / "round-2" / "negatives.trec.json").read_text())
    assert record["removed"]["teacher_margin"]["passages"] > 0 and record["examples"]["teacher_margin"]


@pytest.mark.slow
def test_each_round_starts_from_the_backbone(files, made):
    for number in (1, 2):
        manifest = json.loads((made / f"round-{number}" / "model" / "manifest.json").read_text())
        assert manifest["config"]["backbone"] == str(files.backbone)
        assert manifest["config"]["run"] == str(made / f"round-{number}" / "negatives.trec")
        assert manifest["config"]["dev_run"] == str(files.dev_run)  # evaluated as by lce train
    assert not (made / "round-2" / "scored.trec").exists()


@pytest.mark.slow
def test_the_table(made):
    facts = json.loads((made / "table.json").read_text())
    assert [row["model"] for row in facts["rows"]] == ["first stage", "round-1", "round-2"]
    assert facts["rounds"]["new"]["round-1"] == "100%" and facts["rounds"]["negatives"]["round-1"] == "60"
    one, two = (
        {(query, i) for query, row in lists(made / f"round-{number}" / "negatives.trec").items() for i in row}
        for number in (1, 2)
    )
    assert facts["rounds"]["new"]["round-2"] == f"{len(two - one) / len(two):.0%}"
    assert (made / "table.md").read_text().startswith("| model | MRR@10 | nDCG@10 | MRR@10 less round-1's (p) | neg")


@pytest.mark.slow
def test_one_more_round_keeps_the_others(files, made, tmp_path, monkeypatch):
    import shutil

    # Paths are part of what a product was made with, so the folder keeps its name.
    kept = shutil.copytree(made, tmp_path / "kept")
    calls = []
    whole = room.train
    monkeypatch.setattr(room, "train", lambda config, path: calls.append(path) or whole(config, path))
    assert mined(files, made, *FLAGS, "--rounds", "3", "--start", "backbone") == 0
    assert calls == [made / "round-3" / "model"]
    for name in ("round-1/model/model.safetensors", "round-2/model/model.safetensors", "round-2/negatives.trec"):
        assert (made / name).read_bytes() == (kept / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(("at", "call"), [("negatives", 3), ("train", 2)])
def test_an_interrupted_one_goes_on(files, made, tmp_path, monkeypatch, at, call):
    whole, calls = getattr(room, at), []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == call:
            raise KeyboardInterrupt
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(room, at, killed)
        assert mined(files, tmp_path / "new", *FLAGS) == 130
    assert mined(files, tmp_path / "new", *FLAGS) == 0
    for name in ("round-2/negatives.trec", "round-2/model/model.safetensors"):
        assert (tmp_path / "new" / name).read_bytes() == (made / name).read_bytes()


@pytest.mark.slow
def test_a_kill_at_any_step_changes_nothing(files, made, tmp_path):
    """As each of these files appears, the process that made it is killed, and the same command started again."""
    output = tmp_path / "new"
    given = ["--dataset", str(files.data), "--run", str(files.run), "--backbone", str(files.backbone), *SHORT.split()]
    command = [sys.executable, "-m", "lce_tf", "mine", *given, "--output", str(output), *FLAGS]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in ("candidates.trec", "round-1/model/metrics.jsonl", "round-1/scored.trec", "round-2/negatives.trec"):
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while not (output / name).exists() and process.poll() is None:
                time.sleep(0.01)
            process.kill()
    assert mined(files, output, *FLAGS) == 0
    for name in ("round-2/negatives.trec", "round-2/model/model.safetensors"):
        assert (output / name).read_bytes() == (made / name).read_bytes()


@pytest.mark.slow
def test_a_round_may_start_from_the_one_before(files, tmp_path):
    output = tmp_path / "new"
    assert mined(files, output, "--rounds", "2", "--per-query", "5", "--start", "previous") == 0
    manifest = json.loads((output / "round-2" / "model" / "manifest.json").read_text())
    assert manifest["config"]["backbone"] == str(output / "round-1" / "model")


@pytest.mark.slow
def test_a_teacher_of_ones_own_filters_the_candidates(files, tmp_path):
    rng = np.random.default_rng(1)
    rows, scores = [], {}
    for query, row in read_run(files.run).as_dict().items():
        positive = judged(files)[query]
        scores[query] = {i: float(rng.normal()) for i in {*row, positive}}
        rows += [f"{query} Q0 {i} 1 {score!r} t\n" for i, score in scores[query].items()]
    (tmp_path / "teacher.trec").write_text("".join(rows))
    flags = ("--rounds", "2", "--teacher", tmp_path / "teacher.trec", "--teacher-margin", "0.5")
    assert mined(files, tmp_path / "new", *flags, "--short-lists", "replace") == 0
    for number in (1, 2):
        for query, row in lists(tmp_path / "new" / f"round-{number}" / "negatives.trec").items():
            assert all(scores[query][i] <= scores[query][judged(files)[query]] - 0.5 for i in row)


@pytest.mark.parametrize("block", [1, 2, 1024])
def test_the_shares_of_pairs_that_are_new(tmp_path, monkeypatch, block):
    monkeypatch.setattr(room, "BLOCK", block)
    lists = [["q1 a", "q1 b", "q2 a", "q3 longer-id"], ["q2 b", "q2 a", "q4 a", "q1 c", "q1 b"], ["q1 b"]]
    files = [tmp_path / f"{number}.trec" for number in range(3)]
    for file, pairs in zip(files, lists, strict=True):
        rows = [pair.split() for pair in pairs]
        file.write_text("".join(f"{query} Q0 {i} 1 {-n} t\n" for n, (query, i) in enumerate(rows)))
    assert list(room.shares_new(files)) == [1.0, 3 / 5, 0.0]


@pytest.mark.parametrize(
    ("flags", "longest", "noted"),
    [
        ("", 150, True),
        ("--per-query 150", 150, True),
        ("--teacher t.trec --teacher-margin 1", 150, True),
        ("--per-query 149", 150, False),
        ("--negatives-depth 149", 150, False),
        ("--teacher-margin 1", 150, False),
        ("--rounds 1", 150, False),
        ("", 201, False),
    ],
)
def test_a_note_where_no_round_mines_anything(flags, longest, noted):
    given = f"--dataset d --run r.trec --output o {flags}".split()
    said = room.nothing_mined(mine.config_of(mine.parser().parse_args(given)), longest)
    assert bool(said) == noted
    assert not noted or "give a --per-query below 150, or --teacher-margin without a --teacher" in said


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--rounds 0", "--rounds 0"),
        ("--run absent.trec", "absent.trec: no such file"),
        ("--dev-run absent.trec", "absent.trec: no such file"),
        ("--teacher absent.trec --teacher-margin 1", "absent.trec: no such file"),
        ("--loss margin-mse", "--loss margin-mse: learns from a --teacher"),
        ("--teacher t.trec", "--teacher: removes nothing alone; give --teacher-margin"),
        ("--teacher-share 3", "--teacher-share 3"),
        ("--group 1", "--group 1"),
        ("--recipe released --batch 4", "--positives run: no relevant passage is in a list of negatives"),
        ("--dataset absent/folder", "absent/folder"),
        ("--backbone ./absent", "absent: "),
    ],
)
def test_bad_input_is_one_line_with_nothing_left(files, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    assert mined(files, tmp_path / "new", *flags.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and re.search(message, said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "filters", "taught"),
    [
        ("--loss kl --teacher a.trec b.trec", (), "a.trec"),
        ("--loss kl --teacher a.trec b.trec --teacher-margin 1", ("a.trec", "b.trec"), "a.trec"),
        ("--teacher a.trec --teacher-margin 1", ("a.trec",), None),
        ("--teacher-margin 1", room.OWN, None),
    ],
)
def test_what_a_teacher_is_for(flags, filters, taught):
    given = f"--dataset d --run r.trec --output o {flags}".split()
    config = mine.config_of(mine.parser().parse_args(given))
    assert (config.negatives.teacher, config.training.teacher) == (filters, taught)


def test_the_example_parses():
    line = mine.EXAMPLE.partition("\n\n")[0].replace("\\\n", "")
    assert mine.config_of(mine.parser().parse_args(shlex.split(line)[3:])).rounds == 2
