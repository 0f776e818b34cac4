package artifacts

// A LogArtifactOption configures LogArtifact or LogArtifacts.
type LogArtifactOption interface{ apply(s *logSettings) }

// logSettings are what options set.
type logSettings struct {
	progress    func(done, total int64)
	parallelism int
}

type logOption func(*logSettings)

func (o logOption) apply(s *logSettings) { o(s) }

func newLogSettings(opts []LogArtifactOption) logSettings {
	s := logSettings{parallelism: 4}
	for _, option := range opts {
		option.apply(&s)
	}
	return s
}

// WithProgress sets a function that is called with how many bytes were sent, of how many: in one call at a time, and never less
// than in the call before, whatever is sent again. The total is -1 if it is not known. It should return soon: the
// upload waits.
func WithProgress(report func(done, total int64)) LogArtifactOption {
	return logOption(func(s *logSettings) { s.progress = report })
}

// WithParallelism sets how many files, or parts of a file, are sent at the same time: 4 by default, and at most 64.
func WithParallelism(n int) LogArtifactOption {
	return logOption(func(s *logSettings) { s.parallelism = n })
}

func (s *logSettings) check(method string) error {
	if s.parallelism < 1 || s.parallelism > 64 {
		return invalid(method, "WithParallelism: %d is not from 1 to 64", s.parallelism)
	}
	return nil
}
