// Bench measures what the library costs, beside two other clients that send the same requests to the same server, which
// responds at once:
//
//   - plain: net/http and encoding/json on structs written by hand, with a time limit for each request, as the library has
//     one. It checks nothing but the status.
//   - floor: the plain client without JSON. It sends bytes that were made before, and throws the response away.
//
// Usage:
//
//	go -C lab run ./bench table [-rounds 30] [-slice 50ms] [-only REGEXP]
//	go -C lab run ./bench growth [-most 1000000] [-plot FILE.svg]
//
// table prints a table in Markdown. The three clients take turns in short rounds, so that a machine that is busy for a
// while slows all of them, and each ratio is one of the same round. First there is no network: an http.RoundTripper responds.
// Then the server is a process of its own, on the loopback interface.
//
// growth prints time and memory per item for 1,000 items, 10,000 and so on, each measured in a process of its own, and
// plots them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	command, args := strings.Join(args[:min(1, len(args))], ""), args[min(1, len(args)):]
	flags := flag.NewFlagSet(command, flag.ExitOnError)
	switch command {
	case "table":
		rounds := flags.Int("rounds", 30, "of each operation")
		slice := flags.Duration("slice", 50*time.Millisecond, "the share of each client in a round, at least one call")
		only := flags.String("only", "", "measure the operations whose name matches")
		_ = flags.Parse(args) // exits
		chosen, err := regexp.Compile(*only)
		if err != nil {
			return err
		}
		return table(ctx, chosen, *rounds, *slice)
	case "growth":
		most := flags.Int("most", 1_000_000, "items")
		file := flags.String("plot", "", "write a plot to this SVG file")
		_ = flags.Parse(args) // exits
		return growth(ctx, *most, *file)
	case "point": // for the program's own use: one call, measured in its own process
		return printPoint(ctx, strings.Join(args, " "))
	case "serve": // for the program's own use: the server, until standard input ends
		return serve(ctx)
	}
	return fmt.Errorf("%q is no command: table and growth are; see go -C lab doc ./bench", command)
}
