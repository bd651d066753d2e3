// How often a USDT probe is hit, and a log2 histogram of one of its numeric arguments, by process. An event is a hit.

#define MAX_KEYS 8192
#define MAX_BUCKETS 8192

#define NOT_ASKED 0
#define MEASURED 1
#define NEGATIVE 2
#define UNREADABLE 3

struct hit_key {
    char process[FT_COMM_LEN];
    u32 argument;
};
struct bucket_key {
    char process[FT_COMM_LEN];
    u32 bucket;
};
BPF_HASH(hits, struct hit_key, u64, MAX_KEYS);
BPF_HASH(argument_values, struct bucket_key, u64, MAX_BUCKETS);

int on_probe(struct pt_regs *ctx)
{
    FT_HIT();
    struct hit_key key = { .argument = NOT_ASKED };
    struct bucket_key bucket_key = {};
    u64 argument = 0, zero = 0;

    if (!ft_current_wanted())
        return 0;
    FT_EVENT();
    bpf_get_current_comm(&key.process, sizeof(key.process));
    if (PARAM(FT_USDT_FORM) != FT_USDT_NONE) {
        key.argument = !ft_usdt_argument(ctx, &argument)                      ? UNREADABLE
                       : PARAM(FT_USDT_SIGNED) && (s64)argument < 0 ? NEGATIVE
                                                                              : MEASURED;
    }
    if (key.argument == MEASURED) {
        __builtin_memcpy(&bucket_key.process, &key.process, sizeof(key.process));
        bucket_key.bucket = ft_log2_bucket(argument);
        u64 *in_bucket = argument_values.lookup_or_try_init(&bucket_key, &zero);
        if (!in_bucket) {
            FT_LOST();
            return 0;
        }
        FT_ADD_ONE(*in_bucket);
    }
    u64 *count = hits.lookup_or_try_init(&key, &zero);
    if (count)
        FT_ADD_ONE(*count);
    else
        FT_LOST();
    return 0;
}
