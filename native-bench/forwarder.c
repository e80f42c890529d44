/* The floor of a proxy with one upstream connection per client: copies bytes both ways and looks at none of them. One
 * thread, level-triggered epoll, one read and one write per event. A write that isn't taken whole stops reading from
 * the other side until it is. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 65536, EVENTS = 256 };

/* One end of a pair. What couldn't be written to it waits in `pending`. */
struct end {
  int fd;
  struct end *other;
  char *pending;
  size_t pending_length;
  int closed;
};

static int epoll;
static char buffer[BUFFER];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in loopback(const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void watch(struct end *end, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = end};
  epoll_ctl(epoll, operation, end->fd, &event);
}

/* An end is read from unless the other side still owes bytes, and waits for writing while it does itself. */
static void update(struct end *end) {
  uint32_t events = 0;
  if (end->other->pending_length == 0) events |= EPOLLIN;
  if (end->pending_length > 0) events |= EPOLLOUT;
  watch(end, EPOLL_CTL_MOD, events);
}

static struct end *open_end(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct end *end = calloc(1, sizeof *end);
  if (!end) die("calloc");
  end->fd = fd;
  return end;
}

/* Freed after the batch of events, which may still name the other end. */
static struct end *retired[EVENTS * 2];
static size_t retired_count;

static void close_pair(struct end *end) {
  if (end->closed) return;
  struct end *ends[2] = {end, end->other};
  for (int i = 0; i < 2; i++) {
    close(ends[i]->fd);
    ends[i]->closed = 1;
    retired[retired_count++] = ends[i];
  }
}

static int blocked(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR); }

static void copy(struct end *from) {
  struct end *to = from->other;
  ssize_t got = read(from->fd, buffer, sizeof buffer);
  if (blocked(got)) return;
  if (got <= 0) return close_pair(from);
  ssize_t sent = write(to->fd, buffer, (size_t)got);
  if (sent == got) return;
  if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOTCONN) return close_pair(from);
  if (sent < 0) sent = 0;
  to->pending_length = (size_t)(got - sent);
  to->pending = malloc(to->pending_length);
  if (!to->pending) die("malloc");
  memcpy(to->pending, buffer + sent, to->pending_length);
  update(from);
  update(to);
}

static void flush_pending(struct end *to) {
  ssize_t sent = write(to->fd, to->pending, to->pending_length);
  if (blocked(sent)) return;
  if (sent < 0) return close_pair(to);
  to->pending_length -= (size_t)sent;
  if (to->pending_length > 0) {
    memmove(to->pending, to->pending + sent, to->pending_length);
    return;
  }
  free(to->pending);
  to->pending = NULL;
  update(to);
  update(to->other);
}

static void accept_client(int listener, struct sockaddr_in upstream) {
  int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) return;
  int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (server < 0 || (connect(server, (struct sockaddr *)&upstream, sizeof upstream) < 0 && errno != EINPROGRESS)) {
    close(client);
    if (server >= 0) close(server);
    return;
  }
  struct end *a = open_end(client), *b = open_end(server);
  a->other = b;
  b->other = a;
  watch(a, EPOLL_CTL_ADD, EPOLLIN);
  watch(b, EPOLL_CTL_ADD, EPOLLIN);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: forwarder LISTEN-PORT UPSTREAM-PORT\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in here = loopback(argv[1]), upstream = loopback(argv[2]);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0) die("bind");
  if (listen(listener, 1024) < 0) die("listen");
  epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &accepting);

  struct epoll_event events[EVENTS];
  for (;;) {
    int n = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      struct end *end = events[i].data.ptr;
      if (!end) {
        accept_client(listener, upstream);
        continue;
      }
      if (end->closed) continue;
      if ((events[i].events & EPOLLOUT) && end->pending_length > 0) flush_pending(end);
      if (!end->closed && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) copy(end);
    }
    for (size_t i = 0; i < retired_count; i++) {
      free(retired[i]->pending);
      free(retired[i]);
    }
    retired_count = 0;
  }
}
