"""Counts and ids of the queries that training leaves out, by reason."""

from dataclasses import dataclass, field

JUDGED = "judged queries"


@dataclass(frozen=True)
class Findings:
    """Which queries training leaves out, and why; a query is listed under the first reason that applies.

    Attributes:
        judged: number of queries considered: those with a relevant passage in the judgments or, for groups without a
            judged positive, those of the run.
        not_in_run: ids of queries that are not in the run.
        no_text: ids of queries in the run whose text the data set does not have.
        no_positive: ids of queries without a relevant passage in the collection or, if positives must come from the
            run, without one that the run retrieves within the depth.
        few_negatives: ids of queries with fewer candidates within the depth than a group needs. Candidates are the
            negatives or, for groups without a judged positive, all passages.
        missing_passages: ids of passages within the depth that the collection does not have.
        positives_outside: ids of usable queries none of whose positives the run retrieves within the depth. They are
            not left out.
        relevant_among_top: number of relevant passages within the depth, which are excluded from the negatives.
        of: what `judged` counts, in words.
        positives: where positives come from, in words.
    """

    judged: int = 0
    not_in_run: list[str] = field(default_factory=list)
    no_text: list[str] = field(default_factory=list)
    no_positive: list[str] = field(default_factory=list)
    few_negatives: list[str] = field(default_factory=list)
    missing_passages: list[str] = field(default_factory=list)
    positives_outside: list[str] = field(default_factory=list)
    relevant_among_top: int = 0
    of: str = JUDGED
    positives: str = "in the collection"

    def summary(self) -> str:
        """One line: the number of queries considered, and how many are left out for each reason."""
        drawn = "negatives" if self.of == JUDGED else "passages"
        reasons = {
            "not in the run": self.not_in_run,
            "without text": self.no_text,
            f"without a positive {self.positives}": self.no_positive,
            f"with too few {drawn}": self.few_negatives,
        }
        parts = [f"{len(ids)} {reason} (such as {ids[0]})" for reason, ids in reasons.items() if ids]
        if self.missing_passages:
            parts.append(
                f"{len(self.missing_passages)} passages of the run not in the collection "
                f"(such as {self.missing_passages[0]})"
            )
        return f"{self.judged} {self.of}" + "".join(f", {part}" for part in parts)
