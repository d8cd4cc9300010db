"""The desk as a web application: forms in, pages out.

One process on the loopback address, no login: behind a proxy that asks for one, `MINSHENG_DESK_HOST` names the host the
proxy serves it under (docs/desk.md). A decision is taken only from a page of this process (its token), and only under a
host name that is expected, so that no other site can decide through somebody's browser. Links are relative: the folder a
proxy serves the desk in is not known here.
Does not belong here: words about a file (contracts/desk/telling.py) and decisions (decisions.py).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.desk.checking import Checked, NotKnown, check_file, find_feed, find_layout, senders
from contracts.desk.telling import COLUMNS, HEADINGS, counted, opening, problems, whole_file
from contracts.desk.workbooks import write_report, write_template
from contracts.loading import (
    POLICIES,
    UNNAMED_SENDER,
    load_feeds,
    load_products,
    named,
    sender_called,
    sender_names,
)
from contracts.model import ContractError
from contracts.reading import Unreadable
from contracts.whole_files import NotReadable
from orchestration.desk import decisions
from orchestration.intake import bounded
from orchestration.paths import DataDirectory
from orchestration.release import standing

HOST = "MINSHENG_DESK_HOST"
LARGEST_FILE = 1 << 30
SHOWN = 200
REPORT = "report.xlsx"  # beside the file it is about
_ONE_AT_A_TIME = threading.Lock()  # one process reads; who comes meanwhile waits
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(default=True), trim_blocks=True
)


def application(data: DataDirectory, policies: Path = POLICIES) -> Starlette:
    """The desk of one data directory; what is uploaded and reported lies in a folder of its own until the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="minsheng-desk-"))  # 0700: files hold what departments send
    token = secrets.token_urlsafe(24)
    reports: dict[str, tuple[Path, str]] = {}

    async def index(_: Request) -> Response:
        feeds = [
            {
                "id": f.id,
                "label": f"{f.label_zh} · {f.label_en}",
                "label_zh": f.label_zh,
                "senders": {s: sender_called(s) for s in senders(f)},
            }
            for f in load_feeds().values()
        ]
        return _page("desk.j2", feeds=feeds, unnamed=_unnamed(s for f in feeds for s in f["senders"]))

    async def check(request: Request) -> Response:
        if _from_elsewhere(request):
            return _refused(OUT_OF_DATE, 403)
        length = request.headers.get("content-length") or "0"
        if not length.isdecimal() or int(length) > LARGEST_FILE:
            return _refused("文件超过 1 GB，请拆分 · the file is larger than 1 GB; split it", 413)
        async with request.form(max_files=1, max_fields=4) as form:
            sent, feed_id, sender = form.get("file"), str(form.get("feed") or ""), str(form.get("sender") or "") or None
            if sent is None or isinstance(sent, str) or not sent.filename:
                return _refused("请选择要检查的文件 · choose the file to check")
            place = Path(tempfile.mkdtemp(dir=folder))
            file = place / _safe_name(sent.filename)
            with file.open("wb") as out:
                await run_in_threadpool(shutil.copyfileobj, sent.file, out)
        return await run_in_threadpool(_checked, Upload(file, feed_id, sender), reports)

    async def report(request: Request) -> Response:
        found = reports.get(request.path_params["token"])
        if found is None or not found[0].is_file():
            return _refused("检查结果已不在，请重新检查 · the report is gone; check the file again", 404, _up(request))
        return FileResponse(found[0], media_type=XLSX, headers=_attached(found[1]))

    async def template(request: Request) -> Response:
        try:
            feed = find_feed(request.path_params["feed"])
        except NotKnown as unknown:
            return _refused(str(unknown), 404, _up(request))
        path = Path(tempfile.mkdtemp(dir=folder)) / "form.xlsx"
        await run_in_threadpool(write_template, path, feed)
        return FileResponse(path, media_type=XLSX, headers=_attached(f"{feed.label_zh}.xlsx"))

    async def waiting(request: Request) -> Response:
        try:
            return await run_in_threadpool(_waiting, data, policies, token, request.query_params.get("done", ""))
        except (decisions.NotDecided, NotReadable, ContractError) as refused:
            return _refused(str(refused))

    async def decide(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=12) as form:
            said = {name: str(value) for name, value in form.items()}
        kind, up = request.path_params["kind"], _up(request)
        if not secrets.compare_digest(said.pop("token", "").encode(), token.encode()) or _from_elsewhere(request):
            return _not_decided(OUT_OF_DATE, 403, up, said)
        try:
            await run_in_threadpool(_decide, data, policies, kind, said)
        except (decisions.NotDecided, NotReadable, ContractError) as refused:
            return _not_decided(str(refused), 400, up, said)
        except OSError as error:
            return _not_decided(f"没有写下：{error.strerror} {error.filename} · it could not be written", 500, up, said)
        # A page of its own: to load it again decides nothing again, and Back leads to what waits now.
        return RedirectResponse(f"{up}decisions?done={kind}#{kind}", 303)

    desk = Starlette(
        routes=[
            Route("/", index), Route("/check", check, methods=["POST"]), Route("/report/{token}", report),
            Route("/template/{feed}", template), Route("/decisions", waiting), Route("/decisions/{kind}", decide, methods=["POST"]),
        ],
        middleware=[Middleware(_UnderKnownNames)], exception_handlers={HTTPException: _told_why, ClientDisconnect: _gone, Exception: _failed},
        lifespan=_emptied(folder),
    )  # fmt: skip
    desk.router.redirect_slashes = False  # to an address that a proxy's folder is missing in
    return desk


