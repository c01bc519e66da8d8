"""A table of the paper with our results, as Markdown, LaTeX, JSON and a figure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lce_tf.foundation.files import written
from lce_tf.paper.figure import draw
from lce_tf.paper.latex import latex
from lce_tf.paper.markdown import markdown
from lce_tf.paper.notes import notes, summary
from lce_tf.paper.outcome import Line, Measured, Outcome, Setting
from lce_tf.paper.rows import Table


@dataclass(frozen=True)
class Report(Outcome):
    """An outcome that can be printed."""

    def markdown(self) -> str:
        """The report as Markdown."""
        return markdown(self)

    def latex(self) -> str:
        """The report as a LaTeX table with booktabs rules."""
        return latex(self)

    def as_json(self) -> dict[str, Any]:
        """Every figure (also per query), every p-value and the setting, in JSON's types."""
        return {
            "table": self.table.name,
            "title": self.table.title,
            "source": self.table.source,
            "layout": self.table.layout,
            "setting": self._setting(),
            "rows": [_row(line) for line in self.lines],
            "significance": self._significance(),
            "summary": summary(self),
            "notes": notes(self),
        }

    def figure(self, kind: str) -> bytes:
        """The figure as "png" or "svg"."""
        return draw(self, kind)

    def _setting(self) -> dict[str, Any]:
        setting = self.setting
        further = [{**asdict(known), "measures": list(known.measures)} for known in setting.also]
        return {**asdict(setting), "seeds": list(setting.seeds), "remarks": [*setting.remarks], "also": further}

    def _significance(self) -> dict[str, Any] | None:
        found = self.comparison
        if found is None:
            return None
        pairs = [
            {
                "a": a,
                "b": b,
                "difference": found.means[a] - found.means[b],
                "p": p,
                "corrected": found.corrected[a, b],
                "significant": b in found.beats[a] or a in found.beats[b],
            }
            for (a, b), p in found.p_values.items()
        ]
        return {
            "measure": "MRR@10",
            "test": "two-sided paired t-test, Bonferroni over all pairs of measured rows",
            "alpha": found.alpha,
            "queries": found.queries,
            "comparisons": found.comparisons,
            "pairs": pairs,
        }


def build(table: Table, results: Mapping[str, Measured], setting: Setting) -> Report:
    """The report on `table`; `results` holds the measured rows by label, the others are marked as not run.

    Raises:
        ValueError: results for a label that is not a row of the table, or for a cited row.
        UserError: rows measured over different queries, or not over `setting.queries` of them.
    """
    report = Report(table, results, setting)
    _ = report.lines  # finds rows over different queries now, not when the report is printed
    return report


def write_all(report: Report, folder: str | Path) -> list[Path]:
    """Writes `<table>.md`, `.tex`, `.json`, `.png` and `.svg` into `folder`, and returns their paths.

    The same report gives the same bytes. Everything is rendered before anything is written.
    """
    contents = {
        "md": report.markdown().encode(),
        "tex": report.latex().encode(),
        "json": (json.dumps(report.as_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(),
        "png": report.figure("png"),
        "svg": report.figure("svg"),
    }
    paths = []
    for suffix, content in contents.items():
        path = Path(folder) / f"{report.table.name}.{suffix}"
        with written(path, "wb") as file:
            file.write(content)
        paths.append(path)
    return paths


def _row(line: Line) -> dict[str, Any]:
    row, measured = line.row, line.measured
    ours = measured and {
        "mrr": line.mrr,
        "recall": line.recall,
        "interval95": line.interval and list(line.interval),
        "above": list(line.above),
        "seeds": list(measured.seeds),
        "spread": measured.spread,
        "eval": line.eval,
        "also": {label: dict(means) for label, means in line.also.items()},
        "per_query": {"mrr": dict(measured.mrr), "recall": dict(measured.recall)}
        | ({"eval": dict(measured.eval)} if measured.eval else {})
        | ({"also": {label: dict(values) for label, values in measured.also.items()}} if measured.also else {}),
    }
    return {
        "label": row.label,
        "kind": row.kind,
        "block": row.block,
        "status": line.status,
        "model": line.model,
        "retriever": line.retriever,
        "first_stage": row.first_stage,
        "negatives": row.negatives,
        "loss": row.loss,
        "group": row.group,
        "checkpoint": row.checkpoint and row.checkpoint.name,
        "ours": ours,
        "paper": {
            "model": row.model,
            "reference": row.reference,
            "mrr": row.paper.mrr,
            "recall": row.paper.recall,
            "eval": row.paper.eval,
            "above": list(row.paper.above),
        },
    }
