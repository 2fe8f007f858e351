"""Build the site: the README, the guides, their scripts, and the reference.

Warnings are errors, so a link or a name that leads nowhere fails the build::

    python tests/docs/build.py DIRECTORY
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.cmd.build import main as sphinx

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REFERENCE = ("index", "exceptions", "testing")


def lay_out(source: Path) -> None:
    """Put each page where the links of the README and the guides expect it."""
    examples = source / "examples"
    shutil.copytree(HERE / "reference", source / "reference")
    shutil.copytree(ROOT / "examples", examples)
    scripts = sorted(examples.glob("*.py"))
    guides = sorted(examples.glob("*.md"))  # README.md is the first
    for script in scripts:
        page = examples / f"{script.name}.md"
        page.write_text(script_page(script), encoding="utf-8")
        script.unlink()  # so that links lead to the page
    contents = [
        toctree("Guides", (f"examples/{guide.stem}" for guide in guides)),
        toctree("Scripts", (f"examples/{script.name}" for script in scripts)),
        toctree("Reference", (f"reference/{name}" for name in REFERENCE)),
    ]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (source / "README.md").write_text("\n".join([readme, *contents]), encoding="utf-8")


def toctree(caption: str, pages: Iterable[str]) -> str:
    """Return a part of the sidebar."""
    lines = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""]
    return "\n".join(lines)


def script_page(path: Path) -> str:
    """Return a page in Markdown for a script."""
    code = path.read_text(encoding="utf-8")
    return f"# {path.name}\n\n```python\n{code}```\n"


def main() -> None:
    output = Path(sys.argv[1])
    source = output.with_name(f"{output.name}-source")
    for old in (output, source):
        shutil.rmtree(old, ignore_errors=True)
    lay_out(source)
    options = ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    failed = sphinx([*options, "-c", str(HERE), str(source), str(output)])
    if failed:
        sys.exit(failed)
    shutil.copy(output / "README.html", output / "index.html")


if __name__ == "__main__":
    main()
