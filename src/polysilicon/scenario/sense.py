"""Whether a scenario makes sense: every name resolved to an id, every reference checked, with the line it stands on."""

from collections.abc import Collection, Iterable
from typing import TypeVar

import msgspec

from polysilicon.facts import Catalogue, Record
from polysilicon.facts.architectures import ModelCard
from polysilicon.facts.hardware import Chip, SoftwareStack, System
from polysilicon.facts.places import Region
from polysilicon.performance.serving_formats import DENSE, EXPERTS
from polysilicon.performance.values import PRECISIONS
from polysilicon.policy.law import law_of
from polysilicon.records.dates import Quarter
from polysilicon.records.document import Document, Key
from polysilicon.records.errors import InputError, UnknownName
from polysilicon.records.names import nearest
from polysilicon.scenario.amount import ramp
from polysilicon.scenario.shape import (
    MemoryShock,
    PowerShock,
    Quote,
    RuleShock,
    Scenario,
    Serve,
    Train,
    VendorShock,
    Workload,
)
from polysilicon.workloads import Transformer, describe
from polysilicon.workloads.describe import card_of

Named = TypeVar("Named", bound=msgspec.Struct)

AHEAD_QUARTERS = 20  # five years: longer than a generation of hardware and its prices last


def resolved(document: Document, scenario: Scenario, catalogue: Catalogue) -> Scenario:
    """The scenario with every name of a system, region, model or stack as the catalogue's id.

    Raises:
        UnknownName, AmbiguousName: placed at the line of the name.
    """

    def one(kind: type[Record], name: str, key: Key) -> str:
        try:
            return catalogue.get(kind, name).id
        except InputError as complaint:
            raise complaint.at(document.place(key)) from complaint

    def model(name: str, key: Key) -> str:
        try:
            return card_of(catalogue, name).id
        except InputError as complaint:
            raise complaint.at(document.place(key)) from complaint

    def rows(table: Iterable[Named], key: str) -> tuple[Named, ...]:
        return tuple(
            msgspec.structs.replace(row, system=one(System, getattr(row, "system"), (key, at, "system")))  # noqa: B009
            for at, row in enumerate(table)
        )

    sites = {
        name: msgspec.structs.replace(site, region=one(Region, site.region, ("sites", name, "region")))
        for name, site in scenario.sites.items()
    }
    workloads: dict[str, Workload] = {}
    for name, load in scenario.workloads.items():
        key: Key = ("workloads", name)
        changes: dict[str, object] = {
            "model": model(load.model, (*key, "model")),
            "stacks": tuple(one(SoftwareStack, stack, (*key, "stacks", at)) for at, stack in enumerate(load.stacks)),
        }
        if isinstance(load, Serve):
            changes["precisions"] = load.precisions or _named_format(catalogue, load.model)
            changes["users"] = tuple(one(Region, place, (*key, "users", at)) for at, place in enumerate(load.users))
        workloads[name] = msgspec.structs.replace(load, **changes)
    return msgspec.structs.replace(
        scenario,
        sites=sites,
        workloads=workloads,
        systems=tuple(one(System, name, ("systems", at)) for at, name in enumerate(scenario.systems)),
        fleet=rows(scenario.fleet, "fleet"),
        quotes=rows(scenario.quotes, "quotes"),
        supply=rows(scenario.supply, "supply"),
        lead_times=rows(scenario.lead_times, "lead_times"),
    )


