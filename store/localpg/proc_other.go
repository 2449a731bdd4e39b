//go:build !linux

package localpg

import "syscall"

// attributes: as on Linux, but without a death signal, which other systems do
// not have; there a leftover server ends when the next launcher finds it.
func attributes(acc account, _ syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if acc.drop {
		attr.Credential = &syscall.Credential{Uid: uint32(acc.uid), Gid: uint32(acc.gid), Groups: []uint32{}}
	}
	return attr
}
