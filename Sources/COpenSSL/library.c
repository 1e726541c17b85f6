#include "COpenSSL.h"
#include "CLibrary.h"

#define FUNCTIONS(F) \
  F(CRYPTO_memcmp, int, (const void *a, const void *b, size_t c), (a, b, c)) \
  F(ERR_get_error, unsigned long, (void), ()) \
  F(EVP_CIPHER_CTX_ctrl, int, (EVP_CIPHER_CTX *a, int b, int c, void *d), (a, b, c, d)) \
  F(EVP_CIPHER_CTX_free, void, (EVP_CIPHER_CTX *a), (a)) \
  F(EVP_CIPHER_CTX_new, EVP_CIPHER_CTX *, (void), ()) \
  F(EVP_DecryptFinal_ex, int, (EVP_CIPHER_CTX *a, unsigned char *b, int *c), (a, b, c)) \
  F(EVP_DecryptInit_ex2, int, (EVP_CIPHER_CTX *a, const EVP_CIPHER *b, const unsigned char *c, const unsigned char *d, const OSSL_PARAM *e), (a, b, c, d, e)) \
  F(EVP_DecryptUpdate, int, (EVP_CIPHER_CTX *a, unsigned char *b, int *c, const unsigned char *d, int e), (a, b, c, d, e)) \
  F(EVP_DigestFinal_ex, int, (EVP_MD_CTX *a, unsigned char *b, unsigned int *c), (a, b, c)) \
  F(EVP_DigestInit_ex2, int, (EVP_MD_CTX *a, const EVP_MD *b, const OSSL_PARAM *c), (a, b, c)) \
  F(EVP_DigestSign, int, (EVP_MD_CTX *a, unsigned char *b, size_t *c, const unsigned char *d, size_t e), (a, b, c, d, e)) \
  F(EVP_DigestSignInit, int, (EVP_MD_CTX *a, EVP_PKEY_CTX **b, const EVP_MD *c, ENGINE *d, EVP_PKEY *e), (a, b, c, d, e)) \
  F(EVP_DigestUpdate, int, (EVP_MD_CTX *a, const void *b, size_t c), (a, b, c)) \
  F(EVP_DigestVerify, int, (EVP_MD_CTX *a, const unsigned char *b, size_t c, const unsigned char *d, size_t e), (a, b, c, d, e)) \
  F(EVP_DigestVerifyInit, int, (EVP_MD_CTX *a, EVP_PKEY_CTX **b, const EVP_MD *c, ENGINE *d, EVP_PKEY *e), (a, b, c, d, e)) \
  F(EVP_EncryptFinal_ex, int, (EVP_CIPHER_CTX *a, unsigned char *b, int *c), (a, b, c)) \
  F(EVP_EncryptInit_ex2, int, (EVP_CIPHER_CTX *a, const EVP_CIPHER *b, const unsigned char *c, const unsigned char *d, const OSSL_PARAM *e), (a, b, c, d, e)) \
  F(EVP_EncryptUpdate, int, (EVP_CIPHER_CTX *a, unsigned char *b, int *c, const unsigned char *d, int e), (a, b, c, d, e)) \
  F(EVP_KDF_CTX_free, void, (EVP_KDF_CTX *a), (a)) \
  F(EVP_KDF_CTX_new, EVP_KDF_CTX *, (EVP_KDF *a), (a)) \
  F(EVP_KDF_derive, int, (EVP_KDF_CTX *a, unsigned char *b, size_t c, const OSSL_PARAM *d), (a, b, c, d)) \
  F(EVP_KDF_fetch, EVP_KDF *, (OSSL_LIB_CTX *a, const char *b, const char *c), (a, b, c)) \
  F(EVP_KDF_free, void, (EVP_KDF *a), (a)) \
  F(EVP_MAC_CTX_free, void, (EVP_MAC_CTX *a), (a)) \
  F(EVP_MAC_CTX_new, EVP_MAC_CTX *, (EVP_MAC *a), (a)) \
  F(EVP_MAC_fetch, EVP_MAC *, (OSSL_LIB_CTX *a, const char *b, const char *c), (a, b, c)) \
  F(EVP_MAC_final, int, (EVP_MAC_CTX *a, unsigned char *b, size_t *c, size_t d), (a, b, c, d)) \
  F(EVP_MAC_free, void, (EVP_MAC *a), (a)) \
  F(EVP_MAC_init, int, (EVP_MAC_CTX *a, const unsigned char *b, size_t c, const OSSL_PARAM *d), (a, b, c, d)) \
  F(EVP_MAC_update, int, (EVP_MAC_CTX *a, const unsigned char *b, size_t c), (a, b, c)) \
  F(EVP_MD_CTX_free, void, (EVP_MD_CTX *a), (a)) \
  F(EVP_MD_CTX_new, EVP_MD_CTX *, (void), ()) \
  F(EVP_MD_fetch, EVP_MD *, (OSSL_LIB_CTX *a, const char *b, const char *c), (a, b, c)) \
  F(EVP_PKEY_CTX_free, void, (EVP_PKEY_CTX *a), (a)) \
  F(EVP_PKEY_CTX_new, EVP_PKEY_CTX *, (EVP_PKEY *a, ENGINE *b), (a, b)) \
  F(EVP_PKEY_derive, int, (EVP_PKEY_CTX *a, unsigned char *b, size_t *c), (a, b, c)) \
  F(EVP_PKEY_derive_init, int, (EVP_PKEY_CTX *a), (a)) \
  F(EVP_PKEY_derive_set_peer, int, (EVP_PKEY_CTX *a, EVP_PKEY *b), (a, b)) \
  F(EVP_PKEY_free, void, (EVP_PKEY *a), (a)) \
  F(EVP_PKEY_get_raw_public_key, int, (const EVP_PKEY *a, unsigned char *b, size_t *c), (a, b, c)) \
  F(EVP_PKEY_new_raw_private_key, EVP_PKEY *, (int a, ENGINE *b, const unsigned char *c, size_t d), (a, b, c, d)) \
  F(EVP_PKEY_new_raw_public_key, EVP_PKEY *, (int a, ENGINE *b, const unsigned char *c, size_t d), (a, b, c, d)) \
  F(EVP_Q_digest, int, (OSSL_LIB_CTX *a, const char *b, const char *c, const void *d, size_t e, unsigned char *f, size_t *g), (a, b, c, d, e, f, g)) \
  F(EVP_Q_mac, unsigned char *, (OSSL_LIB_CTX *a, const char *b, const char *c, const char *d, const OSSL_PARAM *e, const void *f, size_t g, const unsigned char *h, size_t i, unsigned char *j, size_t k, size_t *l), (a, b, c, d, e, f, g, h, i, j, k, l)) \
  F(EVP_aes_256_gcm, const EVP_CIPHER *, (void), ()) \
  F(EVP_chacha20_poly1305, const EVP_CIPHER *, (void), ()) \
  F(OPENSSL_cleanse, void, (void *a, size_t b), (a, b)) \
  F(OSSL_PARAM_construct_end, OSSL_PARAM, (void), ()) \
  F(OSSL_PARAM_construct_octet_string, OSSL_PARAM, (const char *a, void *b, size_t c), (a, b, c)) \
  F(OSSL_PARAM_construct_uint64, OSSL_PARAM, (const char *a, uint64_t *b), (a, b)) \
  F(OSSL_PARAM_construct_utf8_string, OSSL_PARAM, (const char *a, char *b, size_t c), (a, b, c)) \
  F(RAND_bytes, int, (unsigned char *a, int b), (a, b))

COFFER_LIBRARY("libcrypto.so.3", "libssl3", FUNCTIONS);

FUNCTIONS(COFFER_FUNCTION)

const char *coffer_openssl_problem(void) { return coffer_library_problem(&library); }
