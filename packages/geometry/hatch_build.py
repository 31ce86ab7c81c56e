"""Build hook of the wheel: compile the CPU kernel for every processor that the wheel serves.

Without a C compiler the wheel is pure Python, and resampling is that of torch alone.
"""

import importlib.util
import shutil
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "pano_geometry/resampling/native"


class KernelHook(BuildHookInterface):
    """Put the compiled kernel into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the variants; an editable install has none and builds on request."""
        if version == "editable":
            return
        build = _load(Path(self.root) / "src" / FOLDER / "build.py")
        self.folder = Path(tempfile.mkdtemp())
        try:
            for variant in build.variants():
                library = self.folder / build.packaged(variant).name
                build.compile_to(library, variant)
                build_data["force_include"][str(library)] = f"{FOLDER}/{library.name}"
        except build.BuildError as error:
            build_data["force_include"].clear()
            self.app.display_warning(f"a wheel without the compiled kernel: {error}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled."""
        if version != "editable":
            shutil.rmtree(self.folder, ignore_errors=True)


def _load(path: Path) -> ModuleType:
    """Load a module without its package, which needs torch."""
    spec = importlib.util.spec_from_file_location("kernel_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
