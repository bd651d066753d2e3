// TCP sockets: addresses, ports, and what tells whose they are where no task of theirs runs.

#define FT_IPPROTO_TCP 6
#define FT_AF_INET 2
#define FT_AF_INET6 10
#define FT_TCP_ESTABLISHED 1
#define FT_TCP_SYN_SENT 2
#define FT_TCP_FIN_WAIT1 4
#define FT_TCP_CLOSE 7
#define FT_TCP_LAST_ACK 9

// An IPv6 address; an IPv4 one is mapped into it (::ffff:a.b.c.d).
struct ft_address {
    u32 words[4];
};

static __always_inline bool ft_is_tcp(void *sk)
{
#ifdef FT_OFFSET_sock__sk_protocol  // a bit-field before 5.6
    u16 protocol;
    FT_READ(protocol, sk, sock, sk_protocol);
    return protocol == FT_IPPROTO_TCP;
#else
    return true;
#endif
}

static __always_inline void ft_peer(void *sk, struct ft_address *address, u32 *port)
{
    u16 family, big_endian_port;

    FT_READ(family, sk, sock_common, skc_family);
    FT_READ(big_endian_port, sk, sock_common, skc_dport);
    *port = __builtin_bswap16(big_endian_port);
    if (family == FT_AF_INET) {
        u32 word;
        FT_READ(word, sk, sock_common, skc_daddr);
        address->words[2] = __builtin_bswap32(0xffff);
        address->words[3] = word;
    } else if (family == FT_AF_INET6) {
        bpf_probe_read_kernel(address, sizeof(*address), sk + FT_OFFSET_sock_common__skc_v6_daddr);
    }
}

static __always_inline u32 ft_local_port(void *sk)
{
    u16 port;
    FT_READ(port, sk, sock_common, skc_num);
    return port;
}

// The port of the side that listens tells what a connection is for; the other side's is chosen at random, and not worth a
// line for each. The side that listens has the lower one.
static __always_inline void ft_drop_random_port(u32 *port, u32 *local_port)
{
    if (*local_port > *port)
        *local_port = 0;
    else
        *port = 0;
}

// The socket's cgroup is asked for; a socket knows no process.
static __always_inline bool ft_socket_wanted(void *sk)
{
    if (!PARAM(FT_CGROUP_LEVEL) && !PARAM(FT_SCOPE_LEVEL))
        return true;
#ifdef FT_OFFSET_sock__sk_cgrp_data
    void *group;
    bpf_probe_read_kernel(&group, sizeof(group), sk + FT_OFFSET_sock__sk_cgrp_data);
    return group && ft_cgroup_wanted(group);
#else
    return false;
#endif
}
