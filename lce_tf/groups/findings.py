"""What became of the queries that might have served for training."""

from dataclasses import dataclass, field

JUDGED = "judged queries"


@dataclass(frozen=True)
class Findings:
    """What became of the queries; each list holds query ids.

    Attributes:
        judged: queries with a relevant passage in the judgments; or, for groups without a judged positive, those of the
            run.
        not_in_run: judged, but the run does not rank for them.
        no_text: judged and in the run, but the data set has no such query.
        no_positive: none of their relevant passages is in the collection.
        few_negatives: fewer negatives, or of groups without a positive passages, than a group needs.
        missing_passages: passages that the run has for them within the depth and the collection lacks (passage ids).
        positives_outside: queries whose positives the run does not retrieve within the depth; they still serve.
        relevant_among_top: relevant passages found within the depth and kept out of the negatives.
        of: what `judged` counts, in words.
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

    def summary(self) -> str:
        """One line of counts: how many queries are judged, how many are left out for which reason, what is missing."""
        drawn = "negatives" if self.of == JUDGED else "passages"
        reasons = {
            "not in the run": self.not_in_run,
            "without text": self.no_text,
            "without a positive in the collection": self.no_positive,
            f"with too few {drawn}": self.few_negatives,
        }
        parts = [f"{len(ids)} {reason} (such as {ids[0]})" for reason, ids in reasons.items() if ids]
        if self.missing_passages:
            parts.append(
                f"{len(self.missing_passages)} passages of the run not in the collection "
                f"(such as {self.missing_passages[0]})"
            )
        return f"{self.judged} {self.of}" + "".join(f", {part}" for part in parts)
