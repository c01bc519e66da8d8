"""Reports on made-up per-query values whose significance is known by hand."""

import io
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from lce_tf.errors import UserError
from lce_tf.paper.latex import escaped
from lce_tf.paper.markdown import subscript, superscript
from lce_tf.paper.outcome import Further, Measured, Setting
from lce_tf.paper.report import build, write_all
from lce_tf.paper.rows import OURS, TABLE1, TABLE2, TABLE3, TABLE4, Printed, Row, Table

SETTING = Setting(
    preset="pydocs",
    dataset="pydocs",
    split="dev",
    queries=3,
    depth=100,
    steps=300,
    batch=8,
    learning_rate=1e-4,
    backbone="MiniLM-L6-H384",
    dense="all-MiniLM-L6-v2",
    retrievers={"bm25": "BM25", "dense": "MiniLM (dense)"},
    wall_seconds=2300.0,
)

# Differences in the proportion 1 : 2 : 3 have t = sqrt 12, and with 2 degrees of freedom p = 1 - t / sqrt(t^2 + 2).
P = 1 - math.sqrt(12 / 14)


def measured(*values, seeds=None):
    mrr = {f"q{place}": value for place, value in enumerate(values)}
    return Measured(mrr, dict.fromkeys(mrr, 0.5), seeds or (math.fsum(values) / len(values),))


def three_rows(alpha):
    """Rows 1 and 4 are the same, and above row a by .1, .2 and .3."""
    results = {"a": measured(0, 0, 0), "1": measured(0.1, 0.2, 0.3), "4": measured(0.1, 0.2, 0.3)}
    return build(TABLE1, results, replace(SETTING, alpha=alpha))


def ten_rows():
    """All ten rows that can be measured; 4 and 8 are above the rest, which are equal, by .1 on every query."""
    results = {label: measured(0.2, 0.4, 0.6) for label in "ab123567"}
    return build(TABLE1, results | {label: measured(0.3, 0.5, 0.7) for label in "48"}, SETTING)


