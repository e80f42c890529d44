/* OpenSSL's own signature verification, as a token needs it: a message of a JWS's length, SHA-256, a 2048-bit RSA key
 * or a P-256 one. The signature is parsed and the message hashed each time; the key is loaded once. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Bytes of header and payload of a usual access token in base64url, with the dot. */
enum { MESSAGE = 280, BATCH = 100 };

static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double per_second(EVP_PKEY *key, double seconds) {
  unsigned char message[MESSAGE], signature[512];
  size_t length = sizeof signature;
  memset(message, 'a', sizeof message);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (!key || !context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
      EVP_DigestSign(context, signature, &length, message, sizeof message) != 1) {
    fprintf(stderr, "verify: OpenSSL makes no signature\n");
    exit(1);
  }
  long done = 0;
  double start = processor_seconds(), now = start;
  while (now - start < seconds) {
    for (int i = 0; i < BATCH; i++) {
      EVP_MD_CTX_reset(context);
      if (EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
          EVP_DigestVerify(context, signature, length, message, sizeof message) != 1) {
        fprintf(stderr, "verify: a good signature doesn't hold\n");
        exit(1);
      }
    }
    done += BATCH;
    now = processor_seconds();
  }
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return (double)done / (now - start);
}

int main(int argc, char **argv) {
  double seconds = argc == 2 ? atof(argv[1]) : 0;
  if (seconds <= 0) {
    fprintf(stderr, "usage: verify SECONDS (for each of the two)\n");
    return 2;
  }
  double rs256 = per_second(EVP_RSA_gen(2048), seconds);
  double es256 = per_second(EVP_EC_gen("P-256"), seconds);
  printf("{\"rs256\":%.0f,\"es256\":%.0f}\n", rs256, es256);
}
