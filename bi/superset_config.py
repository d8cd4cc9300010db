"""What Superset is told when it starts: where its own things lie, on whose machine, and that it asks nothing of anybody else.

Superset reads this file by SUPERSET_CONFIG_PATH; `bi/serve.py` sets it. Does not belong here: databases and charts (bi/superset/).
"""

from __future__ import annotations

import os
from pathlib import Path

HOME = Path(os.environ["SUPERSET_HOME"])
SECRET_KEY = (HOME / "secret.key").read_text(encoding="ascii").strip()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}"

APP_NAME = "Minsheng 民生"
LANGUAGES = {"zh": {"flag": "cn", "name": "简体中文"}, "en": {"flag": "us", "name": "English"}}
BABEL_DEFAULT_LOCALE = "zh"

# Whoever reaches a dashboard reads the bureau's own edition, so nobody registers himself and nobody is let in unnamed.
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
FAB_ADD_SECURITY_API = False

# No address but this machine's: Superset's pages carry a telemetry picture that no setting takes out, and maps and fonts from elsewhere;
# this policy makes the browser ask for none of them.
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
SESSION_COOKIE_SAMESITE = "Lax"

# A release is small: asking it again costs milliseconds, and a kept answer would be another release's.
_NOTHING_KEPT = {"CACHE_TYPE": "NullCache"}
CACHE_CONFIG = DATA_CACHE_CONFIG = _NOTHING_KEPT
RATELIMIT_STORAGE_URI = "memory://"
# On a machine that also spends a night, a page of twenty charts waits for its turn; an error is no answer to that.
SUPERSET_WEBSERVER_TIMEOUT = 300
# The tables a person may scroll through; a worklist of a large city is longer than Superset's 1,000 rows.
ROW_LIMIT = 10_000
# What its migrations say goes where its own log goes.
ALEMBIC_SKIP_LOG_CONFIG = True
