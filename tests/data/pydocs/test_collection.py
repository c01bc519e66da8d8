"""The pydocs collection: selection, ids, splits, the check of its contents, and the real thing."""

import random
from concurrent.futures import ThreadPoolExecutor

import ir_datasets
import pytest

from lce_tf.data.pydocs import collection as pydocs
from lce_tf.data.pydocs.collection import Pair, select, splits, write
from lce_tf.data.pydocs.docstrings import folded
from lce_tf.data.pydocs.near_duplicates import near_pairs
from lce_tf.errors import UserError
from lce_tf.foundation.files import sha256_of


def invented(count: int, seed: int = 0) -> list[Pair]:
    """Pairs of random words, every tenth passage a near-duplicate of the one before."""
    source = random.Random(seed)
    words = [f"{seed}w{i}" for i in range(500)]
    pairs: list[Pair] = []
    for i in range(count):
        passage = source.choices(words, k=30)
        if i % 10 == 9:
            passage = pairs[-1].passage.split()[:-1] + ["other"]
        pairs.append(Pair(" ".join(source.choices(words, k=8)), " ".join(passage), "dist", "dist.module", f"name{i}"))
    return pairs


@pytest.fixture
def small(tmp_path, monkeypatch):
    """pydocs with sixty invented pairs whose hash is the recorded one; gives the cache's folder."""
    pairs = invented(60)
    folder = tmp_path / "expected"
    folder.mkdir()
    write(select(pairs), folder)
    monkeypatch.setenv("LCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(pydocs.UNLOCKED, raising=False)
    monkeypatch.setattr(pydocs, "read_pairs", lambda distributions: iter(pairs))
    monkeypatch.setattr(pydocs, "PYDOCS_SHA256", sha256_of(*(folder / name for name in pydocs.FILES)))
    return tmp_path / "cache"


def rows(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def test_select_keeps_each_query_and_passage_once_whatever_the_order():
    pairs = [
        Pair("find the thing", "a passage of words", "a", "a.b", "first"),
        Pair("find the thing", "a passage of words", "b", "b.c", "both seen"),
        Pair("find: the Thing!", "another passage", "a", "a.b", "query seen"),
        Pair("look for it", "A passage, of words.", "a", "a.b", "passage seen"),
        Pair("look at that", "something else", "a", "a.b", "new"),
    ]
    for seed in range(10):
        random.Random(seed).shuffle(pairs)
        kept = select(pairs)
        assert {pair.name for pair in kept} == {"first", "new"}
        assert [pair.passage_id for pair in kept] == sorted(pair.passage_id for pair in kept)


def test_ids_depend_on_the_text_alone():
    # printf 'something else' | sha256sum, and the same for the query
    pair = Pair("look at that", "something else", "a", "a.b", "i")
    assert pair.passage_id == "pf41f3fa625"
    assert pair.query_id == "qee81cae1ec"


def test_near_duplicates_share_a_split():
    pairs = select(invented(1000))
    split_of = {pair.name: split for pair, split in zip(pairs, splits(pairs), strict=True)}
    assert all(split_of[f"name{i}"] == split_of[f"name{i - 1}"] for i in range(9, 1000, 10))
    shares = {split: list(split_of.values()).count(split) / 1000 for split in pydocs.SPLITS}
    assert shares == pytest.approx({"train": 0.80, "dev": 0.12, "test": 0.08}, abs=0.04)


def test_splits_depend_neither_on_order_nor_on_other_packages():
    pairs = invented(300)
    alone = dict(zip(select(pairs), splits(select(pairs)), strict=True))
    more = select(random.Random(1).sample(pairs, 300) + invented(300, seed=7))
    together = dict(zip(more, splits(more), strict=True))
    assert all(together[pair] == split for pair, split in alone.items())


def test_written_files(tmp_path):
    pairs = select(invented(200))
    write(pairs, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(pydocs.FILES)
    assert rows(tmp_path / "collection.tsv") == [[pair.passage_id, pair.passage] for pair in pairs]
    assert rows(tmp_path / "sources.tsv")[0] == [pairs[0].passage_id, pairs[0].query_id, *pairs[0][2:]]
    by_id = {pair.query_id: pair for pair in pairs}
    seen = []
    for split in pydocs.SPLITS:
        queries, qrels = rows(tmp_path / f"queries.{split}.tsv"), rows(tmp_path / f"qrels.{split}.tsv")
        assert [row[0] for row in queries] == [row[0] for row in qrels] == sorted(row[0] for row in queries)
        assert queries == [[query_id, by_id[query_id].query] for query_id, _ in queries]
        assert qrels == [[query_id, "0", by_id[query_id].passage_id, "1"] for query_id, _ in queries]
        seen += [row[0] for row in queries]
    assert sorted(seen) == sorted(by_id)


def test_two_texts_with_one_id_are_refused(tmp_path):
    pair = Pair("a query", "a passage", "d", "m", "n")
    with pytest.raises(ValueError, match="share"):
        write([pair, pair], tmp_path)
    assert not any(tmp_path.iterdir())


def test_folder_is_built_once_under_its_key(small):
    path = pydocs.folder()
    assert path == small / "pydocs" / pydocs.PYDOCS_SHA256[:12]
    before = (path / "collection.tsv").stat()
    assert pydocs.folder() == path
    assert (path / "collection.tsv").stat() == before


def test_builders_at_the_same_time(small):
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: pydocs.folder(), range(4)))
    assert len(set(paths)) == 1
    assert [path.name for path in (small / "pydocs").iterdir()] == [paths[0].name]


def test_other_text_than_recorded_is_refused_and_leaves_nothing(small, monkeypatch):
    recorded, found = "f" * 64, pydocs.PYDOCS_SHA256
    monkeypatch.setattr(pydocs, "PYDOCS_SHA256", recorded)
    monkeypatch.setattr(pydocs, "_installed", lambda: {**pydocs.DISTRIBUTIONS, "numpy": "2.5.0"})
    with pytest.raises(UserError) as caught:
        pydocs.folder()
    message = str(caught.value)
    assert "\n" not in message
    for part in (found, recorded, "numpy 2.4.6 expected, 2.5.0 found", "lock file", "LCE_PYDOCS_UNLOCKED=1"):
        assert part in message
    assert "scipy" not in message
    assert list((small / "pydocs").iterdir()) == []


def test_a_missing_package_is_named_before_anything_is_read(small, monkeypatch):
    monkeypatch.setattr(pydocs, "_installed", lambda: {**pydocs.DISTRIBUTIONS, "sympy": None})
    monkeypatch.setattr(pydocs, "read_pairs", lambda distributions: pytest.fail("read"))
    with pytest.raises(UserError, match="sympy 1.14.0 expected, not installed"):
        pydocs.folder()


def test_unlocked_builds_under_a_key_of_its_own_and_says_so(small, monkeypatch, capsys):
    versions = {**pydocs.DISTRIBUTIONS, "numpy": "2.5.0", "sympy": None}
    monkeypatch.setattr(pydocs, "_installed", lambda: versions)
    locked = pydocs.key()
    monkeypatch.setenv(pydocs.UNLOCKED, "1")
    monkeypatch.setattr(pydocs, "PYDOCS_SHA256", "f" * 64)
    path = pydocs.folder()
    pydocs.folder()
    assert path.name == pydocs.key() != locked
    assert path.name.startswith("unlocked-")
    said = capsys.readouterr().err
    assert said.count("warning:") == 1
    assert "NOT the recorded collection" in said and "numpy 2.4.6 expected, 2.5.0 found" in said
    monkeypatch.setattr(pydocs, "_installed", lambda: {**versions, "sympy": "1.15"})
    assert pydocs.key() != path.name


def check_served(folder):
    """What ir_datasets gives equals the files in `folder`."""
    pydocs.register()
    pydocs.register()
    passages = rows(folder / "collection.tsv")
    docs = ir_datasets.load("pydocs")
    assert docs.has_docs() and not docs.has_queries()
    assert docs.docs_count() == len(passages)
    assert [list(doc) for doc in docs.docs_iter()] == passages
    assert [list(doc) for doc in docs.docs_iter()[3:5]] == passages[3:5]
    for split in pydocs.SPLITS:
        dataset = ir_datasets.load(f"pydocs/{split}")
        assert [list(query) for query in dataset.queries_iter()] == rows(folder / f"queries.{split}.tsv")
        assert [[q.query_id, q.iteration, q.doc_id, str(q.relevance)] for q in dataset.qrels_iter()] == rows(
            folder / f"qrels.{split}.tsv"
        )
        assert ir_datasets.docs_parent_id(f"pydocs/{split}") == "pydocs"
    store = ir_datasets.load("pydocs/dev").docs_store()
    found = store.get(passages[7][0])
    assert found.default_text() == found.text == passages[7][1]
    assert (folder / "collection.tsv.pklz4").is_dir()
    assert [list(doc) for doc in docs.docs_iter()] == passages  # now out of the store


def test_served_by_ir_datasets(small):
    check_served(pydocs.folder())


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The real collection, built in a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv(pydocs.UNLOCKED, raising=False)
        yield pydocs.folder()


@pytest.mark.slow
def test_the_real_collection_is_the_recorded_one(real):
    assert sha256_of(*(real / name for name in pydocs.FILES)) == pydocs.PYDOCS_SHA256
    passages = rows(real / "collection.tsv")
    assert len(passages) == 14023
    assert {split: len(rows(real / f"queries.{split}.tsv")) for split in pydocs.SPLITS} == {
        "train": 11253,
        "dev": 1719,
        "test": 1051,
    }
    assert all(12 <= len(text.split()) <= 70 for _, text in passages)
    queries = [row for split in pydocs.SPLITS for row in rows(real / f"queries.{split}.tsv")]
    assert all(4 <= len(text.split()) <= 30 for _, text in queries)
    assert {row[2] for row in rows(real / "sources.tsv")} == set(pydocs.DISTRIBUTIONS)


@pytest.mark.slow
def test_no_near_duplicates_across_the_splits_of_the_real_collection(real):
    passages = rows(real / "collection.tsv")
    split_of = {row[2]: split for split in pydocs.SPLITS for row in rows(real / f"qrels.{split}.tsv")}
    near = list(near_pairs([folded(text) for _, text in passages]))
    assert len(near) > 100
    assert all(split_of[passages[i][0]] == split_of[passages[j][0]] for i, j in near)


@pytest.mark.slow
def test_the_real_collection_is_served_by_ir_datasets(real):
    check_served(real)
