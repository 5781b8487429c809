"""Versions as vendors write them, and what they mean for the one that runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polysilicon.watch.notice import Affected, Span
from polysilicon.watch.versions import (
    exactly,
    fixed_in_sentence,
    from_prose,
    from_vers,
    in_sentence,
    order,
    recommended,
    standing,
    within,
)


@pytest.mark.parametrize(
    ("prose", "low", "high", "included"),
    [
        ("All versions up to and including v1.16.1", None, "v1.16.1", True),
        ("All driver versions prior to 550.90.07", None, "550.90.07", False),
        ("All BMC firmware versions prior to 23.08.18", None, "23.08.18", False),
        ("All versions prior to and including 5.2.1", None, "5.2.1", True),
        ("535.183.01(All versions prior to and including vGPU 16.6)", None, "535.183.01", True),
        ("9.5.1 and earlier", None, "9.5.1", True),
        ("Versions 2.4 to 2.6", "2.4", "2.6", True),
        (">= 1.3.0-rc.1, < 1.3.3", "1.3.0-rc.1", "1.3.3", False),
        ("< 1.2.8", None, "1.2.8", False),
        ("10 or newer", "10", None, False),
        ("ROC 6.3", "roc 6.3", "roc 6.3", True),
    ],
)
def test_prose_of_vendors_is_read_as_a_range(prose, low, high, included):
    (span,) = from_prose(prose)
    assert (span.low, span.high, span.high_included, span.parsed) == (low, high, included, True)
    assert span.text == prose


@pytest.mark.parametrize(
    "prose", ["No fix planned", "n/a", "", "*", "Milan PI 1.0.0.D", "Contact your vendor", "x" * 5000, "All versions"]
)
def test_prose_that_is_no_range_stays_prose(prose):
    (span,) = from_prose(prose)
    assert not span.parsed
    assert within(span, "1.0") == "unknown"


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("v1.16.1", "1.16.2", -1),
        ("1.4.0-rc.3", "1.4.0", -1),
        ("550.90.07", "550.144.03", -1),
        ("ROCm 6.4.2", "ROC 6.4.2", 0),
        ("12.6 Update 1", "12.6U1", 0),
        ("1.0.0.D", "1.0.0.F", -1),
        ("egs-1.09", "egs-1.15-0", -1),
        ("TDX_1.5.01.00.592", "TDX_1.5.07.00.774", -1),
        ("SPx12-update-6.00", "12.5", None),
        ("latest", "1.0", None),
        ("2.5.1+cu124", "2.5.1", 0),
    ],
)
def test_versions_are_compared_by_their_own_scheme_or_not_at_all(first, second, found):
    assert order(first, second) == found


def test_an_ecosystem_compares_by_its_own_rules():
    assert order("1.13.0rc1", "1.13.0", "pypi") == -1
    assert order("v1.2.3", "v1.10.0", "go") == -1
    assert order("1.0-1ubuntu1", "1.0-1ubuntu2", "debian") == -1
    assert order("1.0+dfsg1", "1.0+dfsg2", "debian") == -1
    assert order("2.5.1+cu124", "2.5.1", "pypi") == 0


def test_sentences_say_what_is_affected_fixed_and_recommended():
    assert in_sentence("Incorrect permissions in some software before version 1.18 may allow")[0].high == "1.18"
    assert fixed_in_sentence("This issue is fixed in versions 1.2.8, 1.3.3 and 1.4.0-rc.3.") == (
        "1.2.8",
        "1.3.3",
        "1.4.0-rc.3",
    )
    assert recommended("recommends updating the software to version 1.18 or later.") == ("1.18",)


def test_a_branch_that_is_mended_apart_is_judged_by_its_own_fix():
    rows = from_prose("All driver versions prior to 550.90.07") + from_prose("All driver versions prior to 535.183.01")
    driver = Affected(product="driver", versions=rows)
    assert standing(driver, "535.200.01") == "unaffected"  # although it is prior to 550.90.07
    assert standing(driver, "535.100.01") == "affected"
    assert standing(driver, "550.54.15") == "affected"
    assert standing(driver, "470.10") == "affected"
    assert standing(driver, "560.10") == "unaffected"
    assert standing(driver, "545.23") == "possible"  # no branch of its own


def test_an_unknown_version_is_possibly_affected_and_never_safe():
    assert standing(Affected(versions=from_prose("< 2.0")), None) == "possible"
    assert standing(Affected(versions=from_prose("n/a")), "1.0") == "possible"


def test_a_single_version_says_nothing_of_others_unless_the_record_does():
    assert standing(Affected(versions=(exactly("0.6.2"),), others="unknown"), "0.6.1") == "possible"
    assert standing(Affected(versions=(exactly("0.6.2"),), others="unaffected"), "0.6.1") == "unaffected"


def test_versions_below_every_fix_are_affected_where_only_fixes_are_listed():
    amd = Affected(fixed=from_prose("ROCm 6.4.2"), others="affected")
    assert standing(amd, "6.4.1") == "affected"
    assert standing(amd, "6.4.2") == "unaffected"


@pytest.mark.parametrize(
    ("vers", "inside", "outside"),
    [("vers:pypi/>=1.0|<2.0", "1.5", "2.0"), ("vers:pypi/<1.2.8|>=1.3.0|<1.3.3", "1.3.1", "1.2.9")],
)
def test_vers_expressions_are_ranges(vers, inside, outside):
    said = Affected(versions=from_vers(vers))
    assert standing(said, inside) == "affected"
    assert standing(said, outside) == "unaffected"


def test_a_vers_expression_that_nobody_knows_stays_prose():
    assert not from_vers("vers:nonsense/>=1|<2")[0].parsed
    assert not from_vers("vers:")[0].parsed


@given(st.text(max_size=400))
def test_no_prose_breaks_the_grammar(text):
    for span in (*from_prose(text), *in_sentence(text), *from_vers(text)):
        assert within(span, "1.0") in ("yes", "no", "unknown")
    fixed_in_sentence(text)
    recommended(text)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_order_is_antisymmetric_and_agrees_with_numbers(first, second):
    one, two = ".".join(map(str, first)), ".".join(map(str, second))
    found = order(one, two)
    assert found is not None
    assert order(two, one) == -found
    if len(first) == len(second):
        assert found == (first > second) - (first < second)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_a_version_lies_in_a_range_as_numbers_do(low, high, asked):
    span = Span(text="", low=f"1.{low}", high=f"1.{high}")
    assert within(span, f"1.{asked}") == ("yes" if low <= asked < high else "no")
