package queue

import "strconv"

// The data of the events beside the eight is rendered like that of the others:
// appended, not reflected, because a call has more of them. A test holds the
// bytes to the struct tags.

func (d *AgentStateData) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"agent_id":`...), d.AgentID, 10)
	b = appendString(append(b, `,"agent_name":`...), d.AgentName)
	b = appendString(append(b, `,"status":`...), string(d.Status))
	b = appendText(append(b, `,"reason":`...), d.Reason)
	b = appendText(append(b, `,"channel":`...), (*string)(d.Channel))
	b = appendText(append(b, `,"state":`...), (*string)(d.State))
	b = appendString(append(b, `,"since":`...), d.Since)
	b = appendNumber(append(b, `,"attempt_id":`...), d.AttemptID)
	return append(b, '}')
}

func (d *Order) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"order":`...), d.Order)
	b = strconv.AppendInt(append(b, `,"attempt_id":`...), d.AttemptID, 10)
	b = append(b, `,"offer_no":`...)
	if d.OfferNo == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(*d.OfferNo), 10)
	}
	b = appendText(append(b, `,"leg":`...), (*string)(d.Leg))
	b = appendNumber(append(b, `,"agent_id":`...), d.AgentID)
	b = appendText(append(b, `,"agent_extension":`...), d.AgentExtension)
	b = appendText(append(b, `,"agent_ref":`...), d.AgentRef)
	b = appendText(append(b, `,"agent_channel_id":`...), d.AgentChannelID)
	b = appendText(append(b, `,"member_channel_id":`...), d.MemberChannelID)
	b = appendText(append(b, `,"destination":`...), d.Destination)
	b = appendText(append(b, `,"cause":`...), (*string)(d.Cause))
	b = appendText(append(b, `,"deadline":`...), d.Deadline)
	b = append(b, `,"amd_total_analysis_ms":`...)
	if d.AMDTotalAnalysisMs == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, int64(*d.AMDTotalAnalysisMs), 10)
	}
	b = appendNumber(append(b, `,"trunk_id":`...), d.TrunkID)
	b = appendText(append(b, `,"trunk":`...), d.Trunk)
	return append(b, '}')
}

func (d *AgentChangedData) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"attempt_id":`...), d.AttemptID, 10)
	b = appendString(append(b, `,"channel":`...), string(d.Channel))
	b = appendText(append(b, `,"member_channel_id":`...), d.MemberChannelID)
	b = strconv.AppendInt(append(b, `,"agent_id":`...), d.AgentID, 10)
	b = appendString(append(b, `,"agent_name":`...), d.AgentName)
	b = appendNumber(append(b, `,"user_id":`...), d.UserID)
	b = appendText(append(b, `,"agent_extension":`...), d.AgentExtension)
	b = appendString(append(b, `,"agent_channel_id":`...), d.AgentChannelID)
	b = strconv.AppendInt(append(b, `,"previous_agent_id":`...), d.PreviousAgentID, 10)
	b = appendString(append(b, `,"previous_agent_name":`...), d.PreviousAgentName)
	b = appendString(append(b, `,"previous_agent_channel_id":`...), d.PreviousAgentChannelID)
	return append(b, '}')
}

func (d *JoinRejectedData) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"code":`...), string(d.Code))
	b = appendString(append(b, `,"channel":`...), string(d.Channel))
	b = appendText(append(b, `,"destination":`...), d.Destination)
	b = appendText(append(b, `,"member_name":`...), d.MemberName)
	b = appendNumber(append(b, `,"member_id":`...), d.MemberID)
	b = appendText(append(b, `,"member_channel_id":`...), d.MemberChannelID)
	b = strconv.AppendBool(append(b, `,"test":`...), d.Test)
	return append(b, '}')
}

func (d *MemberExpiredData) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"member_id":`...), d.MemberID, 10)
	b = appendText(append(b, `,"member_name":`...), d.MemberName)
	b = appendString(append(b, `,"expires_at":`...), d.ExpiresAt)
	b = strconv.AppendInt(append(b, `,"attempts":`...), int64(d.Attempts), 10)
	return append(b, '}')
}

func (d *TransferOrder) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"order":`...), d.Order)
	b = strconv.AppendInt(append(b, `,"attempt_id":`...), d.AttemptID, 10)
	b = appendText(append(b, `,"member_channel_id":`...), d.MemberChannelID)
	b = appendNumber(append(b, `,"agent_id":`...), d.AgentID)
	b = appendText(append(b, `,"agent_channel_id":`...), d.AgentChannelID)
	b = strconv.AppendBool(append(b, `,"attended":`...), d.Attended)
	b = appendText(append(b, `,"to":`...), d.To)
	b = appendNumber(append(b, `,"to_agent_id":`...), d.ToAgentID)
	b = appendText(append(b, `,"to_agent_ref":`...), d.ToAgentRef)
	b = appendText(append(b, `,"to_channel_id":`...), d.ToChannelID)
	b = appendNumber(append(b, `,"to_queue_id":`...), d.ToQueueID)
	b = appendText(append(b, `,"to_queue_name":`...), d.ToQueueName)
	b = appendNumber(append(b, `,"child_attempt_id":`...), d.ChildAttemptID)
	return append(b, '}')
}
