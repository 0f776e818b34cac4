// Package artifacts moves the files of MLflow's runs: models, plots, checkpoints. Its [Client] is made by the Artifacts
// method of mlflow.Client:
//
//	files := client.Artifacts()
//	err := files.LogArtifacts(ctx, runID, "model", os.DirFS("out/model"))
//	...
//	err = os.CopyFS("copy", files.FS(ctx, runID))
//
// Files are never held in memory, whatever their length. What is stored and what is read is verified by size.
//
// # Storage
//
// A run says where its artifacts are, and the package does what the server offers for that place:
//
//   - Behind the server (mlflow-artifacts:, the default): everything works, on every release. If the operator wants
//     files to pass by the server, large ones go in parts to its object storage, and all come from there (MLflow 3.15
//     and later say so). If the storage cannot be reached, they go through the server.
//   - In object storage, or a folder, that the server is not in front of (s3:, gs:, file: and so on): lists and
//     downloads go through the server. Uploads need a server that makes presigned URLs, as MLflow 3.12 and later do for
//     S3; other servers take files of 1 byte to 10 MiB. All else is [tracking.ErrUnsupported], and so is
//     DeleteArtifact. Nothing is ever written to a folder of the client's own machine because a server names it.
//
// How large a file must be to go in parts, and how large a part is, are settings of the environment, without an option:
// MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE and MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE.
//
// Hosts of presigned URLs, and a host that the artifact URI of a run names, are sent no credentials, no configured
// headers, no workspace, no cookies, and nothing that a request editor adds, unless the host is that of the tracking
// URI.
//
// # Paths
//
// Paths are relative, with slashes. Spaces, Unicode and most other characters arrive as they are. Refused with the
// reason, before anything is sent, is what MLflow would refuse or store under another name: empty segments, "." and
// "..", absolute paths, "#", "%", control characters such as tabs and newlines, "?" and ";" at the end of a segment,
// and text that is not UTF-8.
//
// # Errors
//
// Errors are, or wrap, a [*tracking.Error], and match the sentinels of package tracking. Those of [Client.FS] are
// [*fs.PathError], and match the errors of package fs. A server that was started without serving artifacts is
// [tracking.ErrUnsupported].
//
// # Time limits and retries
//
// A transfer may take any time as long as it moves: WithTimeout limits how long nothing may move. Time that the reader
// or the caller takes does not count. Requests are retried as package tracking describes, since all may run twice.
// Content that can be read again is sent again, from its beginning; a download that was cut continues where it was cut,
// if the server can send a part of a file.
package artifacts
