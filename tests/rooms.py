"""The rules of the house, read from the source: who may import whom, and what a folder and a file look like.

Every import counts: in functions and under TYPE_CHECKING too. The root is an argument, so that tests can plant files.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

#: Where the code is, by import name; the longest prefix counts.
FOLDERS = {
    "gradtwin.backends": "backends",
    "gradtwin.comparisons": "comparisons",
    "gradtwin.benchmarks": "benchmarks",
    "gradtwin": "src/gradtwin",
}

#: What each of the three may import of the three; `gradtwin` itself stands above them.
ALLOWED = {
    "gradtwin.backends": {"gradtwin.backends"},
    "gradtwin.comparisons": {"gradtwin.backends", "gradtwin.comparisons"},
    "gradtwin.benchmarks": {"gradtwin.backends", "gradtwin.comparisons", "gradtwin.benchmarks"},
}

#: Modules that lie flat in `comparisons/`.
FLAT = {"__init__", "replay"}

#: Where TensorFlow may be imported at module level.
LOADS_TENSORFLOW = re.compile(
    r"gradtwin\.(backends\.(tensorflow_|keras_)|comparisons\.tracing\b|benchmarks\.(timed_tensorflow|peers\.with_))"
)

#: A step of a walk in docs/layout.md: a file, and a function or a method in it.
STEP = re.compile(r"`([\w/]+\.py): ([\w.]+)`")

MOST_LINES = 400


@dataclass(frozen=True)
class Import:
    """An import statement's target, a module of gradtwin or the name of another library."""

    target: str
    line: int
    level: int
    at_start: bool


@dataclass(frozen=True)
class Module:
    """A module of gradtwin: its dotted name and its file."""

    name: str
    path: Path

    @property
    def folder(self) -> str:
        """The dotted name of the folder that the module lies in."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed source."""
        return ast.parse(self.path.read_text(), str(self.path))


class House:
    """The modules below a root, and what each imports."""

    def __init__(self, root: Path) -> None:
        self.root = root
        found = (Module(_name(top, folder, path, root), path) for top, folder, path in _files(root))
        self.modules = {module.name: module for module in found}
        self.imports = {name: list(self._read(module)) for name, module in self.modules.items()}
        self.rooms = read_rooms(root)

    def where(self, name: str, line: int | None = None) -> str:
        """Return a module's file, relative to the root, with a line."""
        path = self.modules[name].path.relative_to(self.root).as_posix()
        return path if line is None else f"{path}:{line}"

    def inside(self, name: str) -> Iterator[Import]:
        """Yield a module's imports of gradtwin's modules."""
        return (found for found in self.imports[name] if found.target in self.modules)

    def _read(self, module: Module) -> Iterator[Import]:
        late = {id(inner) for node in ast.walk(module.tree) if _is_late(node) for inner in ast.walk(node)}
        for node in ast.walk(module.tree):
            at_start = id(node) not in late
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno, 0, at_start) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = module.folder.split(".")
                    base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
                names = [f"{base}.{alias.name}" for alias in node.names]
                targets = dict.fromkeys(name if name in self.modules else base for name in names)
                yield from (Import(target, node.lineno, node.level, at_start) for target in targets)


def read_rooms(root: Path) -> list[str]:
    """Return the rooms of `comparisons/` in their order, which docs/layout.md's table has."""
    page = (root / "docs" / "layout.md").read_text()
    table = re.search(r"^\| room .*?\n\n", page, re.MULTILINE | re.DOTALL)
    assert table, "docs/layout.md has a table whose first column is `room`"
    return re.findall(r"^\| `(\w+)(?:/|\.py)` \|", table.group(0), re.MULTILINE)


def find_upward_imports(house: House) -> list[str]:
    """Return the imports of a room from one after it, and those of rooms that the table lacks."""
    found = []
    for name in house.modules:
        own = _room(name)
        if own is None or name == "gradtwin.comparisons":
            continue
        if own not in house.rooms:
            found.append(
                f"{house.where(name)}: docs/layout.md has no room {own!r}; move the module into one of "
                f"{', '.join(house.rooms)}, or add the room to the table."
            )
            continue
        for item in house.inside(name):
            other = _room(item.target)
            if other in house.rooms and house.rooms.index(other) > house.rooms.index(own):
                found.append(
                    f"{house.where(name, item.line)}: {own} imports {item.target}, and {other} comes after {own}. Move "
                    f"what is needed into {own} or a room before it, or move this code into {other}."
                )
    return found


