import json
import shutil

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.model import hub
from lce_tf.model.embedder import Embedder

TEXTS = [
    "Return the element-wise maximum of two arrays, propagating NaNs and broadcasting where the shapes differ.",
    "Close the file.",
    "",
    "A context manager that [SEP] restores the previous state on exit, whatever happened in between; "
    "exceptions raised inside the block are passed on to the caller unchanged.",
    "naïve café 東京",
]


@pytest.fixture(scope="module")
def theirs():
    """PyTorch's vectors of `TEXTS`, for a pooling and a length."""
    import torch
    from transformers import AutoTokenizer, BertModel

    folder = hub.locate("minilm")
    # Text that spells a special token is text like any other, for us.
    tokenizer = AutoTokenizer.from_pretrained(folder, split_special_tokens=True)
    model = BertModel.from_pretrained(folder).eval()

    def vectors(pooling, max_length):
        inputs = tokenizer(TEXTS, padding=True, truncation=True, max_length=max_length, return_tensors="pt")
        with torch.no_grad():
            tokens = model(**inputs)[0]
        if pooling == "cls":
            return tokens[:, 0].numpy()
        mask = inputs["attention_mask"][..., None]
        return ((tokens * mask).sum(1) / mask.sum(1)).numpy()

    return vectors


@pytest.fixture(scope="module")
def minilm():
    return Embedder.load("minilm")


def test_mean_and_cosine_equal_pytorch(minilm, theirs):
    expected = theirs("mean", 256)
    ours = minilm(TEXTS)
    assert ours.dtype == np.float32 and ours.shape == (5, 384)
    np.testing.assert_allclose(ours, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)


def test_the_key_is_of_the_weights_not_of_the_revision(hub_cache, backbone):
    hub_cache(backbone, "some/model", "a" * 40, "v1", "main")
    keys = {Embedder.load(name, max_length=8).key for name in ("some/model", "some/model@v1", "some/model@" + "a" * 40)}
    (key,) = keys
    assert key.startswith("model-") and key.endswith("-mean-cosine-8")


def test_cls_and_dot_equal_pytorch_and_texts_are_cut(theirs):
    ours = Embedder.load("minilm", pooling="cls", similarity="dot", max_length=9)(TEXTS)
    np.testing.assert_allclose(ours, theirs("cls", 9), atol=1e-5)


