package version

import (
	"runtime"
	"strings"
	"testing"
)

func TestTheBuildAndThePlatformAreNamed(t *testing.T) {
	if got := String(); !strings.Contains(got, Build) || !strings.HasSuffix(got, "/"+runtime.GOARCH) {
		t.Errorf("got %q", got)
	}
}