def find_wrong_directions(house: House) -> list[str]:
    """Return the imports against ARCHITECTURE's direction: backends, comparisons, benchmarks, gradtwin."""
    leaves = find_leaves(house)
    found = []
    for name in house.modules:
        own = _top(name)
        if own == "gradtwin":
            continue
        for item in house.inside(name):
            other = _top(item.target)
            if other == "gradtwin" and item.target not in leaves:
                found.append(
                    f"{house.where(name, item.line)}: {item.target} stands above {own}. Move what is needed into a "
                    f"module of src/gradtwin/ that imports nothing of backends, comparisons and benchmarks."
                )
            elif other != "gradtwin" and other not in ALLOWED[own]:
                found.append(
                    f"{house.where(name, item.line)}: {own} imports {item.target}; it may import "
                    f"{', '.join(sorted(ALLOWED[own]))}. Move what is needed into one of these."
                )
    return found


def find_leaves(house: House) -> set[str]:
    """Return the modules of `src/gradtwin/` that import nothing but one another: any folder may import these."""
    leaves = {name for name in house.modules if _top(name) == "gradtwin" and name != "gradtwin"}
    while True:
        kept = {name for name in leaves if all(item.target in leaves for item in house.inside(name))}
        if kept == leaves:
            return leaves
        leaves = kept


def find_cycles(house: House) -> list[str]:
    """Return the sets of modules that import one another in a circle."""
    reached = {name: _reach(house, name) for name in house.modules}
    groups = {
        tuple(sorted({name} | {other for other in reached[name] if name in reached[other]}))
        for name in house.modules
        if name in reached[name]
    }
    found = []
    for group in sorted(groups):
        ties = [
            f"{house.where(name, item.line)} imports {item.target}"
            for name in group
            for item in house.inside(name)
            if item.target in group
        ]
        found.append(f"{', '.join(group)} import one another: {'; '.join(ties)}. Move what they share into a third.")
    return found


def find_ways_of_importing(house: House) -> list[str]:
    """Return the absolute imports within a folder, and the relative ones across folders."""
    found = []
    for name, module in house.modules.items():
        for item in house.inside(name):
            same = house.modules[item.target].folder == module.folder
            if same and not item.level:
                found.append(
                    f"{house.where(name, item.line)}: {item.target} is in the same folder; import it relatively, as in "
                    f"`from .{item.target.rpartition('.')[2]} import ...`."
                )
            elif item.level and not same:
                found.append(
                    f"{house.where(name, item.line)}: {item.target} is in another folder; import it by its full name."
                )
    return found


def find_flat_modules(house: House) -> list[str]:
    """Return the modules that lie in no room."""
    return [
        f"{house.where(name)}: only {' and '.join(sorted(FLAT))} lie flat in comparisons/; move it into one of the "
        f"rooms {', '.join(house.rooms)}."
        for name, module in house.modules.items()
        if module.folder == "gradtwin.comparisons" and module.path.stem not in FLAT
    ]


def find_early_tensorflow(house: House) -> list[str]:
    """Return the modules that load TensorFlow as they are imported, by themselves or by what they import."""
    loading = {name for name, module in house.modules.items() if _loads_tensorflow(module, house.imports[name])}
    allowed = [name for name in house.modules if LOADS_TENSORFLOW.match(name)]
    heavy = {name for name in allowed if {name, *_reach(house, name, True)} & loading}
    found = []
    for name in house.modules:
        if name in allowed:
            continue
        early = [item.target for item in house.inside(name) if item.at_start and item.target in heavy]
        if name in loading or early:
            what = "TensorFlow" if name in loading else f"{early[0]}, which loads TensorFlow,"
            found.append(f"{house.where(name)}: it imports {what} at module level; import it where it is used.")
    return found


