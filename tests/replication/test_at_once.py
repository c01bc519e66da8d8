"""Products of tables made several at once."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lce_tf.errors import UserError
from lce_tf.footprint import Footprint
from lce_tf.paper.rows import TABLE1, Table
from lce_tf.replication import at_once
from lce_tf.replication.at_once import Work, jobs_here, make_at_once
from lce_tf.replication.presets import PRESETS
from lce_tf.replication.replicate import replicate
from lce_tf.replication.stages import TOKENS, Item
from tests.replication.conftest import make_preset

ROOT = Path(__file__).parents[2]
# Trains two rows for days.
LONG = """
import sys
from dataclasses import replace
from pathlib import Path
from lce_tf.errors import guarded
from lce_tf.footprint import Footprint
from lce_tf.replication.at_once import Work, make_at_once
from tests.replication.conftest import make_preset
from tests.replication.test_at_once import rows

folder = Path(sys.argv[1])
preset = make_preset(folder)
preset = replace(preset, training=replace(preset.training, steps=10_000_000))
sys.exit(guarded(make_at_once, Work((rows("1", "8"),), preset, folder / "out", (42,)), 2, Footprint()))
"""


def rows(*labels: str) -> Table:
    kept = [row for row in TABLE1.rows if row.label in labels]
    papers = [replace(row.paper, above=tuple(above for above in row.paper.above if above in labels)) for row in kept]
    return replace(TABLE1, rows=tuple(replace(row, paper=paper) for row, paper in zip(kept, papers, strict=True)))


@pytest.mark.parametrize(
    ("item", "left", "lacks"),
    [
        ("bm25", ["bm25.dev.trec"], True),
        ("bm25", ["dense.dev.trec"], False),
        ("lce-n8-bm25", ["lce-n8-bm25-seed2"], False),
        ("lce-n8-bm25", ["lce-n8-bm25"], True),
        ("lce-n8-bm25.on.bm25", ["lce-n8-bm25.on.bm25.trec"], True),
        (TOKENS, ["bm25.dev.trec"], True),
        (TOKENS, [], False),
    ],
)
def test_an_item_is_left_where_one_of_its_products_is(item, left, lacks):
    assert at_once._lacks(Item("train", item, (), lambda folder: ""), left) is lacks


def test_one_job_a_core_as_memory_allows(monkeypatch):
    preset, sizes = PRESETS["pydocs"], {"SC_PHYS_PAGES": 1 << 22, "SC_PAGE_SIZE": 1 << 12}  # 16 GiB
    monkeypatch.setattr(at_once, "DRIVER", ())
    monkeypatch.setattr(at_once.os, "sysconf", sizes.__getitem__)
    monkeypatch.setattr(at_once, "_cores", lambda: [0, 1])
    assert jobs_here(preset) == 2
    monkeypatch.setattr(at_once, "_cores", lambda: list(range(64)))
    assert jobs_here(preset) == 5
    assert jobs_here(preset.override(devices=2)) == jobs_here(preset.override(strategy="tpu")) == 1
    sizes["SC_PHYS_PAGES"] = 1 << 18
    assert jobs_here(preset) == 1
    monkeypatch.setattr(at_once, "DRIVER", [Path("/")])
    assert jobs_here(preset) == 1


@pytest.mark.slow
def test_two_at_once_are_as_one_after_the_other(tmp_path, capfd):
    preset, table = make_preset(tmp_path), rows("a", "b", "1", "8")
    alone = replicate(table, preset, tmp_path / "alone")
    capfd.readouterr()
    footprint = Footprint()
    work = Work((table,), preset, tmp_path / "both", (42,))
    make_at_once(work, 2, footprint)
    said = capfd.readouterr().out
    assert re.search(r"^lce-n8-dense: .*models/lce-n8-dense: [\d.]+ s$", said, re.MULTILINE)
    assert re.search(r"^8 of 8 products are there$", said, re.MULTILINE)
    # The process that waits and one at work hold more than either.
    assert footprint.peak_bytes > 200e6
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "both").rglob("*.trec")}
    assert len(made) == 6
    found = replicate(table, preset, tmp_path / "both")
    assert _without_time(found.markdown()) == _without_time(alone.markdown())
    assert {path: path.stat().st_mtime_ns for path in made} == made
    make_at_once(work, 2, footprint)  # nothing is left, so no process is started
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_a_fault_is_the_commands_own_line_after_the_others_have_ended(tmp_path, capfd):
    preset, table = make_preset(tmp_path), rows("a", "b", "1", "8")
    work = Work((table,), preset, tmp_path / "out", (42,))
    blocked = tmp_path / "out" / "models" / "ce-n1-bm25"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    with pytest.raises(UserError, match="models/ce-n1-bm25: "):
        make_at_once(work, 2, Footprint())
    assert "error: " not in "".join(capfd.readouterr())
    assert (tmp_path / "out" / "models" / "lce-n8-dense.made.json").is_file()
    assert not (tmp_path / "out" / "reranked").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_stopped_leaves_no_process_at_work(tmp_path, number):
    command = [sys.executable, "-c", LONG, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        deadline = time.monotonic() + 120
        while not (steps := list((tmp_path / "out").glob("models/*/metrics.jsonl"))) or len(steps) < 2:
            assert running.poll() is None and time.monotonic() < deadline, running.stdout.read()
            time.sleep(0.2)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        running.send_signal(number)
        said = running.stdout.read()
    assert running.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert number == signal.SIGKILL or said.endswith("interrupted; the same command resumes from here\n")
    deadline = time.monotonic() + 60
    while any(_works(int(pid)) for pid in children):
        assert time.monotonic() < deadline, said
        time.sleep(0.1)


def _without_time(text: str) -> str:
    return re.sub(r", [^,]+ in all\.", "", text)


def _works(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
