"""The notes below a table: how its figures were measured, and a summary computed from them."""

from lce_tf.paper.outcome import MEASURED, NOT_RUN, Line, Outcome
from lce_tf.paper.rows import GRID, OURS, PAPER_LOSSES, PAPER_MODEL, PAPER_RETRIEVERS

_MARKS = "Superscripts name the rows that a row is significantly above in MRR@10"
_GRID_MARKS = "Superscripts name the cells of row a, subscripts those of row b, by group size, that a cell is "
_GRID_MARKS += "significantly above in MRR@10"


def notes(outcome: Outcome) -> list[str]:
    """How the figures were measured, one or two sentences per line: data, models, training, tests, missing rows."""
    setting = outcome.setting
    where = setting.dataset + (f", split {setting.split}" if setting.split else "")
    seeds = ", ".join(map(str, setting.seeds))
    lines = [
        f"Data: {where}, {setting.queries:,} queries; the top {setting.depth:,} of each first stage are reranked, "
        "the rest keep their order below.",
        f"Training: preset {setting.preset}, {setting.steps:,} steps, batch {setting.batch} groups (by row: below), "
        f"peak learning rate {setting.learning_rate:g}, {_many('seed', len(setting.seeds))} {seeds}.",
        f"Backbone: {setting.backbone}. Dense retriever: {setting.dense}.",
        f"Paper: {outcome.table.source}.",
        *_substitutes(outcome),
        *_tests(outcome),
        *_eval(outcome),
        *_further(outcome),
        *_gaps(outcome),
        *setting.remarks,
    ]
    # Table files share products, and several products may have been made at the same time.
    wall = (
        ""
        if setting.wall_seconds is None
        else f"; the times of its products add up to {duration(setting.wall_seconds)}, those of interrupted ones "
        "counted from their last start"
    )
    return [*lines, f"Measured with lce_tf {setting.version}{wall}."]


def summary(outcome: Outcome) -> list[str]:
    """What the figures show, one sentence per line; [] if nothing was compared."""
    if outcome.comparison is None:
        return []
    pairs = outcome.own_first_stages()
    lines = [_against_first_stage(outcome, ours, base) for ours, base in pairs if _largest_lce(ours, pairs)]
    verdicts: dict[str, list[str]] = {"significantly above": [], "above, not significantly": [], "not above": []}
    for ours, base in pairs:
        higher = "significantly above" if base.row.label in ours.above else "above, not significantly"
        verdicts[higher if ours.mrr > base.mrr else "not above"].append(ours.row.label)
    if pairs:
        found = "; ".join(f"{verdict}: {', '.join(labels) or 'none'}" for verdict, labels in verdicts.items())
        lines.append(f"Rows against their own first stage: {found}.")
    return lines + _by_group_size(outcome) + _beside_the_paper(outcome)


def p_text(p: float) -> str:
    """A p-value with two significant digits."""
    return f"{p:.2g}"


