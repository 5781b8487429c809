"""The training loop of Accelerate on a CPU, and the scripts that ask which device there is."""

import sys

sys.path.insert(0, "src")
import torch
from accelerate import Accelerator
from accelerate.utils import get_max_memory, is_cuda_available, set_seed

set_seed(3)
for precision in ("no", "bf16"):
    made = Accelerator(cpu=True, mixed_precision=precision)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    data = torch.utils.data.TensorDataset(torch.randn(32, 8), torch.randn(32, 1))
    model, optimizer, loader = made.prepare(
        model, torch.optim.SGD(model.parameters(), lr=0.1), torch.utils.data.DataLoader(data, batch_size=8)
    )
    for x, y in loader:
        loss = torch.nn.functional.mse_loss(model(x).float(), y)
        made.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        print(precision, made.device, loss.item())
    made.free_memory()
    Accelerator._shared_state = {}
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
print(is_cuda_available(), sorted(map(str, get_max_memory())))
