"""What becomes of a personal value at the door, decided by one word of the contract: its classification.

Belongs here: the key, keyed hashes, masks, age bands, the scan of free text, and what of a value may be shown in a
message. Does not belong here: whether a value is right (identifiers.py, rows.py) and where files lie.
What can and cannot be linked afterwards, and how to change the key: docs/privacy.md.

    public, internal   kept
    identifier         "<key id>:<HMAC-SHA-256>" of its canonical spelling, under the field's encryptedName
    name               first character and two asterisks
    birth_date         age band on the day of receipt, under the field's encryptedName
    birth_month    year and month (1946-03), under the field's encryptedName, until policy says it goes (orchestration/intake/forgetting.py)
    free_text          kept without the numbers and addresses that `redact` finds
    secret             dropped
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from contracts.door.free_text import (
    BESIDE_TELEPHONES,
    IN_CODES,
    Kind,
    codes_searched,
    is_like_a_name,
    replaced,
    searched,
)
from contracts.door.identifiers import canonical
from contracts.door.repeated import repeated
from contracts.model import Feed, FieldSpec
from contracts.whole_files import put

KEY_VARIABLE = "MINSHENG_PRIVACY_KEY"
KEY_FILE = "privacy.key"
SHORTEST_KEY = 16  # bytes
STRETCHED = "scrypt:"  # before a key from which id and pseudonyms are made by scrypt
_KEY_LINE = re.compile(rb"(?:scrypt:)?[0-9A-Fa-f]{32,}")

# What may be read as it is; every other classification is personal.
OPEN: frozenset[str] = frozenset({"public", "internal"})
PERSONAL: frozenset[str] = frozenset({"identifier", "name", "birth_date", "birth_month", "free_text", "secret"})
SHOWN = 60  # characters of a value that is not personal

# Lower ends in completed years: the ages at which a service begins or ends (nursery, school, work, 60+ and 65+ care).
AGE_BANDS: Mapping[int, str] = {
    0: "0-2", 3: "3-5", 6: "6-14", 15: "15-17", 18: "18-34", 35: "35-59", 60: "60-64", 65: "65-79", 80: "80+",
}  # fmt: skip


class KeyRefused(ValueError):
    """The key cannot be used as it stands; the sentence says what to do."""


# ── the key ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Key:
    """The secret behind every pseudonym; only its id may be written.

    Attributes:
        is_stretched: whether id and pseudonyms are made of the secret by scrypt, so that trying a guessed key against them
            costs a tenth of a second and 32 MB each time. Keys made before are not: their pseudonyms would change.
    """

    secret: str = field(repr=False)
    is_stretched: bool = True

    @property
    def id(self) -> str:
        """Eight hex characters that stand before every pseudonym made with this key."""
        if self.is_stretched:
            return _stretched(self.secret)[64:]
        return hashlib.sha256(b"minsheng privacy key id\0" + self.secret.encode()).hexdigest()[:8]

    @property
    def hashed_with(self) -> str:
        """The text whose bytes are the HMAC's key."""
        return _stretched(self.secret)[:64] if self.is_stretched else self.secret


@cache
def _stretched(secret: str) -> str:
    """72 hex characters: the HMAC's key, then the id. The salt is the same everywhere, so that a key is moved by its text alone."""
    made = hashlib.scrypt(secret.encode(), salt=b"minsheng privacy key", n=2**15, r=8, p=1, maxmem=2**26, dklen=36)
    return made.hex()


def load_key(
    folder: Path, environ: Mapping[str, str] | None = None, stands: Callable[[str], bool] = lambda _: False
) -> Key:
    """The current key: from the environment, else the newest of `<folder>/privacy.key`, made on first use.

    Args:
        stands: whether pseudonyms under a key's id stand already. A key of the environment under which pseudonyms were made
            before keys were stretched goes on unstretched, until it is written as `scrypt:<key>`.

    Raises:
        KeyRefused: the key in the environment is too short, or the file is open to others or damaged.
    """
    stated = (os.environ if environ is None else environ).get(KEY_VARIABLE)
    if stated is not None:
        if (length := len(stated.encode(errors="surrogateescape"))) < SHORTEST_KEY:
            raise KeyRefused(
                f"环境变量 {KEY_VARIABLE} 只有 {length} 字节，至少需要 {SHORTEST_KEY} 字节；请换一个更长的密钥。"
                f" · {KEY_VARIABLE} has {length} bytes and needs {SHORTEST_KEY} or more; set a longer key."
            )
        if any("\ud800" <= c <= "\udfff" for c in stated):  # bytes the system could not read as text
            raise KeyRefused(
                f"环境变量 {KEY_VARIABLE} 不是 UTF-8 文本；请改用字母、数字或汉字组成的密钥。"
                f" · {KEY_VARIABLE} is not UTF-8 text; set a key of letters, digits or characters."
            )
        if stated.startswith(STRETCHED):
            return Key(stated.removeprefix(STRETCHED))
        earlier = Key(stated, is_stretched=False)
        return earlier if stands(earlier.id) else Key(stated)
    path = folder / KEY_FILE
    if not path.exists():
        _write_keys(path, [_new_key()], replace=False)
    return read_keys(folder)[-1]


