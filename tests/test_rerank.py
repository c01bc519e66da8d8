"""The rerank command: success prints one line; an error is one line and status 2, and nothing is half-written."""

import gzip
import json
import shutil
import subprocess
import sys

import pytest

from lce_tf.data.runs import read_run
from lce_tf.rerank import main

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij"]
RUN = "q1 Q0 d1 1 3 x\nq1 Q0 d2 2 2 x\nq1 Q0 d3 3 1 x\nq2 Q0 d3 1 2 x\nq2 Q0 d1 2 1 x\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a data set, a run and a tiny random checkpoint."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import EncoderConfig
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.tokens.lengths import Lengths

    folder = tmp_path_factory.mktemp("home")
    (folder / "data").mkdir()
    (folder / "data" / "collection.tsv").write_text("d1\ta b c\nd2\td e [SEP] f\nd3\t\n")
    (folder / "data" / "queries.dev.tsv").write_text("q1\ta\nq2\tb c\n")
    (folder / "data" / "queries.train.tsv").write_text("t1\ta\n")
    (folder / "run.trec").write_text(RUN)
    (folder / "words").mkdir()
    (folder / "words" / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    config = EncoderConfig(
        vocab_size=len(WORDS),
        embedding_size=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    checkpoint.save(CrossEncoder(config), folder / "model", folder / "words", Lengths(8, 32), {})
    return folder


@pytest.fixture
def call(home, tmp_path, monkeypatch):
    """Runs the command in a folder of its own; keywords replace arguments, None leaves one out."""
    for name in ("data", "model"):
        shutil.copytree(home / name, tmp_path / name)
    shutil.copy(home / "run.trec", tmp_path)
    monkeypatch.chdir(tmp_path)

    def run(**changes):
        arguments = {"checkpoint": "model", "dataset": "data", "split": "dev", "run": "run.trec", "output": "new.trec"}
        given = {**arguments, "engine": "tensorflow", **changes}
        return main([part for name, value in given.items() if value is not None for part in (f"--{name}", str(value))])

    return run


def test_it_works_and_says_so(call, capsys, tmp_path):
    assert call() == 0
    assert capsys.readouterr().out == "2 queries, 5 rows: new.trec\n"
    run = read_run("new.trec")
    assert {query: set(ids) for query, ids in run.as_dict().items()} == {"q1": {"d1", "d2", "d3"}, "q2": {"d1", "d3"}}
    assert json.loads((tmp_path / "new.trec.json").read_text())["pairs"] == 5


def test_options_reach_the_job(call, tmp_path):
    assert call(depth=1, tag="mine", engine="tensorflow", precision="float32", output="deep/new.trec.gz") == 0
    assert gzip.decompress((tmp_path / "deep" / "new.trec.gz").read_bytes()).splitlines()[0].endswith(b" mine")
    manifest = json.loads((tmp_path / "deep" / "new.trec.gz.json").read_text())
    assert (manifest["engine"], manifest["precision"], manifest["depth"]) == ("tensorflow", "float32", 1)
    assert read_run("deep/new.trec.gz").passage_ids.tolist() == [b"d1", b"d2", b"d3", b"d3", b"d1"]


def test_other_lengths_than_the_checkpoint_s(call, tmp_path):
    assert call(**{"query-length": 1, "sequence-length": 6}) == 0
    lengths = json.loads((tmp_path / "new.trec.json").read_text())["lengths"]
    assert lengths == {"query": 1, "sequence": 6, "passage": None}


def test_a_shard_goes_into_a_file_of_its_own(call, capsys, tmp_path):
    assert call(shard="1/2") == 0
    assert capsys.readouterr().out == "1 queries, 2 rows: new.trec.shard-1-of-2\n"
    assert read_run("new.trec.shard-1-of-2").query_ids.tolist() == [b"q2"] and not (tmp_path / "new.trec").exists()


def test_in_an_array_job_the_index_is_the_scheduler_s(call, capsys, monkeypatch):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    assert call(shard="2") == 0
    assert capsys.readouterr().out == "1 queries, 3 rows: new.trec.shard-0-of-2\n"


@pytest.mark.slow
def test_a_ray_of_its_own_is_quiet(call, capfd, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed")
    assert call() == 0
    alone = (tmp_path / "new.trec").read_bytes()
    capfd.readouterr()
    assert call(ray="local", workers=1, output="other.trec") == 0
    out, error = capfd.readouterr()
    assert out == "2 queries, 5 rows: other.trec\n"
    # Ray's C++ core writes this about every pool of actors that Ray Data makes, past Python's logging.
    lines = [line for line in error.splitlines() if "core_worker.cc" not in line]
    assert not [line for line in lines if "ray" in line.lower()], error
    assert (tmp_path / "other.trec").read_bytes() == alone


def test_msmarco_columns_are_a_run_too(call, tmp_path):
    (tmp_path / "run.tsv").write_text("q1\td2\t1\nq1\td1\t2\n")
    assert call(run="run.tsv") == 0 and len(read_run("new.trec")) == 2


def spoil_run(text):
    def spoil(folder):
        (folder / "run.trec").write_bytes(text if isinstance(text, bytes) else text.encode())

    return spoil


def remove(name):
    return lambda folder: (folder / name).unlink()


def folder_at(name):
    return lambda folder: (folder / name).mkdir()


def cut(name, size):
    def spoil(folder):
        (folder / name).write_bytes((folder / name).read_bytes()[:size])

    return spoil


def train_unfinished(folder):
    (folder / "model" / "config.json").unlink()
    (folder / "model" / "manifest.json").write_text("{}")


def backbone(folder):
    config = json.loads((folder / "model" / "config.json").read_text())
    del config["lce_tf"]
    (folder / "model" / "config.json").write_text(json.dumps(config))


def nothing(folder):
    pass


BAD = {
    "unknown query": (spoil_run(RUN + "q9 Q0 d1 1 1 x\n"), {}, ["run.trec: query q9", "split dev", "--split"]),
    "split of other queries": (nothing, {"split": "train"}, ["run.trec: query q1", "2 of 2"]),
    "unknown passage": (spoil_run(RUN + "q2 Q0 d9 3 0 x\n"), {}, ["run.trec: passage d9", "1 of 6 rows"]),
    "id that only begins alike": (spoil_run("q1 Q0 d11 1 1 x\n"), {}, ["passage d11"]),
    "unknown split": (nothing, {"split": "test"}, ["no split 'test'"]),
    "split left out": (nothing, {"split": None}, ["several splits", "--split"]),
    "no data set": (nothing, {"dataset": "./nowhere"}, ["nowhere: no such folder"]),
    "no checkpoint": (nothing, {"checkpoint": "nowhere"}, ["nowhere: no such folder", "finished training"]),
    "empty checkpoint": (folder_at("empty"), {"checkpoint": "empty"}, ["empty: has no config.json", "no checkpoint"]),
    "unfinished training": (train_unfinished, {}, ["model: has no config.json", "has not finished"]),
    "backbone only": (backbone, {}, ["model: is a backbone without a trained head"]),
    "torn config": (cut("model/config.json", 100), {}, ["model/config.json:", "not JSON"]),
    "torn weights": (
        cut("model/model.safetensors", 1000),
        {},
        ["model/model.safetensors", "cannot be read as weights"],
    ),
    "no weights": (remove("model/model.safetensors"), {}, ["model: has no weights"]),
    "no tokenizer": (remove("model/vocab.txt"), {}, ["model: has no tokenizer"]),
    "no run": (nothing, {"run": "nowhere.trec"}, ["nowhere.trec: no such file"]),
    "empty run": (spoil_run(""), {}, ["run.trec"]),
    "torn run": (spoil_run(RUN[:-7]), {}, ["run.trec:5"]),
    "torn gzip": (spoil_run(gzip.compress(RUN.encode() * 1)[:-9]), {}, ["run.trec: damaged or cut-off gzip"]),
    "score that is not a number": (spoil_run(RUN.replace(" 3 x", " nan x", 1)), {}, ["run.trec:1", "nan"]),
    "depth 0": (nothing, {"depth": 0}, ["--depth 0"]),
    "output is a folder": (folder_at("new.trec"), {}, ["--output new.trec: is a folder"]),
    "output below a file": (nothing, {"output": "run.trec/new.trec"}, ["run.trec: cannot be made a folder"]),
    "shard that is none": (nothing, {"shard": "2/2"}, ["--shard 2/2", "0 to 1"]),
    "shard outside an array": (nothing, {"shard": "2"}, ["--shard 2: which of the 2"]),
    "workers without ray": (nothing, {"workers": 2}, ["--ray, --workers: give both"]),
    "tag of two words": (nothing, {"tag": "a b"}, ["--tag 'a b'"]),
    "unknown precision": (nothing, {"engine": "openvino", "precision": "int4"}, ["--precision 'int4'"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(call, capsys, tmp_path, name):
    spoil, changes, words = BAD[name]
    spoil(tmp_path)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    assert call(**changes) == 2
    out, error = capsys.readouterr()
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert out == "" and len(lines) == 1 and error.endswith(lines[0] + "\n"), error
    assert all(word in lines[0] for word in words), lines[0]
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_an_engine_that_is_unknown_is_argparse_s_matter(call, capsys):
    with pytest.raises(SystemExit) as stop:
        call(engine="onnx")
    assert stop.value.code == 2 and "onnx" in capsys.readouterr().err


def test_ctrl_c_is_status_130_and_the_next_call_goes_on(call, capsys, monkeypatch):
    from lce_tf.reranking import rerank as job

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(job, "score_pairs", stopped)
        assert call() == 130
    assert "continues from whatever was saved" in capsys.readouterr().err
    assert call() == 0


def test_help_needs_no_tensorflow():
    code = "import sys; from lce_tf.rerank import parser; parser().format_help(); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_help_shows_defaults_and_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "(default: 1000)" in text and "python -m lce_tf.rerank --checkpoint" in text


def test_windows_of_documents_reach_the_job(call, tmp_path):
    assert call(window=2, stride=1, windows=3) == 0
    manifest = json.loads((tmp_path / "new.trec.json").read_text())
    assert manifest["lengths"] == {"query": 8, "sequence": 32, "passage": 2, "stride": 1, "windows": 3}


def test_windows_without_a_length_are_one_line(call, capsys, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert call(windows=3) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --windows 3: how long is a window?") and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
