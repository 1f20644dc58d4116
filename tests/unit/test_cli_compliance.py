"""`check` without an output, `audit` and `purge`, as a person calls them."""

import json
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from promptopt.domain.compliance import ComplianceSettings, is_local
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.settings import ProjectSettings
from promptopt.store import audit
from promptopt.store.database import Database
from promptopt.store.runs import Runs
from promptopt.store.schema import runs
from tests.unit.command_line import CommandLine

PROJECT = """\
name = "letters"
prompt = "Answer politely. Questions go to help@acme.com."
[models.target]
model = "sim/target"
[models.optimizer]
model = "sim/optimizer"
[data]
cases = [
  { id = "one", input = "My name is Jane Miller, IBAN DE89 3704 0044 0532 0130 00", expected = "a" },
  { id = "two", input = "nothing here", expected = "b" },
  { id = "three", input = "the key is sk-proj-Ab12Cd34Ef56Gh78Ij90Kl", expected = "c" },
]
[compliance]
"""


def write(folder: Path, compliance: str) -> str:
    path = folder / "project.toml"
    path.write_text(PROJECT + compliance, "utf-8")
    return str(path)


def test_a_project_that_would_send_a_key_is_told_of_it_and_can_t_run(
    cli: CommandLine, tmp_path: Path
) -> None:
    said = cli("check", write(tmp_path, ""))
    assert said.status == 1
    assert "case three, input: key or password at characters 11–41: block" in said.out
    assert "1 e-mail address" in said.out and "go to the models as they are" in said.out
    assert not any(value in said.out + said.err for value in ("Jane", "DE89", "Ab12Cd34", "help@"))


def test_what_is_replaced_is_told_with_places(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, 'pii = "redact"\nsecrets = "redact"\npublic = ["help@acme.com"]')
    (found,) = cli("check", path, "--json").objects
    assert found["runnable"] is True
    assert found["compliance"]["counts"] == {"name": 1, "iban": 1, "secret": 1}
    assert {place["case_id"] for place in found["compliance"]["places"]} == {"one", "three"}


def test_a_profile_can_t_be_undercut(cli: CommandLine, tmp_path: Path) -> None:
    said = cli("check", write(tmp_path, 'profile = "gdpr"\npii = "allow"'))
    assert said.status != 0 and "less than the profile gdpr asks" in said.err


@pytest.mark.parametrize(
    ("given", "days", "profiles"),
    [("GDPR", 90, ("gdpr",)), (["SOC 2"], 365, ("soc2",)), (["SOC2", "GDPR"], 90, ("soc2", "gdpr"))],
)
def test_of_several_profiles_the_stricter_holds(given: object, days: int, profiles: tuple[str, ...]) -> None:
    policy = ComplianceSettings.model_validate({"profile": given}).policy()
    assert (policy.pii, policy.secrets, policy.audit) == ("redact", "block", True)
    assert (policy.retention_days, policy.profiles) == (days, profiles)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no profile 'hipaa'"):
        ComplianceSettings.model_validate({"profile": ["hipaa"]})


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:11434", True),
        ("http://127.0.0.1:1/v1", True),
        ("http://10.1.2.3/v1", True),
        ("http://[::1]:80", True),
        ("http://8.8.8.8", False),
        ("https://localhost.example.com", False),
        ("https://api.openai.com/v1", False),
        ("http://[", False),
        (None, False),
    ],
)
def test_what_is_local(url: str | None, local: bool) -> None:
    assert is_local(url) is local


def test_the_log_is_shown_and_checked(cli: CommandLine, home: Path) -> None:
    assert "nothing was taken down" in cli("audit").err
    log = audit.AuditLog("261126-abcdef", project="letters", optimizer="refine")
    log.sent("i1", role="target", model="openai/gpt-4o-mini", host="openai", bytes=120, redacted={"email": 2})
    log.ended("i1", "answered", tokens_in=30, tokens_out=4)
    log.close("finished")
    said = cli("audit").out
    assert "target → openai/gpt-4o-mini at openai, 120 bytes; redacted 2 email" in said
    assert "answered, 34 tokens" in said
    assert cli("audit", "--verify").status == 0
    file = home / "audit" / "261126-abcdef.jsonl"
    file.write_text(file.read_text("utf-8").replace('"email":2', '"email":0'), "utf-8")
    broken = cli("audit", "--verify", "--json")
    assert broken.status == 1 and broken.objects[0]["faults"][0]["line"] == 2


def test_purge_tells_asks_and_removes(cli: CommandLine, home: Path) -> None:
    settings = ProjectSettings.model_validate(
        {"name": "letters", "prompt": "Xylophon", "models": {"target": {"model": "sim/target"}}}
    )
    case = Example(id="1", inputs={"input": "Xylophon"})
    database = Database.open()
    run_id = Runs(database).create(settings, Dataset(train=(case,), validation=(case,)), home)
    then = time.time() - 40 * 86_400
    database.write(update(runs).where(runs.c.id == run_id).values(created_at=then)).result()
    database.close()
    assert cli("purge").status == 0 and "0 runs" in cli("purge").err
    assert run_id in cli("purge", "--older-than", "30", "--dry-run").out
    assert cli("purge", "--older-than", "30").status == 2  # nobody can be asked
    assert b"Xylophon" in (home / "store.db").read_bytes() + _wal(home)
    assert "removed the texts of 1 run" in cli("purge", "--older-than", "30", "--yes").out
    assert b"Xylophon" not in (home / "store.db").read_bytes() + _wal(home)
    assert json.loads((home / "audit" / "chain.jsonl").read_text("utf-8"))["runs"] == [run_id]


def _wal(home: Path) -> bytes:
    path = home / "store.db-wal"
    return path.read_bytes() if path.exists() else b""