def cells_of(report, label):
    """The cells of a row in the Markdown table."""
    line = next(line for line in report.markdown().splitlines() if line.startswith(f"| ({label})"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_superscripts_by_hand():
    found = three_rows(alpha=0.25)
    assert found.comparison.comparisons == 3
    assert found.p_values("1", "a") == found.p_values("a", "1") == (pytest.approx(P), pytest.approx(3 * P))
    assert found.p_values("1", "4") == (1.0, 1.0)
    assert {line.row.label: line.above for line in found.lines if line.measured} == {"a": (), "1": ("a",), "4": ("a",)}
    assert cells_of(found, "1")[5] == "0.200 ᵃ"
    assert "is significantly above its own first stage: 0.200 against 0.000, corrected p = 0.22." in found.markdown()


def test_no_superscript_below_the_corrected_level():
    """P is below .2 but 3 P is not."""
    found = three_rows(alpha=0.2)
    assert P < 0.2 < 3 * P
    assert not any(line.above for line in found.lines)
    assert cells_of(found, "1")[5] == "0.200"
    assert "Row 4 (LCE, n = 8, BM25) is above, but not significantly, its own first stage" in found.markdown()
    assert "significantly above: none; above, not significantly: 1, 4; not above: none" in found.markdown()


def test_ten_measured_rows_are_45_comparisons():
    found = ten_rows()
    assert found.comparison.comparisons == 45
    assert {line.row.label: "".join(line.above) for line in found.lines if line.above} == {
        "4": "ab123567",
        "8": "ab123567",
    }
    assert cells_of(found, "8")[5:9] == ["0.500 ᵃᵇ¹²³⁵⁶⁷", "0.500", "0.401 ᵃᵇ¹²³⁴⁵⁶", "0.969"]
    assert "p × 45 < 0.01 (Bonferroni over all 45 pairs of the 10 measured rows)" in found.markdown()
    assert "does not say how many comparisons" in found.markdown()
    # The paper's superscripts: 2 + 3 + 3 + 7 + 1 + 2 + 7 + 8 = 33. Of them rows 4 and 8 have 7 each, but 8 > 4 fails;
    # ours are 16 in all, of which 4 > 7 and 8 > 7 are new.
    assert "Of the paper's 33 significant differences between these rows, 14 are significant here" in found.markdown()
    assert "0 more point the same way and 19 do not; 2 found here are not" in found.markdown()


def test_a_row_below_its_first_stage_is_called_that():
    found = build(TABLE1, {"b": measured(0.3, 0.5, 0.7), "8": measured(0.2, 0.4, 0.6)}, SETTING)
    assert (
        "Row 8 (LCE, n = 8, MiniLM (dense)) is not above its own first stage: 0.400 against 0.500" in found.markdown()
    )
    assert "and 1 do not (1 significantly)" in found.markdown()


def test_baselines_cited_and_missing_rows_are_printed():
    found = three_rows(alpha=0.01)
    assert [line.status for line in found.lines] == (
        ["measured", "not run"] + ["cited"] * 8 + ["measured", "not run", "not run", "measured"] + ["not run"] * 4
    )
    assert cells_of(found, "f") == ["(f)", "monoBERT-Base [18]", "BM25", "CE", "1", "–", "–", "0.376", "–", "cited"]
    assert cells_of(found, "b")[5:] == ["–", "–", "0.359", "0.969", "not run"]
    assert "Not run: rows b, 2, 3, 5, 6, 7, 8." in found.markdown()


@pytest.mark.parametrize("results", [{}, {"a": measured(0.1, 0.2, 0.3)}])
def test_nothing_to_compare(results, tmp_path):
    found = build(TABLE1, results, SETTING)
    assert found.comparison is None
    assert "fewer than two rows are measured" in found.markdown()
    assert len(write_all(found, tmp_path)) == 5


def test_names_are_those_really_used():
    found = ten_rows()
    assert cells_of(found, "8")[1:3] == ["cross-encoder (MiniLM-L6-H384)", "MiniLM (dense)"]
    assert cells_of(found, "b")[1] == "MiniLM (dense)"
    assert "MiniLM (dense) stands for the paper's TCT-ColBERTv2" in found.markdown()
    assert "compare the pattern, not the values" in found.markdown()


def test_the_papers_own_setting_gets_the_papers_names():
    names = {"bm25": "BM25", "dense": "TCT-ColBERTv2"}
    backbone = "google/electra-base-discriminator"
    setting = replace(SETTING, dataset="/data/official", msmarco=True, backbone=backbone, retrievers=names)
    found = build(TABLE1, {}, setting)
    assert cells_of(found, "8")[1:3] == ["monoELECTRA-Base", "TCT-ColBERTv2"]
    assert "stands for" not in found.markdown() and "compare the pattern" not in found.markdown()


def test_seeds_give_mean_and_spread():
    """Seed means .2 and .4: standard deviation sqrt(2) / 10; tests see each query's mean over the seeds."""
    seeds = [{"q0": 0.1, "q1": 0.2, "q2": 0.3}, {"q0": 0.3, "q1": 0.4, "q2": 0.5}]
    row = Measured.of_seeds(seeds, [dict.fromkeys(seeds[0], 1.0)])
    assert row.mrr == pytest.approx({"q0": 0.2, "q1": 0.3, "q2": 0.4})
    assert row.seeds == pytest.approx((0.2, 0.4)) and row.spread == pytest.approx(math.sqrt(0.02))
    results = {"a": measured(0, 0, 0), "1": row, "2": measured(0.1, 0.2, 0.3)}
    found = build(TABLE1, results, replace(SETTING, seeds=(1, 2)))
    assert cells_of(found, "1")[5] == "0.300 ± 0.141 ²"  # above row 2 by .1 on every query
    assert "seeds 1, 2." in found.markdown() and "Row 2 has 1 of 2 seeds." in found.markdown()
    assert measured(1, 0, 0).spread is None


def test_faults_in_results():
    with pytest.raises(UserError, match="table1, row a: measured on 2 queries instead of 3"):
        build(TABLE1, {"a": measured(0, 1)}, SETTING)
    other = Measured({"x": 0.0, "y": 1.0, "z": 0.0}, {"x": 0.0, "y": 1.0, "z": 0.0}, (1 / 3,))
    with pytest.raises(UserError, match="not over the same queries"):
        build(TABLE1, {"a": measured(0, 1, 0), "b": other}, SETTING)
    for label in ("c", "9"):
        with pytest.raises(ValueError, match="no results are expected"):
            build(TABLE1, {label: measured(0, 1, 0)}, SETTING)
    with pytest.raises(ValueError, match="do not average"):
        measured(0, 1, 0, seeds=(0.5,))
    with pytest.raises(ValueError, match="different queries"):
        Measured({"q": 0.0}, {"r": 0.0}, (0.0,))
    with pytest.raises(ValueError, match="different queries"):
        Measured.of_seeds([{"q": 0.0}], [{"r": 0.0}])


def test_markdown_pipes_line_up():
    tables = re.findall(r"(?:^\|.*\n)+", ten_rows().markdown(), flags=re.MULTILINE)
    assert len(tables) == 2
    for table in tables:
        lines = table.splitlines()
        places = {tuple(place for place, character in enumerate(line) if character == "|") for line in lines}
        assert len(places) == 1
        assert all(re.fullmatch(r" --+[-:] ", cell) for cell in lines[1].strip("|").split("|"))


def test_markdown_keeps_strange_names_in_their_cells():
    found = build(TABLE1, {}, replace(SETTING, backbone="a|b <i>*x*\n`y`"))
    assert r"cross-encoder (a\|b \<i>\*x\* \`y\`)" in found.markdown()


def test_superscripts_read_in_plain_text():
    assert superscript("ab12345678") == "ᵃᵇ¹²³⁴⁵⁶⁷⁸"
    assert superscript("a2,b16") == "ᵃ²˒ᵇ¹⁶"
    assert superscript("Q") == "<sup>Q</sup>"


def test_latex_escapes():
    assert escaped(r"50% & $x_1^2$ #{a}~\b") == (
        r"50\% \& \$x\_1\textasciicircum{}2\$ \#\{a\}\textasciitilde{}\textbackslash{}b"
    )
    assert escaped("p × 45 < 0.01\n± –") == r"p $\times$ 45 \textless{} 0.01 $\pm$ --"


def test_latex_is_whole():
    text = build(TABLE1, ten_rows().results, replace(SETTING, backbone="my_model & co")).latex()
    assert r"cross-encoder (my\_model \& co)" in text
    assert r"0.500\textsuperscript{ab123567} & 0.500 & 0.401\textsuperscript{ab123456} & 0.969 & measured \\" in text
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert code.isascii()
    plain = re.sub(r"\\[\\&%$#_{}]", "", code)
    assert plain.count("{") == plain.count("}") and plain.count("$") % 2 == 0 and "_" not in plain
    opened, closed = (re.findall(rf"\\{word}{{(\w+)}}", code) for word in ("begin", "end"))
    assert sorted(opened) == sorted(closed) == ["minipage", "table", "tabular", "tabular"]
    rows = [line for line in code.splitlines() if line.startswith("(")]
    assert [len(re.findall(r"(?<!\\)&", line)) for line in rows] == [9] * 18 + [7] * 8


def test_json_round_trip(tmp_path):
    found = three_rows(alpha=0.25)
    write_all(found, tmp_path)
    value = json.loads((tmp_path / "table1.json").read_text(encoding="utf-8"))
    assert value == found.as_json()
    rows = {row["label"]: row for row in value["rows"]}
    assert len(rows) == 18 and rows["c"]["ours"] is None and rows["2"]["status"] == "not run"
    assert rows["1"]["ours"]["per_query"]["mrr"] == {"q0": 0.1, "q1": 0.2, "q2": 0.3}
    assert rows["1"]["ours"]["above"] == ["a"] and rows["4"]["paper"]["above"] == list("ab12356")
    assert rows["4"]["checkpoint"] == "lce-n8-bm25"
    assert value["setting"]["learning_rate"] == 1e-4 and value["setting"]["seeds"] == [42]
    assert value["significance"]["comparisons"] == 3
    assert [pair["significant"] for pair in value["significance"]["pairs"]] == [True, True, False]
    rebuilt = {
        label: Measured(**row["ours"]["per_query"], seeds=tuple(row["ours"]["seeds"]))
        for label, row in rows.items()
        if row["ours"]
    }
    assert build(TABLE1, rebuilt, found.setting).markdown() == found.markdown()


def test_figures_are_valid_and_repeat(tmp_path):
    from PIL import Image

    paths = write_all(ten_rows(), tmp_path / "once")
    assert [path.name for path in paths] == [f"table1.{suffix}" for suffix in ("md", "tex", "json", "png", "svg")]
    again = write_all(ten_rows(), tmp_path / "again")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    with Image.open(io.BytesIO(paths[3].read_bytes())) as image:
        image.load()
        assert image.format == "PNG" and image.width == 1600
    svg = ElementTree.fromstring(paths[4].read_bytes())
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert b"dc:date" not in paths[4].read_bytes()


def test_figures_leave_the_users_matplotlib_alone():
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "theirs"}):
        strange = ten_rows().figure("svg")
        assert matplotlib.rcParams["font.size"] == 30 and matplotlib.rcParams["svg.hashsalt"] == "theirs"
    assert strange == ten_rows().figure("svg")


