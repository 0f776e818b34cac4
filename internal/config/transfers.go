package config

import "github.com/mlflow-go/mlflow/internal/transport"

const (
	envMultipartSize     = "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"
	envMultipartPart     = "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"
	envMultipartUpload   = "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"
	envMultipartDownload = "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"
)

// ResolveTransfers returns what the environment says about the transfer of artifacts, or all that is wrong with it. Its
// variables are those of Python's client, and so are the defaults.
func ResolveTransfers(machine Machine) (transport.Transfers, []error) {
	var p problems
	e := environment{machine.Getenv, &p}
	parseSize := func(text string) (int, error) { return parseInt(text, 1, 1<<31-1) }
	return transport.Transfers{
		MultipartSize: int64(variable(e, envMultipartSize, parseSize).or(Set(500<<20, "")).v),
		PartSize:      int64(variable(e, envMultipartPart, parseSize).or(Set(10<<20, "")).v),
		Upload:        variable(e, envMultipartUpload, parseBool).v,
		Download:      variable(e, envMultipartDownload, parseBool).v,
	}, p
}
