"""Queries and passages taken from docstrings, on sources written by hand."""

import pytest

from lce_tf.data.pydocs.docstrings import Prose, cleaned, docstrings, folded, plain, prose, query_and_passage, sentences

SOURCE = '''
"""The module's own words."""

if True:
    class Outer:
        """Outer doc."""

        async def method(self):
            """Method doc.

                indented more
            back
            """
            def inner():
                """Never read."""

        def bare(self):
            return "not a docstring"
else:
    def other(x):
        f"""Not a constant {x}."""

try:
    def tried(): "Tried."
except ImportError:
    def fallback(): "Fallback."
'''


def test_docstrings_of_a_module_with_their_names():
    assert list(docstrings(SOURCE)) == [
        ("", "The module's own words."),
        ("Outer", "Outer doc."),
        ("Outer.method", "Method doc.\n\n    indented more\nback"),
        ("tried", "Tried."),
        ("fallback", "Fallback."),
    ]


def test_source_as_bytes_and_in_its_own_encoding():
    assert list(docstrings('# -*- coding: latin-1 -*-\n"Größe"'.encode("latin-1"))) == [("", "Größe")]


def test_source_that_is_not_python():
    with pytest.raises(SyntaxError):
        list(docstrings("{{ template }} x"))


def test_cleaned_takes_off_the_margin_tabs_and_carriage_returns():
    assert cleaned("  First.\r\n\r\n\tA\n\t  B  \n\n") == "First.\n\nA\n  B"


GOOGLE = """
Computes the mean of elements across dimensions of a tensor.

Reduces `input_tensor` along the dimensions given in ``axis`` by computing the mean of elements across
the dimensions. Unless `keepdims` is true, the rank is reduced by 1.

Args:
    input_tensor: the tensor to reduce. Should have numeric type.
"""
NUMPY = """
mean(a, axis=None)

Compute the arithmetic mean along the specified axis.

.. versionadded:: 1.7
   Not before.

Returns the average of the array elements, e.g. of a :class:`~numpy.ndarray` or :func:`numpy.array`. The average
is taken over the flattened array by default [1]_, see the `User Guide <guide>`_ for *more*.

Parameters
----------
a : array_like
"""
ONE_PARAGRAPH = """Build the index of all passages. It is written under a temporary name first, and the
name that was asked for appears only once everything has been synced. Then come the rest:

  - and a list
"""


@pytest.mark.parametrize(
    ("docstring", "query", "passage"),
    [
        (
            GOOGLE,
            "Computes the mean of elements across dimensions of a tensor",
            "Reduces input_tensor along the dimensions given in axis by computing the mean of elements across the "
            "dimensions. Unless keepdims is true, the rank is reduced by 1.",
        ),
        (
            NUMPY,
            "Compute the arithmetic mean along the specified axis",
            "Returns the average of the array elements, e.g. of a ndarray or numpy.array. The average is taken over "
            "the flattened array by default, see the User Guide for more.",
        ),
        (
            ONE_PARAGRAPH,
            "Build the index of all passages",
            "It is written under a temporary name first, and the name that was asked for appears only once everything "
            "has been synced.",
        ),
    ],
)
def test_query_and_passage(docstring, query, passage):
    assert query_and_passage(cleaned(docstring)) == Prose(query, passage)


PROSE = "One two three four five six seven. Eight nine ten eleven twelve thirteen."


@pytest.mark.parametrize(
    "section",
    [
        "Args:\n  x: a",
        "Returns: a tensor of things.",
        "Parameters\n----------\nx : int",
        "A heading of some length\n=======================\ntext",
        "- item one\n- item two",
        "1. first\n2. second",
        ">>> f(1)\n2",
        "```python\nf(1)\n```",
        ".. note:: this is more.",
        "    an indented block.",
        ":param x: the argument.",
        "| a | table |",
        "+---+---+",
        "# Heading\nText.",
        "In short::\n\n    code()",
        "<Tip>\nText here.\n</Tip>",
        "Copyright 2020 The Authors. All rights reserved.",
    ],
)
def test_prose_ends_at_the_first_section(section):
    docstring = f"The summary of it.\n\n{PROSE}\n\n{section}\n\nMore prose that is not reached."
    assert prose(docstring) == ("The summary of it.", PROSE)


