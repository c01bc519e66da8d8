"""Lists of negatives, compared with a plain reading of the rules, query by query."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.hard_negatives import make, teacher
from lce_tf.hard_negatives.make import negatives
from lce_tf.hard_negatives.records import MADE_BY, read_record
from lce_tf.reranking.outputs import write_reranked


def trigrams(text):
    words = text.lower().split()
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def jaccard(one, other):
    return len(trigrams(one) & trigrams(other)) / len(trigrams(one) | trigrams(other))


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def by_hand(files, run, first=1, last=200, drop="relevant", near=0.5, margin=None, share=None):
    """({query: the passages left, best first}, {filter: how many it removed})."""
    kept, removed = {}, dict.fromkeys(("judged", "unknown", "near_duplicates", "teacher_margin", "teacher_share"), 0)
    for query, row in files.runs[run].items():
        good = [name for name, grade in files.qrels[query].items() if grade and name in files.texts]
        if not good:
            continue
        known = files.scores[query]
        lowest = min((known[name] for name in good if name in known), default=math.nan)
        for name in list(row)[first - 1 : last]:
            score = known.get(name, math.nan)
            if name in (files.qrels[query] if drop == "all" else good):
                removed["judged"] += 1
            elif name not in files.texts:
                removed["unknown"] += 1
            elif near and max(jaccard(files.texts[name], files.texts[one]) for one in good) >= near:
                removed["near_duplicates"] += 1
            elif margin is not None and score > lowest - margin:
                removed["teacher_margin"] += 1
            elif share is not None and sigmoid(score) > share * sigmoid(lowest):
                removed["teacher_share"] += 1
            else:
                kept.setdefault(query, []).append(name)
    return kept, removed


def listed(run):
    return {query: list(row) for query, row in run.as_dict().items()}


@pytest.mark.parametrize("block", [2, 1024])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"first": 3, "last": 11},
        {"drop": "all", "near": 0.0},
        {"near": 0.2},
        {"margin": 1.5},
        {"share": 0.95},
        {"margin": 3.0, "share": 0.3, "last": 15},
    ],
)
def test_what_is_left_and_what_each_filter_removed(files, monkeypatch, settings, block):
    monkeypatch.setattr(make, "BLOCK", block)
    names = {"first": "first_rank", "last": "last_rank", "drop": "drop_judged", "near": "near_duplicates"}
    names |= {"margin": "teacher_margin", "share": "teacher_share"}
    given = {names[name]: value for name, value in settings.items()}
    if "margin" in settings or "share" in settings:
        given["teacher"] = files.teacher
    made = negatives(files.config(0, **given))
    kept, removed = by_hand(files, 0, **settings)
    assert listed(made.run) == kept and listed(read_run(files.folder / "out.trec")) == kept
    found = {kind: count["passages"] for kind, count in made.record["removed"].items()}
    assert found == {kind: count for kind, count in removed.items() if kind in found}
    assert sum(removed.values()) == sum(found.values()) == made.record["candidates"] - len(made.run)
    assert made.record["not_in_run"] == ["q8"] and made.record["no_positive"] == ["q7"]


def test_the_near_duplicates_are_some(files):
    _, removed = by_hand(files, 0)
    assert removed["near_duplicates"] > 0 and removed["judged"] > 0 and removed["unknown"] > 0


def test_scores_and_order_of_a_single_run_stay(files):
    run = negatives(files.config(0)).run.as_dict()
    for query, row in run.items():
        assert row == {name: files.runs[0][query][name] for name in row}


def test_several_runs_take_turns_by_their_shares(files):
    made = negatives(files.config(0, 1, shares=(2.0, 1.0), near_duplicates=0.0, per_query=6))
    firsts, _ = by_hand(files, 0, near=0)
    others, _ = by_hand(files, 1, near=0)
    for query, row in listed(made.run).items():
        mine, theirs, expected = list(firsts.get(query, [])), list(others[query]), []
        while len(expected) < 6:
            turn = len(expected) % 3
            source = theirs if (turn == 1 or not mine) else mine
            expected.append(source.pop(0))
        # A passage of both runs is one run's alone; where that moves others up, the turns stay the same.
        if len(set(firsts.get(query, [])[:6]) & set(others[query][:6])) == 0:
            assert row == expected
        assert len(row) == len(set(row)) == 6
    assert "q8" in made.run.as_dict()
    assert sum(made.record["from_runs"].values()) == len(made.run)


def test_a_teacher_that_shows_sigmoids_counts_by_its_logits(files):
    run, path = read_run(*files.teacher), str(files.folder / "reranked.trec")
    shown = replace(run, scores=1 / (1 + np.exp(-run.scores)))
    write_reranked(shown, {"scores": np.float32(shown.scores), "logits": np.float32(run.scores)}, path, {})
    made = negatives(files.config(0, teacher=(path,), teacher_margin=1.5))
    assert listed(made.run) == by_hand(files, 0, margin=1.5)[0]


def test_a_seed_draws_the_same_whatever_the_other_queries_are(files):
    settings = {"draw": "uniform", "per_query": 5, "near_duplicates": 0.0}
    whole = listed(negatives(files.config(0, **settings)).run)
    again = listed(negatives(files.config(0, **settings)).run)
    other = listed(negatives(files.config(0, **settings, draw_seed=7)).run)
    lines = (files.folder / "run0.trec").read_text().splitlines(keepends=True)
    (files.folder / "run0.trec").write_text("".join(line for line in lines if line.startswith(("q3 ", "q5 "))))
    part = listed(negatives(files.config(0, **settings)).run)
    assert whole == again != other and set(part) == {"q3", "q5"}
    assert part == {query: whole[query] for query in part}


def test_the_record_says_what_was_removed_with_texts(files):
    made = negatives(files.config(0, teacher=files.teacher, teacher_margin=1.0, examples=3))
    record = read_record(files.folder / "out.trec", read_run(files.folder / "out.trec").sha256)
    assert record == json.loads(json.dumps({**MADE_BY, **made.record, "output_sha256": record["output_sha256"]}))
    for kind, found in record["examples"].items():
        assert len(found) == min(3, record["removed"][kind]["passages"])
        for example in found:
            query = example["query_id"]
            assert example["query"] == f"text of {query}" and example["positive"] == files.texts[example["positive_id"]]
            assert example["passage"] == files.texts.get(example["passage_id"], "")
            assert example["score"] == files.runs[0][query][example["passage_id"]]
            if kind == "teacher_margin":
                assert example["teacher_score"] == pytest.approx(files.scores[query][example["passage_id"]])
                assert example["teacher_score"] > example["positive_score"] - 1
            if kind == "near_duplicates":
                assert example["similarity"] == pytest.approx(jaccard(example["positive"], example["passage"]))


def test_examples_are_the_same_whatever_the_blocks(files, monkeypatch):
    one = negatives(files.config(0, examples=2)).record["examples"]
    monkeypatch.setattr(make, "BLOCK", 2)
    assert negatives(files.config(0, examples=2)).record["examples"] == one


def test_candidates_without_a_score_are_kept_and_counted(files):
    made = negatives(files.config(0, teacher=files.teacher, teacher_margin=0.0, near_duplicates=0.0))
    kept, _ = by_hand(files, 0, margin=0.0, near=0)
    unscored = 0
    for query, names in kept.items():
        known = files.scores[query]
        scored = any(name in known for name, grade in files.qrels[query].items() if grade)
        unscored += sum(not scored or name not in known for name in names)
    assert made.record["unscored"] == unscored > 0


def test_several_teachers_files_count_together(files):
    text = (files.folder / "teacher.trec").read_text().splitlines(keepends=True)
    for name, rows in (("a.trec", text[::2]), ("b.trec", text[1::2])):
        (files.folder / name).write_text("".join(rows))
    parts = tuple(str(files.folder / name) for name in ("a.trec", "b.trec"))
    one = negatives(files.config(0, teacher=files.teacher, teacher_margin=1.0))
    two = negatives(files.config(0, teacher=parts, teacher_margin=1.0))
    assert listed(one.run) == listed(two.run) and one.record["removed"] == two.record["removed"]


def test_a_positive_without_a_share_is_refused(files):
    with pytest.raises(UserError, match="of which a share is no bound; give --teacher-margin"):
        negatives(files.config(0, teacher=files.teacher, teacher_share=0.9, teacher_scale="raw"))
    assert not (files.folder / "out.trec").exists()


def test_nothing_left_is_refused_with_the_counts(files):
    (files.folder / "run0.trec").write_text("q1 Q0 p9 1 2 t\nq2 Q0 gone 1 2 t\n")
    with pytest.raises(UserError, match="no negative is left of 2 candidates: 1 judged passages, 1 not in the coll"):
        negatives(files.config(0))


def test_a_teacher_s_scores_that_32_bits_do_not_hold_are_refused(files):
    (files.folder / "teacher.trec").write_text("q0 Q0 p1 1 1e39 t\n")
    with pytest.raises(
        UserError, match=r"teacher.trec: query q0, passage p1: 1e\+39: a teacher's scores must lie within"
    ):
        negatives(files.config(0, teacher=files.teacher, teacher_margin=1.0))


def test_a_teacher_of_one_query_is_found_in_any_block(files, monkeypatch):
    monkeypatch.setattr(teacher, "BLOCK", 1)
    asked = []
    whole = teacher.Teacher._looked_up
    monkeypatch.setattr(teacher.Teacher, "_looked_up", lambda self, *of: asked.append(of[0]) or whole(self, *of))
    (files.folder / "teacher.trec").write_text(f"q4 Q0 {next(iter(files.qrels['q4']))} 1 2 t\n")
    negatives(files.config(0, teacher=files.teacher, teacher_margin=1.0))
    assert [indices.tolist() for indices in asked if len(indices) == 1] == [[0], [1], [2], [3], [4]]


def test_a_teacher_of_other_queries_is_refused(files):
    (files.folder / "teacher.trec").write_text("q99 Q0 p1 1 2 t\n")
    with pytest.raises(UserError, match="has no score of a passage judged relevant"):
        negatives(files.config(0, teacher=files.teacher, teacher_margin=1.0))


def test_an_edited_run_is_not_what_was_recorded(files):
    negatives(files.config(0))
    with open(files.folder / "out.trec", "a") as file:
        file.write("q1 Q0 p30 99 -99 negatives\n")
    with pytest.raises(UserError, match="has changed since"):
        read_record(files.folder / "out.trec", read_run(files.folder / "out.trec").sha256)


def test_training_draws_groups_from_it(files):
    from lce_tf.groups.pool import PoolConfig, build_pool
    from tests.groups.test_teacher import store_of

    run = negatives(files.config(0)).run
    pool = build_pool(run, files.qrels, store_of(files.qrels), store_of(files.texts), PoolConfig(3))
    kept, _ = by_hand(files, 0)
    assert np.diff(pool.negative_offsets).tolist() == [len(kept[query]) for query in kept]
