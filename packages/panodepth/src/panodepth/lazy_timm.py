"""timm without torchvision, until somebody asks for it.

The networks of timm take a handful of constants from `timm.data`. Its `__init__` also imports the
readers and transforms of images, and with them torchvision, whose operators load torch's compiler:
two seconds and 200 MB of a first `predict`, for code that no panorama meets.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

PACKAGE = "timm.data"


class _Package(ModuleType):
    """Holds the constants; anything else that is asked of it runs the real `__init__` first."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]  # an ordinary package from here on
        assert self.__spec__ is not None
        later = self.__spec__.loader
        assert isinstance(later, _Later)
        later.real.exec_module(self)
        return getattr(self, name)


class _Later(Loader):
    def __init__(self, real: Loader) -> None:
        self.real = real

    def exec_module(self, module: ModuleType) -> None:
        try:
            constants = import_module(f"{PACKAGE}.constants")
        except ImportError:  # another release of timm
            return self.real.exec_module(module)
        public = {k: v for k, v in vars(constants).items() if not k.startswith("_")}
        vars(module).update(public)
        module.__class__ = _Package
        return None


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != PACKAGE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Later(spec.loader)
        return spec


@contextmanager
def without_torchvision() -> Iterator[None]:
    """While it is open, an import of timm leaves out what only its readers and transforms need.

    `timm.data` is complete all the same: it is loaded when a name of it is first used.
    """
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
