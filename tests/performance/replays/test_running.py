"""The same question has the same answer: compiled or plain, in one go or killed and continued."""

import numpy as np
import pytest
from tests.performance.replays.made import Made, made_traffic

from polysilicon.performance.replays.assembly import Policies, assemble
from polysilicon.performance.replays.compiling import PLAINLY
from polysilicon.performance.replays.running import run
from polysilicon.performance.replays.state import CHANGING
from polysilicon.records.errors import InputError

COSTS = Made(1e-3, 2e-5, 1e-8, 2e-5, 2e-3, 0.7, chunk_tokens=512, ranks=2, batch=8, capacity=1200)


def traffic(count=600, seed=0):
    draw = np.random.default_rng(seed)
    prompt = draw.integers(1, 3000, count)
    hashes = [
        [int(user) * 10 + at for at in range(-(-int(one) // 512))]
        for user, one in zip(draw.integers(0, 30, count), prompt, strict=True)
    ]
    return made_traffic(np.sort(draw.uniform(0, 60, count)), prompt, draw.integers(1, 300, count), hashes)


def same(one, other):
    for name in CHANGING:
        if name != "heaps":
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


@pytest.mark.parametrize("routing", ["round-robin", "least-loaded", "prefix-affinity"])
def test_compiled_and_plain_agree_bit_for_bit(simulate, compiled, routing):
    policies = Policies(3, routing, queue=40)
    same(simulate(traffic(), COSTS, policies), simulate(traffic(), COSTS, policies, compiled))


def test_the_same_question_has_the_same_answer(simulate):
    same(simulate(traffic(), COSTS, Policies(3)), simulate(traffic(), COSTS, Policies(3)))


class Killed(Exception):
    pass


@pytest.mark.parametrize("plain", [True, False])
def test_a_replay_that_was_killed_goes_on_to_the_same_end(simulate, compiled, tmp_path, plain):
    kernel, path = PLAINLY if plain else compiled, tmp_path / "state"
    policies = Policies(3, "prefix-affinity")
    whole = simulate(traffic(), COSTS, policies, kernel)

    def kill(done, _):
        if done >= 400:
            raise Killed

    begun = assemble(traffic(), COSTS, policies)
    with pytest.raises(Killed):
        run(begun, checkpoint=path, every=150, progress=kill, kernel_of=lambda _: kernel)
    again = assemble(traffic(), COSTS, policies)
    assert run(again, checkpoint=path, every=150, kernel_of=lambda _: kernel) == 300
    same(again, whole)


def test_a_checkpoint_of_another_replay_is_refused_and_kept(tmp_path):
    path = tmp_path / "state"
    run(assemble(traffic(), COSTS, Policies()), checkpoint=path, every=500, kernel_of=lambda _: PLAINLY)
    before = path.read_bytes()
    with pytest.raises(InputError, match="holds another replay"):
        run(assemble(traffic(seed=1), COSTS, Policies()), checkpoint=path, kernel_of=lambda _: PLAINLY)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 but cut off"])
def test_what_is_no_checkpoint_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no checkpoint"):
        run(assemble(traffic(), COSTS, Policies()), checkpoint=path, kernel_of=lambda _: PLAINLY)
    assert path.read_bytes() == content


def test_a_checkpoint_with_a_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "state"
    run(assemble(traffic(), COSTS, Policies()), checkpoint=path, every=500, kernel_of=lambda _: PLAINLY)
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2] ^= 4
    path.write_bytes(broken)
    with pytest.raises(InputError, match=r"is broken|is no checkpoint"):
        run(assemble(traffic(), COSTS, Policies()), checkpoint=path, kernel_of=lambda _: PLAINLY)


def test_progress_ends_with_all(tmp_path):
    told = []
    run(assemble(traffic(), COSTS, Policies()), progress=lambda done, whole: told.append((done, whole)))
    assert told[-1] == (600, 600)
