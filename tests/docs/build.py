"""Build the API reference, with the README as its first page and the guides.

pdoc documents modules, so this makes a copy of the package in which the README is the
docstring of the package, and each guide is a module::

    python tests/docs/build.py DIRECTORY
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pdoc

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = "cloud_elements_errors"
FOUND_BY_SEARCH = ("retry", "timeout", "secret", "proxy", "pytest")


# pdoc does not show members that are inherited from a private module.
FLAT_RETRY = """
for _name in ("__init__", "new", "for_request"):
    setattr(CloudElementsRetry, _name, getattr(CloudElementsRetry, _name))
"""


def linked(text: str, prefix: str) -> str:
    """Return Markdown whose links to guides lead to their pages."""
    text = text.replace("(examples/README.md)", f"({prefix}.html)")
    text = re.sub(r"\((?:examples/)?(\w+)\.md\b", rf"({prefix}/\1.html", text)
    # Scripts have no page: show their path.
    return re.sub(
        r"\[([^]]*)\]\((?:examples/)?(\w+\.py)\)", r"\1 (`examples/\2`)", text
    )


def with_guides(source: Path) -> Path:
    """Make a copy of the package with a module for each guide; return its directory."""
    package = source / PACKAGE
    shutil.copytree(
        ROOT / PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    init = package / "__init__.py"
    code = init.read_text(encoding="utf-8")
    readme = linked(
        (ROOT / "README.md").read_text(encoding="utf-8"), f"{PACKAGE}/guides"
    )
    code = re.sub(
        r'\A""".*?"""', lambda _: f"__doc__ = {readme!r}", code, flags=re.DOTALL
    )
    code = code.replace("from __future__ import annotations\n", "", 1)
    code = code.replace(
        "__all__ = [", '__all__ = ["exceptions", "guides", "testing",', 1
    )
    init.write_text(
        f"from __future__ import annotations\n\n{code}{FLAT_RETRY}", encoding="utf-8"
    )
    guides = package / "guides"
    guides.mkdir()
    for path in sorted((ROOT / "examples").glob("*.md")):
        is_index = path.stem == "README"
        text = linked(path.read_text(encoding="utf-8"), "guides" if is_index else ".")
        page = guides / f"{'__init__' if is_index else path.stem}.py"
        page.write_text(f"__doc__ = {text!r}\n", encoding="utf-8")
    return source


def main() -> None:
    output = Path(sys.argv[1])
    shutil.rmtree(output, ignore_errors=True)
    source = with_guides(output / "source")
    pdoc.render.configure(docformat="google")
    pdoc.pdoc(source / PACKAGE, output_directory=output)
    shutil.rmtree(source)
    for page in (PACKAGE, f"{PACKAGE}/guides"):
        (output / page).mkdir(exist_ok=True, parents=True)
    for place in ("examples", f"{PACKAGE}/guides"):
        (output / place).mkdir(exist_ok=True)
        shutil.copy(ROOT / "examples" / "outage.png", output / place)
    wrong = sorted({*not_in_search(output), *broken_links(output)})
    if wrong:
        sys.exit("\n".join(wrong))


def not_in_search(output: Path) -> Iterator[str]:
    index = (output / "search.js").read_text(encoding="utf-8")
    for word in FOUND_BY_SEARCH:
        if word not in index:
            yield f"The search does not find {word}"


def broken_links(output: Path) -> Iterator[str]:
    for page in output.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        for link in re.findall(r'(?:href|src)="(?!https?:|data:|\$)([^"]+)"', html):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            if not target.is_file() or (
                anchor and f'id="{anchor}"' not in target.read_text(encoding="utf-8")
            ):
                yield f"{page.name} has a broken link: {link}"


if __name__ == "__main__":
    main()
