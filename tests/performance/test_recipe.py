import pytest

from polysilicon.facts.recipes import TrainingRecipe
from polysilicon.performance import PRECISIONS, Layouts, Recipe, recipe_of
from polysilicon.records.errors import UnknownName


def test_every_recipe_of_the_catalogue_can_be_estimated(catalogue, small, step_of):
    for record in catalogue.every(TrainingRecipe):
        precision, recipe = recipe_of(catalogue, record.id)
        assert precision in PRECISIONS
        chip = "nvidia-b200-sxm" if "4" in precision or "mx" in precision else "nvidia-h100-sxm-80gb"
        assert step_of(small, Layouts.one(dp=8, precision=precision), recipe, chip=chip).step_s > 0


def test_the_usual_recipe_is_the_neutral_one(catalogue):
    assert recipe_of(catalogue, "bf16-mixed") == ("bf16", Recipe())


def test_a_recipe_of_adapters_trains_little_and_the_callers_fields_come_last(catalogue):
    _, recipe = recipe_of(catalogue, "lora", imbalance=1.2)
    assert recipe.frozen == 1
    assert 0 < recipe.adapter_share < 0.1
    assert recipe.imbalance == 1.2


def test_an_unknown_recipe_is_refused(catalogue):
    with pytest.raises(UnknownName):
        recipe_of(catalogue, "nvfp5")
