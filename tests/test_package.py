"""The package as such: its names, its tree of exceptions, its imports."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import cloud_elements_errors
from cloud_elements_errors import (
    CloudElementsError,
    UnlistedStatusError,
    exceptions,
    testing,
)

PACKAGE = Path(cloud_elements_errors.__file__).parent
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): path
    for path in PACKAGE.rglob("*.py")
}

# From bottom to top: a folder may import from itself and from those below it.
FOLDERS = ["leaves", "_errors", "_retries", "_requests", "_testing", "_command_line"]
DOORS = {"__init__", "__main__", "exceptions", "testing"}
# The packages that a folder may import beside the standard library.
HOSTS = {
    "leaves": {"requests", "urllib3"},
    "_errors": {"requests"},
    "_retries": {"urllib3"},
    "_requests": {"requests", "urllib3"},
    "_testing": {"pytest", "requests", "urllib3"},
    "_command_line": set(),
}


def _folder(module: str) -> str:
    """Return the folder of a module; the leaves are flat, beside the doors."""
    return module.partition("/")[0] if "/" in module else "leaves"


def _imports(
    module: str, *, for_types: bool = True
) -> list[ast.Import | ast.ImportFrom]:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    if not for_types:
        tree.body = [
            node
            for node in tree.body
            if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        ]
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]


def _siblings(module: str, *, for_types: bool = True) -> set[str]:
    """Return the modules of the package that a module imports."""
    names = set()
    for node in _imports(module, for_types=for_types):
        if isinstance(node, ast.ImportFrom) and node.level:
            home = [*module.split("/")[: -node.level], *(node.module or "").split(".")]
            path = "/".join(filter(None, home))
            names |= (
                {path}
                if path in MODULES
                else {f"{path}/{alias.name}".lstrip("/") for alias in node.names}
            )
    return names


def _others(module: str) -> set[str]:
    """Return the top-level packages that a module imports at run time."""
    names = set()
    for node in _imports(module):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif not node.level:
            names.add(node.module.partition(".")[0])
    return names


ROOMS = sorted(MODULES.keys() - DOORS)


def test_modules_are_in_the_folders_of_the_order():
    """A folder that is added has to find its place in the order."""
    assert {_folder(module) for module in ROOMS} == set(FOLDERS)


@pytest.mark.parametrize("module", ROOMS)
def test_imports_point_one_way(module):
    """A module imports from its own folder and from those below it."""
    allowed = FOLDERS[: FOLDERS.index(_folder(module)) + 1]
    assert {_folder(sibling) for sibling in _siblings(module)} <= set(allowed)


@pytest.mark.parametrize("module", ROOMS)
def test_no_import_goes_in_a_circle(module):
    """No module reaches itself by its imports, but for those of types alone."""
    seen, waiting = set(), _siblings(module, for_types=False)
    while waiting:
        sibling = waiting.pop()
        seen.add(sibling)
        waiting |= _siblings(sibling, for_types=False) - seen
    assert module not in seen


@pytest.mark.parametrize("module", MODULES)
def test_package_is_imported_relatively(module):
    """No module reaches its siblings by the name of the package."""
    assert "cloud_elements_errors" not in _others(module)


@pytest.mark.parametrize("module", ROOMS)
def test_imports_of_other_packages(module):
    """Only what sends requests knows both hosts; the command line knows neither."""
    allowed = HOSTS[_folder(module)] | {"typing_extensions"}
    assert _others(module) - set(sys.stdlib_module_names) <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_typing_extensions_is_for_the_type_checker_alone(module):
    """It is no dependency of ours, so nothing imports it at run time."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    assert "typing_extensions" not in ast.unparse(tree).split()


# Modules of the standard library that few programs need, and that are slow to import.
DEFERRED = {
    "_errors/escapes": ["import html"],
    "_errors/pickling": ["import pickle"],
}


