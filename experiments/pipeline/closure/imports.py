"""Which modules of ours a module makes run: its imports, read from its source.

Imports inside functions count, those under `if TYPE_CHECKING` do not. A text that is the dotted
name of a module of ours counts too: it is there for `importlib` or for `python -m`. Only in a
package that imports its parts lazily (its `__init__` has a `__getattr__`), texts are its table of
what may be asked for: an entry counts where somebody asks for it, by import, by attribute or in the
values file.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

NO_DATA = {".py", ".pyc", ".typed", ".md"}
"""Endings of files that no code reads as its data."""
BOX = "packages/models/src/pano_models/box"
"""Networks that ship with `pano_models`: data of the stages that name one, of no others."""


@dataclass(frozen=True)
class References:
    """What the source of one module refers to.

    Attributes:
        names: Dotted names of ours, `package.module` or `package.module.attribute`.
        texts: Dotted names in texts; `*` stands for what a format string fills in.
        lazy: Attribute -> dotted name that it is imported from when it is asked for.
        is_lazy: Whether the module has a `__getattr__`.
    """

    names: frozenset[str]
    texts: frozenset[str]
    lazy: Mapping[str, str]
    is_lazy: bool


@dataclass
class Code:
    """The modules of a clone.

    Attributes:
        root: The clone.
    """

    root: Path
    _references: dict[str, References] = field(default_factory=dict, repr=False)
    _imported: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Dotted name of each module -> its file; a package stands for its `__init__.py`."""
        tops = [p for p in self.root.glob("packages/*/src/*") if (p / "__init__.py").is_file()]
        found = {}
        for top in [*tops, self.root / "experiments"]:
            for path in sorted(top.rglob("*.py")):
                parts = path.relative_to(top.parent).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    @cached_property
    def _name(self) -> re.Pattern[str]:
        tops = "|".join(sorted({name.split(".")[0] for name in self.modules}))
        return re.compile(rf"(?:{tops})(?:\.[\w*]+)*(?::\w+)?")

    def is_ours(self, text: str) -> bool:
        """Tell whether a text has the form of a dotted name in one of our packages."""
        return self._name.fullmatch(text) is not None

    def references(self, module: str) -> References:
        """Return what a module refers to; its source is read once."""
        if module not in self._references:
            path = self.modules[module]
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            reader = _Reader(package, self.is_ours)
            reader.visit(ast.parse(path.read_bytes(), str(path)))
            self._references[module] = reader.found()
        return self._references[module]

    def is_lazy(self, package: str) -> bool:
        """Tell whether a package imports its parts only when they are asked for."""
        return self.references(package).is_lazy

    def resolve(self, name: str) -> set[str]:
        """Return the modules that a dotted name makes run, without those that these import.

        The packages above a module run before it. A name that is an attribute leads to its module,
        and where that imports the attribute lazily, to what it is imported from.
        """
        parts = name.replace(":", ".").split(".")
        found = set()
        for length in range(1, len(parts) + 1):
            module = ".".join(parts[:length])
            if module not in self.modules:
                break
            found.add(module)
        if found and len(found) < len(parts):
            lazy = self.references(".".join(parts[: len(found)])).lazy
            if parts[len(found)] in lazy:
                found |= self.resolve(lazy[parts[len(found)]])
        return found

    def imported_by(self, module: str) -> frozenset[str]:
        """Return the modules that a module imports, wherever in it the import stands."""
        if module in self._imported:
            return self._imported[module]
        own = self.references(module)
        top = module.split(".")[0]
        found = {m for name in own.names for m in self.resolve(name)}
        for text in own.texts:
            if text.split(".")[0] != top or not self.is_lazy(top):
                found |= {m for name in self._matching(text) for m in self.resolve(name)}
        self._imported[module] = frozenset(found)
        return self._imported[module]

    def _matching(self, text: str) -> list[str]:
        """Return the names that a text stands for: itself, or all modules that its `*` allow."""
        name = text.replace(":", ".")
        if "*" not in name:
            return [name] if self.resolve(name) - {name.split(".")[0]} else []
        pattern = re.compile(re.escape(name).replace(r"\*", r"\w+"))
        return [m for m in self.modules if pattern.fullmatch(m) or pattern.match(f"{m}.")]

    def deferred(self, package: str) -> set[str]:
        """Return the modules of a lazy package that only its tables name."""
        own = [m for m in self.modules if m == package or m.startswith(f"{package}.")]
        texts = {text.split(":")[0] for m in own for text in self.references(m).texts}
        return {name for text in texts for name in self._matching(text) if name in self.modules}

    def closure(self, names: Iterable[str]) -> frozenset[str]:
        """Return all modules that run when those that `names` lead to are used.

        Raises:
            KeyError: A name leads to no module of ours.
        """
        found: set[str] = set()
        todo: list[str] = []
        for name in names:
            modules = self.resolve(name)
            if not modules:
                raise KeyError(f"got {name!r}, expected a module of the project")
            todo += modules
        while todo:
            module = todo.pop()
            if module not in found:
                found.add(module)
                todo += self.imported_by(module) - found
        return frozenset(found)

    def files(self, modules: Iterable[str]) -> list[Path]:
        """Return the sources of modules and the data files beside them, sorted, below the root."""
        sources = {self.modules[m] for m in modules}
        data = {
            file for folder in {p.parent for p in sources} for file in self._data.get(folder, ())
        }
        return sorted(path.relative_to(self.root) for path in sources | data)

    @cached_property
    def _data(self) -> dict[Path, list[Path]]:
        """Data files by the folder of the modules that they belong to."""
        folders = {path.parent for path in self.modules.values()}
        found: dict[Path, list[Path]] = {}
        for top in {self.modules[m].parent for m in self.modules if "." not in m}:
            for path in _data_files(top):
                owner = next(p for p in path.parents if p in folders)
                found.setdefault(owner, []).append(path)
        return found


