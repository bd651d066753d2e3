/* Operations on sockets, in a network of their own. */

static struct sockaddr_in listening, nobody;
static int server;

static void have_own_network(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    must(!unshare(CLONE_NEWNET), "unshare");
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    must(!ioctl(any, SIOCGIFFLAGS, &request), "SIOCGIFFLAGS");
    request.ifr_flags |= IFF_UP;
    must(!ioctl(any, SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
    close(any);
}

static void listen_somewhere(void)
{
    socklen_t length = sizeof(listening);
    have_own_network();
    listening.sin_family = nobody.sin_family = AF_INET;
    listening.sin_addr.s_addr = nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    nobody.sin_port = htons(1);
    server = socket(AF_INET, SOCK_STREAM, 0);
    must(!bind(server, (struct sockaddr *)&listening, sizeof(listening)), "bind");
    must(!listen(server, 16), "listen");
    must(!getsockname(server, (struct sockaddr *)&listening, &length), "getsockname");
}

static void end_at_once(int client)
{
    struct linger reset = { .l_onoff = 1 };
    int accepted = accept(server, NULL, NULL);
    must(accepted >= 0, "accept");
    setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(client);
    close(accepted);
}

static void refusal(void)
{
    int client = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(client, (struct sockaddr *)&nobody, sizeof(nobody)) < 0, "nobody listens");
    close(client);
}

static void session(void)
{
    int client = socket(AF_INET, SOCK_STREAM, 0);
    must(!connect(client, (struct sockaddr *)&listening, sizeof(listening)), "connect");
    end_at_once(client);
}

/* RFC 7413, 4.2: the server does not take the data of a SYN, and the client's kernel sends it again when the SYN-ACK
   arrives, within the system call. */
static void retransmission(void)
{
    static char data[64];
    int on = 1;
    int client = socket(AF_INET, SOCK_STREAM, 0);
    must(!setsockopt(client, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof(on)), "TCP_FASTOPEN_NO_COOKIE");
    long sent = sendto(client, data, sizeof(data), MSG_FASTOPEN, (struct sockaddr *)&listening, sizeof(listening));
    must(sent > 0, "sendto");
    end_at_once(client);
}
