"""How a prompt is monitored on a schedule: the line, and what cron, systemd and GitHub Actions want of it."""

from promptopt.domain.figures import percent
from promptopt.domain.markdown import inline
from promptopt.enterprise.deployment.recording import Deployment
from promptopt.evaluation.falls import MARGIN, cases_to_hold, detectable_fall

FRESH = "fresh.csv"
"""Name of the file of fresh cases in all that is written."""


def monitor_line(deployment_id: str, cases: str = FRESH) -> str:
    """The command that monitors a deployment."""
    return f"promptopt monitor {deployment_id} --cases {cases}"


def schedules(deployment: Deployment) -> dict[str, str]:
    """File name to text: a README, and a file for each scheduler."""
    line = monitor_line(deployment.id, f"/srv/prompts/{FRESH}")
    return {
        "README.md": _readme(deployment),
        "fresh-cases.csv": _header(deployment),
        "crontab.txt": _CRON.format(line=line),
        "promptopt-monitor.service": _SERVICE.format(line=line, id=deployment.id),
        "promptopt-monitor.timer": _TIMER,
        "github-actions.yml": _ACTIONS.format(id=deployment.id),
    }


def _header(deployment: Deployment) -> str:
    data = deployment.settings.data
    names = [data.id, *deployment.columns, data.expected or "expected"]
    return ",".join(map(_cell, names)) + "\n"


def _cell(name: str) -> str:
    quoted = name.replace('"', '""')
    return f'"{quoted}"' if set(name) & set(',"\n\r;') else name


def _readme(deployment: Deployment) -> str:
    margin, figure = MARGIN, deployment.figure
    shown = [
        f"- {n} fresh cases can show a fall of {fall * 100:.0f} points or more (in four of five times)."
        for n in (20, 50, 100, 200)
        if (fall := detectable_fall(deployment.then, n, margin))
    ]
    needed = cases_to_hold(deployment.then, margin)
    holds = (
        f"- {needed} fresh cases show that it holds within {margin * 100:g} points, if it does."
        if needed
        else f"- No number of fresh cases can show that it holds within {margin * 100:g} points: its test "
        f"had {figure.n} cases. Give `--threshold 0.1`, say, for another margin, or test it on more."
    )
    return _README.format(
        name=inline(deployment.name),
        line=monitor_line(deployment.id),
        id=deployment.id,
        figure=inline(str(figure)),
        source=inline(figure.source),
        low=percent(figure.low),
        shows="\n".join([*shown, holds]),
    )


_README = """\
# Monitoring {name}

It scored {figure} ({source}). Once a week, say, collect cases of the last days with
the right answers, as a file with the columns of `fresh-cases.csv` (CSV, JSON or JSON Lines), and carry out:

```
{line}
```

On a machine that has not seen the deployment, give the file of this package in place of its id:
`promptopt monitor deployment.json --cases fresh.csv`.

- Each case is sent once. The same file again costs nothing, and says the same; `--again` asks anew.
- The caps of the project hold; `--max-usd 0.50` is another one.
- Killed in the middle, the same line goes on, and pays for nothing twice.
- `promptopt monitor {id} --history` tells how it went; `--html dashboard.html` draws it.

## What it says

| exit status | meaning | what to do |
| --- | --- | --- |
| 0 | holds: shown to be within the margin | nothing |
| 1 | has fallen: beyond the margin, tested; or by little, again and again | go back, as the plan says |
| 2 | can't tell: too few cases for either | collect more, or give a larger margin |
| 3 | nothing was measured: bad input, a run that failed | read the message |
| 4 | the model answers no call any more | mend that, then the same line again |
| 10 more | the verdict is as above, and the webhook could not be told | look at the webhook |

## What so many cases can show

{shows}

## Being told

Set `PROMPTOPT_WEBHOOK` to an address that takes JSON (Slack's incoming webhooks do: the message is in
`text`), or give `--webhook`. It gets figures and no text of a case. The address is a secret: keep it out of
this folder.

## Schedules

`crontab.txt`, `promptopt-monitor.service` with `.timer`, and `github-actions.yml` are to be copied. Put the
keys of the model and `PROMPTOPT_WEBHOOK` into a file that only its owner can read (`/etc/promptopt.env`,
mode 600), or into the secrets of GitHub.
"""

_CRON = """\
# Mondays at 6:17. Mail is sent by cron if the line prints something; the exit status tells the rest.
17 6 * * 1  set -a; . /etc/promptopt.env; set +a; {line}
"""

_SERVICE = """\
[Unit]
Description=Monitoring of the prompt {id}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
EnvironmentFile=/etc/promptopt.env
ExecStart=/usr/bin/env {line} --json
# 2 says that too few cases were there: that is no failure of the service.
SuccessExitStatus=2
"""

_TIMER = """\
[Unit]
Description=Weekly monitoring of the prompt

[Timer]
OnCalendar=Mon *-*-* 06:17:00
Persistent=true

[Install]
WantedBy=timers.target
"""

_ACTIONS = """\
# Copy it to .github/workflows/, and deployment.json beside the fresh cases. The history is kept in a cache.
name: monitor {id}
on:
  schedule:
    - cron: "17 6 * * 1"
  workflow_dispatch:
permissions:
  contents: read
concurrency: monitor-{id}
jobs:
  monitor:
    runs-on: ubuntu-latest
    env:
      PROMPTOPT_HOME: ${{{{ github.workspace }}}}/.promptopt
      PROMPTOPT_WEBHOOK: ${{{{ secrets.PROMPTOPT_WEBHOOK }}}}
      OPENAI_API_KEY: ${{{{ secrets.OPENAI_API_KEY }}}}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - uses: actions/cache@v4
        with:
          path: .promptopt
          key: promptopt-{id}-${{{{ github.run_id }}}}
          restore-keys: promptopt-{id}-
      - run: pip install promptopt
      - run: promptopt monitor monitoring/deployment.json --cases monitoring/fresh.csv --max-usd 1
"""
