"""Prints what a wheel of MLflow says about its REST API, as JSON. Nothing of the wheel is run or imported.

    facts.py WHEEL

Messages, methods and enums are protobuf descriptors, which the generated modules hold as bytes. Which properties a handler
insists on, limits and the statuses of errors are read from the syntax trees of the modules that hold them.
"""

import ast
import json
import re
import sys
import zipfile

# The service of artifacts, which handlers import under other names.
PROXY = "/mlflow-artifacts/"

# Of the endpoints below these paths all is told, of others only the name.
COVERED = ("/mlflow/experiments/", "/mlflow/runs/", "/mlflow/metrics/", "/mlflow/artifacts/list", "/mlflow/artifacts/presigned-", PROXY)

# How MLflow declares a parameter of a path, which may hold slashes.
PARAMETER = re.compile(r"<path:(\w+)>")

TYPES = {
    1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool", 9: "string",
    12: "bytes", 13: "uint32", 15: "sfixed32", 16: "sfixed64", 17: "sint32", 18: "sint64",
}  # fmt: skip
REPEATED = 3

# The extensions of descriptors that MLflow's databricks.proto declares.
METHOD_RPC = 51310
FIELD_VALIDATE_REQUIRED = 51311

# The numbers of the fields that hold messages and enums.
IN_FILE = (4, 5)
IN_MESSAGE = (3, 4)


class Wheel:
    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        self.release = next(
            name.split(".dist-info/")[0].split("-")[1] for name in self.zip.namelist() if ".dist-info/" in name
        )

    def tree(self, path):
        return ast.parse(self.zip.read("mlflow/" + path))

    def descriptor(self, name):
        """The serialized FileDescriptorProto of a module: later releases hold it twice, for two releases of protobuf."""
        for call in calls(self.tree(f"protos/{name}_pb2.py"), "AddSerializedFile"):
            return decode(call.args[0].value)
        raise SystemExit(f"{name}_pb2.py holds no descriptor")


# Protobuf's wire format.


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def decode(data):
    """A message as {field number: [values]}. A value is a number, or bytes that can be decoded in turn."""
    fields, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            size = {1: 8, 5: 4}[kind]
            value, at = data[at : at + size], at + size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def text(message, field):
    return message[field][0].decode() if field in message else ""


def children(message, field):
    return [decode(value) for value in message.get(field, [])]


def child(message, field):
    return decode(message[field][0]) if field in message else {}


# Descriptors.


def declare(prefix, parent, fields, messages, enums):
    """Collects the messages and enums of a file or a message by their full names. Fields are the numbers of both in it."""
    message_field, enum_field = fields
    for enum in children(parent, enum_field):
        enums[f"{prefix}.{text(enum, 1)}"] = [text(value, 1) for value in children(enum, 2)]
    for message in children(parent, message_field):
        name = f"{prefix}.{text(message, 1)}"
        messages[name] = message
        declare(name, message, IN_MESSAGE, messages, enums)


def short(name):
    return name.removeprefix(".").removeprefix("mlflow.")


def field_type(field):
    words = ["repeated"] if field[4][0] == REPEATED else []
    words.append(TYPES.get(field[5][0]) or short(text(field, 6)))
    if child(field, 8).get(FIELD_VALIDATE_REQUIRED) == [1]:
        words.append("required")
    if 7 in field:
        words.append("default " + text(field, 7))
    return " ".join(words)


def endpoints(file):
    """The endpoints of a file's services, as (request message, HTTP method, path as MLflow declares it, full path)."""
    for service in children(file, 6):
        for method in children(service, 2):
            for endpoint in children(child(child(method, 4), METHOD_RPC), 1):
                path, major = text(endpoint, 2), child(endpoint, 3).get(1, [0])[0]
                yield short(text(method, 2)), text(endpoint, 1), path, f"/api/{major}.0" + PARAMETER.sub(r"{\1}", path)


def referenced(name, messages):
    """The messages and enums that a message's fields have as their types."""
    return [text(field, 6).removeprefix(".") for field in children(messages[name], 2) if 6 in field]


# Syntax trees.


def called(call):
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def calls(tree, name):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) == name]


def functions(tree):
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def constants(tree, known=None):
    """The numbers that a module gives names to."""
    numbers = dict(known or {})
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = number(node.value, numbers)
            if value is not None:
                numbers[node.targets[0].id] = value
    return numbers


def number(node, known):
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Call) and called(node) == "int" and isinstance(node.args[0], ast.Constant):
        return int(node.args[0].value)
    return None


def assertion(node, numbers):
    """One validator of a schema: its name, for a lambda with what it compares."""
    if isinstance(node, ast.Name):
        return node.id.removeprefix("_assert_")
    if isinstance(node, ast.Lambda) and isinstance(node.body, ast.Call):
        subject, *bounds = node.body.args
        bounds = [number(bound, numbers) for bound in bounds]
        if bounds and None not in bounds:
            length = "length_" if isinstance(subject, ast.Call) and called(subject) == "len" else ""
            return length + called(node.body).removeprefix("_assert_") + str(tuple(bounds)).replace(",)", ")")
    return ast.unparse(node)


def item_keys(function):
    """The keys whose values a validator of a list requires in each item."""
    for call in calls(function, "_assert_required"):
        if isinstance(call.args[0], ast.Call) and called(call.args[0]) == "get":
            yield call.args[0].args[0].value


def schemas(handlers):
    """The schema of each request, with the numbers that have names where it stands."""
    numbers = constants(handlers)
    for handler in handlers.body:
        for call in calls(handler, "_get_request_message"):
            schema = next((keyword.value for keyword in call.keywords if keyword.arg == "schema"), None)
            if isinstance(call.args[0], ast.Call) and isinstance(schema, ast.Dict):
                yield called(call.args[0]), schema, constants(handler, numbers)


