package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"

	"github.com/mlflow-go/mlflow/internal/redact"
)

// ofHeaders returns the secrets of headers.
func ofHeaders(namesAndValues ...string) redact.Secrets {
	secrets := make(redact.Secrets)
	for i := 0; i < len(namesAndValues); i += 2 {
		secrets.AddHeader(namesAndValues[i], namesAndValues[i+1:i+2])
	}
	return secrets
}

func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

func TestSecretsHavePartsOfCredentials(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		name, value, quoted string
	}{
		"a token":                       {"Authorization", "Bearer s3cret", "s3cret"},
		"a password":                    {"Authorization", basic("ada", "s3cret"), "s3cret"},
		"a user name and password":      {"Authorization", basic("ada", "s3cret"), "ada:s3cret"},
		"base64":                        {"Authorization", basic("ada", "s3cret"), base64.StdEncoding.EncodeToString([]byte("ada:s3cret"))},
		"base64 without padding":        {"Authorization", basic("ada", "s3cret"), base64.RawStdEncoding.EncodeToString([]byte("ada:s3cret"))},
		"base64 for URLs":               {"Authorization", basic("ada", "s3cret??>>"), base64.URLEncoding.EncodeToString([]byte("ada:s3cret??>>"))},
		"behind a scheme":               {"Authorization", "Key s3cret", "s3cret"},
		"behind a scheme in any header": {"X-Api-Key", "Key s3cret", "s3cret"},
		"a password in any header":      {"X-Auth", basic("ada", "s3cret"), "s3cret"},
		"a parameter":                   {"Authorization", `Token realm="x", token="s3cret"`, "s3cret"},
		"a signature":                   {"Authorization", "AWS4-HMAC-SHA256 Credential=a/b, Signature=s3cret", "s3cret"},
		"for a proxy":                   {"Proxy-Authorization", "Bearer s3cret", "s3cret"},
		"a password for a proxy":        {"Proxy-Authorization", basic("ada", "s3cret"), "s3cret"},
		"a cookie":                      {"Cookie", "theme=dark; session=s3cret; x=y", "s3cret"},
		"a quoted cookie":               {"Cookie", `session="s3cret"`, "s3cret"},
		"an encoded cookie":             {"Cookie", "session=s%3As3cret+x", "s:s3cret x"},
		"a header":                      {"X-Planted", "s3cret", "s3cret"},
		"a header with spaces around":   {"X-Planted", " s3cret ", "s3cret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrets := ofHeaders(tt.name, tt.value)
			assert.Equal(t, "<html>denied: [redacted]!", secrets.Mask("<html>denied: "+tt.quoted+"!"))
		})
	}
}

// spellings are ways to write a text inside of another.
var spellings = map[string]func(string) string{
	"verbatim": func(s string) string { return s },
	"JSON": func(s string) string {
		text, _ := json.Marshal(s)
		return string(text)
	},
	"JSON in ASCII": func(s string) string { return strings.Trim(strconv.QuoteToASCII(s), `"`) },
	"JSON of PHP":   func(s string) string { return strings.ReplaceAll(strconv.Quote(s), "/", `\/`) },
	"JSON, each character": func(s string) string {
		var text strings.Builder
		for _, r := range s {
			fmt.Fprintf(&text, `\u%04X`, r)
		}
		return text.String()
	},
	"quoted by Go":   strconv.Quote,
	"a form":         url.QueryEscape,
	"a path":         url.PathEscape,
	"lower-case hex": func(s string) string { return strings.ToLower(url.QueryEscape(s)) },
	"percent, each":  func(s string) string { return fmt.Sprintf(strings.Repeat("%%%02x", len(s)), bytesOf(s)...) },
	"HTML":           html.EscapeString,
	"HTML, named": func(s string) string {
		return strings.NewReplacer("<", "&lt;", "&", "&amp;", "é", "&eacute;", `"`, "&quot;").Replace(s)
	},
	"HTML, decimal":    func(s string) string { return entities("&#%d;", s) },
	"HTML, hex":        func(s string) string { return entities("&#x%x;", s) },
	"HTML, upper-case": func(s string) string { return entities("&#X%04X;", s) },
	"JSON in JSON":     func(s string) string { return strconv.Quote(strconv.Quote(s)) },
	"HTML in JSON":     func(s string) string { return strconv.Quote(html.EscapeString(s)) },
	"a URL in HTML":    func(s string) string { return html.EscapeString(url.QueryEscape(s)) },
	"Latin-1 in JSON": func(s string) string {
		var text strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&text, `\u%04x`, s[i])
		}
		return text.String()
	},
}

func bytesOf(s string) []any {
	all := make([]any, 0, len(s))
	for i := range len(s) {
		all = append(all, s[i])
	}
	return all
}

