package load

import (
	"slices"
	"time"

	"github.com/prometheus/procfs"
)

// tick is the unit of processor time in /proc.
const tick = 10 * time.Millisecond

// cpuTime returns the processor time that processes and all below them have used, those included that have ended. Not
// by process group: each of PostgreSQL's processes has its own.
func cpuTime(roots ...int) (time.Duration, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	stats := make(map[int]procfs.ProcStat)
	children := make(map[int][]int)
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil {
			continue // it has just ended, and counts for its parent
		}
		stats[p.PID] = stat
		children[stat.PPID] = append(children[stat.PPID], p.PID)
	}
	var ticks int
	for todo := slices.Clone(roots); len(todo) > 0; todo = todo[1:] {
		stat := stats[todo[0]]
		ticks += int(stat.UTime+stat.STime) + stat.CUTime + stat.CSTime
		todo = append(todo, children[todo[0]]...)
	}
	return time.Duration(ticks) * tick, nil
}
