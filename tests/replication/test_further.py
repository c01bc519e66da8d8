"""Which sets names mean, and by which rule each is measured."""

from dataclasses import replace

import pytest

from lce_tf.errors import UserError
from lce_tf.replication.further import further_sets
from lce_tf.replication.official import OFFICIAL
from lce_tf.replication.presets import MSMARCO, PYDOCS

GRADED = {"q": {"p": 3, "r": 1, "s": 0}}
BINARY = {"q": {"p": 1, "r": 0}}


def named(preset, *names):
    return further_sets(preset.override(also=names))[0]


def write_folder(path, *files):
    path.mkdir()
    for name in ("collection.tsv", *files):
        (path / name).write_text("q 0 p1 1\n" if "qrels" in name else "q\tone\n")
    return path


@pytest.fixture
def official(tmp_path):
    return write_folder(tmp_path / "official", *OFFICIAL[1:])


def add_dl19(folder):
    (folder / "msmarco-test2019-queries.tsv").write_text("q\tone\n")
    (folder / "2019qrels-pass.txt").write_text("q Q0 p1 2\n")


@pytest.mark.parametrize("name", ["dl19", "trec-dl-2019/judged", "msmarco-passage/trec-dl-2019/judged"])
def test_trec_dl_has_one_name_whatever_it_is_called(name, official):
    (by_id,) = named(MSMARCO, name)
    add_dl19(official)
    (by_file,) = named(MSMARCO.override(dataset=str(official)), name)
    for known in (by_id, by_file):
        assert (known.key, known.split, known.dataset, known.label) == ("dl19", "dl19", None, "DL 2019")
    assert by_id.min_grade(GRADED) == by_file.min_grade(GRADED) == 2


def test_the_presets_own():
    assert [known.label for known in further_sets(MSMARCO)[0]] == ["DL 2019", "DL 2020"]
    assert further_sets(PYDOCS) == ((), {}) and further_sets(MSMARCO.override(also=())) == ((), {})


@pytest.mark.parametrize(
    ("preset", "name", "key", "label", "dataset", "split"),
    [
        (PYDOCS, "test", "test", "test", None, "test"),
        (PYDOCS, "pydocs/test", "test", "test", None, "test"),
        (PYDOCS, "beir/scifact/test", "also.beir-scifact-test", "beir/scifact/test", "beir/scifact/test", None),
        (PYDOCS, "beir/scifact:test", "also.beir-scifact-test", "beir/scifact/test", "beir/scifact", "test"),
        (PYDOCS, "msmarco-passage/dev/2", "also.msmarco-passage-dev-2", *["msmarco-passage/dev/2"] * 2, None),
        (PYDOCS, "beir/msmarco:dl19", "also.beir-msmarco-test", "beir/msmarco/test", "beir/msmarco", "dl19"),
        (MSMARCO, "msmarco-passage/dev/small", "dev", "dev", None, "dev"),
    ],
)  # fmt: skip
def test_splits_and_ids(preset, name, key, label, dataset, split):
    (known,) = named(preset, name)
    assert (known.key, known.label, known.dataset, known.split) == (key, label, dataset, split)


def test_folders(tmp_path):
    path = write_folder(tmp_path / "mine", "queries.test.tsv", "qrels.test.txt", "queries.more.tsv")
    single = write_folder(tmp_path / "single", "queries.tsv", "qrels.txt")
    by_split, alone = named(PYDOCS, f"{path}:test", str(single))
    assert (by_split.key, by_split.label, by_split.split) == ("also.mine-test", "mine:test", "test")
    assert (alone.key, alone.label, alone.split) == ("also.single", "single", None)
    own = PYDOCS.override(dataset=str(path))
    assert [(known.key, known.dataset) for known in named(own, "test")] == [("test", None)]
    with pytest.raises(UserError, match=r"mine: has no judged queries; name a split: /.*/mine:test$"):
        named(replace(PYDOCS, dataset="pydocs"), str(path))


@pytest.mark.parametrize(
    ("name", "qrels", "grade", "measures"),
    [
        ("msmarco-passage/trec-dl-2019/judged", GRADED, 2, ("nDCG@10", "RR(rel=2)@10", "AP(rel=2)")),
        ("msmarco-passage/trec-dl-hard/fold1", GRADED, 2, ("nDCG@10", "RR(rel=2)@10", "AP(rel=2)")),
        ("msmarco-passage-v2/trec-dl-2021/judged", GRADED, 2, ("nDCG@10", "RR(rel=2)@10", "AP(rel=2)")),
        ("msmarco-passage/trec-dl-2019/judged", BINARY, 1, ("nDCG@10", "RR@10", "AP")),
        ("msmarco-document/trec-dl-2019/judged", GRADED, 1, ("nDCG@10", "RR@10", "AP")),
        ("beir/trec-covid", GRADED, 1, ("nDCG@10", "R@100")),
        ("beir/msmarco/test", GRADED, 1, ("nDCG@10", "R@100")),
        ("vaswani", BINARY, 1, ("nDCG@10", "RR@10", "AP")),
    ],
)
def test_the_rule(name, qrels, grade, measures):
    (known,) = named(PYDOCS, name)
    assert known.min_grade(qrels) == grade and known.measures(qrels) == measures


def test_the_presets_own_are_left_out_where_the_folder_lacks_them(official):
    preset = replace(MSMARCO, dataset=str(official))
    found, absent = further_sets(preset)
    assert found == () and list(absent) == ["dl19", "dl20"]
    assert absent["dl20"] == f"needs msmarco-test2020-queries.tsv and 2020qrels-pass.txt in {official}"
    add_dl19(official)
    found, absent = further_sets(preset)
    assert [known.key for known in found] == ["dl19"] and list(absent) == ["dl20"]
    with pytest.raises(UserError, match=r"^--also dl20: needs msmarco-test2020-queries.tsv and 2020qrels-pass.txt in"):
        named(preset, "dl19", "dl20")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train"], "--also train: is what the rows are trained on"),
        (["pydocs/train"], "--also pydocs/train: is what"),
        (["tset"], r"--also 'tset': is neither a folder nor an ir_datasets id.*; judged splits of pydocs: dev, test$"),
        (["test", "pydocs/test"], "--also pydocs/test: has the same name, test, as test; give one of the two"),
        (["beir/scifact"], "--also beir/scifact: has no judged queries; name a split: beir/scifact:test, "),
        (["msmarco-passage/eval/small"], "has no judged queries; name a split: there is none"),
        (["/nowhere:test"], "--also /nowhere: no such folder"),
    ],
)
def test_what_is_refused(names, message):
    with pytest.raises(UserError, match=message) as caught:
        named(PYDOCS, *names)
    assert "\n" not in str(caught.value)
