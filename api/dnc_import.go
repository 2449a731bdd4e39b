package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/offhook/offhook/queue"
)

// dncRows reads numbers: each is either one to be forbidden or a bad row.
type dncRows func() (NewDNCNumber, *badRow, error)

func dncReader(from *rows) (dncRows, error) {
	number, note := slices.Index(from.place.Header, "number"), slices.Index(from.place.Header, "note")
	for _, name := range from.place.Header {
		if name != "number" && name != "note" {
			return nil, invalid("", fmt.Sprintf("the column %q has no meaning: there are number and note", name))
		}
	}
	if from.place.Header != nil && number < 0 {
		return nil, invalid("", "the first line names the columns, and one of them must be number")
	}
	return func() (NewDNCNumber, *badRow, error) {
		next, err := from.next()
		if err != nil {
			return NewDNCNumber{}, nil, err
		}
		var x NewDNCNumber
		switch {
		case next.bad != nil:
			return x, &badRow{next.line, "", next.bad.Error()}, nil
		case next.cells != nil:
			x.Number = next.cells[number]
			if note >= 0 {
				x.Note = &next.cells[note]
			}
		case hasNUL(next.json):
			return x, &badRow{next.line, "", errNUL.Error()}, nil
		default:
			if err := strictly(next.json, &x); err != nil {
				pointer, detail := whatIsWrong(err)
				return x, &badRow{next.line, pointer, detail}, nil
			}
		}
		x.Number = normalNumber(x.Number)
		switch {
		case x.Number == "" || len(x.Number) > 128:
			return x, &badRow{next.line, "/number", "a number has 1 to 128 characters"}, nil
		case len(text(x.Note)) > 1000:
			return x, &badRow{next.line, "/note", "a note has at most 1000 bytes"}, nil
		}
		return x, nil, nil
	}, nil
}

// whatIsWrong says what the strict decoder found wrong with an object.
func whatIsWrong(err error) (pointer, detail string) {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return "/" + wrong.Field, "expected " + jsonKind(wrong.Type) + ", not " + wrong.Value
	}
	if _, field, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return "/" + strings.Trim(field, `"`), "there is no field of this name"
	}
	return "", "expected an object with number and note: " + err.Error()
}

const kindDNCImport = "dnc.import"

// importDNC carries out the task dnc.import. A piece may be repeated: a number
// that is on the list stays there.
func (h *handler) importDNC(ctx context.Context, j *job) error {
	p, done, err := begun(j)
	if err != nil {
		return err
	}
	j.result = &done
	from, err := newRows(p.Media, h.cfg.Store.OpenUpload(ctx, j.task, done.Place.Offset), done.Place)
	if err != nil {
		return hopeless(unreadableBody(err))
	}
	read, err := dncReader(from)
	if err != nil {
		return hopeless(err)
	}
	d, ok := h.cfg.Desk(j.task.DomainID)
	if !ok {
		return fmt.Errorf("import numbers: no desk of domain %d is here", j.task.DomainID)
	}
	var broken error
	for broken == nil {
		var numbers []NewDNCNumber
		for n := 0; n < queue.MaxForbid && broken == nil; n++ {
			x, bad, err := read()
			switch {
			case err != nil:
				broken = err
				continue
			case bad != nil:
				done.blame(*bad)
			default:
				numbers = append(numbers, x)
			}
			done.Rows++
		}
		if err := refusedAmong(d.DoAll(ctx, forbidding(numbers))); err != nil {
			return err
		}
		done.Added += int64(len(numbers))
		done.Place = from.place
		if err := done.reached(j, p); err != nil {
			return err
		}
		if err := j.save(ctx); err != nil {
			return err
		}
	}
	if !errors.Is(broken, io.EOF) {
		return hopeless(unreadableBody(broken))
	}
	return done.finish(j, p)
}
