"""One or more rerankers over a list of data sets, from first stage to table, resumable."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lce_tf.data.formats import CHOICES as FORMATS_SAID
from lce_tf.data.formats import FORMAT_HELP
from lce_tf.data.hashes import texts_key
from lce_tf.data.layouts import holds_collection
from lce_tf.data.qrels import Qrels, judgments_key
from lce_tf.data.records import Dataset
from lce_tf.data.runs import Run, read_run, write_trec
from lce_tf.data.spared import BESIDE_A_RUN, spare_inputs
from lce_tf.errors import UserError
from lce_tf.evaluation.inputs import level, read_judged
from lce_tf.evaluation.measures import evaluate, parse_measure
from lce_tf.evaluation.own_passages import without_own_passages
from lce_tf.foundation.arguments import names
from lce_tf.foundation.files import make_folder
from lce_tf.foundation.locks import alone
from lce_tf.foundation.settings import check, setting
from lce_tf.foundation.steps import renew
from lce_tf.reranking.engine import ENGINES
from lce_tf.reranking.rerank import RerankConfig, opened_for
from lce_tf.retrieval import bm25
from lce_tf.studies.reranked import rerank_once
from lce_tf.studies.sets import TestSet, parse_sets

FIRST = "first stage"


@dataclass(frozen=True)
class SuiteConfig:
    """Which systems are measured on which data sets.

    Attributes:
        sets: as `parse_sets` takes them.
        output: the folder of all that is made: `SET/first.trec`, `SET/SYSTEM.trec`, `suite.json`.
        checkpoints: rerankers, each `[NAME=]CHECKPOINT`.
        runs: finished runs to compare with, each `NAME=FILE` in which `{set}` stands for the set's name.
    """

    sets: tuple[str, ...] = setting()
    output: str = setting()
    checkpoints: tuple[str, ...] = setting(())
    runs: tuple[str, ...] = setting(())
    first_stage: str | None = setting(
        None,
        "the runs to rerank, such as bm25/{set}.trec, in which {set} is the set's name (default: BM25, searched here)",
        metavar="FILE",
    )
    depth: int = setting(100, "passages a query that each checkpoint scores", at_least=1)
    candidates: int = setting(1000, "passages a query that BM25 searches", at_least=1)
    language: str = setting("en", "of the texts that BM25 searches, as for lce retrieve bm25", metavar="CODE")
    measures: tuple[str, ...] = setting(("nDCG@10",), "a table each, such as nDCG@10,R@100", read=names, metavar="M,M")
    alpha: float = level()
    engine: str = setting("auto", "as for lce rerank", read=ENGINES.known, metavar="ENGINE")
    precision: str = setting("auto", "as for lce rerank")
    format: str | None = setting(None, FORMAT_HELP, choices=FORMATS_SAID)

    def __post_init__(self):
        check(self)
        bm25.check_language(self.language)
        parse_sets(self.sets)
        for measure in self.measures:
            parse_measure(measure)
        if not self.measures:
            raise UserError("--measures: names none; give nDCG@10 or the like")
        for one in self.runs:
            if "=" not in one:
                raise UserError(f"--runs {one}: has no name for the tables' rows; give NAME={one}")
        if len(self.finished) < len(self.runs):
            raise UserError("--runs: two have the same name; give each NAME=... of its own")
        known = [FIRST]
        for name in (*self.rerankers, *self.finished):
            if not name or not set("/=\\\0").isdisjoint(name) or name.startswith(".") or name in (*known, "first"):
                raise UserError(
                    f"--checkpoints, --runs: {name!r} stands twice or is no name; give each NAME=... of its own"
                )
            known.append(name)
        if len(self.rerankers) < len(self.checkpoints) or len(self.finished) < len(self.runs):
            raise UserError("--checkpoints, --runs: two have the same name; give each NAME=... of its own")
        if len(known) == 1:
            raise UserError("--checkpoints, --runs: name at least one")
        patterns = [*self.finished.values(), *([self.first_stage] if self.first_stage else [])]
        if wrong := [pattern for pattern in patterns if "{set}" not in pattern and len(parse_sets(self.sets)) > 1]:
            raise UserError(f"{wrong[0]}: is one file for several sets; put {{set}} where the set's name stands")

    @property
    def rerankers(self) -> dict[str, str]:
        """Name -> checkpoint; without a name, that of its folder."""
        return dict(_named(one) for one in self.checkpoints)

    @property
    def finished(self) -> dict[str, str]:
        """Name -> pattern of the files."""
        parts = [one.partition("=") for one in self.runs]
        return {name: pattern for name, _, pattern in parts}


def _named(text: str) -> tuple[str, str]:
    """Name and folder of `[NAME=]CHECKPOINT`; a folder's own name may hold an equals sign."""
    name, given, folder = text.partition("=")
    return (name, folder) if given and "/" not in name else (Path(text).name, text)


@dataclass
class Outcome:
    """The results of a suite.

    Attributes:
        systems: in the order of the rows, `FIRST` the first.
        values: set -> system -> measure -> query id -> value.
        missing: "SET" or "SET, SYSTEM" -> a line on why it is missing.
        made: runs that were made by this call.
    """

    systems: tuple[str, ...]
    values: dict[str, dict[str, dict[str, dict[str, float]]]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)


