"""The bench's own arithmetic, verdicts and resuming, and small real rows of it."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.bench import arithmetic, charts, lengths, machine, run, sides, tables
from experiments.bench.__main__ import main
from experiments.bench.data import training_config
from experiments.bench.memory import resident
from experiments.bench.pairs import Pairs, read_groups, read_pairs
from experiments.bench.report import machine_line, write_report
from experiments.bench.rows import OURS, PEERS, Check, Job, Row, rows
from experiments.bench.run import Bench
from experiments.bench.scales import FULL, QUICK
from experiments.bench.trials import fastest
from experiments.bench.worker import TASKS
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore

ROOT = Path(__file__).parents[2]


def contest(ours=(100.0, 120.0, 110.0), theirs=(50.0, 60.0, 44.0), target=2.0, **changes):
    """A row's result as `Bench.row` gives it: two sides, three rounds."""
    check = {"title": "rerank", "key": "rate", "unit": "pairs/s", "direction": "at least", "target": target}
    found = {
        "name": "rerank",
        "checks": [{**check, "against": ["peer"]}],
        "chart": None,
        "machine": machine.description(),
        "sides": {
            "ours": {"facts": {}, "rounds": [{"rate": rate} for rate in ours]},
            "peer": {"facts": {}, "rounds": [{"rate": rate} for rate in theirs]},
        },
        "agreement": {"peer": {"max_difference": 2.5e-6, "std": 0.4}},
        "stale": False,
    }
    return {**found, **changes}


def cells(text: str, line: int = 2) -> list[str]:
    return [cell.strip() for cell in text.splitlines()[line].strip("|").split(" | ")]


# Arithmetic


def test_spread_is_median_least_and_most():
    assert arithmetic.spread([3, 1, 2]) == (2, 1, 3)
    assert arithmetic.spread([4, 1]) == (2.5, 1, 4)


def test_ratios_are_taken_round_by_round():
    """The machine is half as fast in the second round, for both sides: every ratio is 2, that of sums is not more."""
    assert arithmetic.ratios([100, 50], [50, 25]) == (2, 2, 2)
    assert arithmetic.ratios([100, 120, 110], [50, 60, 44]) == (2, 2, 2.5)
    with pytest.raises(ValueError):
        arithmetic.ratios([1, 2], [1])


@pytest.mark.parametrize(
    ("value", "direction", "verdict"),
    [(1.5, "at least", True), (1.49, "at least", False), (1.5, "at most", True), (1.51, "at most", False)],
)
def test_a_target_may_be_equalled(value, direction, verdict):
    assert arithmetic.met(value, direction, 1.5) is verdict


def test_the_fastest_variant_is_chosen_by_its_second_trial(monkeypatch):
    clock, calls = iter([0.0, 3.0, 3.0, 4.0]), []
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    chosen, tried = fastest([{"batch": 8}, {"batch": 16}], lambda variant: calls.append(variant["batch"]))
    assert chosen == {"batch": 16} and calls == [8, 8, 16, 16]
    assert tried == [{"batch": 8, "seconds": 3.0}, {"batch": 16, "seconds": 1.0}]


# Tables


def test_target_table():
    line = cells(tables.target_table([contest()]))
    assert line[0] == "rerank" and line[1] == "110 (100 to 120) pairs/s"
    assert line[2:5] == ["peer", "50.0 (44.0 to 60.0)", "2.00 (2.00 to 2.50)×"]
    assert line[5:] == ["≥ 2×", "yes", "2.5e-06 at most (std 0.40)"]


def test_a_missed_target_is_told():
    assert cells(tables.target_table([contest(target=2.1)]))[6] == "**no**"


def test_a_side_that_failed_is_told_and_gets_no_verdict():
    found = contest()
    found["sides"]["peer"] = {"error": "Traceback\n  boom | bang\nImportError: no flag"}
    line = cells(tables.target_table([found]))
    assert line[3] == "failed: ImportError: no flag" and line[6] == ""


def test_without_the_other_tools_a_ratio_is_not_judged():
    found = contest()
    del found["sides"]["peer"]
    line = cells(tables.target_table([found]))
    assert line[2:4] == ["peer", "not measured"] and line[6] == "?"


def test_a_figure_with_a_target_of_its_own():
    found = contest()
    found["checks"][0] |= {"direction": "at most", "target": 105, "against": []}
    assert cells(tables.target_table([found]))[5:7] == ["≤ 105", "**no**"]


def test_losses_are_compared_where_there_are_no_scores():
    found = contest(agreement={})
    found["sides"]["ours"]["facts"]["loss"], found["sides"]["peer"]["facts"]["loss"] = 2.0, 2.5
    assert cells(tables.target_table([found]))[7] == "5.0e-01 (first loss)"


