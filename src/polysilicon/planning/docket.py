"""The legality table: one row for each system, place and entity, over the quarters that read the same."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip, System
from polysilicon.facts.places import Region
from polysilicon.planning.legality import Ruling, acts_of, margin, undetermined
from polysilicon.planning.options import Option, Options
from polysilicon.planning.plan import LegalityRow
from polysilicon.policy import Transaction, Verdict, verdict
from polysilicon.records.names import plain
from polysilicon.scenario import Scenario

EXPLAINED_MOST = 400


@dataclass
class Docket:
    """Rows as they are asked for; each verdict is explained once."""

    options: Options
    rows: list[LegalityRow] = field(default_factory=list)
    _by_span: dict[tuple[str, str, int], LegalityRow] = field(default_factory=dict)
    _explained_once: dict[tuple[str, Transaction, dt.date], Verdict] = field(default_factory=dict)

    def row(self, option: Option, quarter: int) -> LegalityRow:
        """The row that holds for an option in a quarter."""
        return self._row(option.system.id, option.chip, option.site, option.ruling, quarter)

    def unlawful(self) -> None:
        """Add a row for each system left out at a site because its law was not accepted there."""
        catalogue = self.options.opened.catalogue
        for one in self.options.excluded:
            of_a_part = one.reason in ("unlawful", "law_undetermined") and one.system != "any"
            if of_a_part and len(self.rows) < EXPLAINED_MOST:
                chip = catalogue.get(Chip, str(catalogue.get(System, one.system).chip_id))
                self._row(one.system, chip, one.site, self.options.rulings[one.site][chip.id], 0)

    def _row(self, system: str, chip: Chip, site: str, ruling: Ruling, quarter: int) -> LegalityRow:
        first, last = _span(ruling, quarter)
        key = (chip.id + plain(system), site, first)
        if key not in self._by_span:
            self._by_span[key] = self._explained(system, chip, site, ruling, first, last)
            self.rows.append(self._by_span[key])
        return self._by_span[key]

    def _explained(self, system: str, chip: Chip, site: str, ruling: Ruling, first: int, last: int) -> LegalityRow:
        opened, quarters = self.options.opened, self.options.quarters
        where = opened.scenario.sites[site]
        act = ruling.act[first]
        day = quarters[first].first_day
        if (chip.id, act, day) not in self._explained_once:
            self._explained_once[chip.id, act, day] = verdict(opened.catalogue, chip, act, day)
        found = self._explained_once[chip.id, act, day]
        return LegalityRow(
            id=f"V{len(self.rows) + 1}",
            system=system,
            chip=chip.id,
            site=site,
            exported_from=act.exported_from or chip.vendor_country,
            country=opened.catalogue.get(Region, where.region).country,
            entity=where.entity,
            on=quarters[first].first_day.isoformat(),
            quarter=str(quarters[first]),
            until=str(quarters[last]),
            permission=str(ruling.permission[first]),
            accepted=bool(ruling.accepted[first]),
            outcome=str(ruling.outcome[first]),
            item_class=str(ruling.item_class[first]),
            citation="; ".join(found.citations),
            margin=margin(opened.catalogue, found),
            assumed=bool(ruling.assumed[first]),
            note="; ".join((*found.conditions, *([undetermined(found)] if found.undetermined else []))),
        )


def verdicts_behind(catalogue: Catalogue, scenario: Scenario, rows: Sequence[LegalityRow]) -> list[Verdict]:
    """Every act behind rows of a legality table, explained; the same act on the same day once."""
    found: dict[tuple[str, Transaction, str], Verdict] = {}
    for row in rows:
        for act in acts_of(row.exported_from, row.country, scenario.entities[row.entity]):
            key = (row.chip, act, row.on)
            if key not in found:
                found[key] = verdict(catalogue, row.chip, act, dt.date.fromisoformat(row.on))
    return list(found.values())


def _span(ruling: Ruling, quarter: int) -> tuple[int, int]:
    """The first and last quarter around `quarter` for which the ruling reads the same."""

    def said(at: int) -> tuple[str, str, str, bool]:
        return (
            str(ruling.permission[at]),
            str(ruling.outcome[at]),
            str(ruling.item_class[at]),
            bool(ruling.assumed[at]),
        )

    first = last = quarter
    while first > 0 and said(first - 1) == said(quarter):
        first -= 1
    while last + 1 < len(ruling.permission) and said(last + 1) == said(quarter):
        last += 1
    return first, last
