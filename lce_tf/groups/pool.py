"""The candidates that groups are drawn from: each training query's positives and its top-ranked negatives."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lce_tf.data.draws import id_keys
from lce_tf.data.lookup import IdLookup
from lce_tf.data.qrels import Qrels, relevant
from lce_tf.data.rows import found_at, offsets_of, owners_of, ranges_of, stretches
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.groups.findings import JUDGED, Findings
from lce_tf.tokens.store import TokenStore

SHORT_LISTS = ("skip", "replace")
POSITIVES = ("judged", "run", "none")
# Number of queries whose lists are looked up at a time, since arrays of MS MARCO's hundred million rows would take too
# much memory.
BLOCK = 4096


@dataclass(frozen=True)
class PoolConfig:
    """Which queries are used in training, and which passages their groups are drawn from.

    Attributes:
        group: passages per group, including the positive (n).
        depth: negatives come from this many top-ranked passages; 200 in the paper.
        short_lists: what happens to a query with fewer than n - 1 negatives. "skip": it is left out, since it has too
            few for a group of distinct negatives. "replace": its negatives are drawn with replacement.
        positives: "judged": all passages of the collection that are judged relevant. "run": only those of them that the
            run retrieves within the depth. "none": a group has no positive; its n passages are drawn from the top
            ones of the run, judged or not, and a teacher scores them.

    Raises:
        UserError: a value is out of bounds, or a group needs more distinct passages than the depth.
    """

    group: int
    depth: int = 200
    short_lists: str = "skip"
    positives: str = "judged"

    def __post_init__(self):
        if self.group < 1:
            raise UserError(f"--group {self.group}: a group holds its positive at least; give 1 or more")
        if self.depth < 1:
            raise UserError(f"--negatives-depth {self.depth}: give 1 or more")
        if self.drawn > self.depth and self.short_lists == "skip":
            raise UserError(
                f"--group {self.group}: needs {self.drawn} distinct {'negatives' if self.judged else 'passages'}, "
                f"but only the top {self.depth} are drawn from; lower it or raise --negatives-depth"
            )
        if self.positives not in POSITIVES:
            raise UserError(f"--positives {self.positives!r}: known are {', '.join(POSITIVES)}")
        if self.short_lists not in SHORT_LISTS:
            raise UserError(f"--short-lists {self.short_lists!r}: known are {', '.join(SHORT_LISTS)}")

    @property
    def judged(self) -> bool:
        """Whether every group has a judged positive."""
        return self.positives != "none"

    @property
    def asked(self) -> str:
        """Which queries are considered, in words; see `Findings.of`."""
        return JUDGED if self.judged else "queries of the run"

    @property
    def drawn(self) -> int:
        """Number of passages of a group that are drawn from the run: n - 1 negatives, or n without a positive."""
        return self.group - self.judged


@dataclass(frozen=True, eq=False)
class TrainingPool:
    """Usable queries with their candidates, as rows of the token stores.

    Attributes:
        query_rows: [queries] int64 rows of the query store.
        query_keys: [queries] uint64, a hash of each query's id. Draws depend on it, so the queries' order does not
            matter.
        positives, positive_offsets: flat int64 passage rows and [queries + 1] bounds.
        negatives, negative_offsets: the same for the candidates that are not relevant, in the order of the run; the
            rows are int32 if that is enough. In a pool without positives, these are all candidates, relevant or not.
        findings: which queries were left out, and why.
        grades: int32 grade of each positive; None: all are 1.
    """

    query_rows: np.ndarray
    query_keys: np.ndarray
    positives: np.ndarray
    positive_offsets: np.ndarray
    negatives: np.ndarray
    negative_offsets: np.ndarray
    findings: Findings
    grades: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.query_rows)


def build_pool(run: Run, qrels: Qrels, queries: TokenStore, passages: TokenStore, config: PoolConfig) -> TrainingPool:
    """The usable queries with their candidates, and the reasons why the others are left out.

    Args:
        queries, passages: token stores of the split's queries and of the collection.

    Raises:
        UserError: no query is usable; the message counts the reasons.
    """
    names, owners, relevant_ids, grades = _asked(run, qrels, config)
    in_run = IdLookup(run.query_ids).rows(names)
    query_rows = queries.rows(names)

    # Pairs as single numbers (query * passages + row), so that one search in a sorted array tests membership.
    width = max(len(passages), 1)
    good_rows = passages.rows(relevant_ids)
    good, first = np.unique((owners * width + good_rows)[good_rows >= 0], return_index=True)
    grades = grades[good_rows >= 0][first]
    top = _top(run, in_run, config.depth, passages, good)
    if config.positives == "run":
        found = np.isin(good, top.found)
        good, grades = good[found], grades[found]

    positives = np.bincount(good // width, minlength=len(names))
    need = config.drawn if config.short_lists == "skip" else min(config.drawn, 1)
    left_out = [in_run < 0, query_rows < 0, (positives == 0) & config.judged, top.counts < need]
    reason = np.select(left_out, np.arange(len(left_out)), default=len(left_out))
    usable = reason == len(left_out)
    findings = Findings(
        len(names),
        *(_text(names[reason == i]) for i in range(len(left_out))),
        missing_passages=_text(top.missing),
        positives_outside=_text(names[usable & (top.hits == 0) & config.judged]),
        relevant_among_top=int(top.hits.sum()),
        of=config.asked,
        positives="among the run's top" if config.positives == "run" else Findings.positives,
    )
    if not usable.any():
        raise UserError(f"no training query is usable: {findings.summary()}")
    return TrainingPool(
        query_rows[usable],
        id_keys(names[usable].tolist()),
        (good % width)[usable[good // width]],
        offsets_of(positives[usable]),
        top.negatives[np.repeat(usable, top.counts)],
        offsets_of(top.counts[usable]),
        findings,
        grades[usable[good // width]],
    )


def refuse_strangers(run: Run, qrels: Qrels, queries: TokenStore, config: PoolConfig) -> None:
    """Raises the error of `build_pool` early, before the collection is tokenised, if no query can be usable.

    Raises:
        UserError: none of the queries considered is in the run and has a text; the message counts the reasons.
    """
    names, *_ = _asked(run, qrels, config)
    in_run, known = IdLookup(run.query_ids).rows(names) >= 0, queries.rows(names) >= 0
    if not (in_run & known).any():
        findings = Findings(len(names), not_in_run=_text(names[~in_run]), no_text=_text(names[in_run]), of=config.asked)
        raise UserError(f"no training query is usable: {findings.summary()}")


class _Top(NamedTuple):
    """The candidates of the queries considered.

    Attributes:
        negatives: flat rows of the negatives, query by query.
        counts, hits: [queries] int64, numbers of negatives and of relevant passages among each query's top passages.
        missing: ids of the top passages that the collection does not have.
        found: the relevant pairs among the top passages, as single numbers (see `build_pool`).
    """

    negatives: np.ndarray
    counts: np.ndarray
    hits: np.ndarray
    missing: np.ndarray
    found: np.ndarray


def _top(run: Run, indices: np.ndarray, depth: int, passages: TokenStore, good: np.ndarray) -> _Top:
    """The top passages of each query considered, in the order of `indices` and, within a query, of the run.

    Args:
        indices: [queries] index of each query in the run, -1 if it is missing.
        depth: number of top passages per query.
        good: sorted numbers of the relevant pairs, see `build_pool`.
    """
    width = max(len(passages), 1)
    starts, lengths = ranges_of(run.offsets, indices)
    lengths = np.minimum(lengths, depth)
    negatives = np.empty(lengths.sum(), np.int32 if width < 1 << 31 else np.int64)
    counts, hits = np.zeros(len(indices), np.int64), np.zeros(len(indices), np.int64)
    missing, relevant_pairs = [np.zeros(0, run.passage_ids.dtype)], [np.zeros(0, np.int64)]
    end = 0
    for first in range(0, len(indices), BLOCK):
        block = slice(first, first + BLOCK)
        size = len(indices[block])
        rows, bounds = stretches(starts[block], lengths[block])
        owner, ids = owners_of(bounds), run.passage_ids[rows]
        listed = passages.rows(ids)
        known = listed >= 0
        pairs = (owner + first) * width + listed
        is_good = known & (found_at(pairs, good) >= 0)
        is_bad = known & ~is_good
        counts[block] = np.bincount(owner[is_bad], minlength=size)
        hits[block] = np.bincount(owner[is_good], minlength=size)
        relevant_pairs.append(pairs[is_good])
        missing.append(np.unique(ids[~known]))
        found = listed[is_bad]
        negatives[end : end + len(found)] = found
        end += len(found)
    return _Top(negatives[:end], counts, hits, np.unique(np.concatenate(missing)), np.concatenate(relevant_pairs))


def _asked(run: Run, qrels: Qrels, config: PoolConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The queries considered, and their relevant passages.

    Returns:
        Ids of the queries with a relevant passage; then, for each of their relevant passages, the index of the query
        among these ids, the passage's id and its grade. For groups without a judged positive: the ids of the run's
        queries and three empty arrays.
    """
    if not config.judged:
        return run.query_ids, np.zeros(0, np.int64), run.passage_ids[:0], np.zeros(0, np.int32)
    wanted = {query_id: ids for query_id, ids in relevant(qrels).items() if ids}
    if not wanted:
        raise UserError("the judgments name no relevant passage; training needs some with a grade of 1 or more")
    names = np.array([name.encode() for name in wanted])
    owners = np.repeat(np.arange(len(wanted)), [len(ids) for ids in wanted.values()])
    grades = np.array([qrels[name][i] for name, ids in wanted.items() for i in ids], np.int32)
    return names, owners, np.array([i.encode() for ids in wanted.values() for i in ids]), grades


def _text(ids: np.ndarray) -> list[str]:
    return [i.decode() for i in ids.tolist()]
