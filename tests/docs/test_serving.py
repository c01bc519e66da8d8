"""docs/serving.md: its commands and its program run as they stand, against a tiny model on a port of their own."""

import configparser
import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from lce_tf.serve import parser
from lce_tf.serving.settings import Limits

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"how far away is the moon earth cheese made of milk".split()]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.S)


def table(head):
    """The cells of the rows below a table's head."""
    rows = DOC.partition(head)[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a trained checkpoint where the page has it, and `lce` on the path."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import EncoderConfig, Scoring
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.tokens.lengths import Lengths

    folder = tmp_path_factory.mktemp("place")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    sizes = {"vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = EncoderConfig(embedding_size=16, intermediate_size=16, max_position_embeddings=32, **sizes)
    checkpoint.save(CrossEncoder(config, Scoring()), folder / "models" / "lce8", folder, Lengths(8, 32), {})
    (folder / "bin").mkdir()
    (folder / "bin" / "lce").write_text(f'#!/bin/sh\nexec {sys.executable} -m lce_tf "$@"\n')
    (folder / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for name in ("lce", "python"):
        (folder / "bin" / name).chmod(0o755)
    return folder


@pytest.mark.slow
def test_the_commands_and_the_program(place, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    start, *commands = [block.replace("8000", str(port)) for block in blocks("bash")]
    assert start.startswith("lce serve ") and len(commands) == 5
    where = {"cwd": place, "env": environment, "text": True}
    server = subprocess.Popen(shlex.split(start), stderr=subprocess.PIPE, **where)
    try:
        assert any('"listening"' in line for line in server.stderr), server.wait()
        outputs = [subprocess.check_output(["bash", "-ec", command], **where) for command in commands]
        names = {}
        (program,) = blocks("python")
        exec(program.replace("8000", str(port)), names)
    finally:
        server.terminate()
        logged = server.communicate(timeout=60)[1]
    assert server.returncode == 0
    cohere, tei, vllm = map(json.loads, outputs[:3])
    assert len(cohere["results"]) == 2 and cohere["results"][0].keys() == {"index", "relevance_score"}
    assert len(tei) == 2 and tei[0].keys() == {"index", "score", "text"} and tei[0]["score"] >= tei[1]["score"]
    assert [one["index"] for one in vllm["data"]] == [0, 1] and vllm["usage"]["total_tokens"] > 0
    exposed = set(re.findall(r"^# TYPE (\w+)", outputs[3], re.M))
    assert exposed - {name for name in exposed if name.endswith("_created")} == documented_metrics()
    assert "statuses 200: 20; lost 0, wrong 0" in outputs[4]
    assert len(names["context"]) == 2 and names["prompt"].endswith("Question: how far away is the moon")
    # The program reached the server: it would have gone on without.
    requests = [json.loads(line) for line in logged.splitlines()]
    assert sum(line.get("path") == "/v2/rerank" and line.get("pairs") == 4 for line in requests) == 1


def documented_metrics():
    return {name for row in table("| Metric | What it counts |") for name in re.findall(r"`(lce_\w+)`", row[0])}


def test_the_alerts_are_on_metrics_that_there_are():
    import yaml

    (rules,) = map(yaml.safe_load, blocks("yaml"))
    asked = set(re.findall(r"\blce_\w+", " ".join(rule["expr"] for rule in rules["groups"][0]["rules"])))
    assert len(rules["groups"][0]["rules"]) == 4
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in asked} <= documented_metrics()


def test_the_clients_routes_are_the_server_s():
    from lce_tf.serving.shapes import ROUTES

    for row in table("| Client | How it is told | Route |"):
        assert set(re.findall(r"`(.*?)`", row[2])) <= set(ROUTES)


def test_the_limits():
    rows = table("| Option | Default | Limits | Beyond it |")
    documented = {row[0].strip("`").removeprefix("--").replace("-", "_"): float(row[1]) for row in rows}
    assert documented == asdict(Limits())


def test_the_unit():
    (unit,) = blocks("ini")
    found = configparser.ConfigParser(interpolation=None)
    found.optionxform = str
    found.read_file(io.StringIO(unit))
    program, name, *options = shlex.split(found["Service"]["ExecStart"])
    assert program.endswith("/lce") and name == "serve"
    assert parser().parse_args(options).checkpoint == "/opt/lce/models/lce8"
    assert float(found["Service"]["TimeoutStopSec"]) > Limits.timeout + 10
