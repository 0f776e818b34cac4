package mlflowtest

import (
	"regexp"
	"strings"
)

// A token is a part of a filter or of an order.
type token struct {
	kind  tokenKind
	text  string // as it is written
	space string // what is before it
}

type tokenKind int

const (
	tokenIdentifier tokenKind = iota // metrics.loss, attributes."start_time", or text in double quotes or backticks
	tokenInteger
	tokenFloat
	tokenText // in single quotes
	tokenList // ('a', 'b')
	tokenComparison
	tokenWord // AND, IS, IN, NULL, NOT, ASC, DESC
	tokenOther
)

var (
	integerPattern    = regexp.MustCompile(`^-?\d+`)
	decimalPattern    = regexp.MustCompile(`^-?(\d+\.\d*|\.\d+)`)
	scientificPattern = regexp.MustCompile(`^-?\d+(\.\d+)?[eE]-?\d+`)
	likePattern       = regexp.MustCompile(`^(?i:(NOT\s+)?(LIKE|ILIKE|RLIKE))\b`)
	symbolPattern     = regexp.MustCompile(`^[<>=~!]+`)
	wordPattern       = regexp.MustCompile(`^(?i:AND|IS|IN|NULL|NOT|ASC|DESC)(?:[^\pL\pN_.]|$)`)
	namePattern       = regexp.MustCompile(`^[\pL_][\pL\pN_$#]*`)
	digitNamePattern  = regexp.MustCompile(`^\d+[\pL_][\pL\pN_$#]*`) // only after a dot
	listPattern       = regexp.MustCompile(`^\((?:[^'"()]|'[^']*'|"[^"]*")*\)`)
	keywordPattern    = regexp.MustCompile(`^(?i:parameters?)\s*\.\d`) // words of SQL are names only before another name
	dotPattern        = regexp.MustCompile(`^\s*\.`)
	spacePattern      = regexp.MustCompile(`^\s+`)
	afterNumber       = regexp.MustCompile(`^[\pL_]`)
)

// tokenize divides a filter or an order into tokens. Space is not a token.
func tokenize(text string) []token {
	var tokens []token
	for {
		space := spacePattern.FindString(text)
		if text = text[len(space):]; text == "" {
			return tokens
		}
		kind, written := firstToken(text)
		tokens = append(tokens, token{kind, written, space})
		text = text[len(written):]
	}
}

// firstToken returns the kind and the text of the token that text begins with.
func firstToken(text string) (tokenKind, string) {
	if operator := likePattern.FindString(text); operator != "" { // NOT LIKE is one, though none that is allowed
		return tokenComparison, operator
	}
	if word := wordPattern.FindString(text); word != "" {
		return tokenWord, strings.TrimRightFunc(word, func(r rune) bool { return !isWord(r) })
	}
	if identifier := identifier(text); identifier != "" {
		return tokenIdentifier, identifier
	}
	if scientific := scientificPattern.FindString(text); scientific != "" {
		return tokenFloat, scientific
	}
	if decimal := decimalPattern.FindString(text); decimal != "" && !afterNumber.MatchString(text[len(decimal):]) {
		return tokenFloat, decimal
	}
	if whole := integerPattern.FindString(text); whole != "" && !afterNumber.MatchString(text[len(whole):]) {
		return tokenInteger, whole
	}
	if quoted := quotedText(text, '\''); quoted != "" {
		return tokenText, quoted
	}
	if symbol := symbolPattern.FindString(text); symbol != "" {
		return tokenComparison, symbol
	}
	if list := listPattern.FindString(text); list != "" {
		return tokenList, list
	}
	return tokenOther, text
}

// identifier returns the names with dots between them that text begins with.
func identifier(text string) string {
	at := len(namePattern.FindString(text))
	if at == 0 {
		at = len(quotedText(text, '"')) + len(quotedText(text, '`'))
	}
	if keywordPattern.MatchString(text) {
		return ""
	}
	for at > 0 {
		dot := dotPattern.FindString(text[at:])
		if dot == "" {
			break
		}
		at += len(dot) // it may be the last, or come before another
		rest := text[at:]
		name := namePattern.FindString(rest) + digitNamePattern.FindString(rest) +
			quotedText(rest, '"') + quotedText(rest, '`') + quotedText(rest, '\'')
		at += len(name)
	}
	return text[:at]
}

// quotedText returns the quoted text that text begins with, its quotes included. A quote that is doubled, or that a
// backslash is before, does not end it, unless none else does.
func quotedText(text string, quote byte) string {
	if text == "" || text[0] != quote {
		return ""
	}
	end := -1
	for at := 1; at < len(text); at++ {
		switch {
		case text[at] == '\\' && quote != '`' && at+1 < len(text) && text[at+1] == quote:
			at++
			end = at
		case text[at] != quote:
		case at+1 < len(text) && text[at+1] == quote:
			end = at
			at++
		default:
			return text[:at+1]
		}
	}
	return text[:end+1]
}
