// What every program has in common. It is put before the program's own text.
//
// PARAM(id) is a constant that is filled in when the program is loaded: clang sees a load of an unknown 64-bit
// number, the loader replaces the number, and the verifier removes the branches that it rules out. The high half
// is the mark by which the loader finds it ("flet").

#define PARAM(id) ({ volatile u64 _p = 0x666c657400000000ULL + (id); _p; })

#define FT_COUNT_ONLY 1    // 1: count hits and events and record nothing
#define FT_SCOPE_LEVEL 2   // level of the cgroup that is "this host"; 0: the whole machine
#define FT_SCOPE_CGROUP 3  // its id
// Filters, 0: not set. What is asked for and the scope must both hold.
#define FT_PID 4           // process id
#define FT_COMM_LOW 5      // the first 8 bytes of the name, as a little-endian number
#define FT_COMM_HIGH 6     // the others
#define FT_CGROUP_LEVEL 7  // level of the cgroup that is asked for
#define FT_CGROUP 8        // its id
#define FT_FINE 9          // k: histograms have 2^k buckets an octave; 0: one
// Of connections; see sockets.bpf.h.
#define FT_PORT 10               // at either end
#define FT_LOCAL_PORT 11
#define FT_PEER_PORT 12
#define FT_ADDRESS_LOW 13        // the first 8 bytes of the peer's network as an IPv6 address, as a little-endian number
#define FT_ADDRESS_HIGH 14       // the others
#define FT_ADDRESS_MASK_LOW 15   // its mask in the same form; 0 in both: not set
#define FT_ADDRESS_MASK_HIGH 16
// Not a filter: bpf_ktime_get_ns() just before the program was loaded.
#define FT_STARTED_NS 17
// A tool's own parameters come as PARAM_<NAME>, from 32 upwards in the order of its manifest.

#define FT_TASK_RUNNING 0
#define FT_TASK_DEAD 0x80
#define FT_COMM_LEN 16
#define FT_EFAULT 14
#define FT_EEXIST 17

