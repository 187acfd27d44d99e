"""When a stage of active learning may be left: the limits, each with its meaning."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Convergence(BaseModel):
    """Limits of the decision after each iteration (:func:`~aiida_glassion.kernels.learning.convergence.decide`)."""

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False, frozen=True)

    candidate_fraction: float = Field(0.01, gt=0, lt=1, description='Of the visited frames; a check needs fewer.')
    failed_fraction: float = Field(0.01, gt=0, lt=1, description='The same for frames beyond the upper level.')
    broken_runs: float | None = Field(
        0.2, gt=0, le=1, description='Fraction of runs that may explode or leave the trusted region; None: any.'
    )
    min_frames: int = Field(200, ge=1, description='Visited frames without which a check does not count.')
    checks: int = Field(2, ge=1, description='Consecutive checks of a stage that must be met.')
    max_rounds: int | None = Field(20, ge=1, description='Rounds of a stage; None: no limit.')
    error_fall: float = Field(0.05, gt=0, lt=1, description='Relative fall of the held-out force error that counts.')
    compared_with: int = Field(2, ge=1, description='How many iterations back the error is compared with.')
    sigma: float = Field(2.0, gt=0, description='Standard errors beyond which a change is one.')
    relative_error: float | None = Field(
        0.5, gt=0, description='Held-out force error over the forces themselves that is too large; None: any will do.'
    )
    patience: int = Field(5, ge=3, description='Rounds over which fractions and error must improve.')
    fruitless_rounds: int = Field(3, ge=1, description='Rounds without a new label after which nothing can change.')
    gate_failures: int = Field(3, ge=1, description='Structure gates of a stage that may fail.')

    @property
    def records_needed(self) -> int:
        """How many earlier records a decision looks at."""
        return max(self.checks, self.patience, self.fruitless_rounds, self.compared_with)

    def for_stage(self, stage: Mapping[str, Any]) -> Convergence:
        """These limits with those that a stage of the curriculum has of its own.

        :raises ValueError: the stage has one that makes no sense.
        """
        own = ('candidate_fraction', 'checks', 'min_frames', 'max_rounds')
        return read_convergence({**self.model_dump(), **{k: stage[k] for k in own if stage.get(k) is not None}})


def read_convergence(content: Mapping[str, Any]) -> Convergence:
    """Validate settings.

    :raises ValueError: with every problem on its own line: where, what was given, the nearest known key.
    """
    try:
        return Convergence.model_validate(dict(content))
    except ValidationError as error:
        raise ValueError('\n'.join(_explain(problem) for problem in error.errors())) from None


def iteration_to_compare(settings: Convergence, number: int, known: Sequence[int]) -> int | None:
    """Iteration whose held-out error the present one is compared with: so many back, or the oldest one known.

    :param number: of the present iteration.
    :param known: numbers of earlier iterations.
    :returns: None where there is none.
    """
    earlier = sorted(other for other in known if other < number)
    far = [other for other in earlier if other <= number - settings.compared_with]
    return far[-1] if far else next(iter(earlier), None)


def _explain(problem: Any) -> str:
    key = '.'.join(str(part) for part in problem['loc'])
    if problem['type'] == 'extra_forbidden':
        near = difflib.get_close_matches(key, list(Convergence.model_fields), 1)
        known = f"did you mean '{near[0]}'?" if near else f'known are {", ".join(Convergence.model_fields)}'
        return f'convergence.{key} is not a setting; {known}'
    wanted = Convergence.model_fields[key].description if key in Convergence.model_fields else ''
    return f'convergence.{key}: {problem["msg"]} (given: {problem.get("input")!r}). {wanted}'
