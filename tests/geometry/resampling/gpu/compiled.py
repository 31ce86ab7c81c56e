"""The Triton kernels compiled to machine code of NVIDIA devices, on a machine without one.

The interpreter runs kernels as Python; what the compiler refuses shows only here. A program of its
own: where another test has imported triton for its interpreter, nothing can be compiled.
"""

from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from pano_geometry.resampling.gpu import kernels
from pano_geometry.resampling.gpu.resample import BLOCK_H, BLOCK_W, CUBE, PINHOLE, SPHERE

HOPPER = GPUTarget("cuda", 90, 32)  # H100, H200
TABLES = ("columns", "rows", "row_scale", "column_scale", "rotation")
WHOLE = ("h", "w", "H", "W", "channels", "image_stride", "rotation_step")
LENS = ("fx", "fy", "cx", "cy")


def compiled(kernel: Any, images: dict[str, str], constants: dict[str, Any]) -> bytes:
    """Return the machine code of a kernel.

    Args:
        kernel: Of `pano_geometry.resampling.gpu.kernels`.
        images: Its first arguments and their types.
        constants: Its last arguments, and what a launch makes a constant.
    """
    types = images | dict.fromkeys(TABLES, "*fp32") | dict.fromkeys(WHOLE, "i32")
    types |= dict.fromkeys(LENS, "fp32") | dict.fromkeys(constants, "constexpr")
    source = ASTSource(kernel, {name: types[name] for name in kernel.arg_names}, constants)
    code: bytes = triton.compile(source, target=HOPPER).asm["cubin"]
    return code


def main() -> None:
    block = {"BLOCK_H": BLOCK_H, "BLOCK_W": BLOCK_W}
    for kind in (SPHERE, PINHOLE, CUBE):
        constants = block | {"KIND": kind}
        for dtype in ("fp32", "bf16"):
            images = {"image": f"*{dtype}", "out": f"*{dtype}", "seen_out": "*i8"}
            # A launch makes 1 a constant: the step between rotations, where there are several.
            many = {"rotation_step": 1} if dtype == "bf16" else {}
            seen = {"HAS_SEEN": kind == PINHOLE}
            assert compiled(kernels.forward, images, constants | seen | many)
        grads = {"grad_out": "*fp32", "grad_image": "*fp32"}
        assert compiled(kernels.backward, grads, constants)


if __name__ == "__main__":
    main()
