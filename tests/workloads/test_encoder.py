import pytest

from polysilicon.facts import load
from polysilicon.records.errors import InputError
from polysilicon.workloads import Encoder, describe, encoder
from polysilicon.workloads.samples import sample_work

CONFIG = {
    "num_hidden_layers": 2,
    "hidden_size": 128,
    "intermediate_size": 512,
    "vocab_size": 1000,
    "padded_tokens": 512,
    "mlm_probability": 0.15,
}


def test_bert_large_has_its_published_size() -> None:
    model = describe(load(), "bert-large")
    assert isinstance(model, Encoder)
    # Devlin et al. (arXiv 1810.04805), section 3: 340 million parameters.
    assert sample_work(model).parameters / 1e6 == pytest.approx(340, rel=0.03)


def test_padding_that_is_left_out_costs_nothing() -> None:
    padded = sample_work(encoder.from_description(CONFIG, "mine"))
    half = sample_work(encoder.from_description(CONFIG | {"tokens": 256}, "mine"))
    assert half.parameters == padded.parameters
    assert half.product_flop == pytest.approx(padded.product_flop / 2)
    assert half.core_flop == pytest.approx(padded.core_flop / 4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"tokens": 600}, "more tokens without padding"), ({"mlm_probability": 1.5}, "not a share")],
)
def test_a_description_that_can_not_be_is_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        encoder.from_description(CONFIG | wrong, "mine")


def test_the_share_of_masked_tokens_must_be_said() -> None:
    with pytest.raises(InputError, match="mlm_probability"):
        encoder.from_description({name: value for name, value in CONFIG.items() if name != "mlm_probability"}, "mine")
