package store_test

import (
	"os"
	"testing"

	"github.com/offhook/offhook/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
