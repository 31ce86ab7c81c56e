"""Names of networks: `create` builds one and remembers how."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from pano_models.errors import ModelNotFoundError
from pano_models.model import DepthModel, ModelSpec

_MODELS: dict[str, Callable[..., DepthModel]] = {}

B = TypeVar("B", bound=Callable[..., DepthModel])


def register(name: str) -> Callable[[B], B]:
    """Class decorator: `create(name, **config)` calls the decorated class or function."""

    def add(builder: B) -> B:
        if name in _MODELS:
            raise ValueError(f"model name {name!r} is registered already")
        _MODELS[name] = builder
        return builder

    return add


def model_names() -> tuple[str, ...]:
    """The names `create` knows, sorted."""
    return tuple(sorted(_MODELS))


def name_of(builder: Callable[..., DepthModel]) -> str:
    """The name under which a class is registered.

    Raises:
        ModelNotFoundError: it is not registered.
    """
    for name, known in _MODELS.items():
        if known is builder:
            return name
    raise ModelNotFoundError(f"{builder!r} is not registered; known: {', '.join(model_names())}")


def create(name: str, **config: Any) -> DepthModel:
    """Build the network `name`, with random weights unless an option names some.

    Args:
        name: one of `model_names()`.
        config: options of the network: the keyword arguments of its class.

    Returns:
        The network; `model.spec` holds `name` and every option, defaults included, so that a saved
        folder still builds the same network when a default changes.

    Raises:
        ModelNotFoundError: unknown name.
        ValueError: unknown or unusable option.
    """
    if name not in _MODELS:
        raise ModelNotFoundError(f"no model {name!r}; known: {', '.join(model_names())}")
    builder = _MODELS[name]
    resolved = _resolve(name, builder, config)
    model = builder(**resolved)
    model.spec = ModelSpec(name, resolved)
    return model


def _resolve(
    name: str, builder: Callable[..., DepthModel], config: dict[str, Any]
) -> dict[str, Any]:
    parameters = inspect.signature(builder).parameters
    unknown = sorted(set(config) - set(parameters))
    if unknown:
        raise ValueError(
            f"{name} has no option {', '.join(unknown)}; options: {', '.join(parameters)}"
        )
    defaults = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    return {**defaults, **config}
