package record

import (
	"bytes"
	"math"
	"os"
	"testing"
)

// The file was written once; every machine must read and write it alike.
func TestEveryMachineReadsAndWritesTheSameFile(t *testing.T) {
	want, err := os.ReadFile("testdata/records.bin")
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for _, record := range []Record{
		{Sensor: 1, Time: 1735689600, Value: 21.5},
		{Sensor: math.MaxUint32, Time: math.MinInt64, Value: math.Inf(-1)},
	} {
		got = record.Append(got)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	value := 1.0
	for i := range 200_000 {
		value = math.Mod(value*1.37+float64(i), 1e6)
		record := Record{Sensor: uint32(i), Time: int64(i) << 33, Value: math.Sqrt(value)}
		if decoded, ok := Decode(record.Append(nil)); !ok || decoded != record {
			t.Fatalf("%+v became %+v", record, decoded)
		}
	}
}

func TestTheChecksumIsFletchers(t *testing.T) {
	if got := Checksum([]byte("abcde")); got != 0x05c301ef {
		t.Errorf("got %08x", got)
	}
}
