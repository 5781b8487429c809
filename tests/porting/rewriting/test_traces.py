"""Original and rewritten programs do the same on a CPU: output, operators, the bytes of every result, how they end."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from polysilicon.porting.rewriting import Choice, rewrite

TRACER = Path(__file__).parents[3] / "benchmarks" / "porting_trace.py"
TRAINING = """\
import torch
from torch.cuda.amp import GradScaler, autocast

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(1)
torch.cuda.manual_seed_all(1)
model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = GradScaler()
for step in range(4):
    x = torch.randn(5, 6, device=device)
    with autocast():
        loss = model(x).square().mean()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    print(step, loss.item(), loss.dtype, scaler.get_scale())
if torch.cuda.is_available():
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
print(device, torch.cuda.device_count(), torch.cuda.is_available(), torch.rand(2))


class Double(torch.autograd.Function):
    @staticmethod
    @torch.cuda.amp.custom_fwd
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    @torch.cuda.amp.custom_bwd
    def backward(ctx, grad):
        return 2 * grad


y = torch.ones(2, requires_grad=True)
Double.apply(y).sum().backward()
print(y.grad)
"""
# What a CPU refuses is refused in the same words.
FAILING = [
    "torch.zeros(2).to('cuda')",
    "torch.zeros(2, device='cuda:0')",
    "torch.ones(2).to(f'cuda:{0}')",
    "print(torch.device('cuda', 1), torch.device('cuda:' + str(2)))",
    "torch.distributed.init_process_group('nccl', rank=0, world_size=1, store=torch.distributed.HashStore())",
    "torch.Generator('cuda')",
    "with torch.autocast('cuda', dtype=torch.bfloat16):\n    print(torch.ones(2, 2) @ torch.ones(2, 2))",
    "print(torch.cuda.is_available() and torch.cuda.memory_allocated())",
]


@pytest.fixture
def traces(known, tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs PyTorch")

    def run(text: str) -> tuple[dict, dict]:
        found = []
        for side in ("before", "after"):
            folder = tmp_path / side
            folder.mkdir()
            (folder / "program.py").write_text(text)
            if side == "after":
                made = rewrite(folder, known, Choice())
                assert made.changed
                (folder / "program.py").write_bytes(made.changed[0].after)
            command = [sys.executable, str(TRACER), str(tmp_path / side / "trace.json"), "program.py"]
            subprocess.run(command, cwd=folder, check=True, timeout=120)
            found.append(json.loads((folder / "trace.json").read_text()))
        return found[0], found[1]

    return run


def test_a_program_does_the_same(traces):
    guarded = [
        f"try:\n    {one.replace(chr(10), chr(10) + '    ')}\nexcept (AssertionError, RuntimeError, ValueError) as e:\n"
        f"    print(type(e), e)\n"
        for one in FAILING
    ]
    before, after = traces(TRAINING + "".join(guarded))
    assert before == after
    assert before["ended"] == "ran to its end"
    assert before["operators"] > 50
    assert len(before["lines"]) >= len(FAILING)
