package localpg

import "syscall"

// attributes: the child leaves the terminal's process group, so that Ctrl-C
// reaches only the launcher, and dies when the launching thread does.
func attributes(acc account, deathSignal syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: deathSignal}
	if acc.drop {
		attr.Credential = &syscall.Credential{Uid: uint32(acc.uid), Gid: uint32(acc.gid), Groups: []uint32{}}
	}
	return attr
}
