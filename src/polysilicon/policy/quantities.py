"""Defined quantities from an item's fields, by the definition in force: intervals in, intervals out."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np

from polysilicon.facts.law import Definition
from polysilicon.policy.items import Items
from polysilicon.policy.vocabulary import DAYS, FIELDS
from polysilicon.records.errors import InputError, Place
from polysilicon.records.interval import Interval

NOTHING_KNOWN = Interval(np.asarray(0.0), np.asarray(np.inf))


def quantity(name: str, items: Items, definitions: Mapping[str, Definition], on: dt.date) -> Interval:
    """The value of a defined quantity, or of a plain field, for every item on a day; unknown where nothing gives it.

    A number that the items state themselves under that name counts before the definition's formula.
    """
    if name in items.fields:
        return items.fields[name]
    if name not in definitions:
        return NOTHING_KNOWN
    formula = definitions[name].formula
    if "field" in formula:
        return items.fields.get(formula["field"], NOTHING_KNOWN)
    if "greatest_published" in formula:
        return _greatest_published(formula["greatest_published"], items)
    if "years_since" in formula:
        return _years_since(items.fields.get(formula["years_since"], NOTHING_KNOWN), on)
    if "sum" in formula:
        first, *rest = (quantity(part, items, definitions, on) for part in formula["sum"])
        for part in rest:
            first = first + part
        return first
    over, under = (quantity(part, items, definitions, on) for part in formula["ratio"])
    return _ratio(over, under)


def fields_of(name: str, definitions: Mapping[str, Definition]) -> tuple[str, ...]:
    """The fields of an item that a quantity rests on."""
    if name not in definitions:
        return (name,)
    formula = definitions[name].formula
    if "field" in formula:
        return (formula["field"],)
    if "years_since" in formula:
        return (formula["years_since"],)
    if "greatest_published" in formula:
        return tuple(formula["greatest_published"])
    parts: list[str] = formula.get("sum") or formula["ratio"]
    return tuple(dict.fromkeys(field for part in parts for field in fields_of(part, definitions)))


def check_formula(definition: Definition) -> None:
    """Refuse a formula of a form that nothing here evaluates.

    Raises:
        InputError: it is not exactly one of the five forms.
    """
    formula = definition.formula
    fits = {
        "field": lambda said: said in FIELDS,
        "years_since": lambda said: said in DAYS,
        "sum": lambda said: _names(said) and len(said) > 0,
        "ratio": lambda said: _names(said) and len(said) == 2,
        "greatest_published": _is_factors,
    }
    [form, *more] = formula or [""]
    if more or form not in fits or not fits[form](formula[form]):
        raise InputError(
            "is no formula of a quantity",
            place=Place(definition.theirs or None, None, f"definitions.{definition.id}.formula"),
            found=formula,
            allowed="{field: name}, {sum: [..]}, {ratio: [over, under]}, {years_since: day} or "
            "{greatest_published: {field: factor}}",
        )


def parts_of(definition: Definition) -> tuple[str, ...]:
    """The other quantities that a definition is made of."""
    return tuple(definition.formula.get("sum") or definition.formula.get("ratio") or ())


def _names(said: object) -> bool:
    return isinstance(said, list) and all(isinstance(one, str) for one in said)


def _is_factors(said: object) -> bool:
    return isinstance(said, dict) and all(
        field in FIELDS and isinstance(factor, int | float) and not isinstance(factor, bool)
        for field, factor in said.items()
    )


def _greatest_published(factors: Mapping[str, Any], items: Items) -> Interval:
    lo, hi = np.full(items.count, -np.inf), np.full(items.count, -np.inf)
    for field, factor in factors.items():
        rate = items.fields.get(field)
        if rate is None:
            continue
        published = np.isfinite(rate.hi)
        lo = np.where(published, np.maximum(lo, rate.lo * factor), lo)
        hi = np.where(published, np.maximum(hi, rate.hi * factor), hi)
    none = np.isneginf(hi)
    return Interval(np.where(none, 0.0, lo), np.where(none, np.inf, hi))


def _years_since(day: Interval, on: dt.date) -> Interval:
    """Whole days since a day, in years of 365.25 days; none before it."""
    today = float(on.toordinal())
    lo, hi = np.maximum(today - day.hi, 0.0), np.maximum(today - day.lo, 0.0)
    return Interval(np.where(np.isfinite(day.hi), lo, 0.0) / 365.25, np.where(np.isfinite(day.hi), hi, np.inf) / 365.25)


def _ratio(over: Interval, under: Interval) -> Interval:
    """`over / under`; undefined (NaN, which meets no line) where `under` is certainly nothing."""
    undefined = under.hi == 0.0
    found = over.over(under)
    if not np.any(undefined):
        return found
    return Interval(np.where(undefined, np.nan, found.lo), np.where(undefined, np.nan, found.hi))
