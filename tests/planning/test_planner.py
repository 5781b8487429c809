from pathlib import Path

import msgspec
import pytest

from polysilicon.facts import load
from polysilicon.facts.hardware import System
from polysilicon.planning import Plan, explain_figure, plan, read, write
from polysilicon.records.document import parse_yaml, read_text
from polysilicon.records.errors import Infeasible, InputError, UnknownName
from polysilicon.records.recorder import Step
from polysilicon.scenario import from_document

SMALL = Path(__file__).parents[2] / "examples" / "small" / "scenario.yaml"


def planned(*changes: tuple[str, str], more: str = "") -> Plan:
    text = read_text(SMALL) + more
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return plan(from_document(parse_yaml(text, "small.yaml"), load()))


def test_the_small_plan_meets_its_demand_within_the_gap(small: Plan) -> None:
    assert small.totals.demand_met == pytest.approx(1.0)
    assert small.solve.gap <= 0.01
    assert small.purchases


def test_every_purchase_rests_on_a_verdict_that_was_accepted(small: Plan) -> None:
    verdicts = {row.id: row for row in small.legality}
    assert all(verdicts[one.verdict].accepted for one in small.purchases)


def test_power_and_budget_are_kept(small: Plan) -> None:
    assert small.totals.peak_power_kw <= 400
    assert small.totals.cash_musd <= 10


def test_every_figure_is_explained_to_the_value_printed(small: Plan) -> None:
    for name, figure in small.figures.items():
        assert explain_figure(small, name).value == pytest.approx(figure.value, rel=1e-9, abs=1e-12)


def test_an_explanation_ends_in_records(small: Plan) -> None:
    def leaves(step: Step) -> list[str]:
        return [step.source] if not step.inputs else [one for part in step.inputs for one in leaves(part)]

    sources = leaves(explain_figure(small, "cost_musd"))
    assert any("rental" in one or "price" in one for one in sources)


def test_printed_totals_are_the_figures(small: Plan) -> None:
    assert small.totals.cost_musd == pytest.approx(small.figures["cost_musd"].value)
    assert small.totals.cash_musd == pytest.approx(small.figures["cash_musd"].value)
    assert small.totals.carbon_t == pytest.approx(small.figures["carbon_t"].value)
    for row in small.by_quarter:
        assert row.cost_musd == pytest.approx(small.figures[f"cost_musd/{row.quarter}"].value)
        assert row.power_kw == pytest.approx(small.figures[f"power_kw/{row.quarter}"].value)
    for one in small.purchases:
        assert one.cost_musd == pytest.approx(small.figures[one.figure].value)


def test_a_plan_is_written_and_read_back_whole(small: Plan, tmp_path: Path) -> None:
    write(small, tmp_path / "plan.json")
    assert read(tmp_path / "plan.json") == small


