"""What the seeds decide about surveys: thresholds, points of a scale, how many answers are enough.

Belongs here: reading `survey_policies.csv` and `survey_scales.csv`. Thresholds themselves belong into the seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from contracts.loading import seed
from orchestration.statistics.errors import StatisticsError, name_some
from orchestration.statistics.scales import Scale

LINEAR = "linear"


@dataclass(frozen=True)
class SurveyPolicy:
    """The parameters in force on a day, and the schemes of points by (name, number of levels)."""

    version: str
    parameters: Mapping[str, str]
    schemes: Mapping[tuple[str, int], Mapping[int, float]]

    def number(self, parameter: str) -> float:
        """A parameter that is a number."""
        return float(self.parameters[parameter])

    def points(self, scale_name: str | None, values: list[int], *, is_reversed: bool) -> Mapping[float, float] | None:
        """Value → points 0–100, or null for linear.

        A question's own `scale` goes first if it names a scheme, then the policy's. A policy's scheme that knows
        nothing of so many levels leaves the scale linear.

        Raises:
            StatisticsError: the question itself names a scheme that has no points for its number of levels.
        """
        ranked = sorted(values, reverse=is_reversed)
        named = {name for name, _ in self.schemes}
        own = scale_name if scale_name in named else None
        scheme = self.schemes.get((own or self.parameters["scale_points"], len(values)))
        if own and scheme is None:
            known = [levels for name, levels in self.schemes if name == own]
            raise StatisticsError(
                f"Scale {own!r} has points for {name_some(known)} levels, the question has {len(values)}. "
                "Correct lowest and highest, or add the scheme to policies/survey_scales.csv.",
                f"量表 {own!r} 只有 {name_some(known)} 级的分值，题目为 {len(values)} 级。请更正最低分、最高分或补充量表。",
            )
        return {value: scheme[i + 1] for i, value in enumerate(ranked)} if scheme else None

    def scale(self, scale_name: str | None, lowest: int, highest: int, *, is_reversed: bool, codes: Mapping[str, Iterable[str]]) -> Scale:  # fmt: skip
        """The scale of a question as the codebook describes it, with the policy's points."""
        values = list(range(lowest, highest + 1))
        return Scale(
            values,
            points=self.points(scale_name, values, is_reversed=is_reversed),
            is_reversed=is_reversed,
            **{state: tuple(of_state) for state, of_state in codes.items()},
        )


def survey_policy(day: date) -> SurveyPolicy:
    """The newest version of every parameter that is in force on `day`, and every scheme of points.

    A wave older than the first policy is read under the first: an estimate needs a method whenever it was asked.
    """
    rows = sorted(seed("survey_policies"), key=lambda r: r["valid_from"])
    first = rows[0]["valid_from"]
    rows = [r for r in rows if r["valid_from"] <= max(day.isoformat(), first)]
    schemes: dict[tuple[str, int], dict[int, float]] = {}
    for r in seed("survey_scales"):
        schemes.setdefault((r["scheme"], int(r["levels"])), {})[int(r["position"])] = float(r["points"])
    return SurveyPolicy(rows[-1]["version"], {r["parameter"]: r["value"] for r in rows}, schemes)
