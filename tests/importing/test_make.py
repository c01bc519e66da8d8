"""Data sets made of rows in every format: texts, judgments, negatives and scores, worked out by hand."""

import gzip
import json

import numpy as np
import pytest

from lce_tf import import_files, import_rows
from lce_tf.data.datasets import load_dataset
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError

MOON, FAR, CHEESE, MARS = "how far is the moon", "384,400 km", "Cheese is old.", "Mars is red."


def made(tmp_path, *rows, **settings):
    """What the rows become: texts of the positives with their grades, of the run and of the teacher, by query."""
    folder = tmp_path / "mine"
    found = import_rows(rows, folder, **settings)
    data = load_dataset(str(folder))
    split = settings.get("split", "train")
    texts, queries = dict(data.passages()), data.queries(split)
    qrels = {queries[q]: {texts[p]: grade for p, grade in judged.items()} for q, judged in data.qrels(split).items()}
    runs = [
        {queries[q]: {texts[p]: score for p, score in listed.items()} for q, listed in read_run(path).as_dict().items()}
        if path
        else None
        for path in (found.run, found.teacher)
    ]
    return qrels, *runs


SAME = [
    {"query": MOON, "pos": [FAR], "neg": [CHEESE, MARS]},
    {
        "query_id": 3,
        "query": MOON,
        "positive_passages": [{"docid": "d1", "title": "", "text": FAR}],
        "negative_passages": [{"docid": "d2", "text": CHEESE}, {"docid": "d3", "title": "Mars", "text": "is red."}],
    },
    {"qry": {"qid": "q", "query": MOON}, "pos": [{"pid": "a", "passage": FAR}], "neg": [CHEESE, {"text": MARS}]},
    {"query": MOON, "relevant_passages": [FAR], "hard_negatives": [CHEESE, MARS]},
    {"query": MOON, "positive": FAR, "negative_1": CHEESE, "negative_2": MARS},
    {"anchor": MOON, "positive": FAR, "negatives": (CHEESE, MARS)},
    {"query": MOON, "docs": np.array([FAR, CHEESE, MARS], object), "labels": np.array([1, 0, 0])},
]


@pytest.mark.parametrize("row", SAME, ids=lambda row: "-".join(row))
def test_each_format_gives_the_same_data_set(tmp_path, row):
    qrels, run, teacher = made(tmp_path, row)
    judged = {FAR: 1} | ({CHEESE: 0, MARS: 0} if "labels" in row else {})
    assert qrels == {MOON: judged} and teacher is None
    assert run == {MOON: {CHEESE: -1, MARS: -2}}
    assert list(run[MOON]) == [CHEESE, MARS]


def test_formats_merge_and_equal_texts_are_one(tmp_path, capsys):
    qrels, run, _ = made(tmp_path, *SAME)
    assert qrels == {MOON: {FAR: 1, CHEESE: 0, MARS: 0}} and run == {MOON: {CHEESE: -1, MARS: -2}}
    rows = [json.loads(line) for line in (tmp_path / "mine" / "corpus.jsonl").open()]
    assert [row["text"] for row in rows] == [FAR, CHEESE, MARS]
    # The first row has no ids; then come 3, d1, d2, d3, q and a.
    assert "note: 6 ids whose text came under another id before" in capsys.readouterr().err


def test_triplets_and_labelled_pairs_of_a_query_come_together(tmp_path, capsys):
    rows = [
        {"query": "a", "positive": "p", "negative": "n"},
        {"query": "b", "positive": "p", "negative": "x"},
        {"query": "a", "positive": "p", "negative": "m"},
        {"sentence1": "b", "sentence2": "y", "label": 2},
        {"sentence1": "b", "sentence2": "x", "label": 1},
        {"sentence1": "b", "sentence2": "z", "label": 0},
        {"sentence1": "b", "sentence2": "z", "label": False},
        {"sentence1": "c", "sentence2": "n", "label": 1.0},
    ]
    qrels, run, _ = made(tmp_path, *rows)
    assert qrels == {"a": {"p": 1}, "b": {"p": 1, "x": 1, "y": 2, "z": 0}, "c": {"n": 1}}
    assert run == {"a": {"n": -1, "m": -2}, "b": {"z": -1}}
    notes = capsys.readouterr().err
    assert "note: 1 pairs are labelled in two ways; the higher grade counts" in notes  # b and x
    assert "note: 1 queries have no negative; lce retrieve bm25" in notes


def test_scores_rank_the_negatives_and_make_a_teacher(tmp_path, capsys):
    rows = [
        {"query": "a", "pos": ["p"], "neg": ["n", "m"], "pos_scores": [9], "neg_scores": [1.5, 2]},
        {"query": "b", "positive": "p", "negative_1": "n", "negative_2": "m", "scores": [0.5, 0.25, None]},
        {"query": "c", "pos": ["p"], "neg": ["n"]},
    ]
    _, run, teacher = made(tmp_path, *rows)
    assert run == {"a": {"m": 2, "n": 1.5}, "b": {"n": -1, "m": -2}, "c": {"n": -1}}
    assert teacher == {"a": {"p": 9, "m": 2, "n": 1.5}, "b": {"p": 0.5, "n": 0.25}}
    assert capsys.readouterr().err == ""


