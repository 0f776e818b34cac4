"""Moves the artifacts of a run with MLflow's own client, to compare.

    artifacts.py log|download TRACKING_URI RUN FOLDER

log stores all files of a folder as artifacts of the run, download fetches all artifacts of the run into a folder.
"""

import sys

import mlflow

action, uri, run_id, folder = sys.argv[1:]
mlflow.set_tracking_uri(uri)
if action == "log":
    mlflow.MlflowClient().log_artifacts(run_id, folder)
else:
    mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=folder)
