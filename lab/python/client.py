"""Does with MLflow's own client what a program does, and prints what it sees, without IDs and times of the server.

    python client.py TRACKING_URI

The output is to be the same on every server.
"""

import math
import pathlib
import sys
import tempfile

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

client = MlflowClient(sys.argv[1])
names = {}


def show(title, *values):
    text = " ".join(str(value) for value in values)
    for made_up, name in names.items():
        text = text.replace(made_up, name)
    print(f"{title}: {text}")


def refused(title, call, *args, **kwargs):
    try:
        show(title, "not refused", call(*args, **kwargs))
    except MlflowException as error:
        show(title, error.error_code, error.get_http_status_code())


def show_run(title, run):
    info, data = run.info, run.data
    show(title, info.run_id, info.run_name, info.user_id, info.status, info.start_time, info.end_time, info.lifecycle_stage)
    show(" artifacts", info.artifact_uri)
    show(" metrics", sorted(data.metrics.items(), key=str))
    show(" params", sorted(data.params.items()))
    show(" tags", sorted(data.tags.items()))
    show(" inputs", sorted((i.dataset.name, i.dataset.digest, [(t.key, t.value) for t in i.tags]) for i in run.inputs.dataset_inputs))


# Experiments.
experiment = client.create_experiment("python", tags={"team": "vision"})
names[f"artifacts:/{experiment}"] = "artifacts:/EXPERIMENT"
other = client.create_experiment("other", artifact_location="s3://bucket/other")
client.set_experiment_tag(experiment, "stage", "draft")
client.delete_experiment_tag(experiment, "team")
found = client.get_experiment_by_name("python")
show("experiment", found.name, found.artifact_location, found.lifecycle_stage, found.tags)
show("no experiment", client.get_experiment_by_name("missing"))
refused("name taken", client.create_experiment, "python")
refused("missing experiment", client.get_experiment, "987654321")
client.rename_experiment(other, "another")
client.delete_experiment(other)
refused("run in a deleted experiment", client.create_run, other)
show("deleted", [(e.name, e.lifecycle_stage) for e in client.search_experiments(ViewType.DELETED_ONLY)])
client.restore_experiment(other)
show("all", [e.name for e in client.search_experiments(order_by=["name ASC"])])
show("by tag", [e.name for e in client.search_experiments(filter_string="tags.stage = 'draft' AND name LIKE 'py%'")])

# Runs.
runs = []
for i in range(5):
    run = client.create_run(experiment, start_time=1700000000000 + i, tags={"i": str(i), "mlflow.user": "ada"}, run_name=f"run {i}")
    names[run.info.run_id] = f"RUN{i}"
    runs.append(run.info.run_id)
    client.log_param(runs[i], "lr", i / 10)
    client.log_metric(runs[i], "loss", 1 / (i + 1), timestamp=1700000000000, step=i)
    client.log_batch(
        runs[i],
        metrics=[Metric("acc", v, 1700000000000 + s, s) for s, v in enumerate([0.5, math.nan, math.inf, -math.inf, float(i)])],
        params=[Param("optimizer", "adam")],
        tags=[RunTag("odd", str(i % 2 == 1))],
    )
client.set_tag(runs[0], "note", "été 🙂")
client.delete_tag(runs[0], "i")
client.log_inputs(
    runs[1],
    [DatasetInput(Dataset("wine", "abc", "local", '{"uri": "/data"}', "schema", "profile"), [InputTag("mlflow.data.context", "training")])],
)
client.update_run(runs[2], status="FAILED", name="renamed")
client.set_terminated(runs[3], "FINISHED", end_time=1700000009000)
client.delete_run(runs[4])
refused("metric of a deleted run", client.log_metric, runs[4], "loss", 1)
refused("param changed", client.log_param, runs[0], "lr", "other")
refused("missing run", client.get_run, "0" * 32)
refused("no such tag", client.delete_tag, runs[0], "i")
for i, run in enumerate(runs):
    show_run(f"run {i}", client.get_run(run))
client.restore_run(runs[4])
show("history", [(m.value, m.timestamp, m.step) for m in client.get_metric_history(runs[0], "acc")])

# Searches.
for filter_string in [
    "",
    "metrics.loss < 0.5",
    "params.lr = '0.1' OR tags.i = '2'",
    "tags.odd = 'True' AND metrics.loss >= 0.25",
    "attributes.status = 'FAILED'",
    "attributes.run_name ILIKE 'RUN%'",
    "tags.note IS NULL",
    "dataset.name = 'wine'",
    "start_time > 1700000000002",
]:
    try:
        show(f"search {filter_string}", [r.info.run_id for r in client.search_runs([experiment], filter_string, order_by=["metrics.loss DESC"])])
    except MlflowException as error:
        show(f"search {filter_string}", error.error_code)
page = client.search_runs([experiment], max_results=2, order_by=["attributes.start_time ASC"])
while True:
    show("page", [r.info.run_id for r in page], page.token)
    if not page.token:
        break
    page = client.search_runs([experiment], max_results=2, order_by=["attributes.start_time ASC"], page_token=page.token)

# Artifacts.
client.log_text(runs[0], "hello, été", "notes/hello world.txt")
client.log_dict(runs[0], {"a": [1, 2]}, "config.json")
with tempfile.TemporaryDirectory() as folder:
    local = pathlib.Path(folder)
    (local / "a").mkdir()
    (local / "a" / "empty").write_bytes(b"")
    (local / "a" / "data.bin").write_bytes(bytes(range(256)) * 100)
    client.log_artifacts(runs[0], folder, "files")
    client.log_artifact(runs[0], str(local / "a" / "data.bin"))
for path in [None, "notes", "files", "files/a", "missing", "config.json"]:
    show(f"artifacts of {path}", [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(runs[0], path)])
with tempfile.TemporaryDirectory() as folder:
    client.download_artifacts(runs[0], "", folder)
    show("downloaded", [(str(p.relative_to(folder)), p.stat().st_size) for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file()])
    show("text", (pathlib.Path(folder) / "notes" / "hello world.txt").read_text())
refused("missing artifact", client.download_artifacts, runs[0], "missing")
