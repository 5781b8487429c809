"""train.py asked for float16 on a CPU: the gradient scaler is enabled, finds no CUDA and switches itself off."""

import runpy
import sys
from pathlib import Path

import numpy as np

folder = Path("data/drawn")
folder.mkdir(parents=True, exist_ok=True)
for name in ("train", "val"):
    np.random.default_rng(7).integers(0, 60, 4000).astype(np.uint16).tofile(folder / f"{name}.bin")
sys.argv = ["train.py", "--dataset=drawn", "--device=cpu", "--compile=False", "--max_iters=3", "--eval_interval=3"]
sys.argv += ["--eval_iters=1", "--batch_size=4", "--block_size=32", "--n_layer=2", "--n_head=2", "--n_embd=32"]
sys.argv += ["--gradient_accumulation_steps=1", "--dtype=float16"]
runpy.run_path("train.py", run_name="__main__")
