"""Pages of the API: every public name of the public packages, by room."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

DATA = ["clouds", "scenes", "images", "series", "tables", "common", "transforms"]
DATA += ["preprocessing", "samplings", "formats"]
#: Page -> title, packages whose ``__all__`` it shows, packages all of whose modules it shows.
PAGES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "layers": ("Layers", ("nn",), ()),
    "domains": ("Domains", ("domains",), ()),
    "kernels": ("Kernels and windows", ("kernels",), ()),
    "models": ("Models", ("models",), ()),
    "datasets": (
        "Data",
        (*(f"datasets.{each}" for each in DATA), "datasets"),
        (),
    ),
    "estimators": ("Estimators", ("estimators",), ()),
    "training": ("Training", ("training.objectives", "training.callbacks"), ("training",)),
    "export": ("Export", ("export",), ()),
    "viz": ("Pictures", ("viz", "viz.report"), ()),
    "explain": ("Explanations", ("explain",), ()),
    "published": ("Released code", ("published",), ()),
    "peers": ("Peers", (), ("peers",)),
    "studies": ("Studies", (), ("studies",)),
    "ops": ("Operators", (), ("ops", "ops.neighbors", "ops.points", "ops.grids", "ops.series")),
}
OVERVIEW = """# API

What each page imports from is in its first line; `ccnn_pc` itself has the names that most programs need:
{names}.

| page | room | holds |
| --- | --- | --- |
{rows}
"""


def public(package: str) -> list[str]:
    """Names that a package exports.

    Example:
        >>> public("ccnn_pc.domains")[:2]
        ['AbstractDomain', 'Boundary']
    """
    return sorted(importlib.import_module(package).__all__)


def modules(package: str) -> list[str]:
    """Modules of a package that hold something public; without packages inside."""
    room = importlib.import_module(package)
    found = [
        m.name for m in pkgutil.iter_modules(room.__path__) if not m.ispkg and not m.name.startswith("_")
    ]
    return [f"{package}.{name}" for name in sorted(found)]


def first_sentence(module: ModuleType) -> str:
    """What a room says of itself."""
    return (module.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ").replace("``", "`")


def exported(page: str) -> dict[str, list[str]]:
    """Packages of a page, and what each shows: no name twice, each under the package that it comes from."""
    shown: set[str] = set()
    found: dict[str, list[str]] = {}
    for name in PAGES[page][1]:
        package = f"ccnn_pc.{name}"
        made_in = vars(importlib.import_module(package)).get("_module_of", {})
        for each in public(package):
            home = made_in.get(each, package)
            room = home if hasattr(importlib.import_module(home), "__path__") else package
            if each not in shown:
                found.setdefault(room, []).append(each)
                shown.add(each)
    return found


@cache
def shown_as() -> dict[str, str]:
    """Public name -> the path under which its page shows it."""
    pages = [exported(page) for page in reversed(PAGES)]
    return {name: f"{package}.{name}" for page in pages for package, names in page.items() for name in names}


@cache
def api_pages() -> dict[str, tuple[str, str]]:
    """Path in the site -> title and Markdown."""
    pages, rows = {}, []
    for page, (title, exporting, whole) in PAGES.items():
        text = [f"# {title}"]
        for package, names in exported(page).items():
            text.append(f"## `{package}`\n\n{first_sentence(importlib.import_module(package))}")
            text += [f"::: {package}.{each}" for each in names]
        for name in whole:
            for module in modules(f"ccnn_pc.{name}"):
                text.append(f"::: {module}\n    options: {{heading_level: 2, show_root_full_path: true}}")
        rooms = ", ".join(f"`ccnn_pc.{name}`" for name in dict.fromkeys([*exporting, *whole]))
        about = first_sentence(importlib.import_module(f"ccnn_pc.{(exporting or whole)[0]}"))
        rows.append(f"| [{title}]({page}.md) | {rooms} | {about} |")
        pages[f"api/{page}.md"] = (title, "\n\n".join(text) + "\n")
    short = ", ".join(f"`{name}`" for name in public("ccnn_pc"))
    return {"api/index.md": ("Overview", OVERVIEW.format(names=short, rows="\n".join(rows))), **pages}
