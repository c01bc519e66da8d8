import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lce_tf.data.datasets import Passage
from lce_tf.errors import UserError
from lce_tf.foundation.files import cache_dir
from lce_tf.retrieval import bm25, jvm

ROOT = Path(__file__).parents[2]
VERSION = jvm.anserini_version()

# No stop words, and no word that Porter's stemmer changes into another one of these.
WORDS = {
    "p1": "red blue green",
    "p2": "red red gold",
    "p3": "blue gold gold pink lamp",
    "p4": "lamp",
}


class Toy:
    """The part of a data set that retrieval uses."""

    splits = ("dev",)

    def __init__(self, key, texts, queries):
        self.name, self.collection_key, self._texts, self._queries = "toy", key, texts, queries
        self.times_read = 0

    def passages(self):
        self.times_read += 1
        for passage_id, text in self._texts.items():
            yield Passage(passage_id, text)

    def queries(self, split):
        return dict(self._queries)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))


def by_hand(query, texts, k1, b):
    """Lucene's BM25, from its formula; lengths below 40 words are exact in its one-byte code."""
    documents = {key: text.split() for key, text in texts.items() if text.split()}
    average = sum(map(len, documents.values())) / len(documents)
    scores = {}
    for word in query.split():
        holders = [key for key, words in documents.items() if word in words]
        idf = math.log(1 + (len(documents) - len(holders) + 0.5) / (len(holders) + 0.5))
        for key in holders:
            tf, length = documents[key].count(word), len(documents[key])
            scores[key] = scores.get(key, 0) + idf * tf / (tf + k1 * (1 - b + b * length / average))
    return scores


def test_by_hand_agrees_with_a_worked_number():
    # N 4, df 2: idf = ln(1 + 2.5/2.5) = 0.693147; "red" in p2: tf 2, length 3 = the average, so 2/(2 + .82) = 0.709220
    assert by_hand("red", WORDS, 0.82, 0.68)["p2"] == pytest.approx(0.693147 * 0.709220, abs=1e-6)


@pytest.mark.parametrize(("k1", "b"), [(0.82, 0.68), (1.2, 0.75), (0.0, 0.0), (2.0, 1.0)])
def test_scores_equal_the_formula(k1, b):
    queries = {"q1": "red", "q2": "gold blue lamp", "q3": "green pink"}
    run = bm25.search(Toy("formula", {**WORDS, "empty": "", "blank": " \t "}, queries), "dev", 10, k1, b).as_dict()
    assert list(run) == ["q1", "q2", "q3"]
    for query_id, text in queries.items():
        expected = by_hand(text, WORDS, k1, b)
        assert run[query_id] == pytest.approx(expected, abs=6e-5)  # Anserini rounds to 1e-4, minus 1e-6 a tie


# By the German analyzer p1 is "haus see", p2 "katz maus", p3 "sonn": "das", "am", "die" and "und" are stop words.
GERMAN = {"p1": "Das Haus am See", "p2": "die Katze und die Maus", "p3": "Die Sonne"}


def test_german_stems_and_stop_words():
    data = Toy("languages", GERMAN, {"q1": "Häuser", "q2": "die Katzen"})
    german = bm25.search(data, "dev", 10, language="de")
    found = german.as_dict()
    assert {query: list(passages) for query, passages in found.items()} == {"q1": ["p1"], "q2": ["p2"]}
    # N 3, df 1: idf = ln(1 + 2.5/1.5) = 0.980829; tf 1, length 2, average 5/3: 1/(1 + .82 (.32 + .68 * 1.2)) = 0.517727
    assert found["q1"]["p1"] == found["q2"]["p2"] == pytest.approx(0.980829 * 0.517727, abs=6e-5)
    assert german.tag == "bm25-de"
    # As English, "häuser" is another word than "haus", "katzen" than "katze", and "die" is a word.
    english = bm25.search(data, "dev", 10)
    assert {query: set(passages) for query, passages in english.as_dict().items()} == {"q2": {"p2", "p3"}}
    assert english.tag == "bm25" and data.times_read == 2
    assert {path.name for path in (cache_dir() / "bm25").iterdir()} == {
        f"languages-anserini-{VERSION}", f"languages-anserini-{VERSION}-de",
    }  # fmt: skip