def refuse_a_lost_key(
    folder: Path, pseudonyms_stand: Callable[[], bool], environ: Mapping[str, str] | None = None
) -> None:
    """A new key is not made in silence where pseudonyms of an earlier one stand: the same person would become another.

    Raises:
        KeyRefused: there is no key, and there was one.
    """
    stated = (os.environ if environ is None else environ).get(KEY_VARIABLE)
    if stated is None and not (folder / KEY_FILE).exists() and pseudonyms_stand():
        raise KeyRefused(
            f"密钥文件 {KEY_FILE} 不见了，环境变量 {KEY_VARIABLE} 也没有设置，而已入库的数据里有用它生成的假名；请从备份恢复。"
            f"如已无法恢复，请自行放入新密钥（openssl rand -hex 32），此后同一个人将是另一个假名。"
            f" · {KEY_FILE} is gone and {KEY_VARIABLE} is not set, and accepted rows hold pseudonyms made with it: restore it from"
            f" a backup. If it is lost for good, put a new one there (openssl rand -hex 32, mode 600): from then on the same"
            f" person has another pseudonym."
        )


def read_keys(folder: Path) -> list[Key]:
    """Every key of the key file, oldest first; the last one is current.

    Raises:
        KeyRefused: the file is not a plain one of this user, others can read it, or a line of it is not a key.
    """
    path = folder / KEY_FILE
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise KeyRefused(
            f"密钥文件 {path.name} 不是普通文件（是链接）；请把密钥本身放在这里。"
            f" · {path.name} is no plain file (a link?); put the key itself there."
        )
    if status.st_uid not in (os.geteuid(), 0, folder.stat().st_uid):
        raise KeyRefused(
            f"密钥文件 {path.name} 属于另一个用户（uid {status.st_uid}），他可以更换密钥；请执行 chown。"
            f" · {path.name} belongs to another user (uid {status.st_uid}), who could change it; chown it to the platform's user."
        )
    mode = status.st_mode & 0o777
    if mode & 0o077:
        raise KeyRefused(
            f"密钥文件 {path.name} 的权限是 {mode:o}，其他用户可以读取；请执行 chmod 600，并考虑更换密钥。"
            f" · {path.name} has mode {mode:o}, so others can read it; run chmod 600 on it and consider a new key."
        )
    lines = path.read_bytes().split()
    if not lines or not all(_KEY_LINE.fullmatch(line) for line in lines):
        raise KeyRefused(
            f"密钥文件 {path.name} 已损坏：应每行一个十六进制密钥；请从备份恢复。"
            f" · {path.name} is damaged: one key in hexadecimal per line was expected; restore it from a backup."
        )
    texts = [line.decode() for line in lines]
    return [Key(text.removeprefix(STRETCHED), is_stretched=text.startswith(STRETCHED)) for text in texts]


def rotate(folder: Path, environ: Mapping[str, str] | None = None) -> Key:
    """Puts a new current key behind the old ones, which stay readable; returns the new key.

    Raises:
        KeyRefused: the key is in the environment, there is none yet, or `read_keys` refuses the file.
    """
    if KEY_VARIABLE in (os.environ if environ is None else environ):
        raise KeyRefused(
            f"密钥来自环境变量 {KEY_VARIABLE}：请更换该变量，并保留旧密钥。 · The key is in {KEY_VARIABLE}: change it there, and keep the old text."
        )
    if not (folder / KEY_FILE).is_file():
        raise KeyRefused(
            f"{folder} 里还没有密钥文件 {KEY_FILE}：首次入库时生成。 · There is no {KEY_FILE} in {folder} yet: the first night makes one."
        )
    old = read_keys(folder)
    new = _new_key()
    _write_keys(folder / KEY_FILE, [*old, new], replace=True)
    return new


