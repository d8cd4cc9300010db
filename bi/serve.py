"""Superset with the project's dashboards: prepares its home below the data directory, imports bi/superset/, serves on this machine.

Run by Superset's own Python (`make superset`), never by the project's: it may import nothing but Superset and the standard library.
Belongs here: what is done to Superset. Does not belong here: what is shown (bi/superset/), how Superset is set (superset_config.py).
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import io
import json
import logging
import os
import secrets
import socket
import sys
import warnings
from contextlib import closing, redirect_stderr, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import charts

# What is not Superset is imported where Superset is: `check` runs under the project's Python, before Superset is installed.
PROJECT = Path(__file__).resolve().parent.parent
FILES = PROJECT / "bi" / "superset"
DATABASE = "databases/minsheng.yaml"
# The place that the file of the database keeps for whatever the release is read from.
PLACE = "duckdb:////published/minsheng.duckdb"
SCHEMA = "minsheng"
ADDRESS, PORT, USER = "127.0.0.1", 8088, "admin"


class NotServed(Exception):
    """Superset is not started; the sentence is in both languages."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make superset", description=__doc__)
    parser.add_argument("do", choices=("check", "import", "ask", "serve"), help="check: is there a release, is the port free; import: put the "
                        "dashboards back to what the files say, without serving; ask: every chart for its data, as JSON")  # fmt: skip
    parser.add_argument("--data", default=os.environ.get("MINSHENG_DATA") or "data", help="the data directory")
    parser.add_argument("--database", default=os.environ.get("MINSHENG_BI_DATABASE", ""),
                        help="postgresql://reader@host:5432/city, instead of the published DuckDB file; `ask` asks both")  # fmt: skip
    parser.add_argument("--port", type=int, default=PORT)
    asked = parser.parse_args()
    data = PROJECT / Path(asked.data).expanduser()  # an absolute one stays what it is
    try:
        uri = address_of_release(data, asked.database)
        if asked.do in {"check", "serve"}:
            expect_free(asked.port)
        if asked.do != "check":
            _run(asked.do, data, uri, asked.port)
    except NotServed as refused:
        print(f" {refused}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(" Superset: 已停止 · stopped", file=sys.stderr)
        return 130
    return 0


def _run(do: str, data: Path, uri: str, port: int) -> None:
    os.umask(0o077)
    if uri.startswith("postgresql"):
        expect_reader(uri)
    home = prepare_home(data)
    print(" Superset: 启动中，十几秒 · starting, some seconds", file=sys.stderr, flush=True)
    app = started(home)
    prepare_database(app, home)
    if do == "ask":
        found: dict[str, tuple[str, Any]] = {}
        for name, place in {"duckdb": address_of_release(data, ""), "database": uri}.items():
            if place not in {asked for asked, _ in found.values()}:
                bring_in(app, home, place)
                found[name] = (place, answers(app, home))
        json.dump({name: told for name, (_, told) in found.items()}, sys.stdout, ensure_ascii=False, default=str)
        return
    bring_in(app, home, uri, again=do == "import")
    if do == "serve":
        serve(app, home, port)


def address_of_release(data: Path, database: str) -> str:
    """What Superset connects to, as SQLAlchemy spells it.

    Raises:
        NotServed: nothing has been released, or the address is of no database that a release goes to.
    """
    if not database:
        file = data / "published" / "minsheng.duckdb"
        if not file.is_file() and any((data / "published" / "certificates").glob("*.json")):
            raise NotServed(
                f"现行发布丢失：{file} 不存在；python -m orchestration release list 会说明缺什么、怎么办 · "
                f"the release that is served is lost: {file} is not there; python -m orchestration release list says what is missing and what to do"
            )
        if not file.is_file():
            raise NotServed(
                f"尚无发布：{file} 不存在，请先 make demo 或 make nightly · "
                f"there is no release to show: {file} is not there; make demo, or make nightly, makes one"
            )
        # Whoever writes SQL in Superset reads the release and no other file of the machine.
        return f"duckdb:///{quote(str(file))}?access_mode=READ_ONLY&enable_external_access=false"
    parts = urlsplit(database)
    if parts.scheme not in {"postgresql", "postgresql+psycopg2"} or not parts.path.strip("/"):
        raise NotServed(
            f"MINSHENG_BI_DATABASE 应为 postgresql://用户@主机:5432/库名 · it should be postgresql://user@host:5432/database, "
            f"and begins with {parts.scheme or 'nothing'}:"
        )
    stated = (
        parts.query
        if "search_path" in parts.query
        else "&".join(filter(None, (parts.query, f"options=-csearch_path%3D{SCHEMA}")))
    )
    return urlunsplit(parts._replace(scheme="postgresql+psycopg2", query=stated))


def expect_reader(uri: str) -> None:
    """Otherwise each chart of the page would say it.

    Raises:
        NotServed: the server does not answer, or this account reads no release there.
    """
    import psycopg2

    try:
        with (
            closing(psycopg2.connect(uri.replace("+psycopg2", "", 1), connect_timeout=10)) as con,
            con.cursor() as cursor,
        ):
            cursor.execute("select release_id from release_log limit 1")
    except psycopg2.OperationalError as refused:
        raise NotServed(
            f"连不上 MINSHENG_BI_DATABASE · MINSHENG_BI_DATABASE cannot be reached: {_first_line(refused)}"
        ) from refused
    except psycopg2.Error as refused:
        raise NotServed(
            f"模式 {SCHEMA} 中读不到发布：账号须是 minsheng_reader 的成员，且夜间已设 MINSHENG_POSTGRES · no release can be read in the schema "
            f"{SCHEMA}: the account has to be a member of minsheng_reader, and nights to run with MINSHENG_POSTGRES: {_first_line(refused)}"
        ) from refused


def _first_line(said: Exception) -> str:
    return next(iter(str(said).strip().splitlines()), type(said).__name__)


def expect_free(port: int) -> None:
    """Said before anything is installed or started.

    Raises:
        NotServed: somebody listens there, or nobody may.
    """
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended is no obstacle
        try:
            tried.bind((ADDRESS, port))
        except (OSError, OverflowError) as refused:
            taken = isinstance(refused, OSError) and refused.errno == errno.EADDRINUSE
            raise NotServed(
                f"端口 {port} {'已被占用' if taken else '不能使用'}，请换一个：make superset PORT=8090 · "
                f"port {port} {'is taken' if taken else 'cannot be used'}; take another: make superset PORT=8090"
            ) from refused


def prepare_home(data: Path) -> Path:
    """`superset/` of the data directory: Superset's own database, its key and the password, for nobody but the owner.

    Raises:
        NotServed: there is a database whose key is gone.
    """
    home = data / "superset"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(
        home.glob("ready-*")
    ):  # a first start that was broken off leaves half a database, and nothing of value in it
        (home / "superset.db").unlink(missing_ok=True)
    elif not (home / "superset.db").is_file():
        for stamp in (*home.glob("ready-*"), *home.glob("imported")):
            stamp.unlink()
    elif not (home / "secret.key").is_file():
        raise NotServed(
            f"{home} 缺 secret.key，其数据库无法读取：请放回，或删掉整个文件夹从头开始 · secret.key is missing in {home}, and its "
            "database cannot be read without: put it back, or remove the folder to begin anew"
        )
    for name, text in (("secret.key", secrets.token_urlsafe(48)), ("password", secrets.token_urlsafe(12))):
        if not (home / name).is_file():
            with os.fdopen(os.open(home / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
    os.environ["SUPERSET_HOME"] = str(home)
    os.environ["SUPERSET_CONFIG_PATH"] = str(PROJECT / "bi" / "superset_config.py")
    return home


def started(home: Path) -> Any:
    """Superset as an application; what it says goes to a log."""
    warnings.simplefilter("ignore")
    logging.basicConfig(filename=home / "superset.log", level=logging.WARNING)
    from superset.app import create_app

    with redirect_stdout(io.StringIO()):  # it says which configuration it read
        return create_app()


def prepare_database(app: Any, home: Path) -> None:
    """Superset's own tables and roles, once for each version of it: what `superset db upgrade` and `superset init` do.

    Raises:
        NotServed: Superset could not; its log says why.
    """
    ready = home / f"ready-{version('apache-superset')}"
    if ready.is_file():
        return
    print(" Superset: 初次准备，约一分钟 · the first start takes a minute", file=sys.stderr, flush=True)
    from flask_migrate import upgrade
    from superset import appbuilder, security_manager

    with (home / "superset.log").open("a") as log, redirect_stdout(log), redirect_stderr(log), app.app_context():
        try:
            upgrade()
            appbuilder.add_permissions(update_perms=True)
            security_manager.sync_role_definitions()
            app.sync_config_to_db()
        except (Exception, SystemExit) as refused:  # flask-migrate ends the process where a migration fails
            logging.getLogger(__name__).exception("not prepared")
            raise NotServed(
                f"Superset 未能准备自己的数据库，见 {log.name} · Superset could not prepare its own database; see {log.name}"
            ) from refused
    ready.touch()


def bring_in(app: Any, home: Path, uri: str, again: bool = False) -> None:
    """The user, and every file of bi/superset/ where they or the database are others than at the last start, or `again`.

    Raises:
        NotServed: Superset does not take the files.
    """
    from superset import db, security_manager
    from superset.commands.exceptions import CommandException
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.models.slice import Slice
    from superset.utils.core import override_user
    from werkzeug.security import check_password_hash

    contents = {
        str(path.relative_to(FILES)): path.read_text(encoding="utf-8") for path in sorted(FILES.rglob("*.yaml"))
    }
    contents[DATABASE] = contents[DATABASE].replace(PLACE, json.dumps(uri)[1:-1])
    stamp, imported = home / "imported", hashlib.sha256(json.dumps(contents).encode()).hexdigest()
    password = (home / "password").read_text(encoding="ascii").strip()
    with app.app_context():
        user = security_manager.find_user(USER) or security_manager.add_user(
            USER, "Minsheng", "民生", f"{USER}@localhost", security_manager.find_role("Admin"), password
        )
        if not check_password_hash(user.password, password):  # what the file says is what counts
            security_manager.reset_password(user.id, password)
        if not again and stamp.is_file() and stamp.read_text() == imported:
            return
        print(" Superset: 导入看板 · importing the dashboards", file=sys.stderr, flush=True)
        stamp.unlink(missing_ok=True)
        with override_user(user), app.test_request_context():
            try:
                ImportAssetsCommand(contents).run()
            except CommandException as refused:
                said = "; ".join(str(e) for e in getattr(refused, "_exceptions", [])) or str(refused)
                raise NotServed(f"Superset 未能导入 bi/superset · Superset refuses bi/superset: {said}") from refused
        # What Superset's page would save with a chart, so that its API answers for a chart that nobody has opened yet.
        asked = charts.charts()
        for chart in db.session.query(Slice).filter(Slice.uuid.in_([UUID(uuid) for uuid in asked])):
            chart.query_context = json.dumps(asked[str(chart.uuid)].query_context(chart.datasource_id))
        db.session.commit()
        stamp.write_text(imported)


def answers(app: Any, home: Path) -> list[dict[str, Any]]:
    """What Superset's own API answers for every chart: its rows and the SQL it asked, or what it says is wrong."""
    from superset import db
    from superset.models.slice import Slice

    with app.app_context():
        asked = [(c.id, str(c.uuid), c.slice_name) for c in db.session.query(Slice).order_by(Slice.slice_name)]
    # Outside that context: each request has one of its own, and so a user of its own.
    client = app.test_client()
    login = {"username": USER, "password": (home / "password").read_text(encoding="ascii").strip(), "provider": "db"}
    token = client.post("/api/v1/security/login", json=login).json["access_token"]
    found = []
    for number, uuid, title in asked:
        reply = client.get(f"/api/v1/chart/{number}/data/", headers={"Authorization": f"Bearer {token}"})
        body = reply.json or {}
        result = (body.get("result") or [{}])[0]
        found.append({"chart": uuid, "name": title, "status": reply.status_code,
                      "rows": result.get("data"), "sql": result.get("query"),
                      "said": result.get("error") or body.get("message")})  # fmt: skip
    return found


def serve(app: Any, home: Path, port: int) -> None:
    """Serves until Ctrl-C; says the address once it answers."""
    from gunicorn.app.base import BaseApplication
    from superset import db

    password = (home / "password").read_text(encoding="ascii").strip()

    def said(_: Any) -> None:
        print(f" Superset: http://{ADDRESS}:{port}   user {USER}   password {password}   ({home / 'password'})\n"
              "           看板 dashboards: /superset/dashboard/leadership/   /superset/dashboard/operations/   停止 stop: Ctrl-C", flush=True)  # fmt: skip

    class Served(BaseApplication):  # type: ignore[misc]  # untyped where Superset is not installed
        def load_config(self) -> None:
            for setting, value in {"bind": f"{ADDRESS}:{port}", "workers": 1, "worker_class": "gthread", "threads": 8, "timeout": 300,
                                   "graceful_timeout": 3, "loglevel": "error", "when_ready": said, "preload_app": True}.items():  # fmt: skip
                self.cfg.set(setting, value)

        def load(self) -> Any:
            return app

    with app.app_context():
        db.session.remove()
        db.engine.dispose()  # a connection is of one process
    try:
        Served().run()
    except SystemExit as ended:  # to take Superset apart object by object would keep whoever pressed Ctrl-C waiting
        sys.stdout.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 0)


if __name__ == "__main__":
    sys.exit(main())