def test_negatives_and_first_stage_may_differ():
    """The layout carries a table in which they do, and which has no baselines."""
    rows = tuple(
        Row(label, OURS, "Rows", "monoELECTRA-Base", Printed(0.39), first_stage, negatives, "lce", 8)
        for label, negatives, first_stage in (("a", "bm25", "bm25"), ("b", "dense", "bm25"), ("c", "bm25", "dense"))
    )
    table = Table(2, "Negatives and first stage", "the paper", rows)
    found = build(table, {"a": measured(0.1, 0.2, 0.3), "b": measured(0.2, 0.3, 0.4)}, SETTING)
    assert cells_of(found, "b")[2] == "MiniLM (dense) → BM25"
    assert cells_of(found, "b")[5] == "0.300 ᵃ"
    assert "own first stage" not in found.markdown()
    assert found.figure("png").startswith(b"\x89PNG")
    assert r"MiniLM (dense) $\rightarrow$ BM25" in found.latex()


def grid(alpha=0.01):
    """Table 3 whole: all cells are equal but b2, .1 below on every query, and a32, .1 above."""
    results = {row.label: measured(0.2, 0.4, 0.6) for row in TABLE3.rows}
    results |= {"b2": measured(0.1, 0.3, 0.5), "a32": measured(0.3, 0.5, 0.7)}
    return build(TABLE3, results, replace(SETTING, alpha=alpha))


