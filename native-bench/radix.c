/* The floor of a route lookup: a tree of path segments, each node with a hash table of its literal children and at most
 * one parameter. Routes are /area-NNN/thing-NNN/{id}, as the bench's are; a lookup ends at a route's number and
 * remembers where the parameter stood. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THINGS = 100, PATHS = 4096 };

struct node {
  const char *segment;
  size_t length;
  struct node **children; /* open addressing, a power of two */
  size_t room, count;
  struct node *parameter;
  int route; /* -1: no route ends here */
};

static struct node *new_node(const char *segment, size_t length) {
  struct node *node = calloc(1, sizeof *node);
  if (!node) exit(1);
  char *own = malloc(length + 1);
  if (!own) exit(1);
  memcpy(own, segment, length);
  node->segment = own;
  node->length = length;
  node->route = -1;
  return node;
}

/* FNV-1a. */
static uint32_t hash(const char *text, size_t length) {
  uint32_t value = 2166136261u;
  for (size_t i = 0; i < length; i++) value = (value ^ (unsigned char)text[i]) * 16777619u;
  return value;
}

/* Where the child stands, or where it would. */
static struct node **place(const struct node *node, const char *segment, size_t length) {
  size_t at = hash(segment, length) & (node->room - 1);
  while (node->children[at] &&
         (node->children[at]->length != length || memcmp(node->children[at]->segment, segment, length) != 0))
    at = (at + 1) & (node->room - 1);
  return &node->children[at];
}

static struct node *grow(struct node *node, const char *segment, size_t length) {
  if (node->count * 2 >= node->room) {
    struct node **old = node->children;
    size_t old_room = node->room;
    node->room = old_room ? old_room * 2 : 4;
    node->children = calloc(node->room, sizeof *node->children);
    if (!node->children) exit(1);
    for (size_t i = 0; i < old_room; i++)
      if (old[i]) *place(node, old[i]->segment, old[i]->length) = old[i];
    free(old);
  }
  struct node **child = place(node, segment, length);
  if (!*child) {
    *child = new_node(segment, length);
    node->count++;
  }
  return *child;
}

static void add(struct node *root, const char *path, int route) {
  struct node *node = root;
  while (*path) {
    const char *segment = path + 1, *end = strchrnul(segment, '/');
    if (*segment == '{') {
      if (!node->parameter) node->parameter = new_node(segment, (size_t)(end - segment));
      node = node->parameter;
    } else {
      node = grow(node, segment, (size_t)(end - segment));
    }
    path = end;
  }
  node->route = route;
}

static int find(const struct node *node, const char *path, const char **parameter) {
  while (*path) {
    const char *segment = path + 1, *end = strchrnul(segment, '/');
    size_t length = (size_t)(end - segment);
    const struct node *child = node->room ? *place(node, segment, length) : NULL;
    if (!child && node->parameter) {
      child = node->parameter;
      *parameter = segment;
    }
    if (!child) return -1;
    node = child;
    path = end;
  }
  return node->route;
}

int main(int argc, char **argv) {
  int routes = argc == 3 ? atoi(argv[1]) : 0;
  long lookups = argc == 3 ? atol(argv[2]) : 0;
  if (routes < 1 || lookups < 1) {
    fprintf(stderr, "usage: radix ROUTES LOOKUPS\n");
    return 2;
  }
  struct node *root = new_node("", 0);
  char path[64];
  for (int i = 0; i < routes; i++) {
    snprintf(path, sizeof path, "/area-%03d/thing-%03d/{id}", i / THINGS, i % THINGS);
    add(root, path, i);
  }
  /* Requests for routes all over the table, so that no cache holds the few that are asked for. */
  static char paths[PATHS][64];
  for (int i = 0; i < PATHS; i++) {
    int route = (int)((long)i * 7919 % routes);
    snprintf(paths[i], sizeof paths[i], "/area-%03d/thing-%03d/%d", route / THINGS, route % THINGS, i);
  }
  struct timespec before, after;
  long sum = 0;
  const char *parameter = NULL;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  for (long i = 0; i < lookups; i++) {
    int route = find(root, paths[i % PATHS], &parameter);
    if (route < 0) {
      fprintf(stderr, "radix: %s isn't found\n", paths[i % PATHS]);
      return 1;
    }
    sum += route + *parameter;
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  double ns = (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
  /* The sum keeps the compiler from leaving the lookups out. */
  printf("{\"ns\":%.2f,\"sum\":%ld}\n", ns / (double)lookups, sum);
}
