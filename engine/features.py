"""Frozen features: what MobileNetV2's fixed layers make of every image, computed once.

The extractor is frozen and its BatchNorm is in eval mode, so the 1280 features of an image never
change: one pass over the data replaces one pass in every epoch of every repeat.

On a CPU several threads compute whole batches each, rather than share every layer of one: they
never wait for each other, and an image gets the same bits however many there are.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, pad
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engine.device import Capabilities
from engine.fused import fuse
from engine.models import MobileNetV2

FEATURES = 1280
EXACT_BLOCKS = 3
"""Blocks that stay in fp32 where the others run in bfloat16. With its BatchNorm folded, the third
multiplies by up to 127 and subtracts up to 1974: rounded to 8 bits, that alone moves the features
by 15 % of their length, all blocks after it together by 2 %."""
ALIKE = 0.99
"""Least cosine between fast and plain features of an image; bfloat16 comes to 0.999."""


class Cast(nn.Module):
    """Goes on in another dtype."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def forward(self, maps: Tensor) -> Tensor:
        """Any shape and dtype → the same shape in the dtype given."""
        return maps.to(self._dtype)


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


def plain_layers(features: nn.Sequential, able: Capabilities) -> nn.Sequential:
    """Return a copy of ``features``, BatchNorms folded, in the dtype and format of ``able``.

    It takes float32 images, whatever that dtype is.
    """
    blocks = [fold_batch_norms(block) for block in features]
    exact = EXACT_BLOCKS if able.feature_dtype == torch.bfloat16 else 0
    fast = (block.to(able.feature_dtype) for block in blocks[exact:])
    layers = nn.Sequential(*blocks[:exact], Cast(able.feature_dtype), *fast)
    return layers.to(memory_format=able.memory_format)


@torch.inference_mode()
def fast_extractor(
    model: MobileNetV2, images: Tensor, able: Capabilities, warn: Callable[[str], None]
) -> MobileNetV2:
    """Return a copy of ``model`` whose ``extract`` is as fast as it gets on this device.

    Args:
        images: float32 [B, 3, 224, 224], a batch as all will be.
        able: of the device that ``model`` and ``images`` are on.
        warn: told in one line if the fastest way, which ``able`` promises, is not open.
    """
    plain = copy.deepcopy(model).eval()
    plain.features = plain_layers(model.features, able)
    if not able.fused_convolutions:
        return plain
    fast = copy.deepcopy(model).eval()
    try:
        fast.features = fuse(plain.features, images)
        alike = cosine_similarity(fast.extract(images), model.extract(images)).min().item()
        problem = "" if alike >= ALIKE else f"the fused ones compute other features ({alike:.2f})"
    except Exception as error:  # kernels that torch does not promise: no failure may end a run
        problem = str(error).partition("\n")[0] or type(error).__name__
    if problem:
        warn(f"mobilenetv2: features are computed with plain layers, which is slower: {problem}")
    return plain if problem else fast


def extract_features(
    model: MobileNetV2,
    images: Tensor,
    prepare: Callable[[Tensor], Tensor],
    able: Capabilities,
    watch: Callable[[int], None] = lambda done: None,
    *,
    workers: int = 1,
    warn: Callable[[str], None] = lambda text: None,
) -> Tensor:
    """Return the features of ``images``, float16 [N, 1280] on their device.

    Args:
        model: with its ImageNet weights.
        images: uint8 [N, 28, 28].
        prepare: the model's input pipeline.
        able: of the device that ``model`` and ``images`` are on.
        watch: called on this thread with the number of images done; may wait, and nothing more is
            begun until it returns; may raise to end the work.
        workers: threads that compute; the features do not depend on their number.
        warn: told in one line, once, if it has to be done more slowly than ``able`` promises.
    """
    features = torch.empty(len(images), FEATURES, dtype=torch.float16, device=images.device)

    def prepared(start: int) -> Tensor:
        some = images[start : start + able.feature_batch]
        # All batches have one size, since other sizes may be given to other kernels.
        some = pad(some, (0, 0, 0, 0, 0, able.feature_batch - len(some)))
        return prepare(some).contiguous(memory_format=able.memory_format)

    def compute(start: int) -> int:
        with torch.inference_mode():
            end = min(start + able.feature_batch, len(images))
            features[start:end] = fast.extract(prepared(start))[: end - start]
        return end

    with one_thread():
        fast = fast_extractor(model, prepared(0), able, warn)
        starts = range(0, len(images), able.feature_batch)
        in_order(compute, starts, workers, watch)
    return features


@contextmanager
def one_thread() -> Iterator[None]:
    """For a while torch computes on the thread that calls it, and on no others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_order(
    work: Callable[[int], int], items: Iterable[int], workers: int, watch: Callable[[int], None]
) -> None:
    """Call ``work`` on all items, on ``workers`` threads, and ``watch``, on this one, with every
    result in the order of the items.

    Two items a thread at most are begun before ``watch`` is done with the one before them, so that
    a ``watch`` that waits soon holds all threads. What it raises, or ``work``, ends them.
    """
    # Of torch's threads too each may have one only; to torch that is a setting of each thread.
    pool = ThreadPoolExecutor(workers, "features", torch.set_num_threads, (1,))
    begun: deque[Future[int]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) == 2 * workers:
                watch(begun.popleft().result())
        while begun:
            watch(begun.popleft().result())
    finally:
        pool.shutdown(cancel_futures=True)