def test_table2_compares_its_four_rows():
    """c is above a and b by .1 on every query; d is .1, .2 and .3 above a and b, where 6 P = .45 counts for nothing."""
    results = {
        "a": measured(0, 0, 0),
        "b": measured(0, 0, 0),
        "c": measured(0.1, 0.1, 0.1),
        "d": measured(0.1, 0.2, 0.3),
    }
    found = build(TABLE2, results, SETTING)
    assert found.comparison.comparisons == 6
    assert "p × 6 < 0.01 (Bonferroni over all 6 pairs of the 4 measured rows)" in found.markdown()
    assert cells_of(found, "c")[2] == "BM25 → MiniLM (dense)" and cells_of(found, "b")[2] == "MiniLM (dense) → BM25"
    assert cells_of(found, "c")[5:9] == ["0.100 ᵃᵇ", "0.500", "0.402 ᵃᵇ", "0.969"]
    assert cells_of(found, "d")[5] == "0.200"
    assert found.p_values("a", "d")[1] == pytest.approx(6 * P)


def test_table3_is_a_grid_of_45_comparisons():
    found = grid()
    assert found.comparison.comparisons == 45
    assert "p × 45 < 0.01 (Bonferroni over all 45 pairs of the 10 measured cells)" in found.markdown()
    lines = [line.strip("|").split("|") for line in found.markdown().splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line] for line in lines]
    assert table[0] == ["Row", "Hard negatives", "MRR@10", "n = 2", "n = 4", "n = 8", "n = 16", "n = 32"]
    a, paper_a, b, paper_b = table[2:]
    above_all = "0.500 ᵃ²˒⁴˒⁸˒¹⁶ b₂,₄,₈,₁₆,₃₂"
    assert a == ["(a)", "MiniLM (dense)", "ours", *["0.400 b₂"] * 4, above_all]
    assert b == ["(b)", "BM25", "ours", "0.300", *["0.400 b₂"] * 4]
    assert paper_a == ["", "TCT-ColBERTv2", "paper", "0.393 b₂", "0.400 b₂", "0.401 b₂"] + [
        "0.408 ᵃ²˒⁴˒⁸ b₂,₄",
        "0.414 ᵃ²˒⁴˒⁸ b₂,₄,₈,₁₆",
    ]
    assert paper_b == ["", "BM25", "paper", "0.381", "0.397 b₂", "0.402 b₂", "0.403 b₂", "0.407 b₂,₄"]


