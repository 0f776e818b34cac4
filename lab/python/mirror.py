"""Reads or writes a run with MLflow's own client, for the test that Go and Python agree.

    mirror.py read URI RUN_ID         prints the run as JSON; floats as the hexadecimal digits of their 64 bits
    mirror.py write URI EXPERIMENT_ID creates a run from such JSON on standard input, and prints its ID
"""

import json
import struct
import sys

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag


def to_bits(value):
    return struct.pack(">d", value).hex()


def from_bits(bits):
    return struct.unpack(">d", bytes.fromhex(bits))[0]


def read(client, run_id):
    run = client.get_run(run_id)
    history = {key: client.get_metric_history(run_id, key) for key in run.data.metrics}
    return json.dumps({
        "metrics": [of_metric(points[-1]) for points in history.values()],
        "history": [of_metric(m) for points in history.values() for m in points],
        "params": run.data.params,
        "tags": run.data.tags,
        "datasets": [of_input(i) for i in run.inputs.dataset_inputs],
    })


def of_metric(m):
    return {"key": m.key, "bits": to_bits(m.value), "timestamp": str(m.timestamp), "step": str(m.step)}


def of_input(i):
    d = i.dataset
    fields = {"Name": d.name, "Digest": d.digest, "SourceType": d.source_type, "Source": d.source}
    optional = {"Schema": d.schema or "", "Profile": d.profile or ""}
    return {"Dataset": fields | optional, "Tags": {tag.key: tag.value for tag in i.tags}}


def to_input(i):
    d = i["Dataset"]
    dataset = Dataset(d["Name"], d["Digest"], d["SourceType"], d["Source"], d["Schema"] or None, d["Profile"] or None)
    return DatasetInput(dataset, [InputTag(key, value) for key, value in i["Tags"].items()])


def write(client, experiment_id):
    wanted = json.load(sys.stdin)
    run_id = client.create_run(experiment_id).info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric(m["key"], from_bits(m["bits"]), int(m["timestamp"]), int(m["step"])) for m in wanted["metrics"]],
        params=[Param(key, value) for key, value in wanted["params"].items()],
        tags=[RunTag(key, value) for key, value in wanted["tags"].items()],
    )
    if wanted["datasets"]:
        client.log_inputs(run_id, [to_input(i) for i in wanted["datasets"]])
    return run_id


if __name__ == "__main__":
    action, uri, subject = sys.argv[1:]
    print({"read": read, "write": write}[action](MlflowClient(uri), subject))
