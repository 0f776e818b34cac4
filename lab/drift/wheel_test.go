package drift

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The modules of a made-up wheel. Each of them would fail if it were run.
var modules = map[string]string{
	"server/handlers.py": `
raise SystemExit("handlers.py was run")
MAX_ITEMS = 7

def _get_metric_history():
    if max_results is not None and max_results <= 0: raise MlflowException("less")

def _assert_each(items):
    for index, item in enumerate(items):
        _assert_required(item.get("key"), path=f"items[{index}].key")

def _log_things():
    MAX_COUNT = 20
    message = _get_request_message(LogThings(), schema={
        "id": [_assert_string, _assert_required],
        "items": [_assert_array, _assert_each, lambda x: _assert_less_than_or_equal(len(x), MAX_ITEMS, message="no")],
        "count": [_assert_intlike, lambda x: _assert_intlike_within_range(int(x), 1, MAX_COUNT)],
    })

HANDLERS = {LogThings: _log_things, TestHook: _test_hook}
`,
	"utils/validation.py":        "MAX_KEY_LENGTH = 250\nMAX_BYTES = int(1e6)\n_PATTERN = 'x'\n",
	"store/tracking/__init__.py": "SEARCH_MAX_RESULTS_THRESHOLD = 50000\n",
	"store/tracking/sqlalchemy_store.py": `
class SqlAlchemyStore:
    def _validate_max_results_param(self, max_results):
        if max_results < 1: raise MlflowException("less")
        if max_results > SEARCH_MAX_RESULTS_THRESHOLD: raise MlflowException("more")

    def _search_experiments(self, max_results):
        self._validate_max_results_param(max_results)

    def _search_runs(self, max_results):
        if max_results > SEARCH_MAX_RESULTS_THRESHOLD: raise MlflowException("more")
`,
	"entities/lifecycle_stage.py": "class LifecycleStage:\n    ACTIVE = 'active'\n    DELETED = 'deleted'\n",
	"exceptions.py": `
ERROR_CODE_TO_HTTP_STATUS = {ErrorCode.Name(BAD_REQUEST): 400}

class MlflowException(Exception):
    def serialize_as_json(self):
        body = {"error_code": self.error_code, "message": self.message}
        if self.sqlstate is not None:
            body["sqlstate"] = self.sqlstate
`,
}

func TestFactsOfAWheel(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to read a wheel with")
	}
	wheel := maps.Clone(modules)
	wheel["protos/service_pb2.py"] = module(t, service())
	wheel["protos/databricks_pb2.py"] = module(t, errorCodes())
	wheel["protos/scalapb/scalapb_pb2.py"] = "raise SystemExit('not MLflow\\'s')"
	output, err := exec.CommandContext(t.Context(), python, "../python/facts.py", pack(t, wheel)).CombinedOutput()
	require.NoError(t, err, string(output))
	var facts Facts
	require.NoError(t, json.Unmarshal(output, &facts))
	assert.Equal(t, Facts{
		Release:        "9.8.7",
		Endpoints:      map[string][]string{"LogThings": {"POST /api/2.0/mlflow/runs/log-things"}},
		OtherEndpoints: []string{"TestHook"},
		Messages: map[string]map[string]string{
			"LogThings":          {"id": "string required", "items": "repeated Item", "count": "int32 default 20"},
			"LogThings.Response": {"kind": "LogThings.Kind"},
			"Item":               {"key": "string", "value": "double"},
		},
		Enums: map[string][]string{"LogThings.Kind": {"GOOD"}, "LifecycleStage": {"active", "deleted"}},
		Validators: map[string]string{
			"LogThings.id":          "required string",
			"LogThings.items":       "array each length_less_than_or_equal(7)",
			"LogThings.items[].key": "required",
			"LogThings.count":       "intlike intlike_within_range(1, 20)",
		},
		Limits: map[string]int{
			"MAX_KEY_LENGTH": 250, "MAX_BYTES": 1_000_000,
			"GetMetricHistory.max_results minimum":  1,
			"SearchExperiments.max_results minimum": 1, "SearchExperiments.max_results maximum": 50000,
			"SearchRuns.max_results maximum": 50000,
		},
		Errors:          map[string]int{"BAD_REQUEST": 400, "IO_ERROR": 500},
		ErrorProperties: []string{"error_code", "message", "sqlstate"},
	}, facts)
}

