"""Reranking from Python: texts in, scores or a ranked list out, without a run, a data set or a file."""

import os
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lce_tf.errors import UserError
from lce_tf.foundation.arguments import quiet_tensorflow
from lce_tf.reranking.activation import activate
from lce_tf.reranking.calibration import Calibration
from lce_tf.reranking.engine import Engine
from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.opening import Opened, open_checkpoint
from lce_tf.reranking.order import best_first, best_windows, scores_of
from lce_tf.reranking.pairs import checked_pairs, listed
from lce_tf.reranking.scoring import score_pairs
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.tokenizers import WordPieces
from lce_tf.tokens.windows import covered, expanded


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage in a ranking.

    Attributes:
        index: its index among the given passages, from 0.
        score: its score, as `Reranker.score` gives it.
        text: the passage.
    """

    index: int
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class Scored:
    """The results of scoring pairs; `scored[a:b]` has those of a slice of the pairs.

    Attributes:
        scores: [pairs] float32, by which pairs are ordered; before the activation that the checkpoint names.
        tokens: [pairs] int64, wordpieces that the model read, including special ones and those of all windows.
        cut: [pairs] bool, whether the query or the passage was cut, so that the model did not read all of it.
        calibration: the checkpoint's, if it has one.
    """

    scores: np.ndarray
    tokens: np.ndarray
    cut: np.ndarray
    calibration: Calibration | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, part: slice) -> "Scored":
        return Scored(self.scores[part], self.tokens[part], self.cut[part], self.calibration)

    @property
    def relevance(self) -> np.ndarray:
        """[pairs] float64 from 0 to 1: the calibrated probability; without a calibration, the sigmoid of the score."""
        return activate(self.scores, self.calibration or "sigmoid")


class Reranker:
    """A trained cross-encoder that scores texts, as `lce rerank` scores those of a run.

    `Reranker.load` makes one. It may be used from several threads, whose calls use the model one at a time; with the
    engine openvino also in processes that are forked later.

    Attributes:
        scoring, lengths: how scores are computed from logits, and how pairs are cut.
        shown: how a score is returned, see `activate`: by the checkpoint's calibration if it has one.
        precision: what the model computes in, such as "float32"; see `Engine.precision`.
        folder: of the checkpoint.
    """

    def __init__(self, opened: Opened, engine: Engine):
        self.scoring, self.lengths, self.shown = opened.scoring, opened.lengths, opened.shown
        self.folder = opened.folder
        self._calibration, self.precision = opened.calibration, engine.precision
        self._tokenizer, self._template, self._engine = opened.tokenizer, opened.template, engine
        self._turn = threading.Lock()
        # A lock that another thread holds at a fork stays locked in the child, so the child gets a new one.
        here = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _unlock(here()))

    @classmethod
    def load(
        cls,
        checkpoint: str | Path,
        engine: str = "auto",
        precision: str = "auto",
        query_length: int | None = None,
        sequence_length: int | None = None,
        window: int | None = None,
        stride: int | None = None,
        windows: int | None = None,
        special_words: str = "auto",
        positive_label: int | None = None,
        trust_settings: bool = False,
    ) -> "Reranker":
        """Opens a trained cross-encoder.

        Args:
            checkpoint: folder that `lce train` wrote, or a public cross-encoder in Hugging Face's layout, by
                its folder or its id, such as "cross-encoder/ms-marco-MiniLM-L6-v2", with or without "@REVISION".
            engine, precision: see `lce_tf.reranking.engines.open_engine`.
            query_length, sequence_length: in wordpieces, instead of the checkpoint's own; see `Lengths`.
            special_words: what words such as "[SEP]" in a text become; see `lce_tf.reranking.opening.SPECIAL_WORDS`.
            positive_label, trust_settings: see `lce_tf.reranking.opening.open_checkpoint`.
            window, stride, windows: cut documents longer than a sequence; the best window's score counts.

        Raises:
            UserError: it is not a trained cross-encoder, its parts do not fit together, or its calibration is one of
                scores in which the other label means relevant.
        """
        quiet_tensorflow()
        cutting = (query_length, sequence_length, window, stride, windows)
        opened = open_checkpoint(checkpoint, *cutting, special_words, positive_label, trust_settings)
        opened.check_calibration()
        return cls(opened, open_engine(opened.folder, engine, precision))

    def score(self, pairs: Iterable[tuple[str, str]]) -> np.ndarray:
        """The relevance of each pair's passage to its query: [pairs] float32 in the order of `pairs`.

        A score is the model's logit (z1 - z0 if it has two), after the activation that the checkpoint's configuration
        names; if the checkpoint has a calibration, it is the calibrated probability.
        Except for rounding, it does not depend on the other pairs.

        Args:
            pairs: (query, passage); texts may be empty.

        Raises:
            TypeError: a pair is not a tuple or list of two strings, or the pairs are a set.
            UserError: a text holds half of a surrogate pair; a score is not finite. In all cases but the last, nothing
                has been scored.
        """
        return activate(self.scored(pairs).scores, self.shown).astype(np.float32)

    def rank(self, query: str, passages: Iterable[str], top: int | None = None) -> list[Ranked]:
        """The passages in the order of `best_first`, by their scores before any activation.

        Args:
            passages: texts, any number of them.
            top: how many to return, 1 or more; None: all.

        Raises:
            TypeError, UserError: as `score`.
        """
        passages = listed(passages, "passages")
        if top is not None and not (isinstance(top, int | np.integer) and top >= 1):
            raise UserError(f"top={top!r}: give a whole number, 1 or more, or None for all passages")
        if not passages:  # refuses a query that is not a text here as well
            checked_pairs([(query, "")])
        scores = self.scored([(query, passage) for passage in passages]).scores
        written = activate(scores, self.shown).astype(np.float32)
        order = best_first(scores)[:top]
        return [Ranked(i, float(written[i]), passages[i]) for i in order.tolist()]

    def scored(self, pairs: Iterable[tuple[str, str]]) -> Scored:
        """The scores that pairs are ordered by, before any activation, and how much of the texts the model read.

        Raises:
            TypeError, UserError: as `score`.
        """
        pairs = checked_pairs(pairs)
        if not pairs:
            return Scored(np.zeros(0, np.float32), np.zeros(0, np.int64), np.zeros(0, bool), self._calibration)
        queries, query_rows = _store([self._tokenizer.prompt + query for query, _ in pairs], self._tokenizer)
        passages, passage_rows = _store([passage for _, passage in pairs], self._tokenizer)
        packer = Packer(queries, passages, self._template, self.lengths)
        windows = expanded(packer, query_rows, passage_rows)
        with self._turn:  # an engine serves one caller at a time
            logits = score_pairs(self._engine, packer, windows.query_rows, windows.passage_rows)
        scores, _ = best_windows(scores_of(logits, self.scoring), windows.offsets)
        if not np.isfinite(scores).all():
            pair = int((~np.isfinite(scores)).argmax())
            raise UserError(f"pair {pair}: the model's score is {scores[pair]}; try precision='float32'")
        kept = packer.measure(windows.query_rows, windows.passage_rows)[0][windows.offsets[:-1]]
        read = packer.pair_lengths(windows.query_rows, windows.passage_rows)
        cut = queries.lengths(query_rows) > kept
        cut |= passages.lengths(passage_rows) > covered(packer, query_rows, passage_rows)
        return Scored(scores, np.add.reduceat(read, windows.offsets[:-1]), cut, self._calibration)


def _unlock(reranker: Reranker | None) -> None:
    if reranker is not None:
        reranker._turn = threading.Lock()


def _store(texts: list[str], tokenizer: WordPieces) -> tuple[TokenStore, np.ndarray]:
    """The distinct texts as a store in memory, and [texts] int64, the row of each text in it."""
    row = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    encoded = tokenizer(list(row))
    offsets = np.cumsum([0, *map(len, encoded)])
    tokens = np.fromiter((token for ids in encoded for token in ids), np.int32, offsets[-1])
    rows = np.arange(len(row))
    return TokenStore(rows.astype("S"), offsets, tokens), np.array([row[text] for text in texts])
