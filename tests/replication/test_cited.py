"""Rows that the paper cites, measured with a published checkpoint: here monoT5's, as transformers itself scores it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lce_tf import tables
from lce_tf.data.datasets import load_dataset
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.foundation.files import write_json
from lce_tf.paper.rows import CITED, OURS, PUBLIC, TABLE1, TABLE2, TABLE4, Table
from lce_tf.replication.items import items_of, run_items
from lce_tf.replication.plan import make_plan
from lce_tf.replication.presets import MSMARCO, PYDOCS
from lce_tf.replication.replicate import replicate
from tests.replication.conftest import WORDS
from tests.tiny_models import ANSWERS, tiny

END = "</s>"


@pytest.fixture(scope="module")
def mono_t5(tmp_path_factory):
    """A tiny monoT5 that knows the collection's words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    one = tiny("t5")
    folder = one.save(tmp_path_factory.mktemp("t5") / "mono-t5")
    words = ["Query:", "Document:", "Relevant:", *WORDS]
    places = [place for place in range(2, 100) if place not in ANSWERS]
    known = {
        "<pad>": 0,
        END: 1,
        **dict(zip(("▁false", "▁true"), ANSWERS, strict=True)),
        **dict(zip(words, places, strict=False)),
    }
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"pad_token": "<pad>", "eos_token": END, "unk_token": "<pad>"}
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **named})
    return one.model, tokenizer, folder


TABLE = Table(1, TABLE1.title, TABLE1.source, tuple(replace(TABLE1.row(label)) for label in "aij"))


@pytest.fixture(scope="module")
def measured(preset, mono_t5, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cited") / "runs"
    preset = preset.override(cited=(("j", str(mono_t5[2])),))
    return replicate(TABLE, preset, folder), preset, folder


def test_which_rows_can_be_measured():
    assert TABLE1.rerankable == tuple("cdefghij") and TABLE4.rerankable == TABLE2.rerankable == ()
    kinds = {row.label: row.kind for row in TABLE1.measuring("j").rows}
    assert (kinds["i"], kinds["j"], kinds["8"]) == (CITED, PUBLIC, OURS) and TABLE1.row("j").kind == CITED
    assert TABLE2.measuring("j") == TABLE2
    # What the paper's own setting measures of itself, and the demonstration does not.
    assert dict(MSMARCO.cited) == {"j": "castorini/monot5-base-msmarco"} and PYDOCS.cited == ()


def test_the_order_is_that_of_transformers(measured, preset, mono_t5):
    import torch

    model, tokenizer, _ = mono_t5
    _, _, folder = measured
    dataset = load_dataset(preset.dataset)
    texts = {passage.passage_id: passage.text for passage in dataset.passages()}
    queries = dataset.queries("dev")
    first = read_run(folder / "first_stage" / "bm25.dev.trec").as_dict()
    found = read_run(folder / "reranked" / "cited-j.on.bm25.trec").as_dict()
    assert len(found) == 15
    for query, ranked in found.items():
        scores = []
        for passage in list(first[query])[:8]:
            ids = tokenizer.encode(f"Query: {queries[query]} Document: {texts[passage]} Relevant: {END}").ids
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([[0]])).logits[0, 0]
            scores.append((logits[ANSWERS[1]] - logits[ANSWERS[0]]).item())
        reference = dict(zip(list(first[query])[:8], scores, strict=True))
        found_order = list(ranked)[:8]
        assert set(found_order) == set(reference)
        # A processor that multiplies bfloat16 scores in it, to 2 to 3 digits; near ties may change places.
        in_turn = np.array([reference[passage] for passage in found_order])
        assert (np.maximum.accumulate(in_turn[::-1])[::-1] - in_turn).max() < 0.05 * np.ptp(in_turn)


def test_the_table_has_the_row_and_tests_it(measured):
    report, _, folder = measured
    rows = {row["label"]: row for row in json.loads((folder / "table1.json").read_text())["rows"]}
    assert (rows["i"]["status"], rows["j"]["status"], rows["j"]["kind"]) == ("cited", "measured", PUBLIC)
    assert rows["j"]["ours"]["recall"] == rows["a"]["ours"]["recall"] and rows["j"]["paper"]["mrr"] == 0.381
    assert rows["j"]["model"] == "monoT5-Base [35]" and rows["j"]["retriever"] == "BM25"
    assert [(ours.row.label, base.row.label) for ours, base in report.own_first_stages()] == [("j", "a")]
    assert "mono-t5, not trained here." in report.markdown()
    assert all((folder / f"table1.{kind}").stat().st_size > 1000 for kind in ("png", "svg", "tex"))


def test_the_plan_and_the_items_have_it(measured, tmp_path):
    _, preset, folder = measured
    tasks = {task.product.path.name: task for task in make_plan([TABLE], preset, folder).tasks}
    assert list(tasks) == ["bm25.dev.trec", "cited-j.on.bm25.trec"]
    assert all(task.product.made for task in tasks.values())
    assert tasks["cited-j.on.bm25.trec"].pairs == 120
    (item,) = items_of([TABLE], preset)["rerank"]
    assert (item.name, item.rows) == ("cited-j.on.bm25", ("table1:j",))
    assert run_items([item], folder) == str(folder / "reranked" / "cited-j.on.bm25.trec")
    with pytest.raises(UserError, match="run --stage retrieve first"):
        run_items([item], tmp_path)


def test_what_is_no_cross_encoder_is_refused_before_the_work(preset, tmp_path):
    encoder = preset.training.backbone
    with pytest.raises(UserError, match="tiny"):
        replicate(TABLE, preset.override(cited=(("j", encoder),)), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("8=x", "--cited 8: give each row once, of those that Table 1 cites: c, d, e, f, g, h, i, j"),
        ("j=x,j=y", "--cited j: give each row once"),
        ("j", "give rows and checkpoints, such as j=castorini/monot5-base-msmarco, or none"),
        ("j=nowhere/at/all", "nowhere/at/all"),
    ],
)
def test_bad_values_are_one_line(given, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        status = tables.main(["table1", "--preset", "smoke", "--cited", given])
    except SystemExit as left:
        status = left.code
    said = capsys.readouterr().err.strip().splitlines()
    assert status == 2 and message in said[-1] and not (tmp_path / "runs").exists()