def find_long_files(house: House) -> list[str]:
    """Return the files that are too long to hold one purpose."""
    return [
        f"{house.where(name)}: {count} lines, more than {MOST_LINES}; split it by subject into files with plain names."
        for name, module in house.modules.items()
        if (count := len(module.path.read_text().splitlines())) > MOST_LINES
    ]


def find_silent_folders(house: House) -> list[str]:
    """Return the folders whose `__init__.py` lacks what it holds and what it may import."""
    found = []
    for folder in sorted({module.folder for module in house.modules.values()} - {"gradtwin"}):
        init = house.modules.get(folder)
        if init is None:
            found.append(f"{folder}: it has no __init__.py, in which it says what it holds and may import.")
            continue
        words = " ".join((ast.get_docstring(init.tree) or "").split())
        room = _room(folder)
        is_room = room in house.rooms and folder.count(".") == 2
        expected = may_import(str(room), house.rooms) if is_room else "May import"
        if expected not in words or words.startswith(expected):
            found.append(
                f"{house.where(folder)}: its docstring lacks what the folder holds and may import; say the first in a "
                f"line and end with {expected!r}."
            )
    return found


def may_import(room: str, rooms: list[str]) -> str:
    """Return the sentence of a room's `__init__.py`."""
    place = rooms.index(room)
    if place == 0:
        return "May import no other room."
    return f"May import {rooms[0]}." if place == 1 else f"May import {rooms[place - 1]} and the rooms before it."


def find_stale_walks(house: House) -> list[str]:
    """Return the steps of docs/layout.md's walks that lead nowhere, and walks that are missing."""
    page = (house.root / "docs" / "layout.md").read_text()
    walks = re.findall(r"^### .*(compare|check|train|bench)`", page, re.MULTILINE)
    found = [] if len(walks) == 4 else [f"docs/layout.md: it has the walks {walks}; expected four."]
    for path, name in STEP.findall(page):
        file = next((file for file in (house.root / "comparisons" / path, house.root / path) if file.is_file()), None)
        if file is None or name not in _functions(ast.parse(file.read_text())):
            found.append(f"docs/layout.md: there is no `{path}: {name}`; write the walk as the calls go now.")
    return found


RULES = (
    find_upward_imports,
    find_wrong_directions,
    find_cycles,
    find_ways_of_importing,
    find_flat_modules,
    find_early_tensorflow,
    find_long_files,
    find_silent_folders,
    find_stale_walks,
)


def _files(root: Path) -> Iterator[tuple[str, Path, Path]]:
    for top, folder in FOLDERS.items():
        yield from ((top, root / folder, path) for path in sorted((root / folder).rglob("*.py")))


def _name(top: str, folder: Path, path: Path, root: Path) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join([top, *(part for part in parts if part != "__init__")])


def _top(name: str) -> str:
    return next(top for top in FOLDERS if name == top or name.startswith(f"{top}."))


def _room(name: str) -> str | None:
    """Return the room of `comparisons/` that a module is in; `replay.py` is one of its own."""
    parts = name.split(".")
    return parts[2] if parts[:2] == ["gradtwin", "comparisons"] and len(parts) > 2 else None


def _reach(house: House, start: str, at_start: bool = False) -> set[str]:
    """Return the modules that are reached from one by its imports."""
    reached: set[str] = set()
    todo = [start]
    while todo:
        for item in house.inside(todo.pop()):
            if item.target not in reached and (item.at_start or not at_start):
                reached.add(item.target)
                todo.append(item.target)
    return reached


def _is_late(node: ast.AST) -> bool:
    """Return whether what a node holds doesn't run as the module is imported: a function, or TYPE_CHECKING."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _functions(tree: ast.Module) -> set[str]:
    """Return the names of functions and classes, and those of methods as `Class.method`."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{item.name}" for item in node.body if isinstance(item, ast.FunctionDef)}
    return found


def _loads_tensorflow(module: Module, imports: list[Import]) -> bool:
    libraries = ("tensorflow", "keras")
    if any(item.at_start and item.target.split(".")[0] in libraries for item in imports):
        return True
    late = {id(inner) for node in ast.walk(module.tree) if _is_late(node) for inner in ast.walk(node)}
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "import_tensorflow"
        and id(node) not in late
        for node in ast.walk(module.tree)
    )
