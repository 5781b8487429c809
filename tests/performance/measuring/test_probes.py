"""With PyTorch: every kernel that may be timed runs, and the reference transformer is the work that is predicted."""

import pytest

torch = pytest.importorskip("torch")

from polysilicon.performance.curves import Silicon  # noqa: E402
from polysilicon.performance.measuring import design, reference  # noqa: E402
from polysilicon.performance.measuring.campaign import LEARNED  # noqa: E402
from polysilicon.performance.measuring.device import open_device  # noqa: E402
from polysilicon.performance.measuring.kernels import MODES, PRODUCTS, STEPS, Kernel  # noqa: E402
from polysilicon.performance.measuring.probes import Bench, timer  # noqa: E402
from polysilicon.performance.measuring.timing import CLOCKS  # noqa: E402
from polysilicon.performance.measuring.work import Job, kernels_of  # noqa: E402

SILICON = Silicon(1.0, 20e9, 32e6, {"fp32": 1e11, "bf16": 1e11})
SMALL = {"hidden": 64.0, "heads": 2.0, "ffn": 96.0, "layers": 2.0, "vocab": 48.0, "batch": 2.0}


@pytest.fixture(scope="module")
def bench():
    bench = Bench(open_device("cpu", 1), "fp32")
    bench._most = 2**20
    return bench


@pytest.mark.parametrize("kind", LEARNED)
def test_every_kind_runs(bench, kind):
    kernel = min(design.candidates(kind, "fp32", SILICON), key=lambda one: one.rows * one.columns * one.inner)
    call = bench.call(kernel)
    assert call() is not None or kind == "update"
    call()


def test_cold_operands_come_in_turn(bench):
    following = bench._cold(4.0 * 4 * 64 * 64, 64, 64)
    places = [following().data_ptr() for _ in range(8)]
    assert len(set(places)) == 4
    assert places[:4] == places[4:]


def test_a_backward_call_gives_the_gradient_of_every_operand(bench):
    first, second = bench.call(Kernel("gate_back", 4.0, 128.0))()
    assert first.shape == second.shape == (1, 4, 128)


def test_what_cant_run_is_not_trusted():
    take = timer(open_device("cpu", 1), CLOCKS["cpu"])
    found = take("fp32", Kernel("rotary", 4.0, 130.0, 3.0), 0.01)
    assert (found.time_s, found.trusted) == (0.0, False)


@pytest.mark.parametrize("mode", MODES)
def test_the_reference_runs_the_products_that_are_predicted(mode):
    """Counted by PyTorch itself, operator by operator."""
    from torch.utils.flop_counter import FlopCounterMode

    job = Job(mode, sequence=16.0, **SMALL)
    run = reference.prepared(open_device("cpu", 1), "fp32", job)
    with FlopCounterMode(display=False) as counter:
        run()
    counted = counter.get_flop_counts()["Global"]
    multiplied = sum(value for name, value in counted.items() if "mm" in str(name))
    products = [(one, n) for one, n in kernels_of(job, 4.0).items() if one.kind in PRODUCTS]
    assert sum(2 * n * one.rows * one.columns * one.inner for one, n in products) == multiplied


def test_a_step_learns():
    job = Job("training", sequence=16.0, **SMALL)
    step = reference.prepared(open_device("cpu", 1), "fp32", job)
    losses = [float(step().detach()) for _ in range(30)]
    assert losses[-1] < losses[0]


def test_a_decoded_token_sees_what_the_prompt_left():
    """One token after a prompt has the logits that the whole text gives its last token."""
    torch.manual_seed(0)
    job = Job("prefill", sequence=9.0, **SMALL)
    model = reference.Reference(job)
    turns = reference.angles(16, model.width, torch.float32, "cpu")
    text = torch.randint(48, (2, 9))
    room = 2, 2, 16, 32

    def cache():
        return [tuple(torch.zeros(room) for _ in range(2)) for _ in model.blocks]

    with torch.no_grad():
        whole = model(text, turns, cache())
        kept = cache()
        model(text[:, :8], turns, kept)
        after = model(text[:, 8:], turns, kept, 8)
    assert torch.allclose(whole, after, atol=1e-5)


def test_rehearsals_are_small_steps():
    assert set(STEPS) == set(MODES)
