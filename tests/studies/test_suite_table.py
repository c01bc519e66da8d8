"""Tables of suites: letters after correction over all sets, means, gaps."""

from lce_tf.evaluation.significance import compare
from lce_tf.studies.suite import Outcome
from lce_tf.studies.suite_table import as_json, comparisons, macro, table


def per_query(base, spread, queries):
    return {"M": {f"q{i}": base + spread * (i % 5) / 100 for i in range(queries)}}


OUTCOME = Outcome(
    ("first stage", "small", "large"),
    {
        "one": {
            "first stage": per_query(0.1, 1, 40),
            "small": per_query(0.3, 2, 40),
            "large": per_query(0.5, 3, 40),
        },
        "two": {"first stage": per_query(0.2, 1, 10), "large": per_query(0.2, 1, 10)},
        "tiny": {name: per_query(0.4, 1, 1) for name in ("first stage", "small", "large")},
    },
    {"three": "three: no such folder", "two, small": "small.trec: no such file"},
)


def test_every_pair_on_every_set_is_corrected_for():
    found = comparisons(OUTCOME, "M", 0.01)
    assert list(found) == ["one", "two"] and {one.comparisons for one in found.values()} == {4}
    values = {name: one["M"] for name, one in OUTCOME.values["one"].items()}
    assert found["one"].beats == compare(values, 0.01, comparisons=4).beats
    assert found["one"].beats["large"] == ["first stage", "small"]


def test_means_over_sets_are_of_complete_systems():
    found = macro(OUTCOME, "M")
    assert found["small"] is None
    assert abs(found["large"] - (0.56 + 0.22 + 0.4) / 3) < 1e-12


def test_the_table():
    lines = [line.split() for line in table(OUTCOME, "M", 0.01).splitlines()]
    assert lines[0] == ["M", "one", "two", "tiny", "mean"]
    assert lines[1] == ["a", "first", "stage", "0.1200", "0.2200", "0.4000", "0.2467"]
    assert lines[2] == ["b", "small", "0.3400^a", "-", "0.4000", "-"]
    assert lines[3] == ["c", "large", "0.5600^ab", "0.2200", "0.4000", "0.3933"]
    text = table(OUTCOME, "M", 0.01)
    assert "judged queries: one 40, two 10, tiny 1" in text
    assert "p x 4 < 0.01 (Bonferroni over all sets)" in text
    assert text.splitlines()[-2:] == [
        "missing: three: three: no such folder",
        "missing: two, small: small.trec: no such file",
    ]


def test_json_has_what_the_table_shows():
    found = as_json(OUTCOME, ("M",), 0.01)
    assert found["measures"]["M"]["sets"]["one"]["large"]["beats"] == ["first stage", "small"]
    assert found["measures"]["M"]["macro"]["small"] is None and found["measures"]["M"]["comparisons"] == 4
    assert found["missing"] == OUTCOME.missing and found["per_query"]["tiny"]["large"]["M"] == {"q0": 0.4}
