"""The forecast: ordered figures for any project, bounds that hold, unknown stays unknown."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.cli.outcome import lines
from promptopt.domain import events as ev
from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import SPLITS, Dataset, Example, split_cases
from promptopt.domain.errors import SettingsError
from promptopt.domain.forecast import Need, Plan, Question, Scale, Spread
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.checks import build_judge
from promptopt.optimizers import registry
from promptopt.optimizers.base import BaseOptimizer, OptimizerOptions, RunContext
from promptopt.runs.caps import first_cap
from promptopt.runs.forecast import forecast
from promptopt.runs.state import RunState
from promptopt.runs.summary import summarize
from promptopt.store.database import Database
from promptopt.store.history import History, Past, history
from promptopt.store.runs import Runs
from tests.loopback import write_project
from tests.unit.command_line import CommandLine
from tests.unit.finished_run import opening, rest

NOTHING = History(models={})


def project(**changes: Any) -> ProjectSettings:
    table: dict[str, Any] = {
        "name": "p",
        "prompt": "Label {text}.",
        "models": {"target": {"model": "openai/gpt-4o-mini", "max_tokens": 64}},
    }
    return ProjectSettings.model_validate(table | changes)


def cases(number: int, text: str = "ticket", expected: str | None = "a") -> Dataset:
    made = [Example(id=str(n), inputs={"text": f"{text} {n}"}, expected=expected) for n in range(number)]
    return split_cases(made, (0.5, 0.25, 0.25), 0)


def foretold(settings: ProjectSettings, dataset: Dataset, past: History = NOTHING) -> ev.Forecast:
    return forecast(settings, dataset, registry.make(settings), past)


def spreads(made: ev.Forecast) -> list[Spread]:
    needs = [made.total, *made.roles.values()]
    found = [made.seconds, *([made.iterations] if made.iterations else [])]
    for need in needs:
        found += [need.calls, need.tokens, need.prompt_tokens, need.completion_tokens]
        found += [need.usd] if need.usd else []
    return found


def ordered(spread: Spread) -> bool:
    known = [value for value in (spread.low, spread.likely, spread.high) if value is not None]
    return known == sorted(known) and spread.low >= 0


figures = st.integers(1, 5000)
pasts = st.builds(
    Past,
    calls=figures,
    prompt_tokens=st.floats(0, 1e5),
    completion_tokens=st.floats(0, 1e5),
    fewest=st.integers(0, 10**5),
    most=st.integers(0, 10**5),
    latency=st.floats(0, 500),
    quickest=st.floats(0, 500),
    slowest=st.floats(0, 500),
)


@settings(deadline=None)  # it reads price lists the first time
@given(
    prompt=st.text(min_size=1, max_size=60),
    text=st.text(max_size=60),
    number=st.integers(1, 40),
    tokens=figures,
    options=st.fixed_dictionaries(
        {
            "max_iterations": st.integers(1, 40),
            "plateau": st.integers(1, 40),
            "train_cases": st.integers(1, 40),
            "tries": st.integers(1, 5),
            "room": st.integers(0, 9000),
        }
    ),
    rate=st.none() | st.floats(0.1, 1e6),
    past=st.none() | st.tuples(pasts, pasts, st.none() | st.floats(0, 100)),
    model=st.sampled_from(["openai/gpt-4o-mini", "sim/target", "openai/nobody-knows-it"]),
)
def test_low_is_at_most_likely_is_at_most_high(
    prompt: str,
    text: str,
    number: int,
    tokens: int,
    options: dict[str, int],
    rate: float | None,
    past: tuple[Past, Past, float | None] | None,
    model: str,
) -> None:
    target = {"model": model, "max_tokens": tokens, "requests_per_minute": rate, "tokens_per_minute": rate}
    settings = project(prompt=prompt, models={"target": target, "optimizer": {"max_tokens": tokens}})
    settings = settings.model_copy(update={"optimizer": settings.optimizer.model_copy(update=options)})
    known = NOTHING
    if past:
        optimizer = settings.models["optimizer"].model
        known = History({("target", model): past[0], ("optimizer", optimizer): past[1]}, past[2], 1)
    made = foretold(settings, cases(number, text, None), known)
    for spread in spreads(made):
        assert ordered(spread), spread
    for level in ("low", "likely", "high"):
        parts = [getattr(need.calls, level) for need in made.roles.values()]
        assert getattr(made.total.calls, level) == sum(parts)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    prompt=st.text(min_size=1, max_size=60),
    number=st.integers(1, 40),
    tokens=figures,
    options=st.fixed_dictionaries(
        {
            "max_iterations": st.integers(1, 40),
            "plateau": st.integers(1, 40),
            "group": st.integers(2, 16),
            "batch": st.integers(4, 40),
            "widest": st.integers(40, 60),
            "tries": st.integers(1, 5),
            "room": st.integers(0, 9000),
        }
    ),
)
def test_groups_of_variants_are_foretold_in_order(
    prompt: str, number: int, tokens: int, options: dict[str, int]
) -> None:
    models = {"target": {"model": "openai/gpt-4o-mini"}, "optimizer": {"max_tokens": tokens}}
    settings = project(prompt=prompt, models=models, optimizer={"name": "grpo", **options})
    made = foretold(settings, cases(number, "text", None))
    for spread in spreads(made):
        assert ordered(spread), spread


def test_a_reply_with_several_prompts_is_longer() -> None:
    prompt = "Label {text}. " + "And mind the rest of it. " * 40
    one, several = (
        foretold(
            project(prompt=prompt, optimizer={"name": name, "max_iterations": 4, "plateau": 2}), cases(40)
        )
        for name in ("refine", "grpo")
    )
    length = [
        (made.roles["optimizer"].completion_tokens.likely or 0) / (made.roles["optimizer"].calls.likely or 1)
        for made in (one, several)
    ]
    assert length[1] > 2 * length[0]


def test_nothing_that_a_run_sends_is_above_the_bound() -> None:
    settings, dataset = project(), cases(40)
    bound = sum(
        ChatRequest(model="m", messages=tuple(Prompt(text=settings.prompt).render(case))).token_bound()
        for case in dataset.cases()
    )
    made = foretold(settings, dataset)
    assert (made.roles["target"].prompt_tokens.high or 0) >= bound


def test_the_least_is_a_prompt_that_passes_at_once() -> None:
    dataset = cases(40)
    target = foretold(project(), dataset).roles["target"]
    # Two of the twenty training cases may be left out: a prompt is first looked at on eighteen.
    assert target.calls.low == len(dataset) - 2
    again = Dataset(train=dataset.train, validation=dataset.train[:5], test=dataset.test[:3])
    assert foretold(project(), again).roles["target"].calls.low == len(dataset.train) - 2 + 3


def test_a_sample_of_training_cases_has_all_that_must_pass() -> None:
    settings = project(optimizer={"train_cases": 5, "max_iterations": 1})
    dataset = cases(80)
    marked = dataset.model_copy(
        update={"train": tuple(case.model_copy(update={"must_pass": True}) for case in dataset.train)}
    )
    few, all_of_them = (foretold(settings, one).roles["target"].calls.high for one in (dataset, marked))
    assert few is not None and all_of_them == few + 7 * 35
    # Of the first prompt, of five proposals, and of what is put together of them.


def test_few_cases_serve_twice_and_are_asked_once() -> None:
    dataset = cases(5)
    target = foretold(project(), dataset).roles["target"]
    assert not dataset.held_back and target.calls.low == 5
    assert target.calls.high == 5 + 20 * 6 * 5 + 4 * 5  # rounds of five and what they make, and shortening


def test_an_unknown_price_makes_cost_unknown_and_tokens_are_told() -> None:
    settings = project(models={"target": {"model": "openai/nobody-knows-it"}}, budget={"usd": 1.0})
    made = foretold(settings, cases(40))
    assert made.total.usd is None and made.roles["optimizer"].usd is not None
    assert made.total.tokens.low > 0
    assert any("does not start" in note for note in made.notes)


def test_earlier_runs_give_lengths_and_latency() -> None:
    known = History({("target", "openai/gpt-4o-mini"): Past(50, 20, 33, 30, 40, 2.5, 2, 4)}, 3.0, 1)
    made = foretold(project(), cases(40), known)
    target = made.roles["target"]
    assert made.iterations and made.iterations.likely == 3
    assert target.calls.likely and target.completion_tokens.likely == target.calls.likely * 33
    assert any("50 calls of earlier runs" in note for note in made.notes)


class Silent(BaseOptimizer):
    name = "silent"

    async def search(self, context: RunContext) -> Any: ...


class Faulty(Silent):
    def plan(self, scale: Scale) -> Plan | None:
        raise ValueError("no idea")


@pytest.mark.parametrize("optimizer", [Silent(OptimizerOptions()), Faulty(OptimizerOptions())])
def test_an_optimizer_without_a_plan_is_unknown_not_zero(optimizer: BaseOptimizer) -> None:
    dataset = cases(40)
    made = forecast(project(), dataset, optimizer, NOTHING)
    assert made.total.calls == Spread(low=len(dataset.validation) + len(dataset.test), likely=None, high=None)
    assert made.total.usd and made.total.usd.high is None
    assert any("plan" in note for note in made.notes)


def test_an_evaluation_needs_its_split_and_no_more() -> None:
    dataset = cases(40)
    made = forecast(project(), dataset, None, NOTHING, ["test"])
    assert made.total.calls == Spread.exactly(len(dataset.test)) and set(made.roles) == {"target"}


def test_an_evaluation_of_few_cases_needs_them_all() -> None:
    dataset = cases(5)
    assert not dataset.held_back
    made = forecast(project(), dataset, None, NOTHING, ["train", "test"])
    assert made.total.calls == Spread.exactly(5)


@pytest.mark.parametrize(("simulated", "usual"), [(False, 5.0), (True, 9.0)])
def test_only_runs_that_searched_tell_how_long_a_search_is(
    home: Path, tmp_path: Path, simulated: bool, usual: float
) -> None:
    database = Database.open()
    runs = Runs(database)
    for model, status, iterations in (
        ("x", "finished", 4),
        ("x", "finished", 0),
        ("x", "stopped", 1),
        ("x", "finished", 6),
        ("sim/target", "finished", 9),
    ):
        models = {"target": {"model": model}, "optimizer": {"model": model.replace("target", "optimizer")}}
        run_id = runs.create(project(models=models), cases(8), tmp_path)
        runs.summarize(run_id, status=status, iteration=iterations)
    database.close()  # what is queued is written then
    database = Database.open()
    found = history(database, tmp_path, "refine", simulated=simulated)
    database.close()
    assert found.iterations == usual


JUDGE = {"type": "judge", "rubric": "It is polite."}
MODELS = {
    "target": {"model": "openai/gpt-4o-mini", "max_tokens": 64},
    "judge": {"model": "openai/gpt-4o", "max_tokens": 100},
    "embedding": {"model": "openai/text-embedding-3-small"},
    "generator": {"model": "openai/gpt-4o"},
}


def asking(dataset: Dataset, *checks: dict[str, Any], splits: Any = None, **more: Any) -> ev.Forecast:
    """Of an evaluation of ``splits``, or of a run."""
    settings = project(models=MODELS, checks=list(checks), **more)
    judge = build_judge(settings, Path(), dataset.cases())
    optimizer = None if splits else registry.make(settings)
    return forecast(settings, dataset, optimizer, NOTHING, splits or SPLITS, judge)


def levels(spread: Spread) -> tuple[float, float | None, float | None]:
    return spread.low, spread.likely, spread.high


@pytest.mark.parametrize(
    ("checks", "calls"),
    [
        ([JUDGE], (10, 10, 30)),
        ([{**JUDGE, "repeats": 3, "tries": 1}], (30, 30, 30)),
        ([{"type": "pairwise", "tries": 2}], (0, 20, 40)),
        ([JUDGE, {"type": "pairwise"}], (10, 30, 90)),
        ([{"type": "any_of", "checks": [{"type": "exact"}, JUDGE]}], (0, 10, 30)),
        ([{"type": "any_of", "checks": [JUDGE, {"type": "exact"}]}], (10, 10, 30)),
        ([{"type": "all_of", "checks": [{"type": "exact"}, JUDGE]}], (10, 10, 30)),
        ([{**JUDGE, "tags": ["rare"]}, {"type": "exact"}], (0, 0, 0)),
    ],
)
def test_a_judge_is_asked_as_often_as_its_checks_say(
    checks: list[dict[str, Any]], calls: tuple[float, float, float]
) -> None:
    made = asking(cases(40), *checks, splits=["validation"])
    judge = made.roles.get("judge")
    assert levels(judge.calls if judge else Spread.exactly(0)) == calls
    assert made.total.calls.low == 10 + calls[0]
    if judge and judge.usd and judge.calls.low:
        assert judge.usd.low > 0 and ordered(judge.usd)


@pytest.mark.parametrize(
    ("expected", "calls"),
    [
        ("one of ten", (0, 1 + 1, 1 + 10)),  # all the same: a text, and answers that are likely the same, too
        (None, (0, 10 + 10, 10 + 10)),  # all different
    ],
)
def test_embeddings_are_asked_for_once_per_text(
    expected: str | None, calls: tuple[float, float, float]
) -> None:
    made = [
        Example(id=str(n), inputs={"text": f"ticket {n}"}, expected=expected or f"answer {n}")
        for n in range(40)
    ]
    dataset = split_cases(made, (0.5, 0.25, 0.25), 0)
    check = {"type": "similarity", "method": "embedding"}
    need = asking(dataset, check, splits=["validation"]).roles["embedding"]
    assert levels(need.calls) == calls
    assert need.completion_tokens == Spread.exactly(0) and need.usd and (need.usd.likely or 0) > 0
    lexical = asking(dataset, {"type": "similarity"}, splits=["validation"])
    assert set(lexical.roles) == {"target"}


def test_a_run_s_answers_are_judged_as_often_as_they_come() -> None:
    dataset = cases(40)
    made = asking(dataset, JUDGE)
    target, judge = made.roles["target"], made.roles["judge"]
    assert set(made.roles) == {"target", "optimizer", "judge"}
    assert judge.calls.low == target.calls.low == len(dataset) - 2  # what is answered later may be as before
    assert judge.calls.likely == target.calls.likely and judge.calls.high == 3 * (target.calls.high or 0)
    assert judge.seconds and ordered(judge.seconds)
    assert made.seconds.likely and judge.seconds.likely
    assert any(note.startswith("judge: output and latency are guesses") for note in made.notes)


def test_repeats_multiply_answers_but_not_for_sure_their_judging() -> None:
    once = asking(cases(40), JUDGE, splits=["test"])
    thrice = asking(cases(40), JUDGE, splits=["test"], evaluation={"repeats": 3})
    assert thrice.roles["target"].calls == once.roles["target"].calls * Spread.exactly(3)
    judge = thrice.roles["judge"].calls
    assert (judge.low, judge.likely) == (10, 30)


@given(
    check=st.sampled_from([JUDGE, {"type": "pairwise"}, {"type": "similarity", "method": "embedding"}]),
    texts=st.lists(st.text(min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=20),
    repeats=st.integers(1, 3),
)
def test_whatever_is_asked_low_is_at_most_likely_is_at_most_high(
    check: dict[str, Any], texts: list[str], repeats: int
) -> None:
    made = [Example(id=str(n), inputs={"text": str(n)}, expected=text) for n, text in enumerate(texts)]
    told = asking(split_cases(made, (0.5, 0.25, 0.25), 0), check, evaluation={"repeats": repeats})
    for spread in spreads(told):
        assert ordered(spread), spread
    for need in told.roles.values():
        assert need.seconds and ordered(need.seconds)


class Generating(Silent):
    """Asks a generator, and says so."""

    @property
    def asks(self) -> frozenset[ev.Role]:
        return frozenset({"generator", "judge"})

    def plan(self, scale: Scale) -> Plan | None:
        calls = Spread.of(1, 5, 10)
        question = Question(calls=calls, chars=Spread.exactly(400))
        return Plan(Spread.exactly(1), calls, calls, calls, others={"generator": question})


def test_what_a_search_asks_of_other_models_is_counted() -> None:
    settings, dataset = project(models=MODELS), cases(40)
    made = forecast(settings, dataset, Generating(OptimizerOptions()), NOTHING)
    assert levels(made.roles["generator"].calls) == (1, 5, 10)
    assert made.roles["generator"].prompt_tokens.likely == pytest.approx(500, abs=1)
    assert made.roles["judge"].calls.likely is None  # it did not say how often
    assert made.total.calls.likely is None
    with pytest.raises(SettingsError, match="judge"):
        forecast(project(), dataset, Generating(OptimizerOptions()), NOTHING)


def test_earlier_runs_tell_what_a_judge_needs() -> None:
    past = History({("judge", "openai/gpt-4o"): Past(9, 300, 40, 20, 90, 1.0, 0.5, 2)}, None, 1)
    settings, dataset = project(models=MODELS, checks=[JUDGE]), cases(40)
    judge = build_judge(settings, Path(), dataset.cases())
    need = forecast(settings, dataset, None, past, ["test"], judge).roles["judge"]
    assert (need.prompt_tokens.likely, need.completion_tokens.likely) == (3000, 400)


def test_the_cap_that_is_crossed_furthest_comes_first() -> None:
    def need(low: float, likely: float | None, high: float | None) -> Need:
        calls = Spread(low=low, likely=likely, high=high)
        return Need(calls=calls, prompt_tokens=calls, completion_tokens=calls, usd=None)

    total = need(10, 100, 1000)
    limits = {"calls": 50.0, "tokens": 20.0, "usd": 1.0}
    cap = first_cap(limits, {"target": total}, total, Spread.exactly(1))
    assert cap and (cap.name, cap.needed, cap.expected, cap.certain) == ("tokens", 200, True, False)
    certain = first_cap({"calls": 5}, {}, total, Spread.exactly(1))
    assert certain and certain.certain
    maybe = first_cap({"target_calls": 500}, {"target": total}, total, Spread.exactly(1))
    assert maybe and not maybe.expected and maybe.needed == 1000
    assert first_cap({"minutes": 5}, {}, total, Spread.exactly(60)) is None
    slow = total.model_copy(update={"seconds": Spread.exactly(600)})
    late = first_cap({"judge_minutes": 5}, {"judge": slow}, total, Spread.exactly(600))
    assert late and (late.name, late.needed) == ("judge_minutes", 10)
    assert first_cap({"calls": 5000}, {}, need(1, None, None), Spread.exactly(60)) is None


def test_a_cap_of_the_project_is_found() -> None:
    made = foretold(project(budget={"calls": 30}), cases(40))
    assert made.cap and (made.cap.name, made.cap.certain) == ("calls", True)


def test_events_carry_it(tmp_path: Path) -> None:
    made = foretold(project(), cases(40))
    assert cast(ev.Forecast, ev.EVENT.validate_json(ev.EVENT.dump_json(made))) == made


def test_estimate_needs_no_key_and_starts_nothing(cli: CommandLine, tmp_path: Path) -> None:
    path = write_project(tmp_path / "p", "http://127.0.0.1:9", budget={"calls": 100})
    told = cli("estimate", str(path), "--json")
    (figures,) = told.objects
    assert told.status == 0 and figures["calls"]["low"] == 18 + 24 * 2
    assert figures["cap"]["name"] == "calls" and figures["cap"]["expected"]
    assert (
        set(figures["roles"]) == {"target", "optimizer"} and figures["roles"]["target"]["seconds"]["low"] > 0
    )
    shown = cli("estimate", str(path), "--max-iterations", "1").out
    assert "the cap calls = 100 likely ends it first" in shown
    assert cli("runs", "--json").objects == [[]]


def test_estimate_tells_each_model_and_misses_one_that_is_not_named(cli: CommandLine, tmp_path: Path) -> None:
    checks = [{"type": "similarity", "method": "embedding"}, JUDGE]
    models: dict[str, Any] = {"judge": {"model": "sim/judge"}, "embedding": {"model": "sim/embedding"}}
    path = write_project(tmp_path / "p", "http://127.0.0.1:9", checks=checks, models=models)
    shown = cli("estimate", str(path)).out
    assert "judge, sim/judge " in shown and "embedding, sim/embedding " in shown
    (figures,) = cli("estimate", str(path), "--json").objects
    assert figures["models"]["judge"] == "sim/judge" and figures["roles"]["embedding"]["calls"]["low"] == 0
    del models["judge"]
    path = write_project(tmp_path / "q", "http://127.0.0.1:9", checks=checks, models=models)
    told = cli("estimate", str(path))
    assert told.status == 2 and "[models.judge]" in told.err


def test_estimate_of_no_project_is_bad_input(cli: CommandLine) -> None:
    assert cli("estimate", "nosuch").status == 2


def test_the_end_of_a_run_is_told_beside_its_forecast() -> None:
    state = RunState()
    for event in (*opening("r1"), foretold(project(), cases(40)), *rest()):
        state.apply(event, 1.0)
    summary = summarize(state)
    assert summary["forecast"]["calls"]["low"] == 38
    assert json.loads(json.dumps(summary)) == summary
    assert any(line.startswith("  forecast ") for line in lines(summary))
