from pathlib import Path

import numpy as np
import pytest

from polysilicon.facts import load
from polysilicon.planning.formulation import formulate, tasks_of
from polysilicon.planning.limit import Limit
from polysilicon.planning.options import Options, first_token_budget_ms, gather
from polysilicon.records.document import parse_yaml, read_text
from polysilicon.records.errors import InputError
from polysilicon.scenario import Opened, from_document, read

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def novamind() -> Options:
    return gather(read(EXAMPLES / "novamind" / "scenario.yaml", load()))


def small(*changes: tuple[str, str], more: str = "") -> Opened:
    text = read_text(EXAMPLES / "small" / "scenario.yaml") + more
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return from_document(parse_yaml(text, "small.yaml"), load())


def systems(options: Options) -> set[str]:
    return {option.system.id for option in options.options}


def test_each_entity_may_buy_what_its_law_allows(novamind: Options) -> None:
    by_site: dict[str, set[str]] = {}
    for option in novamind.options:
        by_site.setdefault(option.site, set()).add(option.chip.vendor_country)
    assert by_site["guizhou"] == {"CN"}
    assert by_site["texas"] == by_site["johor"] == by_site["uae"] == {"US"}


def test_what_is_left_out_says_why(novamind: Options) -> None:
    refused = {(one.system, one.site) for one in novamind.excluded if one.reason == "unlawful"}
    assert ("gb300-nvl72", "guizhou") in refused
    assert ("cloudmatrix-384", "texas") in refused


def test_data_that_must_stay_runs_only_there(novamind: Options) -> None:
    for option in novamind.options:
        if "shop-rank" in option.rates:
            assert option.site in ("guizhou", "inner-mongolia", "shenzhen-hall")


def test_recommenders_are_marked_unvalidated(novamind: Options) -> None:
    rates = [option.rates for option in novamind.options]
    assert all(one["shop-rank"].unvalidated for one in rates if "shop-rank" in one)
    assert not any(one["chat-us"].unvalidated for one in rates if "chat-us" in one)


def test_a_plan_counts_on_less_than_the_estimate(novamind: Options) -> None:
    for option in novamind.options:
        for rate in option.rates.values():
            assert 0 < rate.value < rate.point
            assert rate.low <= rate.value


def test_every_option_has_finite_positive_numbers(novamind: Options) -> None:
    instance = formulate(novamind)
    for table in (instance.throughput, instance.power_kw, instance.energy_mwh, instance.carbon_t):
        assert np.all(np.isfinite(table))
        assert np.all(table >= 0)
    assert np.all(instance.power_kw > 0)


def test_each_run_is_a_task_of_its_own(novamind: Options) -> None:
    tasks = tasks_of(novamind.opened.scenario, novamind.quarters)
    runs = [task for task in tasks if task.workload == "shop-train"]
    assert [task.id for task in runs] == [f"shop-train-{number}" for number in range(1, len(runs) + 1)]
    assert all(task.work > 0 and task.demand.sum() == 0 for task in runs)


def test_what_stands_is_kept_even_if_it_could_not_be_bought_today() -> None:
    more = "\nfleet:\n  - {site: oregon, system: dgx-h100, units: 3}\n"
    options = gather(small(more=more))
    instance = formulate(options)
    at = [place.system for place in instance.places].index("dgx-h100")
    assert instance.standing[at].tolist() == [3.0] * 4
    assert instance.high[:, at].sum() == 0


def test_distance_to_users_is_taken_off_the_first_token() -> None:
    near, far = small(), small(("users: [us-ca-siliconvalley]", "users: [sg]"))
    load_ = near.scenario.workloads["assistant"]
    there = far.scenario.workloads["assistant"]
    close, distant = first_token_budget_ms(near, load_), first_token_budget_ms(far, there)
    assert close is not None
    assert distant is not None
    assert 1500 > close > distant > 0


def test_users_out_of_reach_are_refused() -> None:
    opened = small(("users: [us-ca-siliconvalley]", "users: [sg]"), ("ttft_ms: 1500", "ttft_ms: 50"))
    with pytest.raises(InputError, match="round trip"):
        first_token_budget_ms(opened, opened.scenario.workloads["assistant"])


def test_a_site_that_opens_later_takes_nothing_before() -> None:
    options = gather(small(("power_cap_kw: 400", "power_cap_kw: 400, opens: 2027-Q2")))
    mask = formulate(options).masks[Limit("opens")]
    assert not mask[:, :, :2].any()
    assert mask[:, :, 2:].all()


def test_prices_from_memory_count_only_where_accepted() -> None:
    systems = ("[dgx-h200, dgx-b300, mi300x-8way]", "[cerebras-cs3, dgx-b200, dgx-h200]")
    careful = gather(small(systems))
    trusting = gather(small(systems, ("\nlimits:", "\naccept: {unverified: true}\nlimits:")))
    owned = [{one.system.id for one in found.options if "own" in one.offered} for found in (careful, trusting)]
    # What another does for less had its price counted too.
    dominated = {one.system for one in trusting.excluded if one.reason == "dominated"}
    assert owned[0] <= owned[1] | dominated


def test_a_workload_runs_only_on_chips_that_are_trusted_as_it_demands() -> None:
    demanding = gather(small(("    input_tokens: 1000\n", "    input_tokens: 1000\n    trust: [attestation]\n")))
    left = {one.system: one.detail for one in demanding.excluded if one.reason == "not_trusted"}
    assert left == {"mi300x-8way": "assistant: attestation: not found"}
    assert {option.system.id for option in demanding.options} == systems(gather(small())) - {"mi300x-8way"}


def test_an_undocumented_feature_passes_only_where_the_scenario_says_so() -> None:
    said = ("    input_tokens: 1000\n", "    input_tokens: 1000\n    trust: [mlps]\n")
    refusing = gather(small(said))
    lenient = gather(small(said, more="accept: {undocumented_trust: true}\n"))
    assert not refusing.options
    assert systems(lenient) == systems(gather(small()))
    assert len(lenient.options) > 1
