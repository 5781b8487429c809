"""From hours to tokens and runs."""

from polysilicon.records.bounded import Amount
from polysilicon.records.recorder import formula
from polysilicon.records.units import MEGA, S_PER_H


@formula
def usd_per_mtoken(usd_per_h: Amount, tokens_per_s: Amount) -> Amount:
    """Cost of a million tokens at a throughput.

    Source: definition: hourly cost over hourly tokens.
    """
    return usd_per_h / (tokens_per_s * S_PER_H) * MEGA


@formula
def usd_per_run(usd_per_h: Amount, hours: Amount) -> Amount:
    """Cost of a run that takes so many hours.

    Source: definition: hourly cost times hours.
    """
    return usd_per_h * hours
