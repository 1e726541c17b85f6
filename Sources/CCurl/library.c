#include "CCurl.h"

#include <dlfcn.h>
#include <pthread.h>

// The compiler would take what follows for macros.
#undef curl_easy_setopt
#undef curl_easy_getinfo

// Written once, before anybody reads it.
static struct {
  const char *problem;
  __typeof__(&curl_global_init) prepare;
  __typeof__(&curl_easy_init) start;
  __typeof__(&curl_easy_cleanup) end;
  __typeof__(&curl_easy_reset) reset;
  __typeof__(&curl_easy_perform) perform;
  __typeof__(&curl_easy_strerror) text;
  __typeof__(&curl_slist_append) append;
  __typeof__(&curl_slist_free_all) free;
  __typeof__(&curl_easy_setopt) set;
  __typeof__(&curl_easy_getinfo) get;
} library;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *function(void *handle, const char *name) {
  void *found = dlsym(handle, name);
  if (!found) library.problem = "libcurl.so.4 lacks a function";
  return found;
}

static void load(void) {
  void *handle = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
  if (!handle) {
    library.problem = "libcurl.so.4 cannot be loaded; on Debian it is in the package libcurl4";
    return;
  }
  library.prepare = function(handle, "curl_global_init");
  library.start = function(handle, "curl_easy_init");
  library.end = function(handle, "curl_easy_cleanup");
  library.reset = function(handle, "curl_easy_reset");
  library.perform = function(handle, "curl_easy_perform");
  library.text = function(handle, "curl_easy_strerror");
  library.append = function(handle, "curl_slist_append");
  library.free = function(handle, "curl_slist_free_all");
  library.set = function(handle, "curl_easy_setopt");
  library.get = function(handle, "curl_easy_getinfo");
  // Versions before 7.84 do not bear that several threads have it done by their first handle.
  if (!library.problem && library.prepare(CURL_GLOBAL_DEFAULT) != CURLE_OK) library.problem = "libcurl could not be started";
}

const char *coffer_curl_problem(void) {
  pthread_once(&once, load);
  return library.problem;
}

CURL *coffer_curl_start(void) { return library.start(); }
void coffer_curl_end(CURL *handle) { library.end(handle); }
void coffer_curl_reset(CURL *handle) { library.reset(handle); }
CURLcode coffer_curl_perform(CURL *handle) { return library.perform(handle); }
const char *coffer_curl_text(CURLcode code) { return library.text(code); }

struct curl_slist *coffer_curl_append(struct curl_slist *list, const char *text) { return library.append(list, text); }
void coffer_curl_free(struct curl_slist *list) { library.free(list); }

CURLcode coffer_curl_set_number(CURL *handle, CURLoption option, long value) {
  return library.set(handle, option, value);
}

CURLcode coffer_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return library.set(handle, option, value);
}

CURLcode coffer_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return library.set(handle, option, value);
}

CURLcode coffer_curl_set_callback(CURL *handle, CURLoption option, coffer_curl_callback value) {
  return library.set(handle, option, value);
}

CURLcode coffer_curl_set_progress(CURL *handle, coffer_curl_progress value) {
  return library.set(handle, CURLOPT_XFERINFOFUNCTION, value);
}

CURLcode coffer_curl_get_number(CURL *handle, CURLINFO fact, long *value) { return library.get(handle, fact, value); }
CURLcode coffer_curl_get_text(CURL *handle, CURLINFO fact, char **value) { return library.get(handle, fact, value); }