def _data_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(p.startswith((".", "__pycache__")) for p in path.relative_to(folder).parts)
        if path.is_file() and not (hidden or path.suffix in NO_DATA or BOX in path.as_posix()):
            yield path


class _Reader(ast.NodeVisitor):
    """Collects the references in one source."""

    def __init__(self, package: str, is_ours: Callable[[str], bool]) -> None:
        self.package = package
        self.is_ours = is_ours
        self.names: set[str] = set()
        self.texts: set[str] = set()
        self.typing: dict[str, str] = {}
        self.is_lazy = False
        self._bound: dict[str, str] = {}
        self._for_types = self._in_class = False

    def found(self) -> References:
        """Return what was collected."""
        lazy = self.typing if self.is_lazy else {}
        return References(frozenset(self.names), frozenset(self.texts), lazy, self.is_lazy)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            first = alias.name.split(".")[0]
            self._add(alias.asname or first, alias.name, alias.name if alias.asname else first)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self.package.split(".")[: len(self.package.split(".")) - node.level + 1]
        module = ".".join([*(above if node.level else []), *filter(None, [node.module])])
        for alias in node.names:
            full = module if alias.name == "*" else f"{module}.{alias.name}"
            self._add(alias.asname or alias.name, full, full)

    def _add(self, bound: str, name: str, stands_for: str) -> None:
        if not self.is_ours(name):
            return
        if self._for_types:
            self.typing[bound] = stands_for
        else:
            self.names.add(name)
            self._bound[bound] = stands_for

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) not in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            self.generic_visit(node)
            return
        self._for_types = True
        for part in node.body:
            if isinstance(part, ast.Import | ast.ImportFrom):
                self.visit(part)
        self._for_types = False
        for part in node.orelse:
            self.visit(part)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain, inner = [node.attr], node.value
        while isinstance(inner, ast.Attribute):
            chain.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in self._bound:
            self.names.add(".".join([self._bound[inner.id], *reversed(chain)]))
        self.visit(inner)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self._in_class = self._in_class, True
        self.generic_visit(node)
        self._in_class = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.is_lazy |= node.name == "__getattr__" and not self._in_class
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and "." in node.value and self.is_ours(node.value):
            self.texts.add(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = [str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values]
        text = "".join(parts)
        if "." in parts[0] and self.is_ours(text):
            self.texts.add(text)
        for part in node.values:
            if not isinstance(part, ast.Constant):
                self.visit(part)
