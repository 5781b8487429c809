import pytest

from polysilicon.facts import load
from polysilicon.performance.mixing import estimate_pools
from polysilicon.performance.pools import Link, pool
from polysilicon.report.pools import mixing
from polysilicon.report.terminal import console
from polysilicon.workloads import Training, transformer


@pytest.fixture
def shown(capsys):
    catalogue = load()

    def printed(pools, link, batch=64, model="llama-3.1-8b"):
        named = [pool(catalogue, *one) for one in pools]
        made = estimate_pools(catalogue, transformer(catalogue, model), Training(2048, batch), named, link)
        console(80).print(mixing(made))
        return capsys.readouterr().out

    return printed


def test_a_gain_is_said_with_what_it_takes(shown):
    out = shown([("nvidia-h100-sxm-80gb", 16), ("nvidia-a100-sxm-80gb", 16)], Link(50.0, 1.0), 256)
    assert "mixing     gains" in out
    assert "of what both" in out
    assert "GB/s on" in out
    assert "each alone, by its best layout" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_loss_says_what_takes_the_time(shown):
    out = shown([("nvidia-h100-sxm-80gb", 16), ("nvidia-a100-sxm-80gb", 16)], Link(0.01, 100.0))
    assert "mixing     loses" in out
    assert "the link takes" in out


def test_what_fits_only_together_says_why_not_alone(shown):
    out = shown([("nvidia-h100-sxm-80gb", 1), ("nvidia-a100-sxm-80gb", 1)], Link(50.0, 1.0), 8)
    assert "fits on no pool alone" in out
    assert "can't train alone" in out
