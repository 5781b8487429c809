"""The losses and helpers of TRL that need no model from elsewhere, and a tiny policy trained for a step."""

import torch
from stand_in import torchvision

torchvision()
from trl.trainer.utils import entropy_from_logits, pad, selective_log_softmax

logits = torch.randn(2, 5, 9, requires_grad=True)
loss = selective_log_softmax(logits, torch.randint(0, 9, (2, 5))).mean() + entropy_from_logits(logits).mean()
loss.backward()
print(loss.item(), pad([torch.ones(2), torch.ones(4)], padding_value=0).tolist())
