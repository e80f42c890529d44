/* An open-loop HTTP/1.1 load on keep-alive connections: request i is due at start + i / rate, whatever became of the
 * others, and its latency counts from then. One thread, one request at a time per connection; requests that find none
 * free wait in order. Answers need a Content-Length. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 65536, HEAD = 16384, EVENTS = 256 };

struct connection {
  int fd;
  int64_t due; /* of the request under way; -1: free */
  char head[HEAD];
  size_t have;
  long body_left; /* -1: still in the head */
  int status;
};

static char request[REQUEST];
static size_t request_length;
static uint32_t *latencies; /* us */
static long done, failed;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void send_request(struct connection *c, int64_t due) {
  c->due = due;
  c->have = 0;
  c->body_left = -1;
  if (write(c->fd, request, request_length) != (ssize_t)request_length) die("paced: write");
}

/* Status and length out of a complete head. */
static void read_head(struct connection *c, size_t head_length) {
  c->head[head_length - 1] = 0;
  c->status = atoi(c->head + 9);
  const char *field = strcasestr(c->head, "\r\ncontent-length:");
  c->body_left = field ? atol(field + 17) : 0;
}

/* Takes what has arrived; 1 when the answer is complete. */
static int receive(struct connection *c) {
  ssize_t got = read(c->fd, c->head + c->have, sizeof c->head - 1 - c->have);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) {
    fprintf(stderr, "paced: the connection ended\n");
    exit(1);
  }
  size_t fresh = (size_t)got;
  if (c->body_left < 0) {
    c->have += fresh;
    c->head[c->have] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) {
      if (c->have == sizeof c->head - 1) exit(1);
      return 0;
    }
    size_t head_length = (size_t)(end - c->head) + 4;
    read_head(c, head_length);
    fresh = c->have - head_length;
    c->have = 0;
  }
  c->body_left -= (long)fresh;
  return c->body_left <= 0;
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static double at(double share) { return done == 0 ? 0 : latencies[(long)((double)(done - 1) * share)] / 1000.0; }

int main(int argc, char **argv) {
  long rate = argc == 5 ? atol(argv[2]) : 0;
  double seconds = argc == 5 ? atof(argv[3]) : 0;
  int connections = argc == 5 ? atoi(argv[4]) : 0;
  if (rate < 1 || seconds <= 0 || connections < 1) {
    fprintf(stderr, "usage: paced PORT RATE SECONDS CONNECTIONS < REQUEST\n");
    return 2;
  }
  request_length = fread(request, 1, sizeof request, stdin);
  long total = (long)((double)rate * seconds);
  latencies = calloc((size_t)total, sizeof *latencies);
  struct connection *all = calloc((size_t)connections, sizeof *all);
  struct connection **idle = calloc((size_t)connections, sizeof *idle);
  if (!latencies || !all || !idle) die("calloc");

  int epoll = epoll_create1(0), idle_count = 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < connections; i++) {
    struct connection *c = &all[i];
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    c->due = -1;
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0) die("paced: connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
    idle[idle_count++] = c;
  }

  /* epoll_wait counts in ms; the next due time comes from a timer. */
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event ticking = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &ticking);

  int64_t start = now_ns(), deadline = start + (int64_t)((seconds + 5) * 1e9);
  long sent = 0;
  struct epoll_event events[EVENTS];
  while (done + failed < total) {
    int64_t now = now_ns();
    if (now > deadline) break;
    int64_t due = start + sent * 1000000000 / rate;
    while (sent < total && due <= now && idle_count > 0) {
      send_request(idle[--idle_count], due);
      sent++;
      due = start + sent * 1000000000 / rate;
    }
    /* With no connection free, an answer is what comes next; the timer only bounds the wait. */
    int64_t wake = sent < total && idle_count > 0 ? due : now + 10000000;
    struct itimerspec when = {.it_value = {.tv_sec = wake / 1000000000, .tv_nsec = wake % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
    int n = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (!c || c->due < 0 || !receive(c)) continue;
      int64_t us = (now_ns() - c->due) / 1000;
      if (c->status >= 200 && c->status < 300)
        latencies[done++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
      else
        failed++;
      c->due = -1;
      idle[idle_count++] = c;
    }
  }
  double took = (double)(now_ns() - start) / 1e9;
  qsort(latencies, (size_t)done, sizeof *latencies, by_size);
  printf("{\"requests\":%ld,\"failed\":%ld,\"unanswered\":%ld,\"seconds\":%.3f,\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f}\n",
         done, failed, total - done - failed, took, at(0.5), at(0.99), at(0.999));
}
