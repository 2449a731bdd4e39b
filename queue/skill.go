package queue

import (
	"encoding/json"
	"fmt"
	"slices"
)

// maxLevel is the highest level of a skill, and the bound of a queue's MaxLevel.
const maxLevel = 100

// AgentSkill is something an agent can do. With it he is offered attempts of
// every queue that asks for it (engine.md B.12).
type AgentSkill struct {
	Name string `json:"name" minLength:"1" maxLength:"100" doc:"The skill, as queues name it."`
	// Level orders those who may be offered an attempt: lower first, 0 to 100.
	// Agents who serve the queue directly have level 0.
	Level int `json:"level" required:"false" minimum:"0" maximum:"100" doc:"Lower levels are offered first; an agent who serves the queue directly has 0."`
	// Capacity is how well he does it, 0 to 1000; queues bound it.
	Capacity int `json:"capacity" required:"false" minimum:"0" maximum:"1000" doc:"How well he does it; queues say how well they need it."`
	// Enabled = false keeps the skill and does without it.
	Enabled bool `json:"enabled" required:"false" doc:"false keeps the skill without using it; true when absent."`
}

// UnmarshalJSON reads a skill; one that does not say so is enabled.
func (s *AgentSkill) UnmarshalJSON(data []byte) error {
	type plain AgentSkill
	read := plain{Enabled: true}
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	*s = AgentSkill(read)
	return nil
}

// QueueSkill is a skill whose agents are offered attempts of the queue.
type QueueSkill struct {
	Name string `json:"name" minLength:"1" maxLength:"100" doc:"The skill, as agents name it."`
	// MinCapacity and MaxCapacity bound the agent's capacity; MaxCapacity 0 = no
	// upper bound.
	MinCapacity int `json:"min_capacity,omitempty" minimum:"0" maximum:"1000" doc:"The least capacity an agent needs."`
	MaxCapacity int `json:"max_capacity,omitempty" minimum:"0" maximum:"1000" doc:"The highest capacity an agent may have; 0 or absent = any."`
	// Buckets are those whose attempts the skill is for; empty = all attempts.
	Buckets []string `json:"buckets,omitempty" maxItems:"50" doc:"Only attempts of these buckets; absent or empty = all attempts."`
}

// Bucket is a class of attempts inside a queue, such as its important customers.
type Bucket struct {
	Name string `json:"name" minLength:"1" maxLength:"100"`
	// Priority orders attempts before everything else, higher first. Attempts of
	// no bucket have 0.
	Priority int `json:"priority,omitempty" minimum:"-1000000" maximum:"1000000" doc:"Higher is offered first, before any priority of an attempt; attempts of no bucket have 0."`
}

// maxSkills bounds the lists of a queue and of an agent: the cost of a step
// grows with them.
const maxSkills = 50

// validateSkills reports the first of the agent's skills that cannot be kept.
func (a *Agent) validateSkills() error {
	if len(a.Skills) > maxSkills {
		return invalid("skills", fmt.Sprintf("an agent has at most %d skills", maxSkills))
	}
	seen := map[string]bool{}
	for i, k := range a.Skills {
		field := fmt.Sprintf("skills/%d/", i)
		switch {
		case k.Name == "" || len(k.Name) > 100:
			return invalid(field+"name", "a skill needs a name of at most 100 bytes")
		case seen[k.Name]:
			return invalid(field+"name", fmt.Sprintf("the skill %q is named twice", k.Name))
		case k.Level < 0 || k.Level > maxLevel:
			return invalid(field+"level", "level must be between 0 and 100")
		case k.Capacity < 0 || k.Capacity > 1000:
			return invalid(field+"capacity", "capacity must be between 0 and 1000")
		}
		seen[k.Name] = true
	}
	return nil
}

