// Command query answers SQL.
//
// It stands for any Go program that calls a C library: compiling it needs a C
// compiler for the target, the library's header and the library itself.
package main

import (
	"os"
	"strings"

	"example.com/cgo/internal/sqlite"
	"example.com/cgo/internal/version"
)

const usage = `usage: query --version | SQL

Runs one statement in an empty database in memory, and prints its rows.
`

func main() {
	if len(os.Args) != 2 {
		os.Stderr.WriteString(usage)
		os.Exit(2)
	}
	database, err := sqlite.OpenMemory()
	if err != nil {
		fail(err)
	}
	defer database.Close()

	statement, prefix := os.Args[1], ""
	if statement == "--version" {
		// Asked of the library, so that a program in which it does not work
		// does not get away with knowing its own name.
		statement, prefix = "SELECT sqlite_version()", version.String()+" sqlite "
	}
	rows, err := database.Query(statement)
	if err != nil {
		fail(err)
	}
	for _, row := range rows {
		os.Stdout.WriteString(prefix + strings.Join(row, "\t") + "\n")
	}
}

func fail(err error) {
	os.Stderr.WriteString("query: " + err.Error() + "\n")
	os.Exit(1)
}
