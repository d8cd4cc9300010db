"""Superset with the project's dashboards: prepares its home below the data directory, imports bi/superset/, serves on this machine.

Run by Superset's own Python (`make superset`), never by the project's: it may import nothing but Superset and the standard library.
Belongs here: what is done to Superset. Does not belong here: what is shown (bi/superset/), how Superset is set (superset_config.py).
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import secrets
import subprocess
import sys
import warnings
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import charts

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
    parser.add_argument("do", choices=("check", "import", "ask", "serve"), help="check: is there a release; import: without serving; "
                        "ask: every chart for its data, as JSON")  # fmt: skip
    parser.add_argument("--data", default=os.environ.get("MINSHENG_DATA") or "data", help="the data directory")
    parser.add_argument("--database", default=os.environ.get("MINSHENG_BI_DATABASE", ""),
                        help="postgresql://reader@host:5432/city; without it the published DuckDB file")  # fmt: skip
    parser.add_argument("--port", type=int, default=PORT)
    asked = parser.parse_args()
    data = PROJECT / Path(asked.data).expanduser()  # an absolute one stays what it is
    try:
        uri = address_of_release(data, asked.database)
        if asked.do == "check":
            return 0
        os.umask(0o077)
        home = prepare_home(data)
        prepare_database(home)
        app = started(home)
        with app.app_context():
            bring_in(app, home, uri)
        if asked.do == "ask":
            json.dump(answers(app, home), sys.stdout, ensure_ascii=False, default=str)
            return 0
    except NotServed as refused:
        print(f" {refused}", file=sys.stderr)
        return 1
    if asked.do == "serve":
        serve(home, asked.port)
    return 0


def address_of_release(data: Path, database: str) -> str:
    """What Superset connects to, as SQLAlchemy spells it.

    Raises:
        NotServed: nothing has been released, or the address is of no database that a release goes to.
    """
    if not database:
        file = data / "published" / "minsheng.duckdb"
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


def prepare_home(data: Path) -> Path:
    """`superset/` of the data directory: Superset's own database, its key and the password, for nobody but the owner."""
    home = data / "superset"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in (("secret.key", secrets.token_urlsafe(48)), ("password", secrets.token_urlsafe(12))):
        if not (home / name).is_file():
            with os.fdopen(os.open(home / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
    os.environ["SUPERSET_HOME"] = str(home)
    os.environ["SUPERSET_CONFIG_PATH"] = str(PROJECT / "bi" / "superset_config.py")
    os.environ["FLASK_APP"] = "superset.app:create_app()"
    return home


def prepare_database(home: Path) -> None:
    """Superset's own tables and roles, once for each version of it; what it says of that goes to a log."""
    ready = home / f"ready-{version('apache-superset')}"
    if ready.is_file():
        return
    print(" Superset: 初次准备，约一分钟 · the first start takes a minute", file=sys.stderr, flush=True)
    with (home / "superset.log").open("a") as log:
        for command in (["db", "upgrade"], ["init"]):
            done = subprocess.run([beside("superset"), *command], stdout=log, stderr=log, check=False)
            if done.returncode:
                raise NotServed(
                    f"Superset 未能准备，见 {log.name} · superset {' '.join(command)} failed; see {log.name}"
                )
    ready.touch()


def beside(program: str) -> str:
    """A program of Superset's environment, whatever PATH says."""
    return str(Path(sys.executable).parent / program)


def started(home: Path) -> Any:
    """Superset as an application; what it says goes to a log."""
    warnings.simplefilter("ignore")
    logging.basicConfig(filename=home / "superset.log", level=logging.WARNING)
    from superset.app import create_app

    with redirect_stdout(io.StringIO()):  # it says which configuration it read
        return create_app()


def bring_in(app: Any, home: Path, uri: str) -> None:
    """The user, and every file of bi/superset/ as it is now: what was changed in Superset by hand is as in the files again."""
    from superset import db, security_manager
    from superset.commands.exceptions import CommandException
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.models.slice import Slice
    from superset.utils.core import override_user

    password = (home / "password").read_text(encoding="ascii")
    user = security_manager.find_user(USER) or security_manager.add_user(
        USER, "Minsheng", "民生", f"{USER}@localhost", security_manager.find_role("Admin"), password
    )
    contents = {
        str(path.relative_to(FILES)): path.read_text(encoding="utf-8") for path in sorted(FILES.rglob("*.yaml"))
    }
    contents[DATABASE] = contents[DATABASE].replace(PLACE, json.dumps(uri)[1:-1])
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


def answers(app: Any, home: Path) -> list[dict[str, Any]]:
    """What Superset's own API answers for every chart: its rows and the SQL it asked, or what it says is wrong."""
    from superset import db
    from superset.models.slice import Slice

    with app.app_context():
        asked = [(c.id, str(c.uuid), c.slice_name) for c in db.session.query(Slice).order_by(Slice.slice_name)]
    # Outside that context: each request has one of its own, and so a user of its own.
    client = app.test_client()
    login = {"username": USER, "password": (home / "password").read_text(encoding="ascii"), "provider": "db"}
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


def serve(home: Path, port: int) -> None:
    """Becomes the server; it ends with Ctrl-C."""
    password = (home / "password").read_text(encoding="ascii")
    print(f" Superset: http://{ADDRESS}:{port}   user {USER}   password {password}   ({home / 'password'})", flush=True)
    arguments = ["--bind", f"{ADDRESS}:{port}", "--workers", "1", "--worker-class", "gthread", "--threads", "8",
                 "--timeout", "300", "--log-level", "error", "superset.app:create_app()"]  # fmt: skip
    os.execv(beside("gunicorn"), [beside("gunicorn"), *arguments])


if __name__ == "__main__":
    sys.exit(main())
