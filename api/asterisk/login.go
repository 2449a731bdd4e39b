package asterisk

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// ErrLogin says that the switch refused the login.
var ErrLogin = errors.New("the switch refused the login")

// login answers the switch's challenge, so that the secret does not cross the
// wire; in the clear only when that is allowed and there is no other way.
func (s *session) login() error {
	cfg := s.client.cfg
	challenge, err := s.ask("Challenge", Field{"AuthType", "MD5"})
	if err != nil {
		return err
	}
	fields := []Field{{"Username", cfg.User}, {"Events", cfg.Events}}
	switch token := challenge.Value("Challenge"); {
	case challenge.Value("Response") == "Success" && token != "":
		sum := md5.Sum([]byte(token + cfg.Secret))
		fields = append(fields, Field{"AuthType", "MD5"}, Field{"Key", hex.EncodeToString(sum[:])})
	case cfg.PlainLogin:
		fields = append(fields, Field{"Secret", cfg.Secret})
	default:
		return fmt.Errorf("%w: it has no MD5 login, and the secret is not sent in the clear", ErrLogin)
	}
	answer, err := s.ask("Login", fields...)
	if err != nil {
		return err
	}
	if answer.Value("Response") != "Success" {
		return fmt.Errorf("%w: %s", ErrLogin, answer.Value("Message"))
	}
	return nil
}

// ask sends an action and waits for its answer. Other packets stay where they
// are: events that come before the rebuild are not lost.
func (s *session) ask(action string, fields ...Field) (*Packet, error) {
	id, err := s.send(action, fields...)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(s.client.cfg.Timeout)
	seen := 0
	for {
		for ; seen < len(s.packets); seen++ {
			if p := s.packets[seen]; p.Value("Response") != "" && p.Value("ActionID") == id {
				return &p, nil
			}
		}
		got, err := s.fill(deadline)
		if err != nil {
			return nil, err
		}
		if !got && !time.Now().Before(deadline) {
			return nil, fmt.Errorf("%s: %w", action, errSilence)
		}
	}
}
