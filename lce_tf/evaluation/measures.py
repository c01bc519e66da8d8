"""Per-query values of the usual measures, computed by trec_eval's code through pytrec_eval.

Three rules make the figures of a run well defined:

* Every query of the judgments counts, as with `trec_eval -c` and the MS MARCO script: a judged query that is missing
from the run scores 0, and so does one without a relevant passage. Queries of the run without judgments are left out.
* The order of the `Run` counts (higher score first, ties as in the file). trec_eval would break ties by passage id;
here every measure gets strictly decreasing scores made from the order, so there are no ties.
* For a measure with a cut-off the run is cut there first. trec_eval's own recip_rank has no cut-off.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from lce_tf.data.qrels import Qrels
from lce_tf.data.runs import Run
from lce_tf.errors import UserError

EXAMPLES = "MRR@10, nDCG@10, R@1000, AP, P@10, Success@10, RR(rel=2)@10"

# The set name that stands for the mean over all dev sets in `figure_name`.
MEAN = "mean"

# Name in ir_measures -> name in trec_eval without a cut-off and with one; None: trec_eval has no such measure.
# recip_rank has no cut-off in trec_eval, so `evaluate` cuts the run instead.
_TREC_NAMES = {
    "RR": ("recip_rank", "recip_rank"),
    "AP": ("map", "map_cut.{}"),
    "nDCG": ("ndcg", "ndcg_cut.{}"),
    "P": (None, "P.{}"),
    "R": (None, "recall.{}"),
    "Success": (None, "success.{}"),
    "Rprec": ("Rprec", None),
    "Bpref": ("bpref", None),
    "SetP": ("set_P", None),
    "SetR": ("set_recall", None),
    "SetAP": ("set_map", None),
}

# Queries evaluated at a time. pytrec_eval needs dicts of dicts; this bounds their memory (1,000 passages each: 0.1 GB).
_QUERIES_AT_ONCE = 500


@dataclass(frozen=True)
class Measure:
    """One measure: its name as given, trec_eval's name, the lowest relevant grade and the cut-off (None: all ranks)."""

    name: str
    trec_name: str
    rel: int
    cutoff: int | None


# Grades and cut-offs of trec_eval are 32-bit numbers.
LARGEST = 1 << 31


def parse_measure(name: str) -> Measure:
    """The measure called `name` in ir_measures' syntax, e.g. `RR(rel=2)@10`.

    MRR, MAP, Recall and NDCG are read as RR, AP, R and nDCG, and `R@1K` as `R@1000`.

    Raises:
        UserError: the name is unknown, trec_eval does not compute the measure in this form, or `rel` or the cut-off is
            not a whole number of at least 1.
    """
    import ir_measures

    try:
        parsed = ir_measures.parse_measure(re.sub(r"@(\d+)[kK]$", r"@\g<1>000", name.strip()))
        parsed.validate_params()
    except (ValueError, NameError, AssertionError, TypeError, KeyError) as error:
        raise UserError(f"measure {name!r}: not a measure that ir_measures knows; use one like {EXAMPLES}") from error
    names, given = _TREC_NAMES.get(parsed.NAME, (None, None)), dict(parsed.params)
    rel, cutoff = given.pop("rel", 1), given.pop("cutoff", None)
    trec_name = names[cutoff is not None]
    if trec_name is None or given:
        raise UserError(f"measure {name!r}: not computed by trec_eval in this form; use one like {EXAMPLES}")
    for what, value in (("rel", rel), ("the cut-off", cutoff)):
        if value is not None and (type(value) is not int or value < 1):
            raise UserError(f"measure {name!r}: {what} is {value!r}; it must be a whole number of at least 1")
        if value is not None and value >= LARGEST:
            raise UserError(f"measure {name!r}: {what} is {value}; it must be less than 2^31")
    return Measure(name, trec_name.format(cutoff), rel, cutoff)


def measure_names(*texts: str) -> tuple[str, ...]:
    """The names in lists such as "MRR@10,nDCG@10"; a comma in parentheses does not separate two."""
    return tuple(name.strip() for text in texts for name in re.split(r",(?![^(]*\))", text))


def figure_name(measure: str, name: str = "", first_stage: bool = False) -> str:
    """The key of a measure on a dev sample in a training's metrics file: "dev_mrr_10" for MRR@10.

    Args:
        measure: name of the measure, such as "MRR@10".
        name: name of a further dev set, added after a colon; `MEAN` for the mean over all sets; "" for the training's
            own dev set.
        first_stage: the value before reranking, "dev_first_stage_mrr_10".
    """
    key = re.sub(r"[^a-z0-9]+", "_", measure.lower()).strip("_")
    return f"dev_{'first_stage_' if first_stage else ''}{key}" + (f":{name}" if name else "")


