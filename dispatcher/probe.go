package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Probe returns nil while Run looks after its endpoints, be they none.
func (d *Dispatcher) Probe(context.Context) error {
	last := d.lastTurn.Load()
	if last == 0 {
		return errors.New("deliveries have not begun")
	}
	if silent := d.cfg.Now().Sub(time.Unix(0, last)); silent > 3*d.cfg.LeaseTTL {
		return fmt.Errorf("the endpoints were last looked after %v ago", silent.Round(time.Second))
	}
	return nil
}
