"""The pages on what comes after the scores: every command in them runs as it stands."""

import shutil

import pytest

FIRST = """
lce retrieve bm25 --dataset mine --split train --output bm25.train.trec
lce retrieve bm25 --dataset mine --split dev --output bm25.dev.trec
lce holdout bm25.train.trec --dataset mine --split train --output bm25
lce train --dataset mine --run bm25.rest.trec --group 8 --output models/lce8
lce train --dataset mine --run bm25.rest.trec --group 8 --seed 1 --output models/seed1
lce train --dataset mine --run bm25.rest.trec --group 8 --seed 2 --output models/seed2
lce rerank --checkpoint models/lce8 --dataset mine --split dev --run bm25.dev.trec --depth 100 --output lce8.dev.trec
"""


@pytest.fixture(scope="module")
def trained(place):
    """The folder with a data set of three splits, a checkpoint, two seeds' runs and a first stage."""
    for name, ending in (("queries", "tsv"), ("qrels", "txt")):
        rows = (place.folder / "mine" / f"{name}.train.{ending}").read_text().splitlines(keepends=True)
        test = [row.replace("train", "test") for row in rows if row.split()[0] in ("train30", "train31", "train32")]
        (place.folder / "mine" / f"{name}.test.{ending}").write_text("".join(test))
    place.run(FIRST)
    for number in (1, 2):
        for end in ("", ".scores.npz", ".json"):
            shutil.copy(place.folder / f"lce8.dev.trec{end}", place.folder / f"seed{number}.dev.trec{end}")
    return place


@pytest.mark.slow
def test_combining(blocks, trained, monkeypatch, capsys):
    for block in blocks("docs/combining.md", "bash"):
        trained.run(block)
    for name in ("rrf", "interpolated", "ensemble", "soup", "cascade"):
        assert (trained.folder / f"{name}.dev.trec").is_file()
    assert (trained.folder / "curve.svg").is_file()
    monkeypatch.chdir(trained.folder)
    for program in blocks("docs/combining.md", "python"):
        exec(program, {})
    assert capsys.readouterr().out


def agree(folder):
    """Judges relevant what the model ranks first, since two steps teach it nothing that could be calibrated."""
    rows = [line.split() for line in (folder / "lce8.held.trec").open()]
    judged = [f"{query} 0 {passage} 1\n" for query, _, passage, rank, *_ in rows if rank == "1"]
    (folder / "bm25.held.qrels.txt").write_text("".join(judged))


@pytest.mark.slow
def test_calibration(blocks, trained, monkeypatch, capsys):
    trained.run("rm -rf lce8.held.trec*")
    (block,) = blocks("docs/calibration.md", "bash")
    for command in block.splitlines():
        trained.run(command)
        if command.startswith("lce rerank"):
            agree(trained.folder)
    monkeypatch.chdir(trained.folder)
    for program in blocks("docs/calibration.md", "python"):
        exec(program, {})
    assert len(capsys.readouterr().out.split()) == 4
    (trained.folder / "models" / "lce8" / "calibration.json").unlink()


@pytest.mark.slow
def test_suites(blocks, trained, monkeypatch, capsys):
    for block in blocks("docs/suites.md", "bash"):
        printed = trained.run(block)
        assert printed.count("judged queries: dev 40, test 3") == 2 and "missing" not in printed
    monkeypatch.chdir(trained.folder)
    for program in blocks("docs/suites.md", "python"):
        exec(program, {})
    assert capsys.readouterr().out.splitlines()[-1] == "('first stage', 'lce8') {}"
