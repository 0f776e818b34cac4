package config

const (
	envMultipartSize     = "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"
	envMultipartPart     = "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"
	envMultipartUpload   = "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"
	envMultipartDownload = "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"
)

// Artifacts are the settings of artifacts.Config, whose fields have the same names. Zero stands for the default there.
type Artifacts struct {
	MultipartSize, PartSize            int64
	MultipartUpload, MultipartDownload bool
}

// artifacts returns what the environment says about artifacts, by the variables of Python's client.
func (e environment) artifacts() Artifacts {
	parseSize := func(text string) (int64, error) {
		n, err := parseInt(text, 1, 1<<31-1)
		return int64(n), err
	}
	return Artifacts{
		MultipartSize:     variable(e, envMultipartSize, parseSize).v,
		PartSize:          variable(e, envMultipartPart, parseSize).v,
		MultipartUpload:   variable(e, envMultipartUpload, parseBool).v,
		MultipartDownload: variable(e, envMultipartDownload, parseBool).v,
	}
}
