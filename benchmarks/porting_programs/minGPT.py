"""Train a tiny GPT to sort digits, on the device that the trainer chooses."""

import torch
from mingpt.model import GPT
from mingpt.trainer import Trainer


class Digits(torch.utils.data.Dataset):
    def __len__(self):
        return 512

    def __getitem__(self, at):
        drawn = torch.randint(3, (6,), generator=torch.Generator().manual_seed(at))
        whole = torch.cat([drawn, drawn.sort()[0]])
        x, y = whole[:-1].clone(), whole[1:].clone()
        y[:5] = -1
        return x, y


config = GPT.get_default_config()
config.model_type, config.vocab_size, config.block_size = "gpt-nano", 3, 11
plan = Trainer.get_default_config()
plan.max_iters, plan.num_workers, plan.batch_size = 12, 0, 16
trainer = Trainer(plan, GPT(config), Digits())
trainer.set_callback("on_batch_end", lambda one: print(one.iter_num, one.loss.item()))
trainer.run()
