"""No modules import each other, not even inside of functions; `make lint` checks the layers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("beam_pipelines", "facevoice", "models", "tfdata")


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(root: Path, packages: tuple[str, ...]) -> dict[str, set[str]]:
    """Each module of the packages, with those of them that it imports anywhere in its code."""
    paths = {
        module_name(path, root): path for each in packages for path in root.glob(f"{each}/**/*.py")
    }
    graph = {}
    for name, path in paths.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, (
                    f"{name} has a relative import, which this test does not follow"
                )
                for alias in node.names:
                    submodule = f"{node.module}.{alias.name}"
                    found.add(submodule if submodule in paths else node.module)
        graph[name] = found & paths.keys() - {name}
    return graph


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """A shortest cycle through each module that is in one; a cycle is listed once."""
    found = {}
    for start in sorted(graph):
        paths, seen = [[start]], set()
        while paths:
            path = paths.pop(0)
            if start in graph[path[-1]]:
                found.setdefault(frozenset(path), [*path, start])
                break
            for following in sorted(graph[path[-1]] - seen):
                seen.add(following)
                paths.append([*path, following])
    return list(found.values())


def test_no_modules_import_each_other():
    found = cycles(import_graph(ROOT, PACKAGES))
    assert not found, "import cycles: " + "; ".join(" -> ".join(cycle) for cycle in found)


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [["a", "b", "a"]]),
        (
            {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"b"}},
            [["a", "b", "c", "a"], ["b", "d", "b"]],
        ),
    ],
)
def test_each_cycle_is_found_and_named(graph, found):
    assert cycles(graph) == found


def test_imports_inside_of_functions_and_of_submodules_count(tmp_path):
    package = tmp_path / "facevoice"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    from facevoice import b\n    import json\n")
    (package / "b.py").write_text("import facevoice.a\nfrom facevoice.a import f\n")
    graph = import_graph(tmp_path, ("facevoice",))
    assert graph == {
        "facevoice": set(),
        "facevoice.a": {"facevoice.b"},
        "facevoice.b": {"facevoice.a"},
    }
