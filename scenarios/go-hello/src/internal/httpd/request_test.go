package httpd

import (
	"strings"
	"testing"
)

func TestQueryIsDecoded(t *testing.T) {
	request, err := readRequest(strings.NewReader("GET /hi?name=J%C3%BCrgen+W&bad=%zz HTTP/1.1\r\nHost: x\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if request.Path != "/hi" || request.Query["name"] != "Jürgen W" || request.Query["bad"] != "%zz" {
		t.Errorf("got %+v", request)
	}
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	for _, head := range []string{
		"", "GET\r\n\r\n", "GET x HTTP/1.1\r\n\r\n", "GET / HTTP/2\r\n\r\n",
		"GET /" + strings.Repeat("a", 2*maxHead) + " HTTP/1.1\r\n\r\n",
	} {
		if _, err := readRequest(strings.NewReader(head)); err == nil {
			t.Errorf("%.20q was accepted", head)
		}
	}
}
