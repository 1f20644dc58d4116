"""The tables. A change here needs a migration in ``store/migrations/versions`` and a new ``REVISION``."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

REVISION = "0010"
"""Revision that the tables below describe; ``database.py`` compares it with the store's."""

metadata = MetaData()

datasets = Table(
    "datasets",
    metadata,
    Column("id", String(32), primary_key=True),  # content hash: runs on the same cases share one copy
    Column("held_back", Boolean, nullable=False),
)

dataset_cases = Table(
    "dataset_cases",
    metadata,
    Column("dataset_id", String(32), ForeignKey("datasets.id"), primary_key=True),
    Column("split", String(16), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("case_id", Text, nullable=False),
    Column("body", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project", Text, nullable=False),
    Column("project_dir", Text, nullable=False),
    Column("optimizer", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # optimize | eval | tournament | generate
    Column("settings", Text, nullable=False),
    Column("dataset_id", String(32), ForeignKey("datasets.id"), nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    # A summary for lists, kept by the worker; the events are the truth.
    Column("status", String(16), nullable=False),
    Column("iteration", Integer, nullable=False, default=0),
    Column("seed_score", Float),
    Column("best_score", Float),
    Column("usd", Float),
    Column("calls", Integer, nullable=False, default=0),
    Column("detail", Text, nullable=False, default=""),
    Column("course", Text, nullable=False, server_default=""),  # JSON: the best validation score as it rose
    Column("made", Integer),  # cases that it has made up, and how many it was asked for
    Column("asked", Integer),
    # What a person did with it in the lists.
    Column("archived", Boolean, nullable=False, server_default=false()),
    Column("deleted_at", Float),  # None: it is there. What was deleted is kept a while, and can be restored
    # The worker that has the run, and when it was last heard of.
    Column("worker", String(64)),
    Column("pid", Integer),
    Column("host", Text),
    Column("heartbeat_at", Float),
    Column("active_seconds", Float, nullable=False, default=0.0),
    Index("runs_by_age", "created_at"),
)

events = Table(
    "events",
    metadata,
    Column("run_id", String(32), ForeignKey("runs.id"), primary_key=True),
    Column("n", Integer, primary_key=True),  # 1, 2, 3 … in the run: a second writer collides and fails
    Column("at", Float, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
)

# Where a run stood after its first ``n`` events, so that nobody need fold those again.
snapshots = Table(
    "snapshots",
    metadata,
    Column("run_id", String(32), ForeignKey("runs.id"), primary_key=True),
    Column("n", Integer, nullable=False),
    Column("digest", String(32), nullable=False),  # of the code of the fold: another one's can't be read
    Column("body", Text, nullable=False),
)

intents = Table(
    "intents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("run_id", String(32), ForeignKey("runs.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("usd", Float, nullable=False),  # what the attempt can cost at most
    Column("tokens", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("relay", String(64), nullable=False, server_default=""),  # whose receipts tell what became of it
    # What is asked, and for which case: an attempt without an answer has no row in ``calls`` that tells it.
    Column("key", String(32), nullable=False, server_default=""),
    Column("path", Text, nullable=False, server_default=""),
    Column("case_id", Text, nullable=False, server_default=""),
    Index("intents_in_time", "run_id", "at"),
)

# An intent is settled by a row in ``calls`` with its id (answered) or in ``attempts`` (no answer). One that
# is settled by neither was in flight when its worker died: its bound counts as spent.
attempts = Table(
    "attempts",
    metadata,
    Column("id", String(32), primary_key=True),  # the intent that it settles
    Column("run_id", String(32), ForeignKey("runs.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),  # refused (no answer, not billed) | unknown (maybe billed)
    Column("usd", Float, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("error", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
    Index("attempts_in_time", "run_id", "at"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("run_id", String(32), ForeignKey("runs.id"), nullable=False),
    Column("key", String(32), nullable=False),
    Column("path", Text, nullable=False),
    Column("occurrence", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("model", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("response", Text),  # None: the call ended in ``error``, and the run went on from that
    Column("error", Text, nullable=False, default=""),
    Column("usd", Float),  # None: unknown price
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("latency", Float, nullable=False),
    Column("at", Float, nullable=False),
    Column("case_id", Text, nullable=False, server_default=""),  # of several equal ones the first that asked
    Column("reused_from", String(32), nullable=False, server_default=""),  # the run that paid for the answer
    UniqueConstraint("run_id", "key", "path", "occurrence", name="calls_once"),
    Index("calls_in_time", "run_id", "at"),  # a resumed run reads them in the order in which they were made
    Index("calls_by_key", "key"),  # a later run of the project may reuse an answer
)

prompts = Table(
    "prompts",
    metadata,
    Column("run_id", String(32), ForeignKey("runs.id"), primary_key=True),
    Column("prompt_id", String(16), primary_key=True),
    Column("body", Text, nullable=False),
)

cells = Table(
    "cells",
    metadata,
    Column("run_id", String(32), ForeignKey("runs.id"), primary_key=True),
    Column("prompt_id", String(16), primary_key=True),
    Column("split", String(16), primary_key=True),
    Column("case_id", Text, primary_key=True),
    Column("score", Float, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("category", String(32), nullable=False),
    Column("body", Text, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(32), ForeignKey("runs.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("handled_at", Float),
    Column("outcome", Text, nullable=False, default=""),
    Index("commands_by_run", "run_id", "handled_at"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("run_id", String(32), ForeignKey("runs.id"), primary_key=True),
    Column("iteration", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Float, nullable=False),
)

experiments = Table(
    "experiments",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", String(32), nullable=False),  # of all that its runs are made of: the same file goes on
    Column("plan", Text, nullable=False),
    Column("output_dir", Text, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("experiments_by_age", "created_at"),
)

experiment_runs = Table(
    "experiment_runs",
    metadata,
    Column("experiment_id", String(32), ForeignKey("experiments.id"), primary_key=True),
    Column("cell", Text, primary_key=True),  # its place: dataset, optimizer, seed, judge
    Column("run_id", String(32), ForeignKey("runs.id"), nullable=False),
)

# Prompts in use. They outlive the run that they come from, so they hold all that watching them needs.
deployments = Table(
    "deployments",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("source_run", String(32), nullable=False),  # no foreign key: the run may be deleted
    Column("prompt_id", String(16), nullable=False),
    Column("settings", Text, nullable=False),  # frozen, with the prompt: each monitoring is an eval of these
    Column("project_dir", Text, nullable=False),
    Column("reference", Text, nullable=False),  # JSON: the test figure, and what its cases were like
    Column("simulated", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("deployments_by_age", "created_at"),
)

monitorings = Table(
    "monitorings",
    metadata,
    Column("deployment_id", String(32), ForeignKey("deployments.id"), primary_key=True),
    Column("n", Integer, primary_key=True),  # 1, 2, 3 … of the deployment
    Column("digest", String(32), nullable=False),  # of the cases: the same ones again are paid for once
    Column("source", Text, nullable=False),
    Column("eval_run", String(32), nullable=False),  # no foreign key: the run may be deleted
    Column("created_at", Float, nullable=False),
    Column("body", Text, nullable=False, default=""),  # JSON: what came out; empty while it is under way
)

# What a person decided on a case that was made up, or of a file. One that was changed since is another case.
reviews = Table(
    "reviews",
    metadata,
    Column("source", String(80), primary_key=True),  # the run's id, or "file " and a hash of the file's path
    Column("case_id", Text, primary_key=True),
    Column("fingerprint", String(16), primary_key=True),
    Column("run_id", String(32), ForeignKey("runs.id")),
    Column("verdict", String(8), nullable=False),  # keep | drop | edit
    Column("body", Text, nullable=False, server_default=""),  # the case as it was edited, as JSON
    Column("reason", Text, nullable=False, server_default=""),
    Column("author", Text, nullable=False),
    Column("at", Float, nullable=False),
)

# Proofs of concept: what each was planned to be, and which run or experiment carries out which stage.
pocs = Table(
    "pocs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("organization", Text, nullable=False),  # whose monthly budget it counts to; folded case
    Column("digest", String(32), nullable=False),  # of the plan: the same command goes on
    Column("plan", Text, nullable=False),
    Column("output_dir", Text, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("status", String(16), nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("wish", String(16), nullable=False, server_default=""),  # of a person: pause | stop
    # The driver that has it, and when it was last heard of.
    Column("driver", String(64)),
    Column("pid", Integer),
    Column("host", Text),
    Column("heartbeat_at", Float),
    Index("pocs_by_age", "created_at"),
)

poc_stages = Table(
    "poc_stages",
    metadata,
    Column("poc_id", String(32), ForeignKey("pocs.id"), primary_key=True),
    Column("part", String(60), primary_key=True),  # a stage, or a part of one
    Column("kind", String(16), nullable=False),  # run | experiment | result
    Column("ref", String(32), nullable=False, server_default=""),  # id of the run or the experiment
    Column("body", Text, nullable=False, server_default=""),  # JSON: what was decided, or came out
    Column("at", Float, nullable=False),
    Index("poc_stages_by_ref", "ref"),
)
