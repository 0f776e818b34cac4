//go:build !unix

package program

import (
	"os"
	"time"
)

// CPU returns 0: the system does not say.
func CPU() time.Duration { return 0 }

// PeakMemory returns 0: the system does not say.
func PeakMemory(*os.ProcessState) int64 { return 0 }
