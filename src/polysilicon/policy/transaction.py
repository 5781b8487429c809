"""The act that is judged: what is done, from where, to whom, for what."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from polysilicon.policy.vocabulary import AMOUNTS, EXPORTER_ROLES
from polysilicon.records.errors import InputError, Place, UnknownName
from polysilicon.records.names import nearest

Activity = Literal[
    "export", "reexport", "transfer", "import", "use", "send_data", "train", "place_on_market", "offer", "operate"
]
ACTIVITIES: tuple[str, ...] = get_args(Activity)
ANYWHERE = "any"


@dataclass(frozen=True)
class Transaction:
    """One act over items.

    Places are ISO 3166-1 alpha-2 codes. `to` may be `any` where the place of use is left open. A
    `headquarters` (that of the party or of its ultimate parent) that is not given is taken to be in `to`;
    other absent fields stay unsaid. `export` to `use` are done to goods and technology; `send_data` to data on
    persons; `train` and `place_on_market` to models; `offer` to services; `operate` to sites. Amounts are in the
    unit that the vocabulary states; one that is absent is taken to be below every line.
    """

    to: str
    exported_from: str | None = None
    headquarters: str | None = None
    party: str | None = None
    activity: Activity = "export"
    end_use: str | None = None
    onward_to: str | None = None
    region: str | None = None
    exporter_role: str | None = None
    party_kind: str | None = None
    listed_ownership_pct: float | None = None
    site_fp64_pflops: float | None = None
    site_fp32_pflops: float | None = None

    @classmethod
    def read(cls, said: Mapping[str, str]) -> "Transaction":
        """The act that a row of words states: columns named as the fields, empty cells unsaid, others ignored.

        Raises:
            InputError: an amount that is no number.
        """
        words: dict[str, Any] = {name: said[name] for name in cls.__dataclass_fields__ if said.get(name)}
        for amount in AMOUNTS.keys() & words.keys():
            try:
                words[amount] = float(words[amount])
            except ValueError:
                place = Place(field=amount)
                raise InputError("is not a number", place=place, found=words[amount], allowed="0 or more") from None
        role = words.get("exporter_role")
        if role is not None:
            words["exporter_role"] = EXPORTER_ROLES.get(role.casefold(), role)
        return cls(**{"to": "", **words})

    def place(self, field: str) -> str | None:
        """The code in one of the place fields; `None` where it is not said."""
        code: str | None = getattr(self, field)
        return self.to if field == "headquarters" and code is None else code

    def check(self, codes: frozenset[str]) -> None:
        """Refuse a place that is no ISO code and an activity that no rule speaks of.

        Raises:
            UnknownName: a place or activity nobody knows.
            InputError: no destination.
        """
        if not self.to:
            raise InputError("a transaction needs a destination", allowed="an ISO 3166-1 alpha-2 code such as CN")
        if self.activity not in ACTIVITIES:
            raise UnknownName(
                f"unknown activity {self.activity!r}", allowed=ACTIVITIES, nearest=nearest(self.activity, ACTIVITIES)
            )
        for amount in AMOUNTS:
            said: float | None = getattr(self, amount)
            most = 100.0 if amount.endswith("_pct") else math.inf
            if said is not None and not (0.0 <= said <= most and said < math.inf):
                allowed = "0 to 100" if amount.endswith("_pct") else "a number of 0 or more"
                raise InputError(f"{amount} is not a quantity", found=said, allowed=allowed)
        self._check_words()
        for field in ("to", "exported_from", "headquarters", "onward_to"):
            code = getattr(self, field)
            if code is None or code in codes or (field == "to" and code == ANYWHERE):
                continue
            raise UnknownName(
                f"{field}: no rule knows the region {code!r}",
                allowed="ISO 3166-1 alpha-2 codes such as CN, US, AE",
                nearest=_near(code, codes),
                remedy=None
                if len(code) == 2
                else "write the code, not the name: CN for China, US for the United States",
            )

    def _check_words(self) -> None:
        if self.exporter_role is not None and self.exporter_role not in EXPORTER_ROLES.values():
            roles = tuple(EXPORTER_ROLES)
            wrong = f"exporter_role: no rule knows {self.exporter_role!r}"
            raise UnknownName(wrong, allowed=roles, nearest=nearest(self.exporter_role, roles))
        if self.region is not None and not re.fullmatch(rf"{self.to}-[A-Z0-9]{{1,3}}", self.region):
            raise InputError(
                "region: is no subdivision of the place",
                found=self.region,
                allowed=f"an ISO 3166-2 code that begins with {self.to}-, such as CN-BJ or US-CA",
            )


def _near(code: str, codes: frozenset[str]) -> list[str]:
    """Codes that `code` may have been meant for; a country's name is near none, as codes are not its letters."""
    if len(code) > 3:
        return []
    return nearest(code, codes) or sorted(one for one in codes if one[0] == code[:1].upper())[:3]