def duration(seconds: float) -> str:
    """A time in a suitable unit, such as 45 s, 38 min or 2.8 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def _substitutes(outcome: Outcome) -> list[str]:
    """The parts of the paper that were replaced, and how far the figures can be compared."""
    setting = outcome.setting
    names = [(setting.retrievers[role], paper) for role, paper in PAPER_RETRIEVERS.items()]
    names.append((setting.model, PAPER_MODEL))
    swapped = [f"{here} stands for the paper's {paper}" for here, paper in names if here != paper]
    lines = ["; ".join(swapped) + "."] if swapped else []
    if not setting.msmarco:
        lines.append("The paper's and the cited figures are on MS MARCO passage: compare the pattern, not the values.")
    return lines


def _tests(outcome: Outcome) -> list[str]:
    found, setting = outcome.comparison, outcome.setting
    if found is None:
        return ["Significance: fewer than two rows are measured, so nothing is compared."]
    grid = outcome.table.layout == GRID
    lines = [
        f"{_GRID_MARKS if grid else _MARKS}: two-sided paired t-test over "
        f"{found.queries:,} queries, p × {found.comparisons} < {found.alpha:g} (Bonferroni over all "
        f"{found.comparisons} {_many('pair', found.comparisons)} of the {len(found.names)} measured "
        f"{'cells' if grid else 'rows'}).",
        "The paper does not say how many comparisons it divides by.",
    ]
    if len(setting.seeds) > 1:
        lines.append(
            "± is the standard deviation of the seeds' means; tests and intervals use each query's mean over the seeds."
        )
    else:
        lines.append("One seed a row: the tests speak of these checkpoints, not of training them again.")
    return lines


def _eval(outcome: Outcome) -> list[str]:
    """The eval split used here, and the name of the file to submit."""
    setting = outcome.setting
    if not outcome.table.has_eval:
        return []
    if not setting.submission:
        return ["Eval: without an eval split in the preset there is nothing to submit."]
    file = f"Submission file: {setting.submission}, in the leaderboard's format (query, passage, rank), checked."
    measured = [line.measured.eval for line in outcome.lines if line.measured and line.measured.eval]
    if not measured:
        return [f"Eval: blind; its judgments are the leaderboard's. {file}"]
    return [
        f"Eval: NOT the leaderboard's: split {setting.eval_split} of {setting.dataset} stands for it, "
        f"{len(measured[0]):,} queries whose judgments are known, so ours is measured here. {file}"
    ]


def _further(outcome: Outcome) -> list[str]:
    """The further sets, how they were measured, and figures that their columns do not show."""
    if not outcome.setting.also:
        return []
    lines = [
        "Further sets: each row's own first stage reranked as on dev; nDCG@10 with the grades as gains, as trec_eval's "
        "ndcg_cut; plain means, since the tests and superscripts are about MRR@10 on dev."
    ]
    for known in outcome.setting.also:
        rule = ", TREC's rule for these passages" if known.min_grade == 2 else ""
        lines.append(
            f"{known.label} ({known.name}): {known.queries:,} judged {_many('query', known.queries, 'queries')}; to "
            f"binary measures grades of {known.min_grade} and above are relevant{rule}."
        )
        for name in known.measures[1:]:
            means = [f"{line.row.label} {line.also[known.label][name]:.3f}" for line in outcome.lines if line.also]
            lines.append(f"{name} on {known.label}: {', '.join(means) or 'no row is measured'}.")
    return lines


def _gaps(outcome: Outcome) -> list[str]:
    lines = []
    if missing := [line.row.label for line in outcome.lines if line.status == NOT_RUN]:
        lines.append(f"Not run: {_many('row', len(missing))} {', '.join(missing)}.")
    expected = len(outcome.setting.seeds)
    for line in outcome.lines:
        if line.row.kind == OURS and line.measured and len(line.measured.seeds) != expected:
            lines.append(f"Row {line.row.label} has {len(line.measured.seeds)} of {expected} seeds.")
    return lines


def _largest_lce(line: Line, pairs: list[tuple[Line, Line]]) -> bool:
    """Whether the line is LCE with the largest group among the rows with the same first stage."""
    same = [ours.row for ours, _ in pairs if ours.row.first_stage == line.row.first_stage and ours.row.loss == "lce"]
    return line.row.loss == "lce" and line.row.group == max(row.group for row in same)


def _against_first_stage(outcome: Outcome, ours: Line, base: Line) -> str:
    _, corrected = outcome.p_values(ours.row.label, base.row.label)
    if base.row.label in ours.above:
        verdict = "is significantly above"
    elif ours.mrr > base.mrr:
        verdict = "is above, but not significantly,"
    else:
        verdict = "is not above"
    what = f"{PAPER_LOSSES[ours.row.loss]}, n = {ours.row.group}, {ours.retriever}"
    figures = f"{ours.mrr:.3f} against {base.mrr:.3f}, corrected p = {p_text(corrected)}"
    return f"Row {ours.row.label} ({what}) {verdict} its own first stage: {figures}."


def _by_group_size(outcome: Outcome) -> list[str]:
    """For each line of a grid: the figures of the smallest and the largest measured group, and what the latter
    beats."""
    if outcome.table.layout != GRID:
        return []
    series: dict[str, list[Line]] = {}
    for line in outcome.lines:
        if line.status == MEASURED:
            series.setdefault(line.row.series, []).append(line)
    sentences = []
    for name, lines in series.items():
        if len(lines) < 2:
            continue
        first, last = lines[0], lines[-1]
        beaten = [str(line.row.group) for line in lines if line.row.label in last.above]
        sentences.append(
            f"Row {name} ({outcome.setting.retrievers[first.row.negatives]} negatives): from {first.mrr:.3f} at n = "
            f"{first.row.group} to {last.mrr:.3f} at n = {last.row.group}, which is significantly above "
            f"{'n = ' + ', '.join(beaten) if beaten else 'no smaller group'} of the same row."
        )
    return sentences


def _beside_the_paper(outcome: Outcome) -> list[str]:
    """How many of the paper's significant differences are found here, and how many are found only here."""
    lines = {line.row.label: line for line in outcome.lines if line.status == MEASURED}
    theirs = {(line.row.label, low) for line in lines.values() for low in line.row.paper.above if low in lines}
    here = {(line.row.label, low) for line in lines.values() for low in line.above}
    if not theirs:
        return []
    higher = {(high, low) for high, low in theirs if lines[high].mrr > lines[low].mrr}
    against = sum((low, high) in here for high, low in theirs)
    other_way = f"{len(theirs) - len(higher)} do not" + (f" ({against} significantly)" if against else "")
    return [
        f"Of the paper's {len(theirs)} significant differences between these rows, {len(theirs & here)} are "
        f"significant here, {len(higher - here)} more point the same way and {other_way}; {len(here - theirs)} found "
        "here are not in the paper's superscripts."
    ]


def _many(word: str, count: int, plural: str = "") -> str:
    return word if count == 1 else plural or word + "s"