def test_scores_of_negatives_alone_are_no_teacher(tmp_path, capsys):
    _, run, teacher = made(tmp_path, {"query": "a", "pos": ["p"], "neg": ["n", "m"], "neg_scores": [1, 2]})
    assert teacher is None and run == {"a": {"m": 2, "n": 1}}
    assert "so no teacher.trec" in capsys.readouterr().err


def test_labels_that_are_no_grades_need_a_bound_and_are_a_teacher(tmp_path):
    rows = [{"query": "a", "passage": text, "score": label} for text, label in (("p", 0.9), ("n", 0.2), ("m", 0.4))]
    with pytest.raises(UserError, match='^row 0: its "score" has 0.9, which is no grade; say .* --relevant 0.5$'):
        made(tmp_path, *rows)
    assert not (tmp_path / "mine").exists()
    qrels, run, teacher = made(tmp_path, *rows, relevant=0.4)
    assert qrels == {"a": {"p": 1, "n": 0, "m": 1}} and run["a"] == {"n": pytest.approx(0.2)}
    assert teacher["a"] == {text: pytest.approx(label) for text, label in (("p", 0.9), ("m", 0.4), ("n", 0.2))}


def test_texts_stay_as_they_are_and_are_compared_as_they_are_read(tmp_path, capsys):
    rows = [
        {"query": "a\tb", "pos": ["p\tq\n\u2028“r”"], "neg": ["", None, "n"], "meta": 1, "more": None},
        {"query": "a b", "pos": ["p q “r”"], "neg": [" n ", {"title": "p", "text": "q “r”"}], "meta": 2},
    ]
    folder = tmp_path / "mine"
    found = import_rows(iter(rows), folder, split="dev")
    texts = [json.loads(line)["text"] for line in (folder / "corpus.jsonl").open()]
    assert texts == ["p\tq\n\u2028“r”", "n"] and (found.queries, found.passages, found.positives) == (1, 2, 1)
    assert load_dataset(str(folder)).splits == ("dev",) and found.run == folder / "dev.trec"
    notes = capsys.readouterr().err.splitlines()
    assert notes == [
        "note: keys that are not read: meta (2 rows)",
        "note: 1 passages without text, left out",
        "note: 1 pairs are labelled in two ways; the higher grade counts",
    ]


def test_ids_are_the_file_s_own_or_depend_on_the_text_alone(tmp_path):
    one = {"query": "a", "pos": ["p"], "neg": ["n", "m"]}
    other = {"query": "a", "query_id": "7", "pos": ["m"], "neg": ["p"], "neg_ids": ["d9"]}
    ids = []
    for name, rows in (("first", [one]), ("second", [other, one])):
        import_rows(rows, tmp_path / name)
        rows = [json.loads(line) for file in sorted((tmp_path / name).glob("*.jsonl")) for line in file.open()]
        ids.append({row["text"]: row["_id"] for row in rows})
    assert ids[1]["a"] == "7" and ids[1]["p"] == "d9"
    assert ids[0]["n"] == ids[1]["n"] and ids[0]["m"] == ids[1]["m"] and len(set(ids[0].values())) == 4


def test_a_query_and_a_passage_of_the_same_text_differ(tmp_path):
    import_rows([{"query": "a", "pos": ["a"], "neg": ["n"]}], tmp_path / "mine")
    first = [json.loads(next((tmp_path / "mine" / name).open())) for name in ("queries.jsonl", "corpus.jsonl")]
    assert first[0]["text"] == first[1]["text"] and first[0]["_id"] != first[1]["_id"]


def test_files_of_objects_and_of_columns_become_one_data_set(tmp_path):
    rows = [{"query": "a", "pos": ["p"], "neg": ["n"]}, {"query": "b", "pos": ["p"], "neg": ["m"]}]
    lines = "\ufeff" + "\r\n\r\n".join(map(json.dumps, rows))
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "triples.tsv").write_text("a\tp\tk\na\tp\tl\n")
    header = "Query_ID\tquery\tpositive_id\tPositive\tnegative\n"
    (tmp_path / "named.tsv").write_text(f"{header}4\tc\t5\to\tp\n6\td\t\tn\t\n")
    files = [tmp_path / name for name in ("rows.jsonl.gz", "triples.tsv", "named.tsv")]
    found = import_files(files, tmp_path / "mine")
    data = load_dataset(str(tmp_path / "mine"))
    texts, queries = dict(data.passages()), data.queries("train")
    listed = {queries[q]: [texts[p] for p in passages] for q, passages in read_run(found.run).as_dict().items()}
    assert listed == {"a": ["n", "k", "l"], "b": ["m"], "c": ["p"]}
    assert texts["5"] == "o" and queries["4"] == "c" and queries["6"] == "d"
    assert found.rows == {"FlagEmbedding": 2, "sentence-transformers, pairs and n-tuples": 4}
    assert found.text().splitlines() == [
        "rows: 2 of FlagEmbedding; 4 of sentence-transformers, pairs and n-tuples",
        f"4 queries, 6 passages, 4 relevant pairs: {tmp_path / 'mine'}",
        f"negatives of 3 queries, 1 to 3 each, median 1: {found.run}",
    ]


