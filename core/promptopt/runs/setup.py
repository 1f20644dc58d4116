"""Putting a run's parts together, and refusing, before anything is spent, what can't work."""

from collections.abc import Collection, Iterable

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import ModelError, SettingsError
from promptopt.domain.events import ModelInfo
from promptopt.domain.settings import ModelSettings, Price, ProjectSettings
from promptopt.domain.words import ROLES, SPLITS, Role, Split
from promptopt.models.endpoint import Endpoint, Seat, role_of, seat_of, setting_of
from promptopt.models.keys import missing_key, redirected
from promptopt.models.prices import lookup_price
from promptopt.models.shield import Shield
from promptopt.models.transport import Transport
from promptopt.models.wire import Wire


def roles_in_use(kind: str, asked: Collection[Role] = ()) -> tuple[Role, ...]:
    """The models that a run of this kind calls.

    Args:
        asked: by some check, or by the optimizer.
    """
    own: dict[str, tuple[Role, ...]] = {"optimize": ("target", "optimizer"), "generate": ("generator",)}
    roles = own.get(kind, ("target",))
    return (*roles, *(role for role in ROLES if role in asked))


def seats_in_use(
    settings: ProjectSettings, kind: str, asked: Collection[Role] = (), *, panel: bool = False
) -> tuple[Seat, ...]:
    """The models that a run calls, by seat.

    Args:
        asked: by some check, or by the optimizer.
        panel: matches are judged, by all of ``judges`` or else by ``models.judge``.

    Raises:
        SettingsError: matches are judged, and there is no judge.
    """
    seats: list[Seat] = list(roles_in_use(kind, asked))
    if panel and not settings.panel:
        raise SettingsError(
            "matches are to be judged, and there is no judge",
            where="models.judge",
            fix='add a table [models.judge] with model = "…", or [[judges]] for each judge of a panel',
        )
    if panel:
        seats += [seat_of("judge", name) for name in settings.panel]
    return tuple(dict.fromkeys(seats))


def splits_to_score(settings: ProjectSettings, dataset: Dataset) -> list[Split]:
    """The splits that an ``eval`` run scores its prompt on, as far as they have cases."""
    wanted = (settings.optimizer.model_extra or {}).get("split", "validation")
    splits: list[Split] = [split for split in SPLITS if wanted in ("all", split)]
    if wanted == "all" and not dataset.held_back:
        splits.remove("validation")  # it has the training cases
    return [split for split in splits if dataset[split]]


def model_of(settings: ProjectSettings, seat: Seat) -> ModelSettings:
    """The model of a seat; without a ``models.judge``, checks ask the first of the ``judges``.

    Raises:
        SettingsError: the project names none.
    """
    role, _, name = seat.partition("/")
    model = settings.models.get(role_of(seat))
    if role == "judge" and (name or model is None):
        named = [judge for judge in settings.judges if judge.name == name or not name]
        model = named[0] if named else None
    if model is None:
        raise SettingsError(
            f"a check or the optimizer asks the {role} model, and there is none",
            where=setting_of(seat),
            fix=f'add a table [models.{role}] with model = "…"',
        )
    return model


def open_endpoints(
    settings: ProjectSettings,
    dataset: Dataset,
    seats: Iterable[Seat],
    wire: Wire,
    shield: Shield | None = None,
) -> dict[Seat, Endpoint]:
    """Transports and prices for the seats in use; what is sent goes over ``wire``.

    Args:
        shield: the run's, which simulated models must see through.

    Raises:
        ModelError: a key is missing, or a cap on USD meets a model of unknown price.
        SettingsError: a seat has no model, or there is no such simulated model.
    """
    endpoints: dict[Seat, Endpoint] = {}
    opened: dict[int, Endpoint] = {}  # a judge that sits in two places has one limit
    for seat in seats:
        model = model_of(settings, seat)
        if id(model) not in opened:
            problem = missing_key(model)
            if problem:
                raise ModelError(problem, where=setting_of(seat), fix="`promptopt doctor` checks it again")
            transport = _transport(settings, dataset, seat, wire, shield)
            opened[id(model)] = Endpoint(model, transport, price_of(settings, seat), redirected(model))
        endpoints[seat] = opened[id(model)]
    return endpoints


def why_no_reuse(settings: ProjectSettings) -> str:
    """Why answers of earlier runs are not used again although the project asks for it; empty if they are."""
    target = settings.models["target"]
    if target.simulated:
        return "a simulated model's answers are not reused: they depend on the cases and the seed"
    if target.temperature and not settings.cache.sampled:
        return (
            f"answers are not reused: models.target.temperature is {target.temperature:g}, and asking again "
            "could bring others; cache.sampled = true allows it"
        )
    return ""


def describe(endpoint: Endpoint, judge: str = "") -> ModelInfo:
    """An endpoint as the run's first event tells it; ``judge``: its name in a panel."""
    price = endpoint.price
    return ModelInfo(
        name=judge,
        model=endpoint.settings.model,
        endpoint=endpoint.settings.base_url or "",
        input_price=price.input if price else None,
        output_price=price.output if price else None,
        simulated=endpoint.settings.simulated,
        free=endpoint.settings.free,
    )


def price_of(settings: ProjectSettings, seat: Seat) -> Price | None:
    """What the model of a seat costs; None if that is unknown.

    Raises:
        ModelError: it is unknown, and there is a cap on USD to keep.
    """
    model = model_of(settings, seat)
    if model.simulated and model.price is None:
        return Price(input=0.0, output=0.0)  # a simulation costs nothing, and that is known
    price = lookup_price(model)
    if price is None and {"usd", f"{role_of(seat)}_usd"} & settings.budget.limits().keys():
        raise ModelError(
            f"the price of {model.model} is unknown, so a cap on USD can't be kept",
            where=setting_of(seat),
            fix=f"give {setting_of(seat)}.price = {{ input = …, output = … }} in USD per million tokens, or "
            "free = true for a model that costs nothing, or cap calls or tokens in place of USD",
        )
    return price


def real_transport(role: Role, model: ModelSettings, wire: Wire | None = None) -> Transport:
    """The transport of a model that is no simulation. Raises SettingsError: its settings can't be used."""
    if role == "embedding":
        from promptopt.models.litellm_embedding import LiteLLMEmbedding

        return LiteLLMEmbedding(model, wire=wire)
    from promptopt.models.litellm_transport import LiteLLMTransport

    return LiteLLMTransport(model, wire=wire)


def _transport(
    settings: ProjectSettings, dataset: Dataset, seat: Seat, wire: Wire, shield: Shield | None
) -> Transport:
    model = model_of(settings, seat)
    if model.simulated:
        from promptopt.models.simulator import Simulator
        from promptopt.models.simulator.rehearsal import Rehearsal

        seed = (settings.optimizer.model_extra or {}).get("seed", 0)
        simulated = Simulator(
            model.model, dataset, settings, seed if isinstance(seed, int) else 0, model.latency
        )
        return Rehearsal(simulated, shield) if shield and shield.masks else simulated
    return real_transport(role_of(seat), model, wire)
