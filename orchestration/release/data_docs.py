"""The audit of a release as pages that a person opens: great_expectations' Data Docs, one a table, and an index.

They open offline: great_expectations' own page loads scripts, fonts and a logo from other addresses, so the page around its
sections is ours (data_page.j2). Does not belong here: what is checked (contracts/audit.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.model import Product

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

FOLDER = "data_docs"
_INDEX = """<!DOCTYPE html>
<html lang="zh"><head><meta charset="UTF-8"><title>{release}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; }}
td, th {{ border-bottom: 1px solid #ddd; padding: .3em .8em; text-align: left; }}
</style></head><body>
<h1>{release}</h1>
<p>发布前对产品契约各项承诺的核查结果。· What every product contract promises, checked on this release before it was published.</p>
<table><tr><th>数据表 · Table</th><th></th><th>承诺 · Promises</th><th>兑现 · Kept</th></tr>
{rows}
</table></body></html>
"""


def write(
    checked: Mapping[str, ExpectationSuiteValidationResult], products: Mapping[str, Product], folder: Path, release: str
) -> None:
    """Writes `index.html` and a page for each table into `folder`."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    folder.mkdir()
    renderer = ValidationResultsPageRenderer(run_info_at_end=True)
    view: Any = DefaultJinjaPageView(custom_views_directory=str(Path(__file__).parent))
    rows = []
    for table, suite in checked.items():
        document = renderer.render(_with_values_escaped(suite))
        # Its header links to pages that are not made, its last section tells of a run that is not great_expectations' own.
        document.sections[0].content_blocks.pop(0)
        document.sections.pop()
        label = f"{escape(products[table].label_zh)} · {escape(products[table].label_en)}"
        page = view.render(document, template="data_page.j2", release=escape(release), label=label)
        (folder / f"{table}.html").write_text(page, encoding="utf-8")
        of = suite.statistics
        rows.append(
            f'<tr><td><a href="{table}.html">{table}</a></td><td>{label}</td>'
            f"<td>{of['evaluated_expectations']}</td><td>{of['successful_expectations']}</td></tr>"
        )
    (folder / "index.html").write_text(_INDEX.format(release=escape(release), rows="\n".join(rows)), encoding="utf-8")


def _with_values_escaped(suite: ExpectationSuiteValidationResult) -> ExpectationSuiteValidationResult:
    """A copy whose quoted values are text: great_expectations would put them into the page as markup."""
    copied = deepcopy(suite)
    for result in copied.results:
        if quoted := (result.result or {}).get("partial_unexpected_list"):
            result.result["partial_unexpected_list"] = [escape(str(value)) for value in quoted]
    return copied
