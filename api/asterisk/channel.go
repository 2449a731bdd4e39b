package asterisk

import "time"

// channelFacts is what is known of a channel before it joins a queue.
type channelFacts struct {
	createdAt time.Time // zero = its Newchannel was not seen
	upAt      time.Time // zero = not seen going up
}

// channelBook remembers channels from their creation to their hang-up. It keeps
// two generations, so that channels whose hang-up was never seen cannot fill
// the memory: when the young one is full the old one is forgotten.
type channelBook struct{ young, old map[string]*channelFacts }

func (b *channelBook) find(uid string) *channelFacts {
	if c, ok := b.young[uid]; ok {
		return c
	}
	return b.old[uid]
}

func (b *channelBook) created(uid string, at time.Time) {
	if uid == "" {
		return
	}
	if len(b.young) >= maxChannels || b.young == nil {
		b.young, b.old = map[string]*channelFacts{}, b.young
	}
	b.young[uid] = &channelFacts{createdAt: at}
}

func (b *channelBook) forget(uid string) {
	delete(b.young, uid)
	delete(b.old, uid)
}

const channelUp = "6" // ChannelState: Up

// channelState notes that a channel went up. A caller who joined while his
// phone still rang at the other end is answered now.
func (t *Translator) channelState(p *Packet, at time.Time) {
	if p.Value("ChannelState") != channelUp {
		return
	}
	uid := p.Value("Uniqueid")
	if c := t.channels.find(uid); c != nil && c.upAt.IsZero() {
		c.upAt = at
	}
	if c := t.calls[uid]; c != nil {
		t.answered(c, at)
	}
}
