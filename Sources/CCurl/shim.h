#include <curl/curl.h>

// The functions that set options and get facts are variadic, which Swift cannot call: one function for each type.
#undef curl_easy_setopt
#undef curl_easy_getinfo

typedef size_t (*coffer_curl_callback)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode coffer_curl_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode coffer_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode coffer_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode coffer_curl_set_callback(CURL *handle, CURLoption option, coffer_curl_callback value) {
  return curl_easy_setopt(handle, option, value);
}

typedef int (*coffer_curl_progress)(
    void *context, curl_off_t toReceive, curl_off_t received, curl_off_t toSend, curl_off_t sent);

static inline CURLcode coffer_curl_set_progress(CURL *handle, coffer_curl_progress value) {
  return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}

static inline CURLcode coffer_curl_get_number(CURL *handle, CURLINFO fact, long *value) {
  return curl_easy_getinfo(handle, fact, value);
}

// The text belongs to the handle.
static inline CURLcode coffer_curl_get_text(CURL *handle, CURLINFO fact, char **value) {
  return curl_easy_getinfo(handle, fact, value);
}
