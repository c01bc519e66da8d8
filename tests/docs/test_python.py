"""docs/python.md: its programs run as they stand, on tiny models in the places that they name."""

import re
import shlex
from pathlib import Path

import pytest

from lce_tf import cli
from lce_tf.data.runs import read_run

DOC = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"how far away is the moon earth cheese made of milk".split()]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.S)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a trained checkpoint, a public one, a data set and a run, as the page names them."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import EncoderConfig, Lengths, Scoring
    from lce_tf.model.cross_encoder import CrossEncoder

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
    programs = blocks("python")
    assert programs
    for program in programs:
        names = {}
        exec(program, names)
        assert names["scores"].shape == (3,)
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.slow
def test_the_commands(place, monkeypatch):
    import huggingface_hub

    monkeypatch.chdir(place)
    asked = []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, allow_patterns: asked.append(name) or str(place / "hub")
    )
    commands = [shlex.split(line) for block in blocks("bash") for line in block.replace("\\\n", "").splitlines()]
    assert [command[:2] for command in commands] == [["lce", "rerank"], ["lce", "export"]]
    for command in commands:
        assert cli.main(command[1:]) == 0, command
    assert asked == ["cross-encoder/ms-marco-MiniLM-L6-v2"]
    assert len(read_run("minilm.dev.trec")) == 2 and "apache-2.0" in (place / "lce8-hf" / "README.md").read_text()
