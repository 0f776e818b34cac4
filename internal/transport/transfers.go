package transport

// Transfers say how artifacts that are kept behind the server go to and from its object storage without passing through
// it. A server says whether its operator wants them to.
type Transfers struct {
	// MultipartSize is how large a file must be to be uploaded in parts, and PartSize how large a part is, in bytes.
	MultipartSize, PartSize int64
	// Upload and Download turn them on where the server does not say that it wants them.
	Upload, Download bool
}
