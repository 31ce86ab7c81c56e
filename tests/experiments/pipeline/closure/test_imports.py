"""What a module makes run, read from its source, on a small clone."""

from pathlib import Path

import pytest

from experiments.pipeline.closure.imports import Code

SOURCES = {
    "packages/a/src/pano_a/__init__.py": "from pano_a.always import x\n",
    "packages/a/src/pano_a/always.py": "x = 1\n",
    "packages/a/src/pano_a/typed.py": "",
    "packages/a/src/pano_a/late.py": "",
    "packages/a/src/pano_a/worker.py": "",
    "packages/a/src/pano_a/parts/__init__.py": "",
    "packages/a/src/pano_a/parts/one.py": "",
    "packages/a/src/pano_a/parts/two.py": "",
    "packages/a/src/pano_a/parts/table.csv": "1,2",
    "packages/a/src/pano_a/parts/README.md": "text",
    "packages/b/src/pano_b/__init__.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from pano_b.net_x import X\n    from pano_b.net_y import Y\n"
        "else:\n    def __getattr__(name): ...\n"
    ),
    "packages/b/src/pano_b/registry.py": 'NETS = {"x": "pano_b.net_x:X", "y": "pano_b.net_y:Y"}\n',
    "packages/b/src/pano_b/net_x.py": "class X: ...\n",
    "packages/b/src/pano_b/net_y.py": "class Y: ...\n",
    "experiments/__init__.py": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def closure(root: Path, text: str) -> set[str]:
    """Modules that `experiments.main` with this source makes run, beside itself."""
    (root / "experiments/main.py").write_text(text)
    found = Code(root).closure(["experiments.main"])
    return set(found) - {"experiments", "experiments.main"}


ALWAYS = {"pano_a", "pano_a.always"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import pano_a.late", ALWAYS | {"pano_a.late"}),
        ("from pano_a import late", ALWAYS | {"pano_a.late"}),
        ("def f():\n    from pano_a import late", ALWAYS | {"pano_a.late"}),
        ("from pano_a.parts.one import x", ALWAYS | {"pano_a.parts", "pano_a.parts.one"}),
        ("import pano_a as a\na.late.x()", ALWAYS | {"pano_a.late"}),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pano_a import typed",
            set(),
        ),
        ('start(["python", "-m", "pano_a.worker"])', ALWAYS | {"pano_a.worker"}),
        ('import_module("pano_a.worker:run")', ALWAYS | {"pano_a.worker"}),
        (
            'import_module(f"pano_a.parts.{name}")',
            ALWAYS | {"pano_a.parts", "pano_a.parts.one", "pano_a.parts.two"},
        ),
        ('log("pano_a")\nlog("pano_elsewhere.x")', set()),
    ],
)
def test_what_is_imported_is_found(root: Path, text: str, expected: set[str]) -> None:
    assert closure(root, text) == expected


def test_a_lazy_package_gives_what_is_asked_for(root: Path) -> None:
    assert closure(root, "import pano_b.registry") == {"pano_b", "pano_b.registry"}
    for text in ("from pano_b import X", "import pano_b\npano_b.X()", 'load("pano_b.X")'):
        assert closure(root, text) == {"pano_b", "pano_b.net_x"}
    assert Code(root).deferred("pano_b") == {"pano_b.net_x", "pano_b.net_y"}


def test_data_beside_a_module_belong_to_it_and_pages_to_read_do_not(root: Path) -> None:
    code = Code(root)
    files = [p.name for p in code.files(code.closure(["pano_a.parts.one"]))]
    assert "table.csv" in files
    assert "README.md" not in files
    assert "table.csv" not in [p.name for p in code.files(code.closure(["pano_a.late"]))]


def test_a_name_that_is_no_module_is_refused(root: Path) -> None:
    with pytest.raises(KeyError, match=r"pano_c\.x"):
        Code(root).closure(["pano_c.x"])
