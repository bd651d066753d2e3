// The page cache by process: uses that found their pages in it, uses that had to wait for some to be read in, and pages that
// were made dirty.
//
// An event is a use: a read of some pages, a fault, a folio that becomes dirty. A use is told when it begins, and what it had to
// read in may come after: so it is a hit until it is known to be a miss. How that is known: pages that are added to a file's
// cache are fresh until somebody uses them, and who uses a fresh page missed it. A write that makes a fresh page dirty put it
// there.

#define MAX_KEYS 8192
#define MAX_FILES 16384
#define MAX_THREADS 10240

#define HIT 0
#define MISS 1
#define DIRTIED 2

#define PAGE_SHIFT_BITS __builtin_ctzl(PAGE_SIZE)
#define MAPPING_FLAGS 3  // PAGE_MAPPING_FLAGS of the kernel: anonymous memory and the like

struct use_key {
    char process[FT_COMM_LEN];
    u32 result;
};
struct total {
    u64 uses;
    u64 pages;
    u64 missed;
};
// What a thread used last.
struct use {
    u64 mapping;
    u64 first;
    u64 last;
    u64 call;   // the read(2) that it was; 0: a fault
    u64 pages;  // of all of it, as they were counted
    u64 hits;   // pages of it that may yet turn out to be missed
    u64 result;
};
BPF_HASH(totals, struct use_key, struct total, MAX_KEYS);
BPF_HASH(fresh, u64, u64, MAX_FILES);
BPF_TABLE("lru_hash", u32, struct use, uses, MAX_THREADS);

static __always_inline void add(struct ft_counters *ft, u32 result, u64 pages, u64 missed)
{
    struct use_key key = { .result = result };
    struct total zero = {};

    FT_ADD_ONE(ft->events);
    if (PARAM(FT_COUNT_ONLY))
        return;
    bpf_get_current_comm(&key.process, sizeof(key.process));
    struct total *total = totals.lookup_or_try_init(&key, &zero);
    if (!total) {
        FT_LOST();
        return;
    }
    __sync_fetch_and_add(&total->uses, 1);
    __sync_fetch_and_add(&total->pages, pages);
    __sync_fetch_and_add(&total->missed, missed);
}

// Some pages of a use, of those that counted as hits, were missed.
static __always_inline void correct(struct use *use, u64 missed)
{
    struct use_key key = { .result = HIT };
    struct total zero = {}, *hit, *miss;

    bpf_get_current_comm(&key.process, sizeof(key.process));
    hit = totals.lookup(&key);
    key.result = MISS;
    miss = totals.lookup_or_try_init(&key, &zero);
    use->hits -= missed;
    if (!miss)
        return;
    if (use->result == HIT && hit) {
        __sync_fetch_and_add(&hit->uses, -1);
        __sync_fetch_and_add(&hit->pages, -use->pages);
        __sync_fetch_and_add(&miss->uses, 1);
        __sync_fetch_and_add(&miss->pages, use->pages);
    }
    use->result = MISS;
    __sync_fetch_and_add(&miss->missed, missed);
}

// Takes up to so many of a file's fresh pages; returns how many there were.
static __always_inline u64 take_fresh(u64 mapping, u64 wanted)
{
    u64 *left = fresh.lookup(&mapping), taken;

    if (!left)
        return 0;
    taken = *left < wanted ? *left : wanted;
    if (*left <= wanted)
        fresh.delete(&mapping);
    else
        __sync_fetch_and_add(left, -taken);
    return taken;
}

// So many pages of a file are used.
static __always_inline void use_pages(struct ft_counters *ft, struct use *use, u64 pages)
{
    u64 missed = PARAM(FT_COUNT_ONLY) ? 0 : take_fresh(use->mapping, pages);

    use->pages = pages;
    use->hits = pages - missed;
    use->result = missed ? MISS : HIT;
    add(ft, use->result, pages, missed);
}

// The number of reads that the current task has ended: the same for all of one read. The kernel may not count them.
static __always_inline u64 read_call(void)
{
#ifdef FT_OFFSET_task_io_accounting__syscr
    u64 reads;
    void *accounting = (void *)bpf_get_current_task() + FT_OFFSET_task_struct__ioac;
    FT_READ(reads, accounting, task_io_accounting, syscr);
    return reads + 1;
#else
    return 1;
#endif
}

// The last page that a file has, but for what was asked of it.
static __always_inline u64 bounded_last(void *mapping, u64 last)
{
    void *inode;
    u64 size, end;

    FT_READ(inode, mapping, address_space, host);
    FT_READ(size, inode, inode, i_size);
    end = (size + PAGE_SIZE - 1) >> PAGE_SHIFT_BITS;
    return last < end ? last : end - 1;
}

