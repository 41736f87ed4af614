// Command hello serves greetings over HTTP.
//
// It depends on nothing outside the standard library, so that building it
// needs no network, and it speaks HTTP by itself: net/http would make an
// emulated build take minutes.
package main

import (
	"net"
	"os"

	"example.com/go-hello/internal/greet"
	"example.com/go-hello/internal/httpd"
	"example.com/go-hello/internal/version"
)

const usage = `usage: hello [--version] [ADDRESS]

Serves greetings over HTTP at ADDRESS, :8080 by default.
`

func main() {
	address := ":8080"
	switch args := os.Args[1:]; {
	case len(args) == 1 && args[0] == "--version":
		os.Stdout.WriteString(version.String() + "\n")
		return
	case len(args) == 1 && args[0] == "--help":
		os.Stdout.WriteString(usage)
		return
	case len(args) == 1 && args[0] != "" && args[0][0] != '-':
		address = args[0]
	case len(args) > 0:
		os.Stderr.WriteString(usage)
		os.Exit(2)
	}

	listener, err := net.Listen("tcp", address)
	if err != nil {
		fail(err)
	}
	os.Stderr.WriteString(version.String() + " listens on " + listener.Addr().String() + "\n")

	var routes httpd.Routes
	routes.Handle("/", greet.Handler)
	routes.Handle("/healthz", func(httpd.Request) httpd.Response { return httpd.Text(200, "ok") })
	routes.Handle("/version", func(httpd.Request) httpd.Response { return httpd.Text(200, version.String()) })
	if err := httpd.Serve(listener, &routes); err != nil {
		fail(err)
	}
}

func fail(err error) {
	os.Stderr.WriteString("hello: " + err.Error() + "\n")
	os.Exit(1)
}