OUT_OF_DATE = "此页已过期，请重新打开后再决定 · this page is out of date; open it again"


def _up(request: Request) -> str:
    """From the address of the request to the folder that the desk is served in."""
    return "../" * (request.url.path.removeprefix(request.scope.get("root_path", "")).count("/") - 1)


def _host(address: str) -> str:
    """The name in an address, without its port: `https://desk.example:8443/x` is `desk.example`."""
    return re.sub(r"[/:].*$", "", re.sub(r"^.*//", "", address)).strip().lower()


def _known() -> set[str]:
    return {"127.0.0.1", "localhost", *(_host(name) for name in os.environ.get(HOST, "").split(",") if name.strip())}


def _from_elsewhere(request: Request) -> bool:
    """Whether another site's page sends this. A proxy may say another host, or leave out the port: its name is known."""
    origin = request.headers.get("origin", "")
    own = _known() - {"127.0.0.1", "localhost"}
    return origin != "" and origin.split("//")[-1] != request.headers.get("host") and _host(origin) not in own


class _UnderKnownNames:
    """Answers only under names that are expected: a stranger's name that leads here (DNS rebinding) shows nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.known = app, _known()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (name := _host(Request(scope).headers.get("host", ""))) not in self.known:
            told = _refused(
                f"不以 {name or '空主机名'} 为名提供服务；见 docs/desk.md 的 {HOST} · not served under this name; see {HOST} in docs/desk.md"
            )
            await told(scope, receive, send)
        else:
            await self.app(scope, receive, send)


WHY: Mapping[int, str] = {
    400: "没有读懂所发的内容：一次只检查一个文件，不能是文件夹或多个文件 · what was sent could not be read: one file at a time, and neither a folder nor several",
    404: "没有这一页 · there is no such page",
}


def _told_why(request: Request, error: Exception) -> Response:
    """What the library refuses, in words; who opens the address of a form (a reload, a bookmark) comes to the page it is on."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    if status == 405:
        return RedirectResponse(_up(request) + ("decisions" if "/decisions" in request.url.path else "") or "./", 303)
    said = WHY.get(status, WHY[400])
    return (_not_decided if "/decisions" in request.url.path else _refused)(said, status, _up(request))


def _gone(_: Request, __: Exception) -> Response:
    """Who closes the page while a file is on its way reads no answer."""
    return Response(status_code=400)


def _failed(request: Request, error: Exception) -> Response:
    """A fault of the desk's own; the terminal has its trace."""
    return _refused(
        "出了差错，请告诉管理员，终端里有详情 · something failed; tell the administrator: the terminal says what",
        500,
        _up(request),
    )


def _safe_name(sent: str) -> str:
    """The file's own name, which its format is told by, as it can stand in a folder: of 255 bytes, and read in one direction."""
    name = Path(decisions.plain(sent.replace("\\", "/"), "_")).name
    return f"{Path(name).stem[:45]}{Path(name).suffix[:12]}".strip(".") or "file"


def _emptied(folder: Path) -> Any:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        shutil.rmtree(folder, ignore_errors=True)

    return lifespan


@dataclass(frozen=True)
class Upload:
    """A file somebody sent, in a folder of its own, and what it is said to be."""

    file: Path
    feed_id: str
    sender: str | None


def _checked(upload: Upload, reports: dict[str, tuple[Path, str]]) -> Response:
    """The same check as `python -m contracts check`, within the night's bounds; the uploaded file is gone when this returns."""
    file, within = upload.file, bounded.bounds(upload.file.stat().st_size)
    try:
        with _ONE_AT_A_TIME:
            page, link = bounded.done(_look_at, upload, within)
        if link:
            reports[link] = (file.parent / REPORT, f"{file.stem}.检查.xlsx")
        return page
    except bounded.Beyond as stopped:
        shutil.rmtree(file.parent, ignore_errors=True)
        return _refused("\n".join(bounded.sentences(stopped.code, file.name, within)))
    finally:
        file.unlink(missing_ok=True)
        with suppress(OSError):  # its report is there
            file.parent.rmdir()


