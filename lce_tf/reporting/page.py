"""The report as one HTML page without external resources; the contents are computed here, `page.html` is the layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lce_tf import __version__
from lce_tf.data.qrels import Qrels
from lce_tf.data.spared import spare_inputs
from lce_tf.errors import UserError
from lce_tf.evaluation.inputs import Judged, level
from lce_tf.evaluation.measures import EXAMPLES, measure_names, parse_measure
from lce_tf.evaluation.significance import Comparison, letters
from lce_tf.foundation.settings import setting
from lce_tf.reporting import charts
from lce_tf.reporting.findings import BUCKETS, Change
from lce_tf.reporting.measured import Measured, cells, comparisons, group_chart, measure
from lce_tf.reporting.sources import Sources
from lce_tf.reporting.texts import Texts
from lce_tf.reporting.trainings import Training

# Names of the groups of ranks; the last is for relevant passages missing from the run.
RANKS = ("1", "2–3", "4–5", "6–10", "11–30", "31–100", "101+", "none")
assert len(RANKS) == len(BUCKETS) + 1


@dataclass(frozen=True)
class ReportConfig(Judged):
    """What a page is about, and how much of it is shown."""

    sources: tuple[str, ...] = setting(
        help="run files, folders of lce train, or a folder of lce tables, which brings its runs and judgments along",
        many=True,
        positional=True,
        metavar="RUN_OR_DIR",
    )
    output: str = setting(help="the page to write", metavar="FILE")
    queries: str | None = setting(
        None, "texts of the queries, id<tab>text; left out: the data set's, if any", metavar="FILE"
    )
    collection: str | None = setting(
        None, "texts of the passages, id<tab>text; left out: the data set's, if any", metavar="FILE"
    )
    first_stage: str | None = setting(None, "the run that the run files rerank", metavar="RUN")
    measures: tuple[str, ...] = setting(
        ("MRR@10", "nDCG@10", "R@1000"),
        f"such as {EXAMPLES}; by the first one queries win or lose",
        many=True,
        metavar="M",
    )
    alpha: float = level()
    queries_shown: int = setting(
        50, "wins on the page, and losses, at most; the runs share them evenly", at_least=0, give="must be at least 0"
    )
    passages_shown: int = setting(
        5, "top passages of both lists for each of these", at_least=1, give="must be at least 1"
    )
    characters: int = setting(300, "where texts of the page are cut", at_least=1, give="must be at least 1")

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "measures", tuple(dict.fromkeys(measure_names(*self.measures))))
        for name in self.measures:
            parse_measure(name)
        if Path(self.output).is_dir():
            raise UserError(f"{self.output}: is a folder; name a file to write")
        spare_inputs(self.output, (*self.sources, self.first_stage, self.qrels, self.queries, self.collection))


def page(sources: Sources, qrels: Qrels, judged_in: str, texts: Texts, settings: ReportConfig) -> str:
    """The page's HTML; the same inputs give the same text.

    Args:
        qrels: the judgments; every query in them counts.
        judged_in: the source of the judgments, as text.

    Raises:
        UserError: a fault in a run, a measure or a file of texts.
    """
    shown, depth = settings.queries_shown, settings.passages_shown
    found = measure(sources.entries, qrels, settings.measures, shown, depth, settings.format)
    tests = comparisons(found, settings.measures, settings.alpha)
    shown = [change for one in found if one.against for change in (*one.against.wins, *one.against.losses)]
    context = {
        "version": __version__,
        "min_grade": parse_measure(settings.measures[0]).rel,
        "settings": settings,
        "judged_in": judged_in,
        "queries": len(qrels),
        "rows": list(zip(found, cells(found, settings.measures, tests), strict=True)),
        "letter": letters([one.entry.name for one in found]) if tests else {},
        "tests": _tests(tests.get(settings.measures[0])),
        "comparisons": len(next(iter(tests.values())).p_values) if tests else 0,
        "groups": group_chart(found, settings.measures[0]),
        "reranked": [(one, _ranks_chart(one)) for one in found if one.against],
        "rank_names": RANKS,
        "trainings": [(training, _curves(training)) for training in sources.trainings],
        "query_texts": texts.queries({change.query_id for change in shown}),
        "passage_texts": texts.passages({passage.passage_id for change in shown for passage in change.passages}),
        "box": charts,
    }
    return _rendered(context)


def _rendered(context: Mapping[str, Any]) -> str:
    import jinja2

    loader = jinja2.PackageLoader("lce_tf.reporting", ".")
    # Everything inserted is escaped, since ids and texts come from files that may hold any markup.
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cut"] = _cut
    environment.filters["change"] = _change
    return environment.get_template("page.html").render(context)


def _cut(text: str, characters: int) -> str:
    """The first `characters` of a text, with an ellipsis if it was longer."""
    return text if len(text) <= characters else text[: max(1, characters - 1)].rstrip() + "…"


def _change(change: Change) -> str:
    return f"{change.now - change.before:+.4f}"


def _tests(comparison: Comparison | None) -> list[dict[str, Any]]:
    """Every pair of runs with its difference and p-values."""
    if comparison is None:
        return []
    return [
        {
            "pair": pair,
            "difference": comparison.means[pair[0]] - comparison.means[pair[1]],
            "p": p,
            "corrected": comparison.corrected[pair],
        }
        for pair, p in comparison.p_values.items()
    ]


def _ranks_chart(one: Measured) -> charts.Chart:
    counts = {one.entry.first_stage: one.against.ranks_before, one.entry.name: one.against.ranks_now}
    return charts.bars(one.entry.name, "rank", RANKS, counts)


def _curves(training: Training) -> Sequence[charts.Chart]:
    return [charts.curve(title, points) for title, points in training.curves.items()]
