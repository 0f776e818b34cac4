package transport

import "net/http"

// HTTPTransport returns the transport of a client that was given none.
func (c *Client) HTTPTransport() *http.Transport { return c.http.Transport.(*http.Transport) }