def test_languages_without_an_analyzer_are_split_at_white_space():
    data = Toy("swahili", {"p1": "Habari, dunia", "p2": "habari"}, {"q": "Habari,"})
    assert bm25.Index(data, language="yo").search({"q": "Habari,"}, 10).as_dict().keys() == {"q"}
    assert list(bm25.search(data, "dev", 10, language="sw").as_dict()["q"]) == ["p1"]


def test_passages_and_queries_have_the_same_analyzer_in_every_language():
    index, analyzers = bm25.Index(Toy("codes", WORDS, {})), jvm.java("io.anserini.analysis.AnalyzerMap")
    codes = {str(code) for code in analyzers.analyzerMap.keySet().toArray()}
    assert {"en", *codes, *bm25.PRETOKENIZED} == set(bm25.LANGUAGES)
    for code in codes:
        of_passages = analyzers.getLanguageSpecificAnalyzer(code).getClass().getName()
        index._searcher.set_language(code)
        assert index._searcher.get_analyzer().getClass().getName() == of_passages, code


def test_one_index_serves_several_parameters():
    index = bm25.Index(Toy("grid", WORDS, {}))
    for k1, b in ((0.9, 0.4), (0.0, 0.0), (0.9, 0.4)):
        found = index.search({"q": "gold blue"}, 10, k1, b).as_dict()["q"]
        assert found == pytest.approx(by_hand("gold blue", WORDS, k1, b), abs=6e-5)


def test_rows_stand_best_first_and_ties_by_id():
    texts = {name: "same words" for name in ("b", "a", "10", "9")}
    run = bm25.search(Toy("ties", {**texts, "best": "same same"}, {"q": "same"}), "dev", 4)
    assert [name.decode() for name in run.passage_ids] == ["best", "10", "9", "a"]
    assert (np.diff(run.scores) <= 0).all() and run.offsets.tolist() == [0, 4]


def test_query_syntax_is_only_text(capsys):
    queries = {"q1": "c++ AND (foo OR", "q2": 'lamp^9 -red "gold~ [a TO', "q3": "title:lamp", "q4": "\\ /x* ?"}
    run = bm25.search(Toy("syntax", {"p1": "c lamp", "p2": "red foo"}, queries), "dev", 10).as_dict()
    assert set(run["q1"]) == {"p1", "p2"} and set(run["q2"]) == {"p1", "p2"}
    assert "q3" not in run or set(run["q3"]) == {"p1"}
    assert "q4" in capsys.readouterr().err


def test_queries_that_find_nothing_are_counted_and_named(capsys):
    queries = {"q1": "nowhere", "q2": "red", "q3": "", "q4": "the of"}
    run = bm25.search(Toy("missing", WORDS, queries), "dev", 10)
    assert run.query_ids.tolist() == [b"q2"] and run.offsets.tolist() == [0, 2]
    assert capsys.readouterr().err == "3 of 4 queries find no passage and are not in the run: q1, q3, q4\n"


def test_ids_and_texts_of_any_characters():
    texts = {"ü/#1": "naïve red", "\U0001f600": "red \U0001f680 zebra", 'a"b\\c': "gold\x00\x1f", "007": "red"}
    run = bm25.search(Toy("ids", texts, {"0\U0001f600": "zebra", "q2": "gold", "q#": "naïve"}), "dev", 10).as_dict()
    assert {query: list(found) for query, found in run.items()} == {
        "0\U0001f600": ["\U0001f600"], "q2": ['a"b\\c'], "q#": ["ü/#1"],
    }  # fmt: skip


def test_a_query_of_many_different_words():
    words = [f"w{i}x" for i in range(3000)]
    run = bm25.search(Toy("long", {"p1": " ".join(words[:50]), "p2": "w2999x"}, {"q": " ".join(words)}), "dev", 10)
    assert set(run.passage_ids.tolist()) == {b"p1", b"p2"}


