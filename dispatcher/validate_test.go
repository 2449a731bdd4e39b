package dispatcher

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

func validEndpoint() Endpoint {
	return Endpoint{ID: NewEndpointID(), DomainID: 1, URL: "https://crm.example/hook?x=1",
		Secrets: []Secret{{Key: NewSecret()}}}.WithDefaults()
}

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	ep := validEndpoint()
	if err := ep.Validate(GuardConfig{}); err != nil {
		t.Fatal(err)
	}
	if ep.MaxInFlight != 8 || ep.Timeout != 15*time.Second || ep.Profile != ProfileRecord ||
		ep.Ordering != OrderPerAttempt || ep.Format != "standard" {
		t.Errorf("defaults are %+v", ep)
	}
	if again := ep.WithDefaults(); again.Timeout != ep.Timeout {
		t.Errorf("defaults change what is set: %+v", again)
	}
}

func TestValidateNamesTheField(t *testing.T) {
	t.Parallel()
	header := func(name string, values ...string) func(*Endpoint) {
		return func(e *Endpoint) { e.Headers = http.Header{name: values} }
	}
	for name, tc := range map[string]struct {
		change func(*Endpoint)
		field  string // empty = valid
	}{
		"no url":              {func(e *Endpoint) { e.URL = "" }, "url"},
		"a long url":          {func(e *Endpoint) { e.URL = "https://a.example/" + strings.Repeat("x", 2048) }, "url"},
		"the longest url":     {func(e *Endpoint) { e.URL = "https://a.example/" + strings.Repeat("x", 2048-18) }, ""},
		"http":                {func(e *Endpoint) { e.URL = "http://crm.example/" }, "url"},
		"another scheme":      {func(e *Endpoint) { e.URL = "ftp://crm.example/" }, "url"},
		"no scheme":           {func(e *Endpoint) { e.URL = "crm.example/hook" }, "url"},
		"no host":             {func(e *Endpoint) { e.URL = "https:///hook" }, "url"},
		"user and password":   {func(e *Endpoint) { e.URL = "https://u:p@crm.example/" }, "url"},
		"a fragment":          {func(e *Endpoint) { e.URL = "https://crm.example/#a" }, "url"},
		"an empty fragment":   {func(e *Endpoint) { e.URL = "https://crm.example/#" }, "url"},
		"a zone id":           {func(e *Endpoint) { e.URL = "https://[fe80::1%25eth0]/" }, "url"},
		"port 0":              {func(e *Endpoint) { e.URL = "https://crm.example:0/" }, "url"},
		"a high port":         {func(e *Endpoint) { e.URL = "https://crm.example:70000/" }, "url"},
		"a port":              {func(e *Endpoint) { e.URL = "https://crm.example:8443/" }, ""},
		"loopback":            {func(e *Endpoint) { e.URL = "https://127.0.0.1/" }, "url"},
		"loopback in IPv6":    {func(e *Endpoint) { e.URL = "https://[::ffff:127.0.0.1]/" }, "url"},
		"metadata":            {func(e *Endpoint) { e.URL = "https://169.254.169.254/" }, "url"},
		"a long description":  {func(e *Endpoint) { e.Description = strings.Repeat("x", 1001) }, "description"},
		"an unknown type":     {func(e *Endpoint) { e.Events = []queue.EventType{"attempt.left"} }, "events"},
		"a type twice":        {func(e *Endpoint) { e.Events = []queue.EventType{"attempt.joined", "attempt.joined"} }, "events"},
		"agents and switches": {func(e *Endpoint) { e.Events = []queue.EventType{"agent.state", "switch.ring"} }, ""},
		"queue 0":             {func(e *Endpoint) { e.Queues = []int64{0} }, "queues"},
		"two queue types":     {func(e *Endpoint) { e.QueueTypes = []queue.Type{queue.Chat, queue.Task} }, ""},
		"another queue type":  {func(e *Endpoint) { e.QueueTypes = []queue.Type{"outbound"} }, "queue_types"},
		"a queue type twice":  {func(e *Endpoint) { e.QueueTypes = []queue.Type{queue.Chat, queue.Chat} }, "queue_types"},
		"another format":      {func(e *Endpoint) { e.Format = "xml" }, "format"},
		"CloudEvents":         {func(e *Endpoint) { e.Format = "cloudevents-binary" }, ""},
		"another profile":     {func(e *Endpoint) { e.Profile = "often" }, "profile"},
		"a schedule":          {func(e *Endpoint) { e.Profile, e.Schedule = ProfileCustom, waits(24, time.Hour) }, ""},
		"no schedule":         {func(e *Endpoint) { e.Profile = ProfileCustom }, "schedule"},
		"a schedule too many": {func(e *Endpoint) { e.Profile, e.Schedule = ProfileCustom, waits(25, time.Second) }, "schedule"},
		"a short wait":        {func(e *Endpoint) { e.Profile, e.Schedule = ProfileCustom, waits(1, time.Second-1) }, "schedule"},
		"a long wait":         {func(e *Endpoint) { e.Profile, e.Schedule = ProfileCustom, waits(1, 24*time.Hour+1) }, "schedule"},
		"eight days":          {func(e *Endpoint) { e.Profile, e.Schedule = ProfileCustom, waits(8, 24*time.Hour) }, "schedule"},
		"two schedules":       {func(e *Endpoint) { e.Schedule = waits(1, time.Second) }, "schedule"},
		"never overtake":      {func(e *Endpoint) { e.OrderWait = 0 }, ""},
		"overtake in a week":  {func(e *Endpoint) { e.OrderWait = 7*24*time.Hour + 1 }, "order_wait"},
		"overtake before":     {func(e *Endpoint) { e.OrderWait = -1 }, "order_wait"},
		"a rate":              {func(e *Endpoint) { e.Rate = 0.5 }, ""},
		"a low rate":          {func(e *Endpoint) { e.Rate = 0.001 }, "rate"},
		"a high rate":         {func(e *Endpoint) { e.Rate = 10_001 }, "rate"},
		"no number as a rate": {func(e *Endpoint) { e.Rate = math.NaN() }, "rate"},
		"another ordering":    {func(e *Endpoint) { e.Ordering = "total" }, "ordering"},
		"nothing in flight":   {func(e *Endpoint) { e.MaxInFlight = -1 }, "max_in_flight"},
		"much in flight":      {func(e *Endpoint) { e.MaxInFlight = 257 }, "max_in_flight"},
		"a short timeout":     {func(e *Endpoint) { e.Timeout = time.Second - 1 }, "timeout"},
		"a long timeout":      {func(e *Endpoint) { e.Timeout = 31 * time.Second }, "timeout"},
		"a foreign secret":    {func(e *Endpoint) { e.Secrets = []Secret{{Key: "hush"}} }, "secret"},
		"a good header":       {header("Authorization", "Bearer x"), ""},
		"a header of ours":    {header("Webhook-Extra", "x"), "headers"},
		"a CloudEvents one":   {header("Ce-Id", "x"), "headers"},
		"a proxy header":      {header("Proxy-Authorization", "x"), "headers"},
		"host":                {header("Host", "x"), "headers"},
		"idempotency":         {header("x-idempotency-key", "x"), "headers"},
		"a line break":        {header("X-A", "a\r\nB: c"), "headers"},
		"a nul":               {header("X-A", "a\x00"), "headers"},
		"a space in a name":   {header("X A", "a"), "headers"},
		"no name":             {header("", "a"), "headers"},
		"a long value":        {header("X-A", strings.Repeat("x", 4097)), "headers"},
		"a header twice":      {header("X-A", "a", "b"), "headers"},
		"the longest value":   {header("X-A", strings.Repeat("x", 4096)), ""},
		"a tab in a value":    {header("X-A", "a\tb"), ""},
		"a delete character":  {header("X-A", "a\x7f"), "headers"},
		"a line feed alone":   {header("X-A", "a\nB: c"), "headers"},
		"an IPv4 as a number": {func(e *Endpoint) { e.URL = "https://2130706433/" }, "url"},
		"many headers":        {header("X-A", make([]string, 21)...), "headers"},
	} {
		ep := validEndpoint()
		tc.change(&ep)
		err := ep.Validate(GuardConfig{})
		var invalid *ValidationError
		switch {
		case tc.field == "" && err != nil:
			t.Errorf("%s: %v, want it valid", name, err)
		case tc.field != "" && (!errors.As(err, &invalid) || invalid.Field != tc.field || invalid.Detail == ""):
			t.Errorf("%s: %v, want an error about %s", name, err, tc.field)
		}
	}
}

