"""What the law asks beside the export of chips: may a site run as it is, may data leave, what a trained model owes.

A site that is certainly outside a limit is used in no quarter in which it is. Where the scenario does not say what a
rule asks (was it built after the rule, does it stand in a hub), the row says so and the site is used. Data that may
not leave, or of which that is not known, stay.
"""

import datetime as dt
import functools
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from polysilicon.facts import Catalogue
from polysilicon.facts.places import Region
from polysilicon.performance.domain import refuse_unmodelled
from polysilicon.planning.plan import RequirementRow
from polysilicon.policy import Transaction, Verdict, described, verdict
from polysilicon.records.errors import Unsupported
from polysilicon.records.interval import Bools
from polysilicon.scenario import Building, Flow, Opened, Scenario, Train, steps
from polysilicon.workloads import Transformer, describe
from polysilicon.workloads.counts import Shape

DENIED = frozenset({"licence_denied", "blocked"})


@dataclass(frozen=True)
class Question:
    """One thing and one act; `subject` is whose it is, in the scenario's own word."""

    subject: str
    kind: str
    words: tuple[tuple[str, str], ...]
    act: Transaction

    def on(self, catalogue: Catalogue, day: dt.date) -> Verdict | None:
        """The verdict of a day; nothing where no law that was read hears the act, or none was read so early."""
        try:
            items = described(catalogue, "", self.kind, dict(self.words))
            return verdict(catalogue, items, self.act, day, flips=False)
        except Unsupported:
            return None


def site_questions(catalogue: Catalogue, scenario: Scenario) -> Iterator[Question]:
    """The operation of each site."""
    for name, site in scenario.sites.items():
        region = catalogue.get(Region, site.region)
        pue = site.pue or region.typical_pue
        words = {} if pue is None else {"pue": f"{pue}"}
        if site.power_cap_kw is not None and pue is not None:
            words["it_kw"] = f"{float(np.max(steps(site.power_cap_kw, scenario.periods))) / pue}"
        building = site.building or Building()
        act = Transaction(region.country, activity="operate", region=building.subdivision)
        yield Question(name, "site", _said(words, building, leave_out=("subdivision",)), act)


def data_questions(opened: Opened) -> Iterator[Question]:
    """The data of each workload that says where they are held, sent to each country with a site of its entity."""
    for name, load in opened.scenario.workloads.items():
        if load.data is None:
            continue
        homes = [site for site in opened.scenario.sites.values() if site.entity == load.entity]
        for country in dict.fromkeys(opened.catalogue.get(Region, site.region).country for site in homes):
            if country != load.data.held_in:
                yield data_question(name, load.data, country)


def data_question(name: str, flow: Flow, to: str) -> Question:
    """One flow of data to one country."""
    act = Transaction(to, exported_from=flow.held_in, activity="send_data")
    return Question(name, "data", _said({}, flow, leave_out=("held_in",)), act)


def model_questions(opened: Opened) -> Iterator[Question]:
    """Each trained model where it is placed on the market, by the operations of its largest run.

    Raises:
        Unsupported: the training of a model is not modelled.
    """
    for name, load in opened.scenario.workloads.items():
        if not isinstance(load, Train):
            continue
        model = describe(opened.catalogue, load.model)
        tokens = max((run.tokens_bn or 0.0 for run in load.runs), default=0.0)
        words = {}
        if isinstance(model, Transformer) and tokens:
            refuse_unmodelled(model)
            each = float(np.ravel(Shape.of(model).training_flop_per_token(float(load.sequence_tokens)))[0])
            words["train_flop"] = f"{each * tokens * 1e9}"
        for market in load.markets:
            act = Transaction(market, activity="place_on_market")
            yield Question(name, "model", tuple(words.items()), act)


def _said(words: dict[str, str], record: Building | Flow, leave_out: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The words of a record that are said, as a question states them."""
    plain = msgspec.to_builtins(record)
    said = {name: value for name, value in plain.items() if value is not None and name not in leave_out}
    return tuple({**words, **{name: _word(value) for name, value in said.items()}}.items())


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def sites_open(catalogue: Catalogue, scenario: Scenario) -> dict[str, Bools]:
    """For each site, the quarters in which no limit that it certainly misses forbids it to run."""
    days = [quarter.first_day for quarter in scenario.periods]
    found: dict[str, Bools] = {}
    for question in site_questions(catalogue, scenario):
        told = [question.on(catalogue, day) for day in days]
        found[question.subject] = np.asarray([one is None or one.permission not in DENIED for one in told])
    return found


def data_may_go(opened: Opened, flow: Flow, to: str) -> bool:
    """Whether data may be sent to a country in every quarter, under the permissions that the scenario accepts."""
    days = tuple(quarter.first_day for quarter in opened.scenario.periods)
    return to == flow.held_in or _may_go(opened.catalogue, flow, to, days, opened.scenario.accept.permissions)


@functools.lru_cache(maxsize=512)
def _may_go(catalogue: Catalogue, flow: Flow, to: str, days: tuple[dt.date, ...], accepted: tuple[str, ...]) -> bool:
    told = [data_question("", flow, to).on(catalogue, day) for day in days]
    return all(one is None or one.permission in accepted for one in told)


def rows(opened: Opened) -> list[RequirementRow]:
    """Every question over the quarters that read the same."""
    found: list[RequirementRow] = []
    questions = [*site_questions(opened.catalogue, opened.scenario), *data_questions(opened), *model_questions(opened)]
    for question in questions:
        spans: list[RequirementRow] = []
        for quarter in opened.scenario.periods:
            told = question.on(opened.catalogue, quarter.first_day)
            if told is None:
                continue
            row = _row(question, told, str(quarter), opened.scenario.accept.permissions)
            if spans and _same(spans[-1], row):
                spans[-1] = msgspec.structs.replace(spans[-1], until=row.until)
            else:
                spans.append(row)
        found += spans
    return found


def _row(question: Question, told: Verdict, quarter: str, accepted: tuple[str, ...]) -> RequirementRow:
    fails = told.permission in DENIED if question.kind == "site" else told.permission not in accepted
    return RequirementRow(
        subject=question.subject,
        kind=question.kind,
        place=question.act.to,
        act=question.act.activity,
        quarter=quarter,
        until=quarter,
        permission=told.permission,
        accepted=not fails,
        item_class=told.item_class,
        outcome=told.consequence,
        duties=list(told.duties),
        missing=list(told.missing),
        could_be=list(told.could_be),
        citation="; ".join(told.citations),
        assumed=told.assumed,
    )


def _same(one: RequirementRow, other: RequirementRow) -> bool:
    return msgspec.structs.replace(one, quarter="", until="") == msgspec.structs.replace(other, quarter="", until="")
