"""Outputs that would overwrite an input of the same command."""

import pytest

from lce_tf.data.spared import BESIDE_A_RUN, spare_inputs
from lce_tf.errors import UserError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A run with what lies beside it, a checkpoint with a run in its folder, and a data set."""
    monkeypatch.chdir(tmp_path)
    names = ["a.trec", "a.trec.json", "a.trec.scores.npz", "q.txt", "model/config.json", "model/model.safetensors"]
    names += ["model/dev", "model/dev.json", "model/dev.scores.npz", "data/collection.tsv", "data/queries.dev.tsv"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\ty\n")
    (tmp_path / "link").symlink_to("a.trec")
    return tmp_path


@pytest.mark.parametrize(
    ("output", "lost"),
    [
        ("a.trec", "a.trec"),
        ("./a.trec", "a.trec"),
        ("link", "a.trec"),
        ("a.trec.json", "a.trec.json"),
        ("a.trec.scores.npz", "a.trec.scores.npz"),
        ("q.txt", "q.txt"),
        ("model/model.safetensors", "model/model.safetensors"),
        ("model/config", "model/config.json"),  # beside it config.json is written
    ],
)
def test_what_is_read_is_spared(place, output, lost):
    with pytest.raises(UserError, match=f"^--output {output}: would overwrite {lost}, which is read"):
        spare_inputs(output, ("a.trec", "q.txt", "model", None), beside=BESIDE_A_RUN)


@pytest.mark.parametrize("output", [None, "b.trec", "model/dev", "model/other.trec", "new/b.trec"])
def test_other_files_may_be_written(place, output):
    before = sorted(place.rglob("*"))
    assert spare_inputs(output, ("a.trec", "q.txt", "model", "absent"), beside=BESIDE_A_RUN) is None
    assert sorted(place.rglob("*")) == before


def test_a_data_set_is_spared_though_it_is_not_read(place):
    with pytest.raises(UserError, match="data/collection.tsv: is a file of the data set there"):
        spare_inputs("data/collection.tsv", ("a.trec",), "--json")