def test_blocks_change_nothing(monkeypatch):
    texts = {f"p{i}": f"{'red ' * (i % 7 + 1)}blue{i % 5}" for i in range(60)}
    queries = {f"q{i}": f"red blue{i}" for i in range(9)}
    whole = bm25.search(Toy("blocks", texts, queries), "dev", 20)
    monkeypatch.setattr(bm25, "INDEX_BLOCK", 7)
    monkeypatch.setattr(bm25, "SEARCH_BLOCK_ROWS", 40)
    parts = bm25.search(Toy("blocks-again", texts, queries), "dev", 20, threads=1)
    for name in ("query_ids", "offsets", "passage_ids", "scores"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


def test_the_index_is_built_once():
    data = Toy("once", WORDS, {"q": "red"})
    first, second = bm25.search(data, "dev", 10), bm25.search(data, "dev", 10)
    assert data.times_read == 1 and np.array_equal(first.scores, second.scores)


def test_another_anserini_indexes_anew(monkeypatch):
    data = Toy("version", WORDS, {"q": "red"})
    bm25.search(data, "dev", 10)
    monkeypatch.setattr(jvm, "anserini_version", lambda: "99.0")
    bm25.search(data, "dev", 10)
    assert data.times_read == 2
    assert {path.name for path in (cache_dir() / "bm25").iterdir()} == {
        f"version-anserini-{version}" for version in (VERSION, "99.0")
    }


def test_an_interrupted_index_leaves_nothing():
    class Interrupted(Toy):
        def passages(self):
            yield Passage("p1", "red")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bm25.search(Interrupted("stopped", WORDS, {"q": "red"}), "dev", 10)
    assert list((cache_dir() / "bm25").iterdir()) == []
    assert len(bm25.search(Toy("stopped", WORDS, {"q": "red"}), "dev", 10)) == 2


def test_passages_that_java_does_not_take_are_noticed(monkeypatch):
    monkeypatch.setattr(bm25, "_document", lambda passage: '{"id": "p1"}' if passage.text == "lamp" else "{}")
    with pytest.raises(UserError, match="only 0 of 4 passages"):
        bm25.search(Toy("refused", WORDS, {"q": "red"}), "dev", 10)
    assert list((cache_dir() / "bm25").iterdir()) == []


def test_a_damaged_index_is_named():
    folder = cache_dir() / "bm25" / f"damaged-anserini-{VERSION}"
    folder.mkdir(parents=True)
    with pytest.raises(UserError, match="damaged.*delete the folder") as caught:
        bm25.search(Toy("damaged", WORDS, {"q": "red"}), "dev", 10)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 0}, "depth 0"),
        ({"k1": -0.1}, "k1 -0.1"),
        ({"k1": math.nan}, "k1 nan"),
        ({"k1": math.inf}, "k1 inf"),
        ({"b": 1.01}, "b 1.01"),
        ({"b": -0.5}, "b -0.5"),
    ],
)
def test_bad_numbers_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        bm25.search(Toy("numbers", WORDS, {"q": "red"}), "dev", **{"depth": 10, **change})
    assert not cache_dir().exists()


@pytest.mark.parametrize(
    ("texts", "queries", "message"),
    [
        (WORDS, {}, "'dev' has no queries"),
        ({}, {"q": "red"}, "no passage with text"),
        ({"p": " "}, {"q": "red"}, "no passage with text"),
        (WORDS, {"q": "nowhere"}, "none of 1 queries"),
    ],
)
def test_nothing_to_search_is_refused(texts, queries, message):
    with pytest.raises(UserError, match=message):
        bm25.search(Toy("nothing", texts, queries), "dev", 10)


def test_building_and_searching_print_nothing(capfd):
    bm25.search(Toy("quiet", WORDS, {"q": "red"}), "dev", 10)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.slow
def test_rows_equal_pyserinis():
    """pyserini's own searcher over our index, in a process of its own since it imports PyTorch and much else."""
    texts = {f"p{i}": " ".join(f"w{i * j % 23}x" for j in range(1, i % 9 + 3)) for i in range(200)}
    queries = {f"q{i}": f"w{i}x w{i * 3 % 23}x lamp's" for i in range(12)}
    data = Toy("parity", texts, queries)
    ours = bm25.search(data, "dev", 30, 0.9, 0.4).as_dict()
    code = (
        "from lce_tf.retrieval import jvm\n"
        "jvm.start()\n"
        "from pyserini.search.lucene import LuceneSearcher\n"
        f"searcher = LuceneSearcher({str(cache_dir() / 'bm25' / f'parity-anserini-{VERSION}')!r})\n"
        "searcher.set_bm25(0.9, 0.4)\n"
        f"for query_id, text in {queries!r}.items():\n"
        "    for hit in searcher.search(text, 30):\n"
        "        print(query_id, hit.docid, hit.score)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = [line.split() for line in done.stdout.splitlines()]
    assert [(query, passage) for query, passage, _ in theirs] == [(q, p) for q, found in ours.items() for p in found]
    assert [float(score) for *_, score in theirs] == pytest.approx(
        [score for found in ours.values() for score in found.values()], abs=1e-6
    )
