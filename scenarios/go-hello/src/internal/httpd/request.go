// Package httpd is as much of an HTTP/1.1 server as a greeting needs: GET and
// HEAD, no bodies, one request a connection.
package httpd

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxHead bounds the request line and the headers together.
const maxHead = 16 << 10

var (
	errTooLarge  = errors.New("request head too large")
	errMalformed = errors.New("malformed request")
)

// Request is a parsed request.
type Request struct {
	Method string
	Path   string
	Query  map[string]string
}

// readRequest reads up to the empty line that ends the headers.
func readRequest(reader io.Reader) (Request, error) {
	var head strings.Builder
	chunk := make([]byte, 1024)
	for head.Len() <= maxHead {
		n, err := reader.Read(chunk)
		head.Write(chunk[:n])
		if strings.Contains(head.String(), "\r\n\r\n") {
			line, _, _ := strings.Cut(head.String(), "\r\n")
			return parseRequestLine(line)
		}
		if err != nil {
			return Request{}, err
		}
	}
	return Request{}, errTooLarge
}

func parseRequestLine(line string) (Request, error) {
	fields := strings.Split(line, " ")
	if len(fields) != 3 || fields[0] == "" || !strings.HasPrefix(fields[1], "/") ||
		!strings.HasPrefix(fields[2], "HTTP/1.") {
		return Request{}, errMalformed
	}
	path, query, _ := strings.Cut(fields[1], "?")
	return Request{Method: fields[0], Path: path, Query: parseQuery(query)}, nil
}

func parseQuery(query string) map[string]string {
	values := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			values[unescape(key)] = unescape(value)
		}
	}
	return values
}

// unescape decodes + and %XX; what is no valid escape stays as it is.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '+':
			out.WriteByte(' ')
		case text[i] == '%' && i+2 < len(text):
			decoded, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil {
				out.WriteByte('%')
				continue
			}
			out.WriteByte(byte(decoded))
			i += 2
		default:
			out.WriteByte(text[i])
		}
	}
	return out.String()
}
