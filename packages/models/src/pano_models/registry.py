"""Names of networks, and the class behind each: imported when it is asked for."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from pano_models.errors import ModelNotFoundError

NETWORKS = {
    "bifuse_plus": "pano_models.students.bifuse_plus:BiFusePlus",
    "da2": "pano_models.da2:DA2",
    "dap": "pano_models.dap:DAP",
    "egformer": "pano_models.students.egformer.egformer:EGFormer",
    "fusion_baseline": "pano_models.fusion_baseline:FusionBaseline",
    "hohonet": "pano_models.students.hohonet:HoHoNet",
    "pano_small": "pano_models.pano_small:PanoSmall",
    "perspective_unet": "pano_models.teachers.perspective_unet:PerspectiveUNet",
    "perspective_vit": "pano_models.teachers.perspective_vit:PerspectiveViT",
    "range_masked": "pano_models.heads.range_mask:RangeMasked",
    "unifuse": "pano_models.students.unifuse.unifuse:UniFuse",
}
"""Name -> `module:class` of this package's networks. A module is imported when its network
is asked for, so that a training depends on the code of its own network alone."""

_BUILDERS: dict[str, Callable[..., Any]] = {}

B = TypeVar("B", bound=Callable[..., Any])


def register(name: str) -> Callable[[B], B]:
    """Decorate a class or function of another package: `create(name, **config)` calls it."""

    def add(builder: B) -> B:
        if name in model_names():
            raise ValueError(f"model name {name!r} is registered already")
        _BUILDERS[name] = builder
        return builder

    return add


def model_names() -> tuple[str, ...]:
    """Return the names that `create` knows, sorted."""
    return tuple(sorted({*NETWORKS, *_BUILDERS}))


def name_of(builder: Callable[..., Any]) -> str:
    """Return the name under which `create` knows a class.

    Raises:
        ModelNotFoundError: It is not registered.
    """
    path = f"{builder.__module__}:{builder.__qualname__}"
    for name in model_names():
        if _BUILDERS.get(name) is builder or NETWORKS.get(name) == path:
            return name
    raise ModelNotFoundError(f"{builder!r} is not registered; known: {', '.join(model_names())}")


def builder_of(name: str) -> Callable[..., Any]:
    """Return the class or function that `create(name)` calls; its module is imported.

    Raises:
        ModelNotFoundError: Unknown name.
    """
    if name in _BUILDERS:
        return _BUILDERS[name]
    if name not in NETWORKS:
        raise ModelNotFoundError(f"no model {name!r}; known: {', '.join(model_names())}")
    module, _, attribute = NETWORKS[name].partition(":")
    builder: Callable[..., Any] = getattr(import_module(module), attribute)
    return builder