def test_table3_in_words():
    """The paper has 1 + 1 + 1 + 5 + 7 + 0 + 1 + 1 + 1 + 2 = 20 differences; here a32 is above 9 cells, 8 others
    above b2. Of the paper's, those over b2 are found (9), and a32's over a2, a4, a8, b4, b8, b16 (6): 15.
    Not found: a16 over a2, a4, a8 and b4, and b32 over b4. Found beyond: a32 over a16 and b32.
    """
    text = grid().markdown()
    assert (
        "from 0.400 at n = 2 to 0.500 at n = 32, which is significantly above n = 2, 4, 8, 16 of the same row" in text
    )
    assert "Row b (BM25 negatives): from 0.300 at n = 2 to 0.400 at n = 32" in text
    assert "Of the paper's 20 significant differences between these rows, 15 are significant here, 0 more" in text
    assert "5 do not; 2 found here are not in the paper's" in text


def test_table3_in_latex_and_json():
    found = grid()
    assert r"0.414$^{\textrm{a2,4,8}}_{\textrm{b2,4,8,16}}$" in found.latex()
    assert r"(a) & MiniLM (dense) & ours & 0.400$^{\textrm{}}_{\textrm{b2}}$ &" in found.latex()
    value = found.as_json()
    cells = {row["label"]: row for row in value["rows"]}
    assert value["layout"] == "grid" and len(value["significance"]["pairs"]) == 45
    assert cells["a32"]["ours"]["above"] == ["a2", "a4", "a8", "a16", "b2", "b4", "b8", "b16", "b32"]
    assert (cells["b16"]["group"], cells["b16"]["negatives"]) == (16, "bm25")


def test_table3_unfinished():
    found = build(TABLE3, {"a2": measured(0.1, 0.2, 0.3), "a4": measured(0.2, 0.3, 0.4)}, SETTING)
    assert "0.300 ᵃ²" in found.markdown() and "Not run: rows a8, a16, a32, b2" in found.markdown()
    assert build(TABLE3, {}, SETTING).figure("png").startswith(b"\x89PNG")


