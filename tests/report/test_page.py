import json
import re
from html.parser import HTMLParser

import msgspec
import pytest

from polysilicon.planning.plan import Plan
from polysilicon.report import page
from polysilicon.report.scores import summary
from polysilicon.validation.score import Score

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


CLOSED = {"as_of", "quarter", "delivered", "until", "contract", "reason", "verdict", "quarters"}


def poisoned(value: object) -> object:
    """The same plan with every free text made hostile."""
    if isinstance(value, dict):
        return {name: inner if name in CLOSED else poisoned(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner) for inner in value]
    return HOSTILE + value if isinstance(value, str) else value


def test_the_page_fetches_nothing(plan):
    html = page.render(plan)
    for tag, attributes in Elements(html).seen:
        assert "src" not in attributes, tag
        assert not (attributes.get("href") or "#").startswith(("http", "//")) or tag == "a"
    assert not re.search(r"@import|url\(", html.split("<body>")[0])
    assert "default-src 'none'" in html


def test_every_section_of_the_answer_is_there(plan):
    html = page.render(plan)
    for heading in (
        "What to buy, where and when",
        "Cost, power and carbon over time",
        "Law",
        "What survives a shock",
        "Cost or carbon",
        "Unknowns that could change what is bought",
        "Assumptions of low confidence",
        "Options left out",
        "How true it is",
        "Make it again",
    ):
        assert f"<h2>{heading}</h2>" in html
    for said in ("88 FR 73458", "no source gives a price", "price of Atlas 950", "0123456789abcdef", "2026-11-24"):
        assert said in html


def test_hostile_names_stay_text(sample):
    plan = msgspec.convert(poisoned(sample), Plan)
    html = page.render(plan)
    seen = Elements(html).seen
    assert [tag for tag, _ in seen].count("script") == 3
    assert not any(tag == "img" for tag, _ in seen)
    assert not any(name.startswith("on") for _, attributes in seen for name in attributes)
    assert HOSTILE not in html


def test_the_charts_survive_being_embedded():
    hostile = {"name": HOSTILE, "line": "\u2028"}
    text = str(page.embedded(hostile))
    assert "<" not in text
    assert json.loads(text) == hostile


def test_the_same_plan_gives_the_same_bytes(plan):
    assert page.render(plan) == page.render(plan)


def test_every_chart_has_words_and_a_table(plan):
    html = page.render(plan)
    charts = [attributes for tag, attributes in Elements(html).seen if "chart" in (attributes.get("class") or "")]
    assert len(charts) == 6
    assert all(attributes["role"] == "img" and len(attributes["aria-label"]) > 20 for attributes in charts)


def test_a_plan_that_buys_nothing_still_has_a_page(sample):
    empty = sample | {name: [] for name in ("purchases", "fleet", "shocks", "pareto", "legality", "unknowns", "weak")}
    html = page.render(msgspec.convert(empty | {"excluded": [], "binding": []}, Plan))
    assert "The plan buys nothing" in html


def test_validation_says_how_true_the_estimates_are(plan):
    scores = [
        Score(case_id="a", quantity="step_time_s", predicted=1.1, low=0.9, high=1.3, measured=1.0, error_pct=10.0)
    ]
    html = page.render(plan, {"training": summary(scores)})
    assert "Training estimates against measurements" in html
    assert "1 published cases" in html
    assert "against measurements" not in page.render(plan)


@pytest.mark.parametrize("confidence", ["press", "estimate", "unverified"])
def test_a_price_of_low_confidence_is_marked(sample, confidence):
    sample["purchases"][0]["price_confidence"] = confidence
    assert f'title="low confidence: {confidence}"' in page.render(msgspec.convert(sample, Plan))


def test_it_tells_free_with_a_warning_and_undetermined_law(sample):
    sample["legality"][0] |= {"note": "route to counsel"}
    sample["legality"][1] |= {"permission": "undetermined", "outcome": "unknown"}
    shown = page.render(msgspec.convert(sample, Plan))
    assert "free, with a warning" in shown
    assert "law undetermined" in shown


def test_a_shock_whose_cost_is_noise_costs_about_nothing(sample):
    sample["shocks"][0] |= {"cost_change_musd": -0.2}
    assert "≈ 0</td>" in page.render(msgspec.convert(sample, Plan))
