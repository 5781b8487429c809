"""MAPPO on the particle world: the device is chosen, agents act, and the policy is updated once."""

import runpy
import sys

from stand_in import stand_in

stand_in("wandb", "imageio", "setproctitle", "seaborn")
sys.argv = ["train_mpe.py", "--env_name=MPE", "--algorithm_name=rmappo", "--experiment_name=trace"]
sys.argv += ["--scenario_name=simple_spread"]
sys.argv += ["--num_agents=3", "--num_landmarks=3", "--seed=1", "--n_training_threads=1", "--n_rollout_threads=1"]
sys.argv += ["--num_mini_batch=1", "--episode_length=6", "--num_env_steps=12", "--ppo_epoch=2"]
sys.argv += ["--use_wandb", "--hidden_size=16"]
runpy.run_path("onpolicy/scripts/train/train_mpe.py", run_name="__main__")
