"""A small folder data set whose passages repeat each other in part, with two runs and a teacher's scores."""

import random
from pathlib import Path

import pytest

from lce_tf.hard_negatives.config import NegativesConfig

WORDS = "moon sun star comet orbit dust ring crater tide eclipse meteor planet".split()


class Files:
    """The data set as dictionaries, and the files that hold it."""

    def __init__(self, folder: Path, queries: int = 9, passages: int = 40):
        draw, self.folder = random.Random(2), folder
        (folder / "data").mkdir()
        self.texts = {f"p{i}": " ".join(draw.choices(WORDS, k=8)) for i in range(passages)}
        for i in range(0, passages, 4):  # the last words differ
            self.texts[f"p{i + 1}"] = f"{self.texts[f'p{i}'].upper()} {' '.join(draw.choices(WORDS, k=i % 9))}".strip()
        self.texts["p7"] = "moon"
        self.qrels = {f"q{i}": {f"p{4 * i}": 1, f"p{4 * i + 3}": 0} for i in range(queries)}
        self.qrels["q1"]["p9"] = 2
        self.qrels["q7"] = {"absent": 1}
        names = [*self.texts, "gone"]
        self.runs = [self._ranked(draw, names, queries - part, 20) for part in (1, 0)]
        self.scores = {
            query: {name: draw.gauss(0, 2) for name in self.texts if draw.random() < 0.9} for query in self.qrels
        }
        (folder / "data" / "collection.tsv").write_text("".join(f"{i}\t{t}\n" for i, t in self.texts.items()))
        (folder / "data" / "queries.train.tsv").write_text("".join(f"{q}\ttext of {q}\n" for q in self.qrels))
        rows = [f"{q} 0 {p} {grade}\n" for q, grades in self.qrels.items() for p, grade in grades.items()]
        (folder / "data" / "qrels.train.txt").write_text("".join(rows))
        for number, run in enumerate(self.runs):
            self._write(folder / f"run{number}.trec", run)
        self._write(folder / "teacher.trec", self.scores)

    @staticmethod
    def _ranked(draw: random.Random, names: list[str], queries: int, depth: int) -> dict[str, dict[str, float]]:
        lists = {f"q{i}": draw.sample(names, depth) for i in range(queries)}
        return {query: {name: 50.0 - place for place, name in enumerate(row)} for query, row in lists.items()}

    @staticmethod
    def _write(path: Path, run: dict[str, dict[str, float]]) -> None:
        lines = []
        for query, row in run.items():
            ranked = sorted(row.items(), key=lambda pair: -pair[1])
            lines += [f"{query} Q0 {name} {rank} {score!r} t\n" for rank, (name, score) in enumerate(ranked, 1)]
        path.write_text("".join(lines))

    def config(self, *runs: int, **settings) -> NegativesConfig:
        """A configuration over the runs with these numbers."""
        files = tuple(str(self.folder / f"run{number}.trec") for number in runs or (0,))
        base = {"dataset": str(self.folder / "data"), "output": str(self.folder / "out.trec")}
        return NegativesConfig(**{**base, "runs": files, **settings})

    @property
    def teacher(self) -> tuple[str]:
        """What `NegativesConfig.teacher` takes."""
        return (str(self.folder / "teacher.trec"),)


@pytest.fixture
def files(tmp_path) -> Files:
    return Files(tmp_path)
