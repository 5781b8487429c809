import pytest

from polysilicon.facts import load
from polysilicon.records.errors import InputError
from polysilicon.workloads import UNet, describe, unet
from polysilicon.workloads.samples import sample_work

CONFIG = {
    "block_out_channels": [64, 128],
    "layers_per_block": 2,
    "transformer_layers_per_block": [1, 0],
    "sample_size": 32,
    "cross_attention_dim": 256,
    "text_tokens": 77,
    "steps": 50,
}


@pytest.mark.parametrize(("name", "parameters_m"), [("stable-diffusion-2", 866), ("stable-diffusion-xl", 2567)])
def test_a_unet_has_its_published_size(name: str, parameters_m: float) -> None:
    model = describe(load(), name)
    assert isinstance(model, UNet)
    assert sample_work(model).parameters / 1e6 == pytest.approx(parameters_m, rel=0.005)


def test_a_pass_of_stable_diffusion_takes_its_published_operations() -> None:
    # Published counts of the 64 x 64 latents' U-Net lie near 400 billion multiply-adds, frozen text encoder aside.
    assert sample_work(describe(load(), "stable-diffusion-2")).flop / 2e9 == pytest.approx(400, rel=0.05)


def test_a_quarter_of_the_image_takes_less_than_a_quarter_of_the_work() -> None:
    small, large = (sample_work(describe(load(), f"stable-diffusion-2-{side}-latents")) for side in ("256", "512"))
    assert small.parameters == large.parameters
    assert small.flop < large.flop / 4
    assert small.moved_elements < large.moved_elements / 3.5


def test_a_list_of_levels_that_does_not_match_is_refused() -> None:
    with pytest.raises(InputError, match="one entry for each of the 2 levels"):
        unet.from_description(CONFIG | {"transformer_layers_per_block": [1]}, "mine")


def test_a_users_own_unet_is_read(tmp_path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("\n".join(f"{name}: {value}" for name, value in CONFIG.items()))
    assert describe(load(), str(path)) == unet.from_description(CONFIG, "model")
