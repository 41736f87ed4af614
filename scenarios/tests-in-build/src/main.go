// Command record writes and reads files of measurements.
package main

import (
	"io"
	"os"
	"strconv"

	"example.com/tests-in-build/record"
	"example.com/tests-in-build/version"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		os.Stdout.WriteString(version.String() + "\n")
		return
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		os.Stderr.WriteString("record: " + err.Error() + "\n")
		os.Exit(1)
	}
	for rest := input; len(rest) >= record.Size; rest = rest[record.Size:] {
		if measured, ok := record.Decode(rest[:record.Size]); ok {
			os.Stdout.WriteString(strconv.FormatUint(uint64(measured.Sensor), 10) + " " +
				strconv.FormatInt(measured.Time, 10) + " " +
				strconv.FormatFloat(measured.Value, 'g', -1, 64) + "\n")
		}
	}
	os.Stdout.WriteString("checksum " + strconv.FormatUint(uint64(record.Checksum(input)), 16) + "\n")
}
