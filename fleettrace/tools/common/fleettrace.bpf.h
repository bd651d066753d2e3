// What every program has in common. It is put before the program's own text.
//
// PARAM(id) is a constant that is filled in when the program is loaded: clang sees a load of an unknown 64-bit
// number, the loader replaces the number, and the verifier removes the branches that it rules out. The high half
// is the mark by which the loader finds it ("flet").

#define PARAM(id) ({ volatile u64 _p = 0x666c657400000000ULL + (id); _p; })

#define FT_COUNT_ONLY 1    // 1: count hits and events and record nothing
#define FT_SCOPE_LEVEL 2   // level of the cgroup that is "this host"; 0: the whole machine
#define FT_SCOPE_CGROUP 3  // its id
// A tool's own parameters come as PARAM_<NAME>, from 16 upwards in the order of its manifest.

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

// hits: the probe fired. events: it was something to record (passed the filters). lost: of the events, those that
// could not be recorded. So: events = recorded + lost, exactly.
struct ft_counters {
    u64 hits;
    u64 events;
    u64 lost;
};
BPF_PERCPU_ARRAY(ft_stats, struct ft_counters, 1);

// To be called once, first. Programs on one CPU do not interrupt each other here, so that plain additions are exact.
static __always_inline struct ft_counters *ft_hit(void)
{
    u32 zero = 0;
    struct ft_counters *counters = ft_stats.lookup(&zero);
    if (counters)
        counters->hits++;
    return counters;
}

#define FT_HIT()                             \
    struct ft_counters *ft = ft_hit();       \
    if (!ft)                                 \
        return 0

// Count an event; a frequency check ends here.
#define FT_EVENT()                           \
    do {                                     \
        ft->events++;                        \
        if (PARAM(FT_COUNT_ONLY))            \
            return 0;                        \
    } while (0)

// The event that was just counted cannot be recorded: a full map, a collision of stacks.
#define FT_LOST()                            \
    do {                                     \
        ft->lost++;                          \
    } while (0)

// Bucket 0 is [0, 1], bucket i is [2^i, 2^(i+1) - 1]: the scheme "log2".
static __always_inline u32 ft_log2_bucket(u64 value)
{
    return bpf_log2l(value | 1) - 1;
}

static __always_inline bool ft_current_in_scope(void)
{
    int level = PARAM(FT_SCOPE_LEVEL);
    return !level || bpf_get_current_ancestor_cgroup_id(level) == PARAM(FT_SCOPE_CGROUP);
}

// For a task that is not the current one. Membership is what the cgroup's ancestor at the scope's level says, so that
// children are included.
static __always_inline bool ft_task_in_scope(struct task_struct *task)
{
    u32 level = PARAM(FT_SCOPE_LEVEL);
    void *css, *group;
    s32 own_level;
    u64 id = 0;

    if (!level)
        return true;
    FT_READ(css, task, task_struct, cgroups);
    FT_READ(group, css, css_set, dfl_cgrp);
    FT_READ(own_level, group, cgroup, level);
    if (own_level < (s32)level)
        return false;
#ifdef FT_OFFSET_cgroup__ancestors  // pointers, since 6.1
    void *ancestor, *node;
    bpf_probe_read_kernel(&ancestor, sizeof(ancestor), group + FT_OFFSET_cgroup__ancestors + level * sizeof(ancestor));
    FT_READ(node, ancestor, cgroup, kn);
    FT_READ(id, node, kernfs_node, id);
#else  // ids
    bpf_probe_read_kernel(&id, sizeof(id), group + FT_OFFSET_cgroup__ancestor_ids + level * sizeof(id));
#endif
    return id == PARAM(FT_SCOPE_CGROUP);
}

// One life of a process between two execs: address space layout randomisation gives each a start of its stack of its own,
// which /proc/PID/stat shows too. So the symbols of another program are never taken for this one's.
struct ft_process {
    u64 start_stack;  // 0: a kernel thread
    u32 tgid;
    u32 unused;
};

// The key of a map of stacks. Stack ids index the BPF_STACK_TRACE map that the manifest names, or, marked with
// FT_OVERFLOW_STACK, the map <name>_overflow. Negative: no such stack.
#define FT_OVERFLOW_STACK (1 << 30)
struct ft_stack_key {
    struct ft_process process;
    s32 user_stack;
    s32 kernel_stack;
    char comm[FT_COMM_LEN];
};

static __always_inline void ft_current_process(struct ft_process *process)
{
    void *mm;

    process->tgid = bpf_get_current_pid_tgid() >> 32;
    FT_READ(mm, bpf_get_current_task(), task_struct, mm);
    if (mm)
        FT_READ(process->start_stack, mm, mm_struct, start_stack);
}
