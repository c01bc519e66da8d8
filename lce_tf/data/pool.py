"""What groups are drawn from: each training query's positives and its top-ranked passages that are not relevant."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from lce_tf.data.qrels import Qrels, relevant
from lce_tf.data.runs import Run
from lce_tf.data.tokens import TokenStore
from lce_tf.errors import UserError

SHORT_LISTS = ("skip", "replace")


@dataclass(frozen=True)
class PoolConfig:
    """How queries are admitted to training.

    Attributes:
        group: passages a group, the positive included (n).
        depth: negatives come from this many top-ranked passages; 200 in the paper.
        short_lists: a query with fewer than n - 1 negatives is left out ("skip", as a group of distinct
            negatives cannot be made of it) or draws them with replacement ("replace").
    """

    group: int
    depth: int = 200
    short_lists: str = "skip"

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
        if self.short_lists not in SHORT_LISTS:
            raise UserError(f"--short-lists {self.short_lists!r}: known are {', '.join(SHORT_LISTS)}")


@dataclass(frozen=True)
class Findings:
    """What became of the queries; each list holds query ids.

    Attributes:
        judged: queries with a relevant passage in the judgments.
        not_in_run: judged, but the run does not rank for them.
        no_text: judged and in the run, but the data set has no such query.
        no_positive: none of their relevant passages is in the collection.
        few_negatives: fewer negatives than a group needs.
        missing_passages: passages of the run that the collection lacks (passage ids).
        positives_outside: queries whose positives the run does not retrieve within the depth; they still serve.
        relevant_among_top: relevant passages found within the depth and kept out of the negatives.
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
        """One line of counts: how many queries are judged, and how many are left out for which reason."""
        reasons = {
            "not in the run": self.not_in_run,
            "without text": self.no_text,
            "without a positive in the collection": self.no_positive,
            "with too few negatives": self.few_negatives,
        }
        parts = [f"{len(ids)} {reason} (such as {ids[0]})" for reason, ids in reasons.items() if ids]
        return f"{self.judged} judged queries" + "".join(f", {part}" for part in parts)


@dataclass(frozen=True, eq=False)
class TrainingPool:
    """Usable queries with their candidates, as rows of the token stores.

    Attributes:
        query_rows: [queries] int64 rows of the query store.
        query_keys: [queries] uint64, a hash of each query's id: draws depend on it, not on any order.
        positives, positive_offsets: flat int64 passage rows and [queries + 1] bounds.
        negatives, negative_offsets: the same for the candidates that are not relevant, best ranked first.
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
    """The queries that can serve, and the reasons why the others cannot.

    Raises:
        UserError: no query is left, with the reasons counted.
    """
    run = run.cut(config.depth)
    names, owners, relevant_ids = _judged(qrels)
    in_run = _places(names, run.query_ids)
    query_rows = queries.rows(names)

    # Pairs as single numbers (query * passages + row), so that membership is one sorted search.
    width = max(len(passages), 1)
    good_rows = passages.rows(relevant_ids)
    good = np.unique((owners * width + good_rows)[good_rows >= 0])
    listed = passages.rows(run.passage_ids)
    to_judged = np.full(len(run.query_ids), -1)
    to_judged[in_run[in_run >= 0]] = np.flatnonzero(in_run >= 0)
    owner = np.repeat(to_judged, np.diff(run.offsets))
    known = (listed >= 0) & (owner >= 0)
    is_good = known & np.isin(owner * width + listed, good)
    is_bad = known & ~is_good

    positives = np.bincount(good // width, minlength=len(names))
    hits = np.bincount(owner[is_good], minlength=len(names))
    negatives = np.bincount(owner[is_bad], minlength=len(names))
    need = config.group - 1 if config.short_lists == "skip" else min(config.group - 1, 1)
    left_out = [in_run < 0, query_rows < 0, positives == 0, negatives < need]
    reason = np.select(left_out, np.arange(len(left_out)), default=len(left_out))
    usable = reason == len(left_out)
    findings = Findings(
        len(names),
        *(_text(names[reason == i]) for i in range(len(left_out))),
        missing_passages=_text(np.unique(run.passage_ids[listed < 0])),
        positives_outside=_text(names[usable & (hits == 0)]),
        relevant_among_top=int(is_good.sum()),
    )
    if not usable.any():
        raise UserError(f"no training query is usable: {findings.summary()}")

    # Candidates of the usable queries, in the order of the judgments and, within a query, of the run.
    owner, listed = owner[is_bad], listed[is_bad]
    order = np.argsort(owner, kind="stable")
    owner, listed = owner[order], listed[order]
    kept = usable[owner]
    return TrainingPool(
        query_rows[usable],
        _keys(names[usable]),
        (good % width)[usable[good // width]],
        _bounds(positives[usable]),
        listed[kept],
        _bounds(negatives[usable]),
        findings,
    )


def _judged(qrels: Qrels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of queries with a relevant passage, and for each such judgment the query's place and the passage's id."""
    wanted = relevant(qrels)
    if not wanted:
        raise UserError("the judgments name no relevant passage; training needs some with a grade of 1 or more")
    names = np.array([name.encode() for name in wanted])
    owners = np.repeat(np.arange(len(wanted)), [len(ids) for ids in wanted.values()])
    return names, owners, np.array([i.encode() for ids in wanted.values() for i in ids])


def _places(names: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Where each name stands in `among`, -1 for nowhere."""
    order = np.argsort(among, kind="stable")
    place = np.minimum(np.searchsorted(among, names, sorter=order), max(len(among) - 1, 0))
    found = order[place] if len(among) else np.zeros(len(names), np.int64)
    return np.where(among[found] == names, found, -1) if len(among) else np.full(len(names), -1)


def _keys(names: np.ndarray) -> np.ndarray:
    digests = (hashlib.blake2b(name, digest_size=8).digest() for name in names.tolist())
    return np.frombuffer(b"".join(digests), dtype="<u8")


def _bounds(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)])


def _text(ids: np.ndarray) -> list[str]:
    return [i.decode() for i in ids.tolist()]
