"""A cross-encoder as a transformer of PyTerrier: `first_stage >> LceReranker("models/lce8")`."""

from pathlib import Path

import pandas as pd

try:
    import pyterrier as pt
except ImportError as error:
    raise ImportError("lce_tf.pyterrier needs PyTerrier: pip install 'lce_tf[pyterrier]'") from error

from lce_tf.reranker import Reranker
from lce_tf.reranking.activation import activate


class LceReranker(pt.Transformer):
    """Scores the results of a pipeline anew and ranks them by these scores; starts no Java.

    Attributes:
        checkpoint: what `Reranker.load` takes, or a `Reranker`, for lengths or an engine other than its own.
        text_field: the column that holds the passages' texts.
    """

    def __init__(self, checkpoint: str | Path | Reranker, text_field: str = "text"):
        """Opens the checkpoint.

        Raises:
            UserError: it is no such thing, or its parts do not fit together.
        """
        super().__init__()
        self.checkpoint, self.text_field = checkpoint, text_field
        self._reranker = checkpoint if isinstance(checkpoint, Reranker) else Reranker.load(checkpoint)

    def transform(self, inp: pd.DataFrame) -> pd.DataFrame:
        """The rows of `inp` in their order, with a new `score` and a `rank` from 0; its other columns stay.

        Ranks are by the logit, like those of `Reranker.rank`, also where a checkpoint's sigmoid makes scores equal.

        Args:
            inp: with qid, query, docno and `text_field`.

        Raises:
            pt.validate.InputValidationError: a column is missing.
            TypeError: a query or a text is not a string.
        """
        pt.validate.result_frame(inp, extra_columns=["query", self.text_field])
        logits = self._reranker.scored(zip(inp["query"], inp[self.text_field], strict=True)).scores
        scores = activate(logits, self._reranker.scoring.activation).astype("float32").astype("float64")
        falling = pd.Series(-logits, index=inp.index).groupby(inp["qid"], sort=False)
        return inp.assign(score=scores, rank=falling.rank(method="first").astype("int64") - 1)
