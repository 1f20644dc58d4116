"""The tournament manager: plays a tournament over prompts inside a run.

It reaches the world only through its run's door, so that journal, budget, pause and stop hold; and what it
decides depends on answers and seeds alone, so that a resumed run plays the same matches.
"""

from collections.abc import Mapping, Sequence

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.tournament.config import Format, TournamentConfig
from promptopt.tournament.course import Course
from promptopt.tournament.matches import Court
from promptopt.tournament.panel import CRITERIA, JudgePanel
from promptopt.tournament.results import TournamentResults, compute_win_rates


class TournamentManager:
    """Plays tournaments.

    Args:
        config: how.
    """

    def __init__(self, config: TournamentConfig | None = None) -> None:
        self.config = config or TournamentConfig()

    async def run(
        self,
        context: Court,
        prompts: Sequence[Prompt],
        cases: Sequence[Example],
        split: Split = "validation",
        *,
        numbered_from: int = 0,
    ) -> TournamentResults:
        """Play a tournament. Prompts of one content play as one; they should be in the running already.

        Args:
            context: the run's door.
            cases: what they play on; of more than ``config.cases`` a sample.
            split: that the cases are of.
            numbered_from: matches that the run has seen before.

        Raises:
            ValueError: no prompt, or no case.
            SettingsError: judges are to decide, and the project has none.
            StopRun: a cap is reached or the run was stopped.
        """
        players = tuple({prompt.id: prompt for prompt in prompts}.values())
        if not players or not cases:
            raise ValueError("a tournament needs a prompt and a case")
        panel = panel_for(context, self.config)
        return await Course(self.config, context, players, cases, split, panel, numbered_from).play()

    async def run_round_robin(
        self, context: Court, prompts: Sequence[Prompt], cases: Sequence[Example], split: Split = "validation"
    ) -> TournamentResults:
        """Everybody plays everybody; otherwise as configured."""
        return await self._as("round_robin").run(context, prompts, cases, split)

    async def run_single_elimination(
        self, context: Court, prompts: Sequence[Prompt], cases: Sequence[Example], split: Split = "validation"
    ) -> TournamentResults:
        """Who loses is out; otherwise as configured."""
        return await self._as("single_elimination").run(context, prompts, cases, split)

    async def find_champion(
        self, context: Court, prompts: Sequence[Prompt], cases: Sequence[Example], split: Split = "validation"
    ) -> Prompt:
        """The champion of a tournament, as configured."""
        return (await self.run(context, prompts, cases, split)).champion

    @staticmethod
    def compute_win_rates(results: TournamentResults) -> Mapping[str, float]:
        """Share of its cases that each prompt won, ties as half, by the prompt's id."""
        return compute_win_rates(results)

    def _as(self, format: Format) -> "TournamentManager":
        return TournamentManager(self.config.model_copy(update={"format": format}))


def panel_for(court: Court, config: TournamentConfig) -> JudgePanel | None:
    """The judges of a project, asked through a run; None if none are needed.

    Raises:
        SettingsError: judges are to decide, and the project has none.
    """
    if not config.needs_judges:
        return None
    judges = court.settings.panel
    if not judges:
        raise SettingsError(
            f"judging = {config.judging!r} needs a judge, and there is none",
            where="models.judge",
            fix='add a table [models.judge] with model = "…", or [[judges]] for each judge of a panel',
        )

    async def ask(judge: str, messages: Sequence[Message], path: str, case_id: str) -> LLMResponse:
        if not judge:
            return await court.complete("judge", messages, path=path, case_id=case_id)
        return await court.complete("judge", messages, path=path, case_id=case_id, judge=judge)

    criteria = config.criteria or criteria_of(court.settings, court.task)
    return JudgePanel(judges, ask, config.voting, criteria)


def criteria_of(settings: ProjectSettings, task: TaskSpec) -> str:
    """What makes an output good: what the project's own judge checks say, else its task."""
    rubrics = [
        str(check.options["rubric"])
        for check in settings.checks
        if check.type in ("judge", "pairwise") and check.options.get("rubric")
    ]
    if rubrics:
        return " ".join(dict.fromkeys(rubrics))
    rules = [f"{constraint.name}: {constraint.description}" for constraint in task.constraints]
    return "\n".join(part for part in (CRITERIA, task.description.strip(), *rules) if part)
