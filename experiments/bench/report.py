"""The report: Markdown to paste, the same as JSON, and figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.bench import tables
from experiments.bench.charts import draw
from lce_tf.foundation.files import write_json, written

Result = Mapping[str, Any]
UNTRIED = (
    "luyug/Reranker is on no package index, and its trainer overrides `compute_loss(model, inputs)` and "
    "`training_step(model, inputs)`, which transformers 5 calls with a third argument: it does not train with these "
    "versions. Loading a training run over 100 million rows is measured by `python -m experiments.full_size`."
)
RESIDENT = (
    "The resident set of a step has the model's graphs besides and the gaps that TensorFlow's allocator keeps, which "
    "differ from run to run with equal tensors. That of a store has the pages of its mapped file that were read, which "
    "the kernel takes back as soon as anyone needs the room."
)


def write_report(output: Path, results: Sequence[Result]) -> str:
    """Writes `report.md`, `report.json` and the figures, and returns the table of targets."""
    targets = tables.target_table(results)
    parts = ["# Benchmarks", machine_line(results), targets, *_notes(results)]
    for result in results:
        if result["chart"]:
            heading, axis = result["chart"]
            drawn = draw(result, output)
            body = tables.point_table(result) if axis else tables.variant_table(result)
            parts += [f"## {heading}{f' by {axis}' if axis else ''}", body]
            parts += [f"![{heading}]({drawn.name})"] if drawn else []
    if any(side.get("facts", {}).get("tried") for result in results for side in result["sides"].values()):
        parts += ["## Settings", tables.settings_table(results)]
    parts += ["## Versions", _versions(results)]
    with written(output / "report.md") as file:
        file.write("\n\n".join(parts) + "\n")
    write_json(output / "report.json", list(results))
    return targets


def machine_line(results: Sequence[Result]) -> str:
    """The machine of the measurements in a sentence or two, with a warning if it had other work."""
    facts = results[0]["machine"]
    isa = ", ".join(facts["isa"]) or "none of those that matter here"
    line = f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB; instructions: {isa}; {facts['system']}."
    if threads := ", ".join(f"{name}={value}" for name, value in facts["threads"].items()):
        line += f" Threads: {threads}."
    busy = max(result["machine"]["load"] for result in results)
    if busy > facts["cores"] / 2:
        line += f" **The machine had other work: a load of {busy} before a row. Measure again when it is idle.**"
    return line


def _notes(results: Sequence[Result]) -> list[str]:
    rounds = sorted(
        {len(s["rounds"]) for r in results for s in r["sides"].values() if "rounds" in s and not r["chart"]}
    )
    notes = [
        f"Medians of {' or '.join(map(str, rounds))} rounds, the smallest and the largest in brackets. The sides of a "
        "row take their rounds by turns, each in a process of its own, and the ratio is the median of the rounds' "
        "ratios. Texts go in and scores come out, tokenising included; no pair is cut."
    ]
    if any(result.get("stale") for result in results):
        notes.append("* Measured with other settings or sources than those of now.")
    return [*notes, RESIDENT, UNTRIED]


def _versions(results: Sequence[Result]) -> str:
    """Side -> versions, as far as known."""
    found: dict[str, dict[str, str]] = {}
    for result in results:
        for side in result["sides"].values():
            versions = side.get("facts", {}).get("versions", {})
            found.setdefault("ours" if "tensorflow" in versions else "theirs", {}).update(versions)
    # The other tools' environment sees the checkout's metadata as well.
    found.get("theirs", {}).pop("lce_tf", None)
    return "\n".join(
        f"- {side}: " + ", ".join(f"{name} {version}" for name, version in versions.items())
        for side, versions in found.items()
        if versions
    )