// TP_PROTO(struct address_space *mapping, pgoff_t index, pgoff_t last_index): a read goes on, from one page to its last one
int on_read(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u32 thread = bpf_get_current_pid_tgid();
    struct use use = { .mapping = ctx->args[0], .first = ctx->args[1], .call = read_call() }, *before;
    u64 missed, left;

    if (!ft_current_wanted())
        return 0;
    use.last = bounded_last((void *)use.mapping, ctx->args[2]);
    if (use.last < use.first || use.last == (u64)-1)
        return 0;
    before = uses.lookup(&thread);
    if (before && before->mapping == use.mapping && before->last == use.last && before->call == use.call &&
        before->first < use.first) {
        // The same read, after it has copied some: all its pages have been counted, and it may have read in more of them.
        left = use.last - use.first + 1;
        use.pages = before->pages;
        use.result = before->result;
        use.hits = before->hits < left ? before->hits : left;
        missed = PARAM(FT_COUNT_ONLY) ? 0 : take_fresh(use.mapping, use.hits);
        if (missed)
            correct(&use, missed);
    } else {
        use_pages(ft, &use, use.last - use.first + 1);
    }
    uses.update(&thread, &use);
    return 0;
}

// TP_PROTO(struct address_space *mapping, pgoff_t start, pgoff_t end): pages around a fault that were there are mapped
int on_map(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u32 thread = bpf_get_current_pid_tgid();
    struct use use = { .mapping = ctx->args[0], .first = ctx->args[1] };

    if (!ft_current_wanted())
        return 0;
    use.last = bounded_last((void *)use.mapping, ctx->args[2]);
    if (use.last < use.first || use.last == (u64)-1)
        return 0;
    use_pages(ft, &use, use.last - use.first + 1);
    use.hits = 0;
    uses.update(&thread, &use);
    return 0;
}

// TP_PROTO(struct address_space *mapping, pgoff_t index): a fault that looks for a page, after on_map() or without it
int on_fault(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u32 thread = bpf_get_current_pid_tgid();
    struct use use = { .mapping = ctx->args[0], .first = ctx->args[1], .last = ctx->args[1], .pages = 1 }, *before;

    if (!ft_current_wanted())
        return 0;
    before = uses.lookup(&thread);
    if (before && !before->call && before->mapping == use.mapping && before->first <= use.first &&
        before->last >= use.last && before->first < before->last) {
        // What was mapped around it did not have it: one use, which has been counted.
        use.pages = before->pages;
        use.result = before->result;
    } else {
        add(ft, HIT, 1, 0);
    }
    use.hits = 1;
    uses.update(&thread, &use);
    return 0;
}

static __always_inline u64 folio_pages(void *folio)
{
#ifdef FT_OFFSET_folio__flags  // since 5.16; before, pages came one by one
    u64 flags;
    FT_READ(flags, folio, folio, flags);
    if (!(flags & (1ULL << FT_ENUM_pageflags__PG_head)))
        return 1;
#ifdef FT_OFFSET_folio___folio_order  // before 6.6
    u8 order;
    FT_READ(order, folio, folio, _folio_order);
    return 1ULL << order;
#else
    u64 flags_1;
    FT_READ(flags_1, folio, folio, _flags_1);
    return 1ULL << (flags_1 & 0xff);
#endif
#else
    return 1;
#endif
}

// TP_PROTO(struct folio *folio)
int on_add(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    void *folio = (void *)ctx->args[0];
    u32 thread = bpf_get_current_pid_tgid();
    u64 mapping, index, number, zero = 0;
    struct use *use;

    if (PARAM(FT_COUNT_ONLY) || !ft_current_wanted())
        return 0;
    FT_READ(mapping, folio, page, mapping);
#ifdef FT_OFFSET_page__index
    FT_READ(index, folio, page, index);
#else
    FT_READ(index, folio, folio, index);
#endif
    number = folio_pages(folio);
    use = uses.lookup(&thread);
    if (use && !use->call && use->hits && use->mapping == mapping && index <= use->first &&
        use->first < index + number) {
        number--;
        correct(use, 1);
    }
    if (!number)
        return 0;
    u64 *left = fresh.lookup_or_try_init(&mapping, &zero);
    if (left) {
        __sync_fetch_and_add(left, number);
    } else {
        FT_ADD_ONE(ft->events);  // who uses them will seem to have found them
        FT_LOST();
    }
    return 0;
}

// TP_PROTO(struct folio *folio, struct address_space *mapping): a page that was clean is not any more
int on_dirty(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    u64 number;

    if (!ft_current_wanted())
        return 0;
    number = folio_pages((void *)ctx->args[0]);
    add(ft, DIRTIED, number, 0);
    if (!PARAM(FT_COUNT_ONLY))
        take_fresh(ctx->args[1], number);
    return 0;
}

// folio_mark_accessed(struct folio *folio), mark_page_accessed(struct page *page)
int on_accessed(void *ctx)
{
    FT_HIT();
    void *folio = (void *)ft_function_argument(ctx, 0);
    struct use use = {};

    if (!ft_current_wanted())
        return 0;
    FT_READ(use.mapping, folio, page, mapping);
    if (use.mapping && !(use.mapping & MAPPING_FLAGS))
        use_pages(ft, &use, folio_pages(folio));
    return 0;
}
