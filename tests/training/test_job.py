"""Training from end to end on a small folder: interrupted, torn, finished, refused."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.groups.sampler import GroupSampler
from lce_tf.training import job
from lce_tf.training.inputs import read_inputs
from lce_tf.training.job import train
from lce_tf.training.records import Figures, open_manifest
from lce_tf.training.watch import PATIENCE, Watch
from tests.training.conftest import kept_checkpoints

ROOT = Path(__file__).parents[2]


def figures(folder, name="loss"):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row[name] for row in rows if name in row}


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def stopped_at(monkeypatch, config, folder, step, number=signal.SIGTERM):
    """Trains with dropout until a signal comes in the middle of `step`."""
    add = Figures.add

    def then_killed(self, at, **values):
        add(self, at, **values)
        if at == step:
            # Called, not sent: this process has the libraries of all the tests in it. Real ones are sent below.
            signal.getsignal(number)(number, None)

    with monkeypatch.context() as patch:
        patch.setattr(Figures, "add", then_killed)
        with pytest.raises(KeyboardInterrupt):
            train(config, folder)


@pytest.fixture(scope="module")
def config(files):
    return files.config(backbone=str(files.with_dropout), log_every=1)


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    """An undisturbed training of 6 steps, a checkpoint every 2, which are kept."""
    with kept_checkpoints():
        return train(config, tmp_path_factory.mktemp("job") / "new" / "finished")


@pytest.fixture
def copy(finished, tmp_path):
    """The finished training as it was before its result was written."""
    folder = shutil.copytree(finished, tmp_path / "copy")
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
    return folder


def test_what_a_finished_folder_holds(finished, config):
    from lce_tf.model import checkpoint

    names = {path.name for path in finished.iterdir()}
    assert {"config.json", "model.safetensors", "vocab.txt", "manifest.json", "metrics.jsonl"} <= names
    assert {"summaries", "checkpoints"} <= names and not [n for n in names if n.endswith(".part")]
    manifest = json.loads((finished / "manifest.json").read_text())
    assert manifest["config"]["seed"] == config.seed and manifest["usable_queries"] == 12
    assert (manifest["precision"], manifest["replicas"]) == ("float32", 1)
    assert list(figures(finished)) == [1, 2, 3, 4, 5, 6]
    row = json.loads((finished / "metrics.jsonl").read_text().splitlines()[0])
    told = {"step", "epoch", "loss", "learning_rate", "gradient_norm", "loss_scale", "pairs_per_second"}
    assert (
        set(row) == told | {"score_spread", "skipped_steps", "wordpieces_per_second", "model_tflops"}
        and row["skipped_steps"] == 0 < row["score_spread"]
    )
    about = checkpoint.trained(finished)
    assert about.scoring.outputs == 1 and about.lengths == config.lengths
    assert json.loads((finished / "config.json").read_text())["lce_tf"]["loss"] == "lce"
    assert checkpoint.load(finished).head.linear.kernel.shape == (32, 1)


def test_a_finished_folder_is_returned_at_once(finished, config, monkeypatch):
    def no_job(*_):
        raise AssertionError("there is nothing to do")

    monkeypatch.setattr(job, "Job", no_job)
    assert train(config, finished) == finished


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"steps": 7}, "steps is 6 there and 7 here"), ({"seed": 1}, "seed is 42 there and 1 here")],
)
def test_another_configuration_is_refused_and_changes_nothing(finished, config, changes, message):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    with pytest.raises(UserError, match=message):
        train(replace(config, **changes), finished)
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


def test_another_configuration_is_refused_for_an_unfinished_training_too(copy, config):
    with pytest.raises(UserError, match="learning_rate is 0.001 there and 0.002 here"):
        train(replace(config, learning_rate=2e-3), copy)
    assert not (copy / "config.json").exists()


@pytest.mark.parametrize(("step", "number"), [(3, signal.SIGTERM), (4, signal.SIGINT)])
def test_interrupted_and_called_again_it_ends_bitwise_the_same(
    finished, config, tmp_path, monkeypatch, capsys, step, number
):
    folder = tmp_path / "job"
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    stopped_at(monkeypatch, config, folder, step, number)
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert not (folder / "config.json").exists() and list(figures(folder)) == list(range(1, step + 1))
    # As if the process had gone on a little and died in the middle of a line.
    with open(folder / "metrics.jsonl", "a") as file:
        file.write(f'{{"step": {step + 1}, "loss": 9}}\n{{"step": {step + 2}, "lo')
    capsys.readouterr()
    train(config, folder)
    assert f"resumes from step {step} (ckpt-{step})" in capsys.readouterr().out
    assert weights(folder) == weights(finished) and not (folder / "checkpoints").exists()
    assert figures(folder) == figures(finished)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_real_signal_saves_the_step_in_progress(files, tmp_path, number):
    """The command in a separate process, interrupted twice; it resumes each time."""
    base = [sys.executable, "-m", "lce_tf.train", "--dataset", str(files.data), "--run", str(files.run)]
    base += ["--backbone", str(files.backbone), "--group", "4", "--batch", "4", "--steps", "1000000"]
    base += ["--query-length", "8", "--sequence-length", "32", "--log-every", "1", "--output", str(tmp_path / "job")]
    reached = 0
    for _ in range(2):
        process = subprocess.Popen(base, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and last_step(tmp_path / "job") < reached + 3:
            time.sleep(0.1)
        process.send_signal(number)
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 130 and "the same command continues from whatever was saved" in errors
        assert (f"resumes from step {reached}" in output) == (reached > 0)
        steps = [int(path.stem.partition("-")[2]) for path in (tmp_path / "job" / "checkpoints").glob("*.index")]
        assert max(steps) == last_step(tmp_path / "job") >= reached + 3
        reached = max(steps)


def last_step(folder):
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    return json.loads(lines[-1])["step"] if lines else 0


def torn(folder, step):
    path = folder / "checkpoints" / f"ckpt-{step}.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_torn_newest_checkpoint_falls_back_to_the_one_before(copy, config, finished, capsys):
    torn(copy, 6)
    train(config, copy)
    said = capsys.readouterr().out
    assert "ckpt-6: the checkpoint is torn" in said and "resumes from step 4 (ckpt-4)" in said
    assert weights(copy) == weights(finished) and figures(copy) == figures(finished)


def test_with_no_whole_checkpoint_it_starts_afresh(copy, config, finished, capsys):
    torn(copy, 4)
    (copy / "checkpoints" / "ckpt-6.data-00000-of-00001").unlink()
    train(config, copy)
    said = capsys.readouterr().out
    assert "none of its checkpoints is whole; training starts afresh" in said
    assert weights(copy) == weights(finished) and list(figures(copy)) == [1, 2, 3, 4, 5, 6]


def test_a_torn_list_of_checkpoints_loses_none(copy, config, finished, capsys):
    (copy / "checkpoints" / "checkpoint").write_bytes(b"model_chec")
    train(config, copy)
    assert "resumes from step 6" in capsys.readouterr().out
    assert weights(copy) == weights(finished)


def test_the_best_on_the_dev_sample_is_kept(files, tmp_path):
    config = files.config(
        keep="best", dev_run=str(files.dev_run), evaluate_every=2, dev_queries=10, dev_depth=10, learning_rate=1e-2
    )
    folder = train(config, tmp_path / "best")
    values = figures(folder, "dev_mrr_10")
    assert list(values) == [2, 4, 6] and all(0 <= value <= 1 for value in values.values())
    assert weights(folder) == weights(folder / "best")


def test_the_best_by_ndcg_over_two_sets_is_kept(files, tmp_path, monkeypatch):
    other = tmp_path / "other.trec"
    other.write_text("".join(files.run.read_text().splitlines(keepends=True)[:160]))
    config = files.config(
        keep="best", dev_run=str(files.dev_run), dev_also=f"{files.data}:train:{other}", dev_measure="nDCG@10",
        evaluate_every=1, dev_queries=10, dev_depth=10, learning_rate=1e-2, steps=3,
    )  # fmt: skip
    saved, save = [], job.Job._save_model
    monkeypatch.setattr(
        job.Job, "_save_model", lambda self, to: (saved.append((to.name, int(self.step))), save(self, to))
    )
    folder = train(config, tmp_path / "whole")
    first, second, both = (figures(folder, f"dev_ndcg_10{name}") for name in ("", ":other", ":mean"))
    assert list(first) == list(second) == list(both) == [1, 2, 3] and first != second
    assert all(both[step] == pytest.approx((first[step] + second[step]) / 2) for step in both)
    # Saved whenever the mean is above all before.
    assert saved == [("best", step) for step in both if both[step] > max([-1, *(both[s] for s in range(1, step))])]
    assert weights(folder) == weights(folder / "best")
    assert set(json.loads((folder / "manifest.json").read_text())["inputs"]) >= {"dev_run", "dev_run:other"}


# Hinge reads the same logits as LCE, and `test_step` has its gradient.
@pytest.mark.parametrize("loss", ["lce", "ce", pytest.param("hinge", marks=pytest.mark.slow)])
def test_the_loss_falls_on_what_can_be_learned(files, tmp_path, loss):
    data = shutil.copytree(files.data, tmp_path / "easy")
    # What is relevant to any training query (p0 to p11) names acorns, and nothing else does.
    rows = [row.replace("acorn", "zebra") for row in (data / "collection.tsv").read_text().splitlines()]
    easy = [row.replace("\t", "\tacorn acorn ") if i < 12 else row for i, row in enumerate(rows)]
    (data / "collection.tsv").write_text("\n".join(easy) + "\n")
    run = tmp_path / "train.trec"
    kept = [line for line in files.run.read_text().splitlines() if int(line.split()[2][1:]) >= 12]
    run.write_text("\n".join(kept) + "\n")
    config = files.config(
        dataset=str(data), run=str(run), loss=loss, steps=50, batch=12, learning_rate=2e-3, log_every=1
    )
    losses = list(figures(train(replace(config, checkpoint_every=50), tmp_path / loss)).values())
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def test_a_training_of_an_earlier_version_goes_on(copy, finished, config):
    """Its manifest lacks a setting that there was not yet, which was as it is by default."""
    manifest = json.loads((copy / "manifest.json").read_text())
    assert manifest["config"].pop("deterministic") is False
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="deterministic is False there and True here"):
        open_manifest(copy, replace(config, deterministic=True), manifest["inputs"], {})
    torn(copy, 6)  # so that steps are left
    assert weights(train(config, copy)) == weights(finished)


@pytest.mark.slow
def test_deterministic_kernels_give_the_same_bits_as_the_others_do_on_a_cpu(files, tmp_path, finished, config):
    code = (
        "import json, sys\n"
        "from lce_tf.training.config import TrainConfig\n"
        "from lce_tf.training.job import train\n"
        "from tensorflow.python.framework.config import is_op_determinism_enabled\n"
        "train(TrainConfig(**json.loads(sys.argv[1])), sys.argv[2])\n"
        "print(is_op_determinism_enabled())\n"
    )
    settings = json.dumps(asdict(replace(config, deterministic=True)))
    command = [sys.executable, "-c", code, settings, str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.endswith("True\n"), done.stderr[-500:]
    assert weights(tmp_path / "out") == weights(finished)


def test_a_clock_that_jumps_changes_nothing(files, tmp_path, monkeypatch, finished, config):
    """Days back and forth, between a checkpoint and the next, before a stop and after it."""
    clock, days = time.time, itertools.cycle([0, -400, 3, 900, -1])
    monkeypatch.setattr(time, "time", lambda: clock() + 86400 * next(days))
    stopped_at(monkeypatch, config, tmp_path / "out", 3)
    for file in (tmp_path / "out" / "checkpoints").iterdir():
        os.utime(file, (4e9, 4e9))  # written in the year 2096
    folder = train(config, tmp_path / "out")
    assert weights(folder) == weights(finished) and figures(folder) == figures(finished)


def test_outside_the_main_thread_signals_are_left_alone(files, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool:
        folder = pool.submit(train, files.config(steps=1), tmp_path / "out").result()
    assert (folder / "config.json").is_file() and signal.getsignal(signal.SIGTERM) == before


def spoilt(files, folder):
    """A backbone whose every score is no number."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(files.backbone, folder)
    arrays = load_file(folder / "model.safetensors")
    name = next(name for name in arrays if name.endswith("encoder.layer.0.output.dense.bias"))
    save_file({**arrays, name: np.full_like(arrays[name], np.nan)}, folder / "model.safetensors", {"format": "pt"})
    return str(folder)


