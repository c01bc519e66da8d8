"""Tokenizers are loaded by transformers once, and then from the cache."""

import json
import subprocess
import sys

import pytest
import transformers

from lce_tf.tokens.tokenizers import WordPieces
from tests.checkpoints import made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model").mkdir()
    made.save_tokenizer(tmp_path / "model", made.wordpieces(), "bert", special=made.BERT)
    return tmp_path / "model"


def kept(folder):
    return sorted((folder.parent / "cache/tokenizers").iterdir())


def facts(pieces):
    return pieces.key, pieces.special, pieces.mask, pieces.size, pieces.template, pieces(["a b", "[SEP] c"])


def test_from_the_cache_it_is_the_same(folder, monkeypatch):
    loaded = facts(WordPieces(folder))
    assert len(kept(folder)) == 1
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: pytest.fail("loaded again"))
    assert facts(WordPieces(folder)) == loaded


def test_then_neither_transformers_nor_pytorch_is_imported(folder):
    WordPieces(folder)
    code = (
        "import sys; from lce_tf.tokens.tokenizers import WordPieces; print(WordPieces(sys.argv[1]).template.size); "
        "sys.exit('transformers' in sys.modules or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True)


def test_a_trained_checkpoint_has_its_backbone_s(folder):
    made.edit(folder / "config.json", model_type="bert")
    WordPieces(folder)
    made.edit(folder / "config.json", model_type="bert", lce_tf={"loss": "lce"})
    made.edit(folder / "manifest.json", steps=3)
    WordPieces(folder)
    assert len(kept(folder)) == 1


def test_a_changed_file_is_another_tokenizer(folder):
    before = WordPieces(folder).template
    made.save_tokenizer(folder, made.wordpieces(), "turned", special=made.BERT)
    assert WordPieces(folder).template.passage_first and not before.passage_first
    assert len(kept(folder)) == 2


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"definition": 3}'])
def test_a_damaged_file_of_the_cache_is_made_again(folder, damage):
    loaded = facts(WordPieces(folder))
    kept(folder)[0].write_text(damage)
    assert facts(WordPieces(folder)) == loaded and json.loads(kept(folder)[0].read_text())["cls"] is not None


def test_a_cache_that_cannot_be_written_to(folder):
    (folder.parent / "cache").write_text("a file")
    assert WordPieces(folder)(["a"])
