package sim

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"testing"
)

var (
	theoryFlag = flag.Bool("theory", false, "hold the whole of the Erlang tables, print every value, and run no other test")
	oracleFlag = flag.String("oracle", "", "with -theory: a csv with waits to compare with, instead of a generated trace")
)

// TestMain can be the program behind `make theory`: what is printed last is
// then its verdict, not the test framework's.
func TestMain(m *testing.M) {
	flag.Parse()
	if !*theoryFlag {
		os.Exit(m.Run())
	}
	out := bufio.NewWriter(os.Stdout)
	err := theory(out, *oracleFlag)
	out.Flush()
	if err != nil {
		fmt.Fprintln(os.Stderr, "theory:", err)
		os.Exit(1)
	}
}
