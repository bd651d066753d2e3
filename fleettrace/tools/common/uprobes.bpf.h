// What programs on uprobes have in common; it is put between the common header and the program's own text.

// A thread can be preempted within such a program, by another one that hits the same probe: additions must be atomic, and
// values are added to in maps that all CPUs share.
#undef FT_ADD_ONE
#define FT_ADD_ONE(counter) FT_ADD_ONE_ATOMICALLY(counter)

// The stack pointer at a function's first instruction, from the registers there or on its return: with the thread it is
// the identity of one call, in recursion too, and one that was left by longjmp() or an exception is in nobody's way.
#ifdef FT_OFFSET_pt_regs__orig_ax  // x86-64: the return takes the return address off the stack
static __always_inline u64 ft_call_stack_pointer(void *regs, bool returned)
{
    u64 pointer;
    FT_READ(pointer, regs, pt_regs, sp);
    return returned ? pointer - sizeof(pointer) : pointer;
}
#else  // arm64
static __always_inline u64 ft_call_stack_pointer(void *regs, bool returned)
{
    u64 pointer;
    FT_READ(pointer, regs, pt_regs, sp);
    return pointer;
}
#endif

// Where the argument of a USDT site is; filled in for each site, see node_agent/kernel/usdt_arguments.py.
#define FT_USDT_FORM 18
#define FT_USDT_REGISTER 19  // offsets into the registers
#define FT_USDT_INDEX 20
#define FT_USDT_SHIFT 21
#define FT_USDT_VALUE 22  // the constant, or the displacement
#define FT_USDT_BYTES 23
#define FT_USDT_SIGNED 24

#define FT_USDT_NONE 0
#define FT_USDT_CONSTANT 1
#define FT_USDT_IN_REGISTER 2
#define FT_USDT_IN_MEMORY 3
#define FT_USDT_INDEXED 4

// The registers are read as memory, since their place is known only when the program is loaded.
static __always_inline u64 ft_register(void *regs, u64 offset)
{
    u64 value = 0;
    bpf_probe_read_kernel(&value, sizeof(value), regs + offset);
    return value;
}

// Reads the argument; false when its memory cannot be read without waiting for it.
static __always_inline bool ft_usdt_argument(void *regs, u64 *argument)
{
    u64 form = PARAM(FT_USDT_FORM), value = PARAM(FT_USDT_VALUE), unused_bits = 64 - 8 * PARAM(FT_USDT_BYTES);

    if (form == FT_USDT_IN_REGISTER) {
        value = ft_register(regs, PARAM(FT_USDT_REGISTER));
    } else if (form != FT_USDT_CONSTANT) {
        u64 address = value + ft_register(regs, PARAM(FT_USDT_REGISTER));
        if (form == FT_USDT_INDEXED)
            address += ft_register(regs, PARAM(FT_USDT_INDEX)) << PARAM(FT_USDT_SHIFT);
        value = 0;
        if (PARAM(FT_USDT_BYTES) == 8 ? bpf_probe_read_user(&value, 8, (void *)address)
            : PARAM(FT_USDT_BYTES) == 4 ? bpf_probe_read_user(&value, 4, (void *)address)
            : PARAM(FT_USDT_BYTES) == 2 ? bpf_probe_read_user(&value, 2, (void *)address)
                                        : bpf_probe_read_user(&value, 1, (void *)address))
            return false;
    }
    value <<= unused_bits;
    *argument = PARAM(FT_USDT_SIGNED) ? (u64)((s64)value >> unused_bits) : value >> unused_bits;
    return true;
}
