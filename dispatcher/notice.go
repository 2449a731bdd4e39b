package dispatcher

import (
	"net/url"

	"github.com/offhook/offhook/queue"
)

// Notice returns an operational event about the endpoint: data with its id,
// description and host filled in. Key as in queue.Notice.
func (e *Endpoint) Notice(t queue.EventType, key string, data queue.EndpointData) queue.Notice {
	data.EndpointID, data.Description, data.Host = e.ID, e.Description, e.host()
	return queue.Notice{DomainID: e.DomainID, Type: t, Key: key, Data: data,
		Subject: queue.Subject{Kind: queue.SubjectEndpoint, ID: e.ID}}
}

// host is what of an endpoint's URL may be shown to others: its path and query
// are often its secret.
func (e *Endpoint) host() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	return u.Host
}
