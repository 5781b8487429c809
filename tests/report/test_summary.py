import io

import msgspec
from rich.console import Console

from polysilicon.planning.plan import Plan
from polysilicon.report import summary


def shown(plan: Plan) -> str:
    console = Console(file=io.StringIO(), width=80, markup=False, highlight=False)
    console.print(summary.render(plan))
    return console.file.getvalue()


def test_a_plan_fits_a_screen_whatever_its_size(sample):
    order = sample["purchases"][0]
    sample["purchases"] = [
        order | {"site": f"a-site-with-a-long-name-{at}", "system": f"system-{at}", "units": 10**6} for at in range(40)
    ]
    sample["shocks"] = [sample["shocks"][0] | {"name": f"{'a long name ' * 6}{at}"} for at in range(9)]
    sample["unknowns"] = sample["unknowns"] * 9
    sample["binding"] = [sample["binding"][0] | {"limit": f"power cap of site {at}"} for at in range(20)]
    sample["by_quarter"] = [
        sample["by_quarter"][0] | {"quarter": f"{2026 + at // 4}-Q{at % 4 + 1}"} for at in range(3, 15)
    ]
    sample["name"] = "A company whose name is far too long for one line of a terminal " * 3
    lines = shown(msgspec.convert(sample, Plan)).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80


def test_it_says_what_to_buy_and_what_is_not_known(plan):
    said = shown(plan)
    for words in (
        "dgx-b200",
        "oregon",
        "20†",
        "proven gap to the best 0.6 %",
        "NVIDIA cut off",
        "71 %",
        "price of Atlas 950",
    ):
        assert words in said


def test_years_are_added_up(plan):
    said = shown(plan)
    assert "2026 (1 q)" in said
    assert "2027" in said


def test_names_are_not_markup(sample):
    sample["name"] = "[red]Labs[/red] \x1b[31m"
    said = shown(msgspec.convert(sample, Plan))
    assert "[red]Labs[/red]" in said
    assert "\x1b" not in said


def test_a_plan_that_buys_nothing_says_so(sample):
    assert "Nothing to buy" in shown(msgspec.convert(sample | {"purchases": []}, Plan))


def test_what_is_free_on_conditions_is_counted_apart(sample):
    clean, warned = sample["legality"][0], {"id": "V2", "outcome": "text_licence_required:not_enforced"}
    sample["legality"] = [clean, clean | warned, *sample["legality"][1:]]
    sample["purchases"][1] |= {"verdict": "V2"}
    said = shown(msgspec.convert(sample, Plan))
    assert "law: 1 free, 1 free with a warning; 1 option refused" in said
    assert "100 % of purchases rest on law carried forward" in said


def test_a_cost_change_within_the_gaps_is_about_none(sample):
    sample["shocks"][0] |= {"cost_change_musd": 0.5}
    said = shown(msgspec.convert(sample, Plan))
    assert "≈ 0" in said
    assert "+0.5" not in said
    assert "+3" in shown(msgspec.convert(sample | {"shocks": [sample["shocks"][0] | {"cost_change_musd": 3.0}]}, Plan))
