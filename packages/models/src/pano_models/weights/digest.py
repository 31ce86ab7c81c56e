"""One digest of what a network has learned."""

import hashlib

import torch
from torch import nn


def digest_of_weights(network: nn.Module) -> str:
    """Return the SHA-256 of names, types, shapes and bytes of all tensors, in order of names.

    It does not depend on the file that they came from, nor on their layout in memory.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
