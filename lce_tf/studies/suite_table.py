"""The outcome of a suite as a table with letters, and as JSON."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from lce_tf.evaluation.inputs import aligned
from lce_tf.evaluation.measures import mean
from lce_tf.evaluation.significance import Comparison, compare, letters, superscript
from lce_tf.studies.suite import Outcome


def comparisons(outcome: Outcome, measure: str, alpha: float) -> dict[str, Comparison]:
    """Set -> which systems beat which, corrected for all pairs on all sets; sets of one query are left out."""
    found = {
        name: {system: values[measure] for system, values in systems.items()}
        for name, systems in outcome.values.items()
        if len(systems) > 1 and len(next(iter(systems.values()))[measure]) > 1
    }
    tests = sum(len(list(combinations(systems, 2))) for systems in found.values())
    return {name: compare(systems, alpha, comparisons=tests) for name, systems in found.items()}


def macro(outcome: Outcome, measure: str) -> dict[str, float | None]:
    """System -> mean over the sets of its means; None for a system without a run for each of them."""
    result: dict[str, float | None] = {}
    for system in outcome.systems:
        values = [systems.get(system) for systems in outcome.values.values()]
        complete = all(value is not None for value in values)
        result[system] = mean(mean(value[measure]) for value in values) if complete else None
    return result


def table(outcome: Outcome, measure: str, alpha: float) -> str:
    """A row for each system, a column for each set and one for their mean; raised letters name the systems beaten."""
    letter, compared = letters(outcome.systems), comparisons(outcome, measure, alpha)
    means = macro(outcome, measure)
    rows = [["", measure, *outcome.values, "mean"]]
    for system in outcome.systems:
        cells = [
            _cell(values.get(system), measure, compared.get(name), system, letter)
            for name, values in outcome.values.items()
        ]
        whole = means[system]
        rows.append([letter[system], system, *cells, "-" if whole is None else f"{whole:.4f}"])
    tests = next((one.comparisons for one in compared.values()), 0)
    queries = ", ".join(
        f"{name} {len(next(iter(values.values()))[measure])}" for name, values in outcome.values.items()
    )
    rule = f"^ names the systems beaten: two-sided paired t-test, p x {tests} < {alpha:g} (Bonferroni over all sets)"
    missing = [f"missing: {name}: {reason}" for name, reason in outcome.missing.items()]
    return "\n".join([aligned(rows), "", f"judged queries: {queries}", rule, *missing])


def as_json(outcome: Outcome, measures: tuple[str, ...], alpha: float) -> dict[str, Any]:
    """What the tables show, and the value of every query."""
    result: dict[str, Any] = {"systems": list(outcome.systems), "missing": outcome.missing, "alpha": alpha}
    for measure in measures:
        compared = comparisons(outcome, measure, alpha)
        result.setdefault("measures", {})[measure] = {
            "macro": macro(outcome, measure),
            "sets": {
                name: {
                    system: {"mean": mean(values[measure]), "beats": _beats(compared.get(name), system)}
                    for system, values in systems.items()
                }
                for name, systems in outcome.values.items()
            },
            "comparisons": next((one.comparisons for one in compared.values()), 0),
        }
    return {**result, "per_query": outcome.values}


def _cell(
    values: Mapping[str, Mapping[str, float]] | None,
    measure: str,
    compared: Comparison | None,
    system: str,
    letter: Mapping[str, str],
) -> str:
    if values is None:
        return "-"
    raised = superscript(_beats(compared, system), letter)
    return f"{mean(values[measure]):.4f}" + (f"^{raised}" if raised else "")


def _beats(compared: Comparison | None, system: str) -> list[str]:
    return compared.beats[system] if compared is not None else []
