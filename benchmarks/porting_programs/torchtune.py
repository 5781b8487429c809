"""A Llama decoder of two layers with LoRA: one step, and the helpers that choose a device."""

import torch
from stand_in import torchvision

torchvision()
from torchtune.models.llama2 import lora_llama2
from torchtune.utils import get_device

device = get_device("cpu")
model = lora_llama2(["q_proj", "v_proj"], vocab_size=40, num_layers=2, num_heads=2, num_kv_heads=2, embed_dim=16,
                    max_seq_len=16, lora_rank=2, lora_alpha=4.0)  # fmt: skip
tokens = torch.randint(0, 40, (2, 12))
loss = model(tokens).float().square().mean()
loss.backward()
print(device, loss.item())