func waits(n int, each time.Duration) (out []time.Duration) {
	for range n {
		out = append(out, each)
	}
	return out
}

func TestTwentyHeadersAndNoMore(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	for i := range maxHeaders {
		h.Set(fmt.Sprintf("X-%d", i), "v")
	}
	if err := validateHeaders(h); err != nil {
		t.Errorf("%d headers: %v", len(h), err)
	}
	h.Set("X-More", "v")
	if err := validateHeaders(h); err == nil {
		t.Errorf("%d headers pass", len(h))
	}
}

func TestEveryReservedHeaderIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields(`host content-length content-type transfer-encoding connection keep-alive te trailer
		upgrade expect proxy-x user-agent webhook-x offhook-x ce-x traceparent tracestate idempotency-key x-idempotency-key`) {
		for _, n := range []string{name, strings.ToUpper(name), http.CanonicalHeaderKey(name)} {
			if err := validateHeaders(http.Header{n: {"x"}}); err == nil {
				t.Errorf("the reserved header %s passes", n)
			}
		}
	}
}

func TestConfigurationOpensHTTPAndNetworks(t *testing.T) {
	t.Parallel()
	ep := validEndpoint()
	ep.URL = "http://127.0.0.1:8080/hook"
	open := GuardConfig{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if err := ep.Validate(open); err != nil {
		t.Error(err)
	}
	if err := ep.Validate(GuardConfig{AllowHTTP: true}); err == nil || !strings.Contains(err.Error(), "127.0.0.0/8") {
		t.Errorf("loopback without its network: %v, want the rule named", err)
	}
}

func TestWants(t *testing.T) {
	t.Parallel()
	sales := &queue.QueueRef{ID: 7, Type: queue.Inbound}
	for name, tc := range map[string]struct {
		events []queue.EventType
		queues []int64
		ev     queue.Event
		want   bool
	}{
		"the eight by default":    {nil, nil, queue.Event{DomainID: 1, Type: queue.EventMissed, Queue: sales}, true},
		"nothing else by default": {nil, nil, queue.Event{DomainID: 1, Type: queue.EventAgentState}, false},
		"a named type":            {[]queue.EventType{queue.EventAgentState}, nil, queue.Event{DomainID: 1, Type: queue.EventAgentState}, true},
		"a type not named":        {[]queue.EventType{queue.EventAgentState}, nil, queue.Event{DomainID: 1, Type: queue.EventJoined, Queue: sales}, false},
		"its queue":               {nil, []int64{3, 7}, queue.Event{DomainID: 1, Type: queue.EventJoined, Queue: sales}, true},
		"another queue":           {nil, []int64{3}, queue.Event{DomainID: 1, Type: queue.EventJoined, Queue: sales}, false},
		"another domain":          {nil, nil, queue.Event{DomainID: 2, Type: queue.EventJoined, Queue: sales}, false},
		"about another endpoint": {[]queue.EventType{EventTest}, nil,
			queue.Event{DomainID: 1, Type: EventTest, Subject: &queue.Subject{Kind: "endpoint", ID: "ep_2"}}, true},
		"about itself": {[]queue.EventType{EventTest}, nil,
			queue.Event{DomainID: 1, Type: EventTest, Subject: &queue.Subject{Kind: "endpoint", ID: "ep_1"}}, false},
	} {
		ep := Endpoint{ID: "ep_1", DomainID: 1, Events: tc.events, Queues: tc.queues}
		m, err := ep.Matcher()
		if got := m.Wants(&tc.ev); err != nil || got != tc.want {
			t.Errorf("%s: %t, want %t (%v)", name, got, tc.want, err)
		}
	}
}

func TestMatcherOfQueueTypes(t *testing.T) {
	t.Parallel()
	of := func(id int64, typ queue.Type) *queue.Event {
		return &queue.Event{DomainID: 1, Type: queue.EventJoined, Queue: &queue.QueueRef{ID: id, Type: typ}}
	}
	ep := Endpoint{ID: "ep_1", DomainID: 1, QueueTypes: []queue.Type{queue.Inbound, queue.Chat}}
	anyQueue, err := ep.Matcher()
	if err != nil {
		t.Fatal(err)
	}
	ep.Queues = []int64{7}
	seven, err := ep.Matcher()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		ev         *queue.Event
		any, seven bool
	}{
		{of(7, queue.Inbound), true, true},
		{of(7, queue.Predictive), false, false},
		{of(8, queue.Chat), true, false},
		{of(8, queue.Task), false, false},
	} {
		if anyQueue.Wants(tc.ev) != tc.any || seven.Wants(tc.ev) != tc.seven {
			t.Errorf("queue %+v: %t and %t, want %t and %t", tc.ev.Queue, anyQueue.Wants(tc.ev), seven.Wants(tc.ev), tc.any, tc.seven)
		}
	}
	if !anyQueue.Wants(&queue.Event{DomainID: 1, Type: queue.EventJoined}) {
		t.Error("an event without a queue whose type is wanted")
	}
}
