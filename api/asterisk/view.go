package asterisk

// view is what the events so far tell of the classes that the login may see.
type view struct {
	events          int
	calls, dialplan bool
}

// enough is how many events without any of the class call prove that the login
// may not see it. Before that, what such an event might explain is held back.
const enough = 100

func (v *view) learn(p *Packet) {
	v.events++
	switch p.Event() {
	case "VarSet":
		v.dialplan = true
	case "Newchannel", "DialEnd", "HangupRequest", "Hangup":
		v.calls = true
	default:
		v.calls = v.calls || p.has("call")
		v.dialplan = v.dialplan || p.has("dialplan")
	}
}

// agentsOnly: the login certainly sees neither channels nor variables.
func (v *view) agentsOnly() bool { return !v.calls && !v.dialplan && v.events > enough }

// noDialplan: the login sees channels, but no variables.
func (v *view) noDialplan() bool { return v.calls && !v.dialplan }
