"""Does with MLflow's own client what a client process of lab/load does: see job and report in lab/load/client.go.

    load.py JOB    logs to the server of MLFLOW_TRACKING_URI when standard input says so, and prints a report as JSON
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from mlflow import MlflowClient
from mlflow.entities import Metric

job = json.loads(sys.argv[1])
client = MlflowClient()
run_id = client.create_run("0", run_name="load.py").info.run_id
report = {"Latencies": [], "Attempts": -1, "Errors": []}


def call(thread, n):
    if job["Size"] == 0:
        client.log_metric(run_id, f"loss {thread}", 1 / (n + 3), step=n)
        return
    now, first = int(time.time() * 1000), n * job["Size"]
    steps = range(first, first + job["Size"])
    client.log_batch(run_id, metrics=[Metric(f"loss {thread} {step % 7}", 1 / (step + 3), now, step) for step in steps])


def work(thread):
    n = 0
    while n < job["Calls"] or (job["Calls"] == 0 and time.perf_counter() - began < job["Seconds"]):
        start = time.perf_counter()
        try:
            call(thread, n)
            report["Latencies"].append(time.perf_counter() - start)
        except Exception as error:  # whatever it is, it is counted
            report["Errors"].append(repr(error))
        n += 1


print("ready", flush=True)
sys.stdin.readline()
began, used = time.perf_counter(), time.process_time()
with ThreadPoolExecutor(job["Goroutines"]) as pool:
    list(pool.map(work, range(job["Goroutines"])))
report["Seconds"] = time.perf_counter() - began
report["CPU"] = time.process_time() - used
print(json.dumps(report))
