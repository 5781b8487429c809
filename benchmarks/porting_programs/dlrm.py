"""dlrm_s_pytorch.py: three batches of a small recommender on drawn data."""

import runpy
import sys

from stand_in import stand_in

stand_in("mlperf_logging", "mlperf_logging.mllog")
sys.argv = ["dlrm_s_pytorch.py", "--mini-batch-size=8", "--data-size=24", "--nepochs=1", "--print-freq=1"]
sys.argv += ["--arch-mlp-bot=13-16-8", "--arch-sparse-feature-size=8", "--arch-embedding-size=50-40-30"]
sys.argv += ["--arch-mlp-top=16-1", "--numpy-rand-seed=3"]
runpy.run_path("dlrm_s_pytorch.py", run_name="__main__")