def test_the_curve_has_the_group_sizes_evenly_apart(monkeypatch):
    from lce_tf.paper import figure_curve

    figure = figure_curve.draw(grid())
    (ax,) = figure.axes
    assert ax.get_xscale() == "log" and ax.xaxis.get_transform().base == 2
    assert [text.get_text() for text in ax.get_xticklabels()] == ["2", "4", "8", "16", "32"]
    drawn = [line for line in ax.lines if len(line.get_xdata()) == 5]
    assert [list(line.get_ydata())[-1] for line in drawn] == pytest.approx([0.414, 0.5, 0.407, 0.4])
    assert [line.get_markerfacecolor() for line in drawn[::2]] == ["white", "white"]
    assert len([line for line in ax.lines if len(line.get_xdata()) == 2]) == 10  # an interval for each cell
    assert grid().figure("svg") == grid().figure("svg")


def leaderboard(on_eval=None, **setting):
    row = replace(measured(0.1, 0.2, 0.3), eval=on_eval)
    return build(TABLE4, {"g": row}, replace(SETTING, **setting))


def test_table4_with_a_blind_eval(tmp_path):
    found = leaderboard(eval_split="eval", submission="table4.eval.txt.bz2")
    assert cells_of(found, "a") == ["(a)", "coCondenser [10]", "–", "–", "0.443", "0.428", "cited"]
    assert cells_of(found, "d")[1] == "DR-BERT"
    name = "cross-encoder (MiniLM-L6-H384), LCE, n = 32, MiniLM (dense)"
    status = "measured; eval: blind, submission file written"
    assert cells_of(found, "g") == ["(g)", name, "0.200", "blind", "0.414", "0.404", status]
    assert "Eval: blind; its judgments are the leaderboard's. Submission file: table4.eval.txt.bz2" in found.markdown()
    assert len(write_all(found, tmp_path)) == 5


def test_table4_where_a_judged_split_stands_for_eval():
    found = leaderboard({"t0": 0.5, "t1": 0.0}, eval_split="test", submission="table4.eval.txt.bz2")
    assert cells_of(found, "g")[2:6] == ["0.200", "0.250", "0.414", "0.404"]
    assert cells_of(found, "g")[6] == "measured; eval: on split test, whose judgments are known"
    assert "NOT the leaderboard's: split test of pydocs stands for it, 2 queries" in found.markdown()
    ours = found.as_json()["rows"][-1]["ours"]
    assert ours["eval"] == 0.25 and ours["per_query"]["eval"] == {"t0": 0.5, "t1": 0.0}
    assert found.figure("png").startswith(b"\x89PNG")


def test_table4_without_an_eval_split():
    found = leaderboard()
    assert cells_of(found, "g")[3] == "–" and cells_of(found, "g")[6] == "measured"
    assert "there is nothing to submit" in found.markdown()
    assert r"coCondenser [10] & -- & -- & 0.443 & 0.428 & cited \\" in found.latex()


FURTHER = (
    Further("DL 2019", "dl19", 2, 2, ("nDCG@10", "RR(rel=2)@10", "AP(rel=2)")),
    Further("scifact", "beir/scifact/test", 1, 1, ("nDCG@10", "R@100")),
)


def on_further(first, second):
    """A row with values on two sets: 2 queries that differ by .1, and one."""
    dl = {name: {"x": first, "y": first + 0.1} for name in FURTHER[0].measures}
    beir = {name: {"z": second} for name in FURTHER[1].measures}
    return replace(measured(0.1, 0.2, 0.3), also={"DL 2019": dl, "scifact": beir})


