"""A report as a LaTeX table with booktabs rules."""

from lce_tf.paper.layout import Cell, Grid, Section, grids, heading
from lce_tf.paper.notes import notes, summary
from lce_tf.paper.outcome import Outcome

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
    """The report as a `table` environment to \\input; a comment lists the packages it needs."""
    name = outcome.table.name
    preamble = r"\documentclass{article}\usepackage[utf8]{inputenc}\usepackage{booktabs,graphicx}"
    parts = [
        "% Needs \\usepackage[utf8]{inputenc}, booktabs and graphicx in the preamble. To see it alone:",
        f"% pdflatex -jobname {name} '{preamble}\\begin{{document}}\\input{{{name}.tex}}\\end{{document}}'",
        r"\begin{table}[p]",
        r"\centering\small",
        rf"\caption{{The paper's {escaped(heading(outcome))}.}}",
        rf"\label{{tab:{name}}}",
    ]
    for grid in grids(outcome):
        parts += [rf"\par\medskip {escaped(grid.title)}\par\smallskip"] if grid.title else []
        parts.append(_tabular(grid))
    parts += [r"\par\medskip", r"\begin{minipage}{\textwidth}\footnotesize"]
    parts += [rf"{escaped(line)}\par" for line in (*summary(outcome), *notes(outcome))]
    return "\n".join([*parts, r"\end{minipage}", r"\end{table}"]) + "\n"


def escaped(text: str) -> str:
    """The text with LaTeX's special characters escaped, on one line."""
    return " ".join(text.split()).translate(_ESCAPES)


def _tabular(grid: Grid) -> str:
    alignments = "".join("r" if column.figures else "l" for column in grid.columns)
    headings = " & ".join(escaped(column.heading) for column in grid.columns)
    # The table is wide, and its width depends on the models' names, so it is fitted to the page.
    lines = [r"\resizebox{\textwidth}{!}{%", rf"\begin{{tabular}}{{{alignments}}}", r"\toprule", rf"{headings} \\"]
    lines.append(r"\midrule")
    for index, row in enumerate(grid.rows):
        if isinstance(row, Section):
            lines += _section(row, len(grid.columns), first=index == 0)
        else:
            lines.append(" & ".join(map(_cell, row)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}"])


def _section(section: Section, columns: int, first: bool) -> list[str]:
    if not section.title:
        return [r"\addlinespace"]
    title = rf"\multicolumn{{{columns}}}{{l}}{{\textbf{{{escaped(section.title)}}}}} \\"
    return [title] if first else [r"\midrule", title]


def _cell(cell: Cell) -> str:
    text, up, low = map(escaped, cell)
    if low:  # one above the other, as in the paper
        return rf"{text}$^{{\textrm{{{up}}}}}_{{\textrm{{{low}}}}}$"
    return text + (rf"\textsuperscript{{{up}}}" if up else "")
