package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-go/mlflow/lab/program"
)

// An answerer responds to requests whose path begins with the number of an operation.
type answerer []operation

// respond reads a request and returns the response in two parts, so that a large one need not be copied.
func (a answerer) respond(r *http.Request) (head, tail string, err error) {
	number, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	i, err := strconv.Atoi(number)
	if err != nil || i >= len(a) {
		return "", "", fmt.Errorf("no operation %q", number)
	}
	token, err := pageToken(r, a[i].pages > 1)
	if err != nil {
		return "", "", err
	}
	if next := token + 1; next < a[i].pages {
		return a[i].head(), fmt.Sprintf(",\n  \"next_page_token\": \"%d\"\n}", next), nil
	}
	return a[i].head(), "}", nil
}

// pageToken returns the token of a request, which is the number of a page, and reads the body.
func pageToken(r *http.Request, paged bool) (int, error) {
	token := r.URL.Query().Get("page_token")
	if r.Body != nil && paged {
		var body plainSearchRuns
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil && err != io.EOF {
			return 0, err
		}
		token += body.PageToken
	}
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return 0, err
		}
	}
	if token == "" {
		return 0, nil
	}
	return strconv.Atoi(token)
}

// RoundTrip responds without a network.
func (a answerer) RoundTrip(r *http.Request) (*http.Response, error) {
	head, tail, err := a.respond(r)
	if r.Body != nil {
		_ = r.Body.Close() // as a RoundTripper must
	}
	if err != nil {
		return nil, err
	}
	// Of a MultiReader itself, io.Copy would use the method WriteTo, which makes a buffer of 32 KB each time.
	body := struct{ io.Reader }{io.MultiReader(strings.NewReader(head), strings.NewReader(tail))}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(head) + len(tail)),
		Body:          io.NopCloser(body),
		Request:       r,
	}, nil
}

// ServeHTTP responds over a network.
func (a answerer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head, tail, err := a.respond(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+len(tail)))
	_, _ = io.WriteString(w, head) // if it fails, the client tells
	_, _ = io.WriteString(w, tail)
}

// Serve responds on a free port, which it prints, until standard input ends.
func Serve(ctx context.Context, _ []string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	server := &http.Server{Handler: answerer(operations()), ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// startServer starts the server in a process of its own, and returns its address. It ends with stop, or with this process.
func startServer(ctx context.Context) (uri string, stop func() error, err error) {
	cmd, err := program.Self(ctx, "bench-server")
	if err != nil {
		return "", nil, err
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error {
		_ = in.Close()
		return cmd.Wait()
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return "", nil, fmt.Errorf("the server does not start: %w", stop())
	}
	return lines.Text(), stop, nil
}
