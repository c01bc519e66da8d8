"""The serve command: one line for an error, or a server that answers until it is told to stop."""

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from lce_tf import Reranker
from lce_tf.model.hub import weights_sha256
from lce_tf.serve import main, parser
from lce_tf.serving import logs, running
from lce_tf.serving.settings import Limits

ROOT = Path(__file__).parents[1]
PASSAGES = ["a b c", "d e f a", "b", ""]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny random checkpoint."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import EncoderConfig, Scoring
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.tokens.lengths import Lengths

    folder = tmp_path_factory.mktemp("model")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef"]) + "\n")
    sizes = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"embedding_size": 16, "intermediate_size": 16, "max_position_embeddings": 32}
    config = EncoderConfig(**sizes, initializer_range=0.5)
    checkpoint.save(CrossEncoder(config, Scoring()), folder / "lce8", folder, Lengths(8, 32), {})
    return folder / "lce8"


class Served:
    """`lce serve` as a process of its own, on any free port.

    Attributes:
        url: where it listens.
        process: it.
    """

    def __init__(self, *arguments, **environment):
        command = [sys.executable, "-m", "lce_tf.serve", "--port", "0", "--engine", "tensorflow", *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
        )
        for line in self.process.stderr:
            if line.startswith("{") and json.loads(line)["event"] == "listening":
                self.url = json.loads(line)["url"]
                return
        raise AssertionError(f"exit status {self.process.wait()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def stop(self, number=signal.SIGTERM) -> tuple[int, list[dict]]:
        """Its exit status, and what it logged."""
        self.process.send_signal(number)
        logged = self.process.communicate(timeout=60)[1]
        return self.process.returncode, [json.loads(line) for line in logged.splitlines()]


@pytest.mark.slow
def test_sigterm_while_requests_are_in_flight(model, tmp_path):
    (tmp_path / "token").write_text("secret-token\n")
    body = {"query": "a d", "texts": PASSAGES * 50, "raw_scores": True}
    # An idle model waits two seconds for others to join: that long the requests are in the queue.
    options = ["--precision", "float32", "--batch-wait-ms", "2000", "--max-batch-pairs", "100000"]
    with Served("--checkpoint", model, "--token-file", tmp_path / "token", *options) as served:
        client = httpx.Client(base_url=served.url, headers={"Authorization": "Bearer secret-token"}, timeout=60)
        assert httpx.post(f"{served.url}/rerank", json=body).status_code == 401
        assert client.get("/ready").json() == {"ready": True, "model": "lce8"}
        with ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(client.post, "/rerank", json=body) for _ in range(8)]
            while "lce_queue_requests 8.0" not in client.get("/metrics").text:
                assert not any(one.done() for one in answers)
            status, logged = served.stop()
            found = [one.result() for one in answers]
        client.close()
    assert status == 0 and [one.status_code for one in found] == [200] * 8
    expected = Reranker.load(model, "tensorflow", "float32").rank("a d", body["texts"])
    for answer in found:
        assert [hit["index"] for hit in answer.json()] == [hit.index for hit in expected]
        assert [hit["score"] for hit in answer.json()] == pytest.approx([hit.score for hit in expected], abs=1e-5)
    assert logged[-1]["event"] == "stopped" and "secret-token" not in json.dumps(logged)
    assert sum(line.get("status") == 200 and line.get("pairs") == 200 for line in logged) == 8
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{served.url}/health")


@pytest.mark.slow
def test_ctrl_c_stops_it_as_well(model):
    with Served("--checkpoint", model, "--model-name", "other", LCE_TOKEN="from-variable") as served:
        asked = {"text_1": "a", "text_2": "b"}
        answer = httpx.post(f"{served.url}/score", json=asked, headers={"Authorization": "Bearer from-variable"})
        assert answer.json()["model"] == "other"
        assert httpx.post(f"{served.url}/score", json=asked).status_code == 401
        assert served.stop(signal.SIGINT)[0] == 0


def refused(capsys, *arguments):
    """The one line about bad arguments."""
    assert main([str(argument) for argument in arguments]) == 2
    out, error = capsys.readouterr()
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert out == "" and len(lines) == 1
    return lines[0]


def test_bad_arguments_are_one_line(model, capsys, tmp_path, monkeypatch):
    assert "--max-pairs 0: give a number above 0" in refused(capsys, "--checkpoint", model, "--max-pairs", 0)
    assert "nowhere: no such folder" in refused(capsys, "--checkpoint", "./nowhere", "--port", 0)
    missing = tmp_path / "token"
    assert f"{missing}: No such file" in refused(capsys, "--checkpoint", model, "--token-file", missing)
    monkeypatch.setenv("LCE_TOKEN", "")
    assert "LCE_TOKEN: holds no token" in refused(capsys, "--checkpoint", model)


@pytest.mark.parametrize(("precision", "dtype"), [("float32", "float32"), ("bfloat16", "bfloat16")])
def test_clients_are_told_what_it_computes_in(model, monkeypatch, precision, dtype):
    served = []
    monkeypatch.setattr(logs, "to_stderr", lambda: None)
    monkeypatch.setattr(running, "run", lambda app, listener, limits: (listener.close(), served.append(app)))
    call = ["--checkpoint", str(model), "--port", "0", "--engine", "tensorflow", "--precision", precision]
    assert main(call) == 0
    with TestClient(served[0]) as client:
        info = client.get("/info").json()
        assert info["model_dtype"] == dtype and info["model_sha"] == weights_sha256(model)
        assert 'lce_model_info{calibrated="false",model="lce8",sha256="' in client.get("/metrics").text


def test_places_where_it_cannot_listen(capsys):
    """Reported before the model is looked for, which does not exist."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        found = refused(capsys, "--checkpoint", "./nowhere", "--port", port)
    assert found == f"error: --host 127.0.0.1 --port {port}: Address already in use; give another"
    for port in (-1, 65536, 70000):
        assert f"--port {port}: give a number up to 65535" in refused(
            capsys, "--checkpoint", "./nowhere", "--port", port
        )
    elsewhere = refused(capsys, "--checkpoint", "./nowhere", "--host", "203.0.113.1")
    assert elsewhere.startswith("error: --host 203.0.113.1 --port 8000: Cannot assign requested address; give another")


@pytest.mark.parametrize("module", ["fastapi", "uvicorn", "prometheus_client"])
def test_without_the_extra(capsys, monkeypatch, module):
    for name in list(sys.modules):
        if name.startswith("lce_tf.serving."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    expected = (
        f"error: lce serve: {module} is not installed; in a checkout: pip install -c requirements.lock '.[serve]'"
    )
    assert refused(capsys, "--checkpoint", "./nowhere") == expected


def test_it_is_for_this_machine_alone_unless_told_otherwise():
    found = vars(parser().parse_args(["--checkpoint", "x"]))
    assert (found["host"], found["port"]) == ("127.0.0.1", 8000)
    assert Limits(**{name: found[name] for name in Limits.__dataclass_fields__}) == Limits()
