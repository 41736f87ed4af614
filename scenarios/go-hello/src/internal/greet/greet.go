// Package greet knows how to greet in a few languages.
package greet

import "example.com/go-hello/internal/httpd"

var words = map[string]string{
	"de": "Hallo",
	"en": "Hello",
	"es": "Hola",
	"et": "Tere",
	"fr": "Bonjour",
	"ja": "こんにちは",
}

// Greeting greets name in the language, or in English where it does not know
// the language.
func Greeting(language, name string) string {
	word, ok := words[language]
	if !ok {
		word = words["en"]
	}
	if name == "" {
		name = "world"
	}
	return word + ", " + name + "!"
}

// Handler answers /?name=…&lang=….
func Handler(request httpd.Request) httpd.Response {
	return httpd.Text(200, Greeting(request.Query["lang"], request.Query["name"]))
}
