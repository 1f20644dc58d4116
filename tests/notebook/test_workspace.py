"""For a team: notebooks by use, a page of results, a shared folder that is added to, never written over."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from promptopt import BusinessContext, EnterpriseConfig
from promptopt.colab import ColabEnterpriseManager
from promptopt.domain.errors import SettingsError
from promptopt.notebook import colab as colabs
from promptopt.notebook import starting
from promptopt.notebook.written import USE_CASES, template_for, templates
from promptopt.store.database import Database
from promptopt.store.newprojects import from_template
from tests.notebook.colab_double import install
from tests.unit.finished_run import finished_run

NAMES = [each.name for each in templates()]


@pytest.fixture
def manager(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ColabEnterpriseManager]:
    monkeypatch.chdir(tmp_path)
    starting._opened.cache_clear()
    yield ColabEnterpriseManager()


def test_each_use_has_its_notebook(manager: ColabEnterpriseManager, tmp_path: Path) -> None:
    pytest.importorskip("nbformat")
    assert {template_for(use) for use in USE_CASES} == set(NAMES)
    assert all(template_for(name) == name for name in NAMES)
    assert template_for("Customer_Support_Optimization.ipynb") == "customer-support"
    with pytest.raises(SettingsError, match="there is no notebook for 'custmer_support'") as error:
        manager.deploy_notebook_template("custmer_support")
    assert "did you mean customer-support?" in error.value.fix
    path = Path(manager.deploy_notebook_template("content_creation"))
    assert path == tmp_path / "content.ipynb" and path.exists()
    assert Path(manager.deploy_notebook_template("roi", "shared")).parent.name == "shared"
    with pytest.raises(SettingsError, match="is not replaced"):
        manager.deploy_notebook_template("content_creation")


def test_results_are_a_page_whatever_tells_of_the_run(
    manager: ColabEnterpriseManager, home: Path, tmp_path: Path
) -> None:
    database = Database.open()
    run_id = finished_run(database, tmp_path)
    database.close()
    prompt = SimpleNamespace(metadata={"run_id": run_id})
    for number, results in enumerate((run_id, "latest", prompt, SimpleNamespace(run_id=run_id))):
        path = manager.create_shareable_results_dashboard(results, f"{number}.html")
        assert run_id in Path(path).read_text("utf-8")
    with pytest.raises(SettingsError, match="a dict tells of no run"):
        manager.create_shareable_results_dashboard({})


def test_a_workspace_is_made_and_added_to(
    manager: ColabEnterpriseManager, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nbformat")
    project = from_template("Urgency")
    (project.parent / "away").symlink_to(tmp_path)
    wanted: dict[str, Any] = {
        "team": "Support | EU",
        "members": ["Ann Lee", "Bob"],
        "company": "examples/acme.yaml",
        "projects": ["Urgency"],
        "use_cases": ["customer_support", "team"],
    }
    made = manager.setup_team_collaboration_workspace(wanted)
    place = made.path
    assert place.parent == tmp_path and not made.left
    assert EnterpriseConfig.load(place / "company.yaml").organization.name == "Acme Corp"
    assert (place / "projects" / "urgency" / "project.toml").read_bytes() == project.read_bytes()
    assert not (place / "projects" / "urgency" / "away").exists()
    assert {path.name for path in (place / "notebooks").iterdir()} == {"customer-support.ipynb", "team.ipynb"}
    assert made.copies == {"Ann Lee": place / "copies" / "ann-lee", "Bob": place / "copies" / "bob"}
    assert all(path.is_dir() for path in made.copies.values())
    said = (place / "README.md").read_text("utf-8")
    assert "copies/ann-lee/" in said and 'setup_enterprise_environment("company.yaml")' in said
    (place / "company.yaml").write_text("company: Mine\n", "utf-8")
    again = manager.setup_team_collaboration_workspace({**wanted, "use_cases": ["poc", "team"]})
    assert [path.name for path in again.made] == ["poc.ipynb"] and len(again.left) == 4
    assert BusinessContext.load(place / "company.yaml").company == "Mine"
    assert "1 files are new" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "team"),
        ({"team": "T", "membrs": []}, "no key 'membrs'"),
        ({"team": "T", "members": "Ann"}, "members"),
        ({"team": "T", "members": ["Ann", "ann!"]}, "alike"),
        ({"team": "T", "projects": ["none"]}, "none"),
        ({"team": "T", "company": "none.yaml"}, "no such company file"),
        ({"team": "T", "use_cases": ["none"]}, "there is no notebook"),
    ],
)
def test_what_a_workspace_cant_have(manager: ColabEnterpriseManager, wanted: Any, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        manager.setup_team_collaboration_workspace(wanted)
    assert said in str(error.value)


def test_in_colab_it_lies_on_drive(
    manager: ColabEnterpriseManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = tmp_path / "content" / "drive"
    monkeypatch.setattr(colabs, "DRIVE", str(drive))
    monkeypatch.setattr(colabs, "MY_DRIVE", str(drive / "MyDrive"))
    install(monkeypatch, tmp_path)
    made = manager.setup_team_collaboration_workspace({"team": "T", "folder": "shared/T"})
    assert made.path == drive / "MyDrive" / "shared" / "T" and (made.path / "README.md").exists()
