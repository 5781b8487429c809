"""What computing costs: owned, reserved or on demand, by the hour, the token and the run.

Architecture in one paragraph: `offers` gathers what was published of a system or chip; `prices` finds the quote
nearest to a day, widens it with its age and says where it came from, or that the price is unknown; `tariff` is the
price of power by region, vendor country and day; `capital` holds the formulas that turn money spent once into money
per hour; `cost` puts them together into the hourly cost of one system, term by term; `memory` says how much of a price
is memory and what a memory-price shock does to it; `unit_prices` turns hours into tokens and runs.
Electrical figures come in as arguments, so that this room and energy stay apart. Formulas work on floats, arrays and
`records.bounded.Bounded` alike.
"""

from polysilicon.economics.capital import capital_recovery_per_year, ownership_usd_per_h
from polysilicon.economics.cost import Cost, Owner, own, rent
from polysilicon.economics.memory import memory_cost_share, memory_usd_per_gb, shocked_price
from polysilicon.economics.prices import Contract, Quote, price_of
from polysilicon.economics.tariff import tariff
from polysilicon.economics.unit_prices import usd_per_mtoken, usd_per_run

__all__ = [
    "Contract",
    "Cost",
    "Owner",
    "Quote",
    "capital_recovery_per_year",
    "memory_cost_share",
    "memory_usd_per_gb",
    "own",
    "ownership_usd_per_h",
    "price_of",
    "rent",
    "shocked_price",
    "tariff",
    "usd_per_mtoken",
    "usd_per_run",
]
