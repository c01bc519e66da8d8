"""A cross-encoder as a PyTerrier transformer: `first_stage >> LceReranker("models/lce8")`."""

from pathlib import Path

import numpy as np
import pandas as pd

try:
    import pyterrier as pt
except ImportError as error:
    raise ImportError(
        "lce_tf.pyterrier needs PyTerrier; in a checkout: pip install -c requirements.lock '.[pyterrier]'"
    ) from error

from lce_tf.reranker import Reranker
from lce_tf.reranking.activation import activate
from lce_tf.reranking.order import best_first
from lce_tf.reranking.pairs import checked_pairs


class LceReranker(pt.Transformer):
    """Scores the results of a pipeline and ranks them by these scores; does not start Java.

    Attributes:
        checkpoint: anything that `Reranker.load` takes, or a `Reranker` (for other lengths or another engine).
        text_field: the column that holds the passages' texts.
    """

    def __init__(self, checkpoint: str | Path | Reranker, text_field: str = "text"):
        """Opens the checkpoint.

        Raises:
            UserError: it is not a checkpoint, or its parts do not fit together.
        """
        super().__init__()
        self.checkpoint, self.text_field = checkpoint, text_field
        self._reranker = checkpoint if isinstance(checkpoint, Reranker) else Reranker.load(checkpoint)

    def transform(self, inp: pd.DataFrame) -> pd.DataFrame:
        """The rows of `inp` in their order, with new `score` and `rank` (from 0); other columns are kept.

        Ranks follow `best_first`: by the scores before any activation.

        Args:
            inp: has the columns qid, query, docno and `text_field`.

        Raises:
            pt.validate.InputValidationError: a column is missing.
            TypeError: a query or a text is not a string.
            UserError: a query or a text holds half of a surrogate pair.
        """
        pt.validate.result_frame(inp, extra_columns=["query", self.text_field])
        names = list(zip(inp["qid"], inp["docno"], strict=True))
        pairs = checked_pairs(
            list(zip(inp["query"], inp[self.text_field], strict=True)),
            lambda index: "query {}, passage {}".format(*names[index]),
        )
        scores = self._reranker.scored(pairs).scores
        queries = pd.factorize(inp["qid"])[0]
        order = best_first(scores, queries)
        ranks = np.empty(len(inp), np.int64)
        ranks[order] = pd.Series(queries[order]).groupby(queries[order]).cumcount()
        return inp.assign(score=activate(scores, self._reranker.shown), rank=ranks)
