"""Repeating from a manifest: the same to the byte, or a word about what is not; nothing on changed input."""

import json
import shutil
from dataclasses import replace

import pytest

from lce_tf import repeat as program
from lce_tf.errors import UserError
from lce_tf.replication.repeat import found, repeat
from lce_tf.reranking.rerank import RerankConfig, rerank
from lce_tf.training.job import train
from tests.training.conftest import Files


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(data, trained folder, reranked run)."""
    files = Files(tmp_path_factory.mktemp("repeat"))
    folder = train(files.config(steps=3, backbone=str(files.with_dropout)), files.folder / "trained")
    output = files.folder / "dev.reranked.trec"
    rerank(RerankConfig(str(folder), str(files.data), str(files.dev_run), str(output), "dev", depth=5))
    return files, folder, output


def test_a_training_and_a_reranking_come_out_the_same(made, tmp_path, capsys):
    files, folder, output = made
    for product, files_compared in ((folder, 2), (output, 2)):
        before = {path: path.read_bytes() for path in files.folder.rglob("*") if path.is_file()}
        assert program.main([str(product), "--output", str(tmp_path / product.name)]) == 0
        said = capsys.readouterr().out.splitlines()
        assert sum(": the same, SHA-256 " in line for line in said) == files_compared
        assert said[-1] == "repeated: all agrees"
        assert {path: path.read_bytes() for path in files.folder.rglob("*") if path.is_file()} == before


def test_other_weights_are_told_of(made, tmp_path, capsys):
    _, folder, _ = made
    other = shutil.copytree(folder, tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["config"]["seed"] += 1
    manifest["versions"]["numpy"] = "0.9"
    (other / "manifest.json").write_text(json.dumps(manifest))
    assert program.main([str(other)]) == 1
    said = capsys.readouterr().out
    assert "numpy: was 0.9, is " in said and "model.safetensors: differs, SHA-256 " in said
    assert said.endswith("2 files differ\n")  # the configuration names the seed
    assert (tmp_path / "other.repeat" / "model.safetensors").is_file()


def test_a_run_whose_input_has_changed_is_refused_before_the_work(made, tmp_path):
    files, folder, output = made
    changed = tmp_path / "dev.trec"
    changed.write_text(files.dev_run.read_text() + "dev0 Q0 p39 99 0 t\n")
    for ending in ("", ".json", ".scores.npz"):
        shutil.copy(f"{output}{ending}", tmp_path / f"r.trec{ending}")
    facts = json.loads((tmp_path / "r.trec.json").read_text())
    (tmp_path / "r.trec.json").write_text(json.dumps({**facts, "run": str(changed)}))
    with pytest.raises(UserError, match="r.trec.json: the run_sha256 was .* then and is .* now; its input has changed"):
        list(repeat(tmp_path / "r.trec", tmp_path / "again"))
    assert not (tmp_path / "again").exists()


def test_a_training_whose_input_has_changed_is_refused_before_the_work(made, tmp_path):
    files, folder, _ = made
    other = shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "run").write_text("\n".join(files.run.read_text().splitlines()[1:]) + "\n")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["config"]["run"] = str(tmp_path / "run")
    (other / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="manifest.json: the run was .* its input has changed"):
        list(repeat(other, tmp_path / "again"))
    assert not (tmp_path / "again").exists()


def test_what_cannot_be_repeated_is_one_line(made, tmp_path, capsys):
    _, folder, output = made
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "config.json").unlink()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "manifest.json").write_text("[]")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text("{}")
    (tmp_path / "old" / "manifest.json").write_text('{"config": {"dataset": "d"}, "inputs": {}}')
    for product, flags, message in (
        (tmp_path, [], "is neither a folder that lce train wrote"),
        (other, [], "has not finished"),
        (tmp_path / "torn", [], "is not a JSON object, which a training's manifest is"),
        (tmp_path / "old", [], "does not name run; another version"),
        (folder, ["--output", str(folder)], "name another place"),
    ):
        assert program.main([str(product), *flags]) == 2
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1, said


def test_a_folder_of_tables_is_all_that_it_holds_but_repetitions(made, tmp_path):
    _, folder, output = made
    for repeated in ("", ".repeat"):
        shutil.copytree(folder, tmp_path / "models" / f"lce-n4-bm25{repeated}")
    (tmp_path / "reranked").mkdir()
    for ending in ("", ".json"):
        for repeated in ("", ".repeat"):
            shutil.copy(f"{output}{ending}", tmp_path / "reranked" / f"lce.trec{repeated}{ending}")
    assert found(tmp_path) == [tmp_path / "models" / "lce-n4-bm25", tmp_path / "reranked" / "lce.trec"]


def test_a_shard_is_repeated_as_a_shard(made, tmp_path):
    from lce_tf.reranking.shards import Shard

    files, folder, _ = made
    config = RerankConfig(str(folder), str(files.data), str(files.dev_run), str(tmp_path / "s.trec"), "dev", depth=5)
    config = replace(config, shard=Shard(1, 3))
    rerank(config)
    compared = list(repeat(tmp_path / config.file, tmp_path / "again.trec"))
    assert len(compared) == 2 and all(pair.agrees for pair in compared)
