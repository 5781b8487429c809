"""Measured energy of tokens: the identity behind it, and whether assumed power shares hold it."""

import pytest

from polysilicon.energy.power import token_energy_j_per_token
from polysilicon.facts import Catalogue
from polysilicon.facts.hardware import Chip
from polysilicon.facts.reading import assumed
from polysilicon.performance.power import load_power_kw

# Model and batch limit, chip, chips, tokens/s, W, J/token.
# Source: ML.ENERGY Leaderboard v3 data, last updated 16 February 2026.
MEASURED = [
    ("DeepSeek-V3.1, batch 8", "B200", 8, 450, 3854, 8.5655),
    ("DeepSeek-V3.1, batch 3072", "B200", 8, 9021, 5470, 0.6063),
    ("DeepSeek-R1-0528, batch 8", "B200", 8, 433, 4278, 9.8739),
    ("DeepSeek-R1-0528, batch 128", "B200", 8, 2999, 7126, 2.3762),
    ("Llama-3.1-70B-Instruct, batch 2048", "B200", 2, 10108, 1907, 0.1887),
    ("Llama-3.1-70B-Instruct, batch 8", "H100", 4, 470, 1765, 3.7587),
    ("Llama-3.1-70B-Instruct, batch 1024", "H100", 4, 6827, 2548, 0.3731),
    ("Llama-3.1-8B-Instruct, batch 8", "B200", 1, 1637, 639, 0.3905),
    ("Llama-3.1-8B-Instruct, batch 2048", "B200", 1, 14799, 691, 0.0467),
    ("Llama-3.1-8B-Instruct, batch 8", "H100", 1, 1070, 486, 0.4548),
    ("Llama-3.1-8B-Instruct, batch 768", "H100", 1, 9603, 685, 0.0713),
    ("Llama-3.1-405B-Instruct-FP8, batch 8", "B200", 4, 266, 3451, 12.9853),
    ("Llama-3.1-405B-Instruct-FP8, batch 512", "B200", 4, 3386, 3883, 1.1467),
    ("Llama-3.1-405B-Instruct-FP8, batch 8", "H100", 8, 233, 3260, 13.9749),
    ("Llama-3.1-405B-Instruct-FP8, batch 256", "H100", 8, 2363, 4875, 2.0626),
    ("Qwen3-235B-A22B-Instruct-2507-FP8, batch 8", "B200", 2, 214, 1806, 8.4211),
    ("Qwen3-235B-A22B-Instruct-2507-FP8, batch 256", "B200", 2, 3776, 1891, 0.5007),
    ("Qwen3-235B-A22B-Instruct-2507-FP8, batch 8", "H100", 4, 224, 2120, 9.4714),
    ("Qwen3-235B-A22B-Instruct-2507-FP8, batch 8", "H100", 8, 316, 3596, 11.3896),
    ("Qwen3-235B-A22B-Instruct-2507-FP8, batch 512", "H100", 8, 5342, 3961, 0.7415),
    ("Qwen3-32B, batch 512", "B200", 1, 6426, 969, 0.1508),
    ("Qwen3-32B, batch 8", "H100", 1, 312, 538, 1.7257),
    ("Qwen3-32B, batch 32", "H100", 1, 961, 599, 0.624),
    ("Qwen3-32B, batch 8", "H100", 2, 522, 850, 1.6271),
    ("Qwen3-32B, batch 384", "H100", 2, 5071, 1180, 0.2327),
]
CHIPS = {"B200": "nvidia-b200-sxm", "H100": "nvidia-h100-sxm-80gb"}


@pytest.mark.parametrize(("case", "chip", "chips", "tokens_per_s", "watts", "joules"), MEASURED)
def test_a_tokens_energy_is_power_over_throughput(
    case: str, chip: str, chips: int, tokens_per_s: float, watts: float, joules: float
) -> None:
    assert token_energy_j_per_token(watts, tokens_per_s) == pytest.approx(joules, rel=0.01), case


@pytest.mark.parametrize(("case", "chip", "chips", "tokens_per_s", "watts", "joules"), MEASURED)
def test_a_busy_chip_draws_what_the_assumed_range_allows(
    catalogue: Catalogue, case: str, chip: str, chips: int, tokens_per_s: float, watts: float, joules: float
) -> None:
    tdp_w = catalogue.get(Chip, CHIPS[chip]).tdp_w
    assert tdp_w is not None
    idle, busy = assumed(catalogue, "chip-idle-power-share"), assumed(catalogue, "chip-busy-power-share")
    drawn = load_power_kw(chips * tdp_w / 1000.0, 1.0, idle, busy)
    assert drawn.low <= watts / 1000.0 <= drawn.high, case
