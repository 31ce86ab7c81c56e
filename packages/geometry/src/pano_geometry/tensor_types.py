"""Shape annotations for tensors, in jaxtyping's notation: `Float[Tensor, "b c h w"]`.

With jaxtyping installed the annotations are jaxtyping's and can be checked at run time; without it
they mean plain `Tensor`, so a package that uses them needs torch only.
"""

from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Num, Shaped
else:
    try:
        from jaxtyping import Bool, Float, Int, Num, Shaped
    except ImportError:

        class _Inert:
            """`_Inert[Tensor, "b c h w"]` is `Tensor`."""

            def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
                return item[0]

        Bool = Float = Int = Num = Shaped = _Inert

__all__ = ["Bool", "Float", "Int", "Num", "Shaped", "Tensor"]
