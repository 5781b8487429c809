"""A page: a whole plan, or a whole validation, in one file that opens with no network.

Everything a user wrote reaches the page escaped: text by the template engine, data as JSON whose `<` is written
as an escape. A content policy in the page lets only our two scripts run, by their hashes, and nothing be fetched.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache, partial
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from polysilicon import __version__
from polysilicon.planning.plan import Plan
from polysilicon.records.units import unit_of
from polysilicon.report import figures, ledger
from polysilicon.report.doubt import doubted
from polysilicon.report.words import cell, label, number, short

_SCRIPTS = ("vendor/echarts.min.js", "templates/charts.js")


def render(plan: Plan, validation: Mapping[str, Any] | None = None) -> str:
    """The page of a plan; `validation` are the summaries, by subject, that say how far estimates can be trusted."""
    return document(
        "report.html",
        figures.charts(plan),
        plan=plan,
        told=ledger.headlines(plan),
        unit_costs=ledger.unit_costs(plan),
        purchases=ledger.purchases(plan),
        standing=ledger.standing(plan),
        met=ledger.met(plan),
        limits=ledger.full(plan),
        running=ledger.running(plan),
        relied_on=ledger.relied_on(plan),
        other_verdicts=ledger.other_verdicts(plan),
        excluded=ledger.excluded(plan),
        cost_change=partial(ledger.cost_change, plan),
        validation=validation or {},
        scenario=json.dumps(plan.scenario, indent=2, ensure_ascii=False, default=str),
    )


def document(template: str, charts: Mapping[str, figures.Chart], **told: Any) -> str:
    """A page in one file: a template with its charts as data, our style and the two scripts that draw."""
    scripts = [_text(name) for name in _SCRIPTS]
    return (
        _environment()
        .get_template(template)
        .render(
            **told,
            version=__version__,
            charts=charts,
            charts_json=embedded({name: chart.to_dict() for name, chart in charts.items()}),
            style=Markup(_text("templates/style.css")),  # noqa: S704 - our own file
            scripts=[Markup(one) for one in scripts],  # noqa: S704 - our own files
            script_hashes=" ".join(_hash(one) for one in scripts),
        )
    )


def plain_document(template: str, **told: Any) -> str:
    """A page without a script: a template with our style."""
    style = Markup(_text("templates/style.css"))  # noqa: S704 - our own file
    return _environment().get_template(template).render(**told, version=__version__, style=style)


def embedded(data: Any) -> Markup:
    """Data as JSON that can stand inside a script element: nothing in it can close the element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704 - escaped above


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("polysilicon.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(cell=cell, number=number, label=label, short=short)
    environment.filters["standing_in_law"] = ledger.standing_in_law
    environment.tests["doubted"] = doubted
    environment.tests["warned"] = ledger.warned
    environment.globals["unit_of"] = unit_of
    return environment


@cache
def _text(name: str) -> str:
    return (files("polysilicon.report") / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
