"""Imports run downwards only and in no circles, so that each part can be read, tested and replaced
alone. Imports inside functions count as well."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("training", "gui_utils", "viz")
WINDOW = {"gui_utils", "imgui_bundle", "glfw", "OpenGL"}
TORCH = {"torch", "triton", "numba"}

FORBIDDEN: dict[str, set[str]] = {
    "gui_utils": {"training", "viz", "visualizer", "benchmarks", *TORCH},
    "training": {"viz", "visualizer", "benchmarks", *WINDOW},
    "viz/state": {
        "viz.render",
        "viz.scheduling",
        "viz.exports",
        "viz.headless",
        "viz.app",
        "training.networks",
        *WINDOW,
        *TORCH,
    },
    "viz/scheduling": {"viz.exports", "viz.headless", "viz.app", *WINDOW, *TORCH},
    "viz/render": {"viz.portrait", "viz.headless", "viz.app", *WINDOW},
    "viz/exports": {"viz.portrait", "viz.headless", "viz.app", "viz.scheduling", *WINDOW},
    "viz/portrait": {"viz.headless", "viz.app", "viz.scheduling", *WINDOW},
    "viz/headless": {"viz.app", "viz.scheduling", *WINDOW},
    "viz/app": {"viz.headless", "visualizer", *TORCH},
    "viz/app/panels": {"training", "visualizer", "viz.render", *TORCH},
    "viz/exports/table.py": {"torch", "av"},
    "viz/exports/choices.py": {"torch", "av"},
    "viz/exports/frame_options.py": {"torch", "av", "training"},
    "viz/exports/mesh_options.py": {"torch", "training"},
    "viz/exports/schedule.py": {"torch", "av", "training"},
}


def sources(place: Path) -> list[Path]:
    """Files of a folder, or the file itself."""
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for name in PACKAGES for path in sources(ROOT / name)}


def imported(path: Path, at_run_time: bool = False) -> set[str]:
    """Full names of all that a file imports, at any depth of its code; `at_run_time` leaves out
    what only type checkers read."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped: set[ast.AST] = set()
    if at_run_time:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                skipped.update(inner for child in node.body for inner in ast.walk(child))
    found = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else str(node.module))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "deferred":
            (place,) = node.args  # viz.exports.table.deferred: "module:function"
            module, name = ast.literal_eval(place).split(":")
            code = ast.parse(MODULES[module].read_text("utf-8")).body
            assert name in {getattr(part, "name", "") for part in code}, f"{place} is gone"
            found.add(module)
    return found


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("place", FORBIDDEN)
def test_imports_run_downwards(place: str):
    folder = ROOT / place
    assert folder.exists(), f"{place} is gone: name what took its place here"
    wrong = {
        str(path.relative_to(ROOT)): forbidden
        for path in sources(folder)
        if (
            forbidden := {
                name
                for name in imported(path)
                if any(within(name, package) for package in FORBIDDEN[place])
            }
        )
    }
    assert not wrong


def test_no_circles_of_files():
    """Neither at import nor inside functions; what only type checkers read counts, too."""
    graph = {name: imported(path) & MODULES.keys() - {name} for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_rooms_are_small():
    """At most twelve files lie directly in a folder of the application, panels apart."""
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in (ROOT / "viz").rglob("*")
        if folder.is_dir() and folder.name not in ("panels", "__pycache__")
        if (count := sum(p.name != "__init__.py" for p in folder.glob("*.py"))) > 12
    }
    assert not crowded


def test_no_two_files_share_a_name():
    names: dict[str, list[str]] = {}
    for name, path in MODULES.items():
        if path.name not in ("__init__.py", "__main__.py"):
            names.setdefault(path.name, []).append(name)
    assert not {name: places for name, places in names.items() if len(places) > 1}


def test_no_two_classes_share_a_name():
    names: dict[str, list[str]] = {}
    for name, path in MODULES.items():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                names.setdefault(node.name, []).append(name)
    assert not {name: places for name, places in names.items() if len(places) > 1}
