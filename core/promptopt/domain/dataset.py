"""Cases, and how they are split."""

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from promptopt.domain.errors import SettingsError
from promptopt.domain.words import SPLITS, Split

FEWEST_TO_HOLD_BACK = 8
"""With fewer cases than this nothing is held back: all of them serve both training and validation."""


class Example(BaseModel):
    """One case: what goes in, what should come out, and who judges it.

    Attributes:
        id: unique in its dataset.
        inputs: column name to text; ``{column}`` in a prompt is replaced by it.
        expected: the reference output, if there is one. Structured references are JSON text.
        checks: settings of checks that judge this case only (the project's checks judge it too).
        tags: free labels, for break-downs.
        weight: its share in a mean over cases.
        group: cases of one group (document, customer) are never parted by a split.
        must_pass: a candidate that fails it can't win, if the first prompt or one accepted earlier passed it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    inputs: dict[str, str]
    expected: str | None = None
    checks: tuple[dict[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    weight: float = Field(default=1.0, gt=0)
    group: str | None = None
    must_pass: bool = False

    @property
    def input_text(self) -> str:
        """The case as one text: its only column, or ``name: value`` lines."""
        if len(self.inputs) == 1:
            return next(iter(self.inputs.values()))
        return "\n".join(f"{name}: {value}" for name, value in self.inputs.items())

    def fingerprint(self) -> str:
        """Hash of what is sent and expected (not of the id), to find duplicates and leaks."""
        return _hash([self.inputs, self.expected])


class Dataset(BaseModel):
    """Cases in three splits.

    The optimizer may read ``train``; candidates are selected on ``validation``; ``test`` is scored once,
    at the end. ``held_back`` is False when there were too few cases to split: then train and validation
    are the same cases and there is no test split.
    """

    model_config = ConfigDict(frozen=True)

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...] = ()
    held_back: bool = True

    def __getitem__(self, split: Split) -> tuple[Example, ...]:
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]

    def __len__(self) -> int:
        return len(list(self.cases()))

    def cases(self) -> Iterator[Example]:
        """Every case once, train first."""
        seen: set[str] = set()
        for split in SPLITS:
            for case in self[split]:
                if case.id not in seen:
                    seen.add(case.id)
                    yield case

    def fingerprint(self) -> str:
        """Hash of all cases and of their splits."""
        return _hash([[case.model_dump(mode="json") for case in self[split]] for split in SPLITS])

    @classmethod
    def from_splits(
        cls,
        train: Sequence[Example],
        validation: Sequence[Example] = (),
        test: Sequence[Example] = (),
        seed: int = 0,
    ) -> "Dataset":
        """Make a dataset of splits that the user chose.

        Without validation cases a third of the train cases becomes them, dealt by ``seed``.

        Raises:
            SettingsError: no train case, or an id used twice.
        """
        if not train:
            raise SettingsError("there is no train case", where="data", fix="give at least one case")
        check_ids([*train, *validation, *test])
        if not validation:
            whole = split_cases(train, (2 / 3, 1 / 3, 0.0), seed)
            return cls(
                train=whole.train, validation=whole.validation, test=tuple(test), held_back=whole.held_back
            )
        return cls(train=tuple(train), validation=tuple(validation), test=tuple(test))


def split_cases(
    cases: Sequence[Example],
    shares: tuple[float, float, float] = (0.5, 0.25, 0.25),
    seed: int = 0,
    stratum: Callable[[Example], str] | None = None,
    kept: Mapping[str, Split] | None = None,
) -> Dataset:
    """Split ``cases`` by ``shares`` (train, validation, test), seeded, stratified and grouped.

    Groups (cases with one ``group``, and cases equal in content) stay together. Inside a stratum (one
    expected output, if outputs repeat) groups are dealt to the split that is furthest below its share.
    Fewer than ``FEWEST_TO_HOLD_BACK`` cases are not split at all.

    Args:
        stratum: of a case, in place of that by its expected output.
        kept: splits of cases that are dealt already, by id; the others of their groups go with them.

    Raises:
        SettingsError: no case, or an id used twice.
    """
    if not cases:
        raise SettingsError("there is no case", where="data", fix="give at least one case")
    check_ids(cases)
    if len(cases) < FEWEST_TO_HOLD_BACK:
        return Dataset(train=tuple(cases), validation=tuple(cases), held_back=False)
    order = {case.id: position for position, case in enumerate(cases)}
    dealt: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    total = sum(shares)
    wanted: dict[Split, float] = {
        split: share / total for split, share in zip(SPLITS, shares, strict=True) if share > 0
    }
    strata = [_parted(part, kept or {}) for part in _strata(cases, random.Random(seed), stratum)]
    for there, _ in strata:
        for split, group in there:
            dealt[split].extend(group)
    for there, part in strata:
        counts: dict[Split, int] = dict.fromkeys(SPLITS, 0)
        for split, group in there:
            counts[split] += len(group)
        for group in part:
            overall = sum(len(dealt[split]) for split in wanted) + len(group)
            size = sum(counts.values()) + len(group)

            shortfall = {
                split: share * size - counts[split] + share * overall - len(dealt[split])
                for split, share in wanted.items()
            }
            split = max(wanted, key=lambda name: (shortfall[name], wanted[name]))
            counts[split] += len(group)
            dealt[split].extend(group)
    parts = {split: tuple(sorted(part, key=lambda c: order[c.id])) for split, part in dealt.items()}
    if not parts["train"] or ("validation" in wanted and not parts["validation"]):
        return Dataset(train=tuple(cases), validation=tuple(cases), held_back=False)
    if "validation" not in wanted:
        return Dataset(train=parts["train"], validation=parts["train"], test=parts["test"], held_back=False)
    return Dataset(train=parts["train"], validation=parts["validation"], test=parts["test"])


def check_ids(cases: Iterable[Example]) -> None:
    """Raise SettingsError, naming the id, if two cases share one."""
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise SettingsError(
                f"two cases have the id {case.id!r}", where="data", fix="give every case an id of its own"
            )
        seen.add(case.id)


def _strata(
    cases: Sequence[Example], rng: random.Random, stratum: Callable[[Example], str] | None
) -> list[list[list[Example]]]:
    """Groups of cases that must stay together, shuffled, by the stratum of the first of each."""
    groups = _groups(cases)
    if stratum is None:
        outputs = [group[0].expected or "" for group in groups.values()]
        repeated = len(set(outputs)) <= max(1, len(outputs) // 3)
        stratum = (lambda case: case.expected or "") if repeated else (lambda _: "")
    strata: dict[str, list[list[Example]]] = {}
    for group in groups.values():
        strata.setdefault(stratum(group[0]), []).append(group)
    for part in strata.values():
        rng.shuffle(part)
    return [strata[name] for name in sorted(strata)]


def _parted(
    part: Sequence[list[Example]], kept: Mapping[str, Split]
) -> tuple[list[tuple[Split, list[Example]]], list[list[Example]]]:
    """The groups of a stratum that have a split, with it, and those that are still to be dealt."""
    there: list[tuple[Split, list[Example]]] = []
    coming: list[list[Example]] = []
    for group in part:
        split: Split | None = next((kept[case.id] for case in group if case.id in kept), None)
        if split is None:
            coming.append(group)
        else:
            there.append((split, group))
    return there, coming


def _groups(cases: Iterable[Example]) -> dict[str, list[Example]]:
    """Cases that must stay together: of one group, or equal in content, or linked by a chain of these."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := parent.setdefault(name, name)) != name:
            parent[name] = name = parent[above]
        return name

    contents = [(case, f"content {case.fingerprint()}") for case in cases]
    for case, content in contents:
        if case.group is not None:
            parent[root(content)] = root(f"group {case.group}")
    groups: dict[str, list[Example]] = {}
    for case, content in contents:
        groups.setdefault(root(content), []).append(case)
    return groups


def _hash(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
