"""Options of a recipe: each moves the estimate, is told, and is refused where it means nothing."""

import json

import pytest

JOB = ("--chips", 64, "--global-batch", 256)
DENSE = ("estimate", "train", "llama-3.1-8b", "--chip", "nvidia-h100-sxm-80gb", *JOB)
MIXED = ("estimate", "train", "mixtral-8x7b", "--chip", "nvidia-h100-sxm-80gb", "--ep", 8, *JOB)


def told(run, *asked):
    return json.loads(run(*asked, "--json").out)


@pytest.mark.parametrize(
    ("plain", "options", "said"),
    [
        (DENSE, ("--attention-precision", "fp8"), {"attention_precision": "fp8"}),
        (DENSE, ("--backward-precision", "fp8"), {"backward_precision": "fp8"}),
        (DENSE, ("--frozen",), {"frozen": 1.0, "adapter_share": 0.003}),
        (DENSE, ("--frozen", "--adapter-share", 0.01), {"frozen": 1.0, "adapter_share": 0.01}),
        (DENSE, ("--sparse",), {"sparse": 1.0}),
        (DENSE, ("--overlap", "full"), {"data_hidden": 1.0}),
        (DENSE, ("--unfused-attention",), {"fused_attention": 0.0}),
        ((*DENSE, "--tp", 8, "--sequence", 256), ("--graphs",), {"graphs": 1.0}),
        (DENSE, ("--blocking",), {"blocking": 1.0}),
        (DENSE, ("--software", "2023"), {"software_years": 1.0}),
        (DENSE, ("--reduce-bytes", 2), {"reduce_bytes": 2.0}),
        (DENSE, ("--optimizer-bytes", 6), {"optimizer_bytes": 6.0}),
        (DENSE, ("--vendor-tuned",), {"vendor_tuned": 1.0}),
        (DENSE, ("--dropout",), {"dropout": 1.0}),
        (DENSE, ("--sample-tokens", 512), {"sample_tokens": 512.0}),
        (DENSE, ("--frozen", "--attention-adapters"), {"frozen": 1.0, "attention_adapters": 1.0}),
        (DENSE, ("--narrow-activations",), {"narrow_activations": 1.0}),
        (DENSE, ("--logit-bytes", 2), {"logit_bytes": 2.0}),
        ((*DENSE, "--zero", 3), ("--shard-bytes", 2), {"shard_bytes": 2.0}),
        ((*DENSE, "--pp", 4), ("--kept-boundaries",), {"kept_boundaries": 1.0}),
        (DENSE, ("--whole-tensors",), {"whole_tensors": 1.0}),
        ((*DENSE, "--zero", 3), ("--vendor-kernels",), {"tuned_attention": 1.0}),
        ((*DENSE, "--recompute", "selective"), ("--by-operator",), {"by_operator": 1.0}),
        ((*DENSE, "--precision", "fp8"), ("--narrow-weights",), {"narrow_weights": 1.0}),
        (DENSE, ("--collectives", "ring"), {"algorithm": "ring"}),
        (DENSE, ("--recipe", "deepseek-v3-fp8"), {"backward_precision": "fp8", "dispatch_bytes": 1.5}),
        ((*DENSE, "--cp", 4), ("--unbalanced-context",), {"balanced_context": 0.0}),
        (MIXED, ("--imbalance", 1.5), {"imbalance": 1.5}),
        (MIXED, ("--capacity-factor", 1.25), {"capacity_factor": 1.25}),
        (MIXED, ("--dual-batch",), {"dual_batch": 1.0}),
        (MIXED, ("--sent-once",), {"sent_once": 1.0}),
        ((*MIXED, "--recompute", "selective"), ("--feed-forward-again",), {"feed_forward_again": 1.0}),
        ((*DENSE, "--recompute", "full"), ("--lean-recompute",), {"lean_recompute": 1.0}),
        (MIXED, ("--predicted-ahead", 1), {"predicted_ahead": 1.0}),
        (MIXED, ("--whole-graphs",), {"whole_graphs": 1.0, "graphs": 1.0}),
    ],
)
def test_an_option_moves_time_or_memory_and_is_told(run, plain, options, said):
    before, after = told(run, *plain), told(run, *plain, *options)
    moved = [name for name in ("step_s", "memory_gib") if before["rows"][0][name] != after["rows"][0][name]]
    assert moved
    assert before["recipe"] == {}
    assert {name: after["recipe"][name] for name in said} == said


