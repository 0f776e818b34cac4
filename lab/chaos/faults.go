package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// A toxic is a fault of toxiproxy's, in the words of its API.
type toxic struct {
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`   // upstream: requests, downstream: responses
	Toxicity   float64        `json:"toxicity"` // the share of connections that have it
	Attributes map[string]int `json:"attributes"`
}

// faults make a toxic with attributes of their own kind. Times are in milliseconds.
var faults = []func(*rand.Rand) toxic{
	func(r *rand.Rand) toxic { // cut before the request arrives, or before the response does
		return toxic{"reset_peer", either(r), 1, map[string]int{"timeout": r.IntN(300)}}
	},
	func(r *rand.Rand) toxic { // data vanishes, and the connection is closed later or never
		return toxic{"timeout", either(r), 1, map[string]int{"timeout": r.IntN(2) * (1 + r.IntN(1500))}}
	},
	func(r *rand.Rand) toxic { // cut anywhere in the request
		return toxic{"limit_data", "upstream", 1, map[string]int{"bytes": r.IntN(5000)}}
	},
	func(r *rand.Rand) toxic { // cut anywhere in the response
		return toxic{"limit_data", "downstream", 1, map[string]int{"bytes": r.IntN(600)}}
	},
	func(r *rand.Rand) toxic {
		return toxic{"slow_close", either(r), 1, map[string]int{"delay": r.IntN(3000)}}
	},
	func(r *rand.Rand) toxic {
		return toxic{"bandwidth", either(r), 1, map[string]int{"rate": 1 + r.IntN(20)}}
	},
	func(r *rand.Rand) toxic {
		return toxic{"latency", "downstream", 1, map[string]int{"latency": r.IntN(3000)}}
	},
	func(r *rand.Rand) toxic {
		return toxic{"latency", "upstream", 1, map[string]int{"latency": r.IntN(800)}}
	},
}

// stalls make a toxic that outlasts the client's patience. Responses are late, or never come; requests never come, but
// are not late: no client can guard against one that arrives after everything else.
var stalls = []func(*rand.Rand) toxic{
	func(r *rand.Rand) toxic {
		return toxic{"timeout", either(r), 1, map[string]int{"timeout": 0}}
	},
	func(*rand.Rand) toxic {
		return toxic{"latency", "downstream", 1, map[string]int{"latency": 2 * int(timeout.Milliseconds())}}
	},
}

func either(r *rand.Rand) string { return []string{"upstream", "downstream"}[r.IntN(2)] }

// A proxy is the connection to the server, through toxiproxy.
type proxy struct {
	toxi   *toxiproxy.Proxy
	counts map[string]int // of the faults there were
}

func newProxy(server string) (*proxy, error) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics log past the logger that they are given
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &proxy{toxi: toxiproxy.NewProxy(api, "mlflow", "127.0.0.1:0", server), counts: make(map[string]int)}
	return p, p.toxi.Start()
}

func (p *proxy) uri() string { return "http://" + p.toxi.Listen }

// trouble makes faults, with short rests between them, until ctx ends. It leaves a healthy connection.
func (p *proxy) trouble(ctx context.Context, r *rand.Rand) error {
	for n := 0; ctx.Err() == nil; n++ {
		wait(ctx, between(r, 50, 800))
		var err error
		switch r.IntN(8) {
		case 0:
			err = p.cut(ctx, between(r, 0, 1200))
		case 1: // some connections exhaust the client's patience
			t := stalls[r.IntN(len(stalls))](r)
			t.Toxicity = 0.1 + 0.4*r.Float64()
			err = p.poison(ctx, t, timeout+between(r, 200, 1500))
		default:
			t := faults[r.IntN(len(faults))](r)
			t.Toxicity = 0.3 + 0.7*r.Float64()
			err = p.poison(ctx, t, between(r, 200, 2000))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cut closes all connections and refuses new ones for a while.
func (p *proxy) cut(ctx context.Context, duration time.Duration) error {
	p.counts["cut"]++
	p.toxi.Stop()
	wait(ctx, duration)
	return p.toxi.Start()
}

// poison has a toxic for a while.
func (p *proxy) poison(ctx context.Context, t toxic, duration time.Duration) error {
	p.counts[t.Type]++
	wish, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return promptly(fmt.Sprintf("toxiproxy, with %s,", wish), func() error {
		added, err := p.toxi.Toxics.AddToxicJson(bytes.NewReader(wish))
		if err != nil {
			return err
		}
		wait(ctx, duration)
		return p.toxi.Toxics.RemoveToxic(context.WithoutCancel(ctx), added.Name)
	})
}

// promptly fails if something that is not under test hangs.
func promptly(what string, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		return errors.New(what + " hangs")
	}
}

func (p *proxy) String() string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(p.counts)) {
		text = append(text, fmt.Sprintf("%s %d", name, p.counts[name]))
	}
	return strings.Join(text, ", ")
}

// between returns a time between two numbers of milliseconds.
func between(r *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+r.IntN(most-least)) * time.Millisecond
}

func wait(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}