def _new_key() -> Key:
    return Key(secrets.token_hex(32))


def _write_keys(path: Path, keys: list[Key], *, replace: bool) -> None:
    """Writes the whole file at once; without `replace`, a file another process made first is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".privacy-")  # mode 0600 by definition
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.writelines(f"{STRETCHED if key.is_stretched else ''}{key.secret}\n" for key in keys)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            put(Path(name), path)
        else:
            try:
                os.link(name, path)
            except FileExistsError:
                return
    finally:
        Path(name).unlink(missing_ok=True)


# ── a frame ─────────────────────────────────────────────────────────────────────────────────────


def pseudonymise(
    frame: pl.DataFrame, feed: Feed, key: Key, *, on: date | None = None, clean: Collection[str] = ()
) -> pl.DataFrame:
    """Typed rows of a feed → what may be stored: the columns of `feed.stored`, then the platform's own (`_…`).

    A column the contract does not know does not pass.

    Args:
        on: the day at which ages are taken; without it, the day of `_received_at`. Never the day of the run: a
            replay of the archive must give the same bands.
        clean: fields that were searched for numbers of persons and hold none.

    Raises:
        ValueError: a field of the contract is not in the frame, or a birth date has no day to be compared with.
    """
    if missing := [f.name for f in feed.stored if f.name not in frame.columns]:
        raise ValueError(f"{feed.id}: the frame has no column {missing}; it has {frame.columns}")
    columns = [_kept(frame, f, key, on, is_clean=f.name in clean).alias(f.stored_as) for f in feed.stored]
    return pl.DataFrame([*columns, *(frame[name] for name in frame.columns if name.startswith("_"))])


def _kept(frame: pl.DataFrame, f: FieldSpec, key: Key, on: date | None, *, is_clean: bool) -> pl.Series:
    values = frame[f.name]
    match f.classification:
        case "identifier":
            return keyed_hash(values.cast(pl.String), f.semantic, key)
        case "name":
            return mask_names(values)
        case "birth_date":
            if on is None and "_received_at" not in frame.columns:
                raise ValueError(f"{f.name}: an age needs a day; give `on` or a column _received_at")
            day = pl.lit(on) if on else pl.col("_received_at").cast(pl.Date)
            return frame.select(age_band(pl.col(f.name).cast(pl.Date), day)).to_series()
        case "birth_month":
            return values.cast(pl.Date).dt.strftime("%Y-%m")
        case "free_text":
            return redact(values)[0]
        case "public" | "internal":
            return values if is_clean else hidden_numbers(values, key, searched_for(f))
        case other:
            raise ValueError(f"{f.name}: nobody has said what becomes of a value that is {other!r}")


def keyed_hash(values: pl.Series, semantic: str | None, key: Key) -> pl.Series:
    """Text → "<key id>:<64 hex>", HMAC-SHA-256 of the canonical spelling; null and blank stay null.

    The same person gets the same pseudonym in every feed.
    """
    import polars_hash  # noqa: F401 - adds `chash`; only who hashes pays for it

    # A blank identifier would make one person of everybody without one.
    spelt = pl.lit(canonical(values, semantic)).replace("", None)
    hashed: pl.Expr = spelt.chash.hmac_sha256(key=key.hashed_with)  # type: ignore[attr-defined]
    return pl.select((f"{key.id}:" + hashed).alias(values.name)).to_series()


def mask_names(values: pl.Series) -> pl.Series:
    """王小明 → 王**. Always two asterisks: the length of a name narrows it down."""
    first = values.str.strip_chars().str.head(1)
    return pl.select(pl.when(first.str.len_chars() > 0).then(first + "**")).to_series()


def age_band(born: pl.Expr, on: pl.Expr) -> pl.Expr:
    """The band of AGE_BANDS of the completed years on the day `on`; null if born later or unknown."""
    had_birthday = (on.dt.month() > born.dt.month()) | (
        (on.dt.month() == born.dt.month()) & (on.dt.day() >= born.dt.day())
    )
    age = on.dt.year() - born.dt.year() - (~had_birthday).cast(pl.Int32)
    band = pl.lit(None, dtype=pl.String)
    for low, label in AGE_BANDS.items():
        band = pl.when(age >= low).then(pl.lit(label)).otherwise(band)
    return band


# ── free text ───────────────────────────────────────────────────────────────────────────────────


def redact(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Free text without what leads to a person (free_text.py), and how many were taken out of each; a word stands in their place.

    Returns:
        (text, count): String and UInt32, of the length of `text`; null stays null with count 0.
    """
    if few := repeated(text):
        redacted, count = redact(few.values)
        return few.laid_out(redacted), few.laid_out(count)
    suspicious = searched(text)
    if not suspicious.any():
        return text, pl.zeros(text.len(), dtype=pl.UInt32, eager=True)
    once = text.filter(suspicious).unique()
    found = [redact_one(value) for value in once]
    told = pl.DataFrame(
        {"text": once, "redacted": [t for t, _ in found], "count": [n for _, n in found]},
        schema={"text": pl.String, "redacted": pl.String, "count": pl.UInt32},
    )
    joined = pl.select(pl.when(suspicious).then(text).alias("text")).join(
        told, on="text", how="left", maintain_order="left"
    )
    redacted = pl.select(pl.coalesce(joined["redacted"], text)).to_series().alias(text.name)
    return redacted, joined["count"].fill_null(0).alias("")


