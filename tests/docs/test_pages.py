"""The how-to pages: every command and program in them runs unchanged, in order."""

import gzip
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from lce_tf.cli import COMMANDS

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_your_own_data(blocks, place, monkeypatch, capsys):
    row = {"query": "river stone", "pos": ["river stone bridge"], "neg": [f"lantern {n}" for n in range(8)]}
    (place.folder / "rows.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    (place.folder / "triples.tsv").write_text("".join(f"copper\tcopper mirror\tbasket {n}\n" for n in range(8)))
    for block in blocks("docs/your-own-data.md", "bash"):
        place.run(block)
    monkeypatch.chdir(place.folder)
    (program,) = blocks("docs/your-own-data.md", "python")
    names = {}
    exec(program, names)
    assert "dev_ndcg_10" in capsys.readouterr().out and names["figures"]["step"][0] == 0
    assert (place.folder / "models" / "seed7" / "config.json").is_file()
    assert (place.folder / "models" / "maxp" / "config.json").is_file()
    assert len(list((place.folder / "search").glob("*/model/config.json"))) == 4
    assert (place.folder / "models" / "rest" / "config.json").is_file()
    assert (place.folder / "models" / "imported" / "config.json").is_file()
    assert len({line.split()[0] for line in (place.folder / "bm25.held.trec").open()}) == 4
    assert (place.folder / "firstp.maxp.trec").is_file() and (place.folder / "lce8.dev.trec").is_file()


@pytest.mark.slow
def test_distillation(blocks, place):
    """After the page above, since it begins with that page's run."""
    if not (place.folder / "bm25.train.trec").is_file():
        place.run("lce retrieve bm25 --dataset mine --split train --depth 200 --output bm25.train.trec")
    train = "lce train --dataset mine --run bm25.train.trec --group 8 --output models/teacher"
    place.run(train)
    # Any run with an order can take the place of a language model's.
    shutil.copy(place.folder / "bm25.train.trec", place.folder / "llm.train.trec")
    for block in blocks("docs/distillation.md", "bash"):
        place.run(block)
    for name in ("margin", "ranknet", "lce8-llm", "small/layers-2/model"):
        assert (place.folder / "models" / name / "config.json").is_file()
    assert (place.folder / "models" / "small" / "table.md").is_file()


def teach(folder: Path) -> None:
    """Gives the positives the highest scores of `teacher.train.trec`, and some of the others scores near those."""
    positives = {tuple(line.split()[::2][:2]) for line in (folder / "mine" / "qrels.train.txt").open()}
    rows = []
    for place, line in enumerate((folder / "teacher.train.trec").open()):
        query, _, passage, *_ = line.split()
        rows.append(f"{query} Q0 {passage} 1 {9 if (query, passage) in positives else place % 9} t\n")
    (folder / "teacher.train.trec").write_text("".join(rows))
    for suffix in (".json", ".scores.npz"):  # the records of the run that was written before
        (folder / f"teacher.train.trec{suffix}").unlink()


@pytest.mark.slow
def test_negatives(blocks, place, monkeypatch, capsys):
    for name in ("bm25.train.trec", "bm25.dev.trec", "models/teacher"):
        place.run(f"rm -rf {name}*")
    for block in blocks("docs/negatives.md", "bash"):
        printed = place.run(block)
        if "lce score" in block:  # two steps make no teacher
            teach(place.folder)
        if "audit" in block:
            assert "false negatives by the teacher's margin" in printed and "  removed  " in printed
    for name in ("mixed", "mined/round-2/model"):
        assert (place.folder / "models" / name / "config.json").is_file()
    assert (place.folder / "models" / "mined" / "table.md").is_file()
    monkeypatch.chdir(place.folder)
    (program,) = blocks("docs/negatives.md", "python")
    exec(program, {})
    assert "near-duplicates of a positive" in capsys.readouterr().out


@pytest.mark.slow
def test_robustness(blocks, place):
    place.run("[ -e bm25.dev.trec ] || lce retrieve bm25 --dataset mine --split dev --output bm25.dev.trec")
    shutil.rmtree(place.folder / "models" / "lce8", ignore_errors=True)
    place.run("[ -e bm25.train.trec ] || lce retrieve bm25 --dataset mine --split train --output bm25.train.trec")
    place.run("lce train --dataset mine --run bm25.train.trec --group 8 --output models/lce8")
    rerank = "lce rerank --checkpoint models/lce8 --dataset mine --split dev --run bm25.dev.trec --depth 10"
    place.run(f"rm -rf lce8.dev.trec*; {rerank} --output lce8.dev.trec")
    (block,) = blocks("docs/robustness.md", "bash")
    assert place.run(block).count("repeated: all agrees") == 2


@pytest.mark.slow
def test_from_sentence_transformers(blocks, place, monkeypatch, capsys):
    monkeypatch.chdir(place.folder)
    data, back = blocks("docs/from-sentence-transformers.md", "python")
    exec(data, {})
    (commands,) = blocks("docs/from-sentence-transformers.md", "bash")
    place.run(commands)
    exec(back, {})
    assert float(capsys.readouterr().out.split()[-1]) < 1e-4


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("docs/*.md")) + [ROOT / "README.md", ROOT / "CHANGELOG.md"], ids=lambda path: path.name
)
def test_pages_speak_of_what_is_there(page):
    """Links lead to existing targets, and every command that a page names exists."""
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]*)", text):
        assert not target or (page.parent / target).exists(), target
    for block in re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for name in re.findall(r"^(?:\S*bin/)?lce (\w+)", block, re.MULTILINE):
            assert name in COMMANDS


def test_the_readmes_commands_parse(blocks):
    """They run on the embedded collection, which takes an hour, so the commands' parsers check them instead."""
    import importlib

    commands = "\n".join(blocks("README.md", "bash")).replace("\\\n", " ")
    parsed = 0
    for line in re.findall(r"^lce (.*)", commands, re.MULTILINE):
        name, *arguments = shlex.split(line, comments=True)
        importlib.import_module(COMMANDS[name][0]).parser().parse_args(arguments)
        parsed += 1
    assert parsed >= 5
