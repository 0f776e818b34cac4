package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// account is who runs PostgreSQL in place of root. Debian's package makes it.
const account = "postgres"

// A database is a PostgreSQL server of our own; nil is none.
type database struct {
	dir     string
	port    int
	process *process
}

// startPostgres starts a fresh PostgreSQL server.
func startPostgres(ctx context.Context) (*database, error) {
	bin, err := installPostgres(ctx)
	if err != nil {
		return nil, err
	}
	// Not in .mlflow: PostgreSQL refuses to run as root, and the account that it
	// gets instead may have no way into the checkout.
	dir, err := os.MkdirTemp("", "mlflow-postgres-")
	if err != nil {
		return nil, err
	}
	d := &database{dir: dir}
	if err := d.start(ctx, bin); err != nil {
		return nil, errors.Join(fmt.Errorf("PostgreSQL: %w", err), d.stop())
	}
	return d, nil
}

func (d *database) start(ctx context.Context, bin string) error {
	if os.Geteuid() == 0 {
		if _, err := output(ctx, exec.Command("chown", account, d.dir)); err != nil {
			return err
		}
	}
	data := filepath.Join(d.dir, "data")
	if _, err := output(ctx, d.command(bin, "initdb", "-D", data, "-U", "mlflow",
		"--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")); err != nil {
		return err
	}
	var err error
	if d.port, err = freePort(); err != nil {
		return err
	}
	logFile := filepath.Join(d.dir, "postgres.log")
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	port := strconv.Itoa(d.port)
	cmd := d.command(bin, "postgres", "-D", data, "-h", "127.0.0.1", "-p", port,
		"-c", "unix_socket_directories=", "-c", "fsync=off")
	cmd.Stdout, cmd.Stderr = log, log
	if d.process, err = startProcess(cmd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready within %s", startTimeout))
	defer cancel()
	for {
		if _, err := output(ctx, d.command(bin, "pg_isready", "-h", "127.0.0.1", "-p", port)); err == nil {
			return nil
		}
		select {
		case <-d.process.done:
			return fmt.Errorf("%w:\n%s", d.process.err, indent(lastLines(logFile, 15)))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// command returns one of PostgreSQL's programs, run as whoever owns the data.
func (d *database) command(bin, name string, args ...string) *exec.Cmd {
	args = append([]string{filepath.Join(bin, name)}, args...)
	if os.Geteuid() == 0 {
		args = append([]string{"setpriv", "--reuid", account, "--regid", account, "--init-groups", "--"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = d.dir
	return cmd
}

func (d *database) uri() string {
	return "postgresql://mlflow@" + address(d.port) + "/postgres"
}

// stop ends the database server and removes its data.
func (d *database) stop() error {
	if d == nil {
		return nil
	}
	if d.process != nil {
		d.process.stop()
	}
	return os.RemoveAll(d.dir)
}

// installPostgres returns the folder with PostgreSQL's programs. On Debian, root
// gets them installed; nobody else is asked for a password in the middle of a test.
func installPostgres(ctx context.Context) (string, error) {
	if bin := findPostgres(); bin != "" {
		return bin, nil
	}
	aptGet, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return "", errors.New("PostgreSQL's server is not installed (looked for initdb in /usr/lib/postgresql/*/bin and PATH): install the package postgresql")
	}
	for _, args := range [][]string{{"update"}, {"install", "--yes", "--no-install-recommends", "postgresql"}} {
		cmd := exec.Command(aptGet, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if _, err := output(ctx, cmd); err != nil {
			return "", err
		}
	}
	if bin := findPostgres(); bin != "" {
		return bin, nil
	}
	return "", errors.New("the package postgresql did not bring /usr/lib/postgresql/*/bin/initdb")
}

// findPostgres returns the folder with initdb and the rest, or nothing.
func findPostgres() string {
	// Debian keeps the programs of each version out of PATH.
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well-formed
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return ""
	}
	// Where PATH has a link to one program, the others need not be beside it.
	if target, err := filepath.EvalSymlinks(initdb); err == nil {
		initdb = target
	}
	return filepath.Dir(initdb)
}
