"""Measuring prompts case by case, each case once: whoever asks again gets what is known."""

from collections.abc import Collection, Mapping, Sequence

from promptopt.domain.dataset import Example, Split
from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.evaluation.reliability import merge
from promptopt.evaluation.runner import failed
from promptopt.evaluation.statistics import interval
from promptopt.evaluation.together import together
from promptopt.optimizers.base import RunContext

_Place = tuple[str, Split]


class Measurements:
    """What is known of prompts, by case. What an earlier worker has measured, the journal answers."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._results: dict[_Place, dict[str, CaseResult]] = {}

    def lacks(self, prompt: Prompt, split: Split, cases: Sequence[Example]) -> bool:
        """Whether ``prompt`` was not measured on some of the cases."""
        known = self.results(prompt, split)
        return any(case.id not in known for case in cases)

    async def measure(
        self,
        prompt: Prompt,
        split: Split,
        cases: Sequence[Example],
        total: int | None = None,
        *,
        quietly: bool = False,
    ) -> dict[str, float]:
        """Measure a prompt on the cases that it was not measured on, all at once.

        Args:
            total: cases that it will be measured on, for those who watch; default: these.
            quietly: the prompt is not in the running (yet), so nothing of it is shown.

        Returns:
            Case id to score, for these cases; one without an answer is missing.
        """
        known = self._results.setdefault((prompt.id, split), {})
        unknown = [case for case in cases if case.id not in known]
        if unknown and not known and not quietly:
            self._context.measuring(prompt, split, total or len(unknown))
        results = await together(self._case(prompt, split, case, quietly) for case in unknown)
        known.update({result.case_id: result for result in results})
        return {case.id: known[case.id].score for case in cases if not known[case.id].error}

    async def may_score(self, prompt: Prompt, parent: Prompt, reasoning: str) -> bool:
        """Whether people let a prompt be scored that is tried on the way to a proposal."""
        return not await self._context.admit(prompt, parent=parent, reasoning=reasoning)

    def results(self, prompt: Prompt, split: Split = "train") -> Mapping[str, CaseResult]:
        """Case id to result, for all cases so far."""
        return self._results.get((prompt.id, split), {})

    def scores(self, prompt: Prompt, split: Split = "train") -> dict[str, float]:
        """Case id to score, for all cases that were answered so far."""
        return {
            name: result.score for name, result in self.results(prompt, split).items() if not result.error
        }

    def evaluation(self, prompt: Prompt, split: Split, cases: Sequence[Example]) -> Evaluation:
        """What is known of a prompt on some cases, in their order."""
        known = self.results(prompt, split)
        results = tuple(known[case.id] for case in cases if case.id in known)
        score = interval([result.score for result in results], [result.weight for result in results])
        return Evaluation(prompt_id=prompt.id, split=split, results=results, score=score)

    def forget(self, keep: Collection[str]) -> None:
        """Forget all prompts but those with these ids."""
        self._results = {place: known for place, known in self._results.items() if place[0] in keep}

    async def _case(self, prompt: Prompt, split: Split, case: Example, quietly: bool) -> CaseResult:
        draws = range(self._context.settings.evaluation.repeats)
        result = merge(await together(self._draw(prompt, case, draw) for draw in draws))
        if not quietly:
            self._context.noted(prompt, split, result)
        return result

    async def _draw(self, prompt: Prompt, case: Example, draw: int) -> CaseResult:
        try:
            response = await self._context.complete(
                "target", prompt.render(case), sample=draw, case_id=case.id
            )
        except CallFailed as failure:
            return failed(case, failure)
        return await self._context.judge(case, response)


async def whole(context: RunContext, prompt: Prompt) -> Evaluation:
    """Score a prompt on all validation cases, and on the training cases that must pass."""
    must_pass = [case for case in context.dataset.train if case.must_pass]
    if must_pass:
        await context.evaluate(prompt, "train", must_pass, counts=False)
    return await context.evaluate(prompt, "validation")