def redact_one(text: str) -> tuple[str, int]:
    """`redact` for a single text."""
    return replaced(text)


# ── numbers of persons where none belong ────────────────────────────────────────────────────────


def searched_for(f: FieldSpec) -> tuple[Kind, ...]:
    """Which numbers of persons are hidden in a field that anybody may read; none where it is no text, or is checked by rule."""
    if f.kind != "string" or f.classification not in OPEN or f.semantic in ("uscc", "bank_card", "email"):
        return ()
    # A facility's own telephone may be a mobile one.
    return BESIDE_TELEPHONES if f.name == "phone" or f.semantic == "phone" else IN_CODES


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def hidden_numbers(codes: pl.Series, key: Key, kinds: tuple[Kind, ...] = IN_CODES) -> pl.Series:
    """Codes and names without the numbers of persons in them; in place of each stands what it is and a keyed hash.

    So different numbers stay different codes, a code stands for the same thing in every feed, and nobody without the
    key reads a number from it. The hash is another than the pseudonym of the same number in a field of persons.
    """

    def word(label: str, found: str) -> str:
        digits = re.sub("^(?:00)?86(?=1[3-9][0-9]{9}$)", "", found.upper())
        made = hmac.digest(key.hashed_with.encode(), b"in a code\0" + digits.encode(), "sha256").hex()
        # In letters alone, so that no hash is taken for a number.
        return f"{label[:-1]}:{made[:12].translate(_LETTERS)}{label[-1]}"

    holds = codes_searched(codes) if kinds and codes.dtype == pl.String else None
    if holds is None or not holds.any():
        return codes
    once = codes.filter(holds).unique()
    return codes.replace(once, pl.Series([replaced(text, kinds, word)[0] for text in once], dtype=pl.String))


def holds_a_number(codes: pl.Series, kinds: tuple[Kind, ...] = IN_CODES) -> pl.Series:
    """Which codes `hidden_numbers` changes."""
    holds = codes_searched(codes)
    if not holds.any():
        return holds
    once = codes.filter(holds).unique()
    found = once.filter(pl.Series([replaced(text, kinds)[1] > 0 for text in once], dtype=pl.Boolean))
    return codes.is_in(found.implode()).fill_null(value=False)


# ── messages ────────────────────────────────────────────────────────────────────────────────────


def mask_value(value: str | None, field: FieldSpec | None) -> str:
    """What of a value may stand in quarantine, logs and messages.

    Nothing but its length if the field is personal, or unknown; else the value, redacted, on one line, at most
    60 characters long, of a long number its first digits, of what looks like a name its first character.
    """
    if value is None:
        return ""
    if field is None or field.classification not in OPEN:
        return f"‹{len(value)} characters›"
    shown, _ = redact_one(value[: 20 * SHOWN])
    if field.kind == "string" and is_like_a_name(shown):
        return f"{shown.strip()[0]}**"
    # What may be a number nobody recognises, or a birthday; a day or a time where one belongs is none.
    long = r"[0-9](?:[ \-./]?[0-9]){6,}" if field.kind == "string" else r"[0-9]{9,}"
    shown = re.sub(long, lambda run: _first_digits(run[0]), shown)
    shown = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", shown)
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"


def _first_digits(run: str) -> str:
    """990102001299 → 9901********: enough to find the row by, too little to call somebody."""
    shown = max(0, min(4, sum(c.isdigit() for c in run) - 8))
    kept = 0
    masked = []
    for c in run:
        kept += c.isdigit()
        masked.append(c if not c.isdigit() or kept <= shown else "*")
    return "".join(masked)
