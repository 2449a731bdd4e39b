package asterisk

// talks are stories, as in scenario_test.go, of callers who were connected or whom
// the recording leaves inside.
var talks = []tale{{
	name: "ring-all by a login without channels: the losers close with the connection", classes: "agent",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		0.311 AgentCalled c=10 d=12 a=Bob
		2.000 QueueCallerLeave c=10 q=support
		2.005 AgentConnect c=10 d=12 a=Bob HoldTime=2 RingTime=2
		6.000 AgentComplete a=Bob HoldTime=2 TalkTime=4 Reason=caller`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		0.311 offering 1 Bob
		2.005 missed 1 Alice cancelled
		2.005 bridged 1 Bob
		6.000 leaving 1 Bob success served NORMAL_CLEARING 200 derived`,
}, {
	name: "an ending without channels finds its conversation by agent and wait", classes: "agent", // trap 8
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.000 QueueCallerLeave c=10 q=support
		1.000 AgentConnect c=10 d=11 a=Alice HoldTime=1 RingTime=1
		1.300 QueueCallerJoin c=20 q=support
		1.310 AgentCalled c=20 d=21 a=Bob
		3.000 QueueCallerLeave c=20 q=support
		3.000 AgentConnect c=20 d=21 a=Bob HoldTime=2 RingTime=2
		4.000 AgentComplete a=Bob HoldTime=2 TalkTime=1 Reason=agent
		5.000 AgentComplete a=Alice HoldTime=1 TalkTime=4 Reason=agent`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.000 bridged 1 Alice
		1.300 joined 2 support
		1.310 offering 2 Bob
		3.000 bridged 2 Bob
		4.000 leaving 2 Bob success served NORMAL_CLEARING 200 derived
		5.000 leaving 1 Alice success served NORMAL_CLEARING 200 derived`,
}, {
	name: "attended transfer, told after the ending",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.000 DialEnd c=10 d=11 DialStatus=ANSWER
		1.001 QueueCallerLeave c=10 q=support
		1.002 AgentConnect c=10 d=11 a=Alice HoldTime=1 RingTime=1
		9.000 AgentComplete c=10 d=11 a=Alice HoldTime=1 TalkTime=8 Reason=transfer
		9.001 AttendedTransfer OrigTransfererUniqueid=u.11 SecondTransfererUniqueid=u.12 TransfereeUniqueid=u.10 Result=Success
		9.002 Hangup Uniqueid=u.11 Cause=16
		20.00 Hangup c=10 Cause=16`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.002 bridged 1 Alice
		9.000 leaving 1 Alice success transferred ATTENDED_TRANSFER 200 derived`,
}, {
	name: "blind transfer into another queue",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.000 DialEnd c=10 d=11 DialStatus=ANSWER
		1.001 QueueCallerLeave c=10 q=support
		1.002 AgentConnect c=10 d=11 a=Alice HoldTime=1 RingTime=1
		9.000 BlindTransfer TransfererUniqueid=u.11 TransfereeUniqueid=u.10 Result=Success
		9.001 AgentComplete c=10 d=11 a=Alice HoldTime=1 TalkTime=8 Reason=transfer
		9.002 Hangup Uniqueid=u.11 Cause=16
		9.100 QueueCallerJoin c=10 q=billing
		9.200 AgentCalled c=10 d=12 a=Bob
		10.00 DialEnd c=10 d=12 DialStatus=ANSWER
		10.00 QueueCallerLeave c=10 q=billing
		10.01 AgentConnect c=10 d=12 a=Bob HoldTime=1 RingTime=1
		20.00 AgentComplete c=10 d=12 a=Bob HoldTime=1 TalkTime=10 Reason=caller
		20.01 Hangup c=10 Cause=16`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.002 bridged 1 Alice
		9.001 leaving 1 Alice success transferred BLIND_TRANSFER 200 derived to 2
		9.001 joined 2 billing from 1
		9.200 offering 2 Bob
		10.010 bridged 2 Bob
		20.000 leaving 2 Bob success served NORMAL_CLEARING 200 derived`,
}, {
	name: "blind transfer into another queue, by a login without channels", classes: "agent",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.001 QueueCallerLeave c=10 q=support
		1.002 AgentConnect c=10 d=11 a=Alice HoldTime=1 RingTime=1
		9.001 AgentComplete c=10 d=11 a=Alice HoldTime=1 TalkTime=8 Reason=transfer
		9.100 QueueCallerJoin c=10 q=billing
		9.101 QueueCallerJoin c=20 q=billing
		9.900 QueueCallerAbandon c=10 q=billing`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.002 bridged 1 Alice
		9.001 leaving 1 Alice success transferred BLIND_TRANSFER 200 derived to 2
		9.001 joined 2 billing from 1
		9.101 joined 3 billing
		9.900 leaving 2 abandoned member_hangup_waiting NORMAL_CLEARING 200 derived
		10.100 leaving 3 cancel recovered SYSTEM_SHUTDOWN 480 derived`,
}, {
	name: "sent elsewhere, and into a queue only later", // what he did meanwhile is not known
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.000 DialEnd c=10 d=11 DialStatus=ANSWER
		1.002 AgentConnect c=10 d=11 a=Alice HoldTime=1 RingTime=1
		9.000 BlindTransfer TransfererUniqueid=u.11 TransfereeUniqueid=u.10 Result=Success
		9.001 AgentComplete c=10 d=11 a=Alice HoldTime=1 TalkTime=8 Reason=transfer
		9.300 QueueCallerJoin c=10 q=billing
		12.00 Hangup c=10 Cause=16`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.002 bridged 1 Alice
		9.001 leaving 1 Alice success transferred BLIND_TRANSFER 200 derived
		9.300 joined 2 billing
		12.000 leaving 2 abandoned member_hangup_waiting NORMAL_CLEARING 200 derived`,
}, {
	name: "blind transfer by a login without channels", classes: "agent",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.001 QueueCallerLeave c=10 q=support
		1.002 AgentConnect c=10 d=11 a=Alice HoldTime=1 RingTime=1
		9.000 AgentComplete c=10 d=11 a=Alice HoldTime=1 TalkTime=8 Reason=transfer`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.002 bridged 1 Alice
		9.000 leaving 1 Alice success transferred BLIND_TRANSFER 200 derived`,
}, {
	name: "the ending of a conversation is never told",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.000 DialEnd c=10 d=11 DialStatus=ANSWER
		1.001 QueueCallerLeave c=10 q=support
		1.002 AgentConnect c=10 d=11 a=Alice HoldTime=1 RingTime=1
		9.000 Hangup c=10 Cause=16
		12.00 Newchannel c=20`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.002 bridged 1 Alice
		9.000 leaving 1 Alice success served NORMAL_CLEARING 200 derived`,
}, {
	name: "caller and agent hang up as they are connected",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		1.000 DialEnd c=10 d=11 DialStatus=ANSWER
		1.000 HangupRequest c=10 Cause=16
		1.001 QueueCallerLeave c=10 q=support
		1.002 AgentConnect c=10 d=11 a=Alice HoldTime=1 RingTime=1
		1.003 AgentComplete c=10 d=11 a=Alice HoldTime=1 TalkTime=0 Reason=caller
		1.004 Hangup c=10 Cause=16
		1.004 Hangup Uniqueid=u.11 Cause=16`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		1.002 bridged 1 Alice
		1.003 leaving 1 Alice success served NORMAL_CLEARING 200 derived`,
}, {
	name: "the recording ends with callers inside",
	script: `
		0.300 QueueCallerJoin c=10 q=support
		0.310 AgentCalled c=10 d=11 a=Alice
		0.400 QueueCallerJoin c=20 q=support`,
	want: `
		0.300 joined 1 support
		0.310 offering 1 Alice
		0.400 joined 2 support
		0.400 missed 1 Alice cancelled
		0.400 leaving 1 cancel recovered SYSTEM_SHUTDOWN 480 derived
		0.400 leaving 2 cancel recovered SYSTEM_SHUTDOWN 480 derived`,
}}
