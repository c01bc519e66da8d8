"""Every command ranks in the same order, even if a sigmoid makes all scores the same float32."""

import json

import numpy as np
import pytest

from lce_tf import Reranker
from lce_tf.data.runs import read_run
from lce_tf.reranking.rerank import RerankConfig, rerank

WORDS = "abcdefghijklmnopqrstuvwxyz"
QUERY, PASSAGES = "a q", ["a b c", "d e", "x y z a", "f", "d e", "m n o p", "q", "r s t"]


@pytest.fixture(scope="module")
def saturated(tmp_path_factory):
    """A cross-encoder that names a sigmoid and whose logits are all above 40."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    sizes = {"vocab_size": 31, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    sizes |= {"intermediate_size": 64, "max_position_embeddings": 48, "num_labels": 1, "initializer_range": 0.3}
    model = transformers.BertForSequenceClassification(transformers.BertConfig(**sizes))
    torch.nn.init.constant_(model.classifier.bias, 50.0)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
    values = json.loads((folder / "config.json").read_text())
    values["sentence_transformers"] = {"activation_fn": "torch.nn.modules.activation.Sigmoid"}
    (folder / "config.json").write_text(json.dumps(values))
    return folder


@pytest.fixture(scope="module")
def reranker(saturated):
    return Reranker.load(saturated, "tensorflow", "float32")


@pytest.fixture(scope="module")
def expected(reranker):
    """Places of the passages by falling logit; the two equal passages stay in the order given."""
    logits = reranker.scored([(QUERY, passage) for passage in PASSAGES]).scores
    assert logits.min() > 40 and len(np.unique(logits)) == len(PASSAGES) - 1
    order = sorted(range(len(PASSAGES)), key=lambda place: (-logits[place], place))
    assert order != sorted(order)
    return order


def test_reranker(reranker, expected):
    ranked = reranker.rank(QUERY, PASSAGES)
    assert [hit.index for hit in ranked] == expected and {hit.score for hit in ranked} == {1.0}
    assert [hit.index for hit in reranker.rank(QUERY, iter(PASSAGES), top=3)] == expected[:3]


def test_rerank(saturated, expected, tmp_path):
    (tmp_path / "collection.tsv").write_text("".join(f"d{i}\t{text}\n" for i, text in enumerate(PASSAGES)))
    (tmp_path / "queries.dev.tsv").write_text(f"q\t{QUERY}\n")
    (tmp_path / "run.trec").write_text("".join(f"q Q0 d{i} {i + 1} {9 - i} x\n" for i in range(len(PASSAGES))))
    output = tmp_path / "new.trec"
    config = RerankConfig(
        str(saturated), str(tmp_path), str(tmp_path / "run.trec"), str(output), "dev", engine="openvino",
        precision="float32",
    )  # fmt: skip
    rerank(config)
    names = [f"d{place}" for place in expected]
    assert [name.decode() for name in read_run(output).passage_ids] == names
    rows = [line.split() for line in output.read_text().splitlines()]
    # Readers who go by the scores alone see no tie either.
    assert [row[2] for row in sorted(rows, key=lambda row: -np.float32(row[4]))] == names
    assert len({np.float32(row[4]) for row in rows}) == len(rows)


def test_pyterrier(reranker, expected):
    pt = pytest.importorskip("pyterrier", reason="PyTerrier is not installed")
    import pandas as pd

    from lce_tf.pyterrier import LceReranker

    rows = [(qid, QUERY, f"d{i}", text) for i, text in enumerate(PASSAGES) for qid in ("q", "other")]
    frame = pd.DataFrame(rows, columns=["qid", "query", "docno", "text"])
    found = (pt.Transformer.from_df(frame) >> LceReranker(reranker))(frame[["qid", "query"]].drop_duplicates())
    for _, own in found.groupby("qid"):
        assert own.sort_values("rank")["docno"].tolist() == [f"d{place}" for place in expected]
        assert sorted(own["rank"]) == list(range(len(PASSAGES)))
    top = (pt.Transformer.from_df(frame) >> LceReranker(reranker) % 3)(frame[["qid", "query"]].drop_duplicates())
    assert set(top["docno"]) == {f"d{place}" for place in expected[:3]} and len(top) == 6


def test_serve(reranker, expected):
    from lce_tf.serving import shapes

    scored = reranker.scored([(QUERY, passage) for passage in PASSAGES])
    cohere = shapes.CohereRequest(query=QUERY, documents=PASSAGES).answer(scored, "m")["results"]
    tei = shapes.TeiRequest(query=QUERY, texts=PASSAGES).answer(scored, "m")
    assert [hit["index"] for hit in cohere] == [hit["index"] for hit in tei] == expected
    assert {hit["relevance_score"] for hit in cohere} == {1.0}


def test_openvino_export(saturated, expected, tmp_path):
    """Its logits are those before the sigmoid."""
    from lce_tf.exporting.openvino import export_openvino_folder
    from lce_tf.reranking.openvino_runtime import openvino_runtime
    from lce_tf.tokens.tokenizers import WordPieces

    folder = export_openvino_folder(saturated, tmp_path / "out")
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino_runtime().Core().compile_model(str(folder / "openvino_model.xml"), "CPU", exact)
    pieces = WordPieces(saturated)
    (query,), logits = pieces([QUERY]), []
    for passage in pieces(PASSAGES):
        ids = [2, *query, 3, *passage, 3]
        segments = [0] * (len(query) + 2) + [1] * (len(passage) + 1)
        rows = {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": segments}
        given = {name: np.array([row], np.int64) for name, row in rows.items()}
        logits.append(float(model(given)[0][0, 0]))
    assert sorted(range(len(PASSAGES)), key=lambda place: (-round(logits[place], 4), place)) == expected


@pytest.mark.slow
def test_savedmodel(saturated, expected, tmp_path):
    """It gives the logit beside the score where the two rank differently."""
    pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed: pip install 'lce_tf[savedmodel]'")
    import tensorflow as tf

    from lce_tf.exporting.savedmodel import export_savedmodel

    loaded = tf.saved_model.load(str(export_savedmodel(saturated, tmp_path / "out")))
    given = {"query": tf.constant([QUERY] * len(PASSAGES)), "passage": tf.constant(PASSAGES)}
    found = loaded.signatures["serving_default"](**given)
    assert set(found["score"].numpy().tolist()) == {1.0}
    logits = found["logit"].numpy().round(4)
    assert sorted(range(len(PASSAGES)), key=lambda place: (-logits[place], place)) == expected
