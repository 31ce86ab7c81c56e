"""The rules of the tree that a machine can hold: declared imports, geometry's only dependency."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "geometry": "pano_geometry",
    "losses": "pano_losses",
    "models": "pano_models",
    "data": "pano_data",
    "worlds": "pano_worlds",
    "panodepth": "panodepth",
}
IMPORT_NAME = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "openexr": "OpenEXR",
    "pyyaml": "yaml",
    "usd-core": "pxr",
}


def _declared(pyproject: Path) -> set[str]:
    project = tomllib.loads(pyproject.read_text())["project"]
    extras = [d for group in project.get("optional-dependencies", {}).values() for d in group]
    names = [
        re.split(r"[\s\[<>=!~;]", d, maxsplit=1)[0].lower()
        for d in project["dependencies"] + extras
    ]
    return {IMPORT_NAME.get(n, n.replace("-", "_")) for n in names}


def _imports(source: Path) -> set[str]:
    roots: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            roots.add(node.module.split(".")[0])
    return roots


def _undeclared(folder: Path, own: str, pyproject: Path) -> dict[str, set[str]]:
    # jaxtyping is imported for type checkers only (shape annotations are inert without it).
    allowed = _declared(pyproject) | set(sys.stdlib_module_names) | {own, "jaxtyping"}
    found = {str(p.relative_to(ROOT)): _imports(p) - allowed for p in folder.rglob("*.py")}
    return {path: names for path, names in found.items() if names}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_what_it_declares(package: str) -> None:
    folder = ROOT / "packages" / package
    assert _undeclared(folder / "src", PACKAGES[package], folder / "pyproject.toml") == {}


def test_experiments_import_only_what_the_root_declares() -> None:
    assert _undeclared(ROOT / "experiments", "experiments", ROOT / "pyproject.toml") == {}


def test_declared_import_check_sees_a_foreign_import(tmp_path: Path) -> None:
    (tmp_path / "stray.py").write_text("import numpy as np\nfrom lightning import Trainer\n")
    assert _imports(tmp_path / "stray.py") == {"numpy", "lightning"}


def test_geometry_depends_on_torch_only() -> None:
    assert _declared(ROOT / "packages/geometry/pyproject.toml") == {"torch"}


def test_geometry_imports_nothing_heavy() -> None:
    code = (
        "import sys, pano_geometry; "
        "print([m for m in ('cv2', 'PIL', 'scipy', 'timm', 'lightning', 'torchvision') if m in "
        "sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