def test_variants_and_points():
    rounds = [{"variants": {"as it comes": 10.0, "slow": 5.0}}, {"variants": {"as it comes": 20.0, "slow": 8.0}}]
    found = contest(chart=["Ways", ""], sides={"ours": {"facts": {}, "rounds": rounds}})
    assert cells(tables.variant_table(found), 3) == ["slow", "6.50 (5.00 to 8.00)", "0.45×"]
    sides_ = {f"n = {n}": {"facts": {}, "rounds": [{"rate": 9.0, "peak_mb": n * 2.0}]} for n in (16, 2)}
    found = contest(chart=["Memory", "n"], sides=sides_)
    assert cells(tables.point_table(found), 2) == ["2", "9.00", "4.00"]
    inner = {"facts": {}, "rounds": [{"points": {"32": 5.0, "8": 4.0}}]}
    assert tables.points(contest(sides={"ours": inner})) == {8: {"rate": [4.0]}, 32: {"rate": [5.0]}}


def test_settings_that_were_tried():
    tried = [{"batch": 8, "seconds": 2.0}, {"batch": 16, "seconds": 1.0}]
    facts = {"chosen": {"batch": 16}, "tried": tried}
    text = tables.settings_table([contest(sides={"ours": {"facts": facts, "rounds": []}})])
    assert cells(text, 2) == ["rerank", "ours", "batch 8", "2.00", ""]
    assert cells(text, 3) == ["rerank", "ours", "batch 16", "1.00", "chosen"]


@pytest.mark.parametrize(
    ("value", "text"), [(12345.6, "12,346"), (99.96, "100.0"), (12.34, "12.3"), (1.234, "1.23"), (0.0123, "0.012")]
)
def test_numbers(value, text):
    assert tables.number(value) == text


def test_report(tmp_path):
    busy = contest()
    busy["machine"] = {**busy["machine"], "cores": 2, "load": 1.9}
    rounds = [{"variants": {"as it comes": 10.0, "slow": 5.0}}]
    ways = contest(name="ways", checks=[], chart=["Ways", ""], sides={"ours": {"facts": {}, "rounds": rounds}})
    written = write_report(tmp_path, [busy, ways])
    text = (tmp_path / "report.md").read_text()
    assert written in text and "other work" in text and "![Ways](ways.png)" in text
    assert (tmp_path / "ways.png").read_bytes()[:4] == b"\x89PNG" and (tmp_path / "ways.svg").is_file()
    assert json.loads((tmp_path / "report.json").read_text())[0]["name"] == "rerank"
    assert "other work" not in machine_line([{**busy, "machine": {**busy["machine"], "load": 0.1}}])


def test_a_row_without_figures_has_no_chart(tmp_path):
    assert charts.draw(contest(chart=["Ways", ""], sides={"ours": {"error": "boom"}}), tmp_path) is None


def test_machine(tmp_path):
    cpu, memory = tmp_path / "cpuinfo", tmp_path / "meminfo"
    cpu.write_text("processor\t: 0\nmodel name\t: Fast 1\nflags\t\t: fpu avx2 amx_bf16\n\nprocessor : 1\n")
    memory.write_text("MemTotal:       16777216 kB\nMemFree: 1 kB\n")
    found = machine.description(cpu, memory)
    assert (found["cpu"], found["isa"], found["memory_gib"]) == ("Fast 1", ["avx2", "amx_bf16"], 16.0)
    assert "numpy" in machine.versions()


# Rounds and resuming


def test_sides_take_turns(monkeypatch, tmp_path):
    order = []

    class Fake:
        facts = {}

        def __init__(self, python, job, log):
            self.job = job
            order.append(f"start {job['task']}")

        def round(self):
            order.append(self.job["task"])
            if self.job["task"] == "c":
                raise sides.SideError("c died")
            return {"rate": 1.0}

        def close(self):
            order.append(f"close {self.job['task']}")

    monkeypatch.setattr(sides, "Side", Fake)
    jobs = {name: (Path("python"), {"task": name}) for name in "abc"}
    found = sides.alternate(jobs, 2, tmp_path)
    assert [step for step in order if len(step) == 1] == ["a", "b", "c", "b", "a"]
    assert len(found["a"]["rounds"]) == len(found["b"]["rounds"]) == 2 and found["c"] == {"error": "c died"}
    order.clear()
    sides.alternate({"a": jobs["a"]}, 2, tmp_path, fresh=True)
    assert order == ["start a", "a", "close a"] * 2