def _look_at(upload: Upload) -> tuple[Response, str | None]:
    """The page about a file, and the token its marked workbook is asked for by. Runs in a process that may be ended."""
    file, others = upload.file, tempfile.tempdir
    tempfile.tempdir = str(file.parent)  # what is unpacked goes with the file
    try:
        feed = find_feed(upload.feed_id)
        layout = find_layout(feed, upload.sender)
        checked = check_file(file, feed, layout)
        link = None
        if checked.reasons.height:
            link = secrets.token_urlsafe(16)
            write_report(
                file.parent / REPORT, feed=feed, layout=layout, found=checked.opened.table.found, rows=checked.opened.table.batches(),
                reasons=checked.reasons, summary=checked.totals,
            )  # fmt: skip
        return _page("desk_checked.j2", **_told(checked), link=link, feed=feed), link
    except Unreadable as refused:
        return _page("desk_checked.j2", refused=[refused.zh, refused.en], feed=feed), None
    except (NotKnown, ContractError, OSError) as error:
        return _refused(str(error).replace(str(file.parent) + "/", "")), None
    finally:
        tempfile.tempdir = others


def _told(checked: Checked) -> Mapping[str, Any]:
    found = problems(checked)
    by_severity = [
        (severity, heading, [p for p in found if p.severity == severity]) for severity, heading in HEADINGS.items()
    ]
    return {
        "opening": opening(checked), "whole": whole_file(checked), "counted": counted(checked), "columns": COLUMNS, "shown": SHOWN,
        "groups": [group for group in by_severity if group[2]],
        "fine": checked.totals.rejected == 0 and checked.outcome.verdict != "held",
    }  # fmt: skip


def _unnamed(senders: Iterable[str]) -> str:
    """What to do about senders without a name; empty where all have one."""
    return UNNAMED_SENDER if set(senders) - set(sender_names()) else ""


def _waiting(data: DataDirectory, policies: Path, token: str, done: str = "") -> Response:
    held = decisions.held(data)
    lost = standing.lost(data)  # files are decided on all the same
    pairs, units, violations = (
        ([], [], []) if lost else (f(data, policies) for f in (decisions.pairs, decisions.units, decisions.violations))
    )
    return _page(
        "desk_decisions.j2", token=token, done=done, lost=lost, held=held, called=sender_called, unnamed=_unnamed(f["sender"] for f in held),
        pairs=pairs, units=units, violations=violations, most=decisions.SHOWN,
        named=lambda table, column, code: named(load_products()[table].by_name[column], code),
    )  # fmt: skip


def _decide(data: DataDirectory, policies: Path, kind: str, said: Mapping[str, str]) -> None:
    by, why = said.get("by", ""), said.get("why", "")
    if kind == "held":
        decisions.let_through(data, said.get("receipt", ""), by=by, why=why)
    elif kind == "pair":
        decisions.decide_pair(
            data,
            said.get("left_id", ""),
            said.get("right_id", ""),
            said.get("decision", ""),
            by=by,
            why=why,
            policies=policies,
        )
    elif kind == "unit":
        decisions.decide_unit(
            data, said.get("to_vintage", ""), said.get("old_code", ""), said.get("new_code", ""), said.get("decision", ""),
            by=by, why=why, policies=policies,
        )  # fmt: skip
    elif kind == "violation":
        decisions.waive(data, said, by=by, why=why, policies=policies)
    else:
        raise decisions.NotDecided("没有这一类决定 · there is no such kind of decision")


def _page(name: str, status: int = 200, up: str = "", **values: Any) -> HTMLResponse:
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(
        _PAGES.get_template(name).render(up=up, longest=decisions.LONGEST, **values),
        status_code=status,
        headers=headers,
    )


def _refused(sentence: str, status: int = 400, up: str = "") -> HTMLResponse:
    return _page("desk_checked.j2", status=status, refused=sentence.split("\n"), up=up)


def _not_decided(sentence: str, status: int = 400, up: str = "", said: Mapping[str, str] | None = None) -> HTMLResponse:
    """Why nothing was decided, and what was written, which would have to be written again."""
    written = [said[field] for field in ("by", "why") if said and said.get(field, "").strip()]
    return _page("desk_refused.j2", status=status, refused=sentence.split("\n"), written=written, up=up)


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}", "Cache-Control": "no-store"}
