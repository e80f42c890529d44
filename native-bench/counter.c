/* The floor of a limit that several threads share: one 64-bit counter on one cache line, every thread adding to it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST_THREADS = 64 };

static _Alignas(64) _Atomic long long counter;
static long additions;
static pthread_barrier_t start;

/* The thread's processor time over its additions, in ns. */
static void *add(void *ns) {
  struct timespec before, after;
  pthread_barrier_wait(&start);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
  for (long i = 0; i < additions; i++) atomic_fetch_add_explicit(&counter, 1, memory_order_seq_cst);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
  *(double *)ns = (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
  return NULL;
}

int main(int argc, char **argv) {
  int threads = argc == 3 ? atoi(argv[1]) : 0;
  additions = argc == 3 ? atol(argv[2]) : 0;
  if (threads < 1 || threads > MOST_THREADS || additions < 1) {
    fprintf(stderr, "usage: counter THREADS (1 to %d) ADDITIONS\n", MOST_THREADS);
    return 2;
  }
  pthread_t thread[MOST_THREADS];
  double ns[MOST_THREADS], sum = 0;
  pthread_barrier_init(&start, NULL, (unsigned)threads);
  for (int i = 0; i < threads; i++)
    if (pthread_create(&thread[i], NULL, add, &ns[i]) != 0) return 1;
  for (int i = 0; i < threads; i++) {
    pthread_join(thread[i], NULL);
    sum += ns[i];
  }
  if (counter != (long long)threads * additions) {
    fprintf(stderr, "counter: additions were lost\n");
    return 1;
  }
  printf("{\"ns\":%.2f}\n", sum / ((double)threads * (double)additions));
}