def suite(config: SuiteConfig) -> Outcome:
    """Measures every system on every set that is here.

    Runs that an earlier call made from the same inputs are kept, and an interrupted reranking is resumed. A missing
    set, or a system's missing run on a set, is listed in `Outcome.missing`, and the others are measured.

    Raises:
        UserError: a checkpoint that is not a trained cross-encoder, an output that would overwrite what is read, or no
            set that can be measured.
    """
    for name in config.rerankers:
        opened_for(_job(config, parse_sets(config.sets)[0], name))  # finds what is wrong with it before any work
    outcome = Outcome((FIRST, *config.rerankers, *config.finished))
    if holds_collection(config.output) or (Path(config.output) / "config.json").is_file():
        raise UserError(f"--output {config.output}: holds a data set or a checkpoint; choose another folder")
    _spare_inputs(config)
    output = make_folder(config.output)
    with alone(output / "suite.json"):
        for one in parse_sets(config.sets):
            try:
                outcome.values[one.name] = dict(_measured(config, one, outcome))
            except UserError as error:
                outcome.missing[one.name] = str(error)
                print(f"missing: {one.name}: {error}", file=sys.stderr, flush=True)
    if not outcome.values:
        raise UserError(f"none of the sets can be measured; {next(iter(outcome.missing.values()))}")
    return outcome


def _spare_inputs(config: SuiteConfig) -> None:
    """Refuses outputs that would overwrite a finished run or a first stage, such as those of an earlier suite."""
    sets, output = parse_sets(config.sets), Path(config.output)
    patterns = [*config.finished.values(), *([config.first_stage] if config.first_stage else [])]
    inputs = [pattern.replace("{set}", one.name) for pattern in patterns for one in sets]
    spare_inputs(output / "suite.json", inputs)
    for one in sets:
        for name in ("first", *config.rerankers):
            spare_inputs(output / one.name / f"{name}.trec", inputs, beside=BESIDE_A_RUN)


def _measured(config: SuiteConfig, one: TestSet, outcome: Outcome) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """Yields (system, measure -> query id -> value); a system that cannot be measured is named as missing.

    Raises:
        UserError: data or first stage are missing.
    """
    dataset, qrels = one.load()
    folder = Path(config.output) / one.name
    first = folder / "first.trec"
    if _first_stage(config, one, dataset, qrels, first):
        outcome.made.append(str(first))

    def values(name: str, path: str | Path, format: str | None = None):
        run = read_judged(f"{one.name}, {name}", path, qrels, format)
        return name, evaluate(without_own_passages(run, one.dataset, dataset, qrels), qrels, config.measures)

    def reranked(name: str):
        job = _job(config, one, name)
        if rerank_once(job):
            outcome.made.append(job.output)
        return values(name, job.output)

    def finished(name: str):
        path = config.finished[name].replace("{set}", one.name)
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file")
        return values(name, path, config.format)

    yield values(FIRST, first)
    for name in (*config.rerankers, *config.finished):
        try:
            found = reranked(name) if name in config.rerankers else finished(name)
        except UserError as error:
            outcome.missing[f"{one.name}, {name}"] = str(error)
            print(f"missing: {one.name}, {name}: {error}", file=sys.stderr, flush=True)
        else:
            yield found


def _job(config: SuiteConfig, one: TestSet, name: str) -> RerankConfig:
    """The reranking of a set's first stage by the reranker called `name`."""
    folder = Path(config.output) / one.name
    return RerankConfig(
        config.rerankers[name],
        one.dataset,
        str(folder / "first.trec"),
        str(folder / f"{name}.trec"),
        one.split,
        config.depth,
        config.engine,
        config.precision,
        tag="lce_tf",
    )


def _first_stage(config: SuiteConfig, one: TestSet, dataset: Dataset, qrels: Qrels, output: Path) -> bool:
    """Writes the run to rerank, of the judged queries alone, unless it is there; returns whether it was written."""
    queries = {query_id: text for query_id, text in dataset.queries(one.split).items() if query_id in qrels}
    settings = {"collection": dataset.collection_key, "queries": texts_key(queries)}
    settings["judgments"] = judgments_key(qrels)
    if config.first_stage is None:
        settings |= {"bm25": [bm25.K1, bm25.B], "depth": config.candidates}
        settings |= {} if config.language == "en" else {"language": config.language}

        def search():
            found = bm25.search(dataset, one.split, config.candidates, judged=True, language=config.language)
            write_trec(found, output)

        return renew(output, settings, search)
    path = config.first_stage.replace("{set}", one.name)
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; put the set's first-stage run there")
    run = read_run(path, config.format)

    def take():
        write_trec(_judged_alone(run, qrels, path), output)

    return renew(output, {**settings, "run_sha256": run.sha256, "format": config.format}, take)


def _judged_alone(run: Run, qrels: Qrels, path: str) -> Run:
    kept = run.only(query_id for query_id in qrels)
    if not len(kept):
        raise UserError(f"{path}: holds none of the judged queries; give the set's own run")
    return kept