// validateSkills reports the first of the queue's buckets and skills that cannot
// be carried out.
func (q *Queue) validateSkills() error {
	if len(q.Buckets) > maxSkills {
		return invalid("buckets", fmt.Sprintf("a queue has at most %d buckets", maxSkills))
	}
	seen := map[string]bool{}
	for i, b := range q.Buckets {
		field := fmt.Sprintf("buckets/%d/", i)
		switch {
		case b.Name == "" || len(b.Name) > 100:
			return invalid(field+"name", "a bucket needs a name of at most 100 bytes")
		case seen[b.Name]:
			return invalid(field+"name", fmt.Sprintf("the bucket %q is named twice", b.Name))
		case b.Priority < -maxPriority || b.Priority > maxPriority:
			return invalid(field+"priority", "priority must be between -1000000 and 1000000")
		}
		seen[b.Name] = true
	}
	if len(q.Skills) > maxSkills {
		return invalid("skills", fmt.Sprintf("a queue asks for at most %d skills", maxSkills))
	}
	for i, k := range q.Skills {
		field := fmt.Sprintf("skills/%d/", i)
		switch {
		case k.Name == "" || len(k.Name) > 100:
			return invalid(field+"name", "a skill needs a name of at most 100 bytes")
		case k.MinCapacity < 0 || k.MinCapacity > 1000 || k.MaxCapacity < 0 || k.MaxCapacity > 1000:
			return invalid(field+"min_capacity", "min_capacity and max_capacity must be between 0 and 1000")
		case k.MaxCapacity > 0 && k.MaxCapacity < k.MinCapacity:
			return invalid(field+"max_capacity", "max_capacity must not be below min_capacity; 0 means no upper bound")
		}
		for _, name := range k.Buckets {
			if !seen[name] {
				return invalid(field+"buckets", fmt.Sprintf("the queue has no bucket %q; add it to buckets", name))
			}
		}
	}
	return nil
}

// validateBucket refuses a bucket that the queue does not have.
func (q *Queue) validateBucket(name string) error {
	if name == "" || slices.ContainsFunc(q.Buckets, func(b Bucket) bool { return b.Name == name }) {
		return nil
	}
	names := make([]string, len(q.Buckets))
	for i, b := range q.Buckets {
		names[i] = b.Name
	}
	return invalid("bucket", fmt.Sprintf("queue %q has no bucket %q; it has %q", q.Name, name, names))
}

// grade says where an agent stands for the attempts of a group. An agent who is
// not ok may not be offered them.
type grade struct {
	ok              bool
	level, capacity int32
}

// in reports whether the agent's capacity is what the queue asks for.
func (k *QueueSkill) in(s *AgentSkill) bool {
	return s.Enabled && s.Name == k.Name && s.Capacity >= k.MinCapacity && (k.MaxCapacity == 0 || s.Capacity <= k.MaxCapacity)
}

// forBucket reports whether the skill is for attempts of the bucket.
func (k *QueueSkill) forBucket(bucket string) bool {
	return len(k.Buckets) == 0 || slices.Contains(k.Buckets, bucket)
}

// grade returns where the agent stands for the queue's attempts of the bucket:
// on the lowest level that he has, with the highest capacity that he has there.
// Direct agents are on level 0 whatever the level of their skills.
func (q *Queue) grade(a *Agent, bucket string) grade {
	direct := slices.Contains(a.Queues, q.ID)
	g := grade{ok: direct}
	for i := range q.Skills {
		k := &q.Skills[i]
		if !k.forBucket(bucket) {
			continue
		}
		for j := range a.Skills {
			s := &a.Skills[j]
			if !k.in(s) {
				continue
			}
			level, capacity := int32(s.Level), int32(s.Capacity)
			if direct {
				level = 0
			}
			switch {
			case !g.ok || level < g.level:
				g = grade{true, level, capacity}
			case level == g.level:
				g.capacity = max(g.capacity, capacity)
			}
		}
	}
	return g
}

// Admits reports whether the agent serves the queue's attempts of the bucket, on
// whatever level: directly, or by a skill.
func (q *Queue) Admits(a *Agent, bucket string) bool { return q.grade(a, bucket).ok }

// group is the attempts of a queue whose buckets ask for the same skills: whoever
// may be offered one of them may be offered all. Room has those who are reserved
// and may have one more member dialled for them (progressive_count). Both are
// empty for queues that a switch distributes.
type group struct {
	bucket     string // one of those that belong to it
	free, room index[freeKey]
}

// groups divides the queue's buckets; attempts of no bucket belong to the first.
func (q *Queue) groups() ([]*group, map[string]int) {
	same := func(x, y string) bool {
		return !slices.ContainsFunc(q.Skills, func(k QueueSkill) bool { return k.forBucket(x) != k.forBucket(y) })
	}
	all := []*group{{free: newIndex(compareFree), room: newIndex(compareFree)}}
	of := make(map[string]int, len(q.Buckets))
	for _, b := range q.Buckets {
		i := slices.IndexFunc(all, func(g *group) bool { return same(g.bucket, b.Name) })
		if i < 0 {
			i = len(all)
			all = append(all, &group{bucket: b.Name, free: newIndex(compareFree), room: newIndex(compareFree)})
		}
		of[b.Name] = i
	}
	return all, of
}
