"""docs/python.md: its programs run as they stand, on tiny models in the places that they name."""

import contextlib
import importlib
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import pytest

from lce_tf import cli
from lce_tf.data.runs import read_run

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"how far away is the moon earth cheese made of milk".split()]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.S)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a trained checkpoint, a public one, a data set and a run, as the page names them."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import EncoderConfig, Scoring
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.tokens.lengths import Lengths

    folder = tmp_path_factory.mktemp("place")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    sizes = {"vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = EncoderConfig(embedding_size=16, intermediate_size=16, max_position_embeddings=256, **sizes)
    checkpoint.save(CrossEncoder(config, Scoring()), folder / "models" / "lce8", folder, Lengths(8, 32), {})
    import transformers

    public = transformers.BertConfig(intermediate_size=16, max_position_embeddings=256, num_labels=1, **sizes)
    transformers.BertForSequenceClassification(public).save_pretrained(folder / "hub")
    (folder / "hub" / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes())
    (folder / "mine").mkdir()
    (folder / "mine" / "collection.tsv").write_text("d1\tcheese is made of milk\nd2\tthe moon is far\n")
    (folder / "mine" / "queries.dev.tsv").write_text("q1\thow far is the moon\n")
    (folder / "bm25.dev.trec").write_text("q1 Q0 d1 1 2 x\nq1 Q0 d2 2 1 x\n")
    return folder


@pytest.mark.slow
def test_the_programs(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    others = ("terrier", "pyserini", "wandb")
    (program,) = [program for program in blocks("python") if not any(other in program for other in others)]
    names = {}
    exec(program, names)
    assert names["scores"].shape == (3,)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_program_for_other_tools(monkeypatch):
    """With functions of the same names in place of theirs."""
    logged = []

    class Run(contextlib.nullcontext):
        def __enter__(self):
            return self

        def log(self, figures, step):
            logged.append(("wandb", figures, step))

    wandb, mlflow = types.ModuleType("wandb"), types.ModuleType("mlflow")
    wandb.init = lambda project, config: Run()
    mlflow.start_run, mlflow.log_params = contextlib.nullcontext, lambda params: None
    mlflow.log_metrics = lambda figures, step: logged.append(("mlflow", figures, step))
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setattr(
        importlib.import_module("lce_tf.train"),
        "train",
        lambda config, output, on_figures: on_figures({"step": 20, "epoch": config.epochs, "loss": None}),
    )
    (program,) = [program for program in blocks("python") if "wandb" in program]
    exec(program, {})
    assert logged == [
        ("wandb", {"step": 20, "epoch": 3, "loss": None}, 20),
        ("mlflow", {"step": 20, "epoch": 3}, 20),
    ]


@pytest.mark.slow
def test_the_pyterrier_program(place, monkeypatch):
    pytest.importorskip("pyterrier", reason="PyTerrier is not installed")
    monkeypatch.chdir(place)
    (program,) = [program for program in blocks("python") if "pyterrier" in program]
    names = {}
    exec(program, names)
    results = names["results"]
    assert sorted(results["docno"]) == ["d1", "d2"] and sorted(results["rank"]) == [0, 1]
    assert results.sort_values("rank")["score"].is_monotonic_decreasing


@pytest.mark.slow
def test_the_pyserini_program(place):
    """With hits of a real index, in a separate process, because a JVM that already runs would keep its class path."""
    (program,) = [program for program in blocks("python") if "pyserini" in program]
    (place / "documents").mkdir()
    (place / "documents" / "all.jsonl").write_text(
        '{"id": "d1", "contents": "cheese is made of milk"}\n{"id": "d2", "contents": "the moon is far away"}\n'
        '{"id": "d3", "contents": "how far the moon is from the earth"}\n'
    )
    flags = (
        "-collection JsonCollection -generator DefaultLuceneDocumentGenerator -input documents -index index -storeRaw"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    index = f"jvm.java('io.anserini.index.IndexCollection').main({flags.split()})"

    def python(*arguments):
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    python("-c", f"from lce_tf.retrieval import jvm; {index}")
    check = "\nprint(*(docid for docid, _ in results), *sorted((score for _, score in results), reverse=True))"
    check += "\nassert [text for _, text in sorted(zip([h.docid for h in hits], texts))][1].startswith('how far')"
    *ids, first, second = python("-c", program + check).splitlines()[-1].split()
    assert sorted(ids) == ["d2", "d3"] and float(first) > float(second)


@pytest.mark.slow
def test_the_commands(place, monkeypatch):
    import huggingface_hub

    monkeypatch.chdir(place)
    asked = []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, allow_patterns: asked.append(name) or str(place / "hub")
    )
    commands = [shlex.split(line) for block in blocks("bash") for line in block.replace("\\\n", "").splitlines()]
    assert [command[:2] for command in commands] == [["lce", "rerank"]]
    for command in commands:
        assert cli.main(command[1:]) == 0, command
    assert asked == ["cross-encoder/ms-marco-MiniLM-L6-v2"]
    assert len(read_run("minilm.dev.trec")) == 2
