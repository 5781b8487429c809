"""A plan to show: the smallest one that fills every section."""

import msgspec
import pytest

from polysilicon.planning.plan import Plan

QUARTERS = ["2026-Q4", "2027-Q1", "2027-Q2", "2027-Q3", "2027-Q4", "2028-Q1", "2028-Q2", "2028-Q3"]


def purchase(**changes: object) -> dict[str, object]:
    return {
        "quarter": "2026-Q4",
        "delivered": "2027-Q1",
        "until": None,
        "site": "oregon",
        "region": "us-or-thedalles",
        "entity": "ours-us",
        "system": "dgx-b200",
        "system_name": "DGX B200",
        "vendor": "NVIDIA",
        "contract": "own",
        "units": 40,
        "chips": 320,
        "unit_price_usd": 500_000.0,
        "price_basis": "press estimate",
        "price_confidence": "press",
        "cost_musd": 20.0,
        "verdict": "V1",
        "assumed_law": True,
        "figure": "purchase/0",
        **changes,
    }


def verdict(**changes: object) -> dict[str, object]:
    return {
        "id": "V1",
        "system": "dgx-b200",
        "chip": "nvidia-b200-sxm",
        "site": "oregon",
        "exported_from": "US",
        "country": "US",
        "entity": "ours-us",
        "on": "2027-01-01",
        "quarter": "2027-Q1",
        "until": "2028-Q3",
        "permission": "free",
        "accepted": True,
        "outcome": "no_licence_requirement",
        "item_class": "3A090.a",
        "citation": "88 FR 73458",
        "margin": "TPP 36,000, 31,200 above 4,800",
        "assumed": True,
        "note": "",
        **changes,
    }


@pytest.fixture
def sample() -> dict[str, object]:
    by_quarter = [
        {
            "quarter": quarter,
            "cost_musd": 5.0,
            "hardware_musd": 3.0,
            "rent_musd": 0.5,
            "running_musd": 1.0,
            "porting_musd": 0.5,
            "cash_musd": 20.0 if quarter == "2026-Q4" else 2.0,
            "power_kw": 690.0,
            "energy_mwh": 1200.0,
            "carbon_t": 200.0,
            "carbon_operational_t": 190.0,
            "carbon_embodied_t": 10.0,
            "water_m3": 300.0,
        }
        for quarter in QUARTERS
    ]
    fleet = [
        {"quarter": quarter, "site": "oregon", "system": "dgx-b200", "contract": "own"}
        | {"units": 40, "chips": 320, "power_kw": 690.0}
        for quarter in QUARTERS[1:]
    ]
    shock = {
        "name": "NVIDIA cut off",
        "kind": "vendor_cutoff",
        "description": "no NVIDIA deliveries from 2027-Q2",
        "quarter": "2027-Q2",
        "survives_at_once": 0.71,
        "survives": 0.97,
        "by_workload": [{"workload": "chat", "at_once": 0.6, "after_buying": 0.95}],
        "cost_musd": 43.0,
        "cost_change_musd": 3.0,
        "carbon_t": 1650.0,
        "bought_again": [purchase(quarter="2027-Q2", delivered="2027-Q3", system="mi355x-8", vendor="AMD")],
        "lost": ["5 x dgx-b200 ordered 2027-Q1 for oregon"],
        "status": "optimal",
        "gap": 0.008,
        "seconds": 2.0,
    }
    point = {"carbon_t": 1600.0, "cost_musd": 40.0, "objective_musd": 36.0, "limit_t": None}
    return {
        "schema_version": 1,
        "name": "Test Labs",
        "as_of": "2026-11-24",
        "catalogue_hash": "0123456789abcdef",
        "quarters": QUARTERS,
        "confidence": 0.8,
        "sites": [
            {"id": "oregon", "region": "us-or-thedalles", "name": "The Dalles", "country": "US", "entity": "ours-us"}
            | {"lat": 45.6, "lon": -121.18, "power_cap_kw": [8000.0] * 8}
        ],
        "workloads": [
            {"id": "chat", "kind": "serve", "model": "deepseek-v3", "entity": "ours-us", "unit": "requests/s"}
            | {"unvalidated": True, "note": "few measured cases"}
        ],
        "purchases": [
            purchase(),
            purchase(system="mi300x-8", vendor="AMD", price_confidence="official", contract="reserve"),
        ],
        "fleet": fleet,
        "assignments": [
            {"workload": "chat", "quarter": "2027-Q1", "site": "oregon", "system": "dgx-b200", "units": 32.0}
            | {"throughput": 55.0, "share": 1.0, "unit": "requests/s"}
        ],
        "demand": [
            {"workload": "chat", "quarter": quarter, "demand": 40.0, "met": 38.0, "unit": "requests/s"}
            for quarter in QUARTERS[1:]
        ],
        "by_quarter": by_quarter,
        "totals": {
            "objective_musd": 36.0,
            "cost_musd": 40.0,
            "cash_musd": 34.0,
            "energy_mwh": 9600.0,
            "carbon_t": 1600.0,
            "water_m3": 2400.0,
            "peak_power_kw": 690.0,
            "chips": 640,
            "demand_met": 0.95,
        },
        "legality": [
            verdict(),
            verdict(id="V3", site="guizhou", country="CN", permission="licence", accepted=False, note="ask counsel"),
        ],
        "shocks": [shock],
        "pareto": [
            {**point, "gap": 0.006, "method": "MILP", "chosen": True},
            {**point, "carbon_t": 800.0, "cost_musd": 50.0, "limit_t": 800.0, "gap": None, "method": "LP relaxation"},
        ],
        "solve": {"status": "optimal", "gap": 0.006, "bound_musd": 35.8, "seconds": 4.2}
        | {"variables": 5200, "integers": 1400, "rows": 4100, "solver": "HiGHS"},
        "seconds": 14.2,
        "binding": [
            {"limit": "power cap of oregon", "quarter": "2027-Q3", "used": 8000.0, "allowed": 8000.0, "unit": "kW"}
            | {"worth": 0.0004, "worth_unit": "M USD a kW"}
        ],
        "weak": [
            {"record": "system/dgx-b200", "field": "price_usd", "confidence": "press", "value": 500_000.0}
            | {"low": 450_000.0, "high": 560_000.0, "unit": "USD", "source": "press estimate", "used_for": "40 units"}
        ],
        "unknowns": [
            {"what": "price of Atlas 950", "record": "system/atlas-950", "field": "price_usd", "now": None}
            | {"switch": 1.9e6, "low": None, "high": None, "unit": "USD", "effect": "enters at guizhou", "method": "LP"}
        ],
        "assumed_law_share": 1.0,
        "vendor_shares": {"NVIDIA": 0.5, "AMD": 0.5},
        "country_shares": {"US": 1.0},
        "excluded": [
            {"system": "atlas-950", "site": "guizhou", "reason": "price_unknown", "detail": "no source gives a price"}
            | {"enters_below_usd": 1.9e6}
        ],
        "notes": ["Power caps cover everything that runs at the site."],
        "figures": {
            "cost_musd": {
                "id": "cost_musd",
                "label": "Cost of the plan",
                "value": 40.0,
                "unit": "M USD",
                "terms": [
                    {"label": "2026-Q4", "quantity": 1.0, "coefficient": 40.0, "unit": "M USD", "reference": "input:x"}
                ],
            }
        },
        "scenario_file": "scenario.yaml",
        "scenario": {"name": "Test Labs"},
    }


@pytest.fixture
def plan(sample: dict[str, object]) -> Plan:
    return msgspec.convert(sample, Plan)
