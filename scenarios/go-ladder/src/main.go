// Command sizes prints the sizes of files as a table.
//
// It stands for any Go program that depends on modules, which have to be
// downloaded before they can be compiled.
package main

import (
	"os"
	"runtime"

	"example.com/go-ladder/internal/build"
	"example.com/table"
	"example.com/units"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		os.Stdout.WriteString("sizes " + build.ID + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n")
		return
	}
	rows := [][]string{{"FILE", "SIZE"}}
	for _, path := range os.Args[1:] {
		info, err := os.Stat(path)
		if err != nil {
			os.Stderr.WriteString("sizes: " + err.Error() + "\n")
			os.Exit(1)
		}
		rows = append(rows, []string{path, units.Bytes(uint64(info.Size()))})
	}
	for _, line := range table.Lines(rows) {
		os.Stdout.WriteString(line + "\n")
	}
}
