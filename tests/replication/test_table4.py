"""Table 4 from end to end with a tiny model: the eval run, the file to submit and the figure on a judged split."""

import bz2
import json
import shutil
from dataclasses import replace

import pytest

from lce_tf.paper.rows import TABLE4
from lce_tf.replication.replicate import replicate
from lce_tf.replication.submission import check_submission


@pytest.fixture(scope="module")
def with_eval(preset, tmp_path_factory):
    """The small preset with a third split: its queries are those of dev under other ids."""
    data = tmp_path_factory.mktemp("eval") / "small"
    shutil.copytree(preset.dataset, data)
    for name in ("queries.{}.tsv", "qrels.{}.txt"):
        text = (data / name.format("dev")).read_text()
        (data / name.format("test")).write_text(text.replace("dev", "test"))
    training = replace(preset.training, dataset=str(data), negatives_depth=40)
    return replace(preset, dataset=str(data), training=training, eval_split="test", eval_judged=True)


@pytest.mark.slow
def test_the_eval_run_is_measured_and_written(with_eval, tmp_path):
    report = replicate(TABLE4, with_eval, tmp_path)
    row = json.loads((tmp_path / "table4.json").read_text())["rows"][-1]
    # Test has dev's queries and judgments, so each has dev's figure; 15 of its 20 queries are used.
    dev = {query_id.replace("dev", "test"): value for query_id, value in row["ours"]["per_query"]["mrr"].items()}
    assert row["ours"]["per_query"]["eval"] == dev and len(dev) == 15
    assert check_submission(tmp_path / "table4.eval.txt", dev) == 15 * 40
    assert bz2.decompress((tmp_path / "table4.eval.txt.bz2").read_bytes()).count(b"\n") == 600
    assert report.setting.submission == "table4.eval.txt.bz2"
    assert (tmp_path / "reranked" / "lce-n32-dense.on.dense.test.trec").is_file()

    # Without judgments nothing else changes: the same products, the same file, no figure.
    before = (tmp_path / "table4.eval.txt").read_bytes()
    blind = replicate(TABLE4, replace(with_eval, eval_judged=False), tmp_path)
    assert blind.lines[-1].eval is None and "blind, submission file written" in blind.markdown()
    assert (tmp_path / "table4.eval.txt").read_bytes() == before
