// What the program calls of libcrypto, which is opened when it is needed.
#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

// Returns why nothing of the library can be called; NULL when it can.
const char *coffer_openssl_problem(void);
