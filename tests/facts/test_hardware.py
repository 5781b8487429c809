import pytest

from polysilicon.facts import load
from polysilicon.facts.hardware import Chip


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("nvidia-a100-sxm-40gb", "nvidia-a800-sxm-80gb", True),
        ("nvidia-h100-sxm-80gb", "nvidia-h200-sxm-141gb", True),
        ("nvidia-h100-sxm-80gb", "nvidia-h20-96gb", False),  # the same die, with fewer units at work
        ("nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb", False),
        ("nvidia-b200-sxm", "nvidia-gb200", True),
        ("nvidia-b200-sxm", "nvidia-b300-sxm", False),  # as many units, which take twice as many exponentials
        ("google-tpu-v5e", "google-tpu-v5p", False),  # nobody says how many units they have
    ],
)
def test_chips_that_differ_in_memory_links_clock_or_power_alone_share_their_silicon(
    one: str, other: str, alike: bool
) -> None:
    silicons = {load().get(Chip, name).silicon for name in (one, other)}
    assert len(silicons) == (1 if alike else 2)