def test_a_section_right_under_a_paragraph_leaves_it_only_where_it_is_whole():
    assert prose(f"Summary here.\n\n{PROSE}\n- item") == ("Summary here.", PROSE)
    assert prose("Summary here.\n\nThe options\n- item") == ("Summary here.", "")


def words(count: int, word: str = "word") -> str:
    return " ".join([word] * count)


@pytest.mark.parametrize(
    ("query_words", "passage_words", "kept"),
    [(3, 20, False), (4, 20, True), (30, 20, True), (31, 20, False), (6, 11, False), (6, 12, True), (6, 70, True)],
)
def test_lengths_at_their_bounds(query_words, passage_words, kept):
    found = query_and_passage(f"Q{words(query_words, 'uery')}.\n\n{words(passage_words).capitalize()}.")
    assert (found is not None) == kept


def test_longer_prose_is_cut_after_the_last_sentence_that_fits():
    long = f"A{words(30)}. B{words(40)}. C{words(1)}."
    found = query_and_passage(f"The query of this one.\n\n{long}")
    assert found.passage == f"A{words(30)}. B{words(40)}."
    assert len(found.passage.split()) <= 70
    assert query_and_passage(f"The query of this one.\n\nA {words(70)}.") is None


@pytest.mark.parametrize(
    "docstring",
    [
        f"Summary of %(name)s things here.\n\n{PROSE}",  # a template
        f"Find the one thing here.\n\nFind the ONE thing, here: {PROSE}",  # the passage repeats the query
        "Solve x_1 + y_1 * z_1 = 0.\n\n" + PROSE,  # mostly symbols
        "Find the one thing here.\n\n" + " ".join(f"a{i}_b = {i};" for i in range(15)),
        f"DEPRECATED: use the other one.\n\n{PROSE}",
        "Only a summary is here.",
        "",
    ],
)
def test_what_is_left_out(docstring):
    assert query_and_passage(docstring) is None


def test_boilerplate_sentences_are_dropped():
    docstring = f"Fit the model to data.\n\n{PROSE} Read more in the :ref:`User Guide <svm>`. It ends."
    assert query_and_passage(docstring).passage == f"{PROSE} It ends."


@pytest.mark.parametrize(
    ("marked", "bare"),
    [
        ("``a_b`` and `c` and ``x`y``", "a_b and c and x`y"),
        ("[`BertModel`] or [text](http://x.y/z)", "BertModel or text"),
        (":class:`~a.b.C`, :meth:`.Axes.plot`, :math:`x^2`", "C, Axes.plot, x^2"),
        ("`~.Figure` `name`_ `text <target>`__", "Figure name text"),
        ("**bold** and *slanted* but a*b*c, f(*args, **kwargs) and x ** y", None),
        ("  folded \n white\tspace ", "folded white space"),
    ],
)
def test_plain(marked, bare):
    expected = bare or "bold and slanted but a*b*c, f(*args, **kwargs) and x ** y"
    assert plain(marked) == expected


def test_sentences_are_not_cut_at_abbreviations():
    text = 'See e.g. Smith et al. (2020) or Fig. 3. It says "so." Then J. Doe did! (As planned.) End'
    assert sentences(text) == [
        "See e.g. Smith et al. (2020) or Fig. 3.",
        'It says "so."',
        "Then J. Doe did!",
        "(As planned.)",
        "End",
    ]


def test_folded():
    assert folded("  The `x_1`,\nAND (Größe)! ") == "the x_1 and größe"
