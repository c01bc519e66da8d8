"""Near-duplicates, compared with a search over all pairs."""

import random

import pytest

from lce_tf.data.pydocs.near_duplicates import grouped, near_pairs, shingles


def by_brute_force(texts, threshold):
    found = set()
    for j in range(len(texts)):
        for i in range(j):
            one, other = shingles(texts[i]), shingles(texts[j])
            if one and other and len(one & other) / len(one | other) >= threshold:
                found.add((i, j))
    return found


def random_texts(seed, count=60):
    """Texts over few words, some of them another one with a word or two changed."""
    source = random.Random(seed)
    texts = [" ".join(source.choices("abcdefgh", k=source.randint(0, 25))) for _ in range(count)]
    for _ in range(count):
        words = source.choice(texts).split()
        for _ in range(source.randint(0, 3)):
            if words:
                words[source.randrange(len(words))] = source.choice("abcxyz")
        texts.append(" ".join(words))
    return texts


@pytest.mark.parametrize("threshold", [0.2, 0.5, 2 / 3, 1.0])
@pytest.mark.parametrize("seed", range(8))
def test_near_pairs_are_those_of_brute_force(seed, threshold):
    texts = random_texts(seed)
    found = list(near_pairs(texts, threshold))
    assert len(found) == len(set(found))
    expected = by_brute_force(texts, threshold)
    assert expected
    assert set(found) == expected


def test_the_threshold_itself_is_near():
    # abc bcd cde | abc bcd cdx: 2 shared of 4
    assert list(near_pairs(["a b c d e", "a b c d x"])) == [(0, 1)]
    # abc bcd cde | abc bcx cxy: 1 shared of 5
    assert list(near_pairs(["a b c d e", "a b c x y"])) == []


def test_shingles():
    assert shingles("a b c d") == {"a b c", "b c d"}
    assert shingles("a b") == {"a b"}
    assert shingles(" ") == frozenset()


@pytest.mark.parametrize("threshold", [0, -1, 1.01])
def test_a_threshold_out_of_range(threshold):
    with pytest.raises(ValueError, match="threshold"):
        list(near_pairs(["a"], threshold))


def test_grouped_links_through_others_whatever_the_order():
    pairs = [(5, 6), (1, 4), (4, 5), (2, 3)]
    for seed in range(5):
        random.Random(seed).shuffle(pairs)
        assert grouped(8, pairs) == [0, 1, 2, 2, 1, 1, 1, 7]
    assert grouped(0, []) == []
