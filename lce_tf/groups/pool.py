"""The candidates that groups are drawn from: each training query's positives and its top-ranked negatives."""

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from lce_tf.data.lookup import IdLookup
from lce_tf.data.qrels import Qrels, relevant
from lce_tf.data.rows import stretches
from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.tokens.store import TokenStore

SHORT_LISTS = ("skip", "replace")
POSITIVES = ("judged", "run")
# Queries whose lists are looked up at a time; the rows of all hundred million MS MARCO pairs would not fit at once.
BLOCK = 4096


@dataclass(frozen=True)
class PoolConfig:
    """Which queries are used in training.

    Attributes:
        group: passages per group, including the positive (n).
        depth: negatives come from this many top-ranked passages; 200 in the paper.
        short_lists: what to do with a query with fewer than n - 1 negatives: leave it out ("skip", since a group needs
            distinct negatives) or draw its negatives with replacement ("replace").
        positives: "judged" passages of the collection, or only those that the "run" retrieves within the depth.
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
        if self.group - 1 > self.depth and self.short_lists == "skip":
            raise UserError(
                f"--group {self.group}: needs {self.group - 1} distinct negatives, "
                f"but only the top {self.depth} are drawn from; lower it or raise --negatives-depth"
            )
        if self.positives not in POSITIVES:
            raise UserError(f"--positives {self.positives!r}: known are {', '.join(POSITIVES)}")
        if self.short_lists not in SHORT_LISTS:
            raise UserError(f"--short-lists {self.short_lists!r}: known are {', '.join(SHORT_LISTS)}")


@dataclass(frozen=True)
class Findings:
    """Which queries are left out and why; each list holds query ids.

    Attributes:
        judged: number of queries with a relevant passage in the judgments.
        not_in_run: judged, but not in the run.
        no_text: judged and in the run, but the data set has no such query.
        no_positive: none of their relevant passages is in the collection.
        few_negatives: fewer negatives than a group needs.
        missing_passages: ids of passages that the run lists within the depth but the collection lacks.
        positives_outside: queries whose positives the run does not retrieve within the depth; they are still used.
        relevant_among_top: number of relevant passages within the depth; they are kept out of the negatives.
    """

    judged: int = 0
    not_in_run: list[str] = field(default_factory=list)
    no_text: list[str] = field(default_factory=list)
    no_positive: list[str] = field(default_factory=list)
    few_negatives: list[str] = field(default_factory=list)
    missing_passages: list[str] = field(default_factory=list)
    positives_outside: list[str] = field(default_factory=list)
    relevant_among_top: int = 0

    def summary(self) -> str:
        """One line of counts: judged queries, queries left out by reason, missing passages."""
        reasons = {
            "not in the run": self.not_in_run,
            "without text": self.no_text,
            "without a positive in the collection": self.no_positive,
            "with too few negatives": self.few_negatives,
        }
        parts = [f"{len(ids)} {reason} (such as {ids[0]})" for reason, ids in reasons.items() if ids]
        if self.missing_passages:
            parts.append(
                f"{len(self.missing_passages)} passages of the run not in the collection "
                f"(such as {self.missing_passages[0]})"
            )
        return f"{self.judged} judged queries" + "".join(f", {part}" for part in parts)


@dataclass(frozen=True, eq=False)
class TrainingPool:
    """Usable queries with their candidates, as rows of the token stores.

    Attributes:
        query_rows: [queries] int64 rows of the query store.
        query_keys: [queries] uint64, a hash of each query's id. Draws depend on it, so the queries' order does not
            matter.
        positives, positive_offsets: flat int64 passage rows and [queries + 1] bounds.
        negatives, negative_offsets: the same for the candidates that are not relevant, best ranked first; int32 rows if
            they fit.
    """

    query_rows: np.ndarray
    query_keys: np.ndarray
    positives: np.ndarray
    positive_offsets: np.ndarray
    negatives: np.ndarray
    negative_offsets: np.ndarray
    findings: Findings

    def __len__(self) -> int:
        return len(self.query_rows)


def build_pool(run: Run, qrels: Qrels, queries: TokenStore, passages: TokenStore, config: PoolConfig) -> TrainingPool:
    """The usable queries, and the reasons why the others are left out.

    Raises:
        UserError: no query is usable; the message counts the reasons.
    """
    names, owners, relevant_ids = _judged(qrels)
    in_run = IdLookup(run.query_ids).rows(names)
    query_rows = queries.rows(names)

    # Pairs as single numbers (query * passages + row), so that one search in a sorted array tests membership.
    width = max(len(passages), 1)
    good_rows = passages.rows(relevant_ids)
    good = np.unique((owners * width + good_rows)[good_rows >= 0])
    top = _top(run, in_run, config.depth, passages, good)
    if config.positives == "run":
        good = np.sort(top.found)

    positives = np.bincount(good // width, minlength=len(names))
    need = config.group - 1 if config.short_lists == "skip" else min(config.group - 1, 1)
    left_out = [in_run < 0, query_rows < 0, positives == 0, top.counts < need]
    reason = np.select(left_out, np.arange(len(left_out)), default=len(left_out))
    usable = reason == len(left_out)
    findings = Findings(
        len(names),
        *(_text(names[reason == i]) for i in range(len(left_out))),
        missing_passages=_text(top.missing),
        positives_outside=_text(names[usable & (top.hits == 0)]),
        relevant_among_top=int(top.hits.sum()),
    )
    if not usable.any():
        raise UserError(f"no training query is usable: {findings.summary()}")
    return TrainingPool(
        query_rows[usable],
        _keys(names[usable]),
        (good % width)[usable[good // width]],
        _bounds(positives[usable]),
        top.negatives[np.repeat(usable, top.counts)],
        _bounds(top.counts[usable]),
        findings,
    )


def refuse_strangers(run: Run, qrels: Qrels, queries: TokenStore) -> None:
    """Raises the error of `build_pool` early, before the passages are tokenised, if no judged query is in the run with
    a text.

    Raises:
        UserError: no query is usable; the message counts the reasons.
    """
    names, _, _ = _judged(qrels)
    in_run, known = IdLookup(run.query_ids).rows(names) >= 0, queries.rows(names) >= 0
    if not (in_run & known).any():
        findings = Findings(len(names), not_in_run=_text(names[~in_run]), no_text=_text(names[in_run]))
        raise UserError(f"no training query is usable: {findings.summary()}")


class _Top(NamedTuple):
    """The judged queries' top passages: rows of the negatives, numbers of negatives and of relevant passages per
    query, ids that the collection lacks, and numbers of the relevant pairs."""

    negatives: np.ndarray
    counts: np.ndarray
    hits: np.ndarray
    missing: np.ndarray
    found: np.ndarray


def _top(run: Run, places: np.ndarray, depth: int, passages: TokenStore, good: np.ndarray) -> _Top:
    """What the run ranks for each judged query, in the order of the judgments and, within a query, of the run.

    Args:
        places: [queries] position of each judged query in the run, -1 if it is missing.
        good: sorted numbers of the relevant pairs, see `build_pool`.
    """
    width = max(len(passages), 1)
    # Index -1 takes the last element, whose length is set to 0.
    starts, lengths = run.offsets[places], np.append(np.minimum(np.diff(run.offsets), depth), 0)[places]
    negatives = np.empty(lengths.sum(), np.int32 if width < 1 << 31 else np.int64)
    counts, hits = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
    missing, relevant_pairs = [np.zeros(0, run.passage_ids.dtype)], [np.zeros(0, np.int64)]
    end = 0
    for first in range(0, len(places), BLOCK):
        block = slice(first, first + BLOCK)
        size = len(places[block])
        owner = np.repeat(np.arange(size), lengths[block])
        ids = run.passage_ids[stretches(starts[block], lengths[block])[0]]
        listed = passages.rows(ids)
        known = listed >= 0
        pairs = (owner + first) * width + listed
        near = np.minimum(np.searchsorted(good, pairs), len(good) - 1)
        is_good = known & (good[near] == pairs) if len(good) else np.zeros(len(pairs), bool)
        is_bad = known & ~is_good
        counts[block] = np.bincount(owner[is_bad], minlength=size)
        hits[block] = np.bincount(owner[is_good], minlength=size)
        relevant_pairs.append(pairs[is_good])
        missing.append(np.unique(ids[~known]))
        found = listed[is_bad]
        negatives[end : end + len(found)] = found
        end += len(found)
    return _Top(negatives[:end], counts, hits, np.unique(np.concatenate(missing)), np.concatenate(relevant_pairs))


def _judged(qrels: Qrels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of queries with a relevant passage, and for each such judgment the query's index and the passage's id."""
    wanted = {query_id: ids for query_id, ids in relevant(qrels).items() if ids}
    if not wanted:
        raise UserError("the judgments name no relevant passage; training needs some with a grade of 1 or more")
    names = np.array([name.encode() for name in wanted])
    owners = np.repeat(np.arange(len(wanted)), [len(ids) for ids in wanted.values()])
    return names, owners, np.array([i.encode() for ids in wanted.values() for i in ids])


def _keys(names: np.ndarray) -> np.ndarray:
    digests = (hashlib.blake2b(name, digest_size=8).digest() for name in names.tolist())
    return np.frombuffer(b"".join(digests), dtype="<u8")


def _bounds(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)])


def _text(ids: np.ndarray) -> list[str]:
    return [i.decode() for i in ids.tolist()]
