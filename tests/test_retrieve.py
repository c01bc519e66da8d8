import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from lce_tf import retrieve
from lce_tf.data.runs import read_run
from lce_tf.retrieval import bm25, dense
from lce_tf.retrieval.registry import RETRIEVERS


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "collection.tsv").write_text("1\tred blue green\n2\tred red gold\n3\tblue gold\n", encoding="utf-8")
    (data / "queries.dev.tsv").write_text("10\tgold\n11\tgreen blue\n", encoding="utf-8")
    (data / "qrels.dev.txt").write_text("10 0 3 1\n11 0 1 1\n", encoding="utf-8")
    return str(data)


def test_bm25_writes_a_run_and_one_line(folder, tmp_path, capsys):
    output = tmp_path / "new folder" / "run.trec"
    assert retrieve.main(["bm25", "--dataset", folder, "--split", "dev", "--output", str(output)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("2 queries, 4 rows, ") and captured.out.endswith(f" s: {output}\n")
    assert captured.err == ""
    run = read_run(output)
    assert {query: list(found) for query, found in run.as_dict().items()} == {"10": ["3", "2"], "11": ["1", "3"]}
    assert run.tag == "bm25"


def test_a_file_of_options_may_begin_with_the_method(folder, tmp_path, capsys):
    (tmp_path / "bm25.args").write_text(f"bm25 --dataset '{folder}' --split dev\n")
    assert retrieve.main([f"@{tmp_path}/bm25.args", "--output", str(tmp_path / "run.trec")]) == 0
    assert capsys.readouterr().out.startswith("2 queries, 4 rows, ")


def test_depth_is_a_bound(folder, tmp_path):
    output = tmp_path / "run.trec"
    retrieve.main(["bm25", "--dataset", folder, "--split", "dev", "--depth", "1", "--output", str(output)])
    assert len(read_run(output)) == 2


def test_the_importable_function_returns_the_run(folder, tmp_path):
    run = retrieve.retrieve(RETRIEVERS["bm25"](k1=0.9, b=0.4), folder, "dev", tmp_path / "run.trec", depth=2, threads=1)
    assert run.as_dict().keys() == read_run(tmp_path / "run.trec").as_dict().keys()


class Letters:
    """Stands in for the encoder: a text's vector counts some of its letters."""

    @classmethod
    def load(cls, name, pooling="mean", similarity="cosine", max_length=256):
        embed = cls()
        embed.key = f"{name}-{pooling}-{similarity}-{max_length}"
        return embed

    def __call__(self, texts, kind):
        return np.array([[text.count(letter) for letter in "golder"] for text in texts], dtype=np.float32)


def test_dense_hands_its_options_to_the_encoder(folder, tmp_path, monkeypatch, capsys):
    module = types.ModuleType("lce_tf.model.embedder")
    module.Embedder = Letters
    monkeypatch.setitem(sys.modules, "lce_tf.model.embedder", module)
    output = tmp_path / "run.trec"
    options = ["--encoder", "E", "--pooling", "cls", "--similarity", "dot", "--max-length", "32", "--depth", "2"]
    assert retrieve.main(["dense", "--dataset", folder, "--split", "dev", "--output", str(output), *options]) == 0
    assert capsys.readouterr().out.startswith("2 queries, 4 rows, ")
    assert [path.name.endswith("-E-cls-dot-32") for path in (tmp_path / "cache" / "dense").iterdir()] == [True]
    # "gold" counts g o l d once each; by hand 1: g1 l1 d1 = 3, 2: g1 o1 l1 d3 = 6, 3: g1 o1 l2 d1 = 5.
    assert {p: round(s, 4) for p, s in read_run(output).as_dict()["10"].items()} == {"2": 6, "3": 5}


@pytest.mark.parametrize("method", ["bm25", "dense"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--depth", "0"], "depth 0"),
        (["--threads", "0"], "threads 0"),
        (["--dataset", "no/such-data"], "no/such-data"),
        (["--output", "{tmp}"], "is a folder"),
        (["--output", "{tmp}/file/run.trec"], "file"),
        (["--output", "/proc/run.trec"], "/proc"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(folder, tmp_path, capsys, monkeypatch, method, change, message):
    def long_work(*args, **kwargs):
        raise AssertionError("refused too late")

    monkeypatch.setattr(bm25, "search", long_work)
    monkeypatch.setattr(dense, "search", long_work)
    (tmp_path / "file").write_text("")
    arguments = [method, "--dataset", folder, "--split", "dev", "--output", str(tmp_path / "run.trec")]
    assert retrieve.main([*arguments, *(word.format(tmp=tmp_path) for word in change)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not (tmp_path / "run.trec").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bm25", "--k1", "-1"], "k1 -1.0"),
        (["bm25", "--k1", "1e308"], "k1 1e+308: must lie between 0 and 1000"),
        (["bm25", "--b", "1.5"], "b 1.5"),
        (["bm25", "--b", "nan"], "b nan"),
        (["bm25", "--language", "xx"], "--language 'xx': known are ar, bn, "),
        (["bm25", "--split", "absent"], "absent"),
        (["dense", "--max-length", "2"], "max length 2"),
    ],
)
def test_bad_values_of_one_method(folder, tmp_path, capsys, arguments, message):
    output = tmp_path / "run.trec"
    assert retrieve.main([arguments[0], "--dataset", folder, "--output", str(output), *arguments[1:]]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not output.exists()


@pytest.mark.parametrize("method", ["bm25", "dense"])
def test_help_shows_defaults_and_an_example(method, capsys):
    with pytest.raises(SystemExit) as caught:
        retrieve.main([method, "--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0 and "(default: 1000)" in shown and f"python -m lce_tf.retrieve {method}" in shown


@pytest.fixture
def judged_folder(folder):
    """More queries, all in a split train; one of them is not judged."""
    words = ["red", "blue", "green", "gold", "red gold", "blue green"]
    path = Path(folder)
    (path / "queries.train.tsv").write_text("".join(f"{i}\t{word}\n" for i, word in enumerate([*words, "lamp red"])))
    (path / "qrels.train.txt").write_text("".join(f"{i} 0 {i % 3 + 1} 1\n" for i in range(len(words))))
    return folder


def test_tune_prints_a_heat_map_and_draws_it(judged_folder, tmp_path, capsys):
    figure = tmp_path / "map.png"
    grid = ["--k1-grid", "0.6,1.2", "--b-grid", "0.5,0.7,0.9", "--subset", "3", "--figure", str(figure)]
    assert retrieve.main(["tune", "--dataset", judged_folder, "--split", "train", *grid]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].endswith("R@1000, mean of 5 subsets of 3 of 6 judged queries (seed 42)")
    assert shown[1].split() == ["k1", "\\", "b", "0.5", "0.7", "0.9"] and shown[-2].startswith("mean of the 5 optima: ")
    assert figure.read_bytes().startswith(b"\x89PNG") and Path(shown[-1].split(": ", 1)[1]).is_file()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--seed=-1", "--seed -1: give a whole number from 0"),
        (f"--seed={10**25}", "give a whole number from 0"),
        ("--k1-grid=0.9,1e308", "k1 1e+308: must lie between 0 and 1000"),
        ("--b-grid=nan", "b nan: must lie between 0 and 1"),
        ("--language=deutsch", "--language 'deutsch': known are ar, bn, "),
    ],
)
def test_numbers_that_no_tuning_can_have(judged_folder, capsys, option, message):
    assert retrieve.main(["tune", "--dataset", judged_folder, "--split", "train", option]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error


def test_no_more_threads_than_processors(folder, tmp_path, monkeypatch):
    search, asked = bm25.search, []
    monkeypatch.setattr(bm25, "search", lambda *args: asked.append(args[5]) or search(*args))
    output = str(tmp_path / "run.trec")
    assert retrieve.main(["bm25", "--dataset", folder, "--output", output, "--threads", str(10**12)]) == 0
    assert asked == [os.cpu_count()]


def test_a_grid_of_no_numbers(capsys):
    with pytest.raises(SystemExit) as caught:
        retrieve.main(["tune", "--k1-grid", "low,high"])
    assert caught.value.code == 2 and "'low,high': give numbers with commas between" in capsys.readouterr().err


def test_the_data_set_s_own_files_are_spared(folder, capsys):
    queries = Path(folder) / "queries.dev.tsv"
    before = queries.read_bytes()
    assert retrieve.main(["bm25", "--dataset", folder, "--output", str(queries)]) == 2
    assert "is a file of the data set there, which would be lost" in capsys.readouterr().err
    assert queries.read_bytes() == before


@pytest.mark.parametrize("option", ["--encoder", "--prebuilt"])
def test_the_encoder_s_and_the_index_s_files_are_spared(folder, tmp_path, capsys, option):
    (tmp_path / "model").mkdir()
    kept = tmp_path / "model" / "vocab.txt"
    kept.write_text("[PAD]\n")
    call = ["dense", "--dataset", folder, "--split", "dev", "--output", str(kept), option, str(kept.parent)]
    assert retrieve.main(call) == 2
    assert f"--output {kept}: would overwrite {kept}, which is read" in capsys.readouterr().err
    assert kept.read_text() == "[PAD]\n"


def test_bm25_takes_the_tuned_pair(judged_folder, tmp_path, capsys, monkeypatch):
    found = retrieve.tune_bm25(judged_folder, "train")
    monkeypatch.setattr(retrieve.tuning, "_measure", None)  # the cache must do
    asked = []
    search = bm25.search
    monkeypatch.setattr(bm25, "search", lambda *args: asked.append(args) or search(*args))
    output = str(tmp_path / "run.trec")
    assert retrieve.main(["bm25", "--dataset", judged_folder, "--split", "dev", "--output", output, "--tuned"]) == 0
    assert asked[0][3:5] == (found.k1, found.b)
    printed = capsys.readouterr()
    assert printed.err.startswith(f"tuned on train: k1 {found.k1:g}, b {found.b:g} (")
    assert printed.out.count("\n") == 1 and printed.out.endswith(f"{output}\n")
    options = ["--dataset", judged_folder, "--split", "dev", "--output", output, "--tuned", "train", "--b", "0.5"]
    assert retrieve.main(["bm25", *options]) == 2
    assert "leave out --k1 and --b" in capsys.readouterr().err


def test_the_language_is_that_of_index_and_tuning(judged_folder, tmp_path):
    output = tmp_path / "run.trec"
    options = ["--dataset", judged_folder, "--split", "train", "--output", str(output), "--tuned", "--language", "fr"]
    assert retrieve.main(["bm25", *options]) == 0
    assert read_run(output).tag == "bm25-fr"
    index, tuned = sorted((tmp_path / "cache" / "bm25").iterdir())
    assert index.name.endswith("-fr") and tuned.name == "tuning"
    assert '"language": "fr"' in next(tuned.iterdir()).read_text()


def test_only_judged_queries_if_asked(judged_folder, tmp_path):
    for flags, queries in (([], 7), (["--judged"], 6)):  # "lamp red" is not judged
        options = ["--dataset", judged_folder, "--split", "train", "--output", str(tmp_path / "run.trec"), *flags]
        assert retrieve.main(["bm25", *options]) == 0
        assert len(read_run(tmp_path / "run.trec").query_ids) == queries


def test_a_folder_without_judgments_cannot_be_tuned_on(folder, capsys):
    Path(folder, "qrels.dev.txt").write_text("10 0 3 0\n")
    assert retrieve.main(["tune", "--dataset", folder, "--split", "dev"]) == 2
    assert "no query with a relevant passage" in capsys.readouterr().err


def test_a_retriever_of_the_users_own_by_its_path(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "my_retrievers.py").write_text(
        "from dataclasses import dataclass\n\nfrom lce_tf.retrieval.bm25_retriever import Bm25\n"
        "from lce_tf.foundation.settings import setting\n\n\n@dataclass(frozen=True)\nclass Mine(Bm25):\n"
        "    most: int = setting(1, 'passages a query', at_least=1)\n\n"
        "    def search(self, dataset, split, depth, threads, judged):\n"
        "        return super().search(dataset, split, self.most, threads, judged)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    call = ["my_retrievers.Mine", "--dataset", folder, "--split", "dev", "--output", "run.trec", "--most"]
    assert retrieve.main([*call, "2"]) == 0 and len(read_run("run.trec")) == 4
    assert retrieve.main([*call, "1"]) == 0 and len(read_run("run.trec")) == 2
    assert retrieve.main([*call, "0"]) == 2 and "--most 0: give 1 or more" in capsys.readouterr().err
    assert retrieve.main(["no_such.Mine", *call[1:], "1"]) == 2
    assert "METHOD no_such.Mine: cannot be imported" in capsys.readouterr().err
