"""The served release, or the way to it, is lost: everybody says so, none says that nothing was released, and a night heals it or says why not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import test_periods
from test_periods import FEBRUARY, JANUARY, MARCH, fill, lost_days
from test_publishing import Reader

from contracts.whole_files import NotReadable, read_json
from orchestration.__main__ import main
from orchestration.desk import decisions
from orchestration.paths import DataDirectory
from orchestration.release import certificates, names, publishing, standing
from orchestration.release.management import NotThere, folder_of, roll_back

data = test_periods.data  # the same small city
FIRST, SECOND = "2026-03-10.1", "2026-03-10.2"


@pytest.fixture
def two(data: DataDirectory) -> DataDirectory:
    fill(data, {JANUARY: 1, FEBRUARY: 2, MARCH: 4})
    assert publishing.release(data)[0].release_id == SECOND
    return data


def told(capsys) -> str:
    """What a command said, without the spaces: a terminal breaks its lines at some of them."""
    return "".join(capsys.readouterr().out.split())


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


LOST: dict[str, Callable[[Path], object]] = {
    "deleted": shutil.rmtree,
    "half copied": lambda folder: [shutil.rmtree(folder / names.PUBLIC), (folder / "certificate.json").unlink()],
    "without its database": lambda folder: (folder / names.DATABASE).unlink(),
    "cut short": lambda folder: cut_short(folder / names.DATABASE),
    "empty": lambda folder: (folder / names.DATABASE).write_bytes(b""),
    "of another kind": lambda folder: (folder / names.DATABASE).write_text("no database"),
    "public edition cut short": lambda folder: cut_short(folder / names.PUBLIC / names.PUBLIC_DATABASE),
}
COMMANDS = {
    "explain": ["explain", "sender_coverage", "month=2026-02-01", "lost_days"],
    "attack": ["attack"],
    "list": ["release", "list"],
    "approve": ["release", "approve", "2026-01", "--by", "王芳"],
}


@pytest.mark.parametrize("how", LOST)
def test_a_lost_release_is_told_with_what_is_missing_and_the_way_back(two: DataDirectory, capsys, how: str) -> None:
    LOST[how](two.published / "releases" / SECOND)
    for name, command in COMMANDS.items():
        assert main(command) == 1, name
        said = told(capsys)
        assert SECOND in said, name
        assert f"releaserollback{FIRST}" in said, name
        assert "nothinghasbeenreleased" not in said.lower(), name
        assert "按保留期" not in said, name
    for refused in (lambda: folder_of(two, SECOND), lambda: roll_back(two, SECOND, by="a", why="b")):
        with pytest.raises((NotThere, ValueError), match=r"lost or damaged|current release"):
            refused()
    with pytest.raises(standing.Lost, match=SECOND):
        decisions.violations(two)
    assert not publishing.stands(two)
    with pytest.raises(standing.Lost, match=SECOND):
        publishing.release(two)
    roll_back(two, FIRST, by="王芳", why="丢失")
    certificate, is_new = publishing.release(two)
    assert (is_new, lost_days(two)[MARCH], standing.lost(two)) == (True, 4, None)
    assert certificate.changed_tables, "compared with the release that was gone back to"


def swap(link: Path, target: str) -> None:
    link.unlink()
    link.symlink_to(target)


WAYS: dict[str, Callable[[Path], object]] = {
    "current gone": lambda published: (published / "current").unlink(),
    "current dangling": lambda published: swap(published / "current", "releases/2026-03-10.9"),
    "current a copy": lambda published: [
        (published / "current").unlink(),
        shutil.copytree(published / "releases" / SECOND, published / "current"),
    ],
    "pointer of another": lambda published: (published / "pointer.json").write_text(f'{{"release": "{FIRST}"}}'),
    "pointer gone": lambda published: (published / "pointer.json").unlink(),
    "a name gone": lambda published: (published / names.DATABASE).unlink(),
}


@pytest.mark.parametrize("how", WAYS)
def test_a_night_leads_readers_back_where_only_the_way_is_lost(two: DataDirectory, capsys, how: str) -> None:
    WAYS[how](two.published)
    assert certificates.standing_id(two) == SECOND
    assert main(COMMANDS["explain"]) == 1
    assert "isgoneorleadselsewhere" in told(capsys)
    assert not publishing.stands(two)
    certificate, is_new = publishing.release(two)
    assert (certificate.release_id, is_new, standing.lost(two)) == (SECOND, False, None)
    assert read_json(two.published / "pointer.json")["release"] == SECOND
    client = Reader(two)
    assert client.ask("select count(*) from sender_coverage") == [(3,)]
    client.close()


def test_going_back_to_the_release_itself_restores_the_way(two: DataDirectory) -> None:
    (two.published / "current").unlink()
    roll_back(two, SECOND, by="王芳", why="入口丢失")
    assert standing.lost(two) is None


def test_without_another_release_a_night_makes_one_anew_unless_figures_were_approved(
    data: DataDirectory, capsys
) -> None:
    main(["release", "approve", "2026-02", "--by", "王芳"])
    shutil.rmtree(data.published / "releases" / FIRST)
    assert main(COMMANDS["explain"]) == 1
    assert "nootherreleaseiswhole" in told(capsys)
    with pytest.raises(NotReadable, match=r"approved \(2026-02 \(1\)\)"):
        publishing.release(data)
    assert main(["release", "approve", "2026-02", "--by", "王芳", "--reason", "发布文件丢失"]) == 0
    certificate, is_new = publishing.release(data)
    assert (is_new, certificate.closed_periods, standing.lost(data)) == (True, "2026-02 (2)", None)


def test_a_release_past_retention_is_not_called_lost(data: DataDirectory, monkeypatch) -> None:
    for module in ("publishing", "names"):
        monkeypatch.setattr(f"orchestration.release.{module}.KEPT_RELEASES", 1)
    fill(data, {JANUARY: 1, FEBRUARY: 2, MARCH: 4})
    publishing.release(data)
    assert [path.name for path in (data.published / "releases").iterdir()] == [SECOND]
    with pytest.raises(NotThere, match="no longer kept"):
        folder_of(data, FIRST)


def test_figures_stand_as_approved_also_after_readers_were_led_back_behind_the_approval(two: DataDirectory) -> None:
    fill(two, {JANUARY: 1, FEBRUARY: 3, MARCH: 4})
    third = publishing.release(two)[0].release_id
    main(["release", "approve", "2026-02", "--by", "王芳"])
    roll_back(two, FIRST, by="王芳", why="三月有误")
    fill(two, {JANUARY: 1, FEBRUARY: 9, MARCH: 5})
    publishing.release(two)
    assert lost_days(two) == {JANUARY: 1, FEBRUARY: 3, MARCH: 5}, "as approved, not as the release gone back to has it"
    roll_back(two, FIRST, by="王芳", why="再退")
    shutil.rmtree(two.published / "releases" / third)
    with pytest.raises(NotReadable, match=r"approved \(2026-02 \(1\)\)"):
        publishing.release(two)


def test_an_old_release_is_kept_by_its_number_and_not_by_when_its_folder_was_touched(
    two: DataDirectory, monkeypatch
) -> None:
    """One that was restored from a backup looked newer than the one that readers saw yesterday."""
    monkeypatch.setattr(publishing, "KEPT_RELEASES", 2)
    (two.published / "releases" / FIRST / "restored").touch()
    two.set_calendar(date(2026, 3, 11), date(2026, 1, 1))
    fill(two, {JANUARY: 1, FEBRUARY: 2, MARCH: 6})
    publishing.release(two)
    assert sorted(path.name for path in (two.published / "releases").iterdir()) == [SECOND, "2026-03-11.1"]
