package artifacts

// SetParts makes a client send files from a size on in parts, of another size.
func SetParts(c *Client, from, size int64) {
	c.transfers.MultipartSize, c.transfers.PartSize = from, size
}
