// Uses the client that openapi-typescript and openapi-fetch make of openapi/mlflow.yaml on a real server: main.js URI.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./mlflow.js";

type Schemas = components["schemas"];

const start = 1_700_000_000_000;
const end = 1_700_000_060_000;
const client = createClient<paths>({ baseUrl: process.argv[2] ?? "" });

const experimentId = await create();
const runId = await log();
await read();
await miss();
console.log("The TypeScript client has read back what it wrote.");

// create creates an experiment and returns its ID.
async function create(): Promise<string> {
  const created = await client.POST("/api/2.0/mlflow/experiments/create", {
    body: { name: "typescript", tags: [{ key: "team", value: "vision" }] },
  });
  const { experiment_id } = succeeded(created);
  const found = await client.GET("/api/2.0/mlflow/experiments/get-by-name", {
    params: { query: { experiment_name: "typescript" } },
  });
  const experiment = given(succeeded(found).experiment);
  assert.equal(experiment.experiment_id, experiment_id);
  assert.deepEqual(experiment.tags, [{ key: "team", value: "vision" }]);
  return experiment_id;
}

// log creates a run, logs all there is to it, ends it, and returns its ID.
async function log(): Promise<string> {
  const created = await client.POST("/api/2.0/mlflow/runs/create", {
    body: {
      experiment_id: experimentId,
      start_time: start,
      run_name: "resnet",
      tags: [{ key: "kind", value: "smoke" }],
    },
  });
  const { run_id } = given(succeeded(created).run).info;
  const metrics: Schemas["Metric"][] = [
    { key: "loss", value: 0.5, timestamp: start, step: 0 },
    { key: "loss", value: 0.25, timestamp: start + 1, step: 1 },
    { key: "broken", value: "NaN", timestamp: start, step: 0 },
    { key: "limit", value: "Infinity", timestamp: start, step: 0 },
  ];
  const logged = await client.POST("/api/2.0/mlflow/runs/log-batch", {
    body: {
      run_id,
      metrics,
      params: [{ key: "learning_rate", value: "0.1" }],
      tags: [{ key: "host", value: "gpu-1" }],
    },
  });
  assert.deepEqual(succeeded(logged), {});
  const inputs = await client.POST("/api/2.0/mlflow/runs/log-inputs", {
    body: {
      run_id,
      datasets: [
        {
          dataset: { name: "cifar", digest: "a1b2", source_type: "s3", source: "{}" },
          tags: [{ key: "mlflow.data.context", value: "training" }],
        },
      ],
    },
  });
  assert.deepEqual(succeeded(inputs), {});
  const ended = await client.POST("/api/2.0/mlflow/runs/update", {
    body: { run_id, status: "FINISHED", end_time: end },
  });
  assert.equal(given(succeeded(ended).run_info).status, "FINISHED");
  return run_id;
}

// read reads the run in every way, and compares.
async function read(): Promise<void> {
  const got = await client.GET("/api/2.0/mlflow/runs/get", { params: { query: { run_id: runId } } });
  const { info, data, inputs } = given(succeeded(got).run);
  assert.deepEqual([info.run_name, info.status, info.start_time, info.end_time], ["resnet", "FINISHED", start, end]);
  assert.deepEqual(new Map(data?.metrics?.map(({ key, value }) => [key, value])), new Map<string, Schemas["MetricValue"]>([
    ["loss", 0.25],
    ["broken", "NaN"],
    ["limit", Number.MAX_VALUE], // what SQL stores make of infinity
  ]));
  assert.deepEqual(data?.params, [{ key: "learning_rate", value: "0.1" }]);
  assert.deepEqual(new Map(data?.tags?.map(({ key, value }) => [key, value])), new Map([
    ["kind", "smoke"],
    ["host", "gpu-1"],
    ["mlflow.runName", "resnet"],
  ]));
  assert.deepEqual(inputs?.dataset_inputs?.map(({ dataset }) => dataset.name), ["cifar"]);

  const history = await client.GET("/api/2.0/mlflow/metrics/get-history", {
    params: { query: { run_id: runId, metric_key: "loss", max_results: 100 } },
  });
  assert.deepEqual(succeeded(history).metrics?.map(({ value }) => value), [0.5, 0.25]);
  const sample = await client.GET("/api/2.0/mlflow/metrics/get-history-bulk-interval", {
    params: { query: { run_ids: [runId], metric_key: "loss" } },
  });
  assert.deepEqual(succeeded(sample).metrics?.map(({ run_id }) => run_id), [runId, runId]);

  const found = await client.POST("/api/2.0/mlflow/runs/search", {
    body: {
      experiment_ids: [experimentId],
      filter: "metrics.loss < 0.3 AND tags.kind = 'smoke'",
      run_view_type: "ACTIVE_ONLY",
      max_results: 10,
    },
  });
  assert.deepEqual(succeeded(found).runs?.map(({ info }) => info.run_id), [runId]);
}

// miss asks for a run that does not exist.
async function miss(): Promise<void> {
  const { error, response } = await client.GET("/api/2.0/mlflow/runs/get", {
    params: { query: { run_id: "0".repeat(32) } },
  });
  assert.equal(response.status, 404);
  assert(error !== undefined && typeof error !== "string"); // as MLflow itself sends it, not an HTML page
  const { error_code }: Schemas["ErrorResponse"] = error;
  assert.equal(error_code, "RESOURCE_DOES_NOT_EXIST");
}

function succeeded<T>({ data, error }: { data?: T; error?: unknown }): T {
  assert(data !== undefined, JSON.stringify(error));
  return data;
}

function given<T>(value: T | undefined): T {
  assert(value !== undefined);
  return value;
}
