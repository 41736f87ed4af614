package httpd

import (
	"net"
	"time"
)

// Handler answers a request.
type Handler func(Request) Response

// Routes maps paths to handlers.
type Routes struct {
	handlers map[string]Handler
}

// Handle registers the handler of a path.
func (r *Routes) Handle(path string, handler Handler) {
	if r.handlers == nil {
		r.handlers = map[string]Handler{}
	}
	r.handlers[path] = handler
}

func (r *Routes) answer(request Request) Response {
	if request.Method != "GET" && request.Method != "HEAD" {
		return Text(405, "method not allowed")
	}
	handler, ok := r.handlers[request.Path]
	if !ok {
		return Text(404, "not found")
	}
	return handler(request)
}

// Serve answers connections until accepting one fails.
func Serve(listener net.Listener, routes *Routes) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go serve(connection, routes)
	}
}

func serve(connection net.Conn, routes *Routes) {
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	request, err := readRequest(connection)
	response := Text(400, "bad request")
	if err == nil {
		response = routes.answer(request)
	}
	connection.Write(response.bytes(request.Method == "HEAD"))
}