def test_a_loss_that_is_no_number_ends_training_with_one_line(files, tmp_path):
    config = files.config(backbone=spoilt(files, tmp_path / "spoilt"), steps=50)
    with pytest.raises(UserError, match=f"step {PATIENCE}: the loss .* lower --learning-rate") as caught:
        train(config, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "model.safetensors").exists() and not (tmp_path / "out" / "config.json").exists()
    # The batch is named, as hand-dealt from the sampler.
    named = json.loads((tmp_path / "out" / "strange.json").read_text())
    inputs = read_inputs(config)
    dealt = GroupSampler(inputs.pool, config.members, config.seed).step(PATIENCE - 1, config.batch)
    queries, passages = inputs.packer.queries.text_ids, inputs.packer.passages.text_ids
    assert named["step"] == PATIENCE and named["loss"] == "nan" and len(named["groups"]) == config.batch
    assert [group["query"].encode() for group in named["groups"]] == list(queries[dealt.query_rows])
    members = [[passage.encode() for passage in group["passages"]] for group in named["groups"]]
    assert members == passages[dealt.passage_rows].tolist()
    # Nothing to go on from that would only bring the fault back.
    assert not list((tmp_path / "out").glob("checkpoints/*.index"))


def test_a_short_training_of_which_no_step_is_finite_ends_with_an_error(files, tmp_path):
    config = files.config(backbone=spoilt(files, tmp_path / "spoilt"), steps=3)
    with pytest.raises(UserError, match="step 3: the loss or its gradient has not been finite for 3 steps"):
        train(config, tmp_path / "out")
    assert not (tmp_path / "out" / "config.json").exists()