def validators(handlers, wanted):
    """What handlers check, by the path of the property, such as LogBatch.metrics[].key."""
    known, found = functions(handlers), {}
    for message, schema, numbers in schemas(handlers):
        if message not in wanted:
            continue
        for key, checks in zip(schema.keys, schema.values):
            path = f"{message}.{key.value}"
            found[path] = sorted(assertion(check, numbers) for check in checks.elts)
            for check in checks.elts:
                if isinstance(check, ast.Name) and check.id in known:
                    found.update({f"{path}[].{item}": ["required"] for item in item_keys(known[check.id])})
    return {path: " ".join(checks) for path, checks in found.items()}


def served(handlers):
    """The messages that a handler is registered for."""
    for node in handlers.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "HANDLERS":
            return {key.id for key in node.value.keys if isinstance(key, ast.Name)}
    raise SystemExit("handlers.py has no HANDLERS")


def page_bounds(bodies, numbers):
    """The bounds that functions set to max_results, by comparing it with what they refuse."""
    bounds = {}
    for node in (node for body in bodies for node in ast.walk(body) if isinstance(node, ast.Compare)):
        bound = number(node.comparators[0], numbers)
        if getattr(node.left, "id", "") != "max_results" or bound is None:
            continue
        if isinstance(node.ops[0], ast.Lt):
            bounds["minimum"] = bound
        if isinstance(node.ops[0], ast.LtE):
            bounds["minimum"] = bound + 1
        if isinstance(node.ops[0], ast.Gt):
            bounds["maximum"] = bound
    return bounds


def checked(store, method):
    """A method of the SQL store, and the one that checks max_results for several if it calls that."""
    known = functions(store)
    shared = "_validate_max_results_param"
    return [known[method]] + ([known[shared]] if calls(known[method], shared) else [])


def limits(wheel, handlers):
    numbers = constants(wheel.tree("utils/validation.py"))
    found = {name: value for name, value in numbers.items() if name.startswith("MAX_")}
    pages = constants(wheel.tree("store/tracking/__init__.py"))
    store = wheel.tree("store/tracking/sqlalchemy_store.py")
    bodies = {
        "GetMetricHistory": [functions(handlers)["_get_metric_history"]],
        "SearchExperiments": checked(store, "_search_experiments"),
        "SearchRuns": checked(store, "_search_runs"),
    }
    for message, compared in bodies.items():
        for bound, value in page_bounds(compared, pages).items():
            found[f"{message}.max_results {bound}"] = value
    return found


def statuses(exceptions):
    """The HTTP status of each error code that has one of its own."""
    for node in exceptions.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ERROR_CODE_TO_HTTP_STATUS":
            return {key.args[0].id: value.value for key, value in zip(node.value.keys, node.value.values)}
    raise SystemExit("exceptions.py has no ERROR_CODE_TO_HTTP_STATUS")


def error_properties(exceptions):
    """The properties of an error's JSON."""
    function = functions(exceptions)["serialize_as_json"]
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            yield node.slice.value


def stages(entity):
    """The values of lifecycle_stage, which to protobuf is any string."""
    for node in ast.walk(entity):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def proto_files(wheel):
    for name in sorted(wheel.zip.namelist()):
        folder, _, file = name.rpartition("/")
        if folder == "mlflow/protos" and file.endswith("_pb2.py"):
            yield wheel.descriptor(file.removesuffix("_pb2.py"))


def reachable(covered, messages, enums):
    """The fields of requests, responses and all messages in them, and the values of their enums."""
    fields, values = {}, {}
    queue = [f"mlflow.{name}{part}" for name in covered for part in ("", ".Response")]
    while queue:
        name = queue.pop()
        if name in enums:
            values[short(name)] = sorted(enums[name])
        elif name in messages and short(name) not in fields:
            fields[short(name)] = {text(field, 1): field_type(field) for field in children(messages[name], 2)}
            queue += referenced(name, messages)
    return fields, values


def facts(wheel):
    messages, enums, covered, others = {}, {}, {}, set()
    handlers = wheel.tree("server/handlers.py")
    handled = served(handlers)
    for file in proto_files(wheel):
        declare(text(file, 2), file, IN_FILE, messages, enums)
        for name, method, path, full_path in endpoints(file):
            if name not in handled and not path.startswith(PROXY):
                continue
            if path.startswith(COVERED):
                covered.setdefault(name, []).append(f"{method} {full_path}")
            else:
                others.add(name)
    if not covered:
        raise SystemExit("no descriptor declares an endpoint: has MLflow moved its extensions?")
    fields, values = reachable(covered, messages, enums)
    values["LifecycleStage"] = sorted(stages(wheel.tree("entities/lifecycle_stage.py")))
    exceptions = wheel.tree("exceptions.py")
    status = statuses(exceptions)
    return {
        "endpoints": {name: sorted(paths) for name, paths in covered.items()},
        "enums": values,
        "error_properties": sorted(set(error_properties(exceptions))),
        "errors": {code: status.get(code, 500) for code in enums["mlflow.ErrorCode"]},
        "limits": limits(wheel, handlers),
        "messages": fields,
        "other_endpoints": sorted(others - covered.keys()),
        "release": wheel.release,
        "validators": validators(handlers, covered),
    }


if __name__ == "__main__":
    json.dump(facts(Wheel(sys.argv[1])), sys.stdout, indent=1, sort_keys=True)
    print()