def test_a_side_that_dies_says_what_it_printed(tmp_path):
    with pytest.raises(sides.SideError, match="KeyError: 'no such task'"):
        sides.Side(Path(sys.executable), {"task": "no such task"}, tmp_path / "log")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A bench whose rows take no time; `bench.calls` counts them."""
    calls = []

    def alternate(jobs, rounds, logs, fresh=False):
        calls.append(list(jobs))
        return {label: {"facts": {}, "rounds": [{"rate": 1.0}] * rounds} for label in jobs}

    monkeypatch.setattr(run, "alternate", alternate)
    found = Bench(tmp_path / "out", 2)
    object.__setattr__(found, "calls", calls)
    return found


ROW = Row(
    "row",
    {"lce_tf": Job(OURS, {"task": "padding", "steps": 1}), "peer": Job(PEERS, {"task": "rerank.flag_embedding"})},
    (Check("title", "rate", "pairs/s", "at least", 1.5, ("peer",)),),
)


def test_a_finished_row_is_kept(bench):
    bench.row(ROW)
    assert bench.row(ROW)["sides"]["lce_tf"]["rounds"] == [{"rate": 1.0}] * 2
    assert bench.calls == [["lce_tf"]]


def test_other_settings_are_measured_anew(bench):
    bench.row(ROW)
    other = replace(ROW, jobs={"lce_tf": Job(OURS, {"task": "padding", "steps": 2})})
    assert bench.reported(other)["stale"]
    bench.row(other)
    assert len(bench.calls) == 2 and not bench.reported(other)["stale"]


def test_a_failed_row_is_tried_again(bench, monkeypatch):
    monkeypatch.setattr(run, "alternate", lambda jobs, *_: {label: {"error": "boom"} for label in jobs})
    assert "error" in bench.row(ROW)["sides"]["lce_tf"]
    monkeypatch.undo()
    monkeypatch.setattr(run, "alternate", lambda jobs, *_: {label: {"facts": {}, "rounds": []} for label in jobs})
    assert bench.row(ROW)["sides"]["lce_tf"]["rounds"] == []


def test_measuring_ours_alone_leaves_what_was_measured_with_others(bench):
    replace(bench, peers=Path("python")).row(ROW)
    bench.row(ROW)
    assert bench.calls == [["lce_tf", "peer"], ["lce_tf"]]
    assert list(bench.reported(ROW)["sides"]) == ["lce_tf", "peer"]


def test_agreement(tmp_path):
    files = {label: tmp_path / f"{label}.npy" for label in ("lce_tf", "peer", "absent")}
    np.save(files["lce_tf"], np.array([1.0, 2.0, 3.0]))
    np.save(files["peer"], np.array([1.0, 2.5, 3.0]))
    assert run.agreement(files) == {"peer": {"max_difference": 0.5, "std": pytest.approx(np.sqrt(2 / 3))}}


# Rows


@pytest.mark.parametrize("scale", [FULL, QUICK])
def test_every_row_names_a_task_and_compares_with_a_job_of_its_own(scale):
    every = rows(scale, "data", "base", "scratch", dict.fromkeys(scale.families, "family"))
    assert len({row.name for row in every}) == len(every)
    for row in every:
        assert row.checks or row.chart
        assert all(job.job["task"] in TASKS for job in row.jobs.values())
        assert all(label in row.jobs for check in row.checks for label in check.against)
        assert next(iter(row.jobs.values())).side == OURS
        json.dumps([dict(job.job) for job in row.jobs.values()])


def test_tasks_exist():
    for task, place in TASKS.items():
        module, _, function = place.partition(":")
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
        assert f"\ndef {function}(" in source, task


def test_bad_arguments_are_one_line(tmp_path, capsys):
    assert main(["--output", str(tmp_path), "--only", "none"]) == 2
    assert main(["--output", str(tmp_path), "--only", "rer"]) == 2
    assert main(["--output", str(tmp_path), "--report"]) == 2
    assert main(["--output", str(tmp_path), "--rounds", "0"]) == 2
    assert main(["--output", str(tmp_path), "--peers", str(tmp_path / "absent")]) == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["error"] * 5


def test_lock_of_the_other_tools():
    lines = (ROOT / "experiments/bench/peers.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[0-9][\w.]*", line) for line in lines if not line.startswith("#"))
    versions = dict(line.split("==") for line in lines if not line.startswith("#"))
    ours = dict(x.split("==") for x in (ROOT / "requirements.lock").read_text().splitlines() if not x.startswith("#"))
    # The same arithmetic on both sides.
    assert versions["torch"] == ours["torch"] and versions["openvino"] == ours["openvino"]
    assert {"sentence-transformers", "optimum-intel", "FlagEmbedding"} <= set(versions)


def test_lengths_are_ms_marcos():
    for table, texts, mean, longest in ((lengths.PASSAGES, 1000, 69.181, 212), (lengths.QUERIES, 6980, 7.0197708, 42)):
        counts = np.array(table[1].split(), int)
        values = table[0] + np.arange(len(counts))
        assert counts.sum() == texts and (counts * values).sum() / texts == pytest.approx(mean)
        assert values[-1] == longest and counts[0] and counts[-1]
        drawn = lengths.draw_lengths(np.random.default_rng(0), table, 20_000)
        assert drawn.mean() == pytest.approx(mean, rel=0.02) and drawn.max() <= longest


def test_padding_is_counted():
    """256 / 79.2 (mean pair) is 3.23; sorted slices need far less, and finer ones less still."""
    from experiments.bench.inputs import padding

    found = padding({"groups": 16, "members": 8, "steps": 20})()["variants"]
    assert found["every pair padded to 256"] == pytest.approx(256 / 79.2, rel=0.03)
    assert found["as it comes"] < 1.3
    assert (
        found["slices of 8, multiples of 8"]
        < found["slices of 16, multiples of 16"]
        < found["slices of 32, multiples of 16"]
    )


def test_padding_of_reranking_is_counted():
    """Rounding up to 16 alone, seven wordpieces and a half on average: whether pairs are many or one."""
    from experiments.bench.inputs import rerank_padding

    found = rerank_padding({"pairs": (16384, 1)})()["variants"]
    assert 1 < found["16,384 pairs"] < 1.2 and 1 <= found["1 pairs"] < 1.3


def test_a_large_store_is_written_in_place(tmp_path):
    from experiments.bench.store import start, write_store

    write_store(tmp_path, 3000)
    store = TokenStore.open(tmp_path)
    assert len(store) == 3000 and store.lengths(np.arange(3000)).mean() == pytest.approx(69.2, rel=0.05)
    packed = Packer(store, store, lengths.SPECIAL, Lengths()).pack(np.arange(4), np.arange(4))
    assert packed.lengths.max() == packed.input_ids.shape[1]
    found = start({"folder": str(tmp_path / "big"), "passages": 500})()
    assert 0 <= found["open_s"] < 10 and found["memory_mb"] >= found["own_mb"] >= 0


def test_resident_memory(tmp_path):
    status = tmp_path / "status"
    status.write_text("VmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n")
    assert resident("VmHWM", status) == 2 and resident("VmRSS", status) == 1
    assert 10 < resident("VmRSS") <= resident("VmHWM")


def test_pairs():
    found = Pairs({"q": "a", "r": "b"}, {"p": "x", "s": "y"}, [("q", "s"), ("r", "p")])
    assert found.texts == [("a", "y"), ("b", "x")]
    assert found.first(1) == ({"q": "a"}, {"s": "y"}, [("q", "s")])


@pytest.mark.slow
def test_real_rows_in_small(tmp_path):
    """Texts and models are prepared, scored and trained on in processes of their own."""
    from tests.experiments.conftest import make_data

    bench = Bench(tmp_path / "out", 1)
    job = {"model": "tiny", "dataset": str(make_data(tmp_path / "data")), "pairs": 40, "queries": 12}
    folder = str(bench.folder({**job, "groups": 8, "members": 4}))
    family = str(bench.folder({"model": "distilbert", "dataset": job["dataset"], "pairs": 40}))
    every = {row.name: row for row in rows(QUICK, folder, folder, str(tmp_path), {"distilbert": family})}
    scored = bench.row(every["rerank_float32"])["sides"]["lce_tf"]
    assert scored["rounds"][0]["rate"] > 0 and scored["facts"]["precision"] == "float32"
    assert len(read_pairs(folder).pairs) == 40 and len(np.load(tmp_path / "out/scores/rerank_float32/0.npy")) == 40
    scored = bench.row(every["family_distilbert"])["sides"]["lce_tf"]
    assert scored["rounds"][0]["rate"] > 0 and scored["facts"]["chosen"] == {}
    trained = bench.row(every["train_float32"])["sides"]["lce_tf"]
    assert trained["rounds"][0]["rate"] > 0 and trained["facts"]["loss"] > 0
    groups = read_groups(folder)
    assert len(groups) == 8 and all(len(passages) == 4 == len(set(passages)) for _, passages in groups)
    assert training_config(folder, group=4).members == 4
    for name in ("rerank_tricks", "train_tricks"):
        ways = bench.row(every[name])["sides"]["lce_tf"]["rounds"][0]["variants"]
        assert len(ways) > 5 and min(ways.values()) > 0
    memory = bench.row(every["memory"])["sides"]
    assert memory["n = 128"]["rounds"][0]["peak_mb"] > 0 and memory["n = 8"]["rounds"][0]["resident_mb"] > 0
