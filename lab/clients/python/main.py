"""Uses the client that openapi-python-client makes of openapi/mlflow.yaml on a real server: main.py URI."""

import sys
from typing import TypeVar

import attrs
from mlflow_tracking_client import Client, models
from mlflow_tracking_client.api.experiments import create_experiment, get_experiment_by_name
from mlflow_tracking_client.api.logging import get_metric_history, log_batch, log_inputs, sample_metric_history
from mlflow_tracking_client.api.runs import create_run, get_run, search_runs, update_run
from mlflow_tracking_client.models import MetricValueType1, RunStatus, ViewType

T = TypeVar("T")
START, END = 1_700_000_000_000, 1_700_000_060_000
NAN = MetricValueType1.NAN
LARGEST = sys.float_info.max  # what SQL stores make of infinity
MODELS_OF_A_RUN = {
    models.Dataset,
    models.DatasetInput,
    models.InputTag,
    models.Metric,
    models.Param,
    models.Run,
    models.RunData,
    models.RunInfo,
    models.RunInputs,
    models.RunTag,
}


def main(uri: str) -> None:
    with Client(base_url=uri, raise_on_unexpected_status=True) as client:
        experiment_id = create(client)
        run_id = log(client, experiment_id)
        read(client, experiment_id, run_id)
        miss(client)


def create(client: Client) -> str:
    """Creates an experiment and returns its ID."""
    body = models.CreateExperimentRequest(name="python", tags=[models.ExperimentTag(key="team", value="vision")])
    created = expect(models.CreateExperimentResult, create_experiment.sync(client=client, body=body))
    found = expect(
        models.GetExperimentByNameResult, get_experiment_by_name.sync(client=client, experiment_name="python")
    )
    equal(found.experiment.experiment_id, created.experiment_id)
    equal([(tag.key, tag.value) for tag in found.experiment.tags], [("team", "vision")])
    return created.experiment_id


def log(client: Client, experiment_id: str) -> str:
    """Creates a run, logs all there is to it, ends it, and returns its ID."""
    body = models.CreateRunRequest(
        experiment_id=experiment_id,
        start_time=START,
        run_name="resnet",
        tags=[models.RunTag(key="kind", value="smoke")],
    )
    run_id = expect(models.CreateRunResult, create_run.sync(client=client, body=body)).run.info.run_id
    points = [("loss", 0.5, 0), ("loss", 0.25, 1), ("broken", NAN, 0), ("limit", MetricValueType1.INFINITY, 0)]
    batch = models.LogBatchRequest(
        run_id=run_id,
        metrics=[
            models.Metric(key=key, value=value, timestamp=START + step, step=step) for key, value, step in points
        ],
        params=[models.Param(key="learning_rate", value="0.1")],
        tags=[models.RunTag(key="host", value="gpu-1")],
    )
    expect(models.EmptyResponse, log_batch.sync(client=client, body=batch))
    dataset = models.Dataset(name="cifar", digest="a1b2", source_type="s3", source="{}")
    use = models.DatasetInput(dataset=dataset, tags=[models.InputTag(key="mlflow.data.context", value="training")])
    inputs = models.LogInputsRequest(run_id=run_id, datasets=[use])
    expect(models.EmptyResponse, log_inputs.sync(client=client, body=inputs))
    end = models.UpdateRunRequest(run_id=run_id, status=RunStatus.FINISHED, end_time=END)
    ended = expect(models.UpdateRunResult, update_run.sync(client=client, body=end))
    equal(ended.run_info.status, "FINISHED")
    return run_id


def read(client: Client, experiment_id: str, run_id: str) -> None:
    """Reads the run in every way, and compares."""
    run = expect(models.GetRunResult, get_run.sync(client=client, run_id=run_id)).run
    equal(used(run), MODELS_OF_A_RUN)
    equal((run.info.run_name, run.info.status), ("resnet", "FINISHED"))
    equal((run.info.start_time, run.info.end_time), (START, END))
    metrics = {metric.key: (metric.value, metric.step) for metric in run.data.metrics}
    equal(metrics, {"loss": (0.25, 1), "broken": (NAN, 0), "limit": (LARGEST, 0)})
    equal({param.key: param.value for param in run.data.params}, {"learning_rate": "0.1"})
    tags = {tag.key: tag.value for tag in run.data.tags}
    equal(tags, {"kind": "smoke", "host": "gpu-1", "mlflow.runName": "resnet"})
    [use] = run.inputs.dataset_inputs
    equal((use.dataset.name, use.dataset.digest, use.tags[0].value), ("cifar", "a1b2", "training"))

    history = get_metric_history.sync(client=client, run_id=run_id, metric_key="loss", max_results=100)
    equal([point.value for point in expect(models.GetMetricHistoryResult, history).metrics], [0.5, 0.25])
    sample = sample_metric_history.sync(client=client, run_ids=[run_id], metric_key="loss")
    equal([point.run_id for point in expect(models.SampleMetricHistoryResult, sample).metrics], [run_id, run_id])

    body = models.SearchRunsRequest(
        experiment_ids=[experiment_id],
        filter_="metrics.loss < 0.3 AND tags.kind = 'smoke'",
        run_view_type=ViewType.ACTIVE_ONLY,
        max_results=10,
    )
    found = expect(models.SearchRunsResult, search_runs.sync(client=client, body=body))
    equal([run.info.run_id for run in found.runs], [run_id])


def miss(client: Client) -> None:
    """Asks for a run that does not exist."""
    response = get_run.sync_detailed(client=client, run_id="0" * 32)
    equal(response.status_code, 404)
    equal(expect(models.ErrorResponse, response.parsed).error_code, "RESOURCE_DOES_NOT_EXIST")


def used(model: object) -> set[type]:
    """Returns the types of a model and all that it holds, none of which may hold what its type does not declare."""
    undeclared = set(model.additional_properties)
    equal(undeclared - {"outputs"} if isinstance(model, models.Run) else undeclared, set())  # those of models
    types = {type(model)}
    for field in attrs.fields(type(model)):
        value = getattr(model, field.name)
        for item in value if isinstance(value, list) else [value]:
            if attrs.has(type(item)):
                types |= used(item)
    return types


def expect(wanted: type[T], value: object) -> T:
    if not isinstance(value, wanted):
        raise AssertionError(f"{value!r} is no {wanted.__name__}")
    return value


def equal(value: object, wanted: object) -> None:
    if value != wanted:
        raise AssertionError(f"{value!r} is not {wanted!r}")


if __name__ == "__main__":
    main(sys.argv[1])
    print("The Python client has read back what it wrote.")
