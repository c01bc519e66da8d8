"""The export command: a folder and one line, or one line and no folder."""

import json
import shutil

import numpy as np
import pytest

from lce_tf.export import main


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A tiny random checkpoint with a tokenizer, and one whose head has no equal."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import EncoderConfig, Scoring
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.tokens.lengths import Lengths

    folder = tmp_path_factory.mktemp("home")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef"]) + "\n")
    sizes = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"embedding_size": 16, "intermediate_size": 16, "max_position_embeddings": 32}
    for name, family, scoring in (("model", "electra", Scoring()), ("bert-dense", "bert", Scoring(1, "dense"))):
        model = CrossEncoder(EncoderConfig(model_type=family, **sizes), scoring)
        checkpoint.save(model, folder / name, folder, Lengths(8, 32), {})
    return folder


@pytest.fixture
def place(home, tmp_path, monkeypatch):
    for name in ("model", "bert-dense"):
        shutil.copytree(home / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_works_and_says_so(place, capsys):
    assert main(["model", "--output", "deep/out", "--license", "mit"]) == 0
    assert capsys.readouterr().out == "model: deep/out\n"
    from transformers import AutoModelForSequenceClassification

    theirs = AutoModelForSequenceClassification.from_pretrained("deep/out")
    assert type(theirs).__name__ == "ElectraForSequenceClassification" and theirs.config.num_labels == 1
    assert np.count_nonzero(theirs.classifier.dense.weight.detach().numpy().any(axis=1)) == 2
    assert "license: mit" in (place / "deep" / "out" / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "file"), [("savedmodel", "saved_model.pb"), ("openvino", "openvino_model.xml")])
def test_the_other_formats_work_and_say_so(place, capsys, kind, file):
    before = set(place.iterdir())
    assert main(["bert-dense", "--format", kind, "--output", "out", "--license", "mit"]) == 0
    assert capsys.readouterr().out == "bert-dense: out\n"
    assert (place / "out" / file).is_file() and set(place.iterdir()) - before == {place / "out"}
    about = next((place / "out").rglob("lce_tf.json"))
    assert json.loads(about.read_text())["license"] == "mit"


def spoil_config(**changes):
    def spoil(folder):
        values = json.loads((folder / "model" / "config.json").read_text())
        (folder / "model" / "config.json").write_text(json.dumps({**values, **changes}))

    return spoil


def fill(folder):
    (folder / "out").mkdir()
    (folder / "out" / "x").touch()


def add_a_word(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder / "model"))
    tokenizer.add_tokens(["ab"])
    tokenizer.save_pretrained(str(folder / "model"))
    spoil_config(vocab_size=12)(folder)


BAD = {
    "no checkpoint": (lambda folder: None, ["nowhere"], "nowhere: no such folder"),
    "backbone only": (spoil_config(lce_tf=None), ["model"], "model: is a backbone without a trained head"),
    "no tokenizer": (lambda folder: (folder / "model" / "vocab.txt").unlink(), ["model"], "model: has no tokenizer"),
    "head without equal": (lambda folder: None, ["bert-dense"], "the dense head has no equal in Hugging Face's bert"),
    "output in use": (fill, ["model"], "--output out: exists already"),
    "licence of two words": (lambda folder: None, ["model", "--license", "a b"], "--license 'a b'"),
    "no model for TensorFlow": (lambda folder: None, ["nowhere", "--format", "savedmodel"], "nowhere: no such folder"),
    "TensorFlow's output in use": (fill, ["model", "--format", "savedmodel"], "--output out: exists already"),
    "OpenVINO's output in use": (fill, ["model", "--format", "openvino"], "--output out: exists already"),
    "OpenVINO's licence": (lambda folder: None, ["model", "--format", "openvino", "--license", ""], "--license ''"),
    "added words": (add_a_word, ["model", "--format", "savedmodel"], "model: its tokenizer has words added to it"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(place, capsys, name):
    spoil, arguments, words = BAD[name]
    spoil(place)
    before = sorted(place.rglob("*"))
    assert main([*arguments, "--output", "out"]) == 2
    out, error = capsys.readouterr()
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert out == "" and len(lines) == 1 and words in lines[0], error
    assert sorted(place.rglob("*")) == before


def test_a_checkpoint_that_changes_while_it_is_read_leaves_no_export(monkeypatch, tmp_path):
    import lce_tf.export as program
    from lce_tf.errors import UserError

    folder, output = tmp_path / "model", tmp_path / "out"
    folder.mkdir()
    (folder / "config.json").write_text("{}")

    class Writer:
        @staticmethod
        def write(checkpoint, output, license):
            output.mkdir()
            (folder / "config.json").write_text('{"other": 1}')
            return output

    monkeypatch.setattr(program, "EXPORTERS", {"hf": Writer})
    with pytest.raises(UserError, match="config.json: changed while it was read"):
        program.export(folder, output)
    assert not output.exists()
