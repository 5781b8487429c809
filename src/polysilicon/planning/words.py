"""Limits in the user's own words, and the notes that every plan carries."""

from collections.abc import Iterator

from polysilicon.energy import pue, pue_allowed
from polysilicon.facts import Catalogue
from polysilicon.planning.costing import region_of
from polysilicon.planning.limit import Limit
from polysilicon.scenario import Scenario

NOTES = (
    "Cost counts owned hardware as an annuity over its life, within the horizon; cash counts it in full when ordered.",
    "Contracts that run past the horizon are counted to its end.",
    "A power cap holds for everything that stands at the site, rented or owned.",
    "Vendor and country shares are of what hardware (as an annuity) and rent cost over the horizon.",
    "Throughput is what is reached with the scenario's confidence; a training rate is taken per chip of its job.",
    "Law is judged on the first day of the quarter of delivery, or of the start of a rent.",
    "The front of cost and carbon is of relaxed plans (fractions of units); the plan itself is in whole units.",
    "What a shock costs is the difference of two plans, each within its own gap: a change smaller than that is noise.",
    "Supply that the scenario doesn't state is taken as enough; the assumptions list the systems it is true of.",
    "Survival after a shock is the mean over workloads of the fraction of what they still asked for that is met.",
)


def site_notes(catalogue: Catalogue, scenario: Scenario) -> Iterator[str]:
    """Of each site with a limit on its PUE: whether the PUE that is planned with keeps it."""
    for name, site in scenario.sites.items():
        region = region_of(catalogue, site)
        planned = pue(catalogue, region)
        allowed = pue_allowed(region, planned)
        if allowed is None:
            continue
        said = "keeps" if allowed.certainly else "may break" if allowed.possibly else "breaks"
        scope = f" ({region.pue_limit_scope})" if region.pue_limit_scope else ""
        yield (
            f"{name} is planned at a PUE of {planned.value:.3g} ({planned.low:.3g} to {planned.high:.3g}), which "
            f"{said} the limit read for {region.name}: {region.pue_limit:.3g}{scope}."
        )


def in_words(limit: Limit, scenario: Scenario) -> str:
    """A limit as the scenario states it."""
    given = scenario.limits
    subject, name = limit
    if subject == "demand":
        return f"demand of {name}"
    if subject == "power":
        return f"sites.{name}.power_cap_kw: {_short(scenario.sites[name].power_cap_kw)}"
    if subject == "supply":
        rows = [row for row in scenario.supply if name.startswith(row.system)]
        return f"supply of {name}: {_short(rows[0].units_per_quarter)} units a quarter" if rows else f"supply of {name}"
    return {
        ("law", ""): f"accept.permissions: {', '.join(scenario.accept.permissions)} (what is lawful)",
        ("opens", ""): "sites.*.opens (sites that open later)",
        ("lead_time", ""): "lead times from order to delivery",
        ("budget", "total"): f"limits.budget_musd: {_short(given.budget_musd)}",
        ("budget", "quarter"): f"limits.budget_musd_per_quarter: {_short(given.budget_musd_per_quarter)}",
        ("carbon", "year"): f"limits.carbon_t_per_year: {_short(given.carbon_t_per_year)}",
        ("water", "year"): f"limits.water_m3_per_year: {_short(given.water_m3_per_year)}",
        ("share", "vendor"): f"limits.vendor_share_max: {_short(given.vendor_share_max)}",
        ("share", "country"): f"limits.country_share_max: {_short(given.country_share_max)}",
    }.get((subject, name), f"{subject} {name}".strip())


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {amount:g}" for name, amount in value.items())
    return f"{value:g}" if isinstance(value, float | int) else str(value)