def test_a_bound_for_labels_that_no_row_has_is_pointed_out(tmp_path, capsys):
    made(tmp_path, {"query": "a", "pos": ["p"], "neg": ["n"], "pos_scores": [0.2], "neg_scores": [0.1]}, relevant=0.5)
    assert capsys.readouterr().err == "note: --relevant 0.5: no row has labels, so it changes nothing\n"


def test_without_negatives_there_is_no_run(tmp_path, capsys):
    found = import_rows([{"anchor": "a", "positive": "p"}], tmp_path / "mine")
    assert found.run is None and not (tmp_path / "mine" / "train.trec").exists()
    assert "note: 1 queries have no negative" in capsys.readouterr().err


def test_queries_without_a_judgment_are_in_no_list(tmp_path, capsys):
    rows = [{"query": "a", "pos": ["p"], "neg": ["n"]}, {"query": "b", "pos": [], "neg": ["n"]}]
    qrels, run, _ = made(tmp_path, *rows)
    assert list(qrels) == list(run) == ["a"]
    assert "note: 1 queries have no positive; training leaves them out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"text": "a", "y": 1}, "has the keys text, y; accepted are query and pos (FlagEmbedding); "),
        ({"query": " ", "pos": ["p"]}, 'its "query" is no text; fill it in or drop the row'),
        ({"query": ["a", "b"], "pos": ["p"]}, 'its "query" is no text'),
        ({"query": "a", "pos": [3.5]}, 'its "pos" has 3.5 where a text is expected; fix or drop the row'),
        ({"query": "a", "pos": [{"url": "x"}]}, "where a text is expected"),
        ({"query": "a", "pos": [{"docid": 1.5, "text": "p"}]}, 'its "pos" has the id 1.5; give a word'),
        ({"query": "a", "pos": [{"docid": "1 2", "text": "p"}]}, "passage id '1 2' holds white space"),
        ({"query": "a", "pos": ["p\0"]}, "its text holds a NUL character"),
        ({"qry": {"qid": "1", "query": [101, 7]}, "pos": ["p"]}, 'its "qry" holds token ids; import the texts'),
        ({"qry": "a", "pos": [[101, 7], [101]]}, 'its "pos" holds token ids'),
        ({"query": "a", "pos": ["p"], "pos_scores": [1, 2]}, 'its "pos_scores" has 2 values for 1 texts'),
        ({"query": "a", "pos": ["p"], "pos_scores": ["x"]}, "its \"pos_scores\" has 'x', which is no finite number"),
        ({"query": "a", "pos": ["p"], "pos_scores": [1e39]}, "1e+39, which is no finite number of 32 bits"),
        ({"query": "a", "pos": ["p"], "pos_scores": [10**400]}, "which is no finite number of 32 bits"),
        ({"query": "a", "docs": ["p", "n"], "labels": [1]}, 'its "labels" has 1 values for 2 texts'),
        ({"query": "a", "docs": ["p"], "labels": [1e10]}, "which is no grade"),
        (["a", "p"], "is a list; give mappings"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_nothing_is_written(tmp_path, row, told):
    with pytest.raises(UserError) as error:
        import_rows([SAME[0], row], tmp_path / "mine")
    assert str(error.value).startswith("row 1: ") and told in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_id_has_one_text(tmp_path):
    rows = [{"query": "a", "pos": [{"docid": "d", "text": text}]} for text in ("p", "p", "q")]
    with pytest.raises(UserError, match="^row 2: passage id d has another text above; give each text its own id$"):
        import_rows(rows, tmp_path / "mine")


def test_a_data_frame_s_missing_values_count_as_missing(tmp_path):
    qrels, run, _ = made(tmp_path, {"query": "a", "positive": "p", "negative_1": "n", "negative_2": float("nan")})
    assert qrels == {"a": {"p": 1}} and run == {"a": {"n": -1}}


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    import_rows([SAME[0]], tmp_path / "mine")
    with pytest.raises(UserError, match="exists already"):
        import_rows([SAME[0]], tmp_path / "mine")
    with pytest.raises(UserError, match="--split 'a/b'"):
        import_rows([SAME[0]], tmp_path / "other", split="a/b")


def test_rows_of_a_datasets_dataset(tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    rows = [{"query": MOON, "pos": [FAR], "neg": [CHEESE, MARS]}, {"query": "b", "positive": "p", "negative": FAR}]
    qrels, run, _ = made(tmp_path, *datasets.Dataset.from_list(rows[:1]), *datasets.Dataset.from_list(rows[1:]))
    assert qrels == {MOON: {FAR: 1}, "b": {"p": 1}} and run == {MOON: {CHEESE: -1, MARS: -2}, "b": {FAR: -1}}
