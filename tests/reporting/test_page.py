"""The page: figures worked out by hand, everything escaped, nothing loaded, the same bytes each time."""

import re

import pytest

from lce_tf.reporting.trainings import CURVES
from tests.reporting.conftest import FIRST, SCRIPT, write_run, write_training
from tests.reporting.reading import Page

ADDRESSES = ("src", "href", "srcset", "data", "action", "poster", "background", "xlink:href", "formaction", "ping")


def test_measures_with_letters_and_tests(made, place):
    page = Page(made("--measures", "MRR@10", "R@1", "--alpha", "0.9"))
    measures, tests = page.tables["measures"]
    assert measures[0] == ["", "Run", "MRR@10", "R@1", "Reranks", "Trained with"]
    assert measures[1] == ["a", "first.trec", "0.4583", "0.2500", "–", "–"]
    # Differences 1/2, -1/2, 2/3, 0: mean 1/6, deviation 0.5270, t = 0.6325 with 3 degrees of freedom, p = 0.572.
    assert measures[2] == ["b", "new.trec", "0.6250a", "0.5000a", "first.trec", "lce, n = 8"]
    assert tests[1] == ["a − b", "-0.1667", "0.572", "0.572"]
    assert "p × 1 < 0.9" in page.text and "4 judged queries, from qrels.txt" in page.text


def test_ranks_before_and_after(made):
    (numbers,) = Page(made()).tables["ranks"]
    assert numbers[1:5] == [["1", "1", "2"], ["2–3", "2", "1"], ["4–5", "0", "0"], ["6–10", "0", "0"]]
    assert numbers[-1] == ["none", "1", "1"]


def test_queries_open_into_both_lists_side_by_side(made):
    page = Page(made("--passages-shown", "1", "--characters", "20"))
    assert "2 better, 1 worse, 1 the same." in page.text
    changes = [text.split() for text in page.summaries if "→" in text]
    assert [words[0] for words in changes] == ["+0.6667", "+0.5000", "-0.5000"]
    assert [words[-1] for words in changes] == ["q3", "q1", "q2"]
    queries = [one for one in page.named("details") if one.get("class") == "query"]
    assert ["open" in one for one in queries] == [True, False, False]
    assert changes[0][1:4] == ["0.3333", "→", "1.0000"] and changes[0][4:] == ["three", "three", "three", "t…", "q3"]
    before, now, _, first, second, _ = page.tables["changes"]
    third = "relevant (grade 1) third p3"
    assert before == [["Rank", "Now", "Passage"], ["1", "2", "eighth p8"], ["3", "1", third]]
    assert now == [["Rank", "Before", "Passage"], ["1", "3", third]]
    assert first[1][:2] == ["1", "2"] and second[1] == ["1", "2", "relevant (grade 1) second p2"]
    assert "never shown" not in page.text


def test_wins_and_losses_are_bounded_on_the_whole_page(made, place):
    write_run(place / "other.trec", {"q1": "p1 p9", "q2": "p9 p2", "q3": "p3 p8 p9", "q4": "p9"})
    page = Page(made("--queries-shown", "2", sources=["new.trec", "other.trec"]))  # one of each for each of the two
    assert len([text for text in page.summaries if "→" in text]) == 4
    assert "Shown: 1 of those that win and 1 of those that lose." in page.text
    assert "changes" not in Page(made("--queries-shown", "0")).tables


def test_curves_of_the_training(made):
    page = Page(made())
    told = [svg["aria-label"] for svg in page.named("svg")]
    for title in CURVES.values():
        assert sum(label.startswith(f"{title}:") for label in told) == 1, title
    assert "Loss: from 2 to 1, lowest 1, highest 2; 1 not a number" in told
    assert "MRR@10 on the dev sample: from 0.25 to 0.25, lowest 0.25, highest 0.25" in told
    assert "bm25.train.trec" in page.text and "/somewhere" not in page.text
    assert "groups" not in {attributes["id"] for attributes in page.named("section")}


def test_an_unfinished_training_says_so(made, place):
    (place / "lce8" / "config.json").unlink()
    assert "not finished" in Page(made()).text


def test_group_sizes_against_each_other(made, place):
    write_run(place / "small.trec", FIRST)
    write_training(place / "lce2", group=2)
    (place / "small.trec.json").write_text('{"checkpoint": "gone/lce2"}')
    page = Page(made(sources=["new.trec", "small.trec", "lce2"]))
    dots = re.findall(r"lce on first\.trec, n = (\d): ([\d.]+)", page.text)
    assert dots == [("8", "0.6250"), ("2", "0.4583")]
    assert [row[-1] for row in page.tables["measures"][0]][1:] == ["–", "lce, n = 8", "lce, n = 2"]


def test_nothing_in_ids_texts_or_settings_is_markup(made, place):
    name = 'x"><script>alert(2)<'  # a file's name may hold all but a slash
    (place / "new.trec").rename(place / name)
    (place / "new.trec").write_text((place / name).read_text().replace("p9", "<svg/onload=alert(3)>"))
    page = Page(made(sources=["new.trec", name]))
    assert SCRIPT in page.text and "<img src=x onerror=alert(1)>" in page.text
    assert "<b>minilm</b>" in page.text and name in page.text and "<svg/onload=alert(3)>" in page.text
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "iframe", "object", "embed", "link", "base", "form"}
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]


def test_nothing_is_loaded(made):
    html = made()
    page = Page(html)
    addresses = [(key, attributes[key]) for _, attributes in page.tags for key in attributes if key in ADDRESSES]
    assert addresses and all(key == "href" and value.startswith("#") for key, value in addresses)
    assert not re.search(r"url\(|@import|https?:", html)
    (policy,) = [one["content"] for one in page.named("meta") if one.get("http-equiv")]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_for_phones_dark_rooms_paper_and_keyboards(made):
    html = made()
    page = Page(html)
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.named("meta")
    assert "@media (prefers-color-scheme: dark)" in html and "@media print" in html
    (language,) = page.named("html")
    assert language == {"lang": "en"}
    targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {link["href"][1:] for link in page.named("a")} <= targets
    # Whatever scrolls sideways can be reached and has a name.
    scrolling = [one for one in page.named("div") if one.get("class") == "scroll"]
    assert scrolling and all(one["tabindex"] == "0" and one["aria-label"] for one in scrolling)
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.named("svg"))


def test_the_same_inputs_give_the_same_bytes(made):
    assert made() == made()


def test_without_texts_there_are_ids(place):
    from lce_tf.report import main

    assert main("new.trec --qrels qrels.txt --first-stage first.trec --output ids.html".split()) == 0
    page = Page((place / "ids.html").read_text(encoding="utf-8"))
    assert page.tables["changes"][1][1] == ["1", "3", "relevant (grade 1)  p3"]


@pytest.mark.parametrize(
    ("grade", "counts"), [(1, [["1", "1", "1"], ["2–3", "1", "1"]]), (2, [["1", "1", "0"], ["2–3", "0", "1"]])]
)
def test_what_is_relevant_goes_by_the_first_measure(made, place, grade, counts):
    (place / "qrels.txt").write_text("q1 0 p1 1\nq2 0 p2 2\n")
    (numbers,) = Page(made("--measures", f"RR(rel={grade})@10")).tables["ranks"]
    assert numbers[1:3] == counts
