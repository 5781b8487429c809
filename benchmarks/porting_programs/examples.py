"""mnist_hogwild: its network trained in this process on drawn pictures, and the device that its script chooses."""

import runpy
import sys
from types import SimpleNamespace

import torch
from stand_in import stand_in

stand_in("torchvision", "torchvision.datasets", "torchvision.transforms")
sys.path.insert(0, "mnist_hogwild")


class Drawn(torch.utils.data.Dataset):
    def __len__(self):
        return 48

    def __getitem__(self, at):
        return torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(at)), at % 10


sys.modules["torchvision"].datasets.MNIST = lambda *args, **kwargs: Drawn()
torch.multiprocessing.Process = lambda target, args: SimpleNamespace(start=lambda: target(*args), join=lambda: None)
sys.argv = ["main.py", "--epochs=1", "--num-processes=1", "--batch-size=8", "--log-interval=3", "--cuda"]
torch.multiprocessing.set_start_method = lambda *args, **kwargs: None
runpy.run_path("mnist_hogwild/main.py", run_name="__main__")
