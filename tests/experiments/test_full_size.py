"""Files of MS MARCO's layout and sizes, and the full-scale path over a small version of them."""

import re
import shutil

import numpy as np
import pytest

from experiments.full_size import generate, layout, prove, report, steps, words
from experiments.full_size.generate import FullSize
from experiments.full_size.layout import Sizes
from lce_tf.data.datasets import load_dataset
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.foundation.files import read_json, write_json

SCALE = 0.0005
# Rows of the official files, and of a run written by lce retrieve; ours must have the same bytes.
OFFICIAL = {
    layout.COLLECTION: b"1\tThe Manhattan Project and its atomic bomb helped bring an end to World War II.\n",
    layout.TRAIN_QUERIES: b"121352\tdefine extreme\n",
    layout.TRAIN_QRELS: b"1185869\t0\t0\t1\n",
    layout.DEV_QUERIES: b"1048585\twhat is paula deen's brother\n",
    layout.DEV_QRELS: b"300674\t0\t7067032\t1\n",
    layout.TRAIN_RUN: b"121352 Q0 1234567 1 11.9202003 lce_tf\n",
    layout.DEV_RUN: b"1048585 Q0 7187158 2 11.4978495 lce_tf\n",
}
NUMBER = rb"(0|[1-9][0-9]{0,6})"
SHAPES = {
    **dict.fromkeys((layout.COLLECTION, layout.TRAIN_QUERIES, layout.DEV_QUERIES), NUMBER + rb"\t\S+( \S+)*\n"),
    **dict.fromkeys((layout.TRAIN_QRELS, layout.DEV_QRELS), NUMBER + rb"\t0\t" + NUMBER + rb"\t1\n"),
    **dict.fromkeys(
        (layout.TRAIN_RUN, layout.DEV_RUN),
        NUMBER + rb" Q0 " + NUMBER + rb" [1-9][0-9]{0,3} [1-9][0-9]\.[0-9]{7} lce_tf\n",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return generate.generate(tmp_path_factory.mktemp("full") / "size", SCALE)


def lines(folder, name):
    return (folder / name).read_bytes().splitlines(keepends=True)


def test_the_full_size_is_ms_marco_s():
    assert Sizes.at(1) == Sizes() and list(Sizes().rows().items()) == [
        ("collection.tsv", 8_841_823),
        ("queries.train.tsv", 808_731),
        ("qrels.train.tsv", 532_761),
        ("queries.dev.small.tsv", 6_980),
        ("qrels.dev.small.tsv", 7_437),
        ("run.train.trec", 100_587_800),  # 502,939 judged queries x 200
        ("run.dev.trec", 6_980_000),
    ]


@pytest.mark.parametrize("scale", [0, -1, 1.01, float("nan")])
def test_impossible_scales(tmp_path, scale):
    with pytest.raises(UserError, match="--scale"):
        generate.generate(tmp_path / "new", scale)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_row_is_laid_out_as_the_official_ones(folder, name):
    assert re.fullmatch(SHAPES[name], OFFICIAL[name])
    found = lines(folder, name)
    assert len(found) == Sizes.at(SCALE).rows()[name]
    assert not [line for line in found if not re.fullmatch(SHAPES[name], line)]


def test_ids_and_judgments_fit_together(folder):
    assert [int(line.split(b"\t")[0]) for line in lines(folder, layout.COLLECTION)] == list(range(4421))
    dataset = load_dataset(str(folder))
    train, dev = dataset.queries("train"), dataset.queries("dev")
    assert len(train) == 404 and len(dev) == 8 and not set(train) & set(dev)
    assert max(map(int, train)) > 1_000_000  # scattered over the official range
    for queries, qrels, judged, pairs in (
        (train, dataset.qrels("train"), 251, 266),
        (dev, dataset.qrels("dev"), 8, 8),
    ):
        assert len(qrels) == judged and sum(map(len, qrels.values())) == pairs and set(qrels) <= set(queries)
        assert all(0 <= int(passage) < 4421 for grades in qrels.values() for passage in grades)
    rows = [line.split() for line in lines(folder, layout.TRAIN_QRELS)]
    assert [int(row[2]) for row in rows] == sorted(int(row[2]) for row in rows)


@pytest.mark.parametrize(("name", "split", "depth"), [(layout.TRAIN_RUN, "train", 200), (layout.DEV_RUN, "dev", 1000)])
def test_runs_rank_for_the_judged_queries(folder, name, split, depth):
    run, qrels = read_run(folder / name), load_dataset(str(folder)).qrels(split)
    assert {query.decode() for query in run.query_ids.tolist()} == set(qrels)
    assert np.diff(run.offsets).tolist() == [depth] * len(qrels)
    first = [line.split() for line in lines(folder, name)[:depth]]
    assert [int(row[3]) for row in first] == list(range(1, depth + 1))
    scores = [float(row[4]) for row in first]
    assert all(a > b for a, b in zip(scores, scores[1:], strict=False)) and scores[-1] >= 10
    hits = [bool(set(ranked) & set(qrels[query])) for query, ranked in run.as_dict().items()]
    assert 0.7 < np.mean(hits) <= 1 if len(hits) < 100 else 0.7 < np.mean(hits) < 0.92
    # Lists must not be neighbours in the collection, or looking them up would be too easy.
    assert np.median(np.abs(np.diff(run.passage_ids[:depth].astype(int)))) > 500


def test_rows_are_what_a_plain_loop_would_format():
    draw = np.random.default_rng(1)
    queries, passages = draw.integers(0, 1_185_870, 500), draw.integers(0, 8_841_823, 500)
    queries[:3], passages[:3] = 0, (0, 10, 999_999)
    ranks, scores = draw.integers(1, 1001, 500), draw.integers(100_000_000, 999_999_999, 500)
    wanted = "".join(
        f"{q} Q0 {p} {r} {s // 10**7}.{s % 10**7:07} lce_tf\n"
        for q, p, r, s in zip(queries, passages, ranks, scores, strict=True)
    )
    assert layout.trec_rows(queries, passages, ranks, scores).decode() == wanted
    wanted = "".join(f"{q}\t0\t{p}\t1\n" for q, p in zip(queries, passages, strict=True))
    assert layout.qrels_rows(queries, passages).decode() == wanted


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_seed_decides_every_byte(folder, tmp_path):
    assert contents(generate.generate(tmp_path / "same", SCALE)) == contents(folder)
    other = contents(generate.generate(tmp_path / "other", SCALE, seed=7))
    assert not [name for name in SHAPES if other[name] == (folder / name).read_bytes()]


def test_runs_do_not_hang_on_the_size_of_blocks(folder, monkeypatch):
    monkeypatch.setattr(generate, "ROWS_A_BLOCK", 600)
    blocks = FullSize(Sizes.at(SCALE), 42).blocks()[layout.TRAIN_RUN]()
    counts, parts = zip(*blocks, strict=True)
    assert set(counts) == {600, 400} and b"".join(parts) == (folder / layout.TRAIN_RUN).read_bytes()


def test_a_stopped_generation_goes_on(folder, tmp_path, monkeypatch):
    place, real = tmp_path / "size", layout.trec_rows

    def stop(*columns):
        raise KeyboardInterrupt

    monkeypatch.setattr(layout, "trec_rows", stop)
    with pytest.raises(KeyboardInterrupt):
        generate.generate(place, SCALE)
    assert {path.name for path in place.iterdir()} == {*list(SHAPES)[:5], generate.PLAN}
    kept = (place / layout.COLLECTION).stat().st_mtime_ns
    monkeypatch.setattr(layout, "trec_rows", real)
    assert contents(generate.generate(place, SCALE)) == contents(folder)
    assert (place / layout.COLLECTION).stat().st_mtime_ns == kept


def test_folders_that_hold_something_else_are_refused(folder, tmp_path):
    with pytest.raises(UserError, match="holds files of scale 0.0005 and seed 42"):
        generate.generate(folder, SCALE, seed=1)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="holds other files"):
        generate.generate(tmp_path, SCALE)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_disk_that_is_too_small_is_found_first(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 5_000_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match=r"7\.\d GB are needed, 5\.0 GB are free|8\.\d GB are needed, 5\.0 GB are free"):
        generate.generate(tmp_path / "size", 1.0)
    assert not list((tmp_path / "size").iterdir())


def test_the_door_prints_what_it_wrote(folder, capsys):
    assert generate.main([str(folder), "--scale", str(SCALE)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 7 and printed[0].split()[-1] == str(folder / layout.COLLECTION)
    assert generate.main([str(folder), "--scale", "2"]) == 2
    assert "--scale 2.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    # Means of the 1,000 sample passages and of the 6,980 dev queries, counted with the packaged tokenizer.
    ("kind", "counted", "characters", "pieces"),
    [(words.PASSAGES, 51.88, 312.08, 69.18), (words.QUERIES, 5.92, 33.26, 7.02)],
)
def test_texts_are_like_the_real_ones(kind, counted, characters, pieces):
    from lce_tf.model import hub
    from lce_tf.tokens.tokenizers import WordPieces

    texts = [text.decode() for text in words.drawn(kind, 42, 0, 4000)]
    encoded = WordPieces(hub.locate("minilm"))(texts)
    found = np.mean(
        [(len(text.split()), len(text), len(ids)) for text, ids in zip(texts, encoded, strict=True)], axis=0
    )
    assert found == pytest.approx([counted, characters, pieces], rel=0.04)
    assert found[2] / found[0] == pytest.approx(pieces / counted, rel=0.02)


def record(**values):
    known = {"what": "Reads.", "amount": 3_000_000, "unit": "rows", "seconds": 150.0, "cpu_seconds": 90.0}
    return known | {"peak_bytes": 2_500_000_000, "disk_bytes": 0, "note": "7 queries", **values}


def test_the_report_has_a_row_for_each_step():
    text = report.report(0.5, {"read": record(), "open": record(what="Opens.", seconds=1.5, disk_bytes=21_200_000)})
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert rows == [
        "| Reads | 3,000,000 rows | 2.5 min | 90.0 s | 20,000/s | 2.50 GB |  | 7 queries |",
        "| Opens | 3,000,000 rows | 1.5 s | 90.0 s | 2,000,000/s | 2.50 GB | 21.2 MB | 7 queries |",
    ]
    assert text.startswith("Scale 0.5 of MS MARCO") and "2.50 GB, is within the 8.00 GB" in text
    assert "is ABOVE the" in report.report(1, {"read": record(peak_bytes=8_100_000_000)})


def test_the_proof_says_what_is_missing(folder, tmp_path):
    with pytest.raises(UserError, match="has no full-size.json"):
        prove.prove(tmp_path)
    for name in contents(folder):
        if name != layout.DEV_RUN:
            (tmp_path / name).symlink_to(folder / name)
    with pytest.raises(UserError, match="lacks run.dev.trec"):
        prove.prove(tmp_path)
    assert not (tmp_path / "proof").exists()


def test_a_failed_step_stops_the_proof_and_finished_ones_are_not_repeated(folder, tmp_path, monkeypatch, capsys):
    place = shutil.copytree(folder, tmp_path / "size", ignore=shutil.ignore_patterns("proof"))
    started = []

    class Ended:
        def __init__(self, command, cwd):
            started.append(command[3])
            self.returncode = 3 if command[3] == "open_store" else 0
            if not self.returncode:
                write_json(place / "proof" / f"{command[3]}.json", record())

    monkeypatch.setattr(prove.subprocess, "run", Ended)
    for _ in range(2):
        with pytest.raises(UserError, match="open_store: failed with exit status 3"):
            prove.prove(place)
    assert started == ["make_backbone", "tokenise", "open_store", "open_store"]
    assert not (place / "proof" / "report.md").exists()


@pytest.mark.slow
def test_the_whole_path(folder, tmp_path, capfd):
    """Every step for real; the merged shards are what one job writes."""
    place = shutil.copytree(folder, tmp_path / "size", ignore=shutil.ignore_patterns("proof"))
    assert prove.main([str(place)]) == 0
    records = {name: read_json(place / "proof" / f"{name}.json") for name in steps.STEPS}
    assert records["unsharded"]["note"] == "equal to the merged shards"
    assert records["tokenise"]["amount"] == 4421 and records["read_first"]["amount"] == 251 * 200
    assert records["group_later"]["amount"] == 251 and records["train"]["amount"] == 200 * 16 * 8
    # Queries have 7 wordpieces and passages 69 on average, and each pair has three special ones.
    wordpieces = re.search(r"([\d.]+) wordpieces$", records["batches"]["note"])[1]
    assert 70 < float(wordpieces) < 90
    assert [records[name]["amount"] for name in ("shard_0", "merge", "unsharded")] == [2000, 8000, 8000]
    assert all(10e6 < found["peak_bytes"] < 4e9 and found["seconds"] > 0 for found in records.values())
    rows = [line for line in (place / "proof" / "report.md").read_text().splitlines() if line.startswith("| ")]
    assert len(rows) == len(steps.STEPS) + 2
    assert "read_first" in capfd.readouterr().out
    assert prove.main([str(place)]) == 0 and "read_first" not in capfd.readouterr().out
