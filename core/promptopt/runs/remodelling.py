"""Another model in a role, while the run goes on: from the next call on, and for nothing that was answered.

Only models that make no scores can be changed so. The others hold for a whole run: scores by two models are
not comparable.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import PromptoptError
from promptopt.domain.settings import BudgetSettings, ModelSettings, ProjectSettings
from promptopt.domain.words import Role
from promptopt.models.budget import Ledger
from promptopt.models.endpoint import Endpoint
from promptopt.models.gateway import Gateway
from promptopt.models.wire import Wire
from promptopt.runs.setup import open_endpoints
from promptopt.runs.voice import Handler, Voice
from promptopt.store.commands import Command, Sent, SetModel

CHANGEABLE: tuple[Role, ...] = ("optimizer", "generator")

OF_THE_MODEL = ("price", "free")
"""Settings that say something of one model, and nothing of another."""

OF_THE_PROVIDER = ("base_url", "api_key_env")


class Remodelling:
    """Changes models of one run.

    Args:
        settings, dataset: of the run, as they were frozen.
        wire: that requests go over.
        learn: told of a model whose key is to be kept out of what is shown.
    """

    def __init__(
        self,
        engine: Voice,
        settings: ProjectSettings,
        dataset: Dataset,
        wire: Wire,
        gateway: Gateway,
        ledger: Ledger,
        learn: Callable[[ModelSettings], None],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._dataset = dataset
        self._wire = wire
        self._gateway = gateway
        self._ledger = ledger
        self._learn = learn
        self.handlers: Mapping[type[Command], Handler] = {SetModel: self._set_model}
        for event in engine.state.models_set:
            self._seat(event.role, ModelSettings.model_validate(event.settings))

    def _set_model(self, sent: Sent, command: SetModel) -> str:
        role = command.role
        if role not in CHANGEABLE:
            return (
                f"the {role} model makes the scores, so it holds for a whole run; "
                f"promptopt model RUN {role} … --new-run starts one from the best prompt"
            )
        if role not in self._gateway.endpoints:
            return f"the run asks no {role} model"
        before = self._settings.models[role]
        try:
            after = changed(before, command.changes)
            endpoint = self._seat(role, after)
        except ValidationError as error:
            first = error.errors()[0]
            return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        except PromptoptError as error:
            return str(error)
        price = endpoint.price
        self._engine.emit(
            ev.ModelSet(
                role=role,
                settings=after.model_dump(mode="json", exclude_defaults=True),
                input_price=price.input if price else None,
                output_price=price.output if price else None,
                by=sent.author,
                reason=command.reason,
            )
        )
        return f"{after.model} answers as the {role} model from the next call on"

    def _seat(self, role: Role, model: ModelSettings) -> Endpoint:
        """Open a model, and let it answer for a role.

        Raises:
            ModelError: its key is missing, or there is a cap on USD and no price.
            SettingsError: it can't be used.
        """
        project = self._settings.model_copy(
            update={
                "models": {**self._settings.models, role: model},
                "budget": BudgetSettings.model_validate(self._ledger.limits),
            }
        )
        endpoint = open_endpoints(project, self._dataset, [role], self._wire, self._gateway.shield)[role]
        self._settings = project
        self._learn(model)
        most = self._engine.state.concurrency.get(role)
        if most is not None:
            endpoint.limiter.resize(most)
        self._gateway.reseat(role, endpoint)
        return endpoint


def changed(before: ModelSettings, changes: Mapping[str, Any]) -> ModelSettings:
    """A model's settings with some of them changed.

    What says something of the former model (its price) or of its provider (address, key) is not taken over to
    another one.

    Raises:
        ValidationError: a value can't be used.
    """
    kept = before.model_dump(mode="json")
    name = changes.get("model", before.model)
    if name != before.model:
        kept = {key: value for key, value in kept.items() if key not in OF_THE_MODEL}
    if str(name).partition("/")[0] != before.model.partition("/")[0]:
        kept = {key: value for key, value in kept.items() if key not in OF_THE_PROVIDER}
    return ModelSettings.model_validate({**kept, **changes})