func service() *descriptorpb.FileDescriptorProto {
	required := &descriptorpb.FieldOptions{}
	required.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 51311, protowire.VarintType), 1))
	id := field("id", descriptorpb.FieldDescriptorProto_TYPE_STRING, "")
	id.Options = required
	items := field("items", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".mlflow.Item")
	items.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	count := field("count", descriptorpb.FieldDescriptorProto_TYPE_INT32, "")
	count.DefaultValue = proto.String("20")
	return &descriptorpb.FileDescriptorProto{
		Name: proto.String("service.proto"), Package: proto.String("mlflow"),
		MessageType: []*descriptorpb.DescriptorProto{
			{
				Name: proto.String("LogThings"), Field: []*descriptorpb.FieldDescriptorProto{id, items, count},
				NestedType: []*descriptorpb.DescriptorProto{{
					Name:  proto.String("Response"),
					Field: []*descriptorpb.FieldDescriptorProto{field("kind", descriptorpb.FieldDescriptorProto_TYPE_ENUM, ".mlflow.LogThings.Kind")},
				}},
				EnumType: []*descriptorpb.EnumDescriptorProto{enum("Kind", "GOOD")},
			},
			{Name: proto.String("Item"), Field: []*descriptorpb.FieldDescriptorProto{
				field("key", descriptorpb.FieldDescriptorProto_TYPE_STRING, ""),
				field("value", descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, ""),
			}},
			{Name: proto.String("Unused")},
		},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("MlflowService"), Method: []*descriptorpb.MethodDescriptorProto{
			method("LogThings", "/mlflow/runs/log-things"),
			method("TestHook", "/mlflow/hooks/test"),
			method("Unserved", "/mlflow/runs/unserved"),
		}}},
	}
}

func errorCodes() *descriptorpb.FileDescriptorProto {
	return &descriptorpb.FileDescriptorProto{
		Name: proto.String("databricks.proto"), Package: proto.String("mlflow"),
		EnumType: []*descriptorpb.EnumDescriptorProto{enum("ErrorCode", "BAD_REQUEST", "IO_ERROR")},
	}
}

func field(name string, kind descriptorpb.FieldDescriptorProto_Type, of string) *descriptorpb.FieldDescriptorProto {
	made := &descriptorpb.FieldDescriptorProto{
		Name: proto.String(name), Number: proto.Int32(1), Type: kind.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
	if of != "" {
		made.TypeName = proto.String(of)
	}
	return made
}

func enum(name string, values ...string) *descriptorpb.EnumDescriptorProto {
	made := &descriptorpb.EnumDescriptorProto{Name: proto.String(name)}
	for number, value := range values {
		made.Value = append(made.Value, &descriptorpb.EnumValueDescriptorProto{Name: proto.String(value), Number: proto.Int32(int32(number))})
	}
	return made
}

// method has one endpoint, in the extension that MLflow declares for it.
func method(name, path string) *descriptorpb.MethodDescriptorProto {
	text := func(to []byte, field protowire.Number, value string) []byte {
		return protowire.AppendString(protowire.AppendTag(to, field, protowire.BytesType), value)
	}
	since := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2)
	endpoint := text(text(text(nil, 1, "POST"), 2, path), 3, string(since))
	options := &descriptorpb.MethodOptions{}
	options.ProtoReflect().SetUnknown(text(nil, 51310, string(text(nil, 1, string(endpoint)))))
	return &descriptorpb.MethodDescriptorProto{Name: proto.String(strings.ToLower(name)), InputType: proto.String(".mlflow." + name), Options: options}
}

// module is a generated module, as far as it matters.
func module(t *testing.T, file *descriptorpb.FileDescriptorProto) string {
	t.Helper()
	content, err := proto.Marshal(file)
	require.NoError(t, err)
	var literal strings.Builder
	for _, b := range content {
		fmt.Fprintf(&literal, `\x%02x`, b)
	}
	return "raise SystemExit('a module was run')\nDESCRIPTOR = _pool.Default().AddSerializedFile(b'" + literal.String() + "')\n"
}

func pack(t *testing.T, modules map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mlflow-9.8.7-py3-none-any.whl")
	file, err := os.Create(path)
	require.NoError(t, err)
	archive := zip.NewWriter(file)
	for name, content := range modules {
		entry, err := archive.Create("mlflow/" + name)
		require.NoError(t, err)
		_, err = entry.Write([]byte(content))
		require.NoError(t, err)
	}
	_, err = archive.Create("mlflow-9.8.7.dist-info/METADATA")
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	require.NoError(t, file.Close())
	return path
}