def _named_format(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    """The format that a checkpoint's name says, where it is another than its model is published in."""
    named, plain = describe(catalogue, name), describe(catalogue, card_of(catalogue, name).id)
    if not (isinstance(named, Transformer) and isinstance(plain, Transformer)):
        return ()
    return () if named.asked_precision == plain.precision else (named.asked_precision,)


def check(document: Document, scenario: Scenario, catalogue: Catalogue) -> None:
    """Every reference inside the scenario.

    Raises:
        InputError: the first that does not hold, with its line.
    """
    _check_quarters(document, scenario)
    codes = law_of(catalogue, scenario.as_of, "enforced").codes
    for name, entity in scenario.entities.items():
        for field in ("headquarters", "ultimate_parent"):
            _country(document, ("entities", name, field), getattr(entity, field), codes)
    for name, site in scenario.sites.items():
        _known(document, ("sites", name, "entity"), site.entity, scenario.entities, "entity")
    for name, load in scenario.workloads.items():
        _check_workload(document, scenario, catalogue, name, load)
    for at, owned in enumerate(scenario.fleet):
        _known(document, ("fleet", at, "site"), owned.site, scenario.sites, "site")
        if owned.until is not None and Quarter.parse(owned.until) < scenario.periods[0]:
            raise InputError(
                "these units are gone before the horizon starts",
                place=document.place(("fleet", at, "until")),
                found=owned.until,
                allowed=f"a quarter from {scenario.periods[0]} on",
            )
    for at, source in enumerate(scenario.supply):
        for inner, site_name in enumerate(source.sites):
            _known(document, ("supply", at, "sites", inner), site_name, scenario.sites, "site")
    for at, quote in enumerate(scenario.quotes):
        _check_quote(document, at, quote)
        _check_once(document, scenario, at, quote)
        for inner, site_name in enumerate(quote.sites):
            _known(document, ("quotes", at, "sites", inner), site_name, scenario.sites, "site")
    _check_shocks(document, scenario, catalogue)


def _known(document: Document, key: Key, name: str, known: Collection[str], what: str) -> None:
    if name not in known:
        raise UnknownName(
            f"unknown {what} {name!r}",
            place=document.place(key),
            allowed=sorted(known),
            nearest=nearest(name, known, 1),
        )


def _country(document: Document, key: Key, code: str, codes: Collection[str]) -> None:
    if code not in codes:
        raise UnknownName(
            f"no rule knows the country {code!r}",
            place=document.place(key),
            allowed="ISO 3166-1 alpha-2 codes such as CN, US, AE",
            nearest=nearest(code, codes, 3),
        )


def _check_quarters(document: Document, scenario: Scenario) -> None:
    periods = scenario.periods
    first = Quarter.of(scenario.as_of)
    if periods[0] < first:
        raise InputError(
            "the horizon starts before the quarter of `as_of`: what is known on a day plans only what comes after it",
            place=document.place(("start",)),
            found=scenario.start,
            allowed=f"a quarter from {first} on",
        )
    if periods[0] - first > AHEAD_QUARTERS:
        raise InputError(
            "`as_of` is too long before the horizon: what was known then says too little of it",
            place=document.place(("as_of",)),
            found=scenario.as_of.isoformat(),
            allowed=f"a day from {periods[0] + -AHEAD_QUARTERS} to {periods[0]}",
        )
    for name, shock in scenario.shocks.items():
        if Quarter.parse(shock.start) not in periods:
            raise InputError(
                "starts outside the horizon",
                place=document.place(("shocks", name, "start")),
                found=shock.start,
                allowed=f"{periods[0]} to {periods[-1]}",
            )


def _formats(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    """Formats that the weights of a model can be served in: some are of mixtures of experts alone."""
    model = describe(catalogue, name)
    mixed = isinstance(model, Transformer) and model.experts > 0
    return tuple(EXPERTS if mixed else DENSE)


def _check_workload(document: Document, scenario: Scenario, catalogue: Catalogue, name: str, load: Workload) -> None:
    key: Key = ("workloads", name)
    _known(document, (*key, "entity"), load.entity, scenario.entities, "entity")
    kind = catalogue.get(ModelCard, load.model).kind
    formats = PRECISIONS if isinstance(load, Train) else _formats(catalogue, load.model)
    for at, precision in enumerate(load.precisions):
        _known(document, (*key, "precisions", at), precision, formats, "precision")
    if isinstance(load, Train):
        _check_runs(document, scenario, key, load, kind)
    else:
        _check_service(document, scenario, key, load, kind)
    homes = [site for site in scenario.sites.values() if site.entity == load.entity]
    countries = {catalogue.get(Region, site.region).country for site in homes}
    if not homes or (load.residency and not countries & set(load.residency)):
        raise InputError(
            "has nowhere to run: its entity has no site" + (" in its countries of residency" if homes else ""),
            place=document.place((*key, "residency" if homes else "entity")),
            found=list(load.residency) if homes else load.entity,
            allowed=sorted(countries) or None,
            remedy="give the entity a site there",
        )


def _check_runs(document: Document, scenario: Scenario, key: Key, load: Train, kind: str) -> None:
    wanted = "tokens_bn" if kind == "transformer" else "samples_bn"
    periods = scenario.periods
    for at, run in enumerate(load.runs):
        spot: Key = (*key, "runs", at)
        if getattr(run, wanted) is None or (run.tokens_bn is not None and run.samples_bn is not None):
            raise InputError(f"a run of a {kind} is measured by {wanted!r} alone", place=document.place(spot))
        first, last = Quarter.parse(run.start), Quarter.parse(run.finish)
        if last < first or first < periods[0] or periods[-1] < last:
            raise InputError(
                "a run must start before it finishes, inside the horizon",
                place=document.place((*spot, "finish")),
                found=f"{first} to {last}",
                allowed=f"{periods[0]} to {periods[-1]}",
            )


def _check_service(document: Document, scenario: Scenario, key: Key, load: Serve, kind: str) -> None:
    fields = {
        "transformer": ("requests_per_s", "input_tokens", "output_tokens", "ttft_ms", "tpot_ms"),
    }.get(kind, ("samples_per_s",))
    for field in fields:
        if getattr(load, field) is None:
            raise InputError(f"missing field {field!r}: serving a {kind} needs it", place=document.place(key))
    foreign = "samples_per_s" if kind == "transformer" else "requests_per_s"
    if getattr(load, foreign) is not None:
        raise InputError(
            f"serving a {kind} is not measured by {foreign!r}",
            place=document.place((*key, foreign)),
            allowed=list(fields),
        )
    asked = getattr(load, fields[0]) or 0.0
    if not ramp(asked, scenario.periods).any():
        raise InputError(
            "asks for nothing in any quarter of the horizon",
            place=document.place((*key, fields[0])),
            found=asked,
            allowed=f"a demand above 0 from {scenario.periods[0]} to {scenario.periods[-1]}",
        )


def _check_quote(document: Document, at: int, quote: Quote) -> None:
    wanted, other = (
        ("price_usd", "rent_usd_per_chip_h") if quote.contract == "own" else ("rent_usd_per_chip_h", "price_usd")
    )
    if getattr(quote, wanted) is None or getattr(quote, other) is not None:
        raise InputError(
            f"a quote for {quote.contract!r} states {wanted!r} alone", place=document.place(("quotes", at))
        )
    value = float(getattr(quote, wanted))
    if (quote.low or value) > value or (quote.high or value) < value:
        raise InputError(
            "low, value and high are out of order",
            place=document.place(("quotes", at)),
            found=[quote.low, value, quote.high],
        )


def _check_once(document: Document, scenario: Scenario, at: int, quote: Quote) -> None:
    """No earlier quote prices the same system under the same contract at the same site."""
    for earlier, other in enumerate(scenario.quotes[:at]):
        same = (other.system, other.contract) == (quote.system, quote.contract)
        if same and (not other.sites or not quote.sites or set(other.sites) & set(quote.sites)):
            raise InputError(
                f"{quote.system} has a quote for {quote.contract!r} already",
                place=document.place(("quotes", at)),
                remedy=f"keep this or quotes[{earlier}], or say other `sites`",
            )


def _check_shocks(document: Document, scenario: Scenario, catalogue: Catalogue) -> None:
    vendors = sorted({one.vendor for one in catalogue.every(System)} | {one.vendor for one in catalogue.every(Chip)})
    for name, shock in scenario.shocks.items():
        if isinstance(shock, VendorShock):
            _known(document, ("shocks", name, "vendor"), shock.vendor, vendors, "vendor")
        elif isinstance(shock, PowerShock):
            for at, site in enumerate(shock.sites):
                _known(document, ("shocks", name, "sites", at), site, scenario.sites, "site")
                if scenario.sites[site].power_cap_kw is None:
                    raise InputError(
                        f"the site {site!r} has no power cap to multiply",
                        place=document.place(("shocks", name, "sites", at)),
                    )
        elif isinstance(shock, RuleShock) and not shock.facts:
            raise InputError("brings no law", place=document.place(("shocks", name, "facts")))
        elif isinstance(shock, MemoryShock) and shock.factor == 1.0:
            raise InputError("changes nothing", place=document.place(("shocks", name, "factor")), found=shock.factor)
