#include "CCurl.h"
#include "CLibrary.h"

// The compiler would take what follows for macros.
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define FUNCTIONS(F) \
  F(curl_global_init) \
  F(curl_easy_init) \
  F(curl_easy_cleanup) \
  F(curl_easy_reset) \
  F(curl_easy_perform) \
  F(curl_easy_strerror) \
  F(curl_slist_append) \
  F(curl_slist_free_all) \
  F(curl_easy_setopt) \
  F(curl_easy_getinfo)

COFFER_LIBRARY("libcurl.so.4", "libcurl4", FUNCTIONS);

static pthread_once_t once = PTHREAD_ONCE_INIT;
// Written once, before anybody reads it.
static const char *problem;

static void start(void) {
  problem = coffer_library_problem(&library);
  // Versions before 7.84 do not bear that several threads have it done by their first handle.
  if (!problem && functions.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) problem = "libcurl could not be started";
}

const char *coffer_curl_problem(void) {
  pthread_once(&once, start);
  return problem;
}

CURL *coffer_curl_start(void) { return functions.curl_easy_init(); }
void coffer_curl_end(CURL *handle) { functions.curl_easy_cleanup(handle); }
void coffer_curl_reset(CURL *handle) { functions.curl_easy_reset(handle); }
CURLcode coffer_curl_perform(CURL *handle) { return functions.curl_easy_perform(handle); }
const char *coffer_curl_text(CURLcode code) { return functions.curl_easy_strerror(code); }

struct curl_slist *coffer_curl_append(struct curl_slist *list, const char *text) { return functions.curl_slist_append(list, text); }
void coffer_curl_free(struct curl_slist *list) { functions.curl_slist_free_all(list); }

CURLcode coffer_curl_set_number(CURL *handle, CURLoption option, long value) {
  return functions.curl_easy_setopt(handle, option, value);
}

CURLcode coffer_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return functions.curl_easy_setopt(handle, option, value);
}

CURLcode coffer_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return functions.curl_easy_setopt(handle, option, value);
}

CURLcode coffer_curl_set_callback(CURL *handle, CURLoption option, coffer_curl_callback value) {
  return functions.curl_easy_setopt(handle, option, value);
}

CURLcode coffer_curl_set_progress(CURL *handle, coffer_curl_progress value) {
  return functions.curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}

CURLcode coffer_curl_get_number(CURL *handle, CURLINFO fact, long *value) { return functions.curl_easy_getinfo(handle, fact, value); }
CURLcode coffer_curl_get_text(CURL *handle, CURLINFO fact, char **value) { return functions.curl_easy_getinfo(handle, fact, value); }