def test_a_plan_of_another_version_is_refused(small: Plan, tmp_path: Path) -> None:
    write(msgspec.structs.replace(small, schema_version=99), tmp_path / "plan.json")
    with pytest.raises(InputError, match="99"):
        read(tmp_path / "plan.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError, match="not a plan"):
        read(tmp_path / "broken.json")


def test_a_figure_nobody_printed_is_refused(small: Plan) -> None:
    with pytest.raises(UnknownName, match="cost_musd"):
        explain_figure(small, "cost_mus")


def test_a_plan_of_another_catalogue_is_not_explained(small: Plan) -> None:
    with pytest.raises(InputError, match="another catalogue"):
        explain_figure(msgspec.structs.replace(small, catalogue_hash="0"), "cost_musd")


def test_the_shock_reports_fractions_and_cost(small: Plan) -> None:
    (shock,) = small.shocks
    assert 0 <= shock.survives_at_once <= shock.survives <= 1 + 1e-9
    assert all(one.vendor != "NVIDIA" for one in shock.bought_again)


def test_unknowns_are_at_most_five_and_each_says_how_it_was_found(small: Plan) -> None:
    assert 1 <= len(small.unknowns) <= 5
    assert all(one.method and one.effect for one in small.unknowns)


def test_the_users_quote_is_shown_as_theirs() -> None:
    made = planned(
        ("[dgx-h200, dgx-b300, mi300x-8way]", "[mi300x-8way]"),
        ("power_cap_kw: 400}", "power_cap_kw: 400, contracts: [own]}"),
        ("requests_per_s: {2026-Q4: 20,", "requests_per_s: {2027-Q2: 20,"),
    )
    assert {one.price_confidence for one in made.purchases} == {"user"}
    assert "reseller" in made.purchases[0].price_basis


def test_a_part_without_a_price_is_left_out_with_the_price_at_which_it_would_enter() -> None:
    made = planned(("[dgx-h200, dgx-b300, mi300x-8way]", "[dgx-h200, dgx-b300, trn2-48xlarge]"))
    rows = [one for one in made.excluded if one.reason == "price_unknown"]
    assert [one.system for one in rows] == ["trn2-48xlarge"]
    price = rows[0].enters_below_usd
    assert price is not None
    assert price > 0


def test_a_part_enters_the_plan_just_below_its_entry_price_and_not_above() -> None:
    """The entry price comes from shadow prices; solving again with that price must agree."""
    many = (
        ("power_cap_kw: 400", "power_cap_kw: 40000, contracts: [own]"),
        ("{2026-Q4: 20, 2027-Q3: 120}", "{2027-Q2: 4000}"),
        ("budget_musd: 10", "budget_musd: 2000"),
        ("stacks: [cuda]", "stacks: [cuda, rocm, neuron]"),
    )
    systems = ("[dgx-h200, dgx-b300, mi300x-8way]", "[dgx-b300, trn2-48xlarge]")
    entry = next(one for one in planned(*many, systems).excluded if one.reason == "price_unknown").enters_below_usd
    assert entry is not None
    for factor, bought in ((0.95, True), (1.1, False)):
        quote = f"  - {{system: trn2-48xlarge, contract: own, price_usd: {entry * factor:.0f}, basis: test}}\n\nshocks:"
        made = planned(*many, systems, ("\nshocks:", quote))
        assert any(one.system == "trn2-48xlarge" for one in made.purchases) == bought


def test_contradictory_limits_are_named_in_the_users_words() -> None:
    with pytest.raises(Infeasible) as complaint:
        planned(("budget_musd: 10", "budget_musd: 0.01"))
    assert "limits.budget_musd: 0.01" in complaint.value.limits
    assert "demand of assistant" in complaint.value.limits


def test_a_workload_that_nothing_lawful_can_run_is_named() -> None:
    with pytest.raises(Infeasible, match="assistant"):
        planned(("[dgx-h200, dgx-b300, mi300x-8way]", "[atlas-800t-a3]"))


def test_the_vendor_share_holds_in_the_plan() -> None:
    made = planned(("  budget_musd: 10", "  budget_musd: 20\n  vendor_share_max: 0.7"))
    assert max(made.vendor_shares.values()) <= 0.7 + 1e-6


def test_systems_named_by_the_catalogue_alone_are_enough(small: Plan) -> None:
    known = load().ids(System)
    assert all(one.system in known for one in small.purchases)


@pytest.mark.parametrize("tiny", ["1e-300", "1e-12"])
def test_a_demand_however_small_takes_a_unit(tiny: str) -> None:
    found = planned(("requests_per_s: {2026-Q4: 20, 2027-Q3: 120}", f"requests_per_s: {tiny}"))
    assert found.totals.demand_met == pytest.approx(1.0)
    assert found.totals.chips > 0
    assert all(0.0 <= one.share <= 1.0 for one in found.assignments)


def test_a_run_on_fewer_chips_than_its_job_is_noted() -> None:
    run = """\
    kind: train
    model: llama-3.1-8b
    entity: ours
    job_chips: 100000
    runs: [{start: 2026-Q4, finish: 2027-Q2, tokens_bn: 1}]
"""
    head, rest = read_text(SMALL).split("workloads:\n")
    text = f"{head}workloads:\n  pretrain:\n{run}{rest}"
    found = plan(from_document(parse_yaml(text, "small.yaml"), load()))
    assert any("fewer chips at one place" in note and "pretrain" in note for note in found.notes)