// Reads a field of a kernel struct into a variable; returns 0, or -EFAULT and zeroes the variable. Where the field is comes
// from the running kernel (FT_OFFSET_..., see node_agent/backends/bcc/header_tree.py); that it is as wide as the variable is
// checked when compiling. Kernel structs have no definition here: pointers to them are opaque.
#define FT_READ(to, from, type, member)                                                        \
    ({                                                                                         \
        _Static_assert(sizeof(to) == FT_SIZE_##type##__##member, #type "." #member " differs"); \
        bpf_probe_read_kernel(&(to), sizeof(to), (void *)(from) + FT_OFFSET_##type##__##member); \
    })

struct task_struct;

// Reads a task's name into a variable that is zeroed: up to its end, because before 5.16 the kernel leaves there what an earlier,
// longer name has left behind (__set_task_comm() in fs/exec.c). bpf_get_current_comm() fills up with zeros itself.
#define FT_READ_COMM(to, task)                                                                       \
    ({                                                                                               \
        _Static_assert(sizeof(to) == FT_SIZE_task_struct__comm, "task_struct.comm differs");         \
        bpf_probe_read_kernel_str(&(to), sizeof(to), (void *)(task) + FT_OFFSET_task_struct__comm); \
    })

// hits: the probe fired. events: it was something to record (passed the filters). lost: of the events, those that
// could not be recorded. So: events = recorded + lost, exactly.
struct ft_counters {
    u64 hits;
    u64 events;
    u64 lost;
};
BPF_PERCPU_ARRAY(ft_stats, struct ft_counters, 1);

// Adds one to a counter of this CPU. A program never interrupts itself on one CPU (the kernel skips it, and counts that), and
// where all programs of a tool run in the same context none interrupts another, so that plain additions are exact. Where they
// can, a header of their subject (block, sockets, uprobes) has FT_ADD_ONE_ATOMICALLY() instead.
#define FT_ADD_ONE(counter) (counter)++
#define FT_ADD_ONE_ATOMICALLY(counter) __sync_fetch_and_add(&(counter), 1)

static __always_inline struct ft_counters *ft_counters_here(void)
{
    u32 zero = 0;
    return ft_stats.lookup(&zero);
}

// To be said once, first.
#define FT_HIT()                                       \
    struct ft_counters *ft = ft_counters_here();       \
    if (!ft)                                           \
        return 0;                                      \
    FT_ADD_ONE(ft->hits)

// Count an event; a frequency check ends here.
#define FT_EVENT()                           \
    do {                                     \
        FT_ADD_ONE(ft->events);              \
        if (PARAM(FT_COUNT_ONLY))            \
            return 0;                        \
    } while (0)

// The event that was just counted cannot be recorded: a full map, a collision of stacks.
#define FT_LOST()                            \
    do {                                     \
        FT_ADD_ONE(ft->lost);                \
    } while (0)

// Events that are kept whole, the first of a run. A program declares
//     FT_EVENTS(kept, struct event, MAX);
// where struct event begins with `u64 at_ns` (bpf_ktime_get_ns()), and keeps one, after counting it, by
//     struct ft_event_id id = ft_new_event_id(ft);
//     kept.update(&id, &event);  // not 0: there is no more room
// Ids are unique without atomics: the CPU, and a number on it.
struct ft_event_id {
    u32 cpu;
    u32 number;
};
#define FT_EVENTS(map, type, max) BPF_HASH(map, struct ft_event_id, type, max)
static __always_inline struct ft_event_id ft_new_event_id(struct ft_counters *ft)
{
    struct ft_event_id id = { .cpu = bpf_get_smp_processor_id(), .number = (u32)ft->events };
    return id;
}

// The bucket of a value, as fleettrace/snapshot/histogram.py has it. Without FT_FINE the scheme is "log2": bucket 0 is [0, 1],
// bucket i is [2^i, 2^(i+1) - 1]. With it, it is "log2.k": below 2^(k+1) a bucket for each integer, and from there on 2^k of
// equal width an octave; the octave's number, with the bits that follow the value's first as the place within the octave.
#define FT_BUCKETS 976  // of the finest scheme that can be asked for, log2.4; an array of buckets has as many
static __always_inline u32 ft_log2_bucket(u64 value)
{
    u32 fine = PARAM(FT_FINE), octave = bpf_log2l(value | 1) - 1, shift;

    if (!fine)
        return octave;
    if (octave <= fine)
        return value;
    shift = octave - fine;
    return (shift << fine) + (u32)(value >> shift);
}

static __always_inline u32 ft_task_state(void *task)
{
#ifdef FT_OFFSET_task_struct____state  // since 5.14
    u32 state;
    FT_READ(state, task, task_struct, __state);
#else
    long state;
    FT_READ(state, task, task_struct, state);
#endif
    return state;
}

// The current task is one that is asked for: to be looked at first, before any work is done for it.
static __always_inline bool ft_current_wanted(void)
{
    u64 comm[2] = {};
    u32 pid = PARAM(FT_PID);
    int level = PARAM(FT_CGROUP_LEVEL), scope_level = PARAM(FT_SCOPE_LEVEL);

    if (pid && pid != bpf_get_current_pid_tgid() >> 32)
        return false;
    if (PARAM(FT_COMM_LOW)) {
        bpf_get_current_comm(&comm, sizeof(comm));
        if (comm[0] != PARAM(FT_COMM_LOW) || comm[1] != PARAM(FT_COMM_HIGH))
            return false;
    }
    if (level && bpf_get_current_ancestor_cgroup_id(level) != PARAM(FT_CGROUP))
        return false;
    return !scope_level || bpf_get_current_ancestor_cgroup_id(scope_level) == PARAM(FT_SCOPE_CGROUP);
}

// The id of a cgroup's ancestor at a level; 0 when it is above that itself. Children of a cgroup are thereby in it.
static __always_inline u64 ft_ancestor_cgroup_id(void *group, u32 level)
{
    s32 own_level;
    u64 id = 0;

    FT_READ(own_level, group, cgroup, level);
    if (own_level < (s32)level)
        return 0;
#ifdef FT_OFFSET_cgroup__ancestors  // pointers, since 6.1
    void *ancestor, *node;
    bpf_probe_read_kernel(&ancestor, sizeof(ancestor), group + FT_OFFSET_cgroup__ancestors + level * sizeof(ancestor));
    FT_READ(node, ancestor, cgroup, kn);
    FT_READ(id, node, kernfs_node, id);
#else  // ids
    bpf_probe_read_kernel(&id, sizeof(id), group + FT_OFFSET_cgroup__ancestor_ids + level * sizeof(id));
#endif
    return id;
}

// A cgroup is in what is asked for and in the scope.
static __always_inline bool ft_cgroup_wanted(void *group)
{
    int level = PARAM(FT_CGROUP_LEVEL), scope_level = PARAM(FT_SCOPE_LEVEL);

    if (level && ft_ancestor_cgroup_id(group, level) != PARAM(FT_CGROUP))
        return false;
    return !scope_level || ft_ancestor_cgroup_id(group, scope_level) == PARAM(FT_SCOPE_CGROUP);
}

// The same as ft_current_wanted() for a task that is not the current one.
static __always_inline bool ft_task_wanted(void *task)
{
    u64 comm[2] = {};
    u32 pid = PARAM(FT_PID), tgid;
    void *css, *group;

    if (pid) {
        FT_READ(tgid, task, task_struct, tgid);
        if (tgid != pid)
            return false;
    }
    if (PARAM(FT_COMM_LOW)) {
        FT_READ_COMM(comm, task);
        if (comm[0] != PARAM(FT_COMM_LOW) || comm[1] != PARAM(FT_COMM_HIGH))
            return false;
    }
    if (!PARAM(FT_CGROUP_LEVEL) && !PARAM(FT_SCOPE_LEVEL))
        return true;
    FT_READ(css, task, task_struct, cgroups);
    FT_READ(group, css, css_set, dfl_cgrp);
    return ft_cgroup_wanted(group);
}