def test_further_sets_are_columns_of_plain_means(tmp_path):
    results = {"a": on_further(0.5, 0.25), "4": on_further(0.6, 1.0)}
    found = build(TABLE1, results, replace(SETTING, also=FURTHER))
    header = [cell.strip() for cell in found.markdown().splitlines()[2].strip("|").split("|")]
    assert header[6:10] == ["R@1K ours", "nDCG@10 DL 2019", "nDCG@10 scifact", "MRR@10 paper"]
    assert cells_of(found, "a")[6:10] == ["0.500", "0.550", "0.250", "0.187"]
    assert cells_of(found, "4")[6:10] == ["0.500", "0.650", "1.000", "0.391 ᵃᵇ¹²³⁵⁶"]
    assert cells_of(found, "c")[6:9] == ["–", "–", "–"]
    text = found.markdown()
    assert "DL 2019 (dl19): 2 judged queries; to binary measures grades of 2 and above are relevant, TREC's" in text
    assert "scifact (beir/scifact/test): 1 judged query; to binary measures grades of 1 and above are relevant." in text
    assert "RR(rel=2)@10 on DL 2019: a 0.550, 4 0.650." in text and "R@100 on scifact: a 0.250, 4 1.000." in text
    assert "the tests and superscripts are about MRR@10 on dev" in text
    assert r" & R@1K ours & nDCG@10 DL 2019 & nDCG@10 scifact & MRR@10 paper &" in found.latex()
    assert r"0.200 & 0.500 & 0.550 & 0.250 & 0.187 &" in found.latex()
    write_all(found, tmp_path)
    value = json.loads((tmp_path / "table1.json").read_text(encoding="utf-8"))
    assert value == found.as_json()
    assert value["setting"]["also"][0] == {
        "label": "DL 2019", "name": "dl19", "queries": 2, "min_grade": 2,
        "measures": ["nDCG@10", "RR(rel=2)@10", "AP(rel=2)"],
    }  # fmt: skip
    ours = {row["label"]: row["ours"] for row in value["rows"]}
    assert ours["4"]["also"]["DL 2019"]["AP(rel=2)"] == pytest.approx(0.65)
    assert ours["4"]["per_query"]["also"]["scifact"]["R@100"] == {"z": 1.0}


def test_without_further_sets_nothing_speaks_of_them():
    found = three_rows(0.01)
    assert "nDCG" not in found.markdown() + found.latex() and found.as_json()["setting"]["also"] == []


def test_further_sets_of_a_grid_are_grids_of_their_own():
    results = {row.label: on_further(row.group / 100, 0.5) for row in TABLE3.rows if row.label != "b32"}
    found = build(TABLE3, results, replace(SETTING, also=FURTHER))
    text = found.markdown()
    part = text[text.index("## nDCG@10 on DL 2019") :].splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in part[2:6]]
    assert table[0] == ["Row", "Hard negatives", "n = 2", "n = 4", "n = 8", "n = 16", "n = 32"]
    assert table[2] == ["(a)", "MiniLM (dense)", "0.070", "0.090", "0.130", "0.210", "0.370"]
    assert table[3] == ["(b)", "BM25", "0.070", "0.090", "0.130", "0.210", "–"]
    assert "nDCG@10 on scifact" in found.latex() and "(a) & MiniLM (dense) & 0.500 & 0.500" in found.latex()


def test_further_sets_of_the_leaderboard():
    found = build(TABLE4, {"g": on_further(0.5, 0.25)}, replace(SETTING, also=FURTHER))
    assert cells_of(found, "g")[2:8] == ["0.200", "–", "0.550", "0.250", "0.414", "0.404"]
    assert cells_of(found, "a")[2:8] == ["–", "–", "–", "–", "0.443", "0.428"]


def test_a_further_set_over_other_queries_is_refused():
    with pytest.raises(UserError, match=r"table1, row a, scifact: nDCG@10 of 1 queries instead of 3; evaluate it"):
        build(TABLE1, {"a": on_further(0, 0)}, replace(SETTING, also=(FURTHER[0], replace(FURTHER[1], queries=3))))
    with pytest.raises(UserError, match=r"row a, DL 2019: nDCG@10 of 0 queries instead of 2"):
        build(TABLE1, {"a": measured(0, 0, 0)}, replace(SETTING, also=FURTHER))


def test_lowered_labels_read_in_plain_text():
    assert subscript("b2,4,16") == "b₂,₄,₁₆"
