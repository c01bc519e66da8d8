"""Readers of runs, judgments and collections: any bytes give rows that keep the promises, or one line of refusal."""

import re
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from lce_tf.data.layouts.msmarco import MsMarcoFolder
from lce_tf.data.qrels import read_qrels, write_qrels
from lce_tf.data.records import one_line
from lce_tf.data.runs import Run, read_run, write_msmarco, write_trec, written_scores
from lce_tf.errors import UserError
from tests.properties.damage import files_of
from tests.properties.fuzz import fuzzed

FOLDER = Path(tempfile.mkdtemp(prefix="lce_tf_properties_"))
# Ids as they may stand in a row: no white space of any script, no control characters.
IDS = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=6)
GRADES = st.integers(-999_999, 999_999)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def teardown_module():
    for file in FOLDER.iterdir():
        file.unlink()
    FOLDER.rmdir()


def given_file(data: bytes, name: str = "file") -> Path:
    (FOLDER / name).write_bytes(data)
    return FOLDER / name


def read_or_refused(read, path):
    """What `read` gives; None for a refusal, which must be a line that names the file."""
    try:
        return read(path)
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return None


@fuzzed(150, data=files_of(6, 3))
def test_any_bytes_as_a_run(data):
    run = read_or_refused(read_run, given_file(data))
    if run is None:
        return
    assert run.offsets[0] == 0 and run.offsets[-1] == len(run.passage_ids) == len(run.scores) > 0
    assert (np.diff(run.offsets) > 0).all() and len(set(run.query_ids.tolist())) == len(run.query_ids)
    assert np.isfinite(run.scores).all()
    for start, end in zip(run.offsets[:-1], run.offsets[1:], strict=True):
        assert (run.scores[start + 1 : end] <= run.scores[start : end - 1]).all()
        passages = run.passage_ids[start:end].tolist()
        assert len(set(passages)) == len(passages) and all(name.decode() for name in passages)
    # What was read can be written, unless an id holds the white space of another script, and reads back the same.
    if any(re.search(r"\s", name.decode()) for name in (*run.query_ids.tolist(), *run.passage_ids.tolist())):
        return
    write_msmarco(run, FOLDER / "again")
    again = read_run(FOLDER / "again")
    assert again.query_ids.tolist() == run.query_ids.tolist()
    assert again.passage_ids.tolist() == run.passage_ids.tolist()


@st.composite
def runs(draw):
    """Runs of any ids and scores, ties and huge values among them."""
    scores = st.one_of(st.sampled_from([0.0, -0.0, 1.5]), st.floats(allow_nan=False, allow_infinity=False))
    lists = draw(st.dictionaries(IDS, st.dictionaries(IDS, scores, min_size=1, max_size=6), min_size=1, max_size=5))
    offsets = np.cumsum([0, *map(len, lists.values())])
    rows = [row for found in lists.values() for row in found.items()]
    return Run.build(list(lists), offsets, [name for name, _ in rows], [score for _, score in rows])


@fuzzed(80, run=runs(), packed=st.booleans())
def test_a_run_round_trips(run, packed):
    path = FOLDER / ("run.gz" if packed else "run")
    write_trec(run, path)
    again = read_run(path)
    assert again.query_ids.tolist() == run.query_ids.tolist() and again.offsets.tolist() == run.offsets.tolist()
    assert again.passage_ids.tolist() == run.passage_ids.tolist()
    assert again.scores.astype(np.float32).tobytes() == written_scores(run).tobytes()
    for start, end in zip(again.offsets[:-1], again.offsets[1:], strict=True):
        falling = again.scores[start:end].astype(np.float32)
        assert (falling[1:] < falling[:-1]).all()
    # The order survives any number of writings, and so do the bytes.
    before = path.read_bytes()
    write_trec(again, path)
    assert path.read_bytes() == before


@fuzzed(150, data=files_of(4))
def test_any_bytes_as_judgments(data):
    qrels = read_or_refused(read_qrels, given_file(data))
    if qrels is not None:
        assert qrels and all(qrels.values())
        assert all(type(grade) is int for grades in qrels.values() for grade in grades.values())


@fuzzed(60, qrels=st.dictionaries(IDS, st.dictionaries(IDS, GRADES, min_size=1, max_size=5), min_size=1, max_size=5))
def test_judgments_round_trip(qrels):
    write_qrels(qrels, FOLDER / "qrels")
    found = read_qrels(FOLDER / "qrels")
    assert found == qrels and list(found) == list(qrels)


def passages_of(folder: Path) -> list:
    return list(MsMarcoFolder(folder).passages())


@fuzzed(150, data=files_of(2))
def test_any_bytes_as_a_collection_or_queries(data):
    given_file(data, "collection.tsv")
    given_file(data, "queries.tsv")
    found = read_or_refused(passages_of, FOLDER)
    if found is not None:
        names = [name for name, _ in found]
        assert found and len(set(names)) == len(names) and all(name.split() == [name] for name in names)
        assert all(text == " ".join(text.split()) for _, text in found)
    queries = read_or_refused(lambda folder: MsMarcoFolder(folder).queries(), FOLDER)
    if queries is not None:
        assert queries == dict(found) and all(queries.values())


@fuzzed(60, texts=st.dictionaries(IDS, TEXTS, min_size=1, max_size=6), end=st.sampled_from(["\n", "\r\n"]))
def test_a_collection_round_trips(texts, end):
    # A line ends at LF alone or after CR, so neither can be in a text.
    rows = {name: re.sub("[\r\n]", " ", text) for name, text in texts.items()}
    given_file("".join(f"{name}\t{text}{end}" for name, text in rows.items()).encode(), "collection.tsv")
    assert passages_of(FOLDER) == [(name, one_line(text)) for name, text in rows.items()]
