"""The smallest detector: forward in training and in inference, and the loader's choice of workers."""

import sys

import torch
from stand_in import stand_in, torchvision

torchvision()
sys.modules["thop"] = None
stand_in("git", "comet_ml", "clearml", "wandb")
from models.yolo import DetectionModel
from utils.torch_utils import select_device, smart_inference_mode

model = DetectionModel("models/yolov5n.yaml")
images = torch.rand(1, 3, 64, 64)
print([tuple(one.shape) for one in model(images)])
model.eval()
print(smart_inference_mode()(model)(images)[0].sum().item())
print(select_device("cpu"))
from utils.dataloaders import SmartDistributedSampler

print(SmartDistributedSampler.__name__)
