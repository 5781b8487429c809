import pytest

from polysilicon.performance.mixing import Together
from polysilicon.performance.pool_explain import explain_split
from polysilicon.performance.pools import Link, pool
from polysilicon.workloads import Training

LINK = Link(0.5, 20.0)


@pytest.fixture
def splits(catalogue, mixture):
    pools = [pool(catalogue, one, 8) for one in ("nvidia-h20-96gb", "huawei-ascend-910c")]
    made = Together.of(catalogue, mixture, Training(2048, 16), pools).splits(LINK, ("data", "layers"))
    return {one.by: one for one in made}


def origins(step):
    yield step.source
    for one in (*step.inputs, *step.within):
        yield from origins(one)


@pytest.mark.parametrize("by", ["data", "layers"])
def test_the_step_explained_is_the_step_of_the_split(splits, by):
    tree = explain_split(splits[by], LINK)
    assert tree.value == pytest.approx(splits[by].step_s, rel=1e-9)
    assert tree.name == f"by_{by}_s"


@pytest.mark.parametrize("by", ["data", "layers"])
def test_the_tree_reaches_the_records_of_both_chips_the_shares_and_the_link(splits, by):
    said = " ".join(origins(explain_split(splits[by], LINK)))
    for words in ("nvidia-h20-96gb: bf16_tflops", "huawei-ascend-910c: ", "share of 8 x", "the link between pools"):
        assert words in said
