"""Measures MLflow's own client as tracking/bench_test.go measures ours: see docs/speed.md.

    bench.py URI    prints microseconds per call
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from mlflow import MlflowClient
from mlflow.entities import Metric


def per_call(name, count, use):
    use(0)  # connections and imports
    began = time.perf_counter()
    for i in range(1, count + 1):
        use(i)
    print(f"{name:32} {(time.perf_counter() - began) / count * 1e6:12.0f} µs")


def batch(i):
    return [Metric(f"m{k % 7}", float(k), k, i * 1000 + k) for k in range(1000)]


client = MlflowClient(sys.argv[1])
run_id = client.create_run("0", run_name="bench.py").info.run_id
per_call("log_metric", 200, lambda i: client.log_metric(run_id, "loss", 0.25, step=i))
with ThreadPoolExecutor(8) as pool:
    began = time.perf_counter()
    list(pool.map(lambda i: client.log_metric(run_id, "loss by 8", 0.25, step=i), range(400)))
    print(f"{'log_metric by 8 threads':32} {(time.perf_counter() - began) / 400 * 1e6:12.0f} µs")
per_call("log_batch of 1000 metrics", 20, lambda i: client.log_batch(run_id, metrics=batch(i)))
wide = client.create_run("0", run_name="bench.py, wide").info.run_id
client.log_batch(wide, metrics=[Metric(f"metric {k}", k / 7, 1704067200123, k) for k in range(1000)])
per_call("get_run with 1000 metrics", 20, lambda _: client.get_run(wide))