def test_a_published_recipe_sets_the_precision(run):
    assert told(run, *DENSE, "--recipe", "deepseek-v3-fp8")["rows"][0]["precision"] == "fp8"
    assert told(run, *DENSE)["rows"][0]["precision"] == "bf16"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((*DENSE, "--recipe", "none-such"), "--recipe: is no recipe; found 'none-such'; allowed: bf16-mixed"),
        ((*DENSE, "--recipe", "lora", "--precision", "fp8"), "differs from that of the recipe"),
        ((*DENSE, "--recipe", "nvfp4"), "states no dense matrix peak for nvfp4"),
        ((*DENSE, "--backward-precision", "fp9"), "--backward-precision: is no precision; found 'fp9'"),
        ((*DENSE, "--attention-precision", "nvfp4"), "states no dense matrix peak for nvfp4"),
        ((*DENSE, "--adapter-share", 0.1), "it needs --frozen"),
        ((*DENSE, "--attention-adapters"), "it needs --frozen"),
        ((*DENSE, "--by-operator"), "it needs --recompute selective"),
        ((*DENSE, "--kept-boundaries"), "it needs --pp above 1"),
        ((*DENSE, "--vendor-kernels"), "it needs --zero 3 on GPUs"),
        ((*DENSE, "--zero", 3, "--whole-tensors"), "it needs --zero 1"),
        ((*DENSE, "--narrow-weights"), "it needs a precision of 8 bits or fewer"),
        ((*DENSE, "--imbalance", 1.5), "it needs a model with experts"),
        ((*DENSE, "--dual-batch"), "it needs a model with experts"),
        ((*DENSE, "--sent-once"), "it needs a model with experts"),
        ((*DENSE, "--lean-recompute"), "it needs --recompute full"),
        ((*MIXED, "--recompute", "full", "--lean-recompute"), "it needs a model without experts"),
        ((*DENSE, "--whole-tensors", "--frozen"), "it needs weights that are trained"),
        ((*DENSE, "--feed-forward-again"), "it needs --recompute selective"),
        ((*DENSE, "--predicted-ahead", -1), "--predicted-ahead: is no sane quantity"),
        ((*DENSE, "--sample-tokens", 0), "--sample-tokens: is no sane quantity"),
        ((*DENSE, "--sample-tokens", 4096), "it needs fewer tokens than --sequence"),
        ((*DENSE, "--sample-tokens", 512, "--unfused-attention"), "it needs no --unfused-attention"),
        ((*DENSE[:3], "--chip", "google-tpu-v5p", *JOB, "--software", "2024"), "it needs a chip that is no TPU"),
        ((*MIXED, "--dual-batch", "--overlap", "none"), "it needs --overlap measured or full"),
        ((*MIXED, "--dual-batch", "--blocking"), "it needs no --blocking"),
        ((*DENSE, "--blocking", "--overlap", "full"), "it needs --overlap measured or none"),
        ((*DENSE, "--capacity-factor", 2), "it needs a model with experts"),
        ((*MIXED, "--imbalance", 0.5), "--imbalance: is no sane quantity"),
        ((*DENSE, "--unbalanced-context"), "it needs --cp above 1"),
        ((*DENSE, "--optimizer-bytes", -1), "--optimizer-bytes: is no sane quantity"),
        ((*DENSE, "--software", "2020"), "is before nvidia-h100-sxm-80gb was released"),
        ((*DENSE, "--software", "soon"), "is no year or month"),
        ((*DENSE, "--overlap", "some"), "--overlap"),
    ],
)
def test_what_means_nothing_is_refused(run, asked, said):
    ran = run(*asked)
    assert ran.code == 2
    assert said in ran.err


def test_sparsity_is_refused_where_no_source_says_that_the_chip_gains(run):
    ran = run("estimate", "train", "llama-3.1-8b", "--chip", "huawei-ascend-910b2", *JOB, "--sparse")
    assert ran.code == 2
    assert "no source says so of huawei-ascend-910b2" in ran.err


def test_an_explanation_is_of_the_recipe_that_was_asked_for(run):
    asked = (*DENSE, "--recipe", "deepseek-v3-fp8", "--offload-optimizer", 1)
    tree = json.loads(run(*asked, "--explain", "--json").out)
    assert tree["value"] == pytest.approx(told(run, *asked)["rows"][0]["step_s"])
