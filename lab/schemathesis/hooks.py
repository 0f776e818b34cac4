"""Aims every second request at a run and an experiment that stay. Made-up ones do not exist, and found ones get deleted."""

import json
import os
import zlib

import schemathesis

RUN_ID, EXPERIMENT_ID = os.environ["RUN_ID"], os.environ["EXPERIMENT_ID"]
AIMS = {
    "run_id": RUN_ID,
    "run_ids": [RUN_ID],
    "experiment_id": EXPERIMENT_ID,
    "experiment_ids": [EXPERIMENT_ID],
}


@schemathesis.hook
def before_call(_context, case, _kwargs):
    if case.operation.path.endswith("/delete"):
        return
    for part in (case.query, case.body):
        if isinstance(part, dict) and zlib.crc32(json.dumps(part, sort_keys=True, default=str).encode()) % 2:
            part.update({name: aim for name, aim in AIMS.items() if type(part.get(name)) is type(aim)})
            for name in ("model_id", "dataset_name", "dataset_digest"):  # there are no models, and these two go together
                part.pop(name, None)
