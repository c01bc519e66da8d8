"""A first look: one row of the paper's Table 1 at small size, from retrieval to a page of queries that changed."""

from dataclasses import dataclass
from pathlib import Path

from lce_tf.data.runs import read_run
from lce_tf.evaluation.measures import evaluate
from lce_tf.evaluation.significance import Comparison, compare
from lce_tf.foundation.files import written
from lce_tf.paper.rows import Checkpoint
from lce_tf.replication.presets import Preset
from lce_tf.replication.products import Products
from lce_tf.reporting.page import ReportConfig, page
from lce_tf.reporting.sources import gather
from lce_tf.reporting.texts import Texts

MEASURE = "MRR@10"
BEFORE, AFTER = "BM25", "reranked"
# Maximum number of wins, and of losses, on the page.
_SHOWN = 10


@dataclass(frozen=True)
class Demo:
    """What the demo made.

    Attributes:
        page: the HTML page.
        comparison: of the first-stage run, `BEFORE`, with the reranked run, `AFTER`.
        better, worse: number of queries whose value rose, and fell.
    """

    page: Path
    comparison: Comparison
    better: int
    worse: int

    def text(self) -> str:
        """The lines that the command prints last."""
        means, (p,) = self.comparison.means, self.comparison.p_values.values()
        return (
            f"{MEASURE} over {self.comparison.queries} queries: {BEFORE} {means[BEFORE]:.3f}, reranked by the "
            f"cross-encoder {means[AFTER]:.3f} (paired t-test: p = {p:.2g}); {self.better} better, {self.worse} worse\n"
            f"the queries and their passages, side by side: {self.page}"
        )


def demo(preset: Preset, folder: str | Path) -> Demo:
    """Retrieves with BM25, trains a cross-encoder with LCE, reranks the dev queries and writes a page about them.

    Everything is kept in `folder`, and what is there is not made again.

    Raises:
        UserError: bad input, in one line.
    """
    products, dev = Products(preset, folder), preset.dev_split
    first = products.first_stage("bm25", dev)
    wanted = Checkpoint("bm25", preset.training.loss, preset.training.group)
    reranked = products.reranked(wanted, "bm25", preset.training.seed)
    qrels = products.qrels()
    values = {
        name: evaluate(read_run(path), qrels, [MEASURE])[MEASURE] for name, path in ((BEFORE, first), (AFTER, reranked))
    }
    changes = [values[AFTER][query] - values[BEFORE][query] for query in qrels]
    config = ReportConfig(
        sources=(str(reranked),),
        first_stage=str(first),
        output=str(products.folder / "report.html"),
        measures=(MEASURE, "nDCG@10", "R@10"),
        queries_shown=_SHOWN,
    )
    texts = Texts(products.dataset_name, dev)
    shown = page(gather(config.sources, config.first_stage), qrels, f"{preset.dataset}, {dev}", texts, config)
    with written(config.output) as file:
        file.write(shown)
    better, worse = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    return Demo(Path(config.output), compare(values), better, worse)
