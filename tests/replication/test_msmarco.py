"""The preset of the paper's own setting, on a small collection under MS MARCO's official file names."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lce_tf import tables
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.foundation.disk import PRODUCT
from lce_tf.foundation.steps import record_of
from lce_tf.replication.official import OFFICIAL, is_msmarco, official_folder
from lce_tf.replication.presets import MSMARCO, PRESETS
from lce_tf.replication.products import Products

ROOT = Path(__file__).parents[2]
THINGS = ("lamp", "river", "engine", "garden", "violin", "glacier", "copper", "market")
FACTS = ("is old", "costs much", "was sold twice", "stands in the north", "needs care", "came from abroad")
WORDS = sorted({word for text in (*THINGS, *FACTS, "what who says that the when where") for word in text.split()})


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """48 passages; training queries of which a third is not judged; 8 dev and 4 eval queries."""
    folder = tmp_path_factory.mktemp("official")
    passages = [
        f"the {thing} {fact} and the {thing} {FACTS[i - 1]}" for thing in THINGS for i, fact in enumerate(FACTS)
    ]

    def write(name, rows):
        (folder / name).write_text("".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")

    def query(i):
        return f"what {THINGS[i % 8]} {FACTS[i % 6]}"

    def answer(i):
        return i % 8 * 6 + i % 6

    write("collection.tsv", enumerate(passages))
    train, dev, held_out = range(1000, 1036), range(2000, 2008), range(3000, 3004)
    write("queries.train.tsv", [(i, query(i)) for i in train])
    write("qrels.train.tsv", [(i, 0, answer(i), 1) for i in train if i % 3])
    write("queries.dev.small.tsv", [(i, query(i)) for i in dev])
    write("qrels.dev.small.tsv", [(i, 0, answer(i), 1) for i in dev])
    write("queries.eval.small.tsv", [(i, query(i)) for i in held_out])
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Randomly initialised: an ELECTRA discriminator to train, a BERT to encode with."""
    import torch
    import transformers

    torch.manual_seed(3)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[", "]", "q", "d", *WORDS]
    sizes = {
        "vocab_size": len(vocabulary), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": 512,
    }  # fmt: skip
    models = {
        "electra": transformers.ElectraForPreTraining(transformers.ElectraConfig(embedding_size=16, **sizes)),
        "bert": transformers.BertModel(transformers.BertConfig(**sizes)),
    }
    folders = {}
    for name, model in models.items():
        folders[name] = tmp_path_factory.mktemp(name)
        model.save_pretrained(folders[name])
        (folders[name] / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
        (folders[name] / "tokenizer_config.json").write_text(
            '{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n'
        )
    return folders


def test_the_preset_is_the_papers_setting():
    assert PRESETS["msmarco"] is MSMARCO and MSMARCO.training.departures() == {}
    assert (MSMARCO.encoder, MSMARCO.pooling, MSMARCO.similarity) == (
        "castorini/tct_colbert-v2-hnp-msmarco", "tct", "dot",
    )  # fmt: skip
    assert MSMARCO.share == 1 and MSMARCO.queries is None and MSMARCO.depth == MSMARCO.candidates == 1000
    assert MSMARCO.training.negatives_depth == 200 and MSMARCO.bm25 == "tune"
    assert MSMARCO.backbone == MSMARCO.training.backbone == "google/electra-base-discriminator"


def test_the_splits_are_the_literatures():
    from lce_tf.data.irds import SPLITS

    names = SPLITS[MSMARCO.dataset]
    assert [names[split] for split in ("train", MSMARCO.dev_split, MSMARCO.eval_split)] == [
        "train/judged", "dev/small", "eval/small",
    ]  # fmt: skip


def test_overrides_of_the_first_stages():
    changed = MSMARCO.override(encoder="minilm", pooling="mean", similarity="cosine", bm25=(0.9, 0.4), prebuilt="index")
    assert (changed.encoder, changed.pooling, changed.similarity) == ("minilm", "mean", "cosine")
    assert (changed.bm25, changed.prebuilt) == ((0.9, 0.4), "index")
    assert changed.retrievers == {"bm25": "BM25", "dense": "minilm"}  # the paper's name no more
    with pytest.raises(UserError, match="b 1.4"):
        MSMARCO.override(bm25=(0.9, 1.4))


def test_another_encoder_says_itself_how_its_vectors_are_made_and_compared():
    changed = MSMARCO.override(prebuilt="index").override(encoder="folder")
    assert (changed.pooling, changed.similarity, changed.prebuilt) == (None, None, None)
    assert (MSMARCO.override(encoder="folder", pooling="cls")).pooling == "cls"


def test_a_folder_must_hold_the_official_files(official, tmp_path):
    assert official_folder(official) == str(official.resolve())
    with pytest.raises(UserError, match="no such folder"):
        official_folder(tmp_path / "absent")
    for name in OFFICIAL[:-2]:
        shutil.copy(official / name, tmp_path)
    with pytest.raises(UserError, match=r"has no qrels.train.tsv, qrels.dev.small.tsv; unpack") as caught:
        official_folder(tmp_path)
    assert "\n" not in str(caught.value)
    for name in OFFICIAL[-2:]:  # its bytes do not count here, only that it is there
        shutil.copy(official / name, tmp_path / f"{name}.gz")
    assert official_folder(tmp_path)


def test_it_is_ms_marco_by_id_or_by_all_its_dev_queries(official, tmp_path):
    assert is_msmarco("msmarco-passage", 6980) and is_msmarco("msmarco-passage/dev/small", 8)
    assert not is_msmarco("msmarco-passage-v2", 6980) and not is_msmarco("pydocs", 6980)
    assert is_msmarco(str(official), 6980) and not is_msmarco(str(official), 8)  # a stand-in under the same names
    shutil.copy(official / "collection.tsv", tmp_path)
    assert not is_msmarco(str(tmp_path), 6980)


def test_without_data_the_way_out_is_one_line(tmp_path, capsys):
    assert (
        tables.main(["table1", "--preset", "msmarco", "--data-dir", str(tmp_path), "--output", str(tmp_path / "o")])
        == 2
    )
    error = capsys.readouterr().err
    assert error.startswith("error: --data-dir") and error.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_bm25s_parameters_are_in_the_record_and_the_defaults_where_it_has_none(official, tmp_path):
    def made(folder, **flags):
        preset = MSMARCO.override(dataset=str(official), **flags)
        return record_of(Products(preset, tmp_path / folder).first_stage("bm25", "train"))

    record = made("default", bm25=(0.82, 0.68))
    default = PRODUCT.read(record)["settings"]
    names = ["collection", "split", "depth", "k1", "b", "language", "queries_sha256", "qrels_sha256", "anserini"]
    assert list(default) == names
    other = made("other", bm25=(0.9, 0.4))
    assert PRODUCT.read(other)["settings"] == {**default, "k1": 0.9, "b": 0.4}
    with pytest.raises(UserError, match="was made with k1 0.9, not 0.82"):
        made("other", bm25=(0.82, 0.68))
    with pytest.raises(UserError, match="was made with language 'en', not 'de'"):
        made("default", bm25=(0.82, 0.68), language="de")
    del default["k1"], default["b"], default["language"]  # as records were before they could be other than the defaults
    PRODUCT.write(record, {"settings": default, "seconds": 1.0})
    assert made("default", bm25=(0.82, 0.68)) == record
    with pytest.raises(UserError, match="was made with k1 0.82, not 0.9"):
        made("default", bm25=(0.9, 0.4))


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_hands_the_folder_on():
    words = ["make", "-n", "table1", "PRESET=msmarco", "DATA_DIR=/files", "FLAGS=--steps 20"]
    last = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    assert last.split()[1:] == "-m lce_tf.tables table1 --preset msmarco --data-dir /files --steps 20".split()


@pytest.mark.slow
def test_table1_reaches_the_printed_table(official, checkpoints, tmp_path, capsys):
    output = tmp_path / "runs"
    command = [
        "table1", "--preset", "msmarco", "--data-dir", str(official), "--output", str(output), "--steps", "20",
        "--backbone", str(checkpoints["electra"]), "--encoder", str(checkpoints["bert"]), "--cited", "none",
    ]  # fmt: skip
    assert tables.main(command) == 0
    shown = capsys.readouterr().out
    assert "Table 1:" in shown and "tuned by R@1000 on five sets of training queries" in shown
    for year in ("19", "20"):
        files = f"msmarco-test20{year}-queries.tsv and 20{year}qrels-pass.txt"
        assert f"Further set dl{year} is left out: needs {files} in {official.resolve()}." in shown
    rows = [line for line in shown.splitlines() if line.startswith("|") and "| ours " in line or "measured" in line]
    assert len(rows) >= 10, shown  # two baselines, eight checkpoints
    for retriever in ("bm25", "dense"):
        run = read_run(output / "first_stage" / f"{retriever}.train.trec")
        assert sorted(map(int, run.query_ids.tolist())) == [i for i in range(1000, 1036) if i % 3]  # the judged ones
        assert len(read_run(output / "first_stage" / f"{retriever}.dev.trec").query_ids) == 8
    tuned = json.loads((output / "first_stage" / "bm25.tuned.json").read_text())
    assert (tuned["queries"], tuned["size"], len(tuned["points"])) == (24, 12, 35)
    assert tables.main(command) == 0  # everything is there; nothing is made again
    assert "steps" not in capsys.readouterr().err
