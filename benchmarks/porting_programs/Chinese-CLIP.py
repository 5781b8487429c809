"""One step of training of a tiny image and text model, under the project's own loop."""

import logging
from types import SimpleNamespace

import torch
from stand_in import stand_in, torchvision

torchvision()
stand_in("lmdb", "timm", "timm.data")
from cn_clip.clip.model import CLIP
from cn_clip.training import train

model = CLIP(
    embed_dim=16, image_resolution=32, vision_layers=1, vision_width=64, vision_patch_size=16, vocab_size=50,
    text_attention_probs_dropout_prob=0.0, text_hidden_act="gelu", text_hidden_dropout_prob=0.0, text_hidden_size=16,
    text_initializer_range=0.02, text_intermediate_size=32, text_max_position_embeddings=24, text_num_attention_heads=2,
    text_num_hidden_layers=1, text_type_vocab_size=2,
)  # fmt: skip
logging.disable()
from cn_clip.clip import utils

print(utils.load_from_name.__defaults__, utils.load.__defaults__)

images, texts = torch.randn(4, 3, 32, 32), torch.randint(1, 50, (4, 12))
args = SimpleNamespace(
    aggregate=False, precision="fp32", accum_freq=1, distillation=False, gather_with_grad=False, mask_ratio=0,
    local_device_rank=0, rank=0,
)  # fmt: skip
loss, acc = train.get_loss(model, images, texts, torch.nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(), args)
loss.backward()
print(loss.item(), acc)