def test_weights_that_are_no_numbers_are_never_the_result(files, tmp_path, monkeypatch):
    monkeypatch.setattr(Watch, "gives_up", False)
    config = files.config(backbone=spoilt(files, tmp_path / "spoilt"), steps=3)
    with pytest.raises(UserError, match="not written, as the weights .* are not finite after step 3"):
        train(config, tmp_path / "out")
    assert not (tmp_path / "out" / "model.safetensors").exists() and not (tmp_path / "out" / "config.json").exists()


def test_a_finished_training_without_its_weights_is_not_taken_for_one(finished, config, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "out")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="out: .*model.safetensors"):
        train(config, folder)


def test_a_data_set_s_folder_is_no_output(files):
    before = sorted(files.data.iterdir())
    with pytest.raises(UserError, match="holds a data set; choose another folder"):
        train(files.config(), files.data)
    assert sorted(files.data.iterdir()) == before


def test_refused_input_leaves_no_folder(files, tmp_path):
    for settings in ({"run": "absent.trec"}, {"group": 22}, {"backbone": "./absent"}):
        with pytest.raises(UserError):
            train(files.config(**settings), tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_folder_that_was_there_stays(files, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError):
        train(files.config(run="absent.trec"), tmp_path / "out")
    assert (tmp_path / "out").is_dir()


@pytest.mark.parametrize("output", ["file/out", "/proc/out"])
def test_an_output_that_cannot_be_made(files, tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another output"):
        train(files.config(), output)
