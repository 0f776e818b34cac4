package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

func parseInt(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a whole number from %d to %d", text, least, most)
	}
	return n, nil
}

// parseRetries returns the number of attempts: the first one comes before all retries.
func parseRetries(text string) (int, error) {
	retries, err := parseInt(text, 0, 10)
	return retries + 1, err
}

func parsePoolSize(text string) (int, error) { return parseInt(text, 1, 10_000) }

func parseSeconds(text string) (time.Duration, error) {
	const most = 365 * 24 * 3600
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(n >= 0 && n <= most) { // NaN is neither
		return 0, fmt.Errorf("%q is not a number of seconds", text)
	}
	return time.Duration(n * float64(time.Second)), nil
}

// parseTimeout refuses zero, which requests, and so Python's client, refuses too, and what is next to it: no server is as
// fast, and a time that rounds to zero would mean no limit.
func parseTimeout(text string) (time.Duration, error) {
	limit, err := parseSeconds(text)
	if err == nil && limit < time.Millisecond {
		return 0, fmt.Errorf("%q is less than a millisecond; only WithTimeout can turn the limit off", text)
	}
	return limit, err
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is not one of true, false, 1 and 0", text)
}

// parseToken accepts any text; a token that cannot be sent is reported only if it is used.
func parseToken(text string) (bearer, error) { return bearer{token: text}, nil }