def evaluate(run: Run, qrels: Qrels, measures: Sequence[str]) -> dict[str, dict[str, float]]:
    """measure -> query id -> value, for every query in `qrels`; the keys are the names in `measures`.

    Args:
        run: any run; only its order within each query counts.
        qrels: query id -> passage id -> grade. Grades of 1 and more are relevant unless the measure says `rel=`.
        measures: names as `parse_measure` takes them.

    Raises:
        UserError: a measure is unknown, there are no judgments, or the run holds a passage twice for a query.
    """
    import pytrec_eval

    parsed = [parse_measure(name) for name in measures]
    if not qrels:
        raise UserError("there are no judgments to evaluate against; give judgments with at least one query")
    groups: dict[tuple[int, int | None], list[Measure]] = {}
    for measure in parsed:
        groups.setdefault((measure.rel, measure.cutoff), []).append(measure)
    values = {measure.name: dict.fromkeys(qrels, 0.0) for measure in parsed}
    for rankings in _judged_rankings(run, qrels):
        judged = {query_id: qrels[query_id] for query_id in rankings}
        for (rel, cutoff), group in groups.items():
            evaluator = pytrec_eval.RelevanceEvaluator(judged, {m.trec_name for m in group}, relevance_level=rel)
            cut = {query_id: dict(islice(ranking.items(), cutoff)) for query_id, ranking in rankings.items()}
            for query_id, found in evaluator.evaluate(cut).items():
                for measure in group:
                    values[measure.name][query_id] = found[measure.trec_name.replace(".", "_")]
    return values


def mean(values: Mapping[str, float] | Iterable[float]) -> float:
    """The arithmetic mean of per-query values; independent of their order.

    Raises:
        UserError: there are no values.
    """
    numbers = list(values.values() if isinstance(values, Mapping) else values)
    if not numbers:
        raise UserError("no per-query values to average; give judgments with at least one query")
    return math.fsum(numbers) / len(numbers)


@dataclass(frozen=True)
class Coverage:
    """Overlap of a run and judgments.

    Attributes:
        judged: number of judged queries.
        missing: ids of the judged queries that the run lacks.
        unjudged: ids of the run's queries without judgments.
    """

    judged: int
    missing: tuple[str, ...]
    unjudged: tuple[str, ...]

    def notes(self) -> list[str]:
        """Lines of text, at most one about missing queries (with at most five ids) and one about unjudged queries."""
        lines = []
        if self.missing:
            named = f"{len(self.missing)} of {self.judged} judged queries not in the run, scored 0"
            lines.append(f"{named}: {_named(self.missing)}")
        if self.unjudged:
            lines.append(f"{len(self.unjudged)} of the run's queries without judgments, left out")
        return lines


def coverage(run: Run, qrels: Qrels) -> Coverage:
    """The judged queries that the run lacks, in the order of the judgments, and the run's queries without judgments.

    A query without any passage in the run counts as missing.
    """
    rows = query_rows(run)
    missing = tuple(query_id for query_id in qrels if query_id not in rows)
    return Coverage(len(qrels), missing, tuple(query_id for query_id in rows if query_id not in qrels))


def unlike_ids(run: Run, qrels: Qrels) -> str | None:
    """A warning if none of the run's passages is judged, for example because passage ids are spelt differently.

    Such a run scores 0 on every query. Only queries that both the run and the judgments have are compared. None if a
    passage is judged, or if there is no such query.
    """
    rows = query_rows(run)
    strangers = None
    for query_id, judged in qrels.items():
        if query_id in rows and judged:
            listed = run.passage_ids[rows[query_id]].tolist()
            if not judged.keys().isdisjoint(passage_id.decode() for passage_id in listed):
                return None
            strangers = strangers or (listed[0].decode(), next(iter(judged)))
    if strangers is None:
        return None
    return "ranks no judged passage; are ids spelt alike? The run has {}, the judgments {}".format(*strangers)


def query_rows(run: Run) -> dict[str, slice]:
    """Query id -> slice of its rows in the run, for every query with at least one row."""
    bounds = zip(run.query_ids.tolist(), run.offsets[:-1].tolist(), run.offsets[1:].tolist(), strict=True)
    return {query_id.decode(): slice(start, end) for query_id, start, end in bounds if end > start}


def _judged_rankings(run: Run, qrels: Qrels) -> Iterator[dict[str, dict[str, float]]]:
    """Blocks of query id -> passage id -> score, best first, for the queries of the run that can score more than 0.

    A query without a relevant passage scores 0 and is not passed to trec_eval: if all its grades are below 0, trec_eval
    reads uninitialised memory and crashes or never ends.

    The scores count down to 1: Python floats because pytrec_eval refuses NumPy's, whole numbers because pytrec_eval
    stores them as float32, which is exact for whole numbers up to 2^24.
    """
    rows = query_rows(run)
    shared = [
        query_id for query_id, judged in qrels.items() if query_id in rows and max(judged.values(), default=0) > 0
    ]
    for start in range(0, len(shared), _QUERIES_AT_ONCE):
        block = {}
        for query_id in shared[start : start + _QUERIES_AT_ONCE]:
            passage_ids = run.passage_ids[rows[query_id]].tolist()
            ranking = {pid.decode(): float(len(passage_ids) - rank) for rank, pid in enumerate(passage_ids)}
            if len(ranking) != len(passage_ids):
                raise UserError(f"query {query_id}: the run holds a passage twice; keep the better of the two ranks")
            block[query_id] = ranking
        yield block


def _named(query_ids: Sequence[str], most: int = 5) -> str:
    return ", ".join(query_ids[:most]) + (", …" if len(query_ids) > most else "")