@pytest.mark.parametrize("pooling", [{"pooling_mode_cls_token": True}, {"pooling_mode": "cls"}])
def test_pooling_and_prompts_are_those_of_sentence_transformers_files(tmp_path, hf_model, pooling):
    from sentence_transformers import SentenceTransformer

    hf_model("BertModel", vocab_size=30522, max_position_embeddings=40).save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(hub.locate("minilm") / name, tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    size = json.loads((tmp_path / "config.json").read_text())["hidden_size"]
    kinds = {"Transformer": "", "Pooling": "1_Pooling"}
    files = {
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(kinds.items())
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": size, **pooling},
        "sentence_bert_config.json": {"max_seq_length": 40},
        "config_sentence_transformers.json": {
            "prompts": {"query": "find: ", "document": "text: ", "other": "x"},
            "similarity_fn_name": "dot",
        },
    }
    for name, values in files.items():
        (tmp_path / name).write_text(json.dumps(values))
    ours, texts = Embedder.load(str(tmp_path), max_length=40), TEXTS[:2]
    theirs = SentenceTransformer(str(tmp_path), device="cpu")
    np.testing.assert_allclose(ours(texts, "query"), theirs.encode_query(texts), atol=1e-5)
    np.testing.assert_allclose(ours(texts, "passage"), theirs.encode_document(texts), atol=1e-5)
    assert "-cls-dot-40-" in ours.key
    assert "-mean-cosine-40-" in Embedder.load(str(tmp_path), "mean", "cosine", max_length=40).key


def test_an_encoder_with_a_further_layer_is_refused(tmp_path, hf_model):
    hf_model("BertModel").save_pretrained(tmp_path)
    listed = [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in (
        ("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")
    )]  # fmt: skip
    (tmp_path / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(UserError, match="modules.json: the module Dense in 2_Dense of an encoder is not supported"):
        Embedder.load(str(tmp_path), "mean")


def test_vectors_compared_in_another_way_are_refused_unless_one_is_given(tmp_path, hf_model):
    hf_model("BertModel", vocab_size=30522, max_position_embeddings=40).save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(hub.locate("minilm") / name, tmp_path)
    (tmp_path / "modules.json").write_text(
        json.dumps([{"type": "sentence_transformers.models.Transformer", "path": ""}])
    )
    (tmp_path / "config_sentence_transformers.json").write_text('{"similarity_fn_name": "euclidean"}')
    with pytest.raises(UserError, match="compares vectors by 'euclidean'; give --similarity cosine or dot"):
        Embedder.load(str(tmp_path), max_length=40)
    assert "-mean-dot-40" in Embedder.load(str(tmp_path), similarity="dot", max_length=40).key


def test_a_text_has_the_frame_that_its_tokenizer_gives_it(tmp_path, hf_model):
    """Of a tokenizer that frames texts by [SEP] and [MASK], as some have <s> and </s> beside <cls> and <sep>."""
    from tokenizers import Tokenizer, processors
    from transformers import AutoTokenizer, BertModel

    model = hf_model("BertModel", vocab_size=30522, max_position_embeddings=40).eval()
    model.save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer_config.json"):
        shutil.copy(hub.locate("minilm") / name, tmp_path)
    backend = Tokenizer.from_file(str(hub.locate("minilm") / "tokenizer.json"))
    ids = {name: backend.token_to_id(name) for name in ("[SEP]", "[MASK]")}
    backend.post_processor = processors.TemplateProcessing("[SEP] $A [MASK]", "[SEP] $A $B [MASK]", list(ids.items()))
    backend.save(str(tmp_path / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(about))
    inputs = AutoTokenizer.from_pretrained(tmp_path)(TEXTS[:1], return_tensors="pt")
    assert inputs["input_ids"][0, [0, -1]].tolist() == list(ids.values())
    expected = BertModel.from_pretrained(tmp_path).eval()(**inputs)[0].mean(1).detach().numpy()
    ours = Embedder.load(str(tmp_path), similarity="dot", max_length=40)
    np.testing.assert_allclose(ours(TEXTS[:1]), expected, atol=1e-5)
    assert ours.key.endswith("-mean-dot-40-framed")


def test_settings_that_shorten_vectors_or_lower_texts(tmp_path, hf_model):
    hf_model("BertModel", vocab_size=30522, max_position_embeddings=40).save_pretrained(tmp_path)
    shutil.copy(hub.locate("minilm") / "vocab.txt", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": false}')
    (tmp_path / "modules.json").write_text(
        json.dumps([{"type": "sentence_transformers.models.Transformer", "path": ""}])
    )
    (tmp_path / "sentence_bert_config.json").write_text('{"do_lower_case": true}')
    ours = Embedder.load(str(tmp_path), max_length=40)
    np.testing.assert_array_equal(*ours(["Close the FILE", "close the file"]))
    (tmp_path / "config_sentence_transformers.json").write_text('{"truncate_dim": 8}')
    with pytest.raises(UserError, match="truncate_dim shortens vectors to 8 numbers, which is not supported"):
        Embedder.load(str(tmp_path), max_length=40)


def test_order_is_restored_over_batches(minilm, monkeypatch):
    monkeypatch.setattr("lce_tf.model.embedder.TOKENS", 40)
    together = minilm(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(minilm([text], kind="query")[0], vector, atol=1e-5)


def test_no_texts(minilm):
    assert minilm([]).shape == (0, 384)


def test_key_names_what_decides_the_vectors(minilm):
    assert minilm.key.startswith("minilm-53aa51172d14-") and minilm.key.endswith("-mean-cosine-256")
    assert "/" not in minilm.key


def test_another_config_of_the_same_weights_has_another_key(tmp_path, hf_model):
    hf_model("BertModel", vocab_size=30522, max_position_embeddings=20).save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        if (hub.locate("minilm") / name).is_file():
            shutil.copy(hub.locate("minilm") / name, tmp_path)

    def embedder(**settings):
        values = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps({**values, **settings}))
        return Embedder.load(str(tmp_path), max_length=20)

    gelu, renamed, relu = embedder(hidden_act="gelu"), embedder(_name_or_path="other"), embedder(hidden_act="relu")
    assert gelu.key == renamed.key != relu.key
    assert np.abs(gelu(TEXTS) - relu(TEXTS)).max() > 1e-4


def test_fewer_positions_than_the_next_multiple_of_16(tmp_path, hf_model):
    """Batches are padded to multiples of 16, but never beyond the position embeddings."""
    hf_model("BertModel", vocab_size=30522, max_position_embeddings=20).save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        if (hub.locate("minilm") / name).is_file():
            shutil.copy(hub.locate("minilm") / name, tmp_path)
    assert np.isfinite(Embedder.load(str(tmp_path), max_length=20)(TEXTS)).all()
    with pytest.raises(UserError, match="--max-length 21: .* has 20 positions only"):
        Embedder.load(str(tmp_path), max_length=21)


@pytest.mark.parametrize(
    "options, says",
    [
        ({"pooling": "max"}, "--pooling 'max': known are mean, cls"),
        ({"similarity": "l2"}, "--similarity 'l2': known are cosine, dot"),
        ({"max_length": 2}, "--max-length 2: give 3 or more"),
        ({"max_length": 513}, "--max-length 513: minilm has 512 positions only"),
    ],
)
def test_options_that_cannot_be(options, says):
    with pytest.raises(UserError) as refusal:
        Embedder.load("minilm", **options)
    assert str(refusal.value).startswith(says) and "\n" not in str(refusal.value)


def test_more_wordpieces_than_embeddings(tmp_path, hf_model):
    hf_model("BertModel", vocab_size=5, max_position_embeddings=20).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\none\n")
    with pytest.raises(UserError, match="its tokenizer has 6 wordpieces, its config.json 5; they do not belong"):
        Embedder.load(str(tmp_path), max_length=20)


def test_backbone_without_a_tokenizer(tmp_path, hf_model):
    hf_model("BertModel").save_pretrained(tmp_path)
    with pytest.raises(UserError, match="has no tokenizer"):
        Embedder.load(str(tmp_path), max_length=20)
