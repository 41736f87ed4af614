package httpd

import "strconv"

// Response is a status and a plain text.
type Response struct {
	Status int
	Body   string
}

// Text makes a response; the text gets a newline at its end.
func Text(status int, text string) Response {
	return Response{Status: status, Body: text + "\n"}
}

var reasons = map[int]string{
	200: "OK",
	400: "Bad Request",
	404: "Not Found",
	405: "Method Not Allowed",
}

func (r Response) bytes(headOnly bool) []byte {
	head := "HTTP/1.1 " + strconv.Itoa(r.Status) + " " + reasons[r.Status] + "\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\n" +
		"Content-Length: " + strconv.Itoa(len(r.Body)) + "\r\n" +
		"Connection: close\r\n\r\n"
	if headOnly {
		return []byte(head)
	}
	return []byte(head + r.Body)
}
