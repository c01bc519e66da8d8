"""A report as a LaTeX table with booktabs rules."""

from collections.abc import Sequence

from lce_tf.replication.layout import COLUMNS, FIRST_STAGE_COLUMNS, Cell, Column, cells, first_stage_cells, heading
from lce_tf.replication.notes import notes, summary
from lce_tf.replication.outcome import Outcome

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "–": "--",
    "—": "---",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "…": r"\ldots{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_ESCAPES = str.maketrans(_SPECIAL)


def latex(outcome: Outcome) -> str:
    """The report as a `table` environment to \\input; a comment says what the preamble needs."""
    name = outcome.table.name
    preamble = r"\documentclass{article}\usepackage[utf8]{inputenc}\usepackage{booktabs,graphicx}"
    parts = [
        "% Needs \\usepackage[utf8]{inputenc}, booktabs and graphicx in the preamble. To see it alone:",
        f"% pdflatex -jobname {name} '{preamble}\\begin{{document}}\\input{{{name}.tex}}\\end{{document}}'",
        r"\begin{table}[p]",
        r"\centering\small",
        rf"\caption{{The paper's {escaped(heading(outcome))}.}}",
        rf"\label{{tab:{name}}}",
        _tabular(COLUMNS, _body(outcome)),
    ]
    if tests := first_stage_cells(outcome):
        parts += [r"\par\medskip Each row against its own first stage\par\smallskip"]
        parts += [_tabular(FIRST_STAGE_COLUMNS, [_cells(row) for row in tests])]
    parts += [r"\par\medskip", r"\begin{minipage}{\textwidth}\footnotesize"]
    parts += [rf"{escaped(line)}\par" for line in (*summary(outcome), *notes(outcome))]
    return "\n".join([*parts, r"\end{minipage}", r"\end{table}"]) + "\n"


def escaped(text: str) -> str:
    """Text that LaTeX prints as it is, on one line."""
    return " ".join(text.split()).translate(_ESCAPES)


def _body(outcome: Outcome) -> list[str]:
    """The lines of the table's body; a block has a title, and inside it a gap marks another retriever."""
    body: list[str] = []
    before = None
    for line in outcome.lines:
        if before is None or line.row.block != before.row.block:
            body += [r"\midrule"] if before else []
            body.append(rf"\multicolumn{{{len(COLUMNS)}}}{{l}}{{\textbf{{{escaped(line.row.block)}}}}} \\")
        elif line.retriever != before.retriever:
            body.append(r"\addlinespace")
        body.append(_cells(cells(line)))
        before = line
    return body


def _cells(row: Sequence[Cell]) -> str:
    texts = (escaped(text) + (rf"\textsuperscript{{{escaped(up)}}}" if up else "") for text, up in row)
    return " & ".join(texts) + r" \\"


def _tabular(columns: Sequence[Column], body: Sequence[str]) -> str:
    places = "".join("r" if column.figures else "l" for column in columns)
    headings = " & ".join(escaped(column.heading) for column in columns)
    # The table is wide, and its width depends on the names of models: it is fitted to the page.
    lines = [r"\resizebox{\textwidth}{!}{%", rf"\begin{{tabular}}{{{places}}}", r"\toprule", rf"{headings} \\"]
    return "\n".join([*lines, r"\midrule", *body, r"\bottomrule", r"\end{tabular}}"])