@pytest.mark.parametrize("module", MODULES)
def test_no_import_inside_a_function(module):
    """No function-level import hides a cycle; two spare every start-up their time."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    functions = (
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    hidden = [
        ast.unparse(node)
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert hidden == DEFERRED.get(module, [])


@pytest.mark.parametrize(
    "namespace",
    [cloud_elements_errors, exceptions, testing],
    ids=lambda module: module.__name__,
)
def test_exported_names_are_sorted_and_exist(namespace):
    """``__all__`` is sorted, without repetitions, and every name exists."""
    names = namespace.__all__
    assert names == sorted(set(names))
    assert all(hasattr(namespace, name) for name in names)


def test_every_public_name_is_exported():
    """What ``dir()`` shows of the package is in ``__all__``, but for two modules."""
    shown = set(dir(cloud_elements_errors)) - {"__version__", "exceptions", "testing"}
    assert shown == set(cloud_elements_errors.__all__)


def test_import_of_the_package_imports_no_host():
    """The pytest plugin is imported in every run: it costs no import of requests."""
    program = (
        "import sys, cloud_elements_errors._testing.pytest_plugin;"
        "print(sorted({'requests', 'urllib3', 'ssl'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert run.stdout == "[]\n"


def test_every_exception_is_exported_twice():
    """The tree is in ``exceptions`` and, for the only import users need, on top."""
    tree = {"CloudElementsError"} | {
        cls.__name__ for cls in CloudElementsError.__subclasses__()
    }
    assert set(exceptions.__all__) == tree
    assert tree <= set(cloud_elements_errors.__all__)


def test_drawing_of_the_tree_is_the_tree():
    """The docstring of ``exceptions`` draws the classes in order, with statuses."""
    drawn = re.findall(r"[├└]── (\w+) +(\d{3}|any)", exceptions.__doc__)
    classes = [
        (cls.__name__, str(cls.status_code or "any"))
        for cls in CloudElementsError.__subclasses__()
    ]
    assert drawn == classes
    assert re.findall(r"(\S+)\n    └── (\w+)\n", exceptions.__doc__) == [
        ("requests.HTTPError", "CloudElementsError")
    ]
    assert UnlistedStatusError.__bases__ == (CloudElementsError,)
    assert [f"requests.{base.__name__}" for base in CloudElementsError.__bases__] == [
        "requests.HTTPError"
    ]


def test_version_is_that_of_the_distribution():
    """``__version__`` is what pip says."""
    version = cloud_elements_errors.__version__
    assert version == metadata.version("cloud-elements-errors")


def test_version_is_read_when_asked_for():
    """Importing the package does not read the metadata."""
    assert "__version__" not in vars(cloud_elements_errors)


def test_modules_are_imported_when_asked_for():
    """``import cloud_elements_errors`` is enough for those that users may import."""
    program = "import cloud_elements_errors as c; print(c.testing, c.exceptions)"
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert cloud_elements_errors.__getattr__("exceptions") is exceptions


def test_unknown_name_is_an_attribute_error():
    """The lazy version makes no other name exist."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = cloud_elements_errors.nothing


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="tests the checkout")
def test_tox_tests_the_wheel():
    """Under tox the package is the one that pip has installed, not the checkout."""
    assert PACKAGE.is_relative_to(sys.prefix)


def test_package_is_imported_from_one_place(record_property):
    """All of the package is imported from one place, which the report names."""
    record_property("imported_from", str(PACKAGE))
    strays = [
        name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == "cloud_elements_errors"
        and not Path(module.__file__).is_relative_to(PACKAGE)
    ]
    assert strays == []
    assert metadata.distribution("cloud-elements-errors").files


def test_package_is_typed():
    """Type checkers of users find the marker of PEP 561."""
    assert (PACKAGE / "py.typed").is_file()


def test_the_lower_bounds_are_the_ones_that_are_tested():
    """And they are the first versions without known holes."""
    root = Path(__file__).parents[1]
    bounds = dict(
        re.findall(
            r'"(requests|urllib3)>=([\d.]+),<', (root / "pyproject.toml").read_text()
        )
    )
    lowest = dict(
        re.findall(
            r"^ +(requests|urllib3)==([\d.]+)$",
            (root / "tox.ini").read_text(),
            re.MULTILINE,
        )
    )
    assert bounds == lowest == {"requests": "2.32.4", "urllib3": "2.7.0"}