func entities(format, s string) string {
	var text strings.Builder
	for _, r := range s {
		fmt.Fprintf(&text, format, r)
	}
	return text.String()
}

func TestMaskFindsEverySpelling(t *testing.T) {
	t.Parallel()
	for name, spell := range spellings {
		for _, secret := range []string{"s3cret", "é<w/o>&+ %41\"'\\n=", "p&amp;q%20r", "a+b", "x y", "pé"} {
			t.Run(name+" "+secret, func(t *testing.T) {
				t.Parallel()
				if name == "lower-case hex" {
					secret = strings.ToLower(secret)
				}
				for _, secrets := range []redact.Secrets{ofHeaders("Authorization", basic("ada", secret)), ofHeaders("X-Planted", secret)} {
					masked := secrets.Mask("<p>(" + spell(secret) + ")</p>")
					assert.Equal(t, "<p>([redacted])</p>", strings.NewReplacer(`"`, "", `\"`, "").Replace(masked))
				}
			})
		}
	}
}

func TestMaskFindsShortSecretAsWord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ secret, page, want string }{
		{"abc", "wrong password abc", "wrong password [redacted]"},
		{"abc", "abc, or 'abc' or bob:abc.", "[redacted], or '[redacted]' or bob:[redacted]."},
		{"abc", "abcd, xabc, abc_d, abcé, 1abc", "abcd, xabc, abc_d, abcé, 1abc"},
		{"abc", "?password=%61bc&x=1", "?password=[redacted]&x=1"},
		{"x", "x is not y, nor xx", "[redacted] is not y, nor xx"},
		{"é", "é is not e, nor éé", "[redacted] is not e, nor éé"},
		{"<>", "tag <> and &lt;&gt;", "tag [redacted] and [redacted]"},
		{"2", "api/2.0 says 2, not 2.5. It is 2.", "api/2.0 says [redacted], not 2.5. It is [redacted]."},
		{"12345", "1123456", "1[redacted]6"},
	} {
		for _, secrets := range []redact.Secrets{
			ofHeaders("Authorization", basic("ada", tt.secret)), ofHeaders("Authorization", "Bearer "+tt.secret),
			ofHeaders("X-Planted", tt.secret), ofHeaders("Cookie", "a="+tt.secret),
		} {
			assert.Equal(t, tt.want, secrets.Mask(tt.page), "secret %q", tt.secret)
		}
	}
}

// A response that is cut off, by a server or by us, may end within a secret.
func TestMaskStartLeavesNoPartOfSecret(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s3cret!", 2000)
	text := ofHeaders("X-Planted", secret).MaskStart([]byte(strings.Repeat(secret+" ", 100)))
	assert.NotContains(t, text, "s3cret")
	assert.Less(t, len(text), 300)

	text = ofHeaders("X-Planted", "s3cret").MaskStart([]byte(strings.Repeat("é", 125) + "s3cret" + strings.Repeat("é", 500)))
	assert.Equal(t, strings.Repeat("é", 125)+"[redac…", text)
}

// What takes a time that grows faster than the page is a way to stop a client.
func TestMaskStartIsQuickOnHostilePages(t *testing.T) {
	t.Parallel()
	headers := []string{"Cookie", "a=" + strings.Repeat("a", 4000) + "b"}
	for i := range 20 {
		headers = append(headers, fmt.Sprint("X-", i), strings.Repeat("a", 1000+i))
	}
	for _, piece := range []string{"a", "a ", `\`, "%", "&", "+", `\u0061`, "%61", "&#x61;", `\\u0061%2561&amp;#x61;+`, "%25%35%63u0061", "\xff"} {
		start := time.Now()
		_ = ofHeaders(headers...).MaskStart([]byte(strings.Repeat(piece, 64<<10/len(piece))))
		assert.Less(t, time.Since(start), 10*time.Second, "%q", piece)
	}
}

func FuzzMaskStart(f *testing.F) {
	for _, spell := range spellings {
		f.Add("<p>"+spell("s3cret é")+"</p>", "s3cret é")
	}
	f.Add(`\u\ud83d\u&#;&x%%2+`, "+%25")
	placeholder := "[redacted]"
	f.Fuzz(func(t *testing.T, page, secret string) {
		secret = strings.Trim(secret, " \t")
		if len(secret) < 5 || strings.ContainsFunc(secret, unicode.IsControl) {
			t.Skip("a short secret, or none that can be sent")
		}
		if strings.ContainsAny(secret, "[]…") || strings.Contains(placeholder, secret) {
			t.Skip("it may be seen in what stands in its place")
		}
		assert.NotContains(t, ofHeaders("X-Planted", secret).MaskStart([]byte(page)), secret)
	})
}
