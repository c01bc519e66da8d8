"""Statistics about a training run: usable queries, truncation, doubtful negatives, number of distinct groups."""

import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lce_tf.data.draws import mix
from lce_tf.data.rows import owners_of, ranks_of, stretches
from lce_tf.groups.pool import Findings, TrainingPool
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.windows import covered

# Query ids shown for each finding; the JSON lists all of them.
SHOWN = 3


@dataclass(frozen=True)
class Audit:
    """Counts over the usable queries and their candidates.

    Attributes:
        findings: why the other queries are left out.
        usable: number of queries that training can use.
        members: passages per training example.
        queries_cut, passages_cut: share of queries, and of (query, candidate) pairs, that are truncated.
        windows: mean number of windows per candidate passage.
        copies: negatives with exactly the text of a positive of the same query.
        same_queries: usable queries whose text occurs in another usable query too.
        examples: training examples that will be drawn: steps x batch.
        groups: number of distinct examples possible.
    """

    findings: Findings
    usable: int
    members: int
    queries_cut: float
    passages_cut: float
    windows: float
    copies: int
    same_queries: int
    examples: int
    groups: float

    def text(self) -> str:
        """The audit as lines of text."""
        found = self.findings
        left_out = {
            "not in the run": found.not_in_run,
            "without text in the split": found.no_text,
            f"without a positive {found.positives}": found.no_positive,
            "with too few negatives": found.few_negatives,
        }
        rows = [("judged queries", f"{found.judged}"), ("usable", f"{self.usable}")]
        rows += [(f"  {reason}", _named(ids)) for reason, ids in left_out.items()]
        rows += [
            ("positive not among the top (still used)", _named(found.positives_outside)),
            ("relevant passages kept out of the negatives", f"{found.relevant_among_top}"),
            ("negatives that copy a positive's text", f"{self.copies}"),
            ("queries that share their text", f"{self.same_queries}"),
            ("passages of the run not in the collection", _named(found.missing_passages)),
            ("queries cut", f"{self.queries_cut:.2%}"),
            ("passages cut", f"{self.passages_cut:.2%}"),
            ("windows a passage", f"{self.windows:.2f}"),
            ("examples in training", f"{self.examples} = {self.examples / self.usable:.1f} a query"),
            ("distinct examples possible", f"{self.groups:.3g}"),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def as_json(self) -> dict[str, Any]:
        """All values as plain types, with every id."""
        return asdict(self)


def audit(pool: TrainingPool, packer: Packer, members: int, examples: int) -> Audit:
    """The audit of a training pool.

    Args:
        packer: truncates pairs as training does; its stores are those of the pool.
        members: passages per training example (1: single pairs).
        examples: number of examples that will be drawn.
    """
    counts = np.diff(pool.negative_offsets)
    owners = owners_of(pool.negative_offsets)
    query_rows = pool.query_rows[owners]
    kept = covered(packer, query_rows, pool.negatives)
    texts = _text_hashes(packer.queries, pool.query_rows)
    positives = _text_hashes(packer.passages, pool.positives)
    positive_owners = owners_of(pool.positive_offsets)
    rows, inverse = np.unique(pool.negatives, return_inverse=True)
    negatives = _text_hashes(packer.passages, rows)[inverse]
    # Combines the hashes of text and query, so that a negative matches only positives of the same query.
    copies = np.isin(negatives ^ mix(owners), positives ^ mix(positive_owners))
    _, repeats = np.unique(texts, return_counts=True)
    return Audit(
        findings=pool.findings,
        usable=len(pool),
        members=members,
        queries_cut=float(np.mean(packer.queries.lengths(pool.query_rows) > packer.lengths.query)),
        passages_cut=float(np.mean(packer.passages.lengths(pool.negatives) > kept)) if len(kept) else 0.0,
        windows=float(np.mean(packer.counts(pool.negatives))) if len(kept) else 1.0,
        copies=int(copies.sum()),
        same_queries=int(repeats[repeats > 1].sum()),
        examples=examples,
        groups=_distinct(np.diff(pool.positive_offsets), counts, members),
    )


def _distinct(positives: np.ndarray, negatives: np.ndarray, members: int) -> float:
    """Number of distinct examples possible, from the numbers of positives and of negatives of each query."""
    if members == 1:
        return float(positives.sum() + negatives.sum())
    pairs, times = np.unique(np.stack([positives, negatives]), axis=1, return_counts=True)
    columns = zip(*pairs.tolist(), times.tolist(), strict=True)
    total = sum(p * _choices(n, members - 1) * t for p, n, t in columns)
    # Large groups from long lists have more combinations than a float can represent.
    return float(min(total, int(sys.float_info.max)))


def _choices(negatives: int, drawn: int) -> int:
    """Number of sets (with replacement, if the list is too short: multisets) of `drawn` out of `negatives` passages."""
    return math.comb(negatives, drawn) if negatives >= drawn else math.comb(negatives + drawn - 1, drawn)


# Texts hashed at a time, since each wordpiece takes some forty bytes meanwhile.
_BLOCK = 200_000


def _text_hashes(store: TokenStore, rows: np.ndarray) -> np.ndarray:
    """[rows] uint64 hashes of the texts' wordpieces; texts with equal wordpieces have equal hashes."""
    blocks = [_hashes(store, rows[first : first + _BLOCK]) for first in range(0, len(rows), _BLOCK)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.uint64)


def _hashes(store: TokenStore, rows: np.ndarray) -> np.ndarray:
    lengths = store.lengths(rows)
    at, bounds = stretches(store.offsets[rows], lengths)
    hashes = mix(np.asarray(store.tokens[at]).astype(np.uint64) ^ mix(ranks_of(bounds)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes, dtype=np.uint64)])
    return mix(np.diff(sums[bounds])) ^ mix(lengths)


def _named(ids: list[str]) -> str:
    more = ", ..." if len(ids) > SHOWN else ""
    return f"{len(ids)}" + (f" ({', '.join(ids[:SHOWN])}{more})" if ids else "")
