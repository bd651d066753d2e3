// TCP sockets: addresses, ports, and what tells whose they are where no task of theirs runs.

// Packets and timers change sockets in interrupts, which may come in the midst of another program on this CPU.
#undef FT_ADD_ONE
#define FT_ADD_ONE(counter) FT_ADD_ONE_ATOMICALLY(counter)

#define FT_IPPROTO_TCP 6
#define FT_AF_INET 2
#define FT_AF_INET6 10
#define FT_TCP_ESTABLISHED 1
#define FT_TCP_SYN_SENT 2
#define FT_TCP_SYN_RECV 3
#define FT_TCP_FIN_WAIT1 4
#define FT_TCP_CLOSE 7
#define FT_TCP_CLOSE_WAIT 8
#define FT_TCP_LAST_ACK 9

#define FT_SOCK_DONE (1 << 1)  // of skc_flags: a FIN has come (tcp_fin() in net/ipv4/tcp_input.c)

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
    u16 port, big_endian_port;
    FT_READ(port, sk, sock_common, skc_num);
    if (port)
        return port;
    FT_READ(big_endian_port, sk, inet_sock, inet_sport);  // the port of a closed socket is free again, but still written there
    return __builtin_bswap16(big_endian_port);
}

// The connection has the ports and the peer that are asked for; to be looked at once it has them. In connect(2), when the
// state becomes SYN_SENT, the local port may not have been chosen yet.
static __always_inline bool ft_connection_wanted(void *sk)
{
    u32 asked = PARAM(FT_PORT), asked_local = PARAM(FT_LOCAL_PORT), asked_peer = PARAM(FT_PEER_PORT);
    u64 mask_low = PARAM(FT_ADDRESS_MASK_LOW), mask_high = PARAM(FT_ADDRESS_MASK_HIGH);
    struct ft_address peer = {};
    u32 port, local_port;

    if (!asked && !asked_local && !asked_peer && !mask_low && !mask_high)
        return true;
    ft_peer(sk, &peer, &port);
    local_port = ft_local_port(sk);
    if ((asked && asked != port && asked != local_port) || (asked_local && asked_local != local_port) ||
        (asked_peer && asked_peer != port))
        return false;
    u64 low = (u64)peer.words[1] << 32 | peer.words[0], high = (u64)peer.words[3] << 32 | peer.words[2];
    return (low & mask_low) == PARAM(FT_ADDRESS_LOW) && (high & mask_high) == PARAM(FT_ADDRESS_HIGH);
}

// The connection was accepted here: its socket is a copy of the one that listens, with the length of its queue (sk_clone() in
// net/core/sock.c leaves it). A socket that connects never had any. One that listens with a queue of 0 looks like one that
// connects.
static __always_inline bool ft_was_accepted(void *sk)
{
    u32 queue_length;
    FT_READ(queue_length, sk, sock, sk_max_ack_backlog);
    return queue_length;
}

// A process closes a connection, or shuts its sending side down: these changes of state happen nowhere but in tcp_close()
// and tcp_shutdown(), so that the current task is that process. Who first shuts down and then closes stays in one state.
static __always_inline bool ft_owner_closes(s32 old_state, s32 new_state)
{
    return (new_state == FT_TCP_FIN_WAIT1 || new_state == FT_TCP_LAST_ACK) && new_state != old_state;
}

// A connection ends at once, without a FIN from here: the peer or a timer has reset it, or its process did. Only later, when
// the socket is destroyed, is the current task known to be the one that closes it.
static __always_inline bool ft_ends_at_once(s32 old_state, s32 new_state)
{
    return new_state == FT_TCP_CLOSE && (old_state == FT_TCP_ESTABLISHED || old_state == FT_TCP_CLOSE_WAIT);
}

// A process can reach the socket: it was not yet closed, nor does it still wait in a queue to be accepted.
static __always_inline bool ft_has_owner(void *sk)
{
    void *owner;
    FT_READ(owner, sk, sock, sk_socket);
    return owner;
}

// The socket of the current task's open file, which may be of any family; NULL: it is no socket.
static __always_inline void *ft_socket_of_file(u32 fd)
{
    void *files, *table, *array, *file, *socket, *sk = NULL;
    u32 max_files;

    FT_READ(files, bpf_get_current_task(), task_struct, files);
    FT_READ(table, files, files_struct, fdt);
    FT_READ(max_files, table, fdtable, max_fds);
    if (fd >= max_files)
        return NULL;
    FT_READ(array, table, fdtable, fd);
    bpf_probe_read_kernel(&file, sizeof(file), array + fd * sizeof(file));
    FT_READ(socket, file, file, private_data);
    FT_READ(sk, socket, socket, sk);
    return sk;
}

static __always_inline bool ft_is_internet(void *sk)
{
    u16 family;
    FT_READ(family, sk, sock_common, skc_family);
    return family == FT_AF_INET || family == FT_AF_INET6;
}

// What the peer has sent and what it has acknowledged. The kernel counts a SYN and a FIN as a byte each: they are taken off.
// Holds until the socket's state has become TCP_CLOSE.
static __always_inline u64 ft_received_bytes(void *sk)
{
    unsigned long flags;
    u64 received;

    FT_READ(received, sk, tcp_sock, bytes_received);
    FT_READ(flags, sk, sock_common, skc_flags);
    return received && (flags & FT_SOCK_DONE) ? received - 1 : received;
}

static __always_inline u64 ft_sent_bytes(void *sk, bool sent_syn, bool sent_fin)
{
    u32 acknowledged, written;
    u64 sent;

    FT_READ(sent, sk, tcp_sock, bytes_acked);
    FT_READ(acknowledged, sk, tcp_sock, snd_una);
    FT_READ(written, sk, tcp_sock, write_seq);
    u64 not_payload = sent_syn + (sent_fin && acknowledged == written);
    return sent > not_payload ? sent - not_payload : 0;
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
