#ifndef COFFER_CURL_H
#define COFFER_CURL_H

#include <curl/curl.h>

// What is called of libcurl. The library is opened by the first call, because it brings thirty others along, which most runs have no use
// for. Its functions that set options and get facts are variadic, which Swift cannot call: here is one for each type.

typedef size_t (*coffer_curl_callback)(char *bytes, size_t size, size_t count, void *context);
typedef int (*coffer_curl_progress)(
    void *context, curl_off_t toReceive, curl_off_t received, curl_off_t toSend, curl_off_t sent);

/// Why the library cannot be used; NULL where it can. Nothing else may be called before this.
const char *coffer_curl_problem(void);

CURL *coffer_curl_start(void);
void coffer_curl_end(CURL *handle);
void coffer_curl_reset(CURL *handle);
CURLcode coffer_curl_perform(CURL *handle);
const char *coffer_curl_text(CURLcode code);
/// Returns the list with a copy of the text, or NULL.
struct curl_slist *coffer_curl_append(struct curl_slist *list, const char *text);
void coffer_curl_free(struct curl_slist *list);

CURLcode coffer_curl_set_number(CURL *handle, CURLoption option, long value);
CURLcode coffer_curl_set_text(CURL *handle, CURLoption option, const char *value);
CURLcode coffer_curl_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode coffer_curl_set_callback(CURL *handle, CURLoption option, coffer_curl_callback value);
CURLcode coffer_curl_set_progress(CURL *handle, coffer_curl_progress value);
CURLcode coffer_curl_get_number(CURL *handle, CURLINFO fact, long *value);
/// The text belongs to the handle.
CURLcode coffer_curl_get_text(CURL *handle, CURLINFO fact, char **value);

#endif
