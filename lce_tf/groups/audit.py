"""Statistics about a training run: usable queries, truncation, doubtful negatives, number of distinct groups."""

import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lce_tf.data.draws import mix
from lce_tf.data.rows import chunks, owners_of, ranks_of, stretches
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

    The candidates are counted for some of the queries at a time: a hundred million at once would take ten gigabytes.

    Args:
        packer: truncates pairs as training does; its stores are those of the pool.
        members: passages per training example (1: single pairs).
        examples: number of examples that will be drawn.
    """
    counts, pairs = np.diff(pool.negative_offsets), len(pool.negatives)
    texts, hashes = _text_hashes(packer.queries, pool.query_rows), _candidate_hashes(pool, packer.passages)
    cut = windows = copies = 0
    for first, last in chunks(pool.negative_offsets):
        owners = first + owners_of(pool.negative_offsets[first : last + 1])
        rows = _rows(pool.negatives, pool.negative_offsets, first, last)
        kept = covered(packer, pool.query_rows[owners], rows)
        cut += int((packer.passages.lengths(rows) > kept).sum())
        windows += int(packer.counts(rows).sum())
        positives = _rows(pool.positives, pool.positive_offsets, first, last)
        positive_owners = first + owners_of(pool.positive_offsets[first : last + 1])
        # Combines the hashes of text and query, so that a negative matches only positives of the same query.
        copies += int(np.isin(hashes[rows] ^ mix(owners), hashes[positives] ^ mix(positive_owners)).sum())
    _, repeats = np.unique(texts, return_counts=True)
    return Audit(
        findings=pool.findings,
        usable=len(pool),
        members=members,
        queries_cut=float(np.mean(packer.queries.lengths(pool.query_rows) > packer.lengths.query)),
        passages_cut=cut / pairs if pairs else 0.0,
        windows=windows / pairs if pairs else 1.0,
        copies=copies,
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


def _rows(candidates: np.ndarray, offsets: np.ndarray, first: int, last: int) -> np.ndarray:
    """int64 passage rows of the candidates of the queries [first, last)."""
    return candidates[offsets[first] : offsets[last]].astype(np.int64)


def _candidate_hashes(pool: TrainingPool, passages: TokenStore) -> np.ndarray:
    """[passages] uint64 hashes of the texts that are a positive or a negative of a query; 0 for the others."""
    used = np.zeros(len(passages), bool)
    used[pool.positives] = True
    for first, last in chunks(pool.negative_offsets):
        used[_rows(pool.negatives, pool.negative_offsets, first, last)] = True
    hashes, rows = np.zeros(len(passages), np.uint64), np.flatnonzero(used)
    hashes[rows] = _text_hashes(passages, rows)
    return hashes


# Wordpieces hashed at a time, since each takes some forty bytes meanwhile.
_WORDPIECES = 1 << 22


def _text_hashes(store: TokenStore, rows: np.ndarray) -> np.ndarray:
    """[rows] uint64 hashes of the texts' wordpieces; texts with equal wordpieces have equal hashes."""
    ends = np.concatenate([[0], np.cumsum(store.lengths(rows))])
    parts = [_hashes(store, rows[first:last]) for first, last in chunks(ends, _WORDPIECES)]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _hashes(store: TokenStore, rows: np.ndarray) -> np.ndarray:
    lengths = store.lengths(rows)
    at, bounds = stretches(store.offsets[rows], lengths)
    hashes = mix(np.asarray(store.tokens[at]).astype(np.uint64) ^ mix(ranks_of(bounds)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes, dtype=np.uint64)])
    return mix(np.diff(sums[bounds])) ^ mix(lengths)


def _named(ids: list[str]) -> str:
    more = ", ..." if len(ids) > SHOWN else ""
    return f"{len(ids)}" + (f" ({', '.join(ids[:SHOWN])}{more})" if ids else "")
