"""Frozen features: what MobileNetV2's fixed layers make of every image, computed once.

The extractor is frozen and its BatchNorm is in eval mode, so the 1280 features of an image never
change: one pass over the data replaces one pass in every epoch of every repeat.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engine.device import Capabilities
from engine.models import MobileNetV2

FEATURES = 1280


def fold_batch_norms(module: nn.Module) -> nn.Module:
    """Return a copy in which every convolution has taken in the BatchNorm behind it.

    In eval mode BatchNorm is a fixed scale and shift, so the outputs are the same within rounding.
    """
    folded = copy.deepcopy(module).eval()
    for block in folded.modules():
        if isinstance(block, nn.Sequential):
            for index in range(len(block) - 1):
                convolution, norm = block[index], block[index + 1]
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    block[index] = fuse_conv_bn_eval(convolution, norm)
                    block[index + 1] = nn.Identity()
    return folded


def fast_extractor(model: MobileNetV2, able: Capabilities) -> MobileNetV2:
    """Return a copy of ``model`` whose ``extract`` is as fast as it gets without a compiler.

    BatchNorms folded, channels last, and in the dtype that suits the device.
    """
    fast = copy.deepcopy(model)
    fast.features = fold_batch_norms(model.features)
    return fast.to(able.feature_dtype).to(memory_format=able.memory_format).eval()


@torch.inference_mode()
def extract_features(
    model: MobileNetV2,
    images: Tensor,
    prepare: Callable[[Tensor], Tensor],
    able: Capabilities,
    watch: Callable[[int], None] = lambda done: None,
) -> Tensor:
    """Return the features of ``images``, float16 [N, 1280] on their device.

    Args:
        model: with its ImageNet weights.
        images: uint8 [N, 28, 28].
        prepare: the model's input pipeline.
        able: of the device that ``model`` and ``images`` are on.
        watch: called with the number of images done; may raise to end the work.
    """
    fast = fast_extractor(model, able)
    features = torch.empty(len(images), FEATURES, dtype=torch.float16, device=images.device)
    for start in range(0, len(images), able.feature_batch):
        chosen = slice(start, start + able.feature_batch)
        inputs = prepare(images[chosen]).to(able.feature_dtype)
        features[chosen] = fast.extract(inputs.contiguous(memory_format=able.memory_format))
        watch(min(start + able.feature_batch, len(images)))
    return features
