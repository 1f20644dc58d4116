"""Recorded runs, written event by event as a worker would."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from promptopt.domain import events as ev
from promptopt.domain.chat import ChatRequest, LLMResponse
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, CheckResult, Comparison, Interval
from promptopt.domain.settings import ModelSettings, ProjectSettings
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.journal import Journal
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs

START = 1_760_000_000.0

SEED = "Classify the support ticket.\nAnswer with one word."
FIRST = "Classify the support ticket into billing, bug, account or other.\nAnswer with one lower-case word."
SECOND = (
    "You route support tickets.\n"
    "Classify the ticket {input} into exactly one of: billing, bug, account, other.\n"
    "- billing: invoices, refunds, prices\n"
    "- bug: something does not work as described\n"
    "- account: log-in, password, profile\n"
    "Answer with exactly one lower-case word and nothing else."
)
HUMAN = SECOND + "\nIf a refund is asked for because of a defect, answer bug."
WORDS = ("billing", "bug", "account", "other")
TEXTS = (
    "I was charged twice in March, please give the money back.",
    "The export button does nothing when I press it.",
    "I can't log in since I changed my phone.",
    "Do you have an office in Lisbon?",
    "The invoice shows the wrong VAT number.",
    "The app closes when I open a large file.",
)
CATEGORIES = ("wrong format", "too verbose", "wrong reasoning", "near miss")


def cases(split: str, count: int) -> tuple[Example, ...]:
    return tuple(
        Example(
            id=f"{split[:3]}-{number:03}",
            inputs={"input": TEXTS[number % len(TEXTS)]},
            expected=WORDS[number % len(WORDS)],
        )
        for number in range(count)
    )


def interval(passed: int, total: int) -> Interval:
    mean = passed / total
    half = 1.96 * (max(0.02, mean * (1 - mean)) / total) ** 0.5
    return Interval(mean=mean, low=max(0.0, mean - half), high=min(1.0, mean + half), n=total)


def comparison(mean: float, half: float, verdict: str, fixed: int, broken: int, n: int = 24) -> Comparison:
    return Comparison(
        difference=Interval(mean=mean, low=mean - half, high=mean + half, n=n),
        p_value=0.012 if verdict != "not distinguishable" else 0.41,
        verdict=verdict,  # type: ignore[arg-type]
        method="exact McNemar, paired bootstrap",
        fixed=tuple(f"val-{n:03}" for n in range(fixed)),
        broken=tuple(f"val-{n:03}" for n in range(20, 20 + broken)),
    )


def rated(players: list[str], played: int) -> list[ev.Rating]:
    """Ratings of players, best first; alike before a match was played."""
    strong = [162.0, 118.0, -61.0, -219.0] if played else [0.0] * 4
    half = 110.0 if played else 430.0
    return [
        ev.Rating(
            candidate_id=player,
            rating=rating,
            low=rating - half,
            high=rating + half,
            wins=(3 - place) * 5 if played else 0,
            losses=place * 4 if played else 0,
            ties=22 if played else 0,
            win_rate=0.5 + (1.5 - place) / 10 if played else 0.5,
            p_best=(0.74, 0.25, 0.01, 0.0)[place] if played else 0.25,
        )
        for place, (player, rating) in enumerate(zip(players, strong, strict=True))
    ]


@dataclass
class Story:
    """Records a run as a worker would, event by event."""

    database: Database
    simulated: bool = True
    validation: int = 24
    test: int = 24
    project: str = "support tickets"
    clock: list[float] = field(default_factory=lambda: [START])
    run_id: str = ""

    def __post_init__(self) -> None:
        sizes = {"train": 24, "validation": self.validation, "test": self.test}
        dataset = Dataset(
            train=cases("train", sizes["train"]),
            validation=cases("validation", self.validation),
            test=cases("test", self.test),
        )
        model = "sim/target" if self.simulated else "openai/gpt-4o-mini"
        settings = ProjectSettings(
            name=self.project, prompt=SEED, models={"target": ModelSettings(model=model)}
        )
        self.runs = Runs(self.database)
        self.run_id = self.runs.create(settings, dataset, Path("/projects/support"))
        self.log = RunLog(self.database, self.run_id)
        self.cells = Cells(self.database, self.run_id)
        self.journal = Journal(self.database, self.run_id)
        self.asked: list[str] = []
        self.ids: dict[str, str] = {}
        self.optimizer = "refine"
        self.start()

    def start(self) -> None:
        sizes = {"train": 24, "validation": self.validation, "test": self.test}
        model = "sim/target" if self.simulated else "openai/gpt-4o-mini"
        self.tell(
            ev.RunStarted(
                run_id=self.run_id,
                project=self.project,
                optimizer=self.optimizer,
                models={"target": ev.ModelInfo(model=model, simulated=self.simulated)},
                limits={"usd": 0.5},
                sizes=sizes,  # type: ignore[arg-type]
                max_iterations=6,
                simulated=self.simulated,
            )
        )
        self.summarize(status="running", heartbeat_at=4e9)

    def tell(self, *events: ev.Event) -> None:
        for event in events:
            self.log.append(event)
            self.clock[0] += 1.0
        self._wait()

    def summarize(self, **values: object) -> None:
        self.runs.summarize(self.run_id, **values)
        self._wait()

    def _wait(self) -> None:
        """Writes keep their order: when this one is durable, all before it are."""
        self.database.transact(lambda connection: None).result()

    def propose(
        self,
        text: str,
        source: ev.Source = "optimizer",
        iteration: int = 0,
        parent: str = "",
        shown: Sequence[ev.Demonstration] = (),
    ) -> str:
        prompt = Prompt(text=text)
        self.cells.keep_prompt(prompt)
        reasoning = "" if source == "seed" else "names the classes, because the model makes up its own"
        self.tell(
            ev.CandidateProposed(
                candidate_id=prompt.id,
                text=text,
                source=source,
                iteration=iteration,
                parent_id=parent or None,
                reasoning=reasoning,
                demonstrations=list(shown),
            )
        )
        return prompt.id

    def score(self, prompt_id: str, passed: int, split: str = "validation", upto: int | None = None) -> None:
        total = self.validation if split == "validation" else self.test
        chosen = cases(split, total)
        results = [self._result(case, number < passed) for number, case in enumerate(chosen)][:upto]
        self.tell(ev.EvaluationStarted(candidate_id=prompt_id, split=split, total=total))  # type: ignore[arg-type]
        self.cells.keep(prompt_id, split, results)  # type: ignore[arg-type]
        marks = [
            ev.CaseMark(case_id=r.case_id, score=r.score, passed=r.passed, category=r.category)
            for r in results
        ]
        self.tell(ev.CasesFinished(candidate_id=prompt_id, split=split, cases=marks))  # type: ignore[arg-type]
        if upto is None:
            self.tell(
                ev.CandidateScored(
                    candidate_id=prompt_id,
                    split=split,  # type: ignore[arg-type]
                    score=interval(passed, total),
                    passed=passed,
                )
            )
            counts: dict[str, int] = {}
            for result in results:
                if result.category:
                    counts[result.category] = counts.get(result.category, 0) + 1
            self.tell(
                ev.FeedbackReady(
                    candidate_id=prompt_id,
                    split=split,  # type: ignore[arg-type]
                    categories=counts,
                    clusters=self._clusters(results),
                    suggestions=["say that nothing but the class may be answered", "name every class"],
                )
            )

    @staticmethod
    def _clusters(results: list[CaseResult]) -> list[ev.ClusterMark]:
        """Of the two commonest categories, each with its first case and the first that passes."""
        passing = next((result.case_id for result in results if result.passed), "")
        by_category = {name: [r.case_id for r in results if r.category == name] for name in CATEGORIES}
        ranked = sorted(by_category.items(), key=lambda item: -len(item[1]))[:2]
        return [
            ev.ClusterMark(category=name, detail="exact", count=len(ids), case_id=ids[0], contrast_id=passing)
            for name, ids in ranked
            if ids
        ]

    @staticmethod
    def _result(case: Example, passed: bool) -> CaseResult:
        number = int(case.id[-3:])
        wanted = case.expected or ""
        output = wanted if passed else f"The ticket is about {WORDS[(number + 1) % 4]}, I think."
        check = CheckResult(
            name="exact",
            score=float(passed),
            passed=passed,
            reason="" if passed else f"expected {wanted!r}, found {output!r}",
        )
        return CaseResult(
            case_id=case.id,
            output=output,
            score=float(passed),
            passed=passed,
            checks=(check,),
            category="" if passed else CATEGORIES[number % len(CATEGORIES)],
            prompt_tokens=61,
            completion_tokens=9,
            cost=0.00004,
            latency=0.42,
        )

    def spend(
        self, usd: float, calls: int, *, reserved: float = 0.0, held: float = 0.05, **more: object
    ) -> None:
        self.tell(
            ev.BudgetMoved(
                meters={
                    "usd": ev.Meter(spent=usd, reserved=reserved, held=held, limit=0.5),
                    "calls": ev.Meter(spent=calls, held=48, limit=1000),
                    "tokens": ev.Meter(spent=calls * 70),
                    "minutes": ev.Meter(spent=calls / 60, limit=10),
                    "optimizer_calls": ev.Meter(spent=3, limit=20),
                },
                in_flight=4 if reserved else 0,
                **more,  # type: ignore[arg-type]
            )
        )

    def ask(
        self,
        text: str,
        answer: str | None = "",
        *,
        role: ev.Role = "target",
        case: str = "",
        path: str = "",
        outcome: str = "",
        error: str = "",
    ) -> str:
        """A call with one message: answered, failed, settled without an answer, or (None) under way."""
        self.clock[0] += 0.25
        number = len(self.asked)
        request = ChatRequest(
            model="sim/target", messages=(Message(role="user", content=text),), max_tokens=64
        )
        place = (request.content_key(), path, number)
        if case:
            self.journal.concerns(place, case)
        name = f"i{self.run_id}-{number}"
        self.asked.append(name)
        self.journal.intend(name, role, 0.002, 90, "", place)
        self.clock[0] += 0.25
        if outcome:
            self.journal.settle(name, role, outcome, 0.0, 0, error)  # type: ignore[arg-type]
        elif error:
            self.journal.record(name, role, request, place, error)
        elif answer is not None:
            usage = {"prompt_tokens": 61, "completion_tokens": 9}
            response = LLMResponse(text=answer, usage=usage, cost=0.00004, latency=0.42)
            self.journal.record(name, role, request, place, response)
        self._wait()
        return name

    def calls(self) -> "Story":
        """Calls of every kind, the last one under way."""
        for number, case in enumerate(cases("validation", 12)):
            self.ask(f"{FIRST}\n\n{case.input_text}", WORDS[number % 4], case=case.id)
        self.ask("x", error="429: slow down", outcome="refused", case="val-012")
        self.ask("x", error="no answer in time", outcome="unknown", case="val-012")
        self.ask("Sort this.", error="the model answers no call", case="val-012")
        answer = '{"diagnosis": "too wordy", "prompt": "Sort."}'
        self.ask("Improve the prompt.", answer, role="optimizer", path="propose/3/1")
        self.ask("The next one.", None, case="val-013")
        return self

    # Where a run can stand

    def begin(self) -> "Story":
        """The seed is scored, one candidate is accepted, one is rejected."""
        self.tell(ev.PhaseStarted(phase="baseline"))
        self.ids["seed"] = seed = self.propose(SEED, "seed")
        self.score(seed, 12)
        self.tell(ev.PhaseStarted(phase="search"), ev.IterationStarted(iteration=1))
        self.ids["first"] = first = self.propose(FIRST, iteration=1, parent=seed)
        self.score(first, 17)
        better = comparison(5 / 24, 0.17, "better", 6, 1)
        self.tell(
            ev.CandidateJudged(
                candidate_id=first, against_id=seed, accepted=True, reason="higher score", comparison=better
            ),
            ev.IterationStarted(iteration=2),
        )
        lost = self.propose("Say billing.", iteration=2, parent=first)
        self.score(lost, 7)
        worse = comparison(-10 / 24, 0.2, "worse", 0, 10)
        self.tell(
            ev.CandidateJudged(
                candidate_id=lost, against_id=first, accepted=False, reason="lower score", comparison=worse
            )
        )
        return self

    def live(self) -> "Story":
        """In the middle of the third iteration's evaluation."""
        self.begin()
        self.tell(ev.IterationStarted(iteration=3))
        self.ids["second"] = second = self.propose(SECOND, iteration=3, parent=self.ids["first"])
        self.spend(0.0721, 312, reserved=0.0004)
        self.score(second, 13, upto=15)
        course = "[0.5, 0.6, 0.7083, 0.7083]"
        self.summarize(iteration=3, seed_score=0.5, best_score=17 / 24, usd=0.0721, calls=312, course=course)
        return self

    def edited(self, verdict: str = "better") -> "Story":
        """An edit was scored and waits for an answer."""
        self.begin()
        against = self.ids["first"]
        self.ids["edit"] = edit = self.propose(HUMAN, "human", iteration=2, parent=against)
        self.tell(ev.PromptEdited(candidate_id=edit, against_id=against, by="ada", command_id=1))
        self.score(edit, 21 if verdict == "better" else 10)
        judged = comparison(4 / 24, 0.12, "better", 5, 1) if verdict == "better" else None
        judged = judged or comparison(-7 / 24, 0.2, "worse", 1, 8)
        self.spend(0.09, 388)
        self.tell(
            ev.EditJudged(
                candidate_id=edit, against_id=against, comparison=judged, waiting=True, command_id=1
            )
        )
        return self

    def tournament(self, format: str = "round_robin", *, over: bool = False) -> "Story":
        """Four prompts play each other, in the middle of it or at its end."""
        self.begin()
        second = self.propose(SECOND, iteration=3, parent=self.ids["first"])
        self.ids["human"] = human = self.propose(HUMAN, "human", iteration=3, parent=second)
        players = [human, second, self.ids["first"], self.ids["seed"]]
        self.tell(ev.StandingsUpdated(format=format, ratings=rated(players, 0), played=0, planned=7))
        pairs = [(0, 3), (1, 2), (0, 2), (1, 3), (0, 1), (2, 3), (0, 1)]
        if format == "single_elimination":
            pairs = [(0, 3), (1, 2), (0, 1)]
        played = pairs if over else pairs[:-2]
        for number, (one, two) in enumerate(played, 1):
            tied = one + two == 1 and number < len(pairs)
            stage = "final" if number == len(pairs) else f"round {(number + 1) // 2}"
            stage = "semi-final" if format == "single_elimination" and stage == "round 1" else stage
            self.tell(
                ev.MatchFinished(
                    number=number,
                    stage=stage,
                    first_id=players[one],
                    second_id=players[two],
                    winner_id=None if tied else players[one],
                    wins=2 if tied else 4 + two - one,
                    losses=2 if tied else two - 1 if one else 0,
                    ties=11,
                    missing=number % 2,
                    by="judges",
                    reason="decided, evidence 18.3 to 1" if stage == "final" else "ahead by 4",
                )
            )
        self.tell(
            ev.StandingsUpdated(
                format=format,
                ratings=rated(players, len(played)),
                played=len(played),
                planned=len(pairs),
                final=over,
                champion_id=human if over else "",
                decided=over,
                notes=[
                    "judge haiku: 61 pairs, 12% turned with the order",
                    "judge mini: 61 pairs, 2 without a verdict, 31% turned with the order",
                    "the judges agree on 71% of the pairs; 2 of them are worth 1.4 independent votes",
                ],
            )
        )
        self.spend(0.0721, 312)
        return self

    def plays(self) -> "Story":
        """A run that does nothing but play a tournament, over."""
        self.optimizer = "tournament"
        self.start()
        self.tournament(over=True)
        table = self.ids["human"]
        self.tell(
            ev.RunFinished(
                status="finished", stop_reason="played", detail="7 matches played",
                seed_id=self.ids["seed"], best_id=table, iterations=0,
            )
        )  # fmt: skip
        self.summarize(status="finished", usd=0.0721, calls=312, heartbeat_at=None)
        return self

    def finish(self, verdict: str = "better", *, test_note: str = "") -> "Story":
        """Over, with a sealed test unless there is a note why not."""
        return self.live().finish_from_live(verdict, test_note=test_note)

    def finish_from_live(self, verdict: str = "better", *, test_note: str = "") -> "Story":
        """The rest of the run, from where :meth:`live` stands."""
        second, seed = self.ids["second"], self.ids["seed"]
        self.score(second, 22)
        self.tell(
            ev.CandidateJudged(
                candidate_id=second,
                against_id=self.ids["first"],
                accepted=True,
                reason="higher score",
                comparison=comparison(5 / 24, 0.15, "better", 5, 0),
            )
        )
        found = None
        if not test_note:
            self.tell(ev.PhaseStarted(phase="test"))
            self.score(seed, 11, "test")
            self.score(second, 20, "test")
            found = comparison(9 / 24, 0.21, verdict, 10, 1)
        self.spend(0.1312, 540, held=0.0)
        self.tell(
            ev.RunFinished(
                status="finished",
                stop_reason="plateau",
                seed_id=seed,
                best_id=second,
                iterations=3,
                comparison=found,
                test_note=test_note,
            )
        )
        self.summarize(
            status="finished",
            iteration=3,
            seed_score=0.5,
            best_score=22 / 24,
            course="[0.5, 0.6, 0.7083, 0.7083, 0.9167]",
            usd=0.1312,
            calls=540,
            heartbeat_at=None,
        )
        return self

    def stop(self, *, tested: bool) -> "Story":
        """Stopped by a person, with or without the sealed test."""
        self.begin()
        if tested:
            self.tell(ev.PhaseStarted(phase="test"))
            for name in ("seed", "first"):
                self.score(self.ids[name], 12, "test")
        self.tell(
            ev.RunFinished(
                status="stopped",
                stop_reason="user",
                seed_id=self.ids["seed"],
                best_id=self.ids["first"],
                iterations=2,
                comparison=comparison(0.0, 0.2, "not distinguishable", 0, 0) if tested else None,
            )
        )
        self.summarize(status="stopped", heartbeat_at=None)
        return self

    def fail(self) -> "Story":
        """Over, because the model could not be called."""
        self.begin()
        detail = "models.target: no key in OPENAI_API_KEY\n  → export OPENAI_API_KEY=…"
        self.tell(
            ev.RunFinished(
                status="failed",
                stop_reason="error",
                detail=detail,
                seed_id=self.ids["seed"],
                best_id=self.ids["first"],
                iterations=2,
            )
        )
        self.summarize(status="failed", detail=detail, usd=None, heartbeat_at=None)
        return self
