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
from contracts.whole_files import link

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

FOLDER = "data_docs"
_INDEX = """<!DOCTYPE html>
<html lang="zh"><head><meta charset="UTF-8"><meta name="viewport" content="width=device-width, initial-scale=1.0"><title>{release} 发布核查 · What was checked</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; }}
td, th {{ border-bottom: 1px solid #ddd; padding: .3em .8em; text-align: left; }}
table {{ display: block; overflow-x: auto; }} td:last-child {{ white-space: nowrap; }}
</style></head><body>
<h1>{release}<br><small>发布核查 · What was checked</small></h1>
<p>发布前对产品契约各项承诺的核查结果。· What every product contract promises, checked on this release before it was published.</p>
<table><tr><th>数据表 · Table</th><th>名称 · Name</th><th>承诺 · Promises</th><th>兑现 · Kept</th><th>核查于 · Judged in</th></tr>
{rows}
</table></body></html>
"""


def write(
    checked: Mapping[str, ExpectationSuiteValidationResult],
    products: Mapping[str, Product],
    folder: Path,
    release: str,
    judged: Mapping[str, Mapping[str, Any]],
    last: Path,
) -> None:
    """Writes `index.html` and a page for each table into `folder`.

    Args:
        judged: table → `release` and `promises`; the pages of those that are not among `checked` are taken over from the folder `last`.
    """
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    folder.mkdir()
    renderer = ValidationResultsPageRenderer(run_info_at_end=True)
    view: Any = DefaultJinjaPageView(custom_views_directory=str(Path(__file__).parent))
    for table, suite in checked.items():
        document = renderer.render(_with_values_escaped(suite))
        # Its header links to pages that are not made, its last section tells of a run that is not great_expectations' own.
        document.sections[0].content_blocks.pop(0)
        document.sections.pop()
        page = view.render(document, template="data_page.j2", release=escape(release), label=_label(products[table]))
        (folder / f"{table}.html").write_text(page, encoding="utf-8")
    for table in judged.keys() - checked.keys():
        link(last / f"{table}.html", folder / f"{table}.html")
    rows = []
    for table in products:
        promises = judged[table]["promises"]
        # Of what is taken over all promises were kept, or it would not have been published.
        kept = checked[table].statistics["successful_expectations"] if table in checked else promises
        rows.append(
            f'<tr><td><a href="{table}.html">{table}</a></td><td>{_label(products[table])}</td>'
            f"<td>{promises}</td><td>{kept}</td><td>{escape(judged[table]['release'])}</td></tr>"
        )
    (folder / "index.html").write_text(_INDEX.format(release=escape(release), rows="\n".join(rows)), encoding="utf-8")


def _label(product: Product) -> str:
    return f"{escape(product.label_zh)} · {escape(product.label_en)}"


def _with_values_escaped(suite: ExpectationSuiteValidationResult) -> ExpectationSuiteValidationResult:
    """A copy whose quoted values are text: great_expectations would put them into the page as markup."""
    copied = deepcopy(suite)
    for result in copied.results:
        if quoted := (result.result or {}).get("partial_unexpected_list"):
            result.result["partial_unexpected_list"] = [escape(str(value)) for value in quoted]
    return copied
